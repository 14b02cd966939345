"""Datasets that a function makes: its arrays are held against what was declared of them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from .. import registry
from ..errors import InputError, show
from . import sources
from .facts import DatasetInfo
from .sources import Arrays

__all__ = ["count", "digest", "read"]

_SEED = "make the same ones at every call, with a seed for all that is random"


def read(info: DatasetInfo) -> tuple[Arrays, str]:
    """Have a dataset made, and give its arrays and digest.

    Raises:
        InputError: The function fails, or gives other arrays than were declared or than it gave before.
    """
    known, arrays = _know(info)[0], _make(info)
    if sources.digest(arrays) != known:
        raise InputError(f"{_who(info)} gives other arrays than before: {_SEED}")
    return arrays, known


def digest(info: DatasetInfo) -> str:
    """Give the digest of what a function makes, which is found out once a process.

    Raises:
        InputError: As :func:`read`.
    """
    return _know(info)[0]


def count(info: DatasetInfo) -> DatasetInfo:
    """Add to the facts how many training images each class has.

    Raises:
        InputError: As :func:`read`.
    """
    return replace(info, counts=_know(info)[1])


@functools.cache
def _know(info: DatasetInfo) -> tuple[str, tuple[int, ...]]:
    first, second = _make(info), _make(info)
    digest = sources.digest(first)
    if digest != sources.digest(second):
        raise InputError(f"{_who(info)} gives other arrays at each call: {_SEED}")
    return digest, tuple(np.bincount(first.train_labels, minlength=len(info.classes)).tolist())


def _who(info: DatasetInfo) -> str:
    return registry.with_author(f"dataset {info.name!r}", info.arrays)


def _make(info: DatasetInfo) -> Arrays:
    """Call the function, and bring what it gives to uint8 or float32 images and int64 labels."""
    assert info.arrays is not None
    with registry.blaming(f"dataset {info.name!r}", info.arrays):
        found = info.arrays()
    if not isinstance(found, Arrays):
        raise InputError(f"{_who(info)} gives {show(found)}: let it give distilled_pruning.data.Arrays")
    if tuple(found.classes) != info.classes:
        raise InputError(
            f"{_who(info)} gives the classes {', '.join(map(str, found.classes))} and declares "
            f"{', '.join(info.classes)}: make them the same"
        )
    train = _take_images(info, "training", found.train_images, info.train)
    test = _take_images(info, "test", found.test_images, info.test)
    if train.dtype != test.dtype:
        raise InputError(f"{_who(info)} gives {train.dtype} and {test.dtype} images: give both of one type")
    labels = _take_labels(info, "training", found.train_labels, info.train)
    arrays = Arrays(train, labels, test, _take_labels(info, "test", found.test_labels, info.test), info.classes)
    return sources.check(info.name, arrays)


def _take_images(info: DatasetInfo, kind: str, images: Any, count: int) -> np.ndarray:
    """Check the images of a split: finite, and as many and as large as was declared."""
    if not isinstance(images, np.ndarray) or not (images.dtype == np.uint8 or images.dtype.kind == "f"):
        what = f"{images.dtype} numbers" if isinstance(images, np.ndarray) else f"a {type(images).__name__}"
        raise InputError(f"{_who(info)} gives {what} for {kind} images: give a NumPy array of uint8 or float32")
    wanted = (count, info.channels, info.size, info.size)
    if images.shape != wanted:
        raise InputError(
            f"{_who(info)} gives {kind} images of shape {list(images.shape)} and declares {list(wanted)}, which is "
            "[images, channels, size, size]: make them the same"
        )
    if images.dtype == np.uint8:
        return images
    narrow = images.astype(np.float32, copy=False)
    if not np.isfinite(narrow).all():
        raise InputError(
            f"{_who(info)} gives NaN or infinite values in {kind} images: give finite ones, as from 0 to 1"
        )
    return narrow


def _take_labels(info: DatasetInfo, kind: str, labels: Any, count: int) -> np.ndarray:
    """Check the labels of a split: one for each image, from 0 to the last class."""
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise InputError(
            f"{_who(info)} gives {kind} labels that are no NumPy array of whole numbers [images]: give one"
        )
    if len(labels) != count:
        raise InputError(f"{_who(info)} gives {len(labels)} {kind} labels for {count} images: give one for each")
    last = len(info.classes) - 1
    if len(labels) and not 0 <= labels.min() <= labels.max() <= last:
        raise InputError(
            f"{_who(info)} gives {kind} labels from {labels.min()} to {labels.max()}: "
            f"give those from 0 to {last}, for {last + 1} classes"
        )
    return labels.astype(np.int64, copy=False)
