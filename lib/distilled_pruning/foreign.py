"""Functions that somebody else wrote: what they raise, take or give that is wrong is said in one sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .errors import FOREIGN, InputError, Interrupted, one_line, show

__all__ = ["blaming", "check_call", "is_foreign", "with_author", "written_by"]


def _module(function: object) -> str:
    """Name the module of a function, of a partial one that of what it calls."""
    return str(getattr(getattr(function, "func", function), "__module__", None) or "")


def is_foreign(function: object) -> bool:
    """Tell whether a function is none of the house's own."""
    return _module(function).partition(".")[0] != __package__


def written_by(function: object) -> str:
    """Name a function by its module."""
    return f"{_module(function)}.{getattr(function, '__qualname__', type(function).__name__)}"


def with_author(what: str, function: object) -> str:
    """Name a thing and the function that it is made by, for a sentence.

    Examples:
        >>> from distilled_pruning import foreign
        >>> foreign.with_author("dataset 'mine'", foreign.is_foreign)
        "dataset 'mine' (distilled_pruning.foreign.is_foreign)"
    """
    return f"{what} ({written_by(function)})"


def check_call(what: str, function: Callable[..., Any], *given: str) -> None:
    """Refuse a function that cannot be called with as many values as it is given.

    Args:
        what: What it makes, as ``"dataset 'mine'"``.
        function: The function.
        given: What it is called with, a word each.

    Raises:
        InputError: It takes more or fewer, or is no function.
    """
    form = f"({', '.join(given)})"
    if not callable(function):
        raise InputError(f"{what} has {show(function)} for its function: give one that takes {form}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # what is written in C may not tell
        return
    try:
        signature.bind(*given)
    except TypeError:
        raise InputError(f"{with_author(what, function)} takes {signature}: let it take {form}") from None


@contextmanager
def blaming(what: str, function: object) -> Iterator[None]:
    """Say in one sentence what somebody else's function raises within; what the house's own raise is left as it is.

    Args:
        what: What it makes, as ``"dataset 'mine'"``.
        function: The function.

    Raises:
        InputError: The function failed, or wanted to end the process.

    Examples:
        >>> from fractions import Fraction
        >>> from distilled_pruning import foreign
        >>> with foreign.blaming("distiller 'mine'", Fraction.limit_denominator):
        ...     Fraction(1, 0)
        Traceback (most recent call last):
        distilled_pruning.errors.InputError: distiller 'mine' (fractions.Fraction.limit_denominator) fails \
(ZeroDivisionError: Fraction(1, 0)): mend it
    """
    try:
        yield
    except (InputError, Interrupted):
        raise
    except FOREIGN as error:
        if not is_foreign(function):
            raise
        raise InputError(f"{with_author(what, function)} fails ({one_line(error)}): mend it") from error
