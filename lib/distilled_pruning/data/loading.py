"""Datasets as resident tensors: named ones, ``.npz`` files and class folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from .. import disk
from ..errors import InputError, unknown
from . import catalog, decoding, download, folders, functions, npz, official, sources, whitening as whiten
from .catalog import folder
from .facts import DatasetInfo
from .images import resize, statistics
from .sources import Arrays
from .split import Dataset, Split
from .whitening import Whitening

__all__ = ["digest", "fetch", "find", "load", "read", "verify"]

_NORMALISATIONS = ("dataset", "papers")


def load(
    name: str,
    size: int | None = None,
    subset: int | None = None,
    normalisation: str = "dataset",
    zca: bool = False,
    root: str | Path | None = None,
) -> Dataset:
    """Load a dataset into memory, downloading it first where that is possible and it is not there.

    Args:
        name: A name of :data:`catalog.DATASETS`, or the path of an ``.npz`` file or a folder of class folders.
        size: Side in pixels; the dataset's own by default.
        subset: Number of training images, drawn by class; all by default. The test images stay whole.
        normalisation: ``"dataset"`` for the training images' per-channel statistics at the size loaded (CIFAR-10's
            deviations are .2470 .2435 .2616), ``"papers"`` for those of the papers' code (.2023 .1994 .2010).
        zca: Whiten with ZCA fitted on all training images, instead of normalising.
        root: Folder with the files; ``DISTILLED_PRUNING_DATA`` or ``data`` by default.

    Raises:
        InputError: Unknown name, files that cannot be had or are damaged, or an option that does not fit.

    Examples:
        >>> from distilled_pruning import data
        >>> digits = data.load("digits", size=16)
        >>> digits.train.images.shape, digits.train.labels.dtype, digits.classes[:3]
        (torch.Size([1437, 1, 16, 16]), torch.int64, ('0', '1', '2'))
        >>> len(data.load("digits", subset=100).train), len(digits.test)
        (100, 360)
    """
    if normalisation not in _NORMALISATIONS:
        raise unknown("normalisation", normalisation, _NORMALISATIONS)
    if size is not None and size < 1:
        raise InputError(f"size must be at least 1 px, not {size}")
    info = catalog.DATASETS.get(name)
    arrays, found = read(name, size, root)
    train, test = (resize(torch.from_numpy(x), size or x.shape[-1]) for x in (arrays.train_images, arrays.test_images))
    whitening: Whitening | None = None
    mean, std = (0.0,) * train.shape[1], (1.0,) * train.shape[1]
    if zca:
        whitening = whiten.fit_once(train, f"{found[:32]}-{train.shape[-1]}")
        train, test = whitening.apply(train), whitening.apply(test)
    else:
        mean, std = _choose_normalisation(info, train, normalisation)
    splits = [
        Split(images, torch.from_numpy(labels), mean, std, len(arrays.classes), whitening)
        for images, labels in ((train, arrays.train_labels), (test, arrays.test_labels))
    ]
    if subset is not None:
        splits[0] = splits[0].subset(subset)
    return Dataset(catalog.short_name(name), splits[0], splits[1], arrays.classes, found)


def _choose_normalisation(
    info: DatasetInfo | None, train: Tensor, normalisation: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Choose mean and standard deviation of a normalisation."""
    if info is not None and normalisation == "papers" and info.papers:
        return info.papers
    if info is not None and info.mean and train.shape[-1] == info.size:
        return info.mean, info.std
    mean, std = statistics(train)
    if not all(std):
        raise InputError("a channel of the training images has the same value everywhere: give images that differ")
    return mean, std


def find(name: str, root: str | Path | None = None) -> Path | None:
    """Say where a dataset is: the file or folder to read, or ``None`` where it is not there.

    Raises:
        InputError: Neither a known name nor a path that is there.
    """
    info = catalog.DATASETS.get(name)
    if info is None:
        path = disk.expand(name)
        if disk.is_dir(path) or (path.suffix.lower() == ".npz" and disk.is_file(path)):
            return path
        raise catalog.not_found(name)
    place = folder(root)
    if info.arrays is not None:
        return place
    if (place / f"{name}.npz").is_file():
        return place / f"{name}.npz"
    if info.kind == "folders":
        return next((place / part for part in info.folders if (place / part).is_dir()), None)
    return place if info.kind == "sklearn" or official.present(name, place) else None


