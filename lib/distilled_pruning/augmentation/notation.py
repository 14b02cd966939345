"""How augmentations are written, and which images they fit: what can be said before PyTorch is loaded."""

from __future__ import annotations

import re

from ..errors import InputError, unknown

__all__ = ["NAMES", "check", "words"]

NAMES = (
    "shift4", "crop4", "crop", "flip", "color", "scale", "rotate", "cutout", "noise10", "dsa", "mtt-dsa",
    "dsa-noflip", "mtt-dsa-noflip", "imagenet", "cutmix", "cutmix1",
)  # fmt: skip
MIXES = ("cutmix", "cutmix1")
NUMBERED = re.compile(r"(shift|crop|noise)([0-9]{1,4})")


def words(spec: str) -> list[str]:
    """Split an augmentation into its operations."""
    return [part.strip() for part in spec.split("+") if part.strip()]


def check(spec: str, size: int, channels: int, plain: bool = False) -> None:
    """Raise :class:`InputError` for an unknown operation, or one that does not fit images of a size in pixels.

    Images that are ``plain`` are whitened or normalised already, so that their pixels are not at hand.
    """
    found = words(spec)
    for place, word in enumerate(found):
        if any(before in MIXES for before in found[:place]):
            raise InputError(f"augmentation {spec!r} has {word!r} after cutmix: put cutmix last, and once")
        if word == "imagenet":
            _check_photographs(spec, place, channels, plain)
        elif word not in NAMES or NUMBERED.fullmatch(word):
            _check_numbered(word, size)


def _check_photographs(spec: str, place: int, channels: int, plain: bool) -> None:
    """Raise :class:`InputError` where the ImageNet pipeline cannot be used."""
    if place:
        raise InputError(f"augmentation {spec!r} has imagenet, which works on pixels, after others: put it first")
    if channels != 3:
        raise InputError("augmentation 'imagenet' jitters colours, and these images are grey: use dsa or shift4+flip")
    if plain:
        raise InputError("augmentation 'imagenet' works on pixels, and these images are normalised already: use dsa")


def _check_numbered(word: str, size: int) -> None:
    """Raise :class:`InputError` unless a word is an operation with a number that fits images of ``size`` px."""
    found = NUMBERED.fullmatch(word)
    if found is None:
        if word in ("shift", "noise"):
            raise InputError(
                f"augmentation {word!r} needs a number: write {'shift2 or shift4' if word == 'shift' else 'noise10'}"
            )
        raise unknown("augmentation", word, NAMES)
    if found[1] != "noise" and not 0 < int(found[2]) < size:
        raise InputError(
            f"augmentation {word!r} must move by 1 to {size - 1} px, less than the {size} px of the images"
        )
