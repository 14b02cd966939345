"""Image files as people have them: opened, turned upright, brought to 8 bits, and decoded to squares."""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import disk
from .cache import SPECIAL

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST = 224
_SIXTEEN_BITS = ("PNG", "PPM")  # formats whose grey values Pillow may hold as 32-bit integers up to 65535
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_ORIENTATION = 0x0112  # the Exif tag
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # to what PIL.Image.Transpose calls them
_TURNED_BY_PILLOW = ("TIFF",)
UNREADABLE = "is not a readable image"


class Unreadable(ValueError):
    """A file that is no image; its message is the reason alone."""


def open_image(path: Path) -> Image:
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


def read_orientation(image: Image) -> int:
    """Read how a camera was held: 1 for upright, 2 to 8 as Exif counts; 1 too where Pillow turns the image itself."""
    try:
        found = image.getexif().get(_ORIENTATION, 1) if image.format not in _TURNED_BY_PILLOW else 1
    except Exception:  # a mark that cannot be read, in whatever way it is damaged, is none
        return 1
    return found if found in _TURNS else 1


def describe_turn(content: bytes) -> str:
    """Say how a camera's mark has an image turned before it is seen: a line with a number, nothing for one upright."""
    from PIL import Image

    try:
        found = read_orientation(Image.open(io.BytesIO(content)))
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
        with suppress(Unreadable), quiet(), open_image(Path(name)) as image:
            if image.mode not in _GREY:
                return False
    return bool(stamps)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings of odd files away: what cannot be read is said in one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _to_eight_bits(image: Image, channels: int) -> Image:
    """Give an image as RGB or grey with 8 bits a channel; of 16-bit grey the upper 8, as Pillow does with colour."""
    from PIL import Image

    mode = "L" if channels == 1 else "RGB"
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise Unreadable(f"it holds {getattr(image, 'n_frames', 'several')} pictures, and one a file is needed")
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in _SIXTEEN_BITS):
        return Image.fromarray((np.asarray(image.convert("I")) >> 8).astype(np.uint8)).convert(mode)
    if image.mode[:1] in ("I", "F"):
        raise Unreadable("it holds 32-bit values, and 8 or 16 bits are needed")
    return image.convert(mode)


def is_transparent(path: Path) -> bool:
    """Whether an image has transparency, as its header says; raise :class:`Unreadable` if it is none."""
    with open_image(path) as image:
        return image.mode.endswith(("A", "a")) or "transparency" in image.info


def decode(path: Path, size: int, channels: int = 3, upright: bool = False) -> np.ndarray:
    """Read an image, its shorter side resized to ``size`` (bilinear), the middle cut out: uint8 [channels, size, size].

    These are torchvision's ``Resize(size)`` and ``CenterCrop(size)``, as in the papers' ImageNet pipeline. ``upright``
    turns the image as its camera says it was held; the papers' pipeline leaves that mark aside.

    Raises:
        Unreadable: It is no image.
    """
    from PIL import Image

    try:
        with open_image(path) as image:
            turn = _TURNS.get(read_orientation(image)) if upright else None
            picture = _to_eight_bits(image, channels)
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
