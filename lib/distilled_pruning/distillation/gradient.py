"""Gradient matching (DC, Zhao et al. 2021; DSA, Zhao & Bilen 2021; IDC, Kim et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import InputError
from ..training.forward import twice_differentiable
from ..training.loop import State, Stretch, train
from ..training.step import Step
from .problem import Draft, Problem

__all__ = ["distance", "find_matched", "gradients", "gradients_of_classes", "step"]


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
            differences (IDC, ImageNet); ``"cosine"``, one minus the cosine for each output unit (DC, DSA).

    Returns:
        A scalar, summed over weights.
    """
    pairs = zip(real, synthetic, strict=True)
    if metric == "cosine":
        return torch.stack([_cosine(r, s) for r, s in pairs]).sum()
    if metric == "l1":
        return torch.stack([(r - s).abs().sum() for r, s in pairs]).sum()
    return torch.stack([(r - s).square().sum() for r, s in pairs]).sum()


def find_matched(net: nn.Module, metric: str) -> dict[str, nn.Parameter]:
    """List the weights whose gradients are matched: of convolutions (IDC), with cosine also of linear layers (DC)."""
    kinds = (nn.Conv2d, nn.Linear) if metric == "cosine" else (nn.Conv2d,)
    names = {f"{name}.weight" for name, module in net.named_modules() if isinstance(module, kinds)}
    return {name: parameter for name, parameter in net.named_parameters() if name in names}


def gradients(
    net: nn.Module, weights: Sequence[Tensor], images: Tensor, label: int, differentiable: bool = False
) -> tuple[Tensor, ...]:
    """Differentiate the mean cross-entropy of images [n, C, H, W] of one class with respect to weights."""
    labels = torch.full((len(images),), label, device=images.device)
    loss = F.cross_entropy(net(images), labels)
    return torch.autograd.grad(loss, list(weights), create_graph=differentiable)


def gradients_of_classes(net: nn.Module, weights: dict[str, nn.Parameter], images: Tensor) -> dict[str, Tensor]:
    """Do what :func:`gradients` does for images [classes, n, C, H, W] in one batched pass: far fewer kernels on a GPU.

    The network must have no running statistics.

    Returns:
        Gradients [classes, *weight shape] by name; differentiable where the images are.
    """

    def loss(free: dict[str, Tensor], batch: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(net, free, (batch,)), label.expand(len(batch)))

    fixed = {name: weight.detach() for name, weight in weights.items()}
    labels = torch.arange(len(images), device=images.device)
    return vmap(grad(loss), in_dims=(None, 0, 0))(fixed, images, labels)


class _Trainer:
    """Trains the network of an outer iteration between matching steps, momentum kept from one stretch to the next."""

    def __init__(self, problem: Problem, net: nn.Module, generator: torch.Generator, before: State | None) -> None:
        """Prepare the optimiser, with the momentum of the training ``before``, and the order of the data."""
        self.problem, self.generator = problem, generator
        self.step = Step(net, problem.recipe(), None)
        if before is not None:
            self.step.optimiser.load_state_dict(before.optimiser)
        self.order = torch.empty(0, dtype=torch.int64)

    def _next(self, count: int, images: int) -> Tensor:
        """Take the next indices of shuffled passes; on the images being made each pass ends with a smaller batch."""
        whole = self.problem.settings.train_on == "real"
        while len(self.order) < (count if whole else 1):
            self.order = torch.cat([self.order, torch.randperm(images, generator=self.generator)])
        taken, self.order = self.order[:count], self.order[count:]
        return taken.to(self.problem.device)

    def __call__(self, images: Tensor) -> None:
        """Train for the settings' number of steps, on real data or on the images as they are now."""
        problem, settings = self.problem, self.problem.settings
        pipeline = problem.pipeline(settings.train_augmentation)
        decoded = None if settings.train_on == "real" else problem.decode(images.detach(), problem.classes)
        labels = problem.split.labels if decoded is None else problem.labels.repeat_interleave(settings.factor**2)
        batch = min(settings.train_batch, len(labels))
        for _ in range(settings.train_steps):
            chosen = self._next(batch, len(labels))
            inputs = problem.split.normalised(chosen) if decoded is None else decoded[chosen]
            inputs, targets = pipeline(inputs, labels[chosen], self.generator)
            self.step(inputs, targets, len(chosen) == batch)


