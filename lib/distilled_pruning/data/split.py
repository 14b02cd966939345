"""Images with labels and the normalisation that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import InputError
from .facts import largest_remainder
from .images import normalise
from .whitening import Whitening


def likeliest(labels: Tensor) -> Tensor:
    """Give one class an image, int64 [N], of labels or of the probabilities of classes."""
    return labels.argmax(1) if labels.is_floating_point() else labels


@dataclass(frozen=True, eq=False)
class Split:
    """Images with labels and the normalisation that belongs to them.

    Attributes:
        images: uint8 (0 to 255 standing for 0 to 1) or float, [N, C, H, W]; floats are used as they are, in the space
            ``mean`` and ``std`` belong to.
        labels: int64 [N]; of training images also the probabilities of the classes, float32 [N, classes].
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
        soft = self.labels.dtype == torch.float32 and self.labels.shape == (len(self.images), self.classes)
        if not soft and (self.labels.shape != self.images.shape[:1] or self.labels.dtype != torch.int64):
            raise InputError(
                f"labels must be int64 of shape [{len(self.images)}], one per image, "
                f"not {str(self.labels.dtype).removeprefix('torch.')} of shape {list(self.labels.shape)}"
            )
        if not len(self.mean) == len(self.std) == self.images.shape[1]:
            raise InputError(f"mean and std must have one value for each of the {self.images.shape[1]} channels")
        # Grey images made by [:, None], or taken from an array by an index, have strides such as (64, 1, 8, 1) for
        # [N, 1, 8, 8], which PyTorch takes for channels-last. Training a ResNet on such with 2.15 was seen to end in a
        # corrupted heap, not on every CPU. This gives them a fresh tensor's strides, and copies scattered values only.
        object.__setattr__(self, "images", self.images.reshape(-1).view(self.images.shape))

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    @property
    def unscaled(self) -> bool:
        """Whether mean and deviation change nothing, as for images that are normalised or whitened already."""
        return not any(self.mean) and set(self.std) == {1.0}

    def normalised(self, index: Tensor | slice | None = None) -> Tensor:
        """Give the images (or those of an index) as networks take them: float32 [n, C, H, W]."""
        images = self.images if index is None else self.images[index]
        if images.dtype != torch.uint8 and self.unscaled:
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
            InputError: More images than there are, fewer than one a class, or no whole number of them.
        """
        labels = likeliest(self.labels.cpu())
        counts = torch.bincount(labels, minlength=self.classes)
        present = counts.nonzero().flatten()
        if not len(present) <= n <= len(self):
            raise InputError(f"a subset must have {len(present)} (one a class) to {len(self)} images, not {n}")
        if n != int(n):
            raise InputError(f"a subset must have a whole number of images, not {n}")
        shares = largest_remainder(counts[present].tolist(), n)
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
