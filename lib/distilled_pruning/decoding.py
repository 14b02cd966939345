"""Images of class folders decoded once and kept."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import disk
from .cache import CACHE, SPECIAL, cache_folder, refuse
from .errors import InputError
from .folders import Listing, digest
from .sources import Arrays, checked

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST = 224
SIXTEEN_BITS = ("PNG", "PPM")  # formats whose grey values Pillow may hold as 32-bit integers up to 65535
UNREADABLE = "is not a readable image"


class Unreadable(ValueError):
    """A file that is no image; its message is the reason alone."""


def opened(path: Path) -> Image:
    """Open an image file; raise :class:`Unreadable` if it is none."""
    from PIL import Image, UnidentifiedImageError

    if disk.is_special(path):
        raise Unreadable(SPECIAL)
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        raise Unreadable("no format that Pillow knows") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Unreadable(str(error)) from error


def native(listed: Listing) -> int:
    """Give the side to decode to by default: the shorter side of the first readable image, at most 224 px.

    Raises:
        InputError: None can be read.
    """
    problems = []
    for path in listed.train:
        try:
            with opened(path) as image:
                return min(*image.size, LARGEST)
        except Unreadable as error:
            problems.append((path, str(error)))
    refuse(UNREADABLE, problems)
    raise InputError(f"{listed.root} has no training images: give at least two of each class")


def in_colour(image: Image) -> Image:
    """Give an image as RGB with 8 bits a channel; of 16-bit grey the upper 8, as Pillow does with 16-bit colour.

    Raises:
        Unreadable: Values of 32 bits, of which no scale is known, or several pictures in one file.
    """
    from PIL import Image

    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise Unreadable(f"it holds {getattr(image, 'n_frames', 'several')} pictures, and one a file is needed")
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in SIXTEEN_BITS):
        return Image.fromarray((np.asarray(image.convert("I")) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode[:1] in ("I", "F"):
        raise Unreadable("it holds 32-bit values, and 8 or 16 bits are needed")
    return image.convert("RGB")


def decode(path: Path, size: int) -> np.ndarray:
    """Read an image as RGB, its shorter side resized to ``size`` (bilinear), the middle cut out: uint8 [3, size, size].

    These are torchvision's ``Resize(size)`` and ``CenterCrop(size)``, as in the papers' ImageNet pipeline; like it they
    leave a camera's mark of orientation aside.

    Raises:
        Unreadable: It is no image.
    """
    from PIL import Image

    try:
        with opened(path) as image:
            picture = in_colour(image)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Unreadable(str(error)) from error
    short, long = sorted(picture.size)
    sides = size, int(size * long / short)
    width, height = sides if picture.width <= picture.height else sides[::-1]
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return np.asarray(picture.crop((left, top, left + size, top + size))).transpose(2, 0, 1)


def read(listed: Listing, size: int | None = None, *, fresh: bool = False) -> tuple[Arrays, str]:
    """Give the decoded images, mapped from the cache, and the digest of their files.

    Args:
        listed: The files.
        size: Side in pixels, :func:`native` by default.
        fresh: Read and decode the files again instead of trusting the cache.

    Raises:
        InputError: Files that are no images, all of them named, images that cannot be learnt from, or a cache that
            cannot be written.
    """
    side = size or native(listed)
    found = digest(listed, fresh=fresh)
    path = cache_folder() / "decoded" / f"{found[:32]}-{side}"
    if fresh:
        shutil.rmtree(path, ignore_errors=True)
    images = mapped(path, listed, side)
    if images is None:
        shutil.rmtree(path, ignore_errors=True)
        try:
            disk.write_whole({path: lambda place: decode_all(listed, side, place)})
        except OSError as error:
            raise InputError(f"{path.parent} cannot be written ({error.strerror}): name another in {CACHE}") from error
        images = mapped(path, listed, side)
        assert images is not None
    arrays = Arrays(images[0], listed.train_labels, images[1], listed.test_labels, listed.classes)
    return checked(str(listed.root), arrays), found


def mapped(path: Path, listed: Listing, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Map decoded images copy-on-write, or give ``None`` where they are not there, cut short or others."""
    try:
        facts = json.loads((path / "facts.json").read_text())
        images = [np.load(path / f"{split}.npy", mmap_mode="c", allow_pickle=False) for split in ("train", "test")]
    except (OSError, ValueError, EOFError):
        return None
    shapes = [(len(files), 3, size, size) for files in (listed.train, listed.test)]
    if facts.get("complete") is not True or [image.shape for image in images] != shapes:
        return None
    return images[0], images[1]


def decode_all(listed: Listing, size: int, place: Path) -> None:
    """Decode both splits into ``train.npy`` and ``test.npy`` of a new folder, side by side in threads."""
    place.mkdir()
    problems: list[tuple[Path, str]] = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for split, files in (("train", listed.train), ("test", listed.test)):
            shape = (len(files), 3, size, size)
            out = np.lib.format.open_memmap(place / f"{split}.npy", mode="w+", dtype=np.uint8, shape=shape)

            def into(at: int, files: tuple[Path, ...] = files, out: np.ndarray = out) -> None:
                try:
                    out[at] = decode(files[at], size)
                except Unreadable as error:
                    problems.append((files[at], str(error)))

            for _ in pool.map(into, range(len(files))):
                pass
            out.flush()
    refuse(UNREADABLE, sorted(problems))
    (place / "facts.json").write_text(json.dumps({"complete": True, "root": str(listed.root), "size": size}))
