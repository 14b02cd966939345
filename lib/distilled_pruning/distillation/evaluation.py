"""How good a distilled set is: networks trained on it from scratch, and the papers' two objectives."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import models
from ..data.images import chunks
from ..errors import InputError
from ..training.forward import evaluating
from ..training.loop import train
from ..training.recipe import Recipe
from .defaults import evaluation_recipe
from .published import Home
from .synthetic import Synthetic

if TYPE_CHECKING:
    from ..data.split import Dataset, Split

__all__ = ["Evaluation", "Objectives", "evaluate", "losses", "objectives"]


@dataclass(frozen=True)
class Evaluation:
    """Networks trained from scratch on a set, tested on real data; always the last step, never the best one.

    Attributes:
        accuracies: Test accuracy in [0, 1] of each network.
        losses: Mean test cross-entropy in nats of each.
        steps: Optimiser steps of each.
        seconds: Wall time of all.
    """

    accuracies: tuple[float, ...]
    losses: tuple[float, ...]
    steps: int
    seconds: float

    @property
    def accuracy(self) -> float:
        """Mean test accuracy."""
        return statistics.fmean(self.accuracies)

    @property
    def deviation(self) -> float:
        """Standard deviation of the test accuracy over networks, NaN for one."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else math.nan


def evaluate(
    syn: Synthetic,
    ds: Dataset,
    repeats: int = 3,
    *,
    model: str = "convnet3",
    width: int | None = None,
    norm: str | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> Evaluation:
    """Train networks from scratch on a distilled set and test them on the real test data (IDC section 5).

    Network ``i`` has initialisation and order ``seed + i``, so two sets evaluated with one seed are paired.

    Args:
        syn: The set.
        ds: Dataset it stands for; only its test split is read.
        repeats: Number of networks.
        model: Network of :func:`distilled_pruning.models.build`.
        width: Its width; ``None`` for that of the network the set was made with if it is the same model, else the
            papers'.
        norm: Its normalisation, likewise.
        recipe: How to train; IDC's evaluation recipe for the dataset and number of images by default.
        seed: First seed.
        device: Where to train.

    Returns:
        The figures of all networks.

    Raises:
        InputError: A set that does not fit the dataset, or whose space is not the test data's.
    """
    if repeats < 1:
        raise InputError(f"repeats must be at least 1, not {repeats}")
    Home.of(ds.test, ds.name).check("the set", syn.images, syn.classes, syn.space)
    split = syn.decode()
    recipe = recipe or evaluation_recipe(ds.name, syn.ipc, syn.factor, split.classes)
    if syn.settings.get("model") == model:
        width = width if width is not None else syn.settings.get("width")
        norm = norm if norm is not None else syn.settings.get("norm")
    accuracies, found, seconds, steps = [], [], 0.0, 0
    for index in range(repeats):
        net = models.build(model, ds, width=width, norm=norm, seed=seed + index)
        log = train(net, split, recipe, order_seed=seed + index, test=ds.test, device=device)
        accuracies.append(log.accuracy)
        found.append(log.loss)
        seconds, steps = seconds + log.seconds, log.steps
    return Evaluation(tuple(accuracies), tuple(found), steps, seconds)


@dataclass(frozen=True)
class Objectives:
    """The papers' two aims of distillation, evaluated for one pair of networks.

    Attributes:
        average: ``|L(real) - L(synthetic)|`` of the mean validation losses (2503.17905 equation 1).
        supremum: Largest ``|l(real) - l(synthetic)|`` over validation images (ICLR 2024 submission, equation 2).
        worst: Index of that image in the validation split.
        real: Mean validation loss of the network trained on real data.
        synthetic: Mean validation loss of the network trained on the distilled set.
    """

    average: float
    supremum: float
    worst: int
    real: float
    synthetic: float


@torch.inference_mode()
def losses(net: nn.Module, split: Split) -> Tensor:
    """Give the cross-entropy of each image of a split, in nats: float64 [images] on the CPU, in evaluation mode."""
    first = next(net.parameters())
    split = split.to(first.device)
    parts = []
    with evaluating(net):
        for part in chunks(len(split), 500):
            logits = net(split.normalised(part).to(first.dtype)).double()
            parts.append(F.cross_entropy(logits, split.labels[part], reduction="none").cpu())
    return torch.cat(parts)


def objectives(real: nn.Module, synthetic: nn.Module, validation: Split) -> Objectives:
    """Evaluate both objectives for a network trained on real data and one trained on a distilled set.

    The two networks should share initialisation and training algorithm, the Phi of the papers; the objectives then
    measure what exchanging the data did.

    Args:
        real: Network trained on the real training data.
        synthetic: Network trained on the distilled set.
        validation: Validation pairs.

    Returns:
        Both objectives, in nats.
    """
    of_real, of_synthetic = losses(real, validation), losses(synthetic, validation)
    gaps = (of_real - of_synthetic).abs()
    worst = int(gaps.argmax())
    mean_real, mean_synthetic = float(of_real.mean()), float(of_synthetic.mean())
    return Objectives(abs(mean_real - mean_synthetic), float(gaps[worst]), worst, mean_real, mean_synthetic)
