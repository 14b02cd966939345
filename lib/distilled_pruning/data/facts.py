"""What is known of a dataset before its pixels are read; nothing here knows a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a dataset before its pixels are read.

    Attributes:
        name: Name in :data:`.catalog.DATASETS`, or the path.
        classes: Class names in label order.
        size: Side of the images in pixels as they come; of class folders, the side they are decoded to by default.
        channels: 1 or 3.
        mean: Per-channel mean of the training images in [0, 1] at their own size, four decimals as usually printed;
            empty where only the pixels could tell.
        std: Per-channel standard deviation, likewise.
        train: Number of training images.
        test: Number of test images.
        digest: SHA-256 of the source in canonical order, or ``None`` where it is computed from the files at hand.
        kind: ``"sklearn"``, ``"torchvision"``, ``"folders"``, ``"npz"`` or ``"function"``.
        wnids: ImageNet synsets whose folders hold the classes, in label order.
        papers: Mean and standard deviation in the papers' code where they differ (2503.17905 and IDC, whose CIFAR
            deviations are means over images rather than over pixels); empty where they do not.
        counts: Training images of each class; empty where all classes have as many.
        folders: Names that its folder may have, of class folders; the first one found is read.
        arrays: Makes its :class:`.sources.Arrays`, where they are not read from files.
    """

    name: str
    classes: tuple[str, ...]
    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: int
    test: int
    digest: str | None
    kind: str
    wnids: tuple[str, ...] = ()
    papers: tuple[tuple[float, ...], tuple[float, ...]] | tuple[()] = ()
    counts: tuple[int, ...] = ()
    folders: tuple[str, ...] = ()
    arrays: Callable[[], Any] | None = None

    def per_class(self, images: int = 0) -> list[int]:
        """Count the training images of each class, of a stratified subset of ``images`` unless it is 0."""
        counts = list(self.counts) or [self.train // len(self.classes)] * len(self.classes)
        return largest_remainder(counts, images) if len(counts) <= images < sum(counts) else counts


def largest_remainder(counts: Sequence[int], total: int) -> list[int]:
    """Share ``total`` among classes in proportion to ``counts``, at least 1 each, rounded by largest remainder.

    Args:
        counts: Images of each class, each at least 1.
        total: Images to share out, from the number of classes to the sum of ``counts``.
    """
    whole = sum(counts)
    shares = [max(1, count * total // whole) for count in counts]
    order = sorted(range(len(counts)), key=lambda c: (shares[c] * whole - counts[c] * total, c))
    while (missing := total - sum(shares)) != 0:
        step = 1 if missing > 0 else -1
        for c in order if step > 0 else reversed(order):
            if missing and 1 <= shares[c] + step <= counts[c]:
                shares[c] += step
                missing -= step
    return shares
