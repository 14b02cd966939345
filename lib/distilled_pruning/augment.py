"""Augmentation, batched and seeded: every draw comes from a CPU generator, every operation runs on the images' device.

A specification joins operations by ``+``. They act on normalised images, so that padding with zeros is padding with the
mean colour, as in the papers' code (2503.17905 code, IDC); ``imagenet`` acts on pixels before normalisation.

=================  ====================================================================================================
``shiftN``         zero-padded shift by up to N px in each direction, for each image (``cropN`` is the same)
``flip``           horizontal flip with probability .5
``color``          brightness, saturation and contrast, each with its own draw for each image
``crop``           shift by up to 12.5 % of the side
``scale``          independent zoom of both axes in [1/1.2, 1.2]
``rotate``         rotation in [-15, 15] degrees
``cutout``         a zero square of half the side at a uniform centre
``dsa``            color, flip, and one of crop, scale, rotate drawn for each batch (the papers' CIFAR recipe)
``mtt-dsa``        exactly one of color, crop, cutout, flip, scale, rotate for each batch (first paper, MTT)
``imagenet``       random resized crop, flip, colour jitter, lighting (the papers' ImageNet recipe)
``cutmix``         CutMix with probability .5 a batch; ``cutmix1`` with probability 1; soft labels
=================  ====================================================================================================
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from .errors import InputError, unknown

if TYPE_CHECKING:
    from .data import Split

__all__ = ["Draw", "Pipeline", "parse", "pipeline"]

Draw = dict[str, Tensor]
SHARE, ZOOM, ANGLE = 0.125, 1.2, 15.0
BRIGHTNESS, SATURATION, CONTRAST = 1.0, 2.0, 0.5


@dataclass(frozen=True)
class Operation:
    """One operation: ``draw(images, side, generator)`` makes its random numbers, ``apply(images, draw)`` uses them.

    Every drawn tensor has the images as its first dimension, so one draw of one image serves a whole batch alike.
    """

    draw: Callable[[int, int, Generator], Draw]
    apply: Callable[[Tensor, Draw], Tensor]


def uniform(generator: Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Draw uniform numbers in [low, high)."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def per_image(values: Tensor, images: Tensor) -> Tensor:
    """Shape one number an image to act on [N, C, H, W], on the images' device."""
    return values.to(images.device, images.dtype).reshape(-1, 1, 1, 1)


def shift(reach: int | None) -> Operation:
    """Shift by whole pixels, padding with zeros; ``None`` reaches 12.5 % of the side."""

    def draw(count: int, side: int, generator: Generator) -> Draw:
        most = int(side * SHARE + 0.5) if reach is None else reach
        return {"shift": torch.randint(-most, most + 1, (count, 2), generator=generator), "most": torch.tensor(most)}

    def apply(images: Tensor, draw: Draw) -> Tensor:
        most, (height, width) = int(draw["most"]), images.shape[-2:]
        if most == 0:
            return images
        offsets = (draw["shift"] + most).to(images.device).expand(len(images), 2)
        windows = F.pad(images, (most, most, most, most)).unfold(2, height, 1).unfold(3, width, 1)
        return windows[torch.arange(len(images), device=images.device), :, offsets[:, 0], offsets[:, 1]]

    return Operation(draw, apply)


def flip_apply(images: Tensor, draw: Draw) -> Tensor:
    """Mirror the chosen images left to right."""
    return torch.where(draw["flip"].to(images.device).reshape(-1, 1, 1, 1), images.flip(-1), images)


FLIP = Operation(lambda count, side, generator: {"flip": torch.rand(count, generator=generator) < 0.5}, flip_apply)


def color_apply(images: Tensor, draw: Draw) -> Tensor:
    """Change brightness, then saturation about the channel mean, then contrast about the image mean."""
    images = images + per_image(draw["brightness"], images)
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * per_image(draw["saturation"], images) + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * per_image(draw["contrast"], images) + mean


def color_draw(count: int, side: int, generator: Generator) -> Draw:
    """Draw the three strengths of each image."""
    brightness, saturation, contrast = uniform(generator, 3, count)
    return {
        "brightness": (brightness - 0.5) * BRIGHTNESS,
        "saturation": saturation * SATURATION,
        "contrast": contrast + CONTRAST,
    }


COLOR = Operation(color_draw, color_apply)


def affine(draw: Callable[[int, Generator], Tensor], corners: bool) -> Operation:
    """Sample along an affine map [N, 2, 3], bilinear, zeros outside."""

    def apply(images: Tensor, drawn: Draw) -> Tensor:
        matrix = drawn["matrix"].to(images.device, images.dtype).expand(len(images), 2, 3)
        grid = F.affine_grid(matrix, list(images.shape), align_corners=corners)
        return F.grid_sample(images, grid, align_corners=corners)

    return Operation(lambda count, side, generator: {"matrix": draw(count, generator)}, apply)


def zoom_matrix(count: int, generator: Generator) -> Tensor:
    """Draw independent zooms of both axes; factors above 1 zoom out."""
    factors = uniform(generator, count, 2, low=1 / ZOOM, high=ZOOM)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1] = factors[:, 0], factors[:, 1]
    return matrix


def turn_matrix(count: int, generator: Generator) -> Tensor:
    """Draw rotations."""
    angle = uniform(generator, count, low=-ANGLE, high=ANGLE) * math.pi / 180
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 0, 1], matrix[:, 1, 0] = -angle.sin(), angle.sin()
    return matrix


