"""What every distillation method works on: real images by class, the images being made, and seeds for everything."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .. import models
from ..augmentation import compose
from ..errors import InputError
from ..training.forward import resolve
from ..training.loop import make_generator
from ..training.recipe import Recipe
from .fitting import suit
from .settings import Settings
from .synthetic import GREY, decode, decode_bounded, mix

if TYPE_CHECKING:
    from ..augmentation.compose import Pipeline
    from ..data.split import Dataset, Split

__all__ = ["Draft", "Problem", "embedding"]


@dataclasses.dataclass
class Draft:
    """The images being made.

    Attributes:
        images: Leaf [classes * ipc, channels, height, width] in the settings' space.
        optimiser: Of the images, and of the step size.
        step_size: MTT's student step size, a scalar leaf.
        experts: MTT's experts, each [epochs + 1, parameters].
    """

    images: Tensor
    optimiser: torch.optim.Optimizer
    step_size: Tensor | None = None
    experts: Sequence[Tensor] | None = None


def embedding(net: nn.Module) -> nn.Module:
    """Cut the classifier off a network in place, so that it returns what its last linear layer would receive."""
    name = [name for name, module in net.named_modules() if isinstance(module, nn.Linear)][-1]
    parent, _, leaf = name.rpartition(".")
    setattr(net.get_submodule(parent), leaf, nn.Identity())
    return net


def _space_of(split: Split) -> str:
    """Tell what the raw values of a split are: ``"pixel"``, ``"normalised"`` (as they are) or ``"zca"``."""
    if split.whitening is not None:
        return "zca"
    return "normalised" if split.unscaled and split.images.is_floating_point() else "pixel"


def _check(ds: Dataset, settings: Settings) -> None:
    """Raise :class:`InputError` where data and settings do not fit each other."""
    height, width = ds.train.images.shape[-2:]
    counts = torch.bincount(ds.train.labels.cpu(), minlength=ds.train.classes).tolist()
    suit(settings, ds.name, (height, width), counts, ds.classes)


class Problem:
    """Data, settings and seed of one distillation, with the draws all methods share.

    Every draw is keyed by the seed, its purpose and the iteration, so an iteration does not depend on how the run came
    to it; all draws are made on the CPU, so they do not depend on the device.
    """

    def __init__(self, ds: Dataset, settings: Settings, seed: int, device: str | torch.device = "auto") -> None:
        """Check data against settings and bring the training images to the device.

        Raises:
            InputError: Data and settings do not fit each other.
        """
        _check(ds, settings)
        self.ds, self.settings, self.seed = ds, settings, seed
        self.device = resolve(device)
        self.split: Split = ds.train.to(self.device)
        self.classes = self.split.classes
        labels = ds.train.labels.cpu()
        self.members = [torch.nonzero(labels == c).flatten() for c in range(self.classes)]
        self.labels = torch.arange(self.classes).repeat_interleave(settings.ipc).to(self.device)
        self.space = _space_of(self.split)
        self.mean = torch.tensor(self.statistics[0], device=self.device).reshape(1, -1, 1, 1)
        self.std = torch.tensor(self.statistics[1], device=self.device).reshape(1, -1, 1, 1)
        self.pixel = settings.space == "pixel"
        fill = torch.full_like(self.mean, GREY if self.space == "pixel" else 0.0)
        self.fill = fill if self.pixel else (fill - self.mean) / self.std
        self._pipelines: dict[str, Pipeline] = {}

    @property
    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation that stored images are normalised with."""
        return tuple(self.split.mean), tuple(self.split.std)

    def generator(self, purpose: str, *at: int) -> torch.Generator:
        """Make the generator of one purpose and place in the run."""
        return make_generator("distil", purpose, self.seed, *at)

    def network(self, *at: int) -> nn.Module:
        """Build the fresh network of an iteration, on the device and in training mode."""
        s = self.settings
        seed = self.generator("network", *at).initial_seed()
        return models.build(s.model, self.ds, width=s.width, norm=s.norm, seed=seed).to(self.device)

    def raw(self, index: Tensor) -> Tensor:
        """Give real images as float32 in the stored form, the space the split's mean and std belong to."""
        images = self.split.images[index.to(self.device)]
        return images.float() / 255 if images.dtype == torch.uint8 else images.float()

    def real(self, label: int, count: int, generator: torch.Generator) -> Tensor:
        """Draw ``count`` different real images of a class (all of them where there are fewer), normalised."""
        members = self.members[label]
        chosen = members[torch.randperm(len(members), generator=generator)[:count]]
        return self.split.normalised(chosen.to(self.device))

    def normalise(self, images: Tensor) -> Tensor:
        """Bring images being made from the space they are optimised in to the networks' input."""
        return (images - self.mean) / self.std if self.pixel else images

    def stored(self, images: Tensor) -> Tensor:
        """Bring images being made to the stored form, on the CPU."""
        images = images.detach()
        return (images if self.pixel else images * self.std + self.mean).cpu().clone()

    def decode(self, images: Tensor, classes: int) -> Tensor:
        """Decode stored images of ``classes`` classes into normalised training images, differentiably."""
        return self.normalise(decode(images, self.settings.factor, classes, self.fill))

    def decode_class(self, images: Tensor) -> Tensor:
        """Decode stored images of one class for a matching step, bounded where the settings say so."""
        s = self.settings
        if not s.bounded:
            return self.decode(images, 1)
        return self.normalise(decode_bounded(images, s.factor, s.decoded_batch, self.fill))

    def initial(self) -> Tensor:
        """Make the images to start from: real ones, a mix of shrunken real ones, or noise."""
        s = self.settings
        shape = (self.classes * s.ipc, *self.split.images.shape[1:])
        if s.init == "noise":
            noise = torch.randn(shape, generator=self.generator("start")).to(self.device)
            return noise * self.std + self.mean if self.pixel else noise
        count = s.ipc * s.factor**2
        chosen = [
            m[torch.randperm(len(m), generator=self.generator("start", c))[:count]] for c, m in enumerate(self.members)
        ]
        return self.layout(chosen)

    def layout(self, chosen: list[Tensor]) -> Tensor:
        """Put chosen real images (one index tensor per class) into images to be made, in tiles for a factor above 1."""
        images = mix(self.raw(torch.cat(chosen)), self.settings.factor, self.classes)
        return images if self.pixel else (images - self.mean) / self.std

    def recipe(self, **changes: Any) -> Recipe:
        """Give the recipe that networks are trained with on the way, at a constant rate."""
        s = self.settings
        recipe = Recipe(
            learning_rate=s.train_rate,
            momentum=s.train_momentum,
            weight_decay=s.train_weight_decay,
            batch_size=s.train_batch,
            augmentation=s.train_augmentation,
            milestones=(),
        )
        return dataclasses.replace(recipe, **changes)

    def pipeline(self, spec: str) -> Pipeline:
        """Build an augmentation that takes normalised images.

        Raises:
            InputError: An operation that works on pixels before normalisation.
        """
        if "imagenet" in spec:
            raise InputError(
                "distillation augments normalised images: use color, crop, cutout and the like, not imagenet"
            )
        if spec not in self._pipelines:
            plain = (0.0,) * len(self.split.mean), (1.0,) * len(self.split.mean)
            like = dataclasses.replace(self.split, mean=plain[0], std=plain[1], whitening=None)
            self._pipelines[spec] = compose.pipeline(spec, like)
        return self._pipelines[spec]

    def augment(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Augment normalised images as in the training of networks, each with its own draw."""
        return self.pipeline(self.settings.train_augmentation)(images, labels, generator)[0]

    def siamese(self, real: Tensor, synthetic: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augment real and synthetic images with one shared draw (DSA; IDC section 4.2)."""
        if not self.settings.siamese:
            return real, synthetic
        real, synthetic = self.pipeline(self.settings.siamese).siamese(real, synthetic, generator)
        return real.detach(), synthetic
