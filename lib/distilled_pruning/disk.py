"""Files and folders that anybody may have named or touched: looked at, listed, moved aside, removed; never a traceback.

Python 3.11's :mod:`pathlib` raises for a name of 5,000 letters, for links in a circle, for a folder that may not be
read and for the home of a stranger. To all of that :mod:`os.path` says "not there", which is what is asked here.
"""

from __future__ import annotations

import itertools
import os
import shutil
from contextlib import suppress
from pathlib import Path

exists, lexists, is_dir, is_file, is_link = (
    os.path.exists,
    os.path.lexists,
    os.path.isdir,
    os.path.isfile,
    os.path.islink,
)


def expanded(name: str) -> Path:
    """Give a path with ``~`` replaced; an unknown home stays as it is written."""
    return Path(os.path.expanduser(name))  # noqa: PTH111


def is_special(path: Path) -> bool:
    """Whether a pipe, a device or a socket lies there, which may never come to an end when it is read."""
    return exists(path) and not is_file(path) and not is_dir(path)


def real(path: Path) -> Path:
    """Give the absolute path without links, as far as they lead somewhere."""
    return Path(os.path.realpath(path))


def children(folder: Path) -> list[Path]:
    """List a folder by name; empty where there is none, or none that may be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def size_of(path: Path) -> int:
    """Add up the bytes of a file, or of a folder's files; links count nothing."""
    files = [path] if not path.is_dir() or path.is_symlink() else path.rglob("*")
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.lstat().st_size if file.is_file() and not file.is_symlink() else 0
    return total


def is_stray(path: Path) -> bool:
    """Whether something other than a folder lies where a folder belongs."""
    return lexists(path) and not is_dir(path)


def move_aside(path: Path, folder: Path) -> Path | None:
    """Move a file or folder into another folder, under its name with the first free number.

    Returns:
        Where it lies now, ``None`` where somebody else was faster.

    Raises:
        OSError: It cannot be moved.
    """
    if is_stray(folder):
        renamed = folder.rename(_free(folder.parent, folder.name))
        if path == folder:
            return renamed
    folder.mkdir(parents=True, exist_ok=True)
    target = _free(folder, path.name)
    try:
        return path.rename(target)
    except FileNotFoundError:
        return None


def _free(folder: Path, name: str) -> Path:
    """Give the first of ``name.0``, ``name.1``, … that a folder does not hold."""
    names = (folder / f"{name}.{number}" for number in itertools.count())
    return next(path for path in names if not lexists(path))


def remove(path: Path) -> bool:
    """Remove a folder or whatever else lies there; whether it is gone."""
    if is_dir(path) and not is_link(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
    return not lexists(path)
