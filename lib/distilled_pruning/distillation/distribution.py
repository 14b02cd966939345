"""Distribution matching (DM, Zhao & Bilen, WACV 2023): equal class means in the feature space of random networks."""

from __future__ import annotations

import torch
from torch import Tensor

from .problem import Draft, Problem, embedding

__all__ = ["distance", "step"]

CHUNK = 256  # images a forward pass: activations of a small network stay in the processor's cache


def distance(real: Tensor, synthetic: Tensor) -> Tensor:
    """Sum the squared distances between class means (DM equation 4).

    Args:
        real: Features [classes, images, dimensions] of real images.
        synthetic: Features [classes, images, dimensions] of synthetic images; another number of images is fine.

    Returns:
        A scalar: the sum over classes and dimensions.
    """
    return (real.mean(1) - synthetic.mean(1)).square().sum()


def step(problem: Problem, draft: Draft, iteration: int) -> float:
    """Match the class means once under a fresh random network.

    All classes go through the network as one batch, with one augmentation draw for the iteration (DM draws one per
    class: the same in distribution for each class).

    Returns:
        The matching loss.
    """
    classes = problem.classes
    net = embedding(problem.network(iteration)).requires_grad_(False)
    generator = problem.generator("batch", iteration)
    count = min(problem.settings.real_batch, *(len(members) for members in problem.members))
    real = torch.cat([problem.real(c, count, generator) for c in range(classes)])
    synthetic = problem.decode(draft.images, classes)
    real, synthetic = problem.siamese(real, synthetic, generator)
    with torch.no_grad():
        parts = [net(part).flatten(1) for part in real.split(CHUNK)]
        wanted = torch.cat(parts).reshape(classes, count, -1)
    loss = distance(wanted, net(synthetic).flatten(1).reshape(classes, -1, wanted.shape[-1]))
    draft.optimiser.zero_grad()
    loss.backward()
    draft.optimiser.step()
    return loss.item()