def read(
    name: str, size: int | None = None, root: str | Path | None = None, *, fresh: bool = False
) -> tuple[Arrays, str]:
    """Read a dataset's arrays and digest.

    Args:
        name: A catalog name or a path.
        size: Side to decode class folders to; other forms come as they are.
        root: Folder with the files.
        fresh: Trust no cache.

    Raises:
        InputError: As :func:`load`.
    """
    info = catalog.DATASETS.get(name)
    path = find(name, root)
    if path is None:
        path = fetch(name, root)
    if info is not None and info.arrays is not None:
        return functions.read(info)
    if path.is_dir() and (info is None or info.kind == "folders"):
        listed = folders.listing(path, info.wnids, info.classes) if info else folders.listing(path)
        return decoding.read(listed, size or (info.size if info else None), fresh=fresh)
    if path.suffix.lower() == ".npz":
        arrays = npz.read(path)
        arrays = _name_classes(path, arrays, info) if info else arrays
    else:
        assert info is not None
        arrays = sources.digits() if name == "digits" else official.read(name, path, info.classes)
    found = sources.digest(arrays)
    if info is not None and info.digest not in (None, found):
        raise InputError(
            f"{path} is not {name} as published (digest {found[:12]}, not {str(info.digest)[:12]}): "
            "put the original there in its order, or load your file by its path"
        )
    return sources.check(name, arrays), found


def _name_classes(path: Path, arrays: Arrays, info: DatasetInfo) -> Arrays:
    """Check that an ``.npz`` named after a dataset can be it, and give its classes their names."""
    channels = arrays.train_images.shape[1]
    if len(arrays.classes) != len(info.classes) or channels != info.channels:
        raise InputError(
            f"{path} has {len(arrays.classes)} classes and {channels} channels where {info.name} has "
            f"{len(info.classes)} and {info.channels}: put the original there, or load your file by its path"
        )
    return replace(arrays, classes=info.classes)


def digest(name: str, root: str | Path | None = None) -> str:
    """Give the SHA-256 of a dataset's source: the catalog's where it is known, else of what is there; fetches nothing.

    Raises:
        InputError: It is not known and the dataset is not there.
    """
    info = catalog.DATASETS.get(name)
    if info is not None and info.digest:
        return info.digest
    if info is not None and info.arrays is not None:
        return functions.digest(info)
    path = find(name, root)
    if path is None:
        raise _missing(name, root)
    if path.is_dir() and (info is None or info.kind == "folders"):
        return folders.hash_files(folders.listing(path, info.wnids, info.classes) if info else folders.listing(path))
    return read(name, None, root)[1]


def fetch(name: str, root: str | Path | None = None) -> Path:
    """Have a dataset on this machine, downloading it if need be, and give where it is.

    Raises:
        InputError: It cannot be downloaded; the sentence says what to put where.
    """
    path = find(name, root)
    if path is not None:
        return path
    if name == "imagenet10":
        raise _missing(name, root)
    download.fetch(name, folder(root))
    path = find(name, root)
    assert path is not None
    return path


def _missing(name: str, root: str | Path | None = None) -> InputError:
    """Build the error for a named dataset that is not on this machine."""
    if name == "imagenet10":
        return InputError(
            f"imagenet10 is not in {folder(root)}, and ImageNet's licence forbids fetching it for you: put the ten "
            f"class folders {catalog.DATASETS[name].wnids[0]} ... into imagenet10/train and imagenet10/val there"
        )
    return InputError(f"{name} is not in {folder(root)}: fetch it with `distilled-pruning data fetch {name}`")


def verify(name: str, root: str | Path | None = None) -> str:
    """Read a dataset again from its files, trusting no cache, and give its digest.

    Raises:
        InputError: It is not there, damaged, or not what was published.
    """
    if find(name, root) is None:
        raise _missing(name, root)
    return read(name, None, root, fresh=True)[1]