def cutout_apply(images: Tensor, draw: Draw) -> Tensor:
    """Blank a square of half the side around each image's centre point, clipped at the border."""
    height, width = images.shape[-2:]
    half = max(1, int(height * 0.5 + 0.5)) // 2
    centre = draw["centre"].to(images.device)
    rows = torch.arange(height, device=images.device) - (centre[:, :1] * height).floor()
    columns = torch.arange(width, device=images.device) - (centre[:, 1:] * width).floor()
    hole = ((rows >= -half) & (rows < half))[:, :, None] & ((columns >= -half) & (columns < half))[:, None, :]
    return images * ~hole[:, None]


CUTOUT = Operation(lambda count, side, generator: {"centre": uniform(generator, count, 2)}, cutout_apply)


def one_of(names: tuple[str, ...], corners: bool) -> Operation:
    """Apply one operation, drawn for the whole batch."""
    choices = [operation(name, corners) for name in names]

    def draw(count: int, side: int, generator: Generator) -> Draw:
        chosen = int(torch.randint(len(names), (), generator=generator))
        return {"chosen": torch.tensor(chosen), **choices[chosen].draw(count, side, generator)}

    return Operation(draw, lambda images, drawn: choices[int(drawn["chosen"])].apply(images, drawn))


def operation(name: str, corners: bool = False) -> Operation:
    """Build one operation on normalised images; ``corners`` is PyTorch's ``align_corners`` of the affine ones."""
    if match := re.fullmatch(r"(?:shift|crop)(\d+)", name):
        return shift(int(match[1]))
    match name:
        case "crop":
            return shift(None)
        case "flip":
            return FLIP
        case "color":
            return COLOR
        case "scale":
            return affine(zoom_matrix, corners)
        case "rotate":
            return affine(turn_matrix, corners)
        case "cutout":
            return CUTOUT
    raise unknown("augmentation", name, NAMES)


NAMES = ("shift2", "crop4", "flip", "color", "crop", "scale", "rotate", "cutout", "dsa", "mtt-dsa", "cutmix", "cutmix1")
MIXES = {"cutmix": 0.5, "cutmix1": 1.0}


@functools.cache
def parse(spec: str) -> tuple[tuple[Operation, ...], float | None]:
    """Read a specification into operations and CutMix's probability, ``None`` without CutMix.

    Raises:
        InputError: An unknown operation, or CutMix anywhere but at the end.
    """
    names = [name.strip() for name in spec.split("+")] if spec.strip() else []
    mix = MIXES[names.pop()] if names and names[-1] in MIXES else None
    operations: list[Operation] = []
    for name in names:
        if name in MIXES:
            raise InputError(f"augmentation {spec!r} has {name} before its end: write it once, last")
        if name == "dsa":
            operations += [COLOR, FLIP, one_of(("crop", "scale", "rotate"), corners=False)]
        elif name == "mtt-dsa":
            operations.append(one_of(("color", "crop", "cutout", "flip", "scale", "rotate"), corners=True))
        else:
            operations.append(operation(name))
    return tuple(operations), mix


def boxes(side: int, generator: Generator) -> tuple[int, int, int, int]:
    """Draw CutMix's box: sides by the root of the share cut, a uniform centre, clipped to the image."""
    share = 1 - float(uniform(generator, 1))
    edge = int(side * math.sqrt(share))
    row, column = (int(value) for value in torch.randint(side, (2,), generator=generator))
    top, bottom = max(0, row - edge // 2), min(side, row + edge // 2)
    left, right = max(0, column - edge // 2), min(side, column + edge // 2)
    return top, bottom, left, right


class Pipeline:
    """Augmentation for one split: raw images in, normalised and augmented ones out."""

    def __init__(self, spec: str, split: Split) -> None:
        """Read the specification and take over the split's normalisation and classes."""
        self.operations, self.mix = parse(spec)
        self.like = split

    def draw(self, count: int, side: int, generator: Generator) -> list[Draw]:
        """Draw every operation's random numbers for ``count`` images of ``side`` px."""
        return [item.draw(count, side, generator) for item in self.operations]

    def apply(self, images: Tensor, draws: list[Draw]) -> Tensor:
        """Apply the operations to normalised images [N, C, H, W]; differentiable."""
        for item, drawn in zip(self.operations, draws, strict=True):
            images = item.apply(images, drawn)
        return images

    def __call__(self, images: Tensor, labels: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Normalise and augment a batch.

        Args:
            images: Raw images of the split [B, C, H, W].
            labels: Int64 [B].
            generator: CPU generator; all randomness comes from it.

        Returns:
            Images float32 [B, C, H, W] and targets: the labels, or with CutMix soft labels float32 [B, classes].
        """
        x = self.apply(self.like.normalise(images), self.draw(len(images), images.shape[-1], generator))
        if self.mix is None:
            return x, labels
        targets = F.one_hot(labels, self.like.classes).float()
        if float(uniform(generator, 1)) >= self.mix:
            return x, targets
        top, bottom, left, right = boxes(x.shape[-1], generator)
        partner = torch.randperm(len(x), generator=generator).to(x.device)
        x = x.clone()
        x[:, :, top:bottom, left:right] = x[partner, :, top:bottom, left:right]
        kept = 1 - (bottom - top) * (right - left) / (x.shape[-1] * x.shape[-2])
        return x, kept * targets + (1 - kept) * targets[partner]

    def siamese(self, real: Tensor, synthetic: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Apply one shared draw to normalised real and synthetic images alike (IDC, DSA); differentiable."""
        draws = self.draw(1, real.shape[-1], generator)
        return self.apply(real, draws), self.apply(synthetic, draws)


def pipeline(spec: str, split: Split) -> Pipeline:
    """Make the augmentation a specification names, for the images of a split.

    Raises:
        InputError: An unknown operation.
    """
    return Pipeline(spec, split)
