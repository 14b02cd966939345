"""Augmentation operations on normalised images: parameters drawn on the CPU, applied in batch, differentiable."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

Parameters = tuple[Tensor, ...]


class Operation(Protocol):
    """One operation; it holds no state, so one draw can be applied to any images."""

    def draw(self, n: int, generator: torch.Generator) -> Parameters:
        """Draw the parameters of ``n`` images on the CPU, the images along the first axis."""
        ...

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Apply drawn parameters to float images [B, C, H, W]; parameters of one image are shared by all."""
        ...


class Shift:
    """Move by whole pixels, zeros coming in (DSA's crop; with mean colour, as images are normalised)."""

    def __init__(self, pixels: int, size: int) -> None:
        """Move images of side ``size`` by up to ``pixels`` each way."""
        self.pixels, self.padded = pixels, size + 2 * pixels
        rows = torch.arange(size)
        self.window = (rows[:, None] * self.padded + rows).flatten()

    def draw(self, n: int, generator: torch.Generator) -> Parameters:
        """Draw the window's first row and column in the padded image, each int64 [n]."""
        corner = torch.randint(0, 2 * self.pixels + 1, (2, n), generator=generator)
        return corner[0], corner[1]

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Cut each image's window out of the padded image."""
        top, left = parameters
        index = ((top * self.padded + left)[:, None] + self.window).to(images.device)
        padded = F.pad(images, (self.pixels,) * 4).flatten(2)
        count, channels = padded.shape[:2]
        return padded.gather(2, index[:, None].expand(count, channels, -1)).view_as(images)


class Flip:
    """Mirror left and right with probability 1/2."""

    def draw(self, n: int, generator: torch.Generator) -> Parameters:
        """Draw which images are mirrored, bool [n]."""
        return (torch.rand(n, generator=generator) < 0.5,)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Mirror the chosen images."""
        chosen = parameters[0].to(images.device)
        return torch.where(chosen[:, None, None, None], images.flip(3), images)
