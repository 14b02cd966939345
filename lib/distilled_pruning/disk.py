"""Files and folders that anybody may have named or touched: looked at, listed, moved aside, removed; never a traceback.

And the one way in which this package writes files: whole or not at all.

Python 3.11's :mod:`pathlib` raises for a name of 5,000 letters, for links in a circle, for a folder that may not be
read and for the home of a stranger. To all of that :mod:`os.path` says "not there", which is what is asked here.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

Content = bytes | Callable[[Path], object]  # or what writes a file or a folder under the path that it is given

exists, lexists, is_dir, is_file, is_link = (
    os.path.exists,
    os.path.lexists,
    os.path.isdir,
    os.path.isfile,
    os.path.islink,
)


def expand(name: str) -> Path:
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


def move_aside(paths: Sequence[Path], folder: Path, name: str) -> Path | None:
    """Move what belongs together into another folder, under a name with the first free number.

    Several files get a folder of their own there.

    Returns:
        Where it lies now, ``None`` where somebody else was faster.

    Raises:
        OSError: It cannot be moved.
    """
    if is_stray(folder):
        renamed = folder.rename(_free(folder.parent, folder.name))
        if folder in paths:
            return renamed
    folder.mkdir(parents=True, exist_ok=True)
    target = _free(folder, name)
    try:
        if len(paths) == 1:
            return paths[0].rename(target)
        target.mkdir()
        for path in paths:
            path.rename(target / path.name)
    except (FileNotFoundError, FileExistsError):
        return None
    return target


def _free(folder: Path, name: str) -> Path:
    """Give the first of ``name.0``, ``name.1``, … that a folder does not hold."""
    names = (folder / f"{name}.{number}" for number in itertools.count())
    return next(path for path in names if not lexists(path))


def write_whole(contents: Mapping[Path, Content], place: Path | None = None) -> None:
    """Let files and folders appear under their names when all of them are complete and on the disk.

    That holds through a kill and a power cut. A folder that somebody else was faster with stays.

    Args:
        contents: Path to its content, in the order in which they appear: of several the last one says "done".
        place: Folder to write them in first, in the same file system and this process's own; what a dead process left
            there goes. By default a new one beside the first of them.

    Raises:
        OSError: The disk is full or fails; nothing appeared, or the last one did not, and nothing else is left behind.
    """
    for path in contents:
        path.parent.mkdir(parents=True, exist_ok=True)
    if place is None:
        place = Path(tempfile.mkdtemp(prefix=".", dir=next(iter(contents)).parent))
    else:
        remove(place)
        place.mkdir(parents=True)
    try:
        written = [
            (_write(place / str(number), path.name, content), path)
            for number, (path, content) in enumerate(contents.items())
        ]
        for ready, path in written:
            if not (path.is_dir() and any(path.iterdir())):
                ready.replace(path)
                _sync(path.parent)  # a rename is on the disk only with the folder that holds the name
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _write(folder: Path, name: str, content: Content) -> Path:
    """Write a file or folder into a new folder, and push it to the disk."""
    folder.mkdir()
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)
    for item in [path, *path.rglob("*")]:
        _sync(item)
    return path


def _sync(path: Path) -> None:
    """Push a file's content, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> bool:
    """Remove a folder or whatever else lies there; whether it is gone."""
    if is_dir(path) and not is_link(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
    return not lexists(path)
