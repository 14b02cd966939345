"""Distribution matching (DM, Zhao & Bilen, WACV 2023): equal class means in the feature space of random networks."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..models import pooling
from ..training.forward import usual_batch
from .problem import Draft, Problem, embedding

__all__ = ["distance", "step"]


def distance(real: Tensor, synthetic: Tensor) -> Tensor:
    """Sum the squared distances between class means of features [classes, images, dimensions] (DM equation 4)."""
    return (real.mean(1) - synthetic.mean(1)).square().sum()


def _features(net: nn.Module, images: Tensor) -> Tensor:
    """Give the features [images, dimensions] of a network without its classifier."""
    return net(images).flatten(1)


@functools.cache
def _compile_features() -> Callable[[nn.Module, Tensor], Tensor]:
    """Compile :func:`_features` once a process; the networks of all iterations share the code."""
    return torch.compile(_features, dynamic=False)


def _bf16_saves_time(device: torch.device) -> bool:
    """Whether bfloat16 saves time: a CPU without instructions for it takes six times as long as in float32."""
    if device.type != "cpu":
        return True
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


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
    look = _compile_features() if problem.settings.compile else _features
    rough = problem.settings.compile and _bf16_saves_time(problem.device)
    low = torch.autocast(problem.device.type, torch.bfloat16, enabled=rough)
    with pooling.use_quick([] if problem.settings.compile else pooling.replaceable(net)):
        with torch.no_grad(), low:  # of real images only the class means are wanted, and no gradient
            parts = [look(net, part).float() for part in real.split(usual_batch(problem.device))]
        wanted = torch.cat(parts).reshape(classes, count, -1)
        loss = distance(wanted, look(net, synthetic).reshape(classes, -1, wanted.shape[-1]))
    draft.optimiser.zero_grad()
    loss.backward()
    draft.optimiser.step()
    return loss.item()
