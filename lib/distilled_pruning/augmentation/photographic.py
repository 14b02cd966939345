"""Augmentation operations of the papers' ImageNet pipeline, on images in [0, 1] before they are normalised."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from .operations import Parameters, per_image

_AREA, _RATIO, _ATTEMPTS = (0.5, 1.0), (3 / 4, 4 / 3), 10
_JITTER, _LIGHTING = 0.4, 0.1
_LUMA = (0.299, 0.587, 0.114)
_EIGENVALUES = (0.2175, 0.0188, 0.0045)
_EIGENVECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))


class ResizedCrop:
    """Cut out a box of half to all of the area and of aspect ratio 3:4 to 4:3, and stretch it to the whole image."""

    def __init__(self, size: int) -> None:
        """Cut boxes out of images of side ``size``."""
        self.size = size

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw first rows, first columns, heights and widths, int64 [n, 4].

        Each box is the first of ten drawn that fits, else the whole (square) image, as in torchvision.
        """
        area, ratio, row, column = torch.rand(4, n, _ATTEMPTS, generator=generator, dtype=torch.float64)
        area = (area * (_AREA[1] - _AREA[0]) + _AREA[0]) * self.size**2
        ratio = torch.exp(ratio * math.log(_RATIO[1] / _RATIO[0]) + math.log(_RATIO[0]))
        width, height = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (width <= self.size) & (height <= self.size)
        top, left = (row * (self.size - height + 1)).floor(), (column * (self.size - width + 1)).floor()
        first = fits.int().argmax(1, keepdim=True)
        boxes = torch.stack([box.gather(1, first)[:, 0] for box in (top, left, height, width)], 1)
        whole = torch.tensor([0.0, 0.0, self.size, self.size], dtype=torch.float64)
        return (torch.where(fits.any(1, keepdim=True), boxes, whole).long(),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Sample the boxes bilinearly, nothing from outside them."""
        top, left, height, width = parameters[0].to(images.device, images.dtype).unbind(1)
        middle = torch.arange(self.size, device=images.device, dtype=images.dtype) + 0.5

        def line(first: Tensor, length: Tensor) -> Tensor:
            inside = middle * (length[:, None] / self.size) - 0.5
            inside = torch.minimum(inside.clamp(min=0), length[:, None] - 1)
            return (inside + first[:, None]) * (2 / max(self.size - 1, 1)) - 1

        rows, columns = line(top, height), line(left, width)
        shape = (len(images), self.size, self.size)
        grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], 3)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=True)


class Jitter:
    """Fade brightness, contrast and saturation, in random order, by up to 0.4 towards or away from their nothing."""

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw the order (of brightness 0, contrast 1, saturation 2), int64 [n, 3], and how far each goes, [n, 3]."""
        order = torch.rand(n, 3, generator=generator).argsort(1)
        return order, (torch.rand(n, 3, generator=generator) * 2 - 1) * _JITTER

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Fade towards black, the image's mean grey or each pixel's grey."""
        order, amounts = parameters
        luma = images.new_tensor(_LUMA).view(1, 3, 1, 1)
        for kind, amount in zip(order.unbind(1), amounts.gather(1, order).unbind(1), strict=True):
            grey = (images * luma).sum(1, keepdim=True)
            target = torch.where(per_image(kind == 1, images), grey.mean((2, 3), keepdim=True), grey)
            target = torch.where(per_image(kind == 0, images), 0, target)
            images = torch.lerp(images, target, per_image(amount, images))
        return images


class Lighting:
    """Add colour along the principal axes of ImageNet's (Krizhevsky et al. 2012), deviation 0.1."""

    def draw(self, n: int, generator: Generator) -> Parameters:
        """Draw what is added to each channel, [n, 3]."""
        weights = torch.randn(n, 3, generator=generator) * _LIGHTING * torch.tensor(_EIGENVALUES)
        return (weights @ torch.tensor(_EIGENVECTORS).T,)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Add it."""
        return images + parameters[0].to(images.device)[:, :, None, None]
