"""A distilled set: what is stored, how it decodes into training images, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .. import data
from ..errors import InputError
from . import picture

if TYPE_CHECKING:
    from ..data.split import Split

__all__ = ["Synthetic", "decode", "mix"]

GREY = 0.5


def _check_tiles(count: int, factor: int, classes: int, parts: int) -> None:
    """Raise :class:`InputError` for images that do not divide among classes, or classes and tiles."""
    if factor < 1 or classes < 1:
        raise InputError(f"factor and classes must be at least 1, not {factor} and {classes}")
    if count % parts:
        raise InputError(f"{count} images cannot be as many of each class: give a multiple of {parts}")


def decode(images: Tensor, factor: int, classes: int, fill: float | Tensor = GREY) -> Tensor:
    """Cut stored images into their tiles and enlarge each to full size (IDC section 4.1, multi-formation).

    A side that ``factor`` does not divide is padded on the right and bottom with ``fill``. Enlarging is bilinear.

    Args:
        images: Stored images [classes * ipc, channels, height, width], sorted by class.
        factor: Tiles along each side.
        classes: Number of classes.
        fill: Value of the padding, one number or one per channel.

    Returns:
        Images [classes * ipc * factor ** 2, channels, height, width], sorted by class; inside a class tile (0, 0) of
        every image comes first, then tile (0, 1) of every image, and so on. Differentiable.

    Raises:
        InputError: Images that are not as many of each class, or no tiles.
    """
    if factor == 1:
        return images
    _check_tiles(len(images), factor, classes, classes)
    count, channels, height, width = images.shape
    rows, columns = -(-height // factor), -(-width // factor)
    if (rows * factor, columns * factor) != (height, width):
        blank = torch.as_tensor(fill, dtype=images.dtype, device=images.device).reshape(1, -1, 1, 1)
        padding = (0, columns * factor - width, 0, rows * factor - height)
        images = F.pad(images - blank, padding) + blank
    tiles = images.reshape(classes, count // classes, channels, factor, rows, factor, columns)
    tiles = tiles.permute(0, 3, 5, 1, 2, 4, 6).reshape(-1, channels, rows, columns)
    return F.interpolate(tiles, size=(height, width), mode="bilinear", align_corners=False)


def decode_bounded(images: Tensor, factor: int, most: int, fill: float | Tensor = GREY) -> Tensor:
    """Decode stored images of one class into at most ``most``, if they are not more already.

    IDC's way to spare memory where ``factor`` is large: as many of the first images as the bound allows are decoded
    with ``factor``, as many of the next with one less, and so on; each of the last is one image.

    Args:
        images: Stored images [ipc, channels, height, width] of one class.
        factor: Largest number of tiles along each side.
        most: Decoded images to have at most.
        fill: Value of the padding, one number or one per channel.

    Returns:
        Decoded images, those of ``factor`` first. Differentiable.
    """
    parts, left, room = [], len(images), most
    for tiles in range(factor, 0, -1):
        count = min(max(room - left, 0) // tiles**2, left) if tiles > 1 else left
        if count:
            parts.append(decode(images[len(images) - left :][:count], tiles, 1, fill))
        left, room = left - count, room - count * tiles**2
    return torch.cat(parts)


def mix(images: Tensor, factor: int, classes: int) -> Tensor:
    """Shrink real images and lay them out in tiles, the inverse of :func:`decode` up to resolution (IDC's "mix" start).

    Args:
        images: Real images [classes * ipc * factor ** 2, channels, height, width], sorted by class.
        factor: Tiles along each side.
        classes: Number of classes.

    Returns:
        Stored images [classes * ipc, channels, height, width]; shrinking is by nearest neighbour, as in IDC.

    Raises:
        InputError: Images that do not fill as many stored ones of each class, or no tiles.
    """
    if factor == 1:
        return images
    _check_tiles(len(images), factor, classes, classes * factor**2)
    count, channels, height, width = images.shape
    ipc = count // (classes * factor**2)
    rows, columns = -(-height // factor), -(-width // factor)
    tiles = images.reshape(classes, factor, factor, ipc, channels, height, width)
    stored = images.new_empty(classes, ipc, channels, height, width)
    for i in range(factor):
        for j in range(factor):
            down, right = min(rows, height - i * rows), min(columns, width - j * columns)
            part = F.interpolate(tiles[:, i, j].reshape(-1, channels, height, width), size=(down, right))
            stored[..., i * rows : i * rows + down, j * columns : j * columns + right] = part.reshape(
                classes, ipc, channels, down, right
            )
    return stored.reshape(classes * ipc, channels, height, width)


@dataclass(frozen=True, eq=False)
class Synthetic:
    """A distilled dataset as it is stored.

    Attributes:
        images: Float32 [classes * ipc, channels, height, width], sorted by class, in the space ``mean`` and ``std``
            belong to (pixels, possibly a little outside [0, 1], or whitened).
        labels: Int64 [classes * ipc], or the probabilities of the classes, float32 [classes * ipc, classes].
        factor: Tiles along each side; a stored image holds ``factor ** 2`` training images.
        method: How it was made, a name of :data:`.methods.DISTILLERS` or ``"published"``.
        mean: Channel means for normalising.
        std: Channel standard deviations for normalising.
        classes: Number of classes.
        space: ``"pixel"``, ``"normalised"`` or ``"zca"``: what the values are.
        history: Matching loss of each outer iteration.
        snapshots: Stored images by iteration: start, 10, 20, 50 and 100 %.
        step_size: MTT's learned step size, or ``None``.
        settings: The settings that made it, as JSON-ready values.
    """

    images: Tensor
    labels: Tensor
    factor: int
    method: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: int
    space: str = "pixel"
    history: list[float] = field(default_factory=list)
    snapshots: dict[int, Tensor] = field(default_factory=dict)
    step_size: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the stored images."""
        return len(self.images)

    @property
    def ipc(self) -> int:
        """Stored images per class."""
        return len(self.images) // self.classes

    @property
    def start(self) -> Tensor:
        """The images before the first iteration; the images themselves where nothing was optimised."""
        return self.snapshots.get(0, self.images)

    def at(self, iteration: int) -> Synthetic:
        """Give the set as it was at a kept snapshot.

        Raises:
            InputError: No snapshot of that iteration was kept.
        """
        if iteration not in self.snapshots:
            kept = ", ".join(map(str, sorted(self.snapshots)))
            advice = f"choose one of {kept}" if kept else "recorded sets come without, finished images alone"
            raise InputError(f"no snapshot of iteration {iteration} was kept: {advice}")
        return replace(self, images=self.snapshots[iteration], history=self.history[:iteration], snapshots={})

    def decode(self) -> Split:
        """Decode into the images a network trains on: ``factor ** 2`` per stored image, class by class."""
        fill: float | Tensor = GREY if self.space == "pixel" else 0.0
        images = decode(self.images, self.factor, self.classes, fill)
        stored = torch.arange(len(self)).reshape(self.classes, 1, -1).expand(-1, self.factor**2, -1).reshape(-1)
        return data.Split(images, self.labels[stored], self.mean, self.std, self.classes)

    def grid(self, images: Tensor | None = None, columns: int | None = None, margin: int = 1) -> np.ndarray:
        """Lay the stored images out as one picture, a row per class.

        Args:
            images: Stored images to draw instead, such as a snapshot.
            columns: Images of each class to show, at most; all by default.
            margin: White pixels between images.

        Returns:
            Picture uint8 [height, width, 3]; values outside what a screen shows are clipped.
        """
        shown = (self.images if images is None else images).detach().cpu().numpy()
        return picture.grid(shown, self.classes, space=self.space, columns=columns, margin=margin)

    def pack(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Split into JSON-ready figures and arrays, for keeping; :meth:`unpack` is the inverse."""
        arrays = {"images": self.images.cpu().numpy(), "labels": self.labels.cpu().numpy()}
        arrays |= {f"snapshot.{at}": images.cpu().numpy() for at, images in self.snapshots.items()}
        meta = {
            name: getattr(self, name)
            for name in ("factor", "method", "mean", "std", "classes", "space", "history", "step_size", "settings")
        }
        return meta, arrays

    @classmethod
    def unpack(cls, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> Synthetic:
        """Rebuild a set from what :meth:`pack` gave."""
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        snapshots = {int(k.split(".")[1]): tensors[k] for k in sorted(tensors, key=_order) if k.startswith("snapshot.")}
        fields = {**meta, "mean": tuple(meta["mean"]), "std": tuple(meta["std"])}
        return cls(images=tensors["images"], labels=tensors["labels"], snapshots=snapshots, **fields)


def _order(name: str) -> int:
    """Sort snapshot names by iteration."""
    return int(name.split(".")[1]) if name.startswith("snapshot.") else -1
