"""Faces of packages whose names are imported when first used, so that what needs no PyTorch does not load it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["attach"]


def attach(package: str, homes: Mapping[str, str]) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Make the face of a package.

    Args:
        package: The package's name.
        homes: Each module within the package to the names that it gives the face, with blanks between; none gives the
            module itself.

    Returns:
        The package's ``__all__``, ``__getattr__`` and ``__dir__``.
    """
    found = {name: module for module, names in homes.items() for name in names.split() or [module]}

    def get(name: str) -> Any:
        if name not in found:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f".{found[name]}", package)
        return module if name == found[name] else getattr(module, name)

    return sorted(found), get, lambda: sorted(found)
