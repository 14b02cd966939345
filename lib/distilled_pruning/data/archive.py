"""``.npz`` archives opened lazily and safely, and what a file is that is not what its name says."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError

__all__ = ["DAMAGED", "UNREADABLE", "ZIP", "explain", "head", "member", "opened"]

DAMAGED = "the file is damaged, save or fetch it again"
UNREADABLE = (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile, zlib.error)
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second begins one that holds nothing
_POINTER, _ARRAY, _PAGES = b"version https://git-lfs", b"\x93NUMPY", (b"<!doctype", b"<html")
_HEAD = 256


def head(path: Path) -> bytes:
    """Read the first bytes of a file.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a file you may read") from error


def explain(found: bytes, save: str) -> str:
    """Say in brackets what a file with these first bytes is, and then what to do; ``save`` writes what is wanted."""
    if not found:
        return "(it is empty): save or fetch it again"
    if found.startswith(_POINTER):
        return "(it is a pointer of Git LFS): fetch the file itself with git lfs pull"
    if found.lstrip().lower().startswith(_PAGES):
        return "(it is a web page): fetch the file itself, not the page about it"
    if found.startswith(_ARRAY):
        return f"(it holds a single array): save images and labels in one file with {save}"
    if found.startswith(ZIP):
        return "(it is cut short or damaged): save or fetch it again"
    return f"(it is of another kind): save images and labels with {save}, or fetch it again"


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open an ``.npz`` lazily, without pickles and without NumPy's warnings beside our one sentence.

    Raises:
        InputError: It is none.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        start = head(path)
        try:
            archive = np.load(path, allow_pickle=False) if start.startswith(ZIP) else None
        except UNREADABLE:
            archive = None
        if archive is None:
            raise InputError(f"{path} is not a readable .npz file {explain(start, 'numpy.savez')}")
        with archive:
            yield archive


def member(path: Path, archive: Any, key: str) -> np.ndarray:
    """Read one array, its numbers in this machine's order of bytes.

    Raises:
        InputError: It is damaged, or holds objects.
    """
    try:
        found = np.asarray(archive[key])
    except UNREADABLE as error:
        if "Object arrays" in str(error):
            raise InputError(f"{key} of {path} hold objects: save plain numbers or words, not objects") from error
        raise InputError(f"{key} of {path} cannot be read ({error}): {DAMAGED}") from error
    return found.astype(found.dtype.newbyteorder("="), copy=False)
