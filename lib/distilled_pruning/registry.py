"""Things that are known by name, the house's own and those that a plugin adds, and what is wrong with the latter.

What somebody else's function raises, takes or gives that is wrong is said in one sentence.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from .errors import FOREIGN, InputError, Interrupted, one_line, show

T = TypeVar("T")
_NAME = re.compile(r"\w[\w.-]*")  # no comma, colon or slash: they have a meaning where parameters name things


def check_name(what: str, name: object) -> None:
    """Refuse what cannot name a thing.

    Args:
        what: What an error message calls the thing.
        name: The name.

    Raises:
        InputError: It is no text, has other signs than a name has, or is the function below a decorator.
    """
    if callable(name):
        raise InputError(
            f"{written_by(name)} is to be a {what} and has no name: give it to the decorator, in parentheses"
        )
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"{show(name)} is no name of a {what}: begin with a letter or digit, and use these, '_', '-' and '.' alone"
        )


class Registry(Mapping[str, T]):
    """Name to thing, in the order in which they were added."""

    def __init__(self, what: str, reserved: Collection[str] = ()) -> None:
        """Start empty.

        Args:
            what: What an error message calls one of the things.
            reserved: Names that mean something else, so that no thing may have them.
        """
        self.what, self.reserved = what, reserved
        self._things: dict[str, T] = {}
        self._owners: dict[str, str] = {}

    def add(self, name: str, thing: T, owner: object = None) -> T:
        """Add a thing under a name of its own, and give it back.

        A module that is imported anew may register its own again: the ``owner`` is the function that makes the thing.

        Raises:
            InputError: The name is taken, or is none.
        """
        check_name(self.what, name)
        module = getattr(owner, "__module__", "")
        if name in self.reserved or (name in self._things and not (module and self._owners[name] == module)):
            raise InputError(f"there is already a {self.what} called {name!r}: give the other one another name")
        self._things[name], self._owners[name] = thing, module
        return thing

    def __getitem__(self, name: str) -> T:
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)


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
        >>> from distilled_pruning import registry
        >>> registry.with_author("dataset 'mine'", registry.is_foreign)
        "dataset 'mine' (distilled_pruning.registry.is_foreign)"
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
        >>> from distilled_pruning import registry
        >>> with registry.blaming("distiller 'mine'", Fraction.limit_denominator):
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
