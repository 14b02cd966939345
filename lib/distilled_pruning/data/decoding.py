"""Images of class folders decoded once and kept."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from .. import disk
from ..errors import InputError
from . import imagefile
from .cache import CACHE, cache_folder, refuse
from .folders import Listing, hash_files
from .sources import Arrays, check


def read(listed: Listing, size: int | None = None, *, fresh: bool = False) -> tuple[Arrays, str]:
    """Give the decoded images, mapped from the cache, and the digest of their files.

    Raises:
        InputError: Files that are no images, all of them named, images that cannot be learnt from, or a cache that
            cannot be written.
    """
    return _read(listed, size, fresh)[:2]


def examine(listed: Listing, size: int | None = None) -> tuple[str, ...]:
    """Read the images, and say in sentences what is left out of the folder and of them; nothing where all is taken.

    Raises:
        InputError: As :func:`read`.
    """
    path = _read(listed, size, False)[2]
    count = json.loads((path / "facts.json").read_text()).get("transparent", 0)
    if not count:
        return listed.notes
    images = f"{count} image{'s' * (count != 1)}"
    return (*listed.notes, f"{listed.root}: the channel of transparency of {images} is left out")


def _read(listed: Listing, size: int | None, fresh: bool) -> tuple[Arrays, str, Path]:
    """Give decoded images, the digest of their files, and the folder of the cache that holds them."""
    side = size or listed.side
    found = hash_files(listed, fresh=fresh)
    path = cache_folder() / "decoded" / f"{found[:32]}-{side}"
    if fresh:
        shutil.rmtree(path, ignore_errors=True)
    images = _map(path, listed, side)
    if images is None:
        shutil.rmtree(path, ignore_errors=True)
        try:
            disk.write_whole({path: lambda place: _decode_all(listed, side, place)})
        except OSError as error:
            raise InputError(f"{path.parent} cannot be written ({error.strerror}): name another in {CACHE}") from error
        images = _map(path, listed, side)
        assert images is not None
    arrays = Arrays(images[0], listed.train_labels, images[1], listed.test_labels, listed.classes)
    return check(str(listed.root), arrays), found, path


def _map(path: Path, listed: Listing, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Map decoded images copy-on-write, or give ``None`` where they are not there, cut short or others."""
    try:
        facts = json.loads((path / "facts.json").read_text())
        images = [np.load(path / f"{split}.npy", mmap_mode="c", allow_pickle=False) for split in ("train", "test")]
    except (OSError, ValueError, EOFError):
        return None
    shapes = [(len(files), listed.channels, size, size) for files in (listed.train, listed.test)]
    if facts.get("complete") is not True or [image.shape for image in images] != shapes:
        return None
    return images[0], images[1]


def _decode_all(listed: Listing, size: int, place: Path) -> None:
    """Decode both splits into ``train.npy`` and ``test.npy`` of a new folder, side by side in threads."""
    place.mkdir()
    problems: list[tuple[Path, str]] = []
    transparent: list[Path] = []
    with imagefile.quiet(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for split, files in (("train", listed.train), ("test", listed.test)):
            shape = (len(files), listed.channels, size, size)
            out = np.lib.format.open_memmap(place / f"{split}.npy", mode="w+", dtype=np.uint8, shape=shape)

            def into(at: int, files: tuple[Path, ...] = files, out: np.ndarray = out) -> None:
                try:
                    out[at] = imagefile.decode(files[at], size, listed.channels, listed.own)
                    if listed.own and imagefile.is_transparent(files[at]):
                        transparent.append(files[at])
                except imagefile.Unreadable as error:
                    problems.append((files[at], str(error)))

            for _ in pool.map(into, range(len(files))):
                pass
            out.flush()
    refuse(imagefile.UNREADABLE, sorted(problems))
    facts = {"complete": True, "root": str(listed.root), "size": size, "transparent": len(transparent)}
    (place / "facts.json").write_text(json.dumps(facts))
