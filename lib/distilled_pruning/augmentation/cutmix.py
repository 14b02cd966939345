"""CutMix (Yun et al. 2019): a box of each image replaced by that of another, labels in proportion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
    """CutMix with Beta(1, 1) as in IDC's code.

    Attributes:
        probability: Share of batches that are mixed.
        size: Side of the images.
    """

    probability: float
    size: int

    def draw(self, n: int, generator: torch.Generator) -> Mix:
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
