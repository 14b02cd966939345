"""Readers of dataset files into arrays in canonical order; NumPy only, so nothing here needs PyTorch."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .catalog import DatasetInfo
from .errors import InputError

TEST_SHARE = 0.2
DIGITS_TEST = 360
SPREAD = 5e-5  # a smaller standard deviation is 0 to the four decimals that images are normalised with


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
    test, train = order[:DIGITS_TEST], order[DIGITS_TEST:]
    return Arrays(images[train], labels[train], images[test], labels[test], tuple("0123456789"))


def stratify(labels: np.ndarray, names: Sequence[str] = (), share: float = TEST_SHARE) -> np.ndarray:
    """Choose test images, ``share`` of each class (at least one, and one left for training): bool [N], always the same.

    Raises:
        InputError: A class has a single image, so it cannot be in both splits.
    """
    random = np.random.RandomState(0)
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            name = repr(names[label]) if len(names) else str(label)
            raise InputError(f"class {name} has one image: give at least two of each, one to train and one to test on")
        count = min(max(1, round(share * len(members))), len(members) - 1)
        chosen[random.permutation(members)[:count]] = True
    return chosen


def open_npz(path: Path) -> Any:
    """Open an ``.npz`` lazily, without pickles; raise :class:`InputError` for what is not one."""
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable .npz file ({error}): save it again with numpy.savez") from error


def member(path: Path, archive: Any, key: str) -> np.ndarray:
    """Read one array of an opened ``.npz``."""
    try:
        return np.asarray(archive[key])
    except KeyError as error:
        raise InputError(
            f"{path} has no array {key!r}, only {', '.join(archive.files)}: it needs images and labels"
        ) from error
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{key} of {path} cannot be read ({error}): save plain numbers, not objects") from error


def npz_labels(path: Path, archive: Any, images: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read labels int64 [N], which images are for testing (bool [N]) and class names, and check them."""
    labels = member(path, archive, "labels")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            f"labels of {path} must be one integer per image, not {labels.dtype} of shape {list(labels.shape)}"
        )
    if len(labels) != images:
        raise InputError(f"{path} has {images} images but {len(labels)} labels: give one label per image")
    if images < 2:
        raise InputError(f"{path} has {images} image{'s' * (images != 1)}: give at least two of each class")
    if labels.min() < 0:
        raise InputError(f"{path} has the label {labels.min()}: labels count from 0")
    if "classes" in archive.files:
        classes = tuple(str(name) for name in member(path, archive, "classes").reshape(-1))
        if not classes:
            raise InputError(f"classes of {path} names none: give the name of each class, or leave classes out")
        if labels.max() >= len(classes):
            raise InputError(f"{path} has the label {labels.max()} but {len(classes)} classes: labels count from 0")
    else:
        if labels.max() >= images:
            raise InputError(f"{path} has the label {labels.max()} but only {images} images: labels count from 0")
        classes = tuple(map(str, range(int(labels.max()) + 1)))
    labels = labels.astype(np.int64)
    return labels, npz_split(path, archive, labels), classes


def npz_split(path: Path, archive: Any, labels: np.ndarray) -> np.ndarray:
    """Read which images are for testing (bool [N]), or choose them."""
    if "split" not in archive.files:
        return stratify(labels)
    split = member(path, archive, "split")
    if split.shape != labels.shape:
        raise InputError(f"split of {path} must be one value per image, not of shape {list(split.shape)}")
    if split.dtype.kind not in "biufU":
        raise InputError(f"split of {path} must be numbers or words, not {split.dtype}: 0 (train) or 1 (test)")
    test = (split == "test") if split.dtype.kind == "U" else (split == 1)
    train = (split == "train") if split.dtype.kind == "U" else (split == 0)
    if not np.all(test | train):
        raise InputError(f"split of {path} must be 0 (train) or 1 (test), or those words, for each image")
    if not train.any() or not test.any():
        raise InputError(f"split of {path} leaves no images to {'test' if train.any() else 'train'} on: give both")
    return np.asarray(test)


