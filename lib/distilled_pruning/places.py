"""Where things live: in the copy of the book that is at work, whichever folder a kernel or a command was started in."""

from __future__ import annotations

import tomllib
from pathlib import Path

from . import disk

NAME = "distilled-pruning"
_PACKED = Path(__file__).parent / "copy"  # pages, presets and recorded results, in an installed wheel alone


def _is_checkout(folder: Path) -> bool:
    """Say whether a folder is a copy of this book; other people's Jupyter books have contents and notebooks too."""
    if not ((folder / "_toc.yml").is_file() and (folder / "notebooks").is_dir()):
        return False
    try:
        with (folder / "pyproject.toml").open("rb") as file:
            return bool(tomllib.load(file)["project"]["name"] == NAME)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def working_folder() -> Path | None:
    """Give the working directory, ``None`` where somebody removed it."""
    try:
        return Path.cwd()
    except OSError:
        return None


def checkout() -> Path | None:
    """Give the copy of the book: the working directory or one above, else where the code lies; ``None`` if neither."""
    here = working_folder()
    above = () if here is None else (here, *here.parents)
    return next(filter(_is_checkout, (*above, *Path(__file__).resolve().parents)), None)


def sources() -> Path | None:
    """Give the folder of pages, presets and recorded results: the copy of the book, else what an installed wheel holds.

    What a wheel holds is read only: whatever is made goes to the folders that :func:`default` gives.
    """
    return checkout() or (_PACKED if (_PACKED / "_toc.yml").is_file() else None)


def default(name: str) -> Path:
    """Give a folder that nobody named: in the copy of the book, without one in the working directory."""
    return (checkout() or Path.cwd()) / name


def locate(text: str | Path) -> Path:
    """Give the absolute path that somebody named.

    A relative one is looked for in the working directory, then in the copy of the book: kernels start in ``notebooks``.
    """
    path = disk.expand(str(text))
    if path.is_absolute():
        return path
    found = [folder / path for folder in (working_folder(), sources()) if folder is not None]
    return next((place for place in found if disk.exists(place)), found[0] if found else path)
