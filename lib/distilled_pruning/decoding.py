"""Images of class folders decoded once and kept."""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
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
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
ORIENTATION = 0x0112  # the Exif tag
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # to what PIL.Image.Transpose calls them
TURNED_BY_PILLOW = ("TIFF",)
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
            with quietly(), opened(path) as image:
                return min(*image.size, LARGEST)
        except Unreadable as error:
            problems.append((path, str(error)))
    refuse(UNREADABLE, problems)
    raise InputError(f"{listed.root} has no training images: give at least two of each class")


def orientation(image: Image) -> int:
    """Read how a camera was held: 1 for upright, 2 to 8 as Exif counts; 1 too where Pillow turns the image itself."""
    try:
        found = image.getexif().get(ORIENTATION, 1) if image.format not in TURNED_BY_PILLOW else 1
    except Exception:  # a mark that cannot be read, in whatever way it is damaged, is none
        return 1
    return found if found in TURNS else 1


def turned(content: bytes) -> str:
    """Say how a camera's mark has an image turned before it is seen: a line with a number, nothing for one upright."""
    from PIL import Image

    try:
        found = orientation(Image.open(io.BytesIO(content)))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return ""  # no image, which is said when it is decoded
    return f"turned {found}\n" if found > 1 else ""


def all_grey(files: Sequence[Path]) -> bool:
    """Whether all images hold shades of grey, as their headers say; files that are no images are refused elsewhere."""
    stamps = []
    for file in files:
        with suppress(OSError):
            facts = file.stat()
            stamps.append((str(file), facts.st_ino, facts.st_size, facts.st_mtime_ns))
    return _all_grey(tuple(stamps))


@functools.lru_cache(maxsize=4)
def _all_grey(stamps: tuple[tuple[str, int, int, int], ...]) -> bool:
    """Look at headers until one is of a coloured image; files that have not changed are not looked at again."""
    for name, *_ in stamps:
        with suppress(Unreadable), quietly(), opened(Path(name)) as image:
            if image.mode not in GREY:
                return False
    return bool(stamps)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep Pillow's warnings of odd files away: what cannot be read is said in one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def plain(image: Image, channels: int) -> Image:
    """Give an image as RGB or grey with 8 bits a channel; of 16-bit grey the upper 8, as Pillow does with colour.

    Raises:
        Unreadable: Values of 32 bits, of which no scale is known, or several pictures in one file.
    """
    from PIL import Image

    mode = "L" if channels == 1 else "RGB"
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise Unreadable(f"it holds {getattr(image, 'n_frames', 'several')} pictures, and one a file is needed")
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in SIXTEEN_BITS):
        return Image.fromarray((np.asarray(image.convert("I")) >> 8).astype(np.uint8)).convert(mode)
    if image.mode[:1] in ("I", "F"):
        raise Unreadable("it holds 32-bit values, and 8 or 16 bits are needed")
    return image.convert(mode)


def decode(path: Path, size: int, channels: int = 3, upright: bool = False) -> np.ndarray:
    """Read an image, its shorter side resized to ``size`` (bilinear), the middle cut out: uint8 [channels, size, size].

    These are torchvision's ``Resize(size)`` and ``CenterCrop(size)``, as in the papers' ImageNet pipeline.

    Args:
        path: The file.
        size: Side in pixels.
        channels: 3 for colour, 1 for grey.
        upright: Turn the image as its camera says it was held; the papers' pipeline leaves that mark aside.

    Raises:
        Unreadable: It is no image.
    """
    from PIL import Image

    try:
        with opened(path) as image:
            turn = TURNS.get(orientation(image)) if upright else None
            picture = plain(image, channels)
            picture = picture if turn is None else picture.transpose(Image.Transpose(turn))
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Unreadable(str(error)) from error
    short, long = sorted(picture.size)
    sides = size, int(size * long / short)
    width, height = sides if picture.width <= picture.height else sides[::-1]
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    values = np.asarray(picture.crop((left, top, left + size, top + size)))
    return values.reshape(size, size, channels).transpose(2, 0, 1)


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
    shapes = [(len(files), listed.channels, size, size) for files in (listed.train, listed.test)]
    if facts.get("complete") is not True or [image.shape for image in images] != shapes:
        return None
    return images[0], images[1]


def decode_all(listed: Listing, size: int, place: Path) -> None:
    """Decode both splits into ``train.npy`` and ``test.npy`` of a new folder, side by side in threads."""
    place.mkdir()
    problems: list[tuple[Path, str]] = []
    with quietly(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for split, files in (("train", listed.train), ("test", listed.test)):
            shape = (len(files), listed.channels, size, size)
            out = np.lib.format.open_memmap(place / f"{split}.npy", mode="w+", dtype=np.uint8, shape=shape)

            def into(at: int, files: tuple[Path, ...] = files, out: np.ndarray = out) -> None:
                try:
                    out[at] = decode(files[at], size, listed.channels, listed.own)
                except Unreadable as error:
                    problems.append((files[at], str(error)))

            for _ in pool.map(into, range(len(files))):
                pass
            out.flush()
    refuse(UNREADABLE, sorted(problems))
    (place / "facts.json").write_text(json.dumps({"complete": True, "root": str(listed.root), "size": size}))
