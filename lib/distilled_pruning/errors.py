"""What a user can get wrong, said in one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_LONGEST, _MOST_NAMES = 160, 20


class InputError(ValueError):
    """A mistake in what the user gave; its message is one sentence that says what is wrong and what would be right."""


def quote(text: object) -> str:
    """Quote what a user gave, cut in the middle where it would fill the screen."""
    found = repr(str(text))
    return found if len(found) <= _LONGEST else f"{found[: _LONGEST // 2]}…{found[-_LONGEST // 2 :]}"


def show(value: object) -> str:
    """Write a value of any type as Python does, cut where it would fill the screen."""
    try:
        return quote(value) if isinstance(value, str) else repr(value)[:_LONGEST]
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"


def one_line(error: BaseException) -> str:
    """Write what other people's code raised on one line, with its type."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def some(names: Sequence[str]) -> str:
    """List names with commas; of more than twenty the first ones, and how many more there are."""
    left = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {left} more" if left > 0 else "")


def unknown(what: str, name: object, known: Iterable[str]) -> InputError:
    """Build the error for a name that is not in a list, with the nearest known name as a hint."""
    names = list(known)
    close = difflib.get_close_matches(str(name)[:_LONGEST], names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return InputError(f"unknown {what} {quote(name)}{hint}: choose one of {', '.join(names)}")


class Interrupted(Exception):
    """A running job was asked to stop and did so at a checkpoint; nothing is lost."""
