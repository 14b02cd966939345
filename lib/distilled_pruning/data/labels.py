"""Labels in the forms that people have: numbers from 0 or 1, words, one-hot rows; and which images are for testing."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..errors import InputError, some
from .sources import stratify

__all__ = ["classes_of", "names_of", "numbers_of", "refuse_gaps", "split_of"]

_TESTING = ("test", "val", "valid", "validation")


def numbers_of(path: object, key: str, labels: np.ndarray) -> np.ndarray:
    """Bring labels of any form to int64 [N], or to words [N].

    Raises:
        InputError: They do not name one class an image.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "biuf":
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise InputError(
                f"{key} of {path} have shape {list(labels.shape)} and are not one-hot, a single 1 an image: give one "
                f"class an image, such as {key}.argmax(1)"
            )
        return labels.argmax(axis=1).astype(np.int64)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.ndim == 1 and labels.dtype.kind == "U":
        return labels
    if labels.ndim != 1 or labels.dtype.kind not in "biuf":
        raise InputError(
            f"{key} of {path} must be one class an image, not {labels.dtype} of shape {list(labels.shape)}: give whole "
            "numbers or words of shape [N] or [N, 1], or one-hot rows"
        )
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.rint(labels)).all()):
        raise InputError(
            f"{key} of {path} must be whole numbers, not {labels.dtype} with fractions: give one class each"
        )
    if len(labels) and labels.max() > np.iinfo(np.int64).max:
        raise InputError(f"{path} has the label {labels.max()} but only {len(labels)} images: labels count from 0 or 1")
    return labels.astype(np.int64)


def names_of(path: object, key: str, given: np.ndarray) -> tuple[str, ...]:
    """Read class names.

    Raises:
        InputError: A list without a name, or with one twice.
    """
    words = np.char.decode(given, "utf-8", "replace") if given.dtype.kind == "S" else given
    classes = tuple(str(name) for name in words.reshape(-1))
    if not classes:
        raise InputError(f"{key} of {path} names none: give the name of each class, or leave {key} out")
    twice = [repr(name) for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise InputError(f"{key} of {path} names {some(twice)} more than once: give each class its own name")
    return classes


def classes_of(path: object, labels: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...], bool]:
    """Number the classes from 0: labels int64 [N], class names, and whether the file counts from 1.

    Raises:
        InputError: Labels that cannot be, or that the names do not fit.
    """
    if labels.dtype.kind == "U":
        known = names or tuple(np.unique(labels).tolist())
        unnamed = sorted(set(labels.tolist()) - set(known))
        if unnamed:
            raise InputError(f"{path} has the label {unnamed[0]!r}, which its classes {some(known)} leave out")
        place = {name: number for number, name in enumerate(known)}
        return np.array([place[name] for name in labels.tolist()], dtype=np.int64), known, False
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        raise InputError(f"{path} has the label {low}: labels count from 0 or 1")
    counted = low == 1 and len(np.unique(labels)) == high and len(names) in (0, high)
    if names and high - counted >= len(names):
        raise InputError(f"{path} has the label {high} but {len(names)} classes: labels count from 0 or 1")
    if high - counted >= len(labels):
        raise InputError(f"{path} has the label {high} but only {len(labels)} images: labels count from 0 or 1")
    return labels - int(counted), names or tuple(map(str, range(counted, high + 1))), counted


def refuse_gaps(path: object, labels: np.ndarray, classes: tuple[str, ...]) -> None:
    """Raise :class:`InputError` where classes that are but numbers have no image; each of them is named."""
    empty = [repr(classes[label]) for label in np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0)]
    if empty:
        several = len(empty) > 1
        raise InputError(
            f"class{'es' * several} {some(empty)} of {path} {'have' if several else 'has'} no images: give some, or "
            "number the classes from 0 without gaps"
        )


def split_of(path: object, split: np.ndarray | None, labels: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """Read which images are for testing (bool [N]), or choose them where nothing says so."""
    if split is None:
        return stratify(labels, classes)
    if split.ndim == 2 and split.shape[1] == 1:
        split = split[:, 0]
    if split.shape != labels.shape:
        raise InputError(f"split of {path} must be one value per image, not of shape {list(split.shape)}")
    if split.dtype.kind not in "biufUS":
        raise InputError(f"split of {path} must be numbers or words, not {split.dtype}: 0 (train) or 1 (test)")
    words = split.dtype.kind in "US"
    lowered = np.char.lower(split.astype(str)) if words else split
    test = np.isin(lowered, _TESTING) if words else (split == 1)
    train = (lowered == "train") if words else (split == 0)
    if not np.all(test | train):
        raise InputError(f"split of {path} must be 0 (train) or 1 (test), or those words, for each image")
    if not train.any() or not test.any():
        raise InputError(f"split of {path} leaves no images to {'test' if train.any() else 'train'} on: give both")
    return np.asarray(test)
