"""Parameters as those see them who only read them: values by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Values(Mapping[str, Any]):
    """Values of parameters; read only, by item or by attribute."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Keep checked values."""
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"there is no parameter {name!r} here") from None
