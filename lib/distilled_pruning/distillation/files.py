"""Where the files of a published set lie: one file, or a folder with one under its usual name or in parts."""

from __future__ import annotations

import re
from pathlib import Path

from .. import disk
from ..data import cache
from ..errors import InputError

__all__ = ["digest", "locate"]

_USUAL = ("data.pt", "images_best.pt", "images.pt", "data.npz")


def locate(path: Path) -> tuple[Path, ...]:
    """Find the files of a set's images, parts in the order of their numbers.

    Raises:
        InputError: There is none.
    """
    if not disk.is_dir(path):
        if not disk.is_file(path):
            raise InputError(f"there is no file {path}: give the path of a distilled set")
        return (path,)
    for name in _USUAL:
        if (path / name).is_file():
            return (path / name,)
    inside = [file for file in disk.children(path) if file.suffix.lower() == ".pt"]
    results = [file for file in inside if file.name.startswith("res_")]
    found = results if len(results) == 1 else [file for file in inside if "image" in file.name.lower()]
    if not found:
        raise InputError(f"{path} holds no {', '.join(_USUAL)} or res_*.pt: give the file itself")
    return tuple(sorted(found, key=_number))


def _number(file: Path) -> list[tuple[int, str]]:
    """Sort names by the numbers in them."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", file.name)]


def digest(path: str) -> str:
    """Hash the files of a set; a single file by its bytes alone."""
    found = locate(Path(path))
    parts = [("", found[0])] if len(found) == 1 else [(file.name, file) for file in found]
    return cache.digest(parts)
