"""Trajectory matching (MTT, Cazenavette et al. 2022): students that travel as experts did, on distilled images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ..training.forward import twice_differentiable
from ..training.loop import State, Stretch, train
from .defaults import resolve
from .problem import Draft, Problem

if TYPE_CHECKING:
    from ..data.split import Dataset

__all__ = ["distance", "expert", "flatten", "step", "unflatten", "unroll"]


def flatten(net: nn.Module) -> Tensor:
    """Copy all parameters of a network into one vector [parameters], in the order of ``named_parameters``."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in net.parameters()])


def unflatten(net: nn.Module, vector: Tensor) -> dict[str, Tensor]:
    """Cut a vector into the parameters of a network, differentiably; the inverse of :func:`flatten`."""
    named = dict(net.named_parameters())
    parts = vector.split([parameter.numel() for parameter in named.values()])
    return {name: part.view_as(named[name]) for name, part in zip(named, parts, strict=True)}


def distance(student: Tensor, target: Tensor, start: Tensor) -> Tensor:
    """Give the squared distance left, over the squared distance the expert travelled (MTT equation 2)."""
    return (student - target).square().sum() / (start - target).square().sum()


def unroll(net: nn.Module, start: Tensor, batches: Sequence[tuple[Tensor, Tensor]], step_size: Tensor) -> Tensor:
    """Train a student by plain gradient descent, keeping the graph from its last weights back to images and step size.

    Weights are one vector, from ``start`` to what is returned; the network lends only its structure. Each batch is
    normalised, augmented images and their labels.
    """
    student = start.clone().requires_grad_()
    for images, labels in batches:
        loss = F.cross_entropy(functional_call(net, unflatten(net, student), (images,)), labels)
        # The graph stays, since the images are differentiated through every step.
        (gradient,) = torch.autograd.grad(loss, [student], create_graph=True)
        student = student - step_size * gradient
    return student


def expert(
    ds: Dataset,
    index: int,
    seed: int = 0,
    *,
    device: str | torch.device = "auto",
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
    **options: Any,
) -> Tensor:
    """Train one expert on the real data and keep its weights after every epoch.

    Args:
        ds: Dataset.
        index: Number of the expert; each has its own initialisation and data order.
        seed: Seed of the distillation that will use it.
        device: Where to train.
        progress: Called after every epoch with epochs done, epochs in all and the training loss; may raise to stop.
        **options: Fields of :class:`.settings.Settings`, as for :func:`.distill`.

    Returns:
        Weights float32 [epochs + 1, parameters] on the CPU, the initialisation first.
    """
    settings = resolve("mtt", ds.name, 1, int(ds.train.images.shape[-1]), ds.train.classes, options)
    return _expert(Problem(ds, settings, seed, device), index, progress)


def _expert(
    problem: Problem, index: int, progress: Callable[[int, int, dict[str, float]], None] | None = None
) -> Tensor:
    """Train an expert of a problem."""
    settings = problem.settings
    recipe = problem.recipe(
        learning_rate=settings.expert_rate,
        momentum=0.0,
        weight_decay=0.0,
        epochs=settings.expert_epochs,
        batch_size=settings.expert_batch,
    )
    net = problem.network(index)
    path = [flatten(net).cpu()]
    order = problem.generator("expert", index).initial_seed()
    closing: list[State | None] = [None]
    for epoch in range(1, settings.expert_epochs + 1):
        until = epoch * recipe.steps_per_epoch(len(problem.split))
        stretch = Stretch(state=closing[-1], until=until, finish=closing.append)
        log = train(net, problem.split, recipe, order_seed=order, device=problem.device, stretch=stretch)
        del closing[:-1]
        path.append(flatten(net).cpu())
        if progress is not None:
            progress(epoch, settings.expert_epochs, {"loss": log.train_loss})
    return torch.stack(path)


class Experts(Sequence[Tensor]):
    """Experts trained when first asked for, and kept in memory."""

    def __init__(self, problem: Problem) -> None:
        """Remember whose experts to train."""
        self.problem = problem
        self.trained: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Count the experts, trained or not."""
        return self.problem.settings.expert_count

    def __getitem__(self, index: Any) -> Any:
        """Give an expert's weights [epochs + 1, parameters]."""
        if index not in self.trained:
            self.trained[index] = _expert(self.problem, index)
        return self.trained[index]


@twice_differentiable()
def step(problem: Problem, draft: Draft, iteration: int) -> float:
    """Match one segment of one expert's path; update images and step size.

    A student's batch is the whole set. Where ``student_batch`` divides it, every image is used once before any is used
    again, and the smaller rest of the images comes first, as in MTT's code.

    Returns:
        The share of the squared distance that is left.
    """
    settings = problem.settings
    generator = problem.generator("segment", iteration)
    assert draft.experts is not None and draft.step_size is not None
    path = draft.experts[int(torch.randint(len(draft.experts), (), generator=generator))]
    begin = int(torch.randint(min(settings.last_start, len(path) - settings.span), (), generator=generator))
    start, target = path[begin].to(problem.device), path[begin + settings.span].to(problem.device)
    images = problem.decode(draft.images, problem.classes)
    labels = problem.labels.repeat_interleave(settings.factor**2)
    parts: list[Tensor] = []
    batches = []
    for _ in range(settings.student_steps):
        if not parts:
            order = torch.randperm(len(images), generator=generator)
            parts = list(order.split(settings.student_batch or len(images)))
        chosen = parts.pop().to(problem.device)
        batches.append((problem.augment(images[chosen], labels[chosen], generator), labels[chosen]))
    net = problem.network(0)
    loss = distance(unroll(net, start, batches, draft.step_size), target, start)
    draft.optimiser.zero_grad()
    loss.backward()
    draft.optimiser.step()
    return loss.item()
