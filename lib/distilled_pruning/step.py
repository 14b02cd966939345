"""One optimiser step of a masked network, as fast as the device allows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import fused, pooling
from .recipe import Recipe

if TYPE_CHECKING:
    from .pruning import Mask

__all__ = ["Step"]


def optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Build the optimiser of a recipe over all parameters (the papers decay biases and norm parameters too)."""
    parameters = list(net.parameters())
    if recipe.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    return torch.optim.SGD(
        parameters,
        lr=torch.tensor(recipe.learning_rate, device=parameters[0].device)
        if parameters[0].is_cuda
        else recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def loss_of(net: Callable[[Tensor], Tensor], images: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of a batch; ``targets`` are labels [B] or soft labels [B, classes]."""
    return F.cross_entropy(net(images).float() if images.dtype != torch.float64 else net(images), targets)


@functools.cache
def compiled_loss() -> Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]:
    """Compile :func:`loss_of` once a process; networks of one structure share the code."""
    return torch.compile(loss_of, dynamic=False)


class Step:
    """One optimiser step: loss, gradient, update, mask; on CUDA captured as one graph for the full batch shape."""

    def __init__(self, net: nn.Module, recipe: Recipe, mask: Mask | None) -> None:
        """Prepare the step for a network that already lies on its device."""
        self.recipe = recipe
        self.optimiser = optimiser(net, recipe)
        self.device = next(net.parameters()).device
        quick = fused.forward_of(net) if recipe.compile and recipe.precision == "fp32" else None
        self.forward = net if quick is None else quick
        self.loss = compiled_loss() if recipe.compile and quick is None else loss_of
        self.pools = [] if recipe.compile else pooling.replaceable(net)
        named = dict(net.named_parameters())
        self.weights = [named[name].data for name in mask] if mask is not None else []
        self.masks = [mask[name].to(self.device, named[name].dtype) for name in mask] if mask is not None else []
        self.graph: torch.cuda.CUDAGraph | None = None
        self.buffers: tuple[Tensor, Tensor, Tensor] | None = None
        self.eager_steps = 0

    def set_rate(self, rate: float) -> None:
        """Set the learning rate, in place where a captured graph reads it."""
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def run(self, images: Tensor, targets: Tensor) -> Tensor:
        """Do one step and return the batch's mean loss, still on the device."""
        autocast = (
            torch.autocast(self.device.type, torch.bfloat16) if self.recipe.precision == "bf16" else nullcontext()
        )
        self.optimiser.zero_grad(set_to_none=True)
        with autocast, pooling.quick(self.pools):
            loss = self.loss(self.forward, images, targets)
        loss.backward()
        self.optimiser.step()
        if self.weights:
            torch._foreach_mul_(self.weights, self.masks)
        return loss.detach()

    def __call__(self, images: Tensor, targets: Tensor, full: bool) -> Tensor:
        """Do one step, replaying the captured graph for full batches once a few eager steps have warmed up."""
        if self.device.type != "cuda" or self.recipe.compile or self.recipe.optimiser != "sgd" or not full:
            return self.run(images, targets)
        if self.graph is None:
            self.eager_steps += 1
            if self.eager_steps <= 3:
                return self.run(images, targets)
            self.buffers = (images.clone(), targets.clone(), torch.empty((), device=self.device))
            torch.cuda.synchronize()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.buffers[2].copy_(self.run(self.buffers[0], self.buffers[1]))
        assert self.buffers is not None
        self.buffers[0].copy_(images)
        self.buffers[1].copy_(targets)
        self.graph.replay()
        return self.buffers[2].clone()
