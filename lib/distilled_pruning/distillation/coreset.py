"""Coresets: real images chosen to stand for their class, at random, by herding or by k-center."""

from __future__ import annotations

import torch
from torch import Tensor

from ..training.loop import train
from .problem import Problem, embedding

__all__ = ["herding", "kcenter", "select"]


def herding(features: Tensor, count: int) -> Tensor:
    """Choose greedily so that the mean of the chosen stays closest to the mean of all (Welling 2009).

    Of features [images, dimensions]; gives indices int64 [count] in the order of choice, ties to the lower index.
    """
    mean = features.mean(0)
    total = torch.zeros_like(mean)
    free = torch.ones(len(features), dtype=torch.bool, device=features.device)
    chosen = []
    for step in range(1, count + 1):
        gap = (mean - (total + features) / step).square().sum(1).masked_fill(~free, torch.inf)
        best = int(gap.argmin())
        chosen.append(best)
        free[best] = False
        total = total + features[best]
    return torch.tensor(chosen)


def kcenter(features: Tensor, count: int) -> Tensor:
    """Choose greedily the image farthest from all chosen ones, starting nearest the mean (Sener & Savarese 2018).

    Takes and gives what :func:`herding` does.
    """
    chosen = [int((features - features.mean(0)).square().sum(1).argmin())]
    distance = (features - features[chosen[0]]).square().sum(1)
    distance[chosen[0]] = -1
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (features - features[chosen[-1]]).square().sum(1))
        distance[chosen[-1]] = -1
    return torch.tensor(chosen)


@torch.no_grad()
def _features(problem: Problem) -> list[Tensor]:
    """Embed the real images of each class with a network trained on all of them for ``pretrain`` epochs."""
    settings = problem.settings
    net = problem.network(0)
    if settings.pretrain:
        recipe = problem.recipe(epochs=settings.pretrain)
        with torch.enable_grad():
            train(net, problem.split, recipe, order_seed=problem.seed, device=problem.device)
    net = embedding(net).eval()
    return [
        torch.cat(
            [net(problem.split.normalised(part.to(problem.device))).flatten(1) for part in members.split(500)]
        ).double()
        for members in problem.members
    ]


def select(problem: Problem) -> Tensor:
    """Choose the images of a coreset, laid out in tiles where a factor is asked for, in the problem's space.

    ``random`` chooses the very images that the other methods start from at the same seed.
    """
    settings = problem.settings
    if settings.method == "random":
        return problem.initial()
    choose = herding if settings.method == "herding" else kcenter
    count = settings.ipc * settings.factor**2
    chosen = [choose(f, count).cpu() for f in _features(problem)]
    return problem.layout([members[index] for members, index in zip(problem.members, chosen, strict=True)])
