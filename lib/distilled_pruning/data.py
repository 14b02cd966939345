"""Datasets as resident tensors: decoded once, normalised on the fly, named by a digest of their content."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from . import catalog
from .errors import InputError

__all__ = ["Dataset", "Split", "digest", "load"]

ENVIRONMENT = "DISTILLED_PRUNING_DATA"
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Split:
    """Images, labels and the normalisation that belongs to them.

    Attributes:
        images: [N, C, H, W]; uint8 stands for value/255, floats are used as they are.
        labels: Int64 [N], class-numbered from 0.
        mean: Per-channel mean to subtract, (0, …) for images in normalised space.
        std: Per-channel deviation to divide by.
        classes: Number of classes.
        whitening: Applied after normalising, ``None`` for none.
    """

    images: Tensor
    labels: Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: int
    whitening: Callable[[Tensor], Tensor] | None = None

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def normalise(self, images: Tensor) -> Tensor:
        """Turn raw images of this split into what a network sees, float32 or the images' own float type."""
        if images.dtype == torch.uint8:
            images = images.float() / 255
        shape = (1, -1, 1, 1)
        mean = torch.tensor(self.mean, dtype=images.dtype, device=images.device).reshape(shape)
        std = torch.tensor(self.std, dtype=images.dtype, device=images.device).reshape(shape)
        images = (images - mean) / std
        return images if self.whitening is None else self.whitening(images)

    def normalised(self, index: Any = None) -> Tensor:
        """Give normalised images [n, C, H, W], all or those at an index, slice or index tensor."""
        return self.normalise(self.images if index is None else self.images[index])

    def to(self, device: torch.device | str) -> Split:
        """Move images and labels to a device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def take(self, index: Any) -> Split:
        """Keep the images at an index, in its order."""
        return replace(self, images=self.images[index], labels=self.labels[index])

    def subset(self, n: int, seed: int = 0) -> Split:
        """Keep ``n`` images, classes in proportion, the same ones for the same seed, in the original order.

        Raises:
            InputError: More images than there are, or fewer than one a class.
        """
        if not self.classes <= n <= len(self):
            raise InputError(f"a subset needs {self.classes} (one a class) to {len(self)} images, not {n}")
        generator = torch.Generator().manual_seed(seed)
        labels = self.labels.cpu()
        exact = labels.bincount(minlength=self.classes).double() * n / len(labels)
        quota = exact.long().clamp(min=1)
        missing = n - int(quota.sum())
        if missing > 0:
            quota[(exact - quota).argsort(descending=True, stable=True)[:missing]] += 1
        elif missing < 0:
            quota[quota.argsort(descending=True, stable=True)[:-missing]] -= 1
        chosen = []
        for label, count in enumerate(quota.tolist()):
            members = (labels == label).nonzero().flatten()
            chosen.append(members[torch.randperm(len(members), generator=generator)[:count]])
        return self.take(torch.cat(chosen).sort().values.to(self.labels.device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset in memory.

    Attributes:
        name: Catalog name, or the path it came from.
        train: Training images.
        test: Test images.
        classes: Class names.
        digest: SHA-256 of the source's content in canonical order.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    digest: str

    @property
    def mean(self) -> tuple[float, ...]:
        """Per-channel mean of the normalisation."""
        return self.train.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Per-channel standard deviation of the normalisation."""
        return self.train.std

    @property
    def size(self) -> int:
        """Side of the images in pixels."""
        return int(self.train.images.shape[-1])

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.train.images.shape[1])


