"""Things that are known by name, the house's own and those that a plugin adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from .errors import InputError

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Name to thing, in the order in which they were added."""

    def __init__(self, what: str) -> None:
        """Start empty; ``what`` is what an error message calls one of the things."""
        self.what = what
        self._things: dict[str, T] = {}
        self._owners: dict[str, str] = {}

    def add(self, name: str, thing: T, owner: object = None) -> T:
        """Add a thing under a name of its own, and give it back.

        A module that is imported anew may register its own again: the ``owner`` is the function that makes the thing.

        Raises:
            InputError: The name is taken.
        """
        module = getattr(owner, "__module__", "")
        if name in self._things and not (module and self._owners[name] == module):
            raise InputError(f"there is already a {self.what} called {name!r}: give the other one another name")
        self._things[name], self._owners[name] = thing, module
        return thing

    def __getitem__(self, name: str) -> T:
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)