class _Matcher:
    """Moves the images towards equal gradients under one network."""

    def __init__(self, problem: Problem, draft: Draft, net: nn.Module, generator: torch.Generator) -> None:
        """Remember what to match; the real batch is as large as the smallest class allows."""
        self.problem, self.draft, self.net, self.generator = problem, draft, net, generator
        self.weights = find_matched(net, problem.settings.metric)
        if problem.settings.batched and any(isinstance(m, _BatchNorm) for m in net.modules()):
            raise InputError("batched matching cannot keep apart the statistics of batch norm: use norm='instance'")
        self.batch = min(problem.settings.real_batch, *(len(members) for members in problem.members))

    def pair(self, label: int) -> tuple[Tensor, Tensor]:
        """Draw real images of a class, decode its synthetic ones, and augment both alike."""
        problem, settings = self.problem, self.problem.settings
        real = problem.real(label, self.batch, self.generator)
        synthetic = problem.decode_class(self.draft.images[label * settings.ipc : (label + 1) * settings.ipc])
        if len(synthetic) > settings.decoded_batch:
            chosen = torch.randperm(len(synthetic), generator=self.generator)[: settings.decoded_batch]
            synthetic = synthetic[chosen.to(synthetic.device)]
        return problem.siamese(real, synthetic, self.generator)

    def one(self, label: int) -> tuple[Tensor, Tensor]:
        """Give a class's gradient distance, and its gradient with respect to all images."""
        real, synthetic = self.pair(label)
        weights = list(self.weights.values())
        wanted = gradients(self.net, weights, real, label)
        found = gradients(self.net, weights, synthetic, label, differentiable=True)
        loss = distance(wanted, found, self.problem.settings.metric)
        return loss.detach(), torch.autograd.grad(loss, [self.draft.images])[0]

    def all(self) -> tuple[Tensor, Tensor]:
        """Give the summed gradient distance of all classes, and its gradient, in batched passes."""
        pairs = [self.pair(label) for label in range(self.problem.classes)]
        wanted = gradients_of_classes(self.net, self.weights, torch.stack([real for real, _ in pairs]))
        found = gradients_of_classes(self.net, self.weights, torch.stack([synthetic for _, synthetic in pairs]))
        loss = torch.stack(
            [
                distance(
                    [w[c].detach() for w in wanted.values()],
                    [f[c] for f in found.values()],
                    self.problem.settings.metric,
                )
                for c in range(self.problem.classes)
            ]
        ).sum()
        return loss.detach(), torch.autograd.grad(loss, [self.draft.images])[0]

    def __call__(self) -> Tensor:
        """Do one matching step and give the loss summed over classes."""
        settings, images, optimiser = self.problem.settings, self.draft.images, self.draft.optimiser
        classes = range(self.problem.classes)
        # IDC moves the images after each class, so that the next class meets what momentum made of them.
        if settings.apart and not settings.batched:
            total = torch.zeros((), device=images.device)
            for label in classes:
                loss, images.grad = self.one(label)
                optimiser.step()
                total += loss
            return total
        if settings.batched:
            total, gradient = self.all()
        else:
            total, gradient = self.one(0)
            for label in classes[1:]:
                loss, part = self.one(label)
                total, gradient = total + loss, gradient + part
        if not settings.apart:
            images.grad = gradient
            optimiser.step()
            return total
        for label in classes:
            own = slice(label * settings.ipc, (label + 1) * settings.ipc)
            # Nothing for the other classes, as in IDC's own steps; momentum moves them all the same.
            images.grad = torch.zeros_like(gradient)
            images.grad[own] = gradient[own]
            optimiser.step()
        return total


@twice_differentiable()
def step(problem: Problem, draft: Draft, iteration: int) -> float:
    """Match gradients ``inner`` times along the training of a fresh network.

    IDC updates all images after each class, with one momentum for all; DC and DSA update once after all classes. The
    network trains on real data (IDC) or on the synthetic images (DC, DSA) in between. ``batched`` takes the gradients
    of all classes before the first update.

    Returns:
        The matching loss summed over classes, averaged over the matching steps.
    """
    settings = problem.settings
    net = problem.network(iteration).train()
    generator = problem.generator("batch", iteration)
    closing: list[State | None] = [None]
    if settings.pretrain:
        recipe = problem.recipe(epochs=settings.pretrain)
        seed = generator.initial_seed()
        stretch = Stretch(finish=closing.append)
        train(net, problem.split, recipe, order_seed=seed, device=problem.device, stretch=stretch)
    trainer, matcher = _Trainer(problem, net, generator, closing[-1]), _Matcher(problem, draft, net, generator)
    total = torch.zeros((), device=problem.device)
    for inner in range(settings.inner):
        total += matcher()
        if inner + 1 < settings.inner:
            trainer(draft.images)
    return total.item() / settings.inner
