"""Gradient matching (DC, Zhao et al. 2021; DSA, Zhao & Bilen 2021; IDC, Kim et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..training import Step, train
from .problem import Draft, Problem

__all__ = ["distance", "gradients", "step"]


def _cosine(real: Tensor, synthetic: Tensor) -> Tensor:
    """Sum one minus the cosine over output units (DC equation 10)."""
    real, synthetic = real.flatten(1), synthetic.flatten(1)
    norms = real.norm(dim=1) * synthetic.norm(dim=1)
    return (1 - (real * synthetic).sum(1) / (norms + 1e-6)).sum()


def distance(real: Sequence[Tensor], synthetic: Sequence[Tensor], metric: str) -> Tensor:
    """Measure how far apart two gradients are.

    Args:
        real: Gradient of each matched weight on real images.
        synthetic: Gradient of the same weights on synthetic images; differentiable.
        metric: ``"mse"``, the sum of squared differences, not averaged (IDC, CIFAR); ``"l1"``, the sum of absolute
            differences (IDC, ImageNet); ``"cosine"``, per output unit (DC, DSA).

    Returns:
        A scalar, summed over weights.
    """
    pairs = zip(real, synthetic, strict=True)
    if metric == "cosine":
        return torch.stack([_cosine(r, s) for r, s in pairs]).sum()
    if metric == "l1":
        return torch.stack([(r - s).abs().sum() for r, s in pairs]).sum()
    return torch.stack([(r - s).square().sum() for r, s in pairs]).sum()


def matched(net: nn.Module, metric: str) -> list[nn.Parameter]:
    """List the weights whose gradients are matched: of convolutions (IDC), with cosine also of linear layers (DC)."""
    kinds = (nn.Conv2d, nn.Linear) if metric == "cosine" else (nn.Conv2d,)
    return [module.weight for module in net.modules() if isinstance(module, kinds)]


def gradients(
    net: nn.Module, weights: Sequence[Tensor], images: Tensor, label: int, differentiable: bool = False
) -> tuple[Tensor, ...]:
    """Differentiate the mean cross-entropy of images of one class with respect to weights.

    Args:
        net: Network.
        weights: Some of its parameters.
        images: Normalised images [n, channels, height, width], all of class ``label``.
        label: Their class.
        differentiable: Whether the gradient will be differentiated with respect to the images.
    """
    labels = torch.full((len(images),), label, device=images.device)
    loss = F.cross_entropy(net(images), labels)
    return torch.autograd.grad(loss, list(weights), create_graph=differentiable)


def _match(problem: Problem, images: Tensor, net: nn.Module, label: int, generator: torch.Generator) -> Tensor:
    """Measure the gradient distance of one class."""
    settings = problem.settings
    weights = matched(net, settings.metric)
    real = problem.real(label, settings.real_batch, generator)
    synthetic = problem.decode(images[label * settings.ipc : (label + 1) * settings.ipc], 1)
    if len(synthetic) > settings.decoded_batch:
        chosen = torch.randperm(len(synthetic), generator=generator)[: settings.decoded_batch]
        synthetic = synthetic[chosen.to(synthetic.device)]
    real, synthetic = problem.siamese(real, synthetic, generator)
    wanted = gradients(net, weights, real, label)
    return distance(wanted, gradients(net, weights, synthetic, label, differentiable=True), settings.metric)


class _Trainer:
    """Trains the network of an outer iteration between matching steps, momentum kept from one stretch to the next."""

    def __init__(self, problem: Problem, net: nn.Module, generator: torch.Generator) -> None:
        """Prepare the optimiser and the order of the data."""
        self.problem, self.generator = problem, generator
        settings = problem.settings
        self.step = Step(net, problem.recipe(), None)
        self.pipeline = problem.pipeline(settings.train_augmentation or settings.siamese)
        self.order = torch.empty(0, dtype=torch.int64)

    def _next(self, count: int, images: int) -> Tensor:
        """Take the next indices of a shuffled, endless pass over the data."""
        while len(self.order) < count:
            self.order = torch.cat([self.order, torch.randperm(images, generator=self.generator)])
        taken, self.order = self.order[:count], self.order[count:]
        return taken.to(self.problem.device)

    def __call__(self, images: Tensor) -> None:
        """Train for the settings' number of steps, on real data or on the images as they are now."""
        problem, settings = self.problem, self.problem.settings
        real = settings.train_on == "real"
        decoded = None if real else problem.decode(images.detach(), problem.classes)
        labels = problem.split.labels if decoded is None else problem.labels.repeat_interleave(settings.factor**2)
        batch = min(settings.train_batch, len(labels))
        for _ in range(settings.train_steps):
            chosen = self._next(batch, len(labels))
            inputs = problem.split.normalised(chosen) if decoded is None else decoded[chosen]
            self.step(*self.pipeline(inputs, labels[chosen], self.generator), True)


def step(problem: Problem, draft: Draft, iteration: int) -> float:
    """Match gradients ``inner`` times along the training of a fresh network.

    IDC updates all images after each class, with one momentum for all; DC and DSA update once after all classes. The
    network trains on real data (IDC) or on the synthetic images (DC, DSA) in between.

    Returns:
        The matching loss summed over classes, averaged over the matching steps.
    """
    settings, images, optimiser = problem.settings, draft.images, draft.optimiser
    net = problem.network(iteration).train()
    generator = problem.generator("batch", iteration)
    if settings.pretrain:
        recipe = problem.recipe(epochs=settings.pretrain)
        train(net, problem.split, recipe, order_seed=generator.initial_seed(), device=problem.device)
    trainer = _Trainer(problem, net, generator)
    total = torch.zeros((), device=problem.device)
    for inner in range(settings.inner):
        if not settings.apart:
            optimiser.zero_grad()
        for label in range(problem.classes):
            if settings.apart:
                optimiser.zero_grad()
            loss = _match(problem, images, net, label, generator)
            _accumulate(images, loss)
            total += loss.detach()
            if settings.apart:
                optimiser.step()
        if not settings.apart:
            optimiser.step()
        if inner + 1 < settings.inner:
            trainer(images)
    return total.item() / settings.inner


def _accumulate(images: Tensor, loss: Tensor) -> None:
    """Add the gradient of a class's loss to what the images hold, without touching the network's own gradients."""
    (gradient,) = torch.autograd.grad(loss, [images])
    images.grad = gradient if images.grad is None else images.grad + gradient