def layout(path: Path, shape: tuple[int, ...]) -> str:
    """Tell ``"NCHW"``, ``"NHWC"`` or ``"NHW"`` (grey) from a shape; raise :class:`InputError` for any other."""
    if len(shape) == 3 and shape[1] == shape[2] > 0:
        return "NHW"
    if len(shape) == 4 and shape[1] in (1, 3) and shape[2] == shape[3] > 0:
        return "NCHW"
    if len(shape) == 4 and shape[3] in (1, 3) and shape[1] == shape[2] > 0:
        return "NHWC"
    raise InputError(
        f"images of {path} have shape {list(shape)}: give square images as [N, H, W, C] or [N, C, H, W] with C 1 or 3"
    )


def npz_info(path: Path) -> DatasetInfo:
    """Give the facts of an ``.npz`` from the header of its images and from its labels."""
    with open_npz(path) as archive:
        if "images" not in archive.files:
            member(path, archive, "images")
        try:
            with archive.zip.open("images.npy") as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape = read(file)[0]
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(f"images of {path} cannot be read ({error}): save them again with numpy.savez") from error
        kind = layout(path, shape)
        labels, test, classes = npz_labels(path, archive, shape[0])
    counts = present(str(path), labels[~test], classes)
    size = shape[2]
    channels = {"NHW": 1, "NCHW": shape[1], "NHWC": shape[-1]}[kind]
    counted = int(test.sum())
    train = len(labels) - counted
    return DatasetInfo(
        str(path), classes, size, channels, (), (), train, counted, None, "npz", counts=tuple(counts.tolist())
    )


def read_npz(path: str | Path) -> Arrays:
    """Read images and labels, with optional split (else a stratified fifth is for testing) and class names.

    Args:
        path: File with ``images`` (uint8, integers 0 to 255, or finite floats; square; NHWC, NCHW or grey NHW),
            ``labels`` (integers from 0) and optionally ``split`` (0 train, 1 test, or words) and ``classes``.

    Raises:
        InputError: Anything else.
    """
    path = Path(path)
    with open_npz(path) as archive:
        images = member(path, archive, "images")
        kind = layout(path, images.shape)
        labels, test, classes = npz_labels(path, archive, len(images))
    if kind == "NHWC":
        images = images.transpose(0, 3, 1, 2)
    elif kind == "NHW":
        images = images[:, None]
    images = pixels(path, images)
    return Arrays(
        np.ascontiguousarray(images[~test]),
        labels[~test],
        np.ascontiguousarray(images[test]),
        labels[test],
        classes,
    )


def pixels(path: Path, images: np.ndarray) -> np.ndarray:
    """Bring images to uint8 or finite float32; raise :class:`InputError` for what cannot be."""
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind == "f":
        images = images.astype(np.float32)
        if not np.isfinite(images).all():
            raise InputError(f"images of {path} hold NaN or infinite values: give finite numbers")
        return images
    if images.dtype.kind in "iu" and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8)
    raise InputError(f"images of {path} are {images.dtype}: give uint8 values 0 to 255, or floats")


def present(name: str, labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
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
        raise InputError(
            f"{what} {', '.join(empty[:20])} of {name} {verb} no training images: give some, or leave {each} out"
        )
    return counts


def checked(name: str, arrays: Arrays) -> Arrays:
    """Refuse training images that teach nothing: of too few classes, of a blank one, with a channel of one value."""
    present(name, arrays.train_labels, arrays.classes)
    images = arrays.train_images
    everything = np.arange(len(images))
    flat = any(constant(images[:, channel : channel + 1], everything) for channel in range(images.shape[1]))
    if flat or (images.dtype.kind == "f" and min(images.std(axis=(0, 2, 3), dtype=np.float64)) < SPREAD):
        how = "has the same value everywhere" if flat else "hardly varies"
        raise InputError(f"a channel of the training images of {name} {how}: give images that differ")
    members = [np.flatnonzero(arrays.train_labels == label) for label in range(len(arrays.classes))]
    blank = [repr(arrays.classes[label]) for label, index in enumerate(members) if constant(images, index)]
    if blank:
        raise InputError(
            f"all training images of class {', '.join(blank[:20])} of {name} are of one value: give images that differ"
        )
    return arrays


def constant(images: np.ndarray, index: np.ndarray) -> bool:
    """Tell whether the images of an index hold one and the same value; mostly the first one tells that they do not."""
    value = images[index[0]].flat[0]
    return all(bool((images[at] == value).all()) for at in index)
