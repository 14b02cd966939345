"""Things that are known by name, the house's own and those that a plugin adds."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

from . import foreign
from .errors import InputError, show

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
            f"{foreign.written_by(name)} is to be a {what} and has no name: give it to the decorator, in parentheses"
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
