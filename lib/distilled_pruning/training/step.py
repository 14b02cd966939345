"""One optimiser step of a masked network, as fast as the device allows."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models import pooling
from . import fused
from .recipe import Recipe

if TYPE_CHECKING:
    from ..pruning.mask import Mask

__all__ = ["Step"]


def _make_optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Build the optimiser of a recipe over all parameters (the papers decay biases and norm parameters too)."""
    parameters = list(net.parameters())
    if recipe.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    # A captured graph repeats the numbers it was captured with, so a rate that drops must be read from memory.
    rate = recipe.learning_rate
    lr = torch.tensor(rate, device=parameters[0].device) if parameters[0].is_cuda else rate
    return torch.optim.SGD(parameters, lr=lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, fused=True)


def _loss_of(net: Callable[[Tensor], Tensor], images: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of a batch; ``targets`` are labels [B] or soft labels [B, classes]."""
    return F.cross_entropy(net(images).float() if images.dtype != torch.float64 else net(images), targets)


@functools.cache
def _compile_loss(channels_last: bool) -> Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]:
    """Compile :func:`_loss_of` once a process; networks of one structure share the code."""
    # Not dynamic: an epoch has at most two batch sizes, and code for a known one is faster.
    return torch.compile(_loss_of, dynamic=False, options={"layout_optimization": channels_last})


def _bears_channels_last(net: nn.Module) -> bool:
    """Whether channels may lie last: not on a CPU where a strided 1x1 convolution has fewer of them than a vector.

    oneDNN writes past its memory there in the gradient of the weights (its issue 6035): ResNet-10 of width 8 at 64 px
    ends in a segmentation fault.
    """
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    return not any(
        conv.weight.device.type == "cpu"
        and conv.in_channels < _VECTOR
        and set(conv.kernel_size) == {1}
        and max(map(int, conv.stride)) > 1
        for conv in convolutions
    )


_VECTOR = 16  # float32 numbers of AVX-512
_WARM_UP = 3  # steps in which libraries choose their kernels and memory is found; a graph may do neither


@dataclass(frozen=True)
class _Captured:
    """A step recorded as one CUDA graph, and the tensors it reads and writes."""

    graph: torch.cuda.CUDAGraph
    images: Tensor
    targets: Tensor
    loss: Tensor

    def replay(self, images: Tensor, targets: Tensor) -> Tensor:
        """Do the step for another batch of the same shape."""
        self.images.copy_(images)
        self.targets.copy_(targets)
        self.graph.replay()
        return self.loss.clone()  # the next replay writes over it


def _capture(run: Callable[[Tensor, Tensor], Tensor], images: Tensor, targets: Tensor) -> _Captured:
    """Record what a step does on a CUDA device, without doing it."""
    recorded = _Captured(torch.cuda.CUDAGraph(), images.clone(), targets.clone(), torch.empty((), device=images.device))
    torch.cuda.synchronize()
    with torch.cuda.graph(recorded.graph):
        recorded.loss.copy_(run(recorded.images, recorded.targets))
    return recorded


def _can_capture(device: torch.device, recipe: Recipe) -> bool:
    """Whether the steps of a recipe can be recorded as a CUDA graph."""
    return device.type == "cuda" and not recipe.compile and recipe.optimiser == "sgd"


@functools.cache
def _say_eager(reason: str) -> None:
    """Say, once a process, that steps are not captured."""
    warnings.warn(f"CUDA refused to capture a training step ({reason}): steps run one kernel at a time", stacklevel=3)


class Step:
    """One optimiser step: loss, gradient, update, mask; on CUDA captured as one graph for the full batch shape."""

    def __init__(self, net: nn.Module, recipe: Recipe, mask: Mask | None) -> None:
        """Prepare the step for a network that already lies on its device."""
        self.recipe = recipe
        self.optimiser = _make_optimiser(net, recipe)
        self.device = next(net.parameters()).device
        quick = fused.forward_of(net) if recipe.compile and recipe.precision == "fp32" else None
        self.forward = net if quick is None else quick
        self.loss = _compile_loss(_bears_channels_last(net)) if recipe.compile and quick is None else _loss_of
        self.pools = [] if recipe.compile else pooling.replaceable(net)
        named = dict(net.named_parameters())
        self.weights = [named[name].data for name in mask] if mask is not None else []
        self.masks = [mask[name].to(self.device, named[name].dtype) for name in mask] if mask is not None else []
        self.captures = _can_capture(self.device, recipe)
        self.captured: _Captured | None = None
        self.eager_steps = 0

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from an optimiser's ``state_dict``, whichever device wrote it; the learning rate is set separately."""
        rates = [group["lr"] for group in self.optimiser.param_groups]
        self.optimiser.load_state_dict(dict(state))
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["lr"] = rate  # a tensor where a graph reads it, a number elsewhere

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
        with autocast, pooling.use_quick(self.pools):
            loss = self.loss(self.forward, images, targets)
        loss.backward()
        self.optimiser.step()
        # The optimiser knows no mask: gradient, momentum and decay move pruned weights too, so they go back to 0.
        if self.weights:
            torch._foreach_mul_(self.weights, self.masks)
        return loss.detach()

    def __call__(self, images: Tensor, targets: Tensor, full: bool) -> Tensor:
        """Do one step, replaying the captured graph for full batches once a few eager steps have warmed up.

        Where CUDA refuses to capture, all steps are done without a graph.
        """
        if not (self.captures and full):
            return self.run(images, targets)
        if self.captured is None:
            self.eager_steps += 1
            if self.eager_steps <= _WARM_UP:
                return self.run(images, targets)
            try:
                self.captured = _capture(self.run, images, targets)
            except RuntimeError as error:
                self.captures = False
                _say_eager(str(error).partition("\n")[0])
                return self.run(images, targets)
        return self.captured.replay(images, targets)
