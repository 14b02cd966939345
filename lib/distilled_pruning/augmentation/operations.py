"""Augmentation operations on normalised images: parameters drawn on the CPU, applied in batch, differentiable.

They are those of DSA (Zhao and Bilen 2021) as IDC's and the papers' code use them: zeros that come in from outside are
the mean colour, because images are normalised. CutMix alone changes the labels too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

Parameters = tuple[Tensor, ...]

_ZOOM, _DEGREES = 1.2, 15.0


class Operation(Protocol):
    """One operation; it holds no state, so one draw can be applied to any images.

    ``draw`` makes the parameters of ``n`` images on the CPU; ``apply`` uses them on float images [B, C, H, W], where
    the parameters of a single image are shared by all.
    """

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw parameters, each with the images along its first axis."""
        ...

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Apply drawn parameters; the images given are left as they are."""
        ...


def per_image(values: Tensor, images: Tensor) -> Tensor:
    """Bring one number an image [n] to the images' device, as [n, 1, 1, 1]."""
    return values.to(images.device)[:, None, None, None]


class Shift:
    """Move by whole pixels."""

    def __init__(self, pixels: int, size: int) -> None:
        """Move images of side ``size`` by up to ``pixels`` each way."""
        self.pixels, self.padded = pixels, size + 2 * pixels
        side = torch.arange(size)
        self.window = (side[:, None] * self.padded + side).flatten()

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw the window's first row and column in the padded image, int64 [n, 2]."""
        return (torch.randint(0, 2 * self.pixels + 1, (n, 2), generator=generator),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Cut each image's window out of the padded image."""
        top, left = parameters[0].unbind(1)
        index = ((top * self.padded + left)[:, None] + self.window).to(images.device)
        padded = F.pad(images, (self.pixels,) * 4).flatten(2)
        count, channels = padded.shape[:2]
        return padded.gather(2, index[:, None].expand(count, channels, -1)).view_as(images)


class Flip:
    """Mirror left and right with probability 1/2."""

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw which images are mirrored, bool [n]."""
        return (torch.rand(n, generator=generator) < 0.5,)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Mirror the chosen images; ``lerp`` by 0 or 1 is exact, and three times as fast as ``where`` on a CPU."""
        return torch.lerp(images, images.flip(3), per_image(parameters[0], images).to(images.dtype))


class Color:
    """Change brightness, then saturation about each pixel's grey, then contrast about the image's mean."""

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw what is added (-1/2 to 1/2) and the factors of saturation (0 to 2), contrast (1/2 to 3/2), [n, 3]."""
        return (torch.rand(n, 3, generator=generator) * torch.tensor([1.0, 2.0, 1.0]) + torch.tensor([-0.5, 0.0, 0.5]),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Change the three in turn."""
        added, saturation, contrast = (per_image(values, images) for values in parameters[0].unbind(1))
        images = images + added
        grey = images.mean(1, keepdim=True)
        images = torch.addcmul(grey, images - grey, saturation)
        mean = images.mean((1, 2, 3), keepdim=True)
        return torch.addcmul(mean, images - mean, contrast)


class _Affine:
    """Sample along an affine map: bilinear, zeros outside."""

    def __init__(self, corners: bool) -> None:
        """Set PyTorch's ``align_corners``: the first paper's code has it on, IDC's off."""
        self.corners = corners

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw the maps from output to input coordinates, [n, 2, 3]."""
        raise NotImplementedError

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Sample every image along its map."""
        maps = parameters[0].to(images.device, images.dtype).expand(len(images), 2, 3)
        grid = F.affine_grid(maps, list(images.shape), align_corners=self.corners)
        return F.grid_sample(images, grid, align_corners=self.corners)


class Scale(_Affine):
    """Zoom each axis by its own factor of 1/1.2 to 1.2, above 1 outwards."""

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw the maps, [n, 2, 3]."""
        factors = torch.rand(n, 2, generator=generator) * (_ZOOM - 1 / _ZOOM) + 1 / _ZOOM
        return (F.pad(torch.diag_embed(factors), (0, 1)),)


class Rotate(_Affine):
    """Turn by up to 15 degrees either way."""

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw the maps, [n, 2, 3]."""
        angles = (torch.rand(n, generator=generator) * 2 - 1) * (_DEGREES * math.pi / 180)
        cosine, sine, zero = angles.cos(), angles.sin(), torch.zeros(n)
        return (torch.stack([cosine, -sine, zero, sine, cosine, zero], 1).view(n, 2, 3),)


class Cutout:
    """Blank a square of half the side, clipped at the border."""

    def __init__(self, size: int) -> None:
        """Blank images of side ``size``."""
        self.size, self.side = size, int(size / 2 + 0.5)

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw the squares' middles, int64 [n, 2]; an even square's, between pixels, has one more place."""
        return (torch.randint(0, self.size + 1 - self.side % 2, (n, 2), generator=generator),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Set the squares to 0."""
        begin = (parameters[0] - self.side // 2)[:, :, None]
        line = torch.arange(self.size)
        inside = (line >= begin) & (line < begin + self.side)
        square = inside[:, 0, :, None] & inside[:, 1, None, :]
        return images.masked_fill(square[:, None].to(images.device), 0)


class Noise:
    """Add independent normal noise."""

    def __init__(self, deviation: float, shape: tuple[int, ...]) -> None:
        """Add noise of a standard deviation to images of a shape (C, H, W)."""
        self.deviation, self.shape = deviation, shape

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw the noise, [n, C, H, W]."""
        return (torch.randn(n, *self.shape, generator=generator) * self.deviation,)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Add the noise."""
        return images + parameters[0].to(images.device)


class OneOf:
    """Apply one of several operations, chosen for the whole batch."""

    def __init__(self, choices: Sequence[Operation]) -> None:
        """Choose uniformly."""
        self.choices = choices

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw the choice, int64 [1], and its parameters."""
        chosen = torch.randint(len(self.choices), (1,), generator=generator)
        return (chosen, *self.choices[int(chosen)].draw(n, generator))

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Apply the chosen operation."""
        return self.choices[int(parameters[0])].apply(images, parameters[1:])


@dataclass(frozen=True)
class Mix:
    """One batch's mixing.

    Attributes:
        partner: Image that each image's box comes from, int64 [B], on the CPU.
        top: First row of the box.
        bottom: Row after its last.
        left: First column.
        right: Column after its last.
        kept: Share of the image outside the box.
    """

    partner: Tensor
    top: int
    bottom: int
    left: int
    right: int
    kept: float

    def apply(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images [B, C, H, W] and soft labels [B, classes]; neither is changed in place."""
        if self.kept == 1.0:
            return images, targets
        partner = self.partner.to(images.device)
        mixed = images.clone()
        box = (..., slice(self.top, self.bottom), slice(self.left, self.right))
        mixed[box] = images[box][partner]
        return mixed, torch.lerp(targets[partner], targets, self.kept)


@dataclass(frozen=True)
class CutMix:
    """CutMix (Yun et al. 2019): a box of each image replaced by that of another; with Beta(1, 1) as in IDC's code.

    Attributes:
        probability: Share of batches that are mixed.
        size: Side of the images.
    """

    probability: float
    size: int

    def draw(self, n: int, generator: Generator) -> Mix:
        """Draw a batch's box and partners; an unmixed batch has an empty box."""
        # Always all four numbers and the partners, mixed or not: what follows in the generator stays the same.
        coin, share, row, column = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
        partner = torch.randperm(n, generator=generator)
        if coin >= self.probability:
            return Mix(partner, 0, 0, 0, 0, 1.0)
        side = int(self.size * (1 - share) ** 0.5)
        top, left = int(row * self.size) - side // 2, int(column * self.size) - side // 2
        bottom, right = min(top + side // 2 * 2, self.size), min(left + side // 2 * 2, self.size)
        top, left = max(top, 0), max(left, 0)
        return Mix(partner, top, bottom, left, right, 1 - (bottom - top) * (right - left) / self.size**2)