def hash_arrays(parts: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """Hash images (uint8 NCHW) and labels (int64) of train and test, whatever form they came in."""
    state = hashlib.sha256()
    for images, labels in parts:
        state.update(f"{images.dtype}{images.shape}".encode())
        state.update(np.ascontiguousarray(images))
        state.update(np.ascontiguousarray(labels, dtype="<i8"))
    return state.hexdigest()


def digits() -> list[tuple[np.ndarray, np.ndarray]]:
    """Read scikit-learn's bundled digits: 1,437 to train on and 360 to test on, 8 x 8 grey."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.RandomState(123).permutation(len(bunch.target))
    images = np.rint(bunch.images[order] * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target[order].astype(np.int64)
    return [(images[360:], labels[360:]), (images[:360], labels[:360])]


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles nothing but NumPy arrays and plain containers, which is what CIFAR's files hold."""

    def find_class(self, module: str, name: str) -> Any:
        """Allow NumPy's reconstruction helpers only."""
        if (module.split(".")[0], name) in {("numpy", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}:
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not data")


CIFAR_FILES = {
    "cifar10": ("cifar-10-batches-py", [f"data_batch_{n}" for n in range(1, 6)], ["test_batch"], b"labels"),
    "cifar100": ("cifar-100-python", ["train"], ["test"], b"fine_labels"),
}


def cifar(name: str, root: Path) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Read torchvision's own CIFAR files, ``None`` where they are not there."""
    folder, train, test, labels = CIFAR_FILES[name]
    if not all((root / folder / file).is_file() for file in train + test):
        return None
    parts = []
    for files in (train, test):
        rows = []
        for file in files:
            with (root / folder / file).open("rb") as stream:
                rows.append(ArrayUnpickler(stream, encoding="bytes").load())
        images = np.concatenate([row[b"data"] for row in rows]).reshape(-1, 3, 32, 32)
        parts.append((images, np.concatenate([np.asarray(row[labels], dtype=np.int64) for row in rows])))
    return parts


def from_npz(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read ``images``, ``labels`` and ``split`` from a NumPy archive."""
    with np.load(path, allow_pickle=False) as archive:
        images, labels, split = archive["images"], archive["labels"].astype(np.int64), archive["split"]
    if images.shape[-1] in (1, 3):
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return [(images[split == part], labels[split == part]) for part in (0, 1)]


@functools.lru_cache(maxsize=2)
def read(name: str, root: str | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read a dataset's arrays: train and test, images uint8 NCHW and labels."""
    if name == "digits":
        return digits()
    folder = Path(root or os.environ.get(ENVIRONMENT, "data"))
    if (folder / f"{name}.npz").is_file():
        return from_npz(folder / f"{name}.npz")
    parts = cifar(name, folder) if name in CIFAR_FILES else None
    if parts is None:
        raise InputError(
            f"{name} is not in {folder}: put {name}.npz or torchvision's files there, "
            f"or name another folder in {ENVIRONMENT}"
        )
    return parts


def digest(name: str, root: str | None = None) -> str:
    """Give the digest of a dataset's source: the catalog's where it is known, else of the content."""
    known = catalog.info(name).digest
    return known if known is not None else hash_arrays(read(name, root))


def resized(images: np.ndarray, size: int | None) -> Tensor:
    """Resize uint8 images bilinearly to a side, rounding to whole values."""
    tensor = torch.from_numpy(images)
    if size is None or tensor.shape[-1] == size:
        return tensor
    smooth = F.interpolate(tensor.float(), size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return smooth.round().clamp(0, 255).to(torch.uint8)


def load(
    name: str,
    size: int | None = None,
    subset: int | None = None,
    normalisation: str = "dataset",
    zca: bool = False,
    root: str | None = None,
) -> Dataset:
    """Load a dataset into memory.

    Args:
        name: A name of the catalog.
        size: Side in pixels, the native one by default.
        subset: Stratified number of training images.
        normalisation: ``"dataset"`` for its own channel statistics, ``"papers"`` for those of the papers' code.
        zca: Whiten.
        root: Folder with the files, else the environment's.
    """
    info = catalog.info(name)
    parts = read(name, root)
    images = [resized(part[0], size) for part in parts]
    if normalisation == "papers" and name in catalog.PAPERS:
        mean, std = catalog.PAPERS[name]
    else:
        pixels = images[0].float() / 255
        mean = tuple(round(float(value), 4) for value in pixels.mean((0, 2, 3)))
        std = tuple(round(float(value), 4) for value in pixels.std((0, 2, 3)))
    train, test = (
        Split(tensor, torch.from_numpy(part[1]), mean, std, len(info.classes))
        for tensor, part in zip(images, parts, strict=True)
    )
    return Dataset(name, train.subset(subset) if subset else train, test, info.classes, digest(name, root))
