"""Readers of dataset files into arrays in canonical order; NumPy only, so nothing here needs PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, some

_TEST_SHARE = 0.2
_DIGITS_TEST = 360
_SPREAD = 5e-5  # a smaller standard deviation is 0 to the four decimals that images are normalised with


@dataclass(frozen=True)
class Arrays:
    """Images and labels of both splits as they come.

    Attributes:
        train_images: uint8 or float32 [N, C, H, W].
        train_labels: int64 [N].
        test_images: As ``train_images``.
        test_labels: int64 [M].
        classes: Class names in label order.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Give images the strides of a fresh array, which an axis of length 1 need not have (see :mod:`.split`)."""
        for name in ("train_images", "test_images"):
            images = getattr(self, name)
            object.__setattr__(self, name, images.reshape(-1).reshape(images.shape))


def digest(arrays: Arrays) -> str:
    """Hash images with type and shape, and labels (not class names), the same for every form the same data comes in."""
    found = hashlib.sha256()
    parts = (arrays.train_images, arrays.train_labels), (arrays.test_images, arrays.test_labels)
    for images, labels in parts:
        found.update(f"{images.dtype}{images.shape}".encode())
        found.update(np.ascontiguousarray(images).data)
        found.update(np.ascontiguousarray(labels, dtype="<i8").data)
    return found.hexdigest()


def digits() -> Arrays:
    """Read scikit-learn's digits: 1,797 handwritten digits of 8 x 8 px with values 0 to 16, scaled to 0 to 255.

    The first 360 of a permutation seeded with 123 are the test images.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    order = np.random.RandomState(123).permutation(len(labels))
    test, train = order[:_DIGITS_TEST], order[_DIGITS_TEST:]
    return Arrays(images[train], labels[train], images[test], labels[test], tuple("0123456789"))


def stratify(labels: np.ndarray, names: Sequence[str] = (), share: float = _TEST_SHARE) -> np.ndarray:
    """Choose test images, ``share`` of each class (at least one, and one left for training): bool [N], always the same.

    Raises:
        InputError: Classes with a single image, which cannot be in both splits, all of them named.
    """
    random = np.random.RandomState(0)
    chosen = np.zeros(len(labels), dtype=bool)
    found, counts = np.unique(labels, return_counts=True)
    alone = [repr(names[label]) if len(names) else str(label) for label in found[counts < 2].tolist()]
    if alone:
        several = len(alone) > 1
        who = f"class{'es' * several} {some(alone)} {'have' if several else 'has'} one image"
        raise InputError(f"{who}: give at least two of each, one to train and one to test on")
    for label in found:
        members = np.flatnonzero(labels == label)
        count = min(max(1, round(share * len(members))), len(members) - 1)
        chosen[random.permutation(members)[:count]] = True
    return chosen


def count_classes(name: str, labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Count the training images of each class: int64 [classes].

    Raises:
        InputError: Fewer than two classes, or some without a training image, all of them named.
    """
    if len(classes) < 2:
        raise InputError(f"{name} has one class, {classes[0]!r}: give images of at least two to tell apart")
    counts = np.bincount(labels, minlength=len(classes))
    empty = [repr(classes[label]) for label in np.flatnonzero(counts == 0).tolist()]
    if empty:
        what, each = ("class", "it") if len(empty) == 1 else ("classes", "them")
        verb = "has" if len(empty) == 1 else "have"
        raise InputError(f"{what} {some(empty)} of {name} {verb} no training images: give some, or leave {each} out")
    return counts


def check(name: str, arrays: Arrays) -> Arrays:
    """Refuse training images that teach nothing: of too few classes, of a blank one, with a channel of one value."""
    count_classes(name, arrays.train_labels, arrays.classes)
    images = arrays.train_images
    everything = np.arange(len(images))
    flat = any(_is_constant(images[:, channel : channel + 1], everything) for channel in range(images.shape[1]))
    if flat or (images.dtype.kind == "f" and min(images.std(axis=(0, 2, 3), dtype=np.float64)) < _SPREAD):
        how = "has the same value everywhere" if flat else "hardly varies"
        raise InputError(f"a channel of the training images of {name} {how}: give images that differ")
    members = [np.flatnonzero(arrays.train_labels == label) for label in range(len(arrays.classes))]
    blank = [repr(arrays.classes[label]) for label, index in enumerate(members) if _is_constant(images, index)]
    if blank:
        raise InputError(
            f"all training images of class {some(blank)} of {name} are of one value: give images that differ"
        )
    return arrays


def _is_constant(images: np.ndarray, index: np.ndarray) -> bool:
    """Tell whether the images of an index hold one and the same value; mostly the first one tells that they do not."""
    value = images[index[0]].flat[0]
    return all(bool((images[at] == value).all()) for at in index)
