"""Datasets as resident tensors: named ones, ``.npz`` files and class folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from . import catalog, official, sources
from .catalog import DatasetInfo
from .errors import InputError, unknown
from .sources import Arrays
from .whitening import Whitening

__all__ = ["Dataset", "Split", "Whitening", "digest", "load", "normalise"]

ENVIRONMENT = "DISTILLED_PRUNING_DATA"
NORMALISATIONS = ("dataset", "papers")
CHUNK = 1000


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Normalise images; uint8 ones are divided by 255 first.

    Args:
        images: uint8 or float [N, C, H, W].
        mean: Per-channel mean, float32 [1, C, 1, 1], on the images' device.
        std: Per-channel standard deviation, likewise.

    Returns:
        float32 [N, C, H, W]; differentiable for float images.
    """
    if images.dtype == torch.uint8:
        return images.float().sub_(mean * 255).div_(std * 255)
    return (images.float() - mean) / std


@dataclass(frozen=True, eq=False)
class Split:
    """Images with labels and the normalisation that belongs to them.

    Attributes:
        images: uint8 (0 to 255 standing for 0 to 1) or float, [N, C, H, W]; floats are used as they are, in the space
            ``mean`` and ``std`` belong to.
        labels: int64 [N].
        mean: Per-channel mean that :meth:`normalised` subtracts; 0 for images already normalised or whitened.
        std: Per-channel standard deviation it divides by; 1 likewise.
        classes: Number of classes, also those without an image here.
        whitening: ZCA transform the images went through, or ``None``.
    """

    images: Tensor
    labels: Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: int
    whitening: Whitening | None = None

    def __post_init__(self) -> None:
        """Raise :class:`InputError` for images and labels that do not fit each other."""
        if self.images.ndim != 4:
            raise InputError(f"images must have shape [N, C, H, W], not {list(self.images.shape)}")
        if self.labels.shape != self.images.shape[:1] or self.labels.dtype != torch.int64:
            raise InputError(
                f"labels must be int64 of shape [{len(self.images)}], one per image, "
                f"not {str(self.labels.dtype).removeprefix('torch.')} of shape {list(self.labels.shape)}"
            )
        if not len(self.mean) == len(self.std) == self.images.shape[1]:
            raise InputError(f"mean and std must have one value for each of the {self.images.shape[1]} channels")

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def normalised(self, index: Tensor | slice | None = None) -> Tensor:
        """Give the images (or those of an index) as networks take them: float32 [n, C, H, W]."""
        images = self.images if index is None else self.images[index]
        if images.dtype != torch.uint8 and not any(self.mean) and set(self.std) == {1.0}:
            return images.float()
        mean, std = (torch.tensor(v, device=images.device).reshape(1, -1, 1, 1) for v in (self.mean, self.std))
        return normalise(images, mean, std)

    def to(self, device: str | torch.device) -> Split:
        """Give the split with its tensors on a device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def take(self, index: Tensor) -> Split:
        """Give the images of an index, in its order."""
        index = index.to(self.images.device)
        return replace(self, images=self.images[index], labels=self.labels[index])

    def subset(self, n: int, seed: int = 0) -> Split:
        """Give ``n`` images in the split's order, drawn from each class in proportion, at least one of each.

        Raises:
            InputError: More images than there are, or fewer than one a class.
        """
        labels = self.labels.cpu()
        counts = torch.bincount(labels, minlength=self.classes)
        present = counts.nonzero().flatten()
        if not len(present) <= n <= len(self):
            raise InputError(f"a subset must have {len(present)} (one a class) to {len(self)} images, not {n}")
        shares = catalog.largest_remainder(counts[present].tolist(), n)
        generator = torch.Generator().manual_seed(seed)
        chosen = []
        for label, share in zip(present.tolist(), shares, strict=True):
            members = (labels == label).nonzero().flatten()
            chosen.append(members[torch.randperm(len(members), generator=generator)[:share]])
        return self.take(torch.cat(chosen).sort().values)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test split that share classes and normalisation.

    Attributes:
        name: Catalog name, or the path's last part.
        train: Training images.
        test: Test images.
        classes: Class names in label order.
        digest: SHA-256 of the source, before ``size`` and ``subset``.
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
        return self.train.images.shape[-1]

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return self.train.images.shape[1]


def chunks(count: int, length: int = CHUNK) -> Iterator[slice]:
    """Cut a range into slices."""
    return (slice(begin, begin + length) for begin in range(0, count, length))


def resize(images: Tensor, size: int) -> Tensor:
    """Resize square images [N, C, H, W] bilinearly (antialiased when shrinking); uint8 stays uint8, rounded."""
    if images.shape[-1] == size:
        return images
    out = torch.empty(*images.shape[:2], size, size, dtype=images.dtype)
    for part in chunks(len(images)):
        scaled = F.interpolate(images[part].float(), (size, size), mode="bilinear", antialias=size < images.shape[-1])
        out[part] = scaled.round_().clamp_(0, 255) if images.dtype == torch.uint8 else scaled
    return out


def statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Measure mean and standard deviation of each channel over all pixels, to four decimals, as usually printed."""
    total = torch.zeros(2, images.shape[1], dtype=torch.float64)
    for part in chunks(len(images)):
        values = images[part].double().transpose(0, 1).flatten(1)
        values = values / 255 if images.dtype == torch.uint8 else values
        total += torch.stack([values.sum(1), values.square().sum(1)])
    mean, square = total / (images.numel() // images.shape[1])
    std = (square - mean.square()).clamp(min=0).sqrt()
    return tuple(round(v, 4) for v in mean.tolist()), tuple(round(v, 4) for v in std.tolist())


def load(
    name: str,
    size: int | None = None,
    subset: int | None = None,
    normalisation: str = "dataset",
    zca: bool = False,
    root: str | Path | None = None,
) -> Dataset:
    """Load a dataset into memory.

    Args:
        name: A name of :data:`catalog.DATASETS`, or the path of an ``.npz`` file or a folder of class folders.
        size: Side in pixels; the dataset's own by default.
        subset: Number of training images, drawn by class; all by default. The test images stay whole.
        normalisation: ``"dataset"`` for the training images' per-channel statistics at the size loaded (CIFAR-10's
            deviations are .2470 .2435 .2616), ``"papers"`` for those of the papers' code (.2023 .1994 .2010).
        zca: Whiten with ZCA fitted on the training images, instead of normalising.
        root: Folder with the files, before ``DISTILLED_PRUNING_DATA``.

    Raises:
        InputError: Unknown name, files that are not there or damaged, or an option that does not fit.
    """
    if normalisation not in NORMALISATIONS:
        raise unknown("normalisation", normalisation, NORMALISATIONS)
    if size is not None and size < 1:
        raise InputError(f"size must be at least 1 px, not {size}")
    arrays, found = read(name, size, root)
    train, test = (resize(torch.from_numpy(x), size or x.shape[-1]) for x in (arrays.train_images, arrays.test_images))
    info = catalog.DATASETS.get(name)
    mean, std = spread(info, train, normalisation)
    whitening = None
    labels = torch.from_numpy(arrays.train_labels), torch.from_numpy(arrays.test_labels)
    splits = [
        Split(images, label, mean, std, len(arrays.classes), whitening)
        for images, label in zip((train, test), labels, strict=True)
    ]
    if subset is not None:
        splits[0] = splits[0].subset(subset)
    return Dataset(info.name if info else Path(name).name, splits[0], splits[1], arrays.classes, found)


def spread(info: DatasetInfo | None, train: Tensor, normalisation: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Choose mean and standard deviation of a normalisation."""
    if info is not None and normalisation == "papers" and info.papers:
        return info.papers
    if info is not None and info.mean and train.shape[-1] == info.size:
        return info.mean, info.std
    mean, std = statistics(train)
    if not all(std):
        raise InputError("a channel of the training images has the same value everywhere: give images that differ")
    return mean, std


def folder(root: str | Path | None = None) -> Path:
    """Give the folder with the data: ``root``, else what ``DISTILLED_PRUNING_DATA`` names, else ``data``."""
    return Path(root or os.environ.get(ENVIRONMENT) or "data").expanduser()


def read(name: str, size: int | None, root: str | Path | None) -> tuple[Arrays, str]:
    """Read a dataset's arrays and digest."""
    info = catalog.DATASETS.get(name)
    if name == "digits":
        arrays = sources.digits()
    elif info is not None:
        arrays = named(name, folder(root))
    elif Path(name).suffix == ".npz" and Path(name).is_file():
        arrays = sources.read_npz(name)
    else:
        raise catalog.not_found(name)
    found = sources.digest(arrays)
    if info is not None and info.digest not in (None, found):
        raise InputError(
            f"{folder(root) / name}.npz is not {name} as published (digest {found[:12]}, not {str(info.digest)[:12]}): "
            "put the original there in its order, or load your file by its path"
        )
    return sources.checked(name, arrays), found


def named(name: str, root: Path) -> Arrays:
    """Read a named dataset from ``NAME.npz`` or torchvision's files."""
    if (root / f"{name}.npz").is_file():
        return sources.read_npz(root / f"{name}.npz")
    if official.present(name, root):
        return official.read(name, root)
    raise InputError(
        f"{name} is not in {root}: put {name}.npz or torchvision's files there, or name another folder in {ENVIRONMENT}"
    )


def digest(name: str, root: str | Path | None = None) -> str:
    """Give the SHA-256 of a dataset's source."""
    info = catalog.DATASETS.get(name)
    if info is not None and info.digest:
        return info.digest
    return read(name, None, root)[1]
