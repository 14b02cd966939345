"""Augmentation pipelines: batched on the images' device, every draw from a CPU generator.

A pipeline is written as operations joined by ``"+"``, applied in that order:

========================  ==============================================================================================
``shiftN`` or ``cropN``   move by up to N px each way, what comes in is 0 (the mean colour, in normalised space)
``crop``                  the same by up to an eighth of the side
``flip``                  mirror left and right with probability 1/2
``color``                 brightness, saturation and contrast
``scale``, ``rotate``     zoom each axis by up to 1.2 either way; turn by up to 15 degrees
``cutout``                blank a square of half the side
``noiseN``                add normal noise with a deviation of N hundredths
``dsa``                   the papers' mix for CIFAR: flip, color, then one of crop, scale, rotate for the batch
``mtt-dsa``               the first paper's: one of color, crop, cutout, flip, scale, rotate for the batch
``dsa-noflip``            ``dsa`` without flip, for images of digits; likewise ``mtt-dsa-noflip``
``imagenet``              on pixels, so first: random resized crop, flip, color jitter, lighting
``cutmix``, ``cutmix1``   last: paste a box of another image, for half of the batches or for all
========================  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..data.images import normalise
from ..errors import InputError
from . import notation
from .operations import Color, CutMix, Cutout, Flip, Mix, Noise, OneOf, Operation, Parameters, Rotate, Scale, Shift
from .photographic import Jitter, Lighting, ResizedCrop

if TYPE_CHECKING:
    from ..data.split import Split

__all__ = ["Draw", "Pipeline", "pipeline"]

_CROP_RATIO = 0.125


@dataclass(frozen=True)
class Draw:
    """Everything random about one batch.

    Attributes:
        parameters: Per operation its random parameters, on the CPU.
        mix: The batch's CutMix, or ``None`` without it.
    """

    parameters: tuple[Parameters, ...]
    mix: Mix | None


class Pipeline:
    """A validated augmentation of one split's images; make it with :func:`pipeline`.

    Attributes:
        spec: The text it was made from.
    """

    def __init__(
        self, spec: str, split: Split, pixel: list[Operation], normal: list[Operation], cutmix: CutMix | None
    ) -> None:
        """Keep the operations of each stage and the split's normalisation."""
        self.spec, self.pixel, self.normal, self.cutmix = spec, pixel, normal, cutmix
        self.plain = split.unscaled
        self.mean, self.std = (torch.tensor(v).reshape(1, -1, 1, 1) for v in (split.mean, split.std))
        self.eye = torch.eye(split.classes)

    def __call__(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augment a batch.

        Args:
            images: Images as the split holds them, uint8 or float [B, C, H, W].
            labels: int64 [B], or the probabilities of the classes, float32 [B, classes].
            generator: CPU generator.

        Returns:
            Normalised images float32 [B, C, H, W] on the images' device, and targets: the labels, or with CutMix
            always soft labels float32 [B, classes].
        """
        draw = self.draw(len(images), generator)
        inputs = self.apply(images, draw)
        if draw.mix is None:
            return inputs, labels
        if labels.is_floating_point():
            return draw.mix.apply(inputs, labels)
        if self.eye.device != labels.device:
            self.eye = self.eye.to(labels.device)
        return draw.mix.apply(inputs, self.eye[labels])

    def draw(self, n: int, generator: torch.Generator) -> Draw:
        """Draw the random parameters of ``n`` images on the CPU."""
        parameters = tuple(operation.draw(n, generator) for operation in (*self.pixel, *self.normal))
        return Draw(parameters, self.cutmix.draw(n, generator) if self.cutmix else None)

    def apply(self, images: Tensor, draw: Draw) -> Tensor:
        """Normalise and augment images with drawn parameters, all but CutMix; differentiable for float images.

        Args:
            images: Images as the split holds them, [B, C, H, W].
            draw: Parameters drawn for B images, or for one and then shared by all.
        """
        parameters = iter(draw.parameters)
        if self.pixel:
            images = images.float() / 255 if images.dtype == torch.uint8 else images.float()
            for operation in self.pixel:
                images = operation.apply(images, next(parameters))
        if not self.plain or images.dtype == torch.uint8:
            if self.mean.device != images.device:
                self.mean, self.std = self.mean.to(images.device), self.std.to(images.device)
            images = normalise(images, self.mean, self.std)
        images = images.float()
        for operation in self.normal:
            images = operation.apply(images, next(parameters))
        return images

    def siamese(self, real: Tensor, synthetic: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augment real and synthetic images with one draw shared by every image (DSA; IDC section 4.2).

        Returns:
            Both batches normalised and augmented; the second is differentiable.

        Raises:
            InputError: The pipeline has CutMix, which mixes the images of a batch.
        """
        if self.cutmix is not None:
            raise InputError(f"augmentation {self.spec!r} has cutmix, which matching cannot share: leave it out")
        draw = self.draw(1, generator)
        return self.apply(real, draw), self.apply(synthetic, draw)


def pipeline(spec: str, split: Split) -> Pipeline:
    """Build an augmentation for the images of a split.

    Args:
        spec: Operations joined by ``"+"``, as the module describes; ``""`` only normalises.
        split: Images (for their size, channels and normalisation).

    Raises:
        InputError: An unknown operation, one without the number it needs, or one that does not fit the images.
    """
    shape = split.images.shape
    plain = split.whitening is not None or (split.images.dtype != torch.uint8 and split.unscaled)
    notation.check(spec, shape[-1], shape[1], plain)
    pixel: list[Operation] = []
    normal: list[Operation] = []
    cutmix: CutMix | None = None
    for word in notation.words(spec):
        if word in notation.MIXES:
            cutmix = CutMix(0.5 if word == "cutmix" else 1.0, shape[-1])
        elif word == "imagenet":
            pixel += [ResizedCrop(shape[-1]), Flip(), Jitter(), Lighting()]
        else:
            normal += _operations_of(word, split)
    return Pipeline(spec, split, pixel, normal, cutmix)


def _operations_of(word: str, split: Split) -> list[Operation]:
    """Build the operations on normalised images that a known word stands for."""
    size, shape = split.images.shape[-1], tuple(split.images.shape[1:])
    eighth = max(1, int(size * _CROP_RATIO + 0.5))

    def geometric(corners: bool) -> list[Operation]:
        return [Shift(eighth, size), Scale(corners), Rotate(corners)]

    simple: dict[str, Callable[[], list[Operation]]] = {
        "flip": lambda: [Flip()],
        "color": lambda: [Color()],
        "crop": lambda: [Shift(eighth, size)],
        "scale": lambda: [Scale(False)],
        "rotate": lambda: [Rotate(False)],
        "cutout": lambda: [Cutout(size)],
        "dsa": lambda: [Flip(), Color(), OneOf(geometric(False))],
        "dsa-noflip": lambda: [Color(), OneOf(geometric(False))],
        "mtt-dsa": lambda: [OneOf([Color(), Cutout(size), Flip(), *geometric(True)])],
        "mtt-dsa-noflip": lambda: [OneOf([Color(), Cutout(size), *geometric(True)])],
    }
    if word in simple:
        return simple[word]()
    found = notation.NUMBERED.fullmatch(word)
    assert found is not None
    number = int(found[2])
    return [Noise(number / 100, shape)] if found[1] == "noise" else [Shift(number, size)]
