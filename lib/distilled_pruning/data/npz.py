"""Images and labels from an ``.npz`` file, in the forms that people have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, some
from .archive import DAMAGED, UNREADABLE, member, opened
from .facts import DatasetInfo
from .labels import classes_of, names_of, numbers_of, refuse_gaps, split_of
from .sources import Arrays, count_classes

__all__ = ["info", "notes", "read", "values_of"]

_WHOLE = (("images", "labels"), ("x", "y"), ("data", "targets"))
_PARTS = ("x_{}", "y_{}"), ("{}_images", "{}_labels")  # Keras, MedMNIST
_NAMES, _SPLIT = ("classes", "class_names"), "split"
_WANTED = "it needs images and labels, or x_train, y_train, x_test and y_test"
_CHANNELS = (1, 3, 4)
_NARROW = 4  # a grey image is wider: [N, H, 3] is more likely an image in a form nobody expects
_LARGEST_16 = 65535


@dataclass(frozen=True)
class _Form:
    """How the images of a file lie.

    Attributes:
        axes: ``"NCHW"``, ``"NHWC"`` or ``"NHW"`` (grey).
        height: In pixels.
        width: In pixels.
        channels: 1, 3, or 4 where the last is transparency.
    """

    axes: str
    height: int
    width: int
    channels: int

    @property
    def side(self) -> int:
        """Side of the middle square, which is what is read."""
        return min(self.height, self.width)


@dataclass(frozen=True)
class _Targets:
    """The labels of a file.

    Attributes:
        labels: int64 [N], counting from 0.
        test: Which images are for testing, bool [N].
        classes: Class names in label order.
        counted: Whether the file counts its classes from 1.
    """

    labels: np.ndarray
    test: np.ndarray
    classes: tuple[str, ...]
    counted: bool = False


def _find(path: Path, archive: Any) -> list[tuple[str, str]]:
    """Say which arrays hold images and labels: one pair, or one for training and one for testing."""
    names = {name.lower(): name for name in reversed(archive.files)}
    for images, labels in _PARTS:
        pairs = [(images.format(part), labels.format(part)) for part in ("train", "test")]
        if all(name in names for pair in pairs for name in pair):
            return [(names[a], names[b]) for a, b in pairs]
    for images, labels in _WHOLE:
        if images in names and labels in names:
            return [(names[images], names[labels])]
    missing = next((name for name in ("images", "labels") if name not in names), "images")
    held = ", ".join(archive.files) or "nothing"
    raise InputError(f"{path} has no array {missing!r}, only {held}: {_WANTED}")


def _shape(path: Path, archive: Any, key: str) -> tuple[int, ...]:
    """Read the shape of an array from its header."""
    try:
        with archive.zip.open(f"{key}.npy") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            return tuple(read(file)[0])
    except (*UNREADABLE, KeyError) as error:
        raise InputError(f"{key} of {path} cannot be read ({error}): {DAMAGED}") from error


def _form(path: Path, key: str, shape: tuple[int, ...]) -> _Form:
    """Tell from a shape how images lie; square ones first, then those of which the middle square is taken."""
    for square in (True, False):
        if len(shape) == 3 and (shape[1] == shape[2] > 0 if square else min(shape[1:]) > _NARROW):
            return _Form("NHW", *shape[1:], 1)
        if len(shape) == 4 and min(shape[1:]) > 0:
            for channels in (_CHANNELS[:2], _CHANNELS):
                if shape[1] in channels and (shape[2] == shape[3]) is square:
                    return _Form("NCHW", *shape[2:], shape[1])
                if shape[3] in channels and (shape[1] == shape[2]) is square:
                    return _Form("NHWC", *shape[1:3], shape[3])
    raise InputError(
        f"{key} of {path} have shape {list(shape)}: give [N, H, W, C] or [N, C, H, W] with C 1, 3 or 4, or grey "
        f"[N, H, W], square or more than {_NARROW} px a side"
    )


def _forms(path: Path, archive: Any) -> list[tuple[tuple[str, str], int, _Form]]:
    """Give names, number of images and form of each pair of arrays."""
    found = []
    for names in _find(path, archive):
        shape = _shape(path, archive, names[0])
        found.append((names, shape[0] if shape else 0, _form(path, names[0], shape)))
    if len({(form.side, form.channels) for _, _, form in found}) > 1:
        sizes = " and ".join(f"{form.channels}x{form.height}x{form.width}" for _, _, form in found)
        raise InputError(f"the images of {path} are {sizes}: give training and test images of one shape")
    return found


def _targets(path: Path, archive: Any, found: Sequence[tuple[tuple[str, str], int, _Form]]) -> _Targets:
    """Read labels, which images are for testing and class names, and check them."""
    parts = []
    for (images, key), count, _ in found:
        labels = numbers_of(path, key, member(path, archive, key))
        if len(labels) != count:
            raise InputError(f"{path} has {count} {images} but {len(labels)} {key}: give one label per image")
        parts.append(labels)
    if len({labels.dtype.kind for labels in parts}) > 1:
        raise InputError(
            f"{path} has words and numbers for labels: give {' and '.join(n[1] for n, _, _ in found)} alike"
        )
    together = np.concatenate(parts)
    if len(together) < 2 or not all(map(len, parts)):
        few = min(map(len, parts))
        raise InputError(f"{path} has {few} image{'s' * (few != 1)}: give at least two of each class")
    names = [names_of(path, key, member(path, archive, key)) for key in _NAMES if key in archive.files]
    labels, classes, counted = classes_of(path, together, names[0] if names else ())
    if not names:
        refuse_gaps(path, labels, classes)
    split = member(path, archive, _SPLIT) if _SPLIT in archive.files and len(parts) == 1 else None
    test = np.arange(len(labels)) >= len(parts[0]) if len(parts) == 2 else split_of(path, split, labels, classes)
    return _Targets(labels, test, classes, counted)


def info(path: Path) -> DatasetInfo:
    """Give the facts of an ``.npz`` from the header of its images and from its labels."""
    with opened(path) as archive:
        found = _forms(path, archive)
        targets = _targets(path, archive, found)
    counts = count_classes(str(path), targets.labels[~targets.test], targets.classes)
    form, tested = found[0][2], int(targets.test.sum())
    channels = 1 if form.channels == 1 else 3
    train = len(targets.labels) - tested
    return DatasetInfo(
        str(path), targets.classes, form.side, channels, (), (), train, tested, None, "npz",
        counts=tuple(counts.tolist()),
    )  # fmt: skip


def notes(path: Path) -> tuple[str, ...]:
    """Say in sentences what of an ``.npz`` is not taken as it stands; nothing where all is."""
    said = []
    with opened(path) as archive:
        found = _forms(path, archive)
        form, (images, key) = found[0][2], found[0][0]
        if form.height != form.width:
            said.append(f"the middle {form.side}x{form.side} px of the {form.height}x{form.width} px images are taken")
        if form.channels == _CHANNELS[-1]:
            said.append("transparency, the fourth channel, is left out")
        kind = member(path, archive, images).dtype
        if kind == np.uint16:
            said.append("16-bit values are divided by 65535, unless all are below 256")
        if _targets(path, archive, found).counted:
            said.append(f"{key} count from 1, and here from 0")
        taken = {name for pair, _, _ in found for name in pair} | {_SPLIT, *_NAMES}
        others = [name for name in archive.files if name not in taken]
        if others:
            said.append(f"left out the arrays {some(others)}")
    return tuple(f"{path}: {sentence}" for sentence in said)


def read(path: str | Path) -> Arrays:
    """Read images and labels, with optional split (else a stratified fifth is for testing) and class names.

    Args:
        path: File with ``images`` and ``labels``, optionally ``split`` (0 train, 1 test, or words) and ``classes``; or
            with ``x_train``, ``y_train``, ``x_test`` and ``y_test``. Images are uint8, bool, uint16, integers 0 to 255
            or finite floats, [N, H, W, C], [N, C, H, W] or grey [N, H, W]; of those that are not square the middle is
            taken, of four channels the first three. Labels are whole numbers from 0 or 1, of any type, or words, [N] or
            [N, 1], or one-hot [N, classes].

    Raises:
        InputError: Anything else.
    """
    path = Path(path)
    with opened(path) as archive:
        found = _forms(path, archive)
        targets = _targets(path, archive, found)
        parts = [_pixels(path, key, member(path, archive, key), form) for (key, _), _, form in found]
    if len({part.dtype for part in parts}) > 1:
        kinds = " and ".join(str(part.dtype) for part in parts)
        raise InputError(f"the images of {path} are {kinds}: give training and test images of one type")
    labels, test = targets.labels, targets.test
    train, held = parts if len(parts) == 2 else (parts[0][~test], parts[0][test])
    return Arrays(np.ascontiguousarray(train), labels[~test], np.ascontiguousarray(held), labels[test], targets.classes)


def _pixels(path: Path, key: str, images: np.ndarray, form: _Form) -> np.ndarray:
    """Bring images to uint8 or finite float32 [N, C, side, side]."""
    if form.axes == "NHWC":
        images = images.transpose(0, 3, 1, 2)
    elif form.axes == "NHW":
        images = images[:, None]
    top, left = (form.height - form.side) // 2, (form.width - form.side) // 2
    images = images[:, :3, top : top + form.side, left : left + form.side]
    return values_of(path, key, images)


def values_of(path: object, key: str, images: np.ndarray) -> np.ndarray:
    """Bring images of any shape to uint8 or finite float32.

    Raises:
        InputError: Values that are neither bytes, 16 bits, truths nor finite floats.
    """
    if images.dtype == np.uint8:
        return images
    if images.dtype == bool:
        return images.astype(np.uint8) * 255
    if images.dtype.kind == "f":
        narrow = images.astype(np.float32)
        if not np.isfinite(narrow).all():
            held = "values that 32 bits cannot hold" if np.isfinite(images).all() else "NaN or infinite values"
            raise InputError(f"{key} of {path} hold {held}: give finite numbers, as from 0 to 1")
        return narrow
    if images.dtype.kind in "iu" and len(images) and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8)
    if images.dtype == np.uint16:
        return images.astype(np.float32) / np.float32(_LARGEST_16)
    raise InputError(f"{key} of {path} are {images.dtype}: give uint8, bool or uint16 values, or floats")
