"""What one batch of images leaves behind on its way through the steps of a network, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .graph import Graph, Step, Unsupported


@dataclass(eq=False)
class Tape:
    """A forward pass of a chunk of images, with the autograd graph that leads to its logits.

    Attributes:
        graph: The steps.
        params: The values of all parameters by name, masked, detached.
        values: Output of every step; index 0 is the images ``[n, C, H, W]``, the last one the logits ``[n, K]``.
    """

    graph: Graph
    params: Mapping[str, Tensor]
    values: list[Tensor]

    @property
    def logits(self) -> Tensor:
        """The network's output ``[n, K]``."""
        return self.values[-1]

    def pull(self, factor: Tensor, values: list[Tensor], retain_graph: bool = False) -> tuple[Tensor, ...]:
        """Pull ``factor`` ``[n, K]`` back from the logits to ``values``.

        The same bits as with ``grad_outputs=factor``, for which PyTorch first loads SymPy: seconds in a new process.
        """
        with torch.enable_grad():
            scalar = (self.logits * factor).sum()
        return torch.autograd.grad(scalar, values, retain_graph=retain_graph, materialize_grads=True)

    def source(self, step: Step) -> Tensor:
        """Return the (first) input of ``step``, detached."""
        return self.values[step.inputs[0]].detach()

    def own(self, step: Step, name: str) -> Tensor | None:
        """Return the parameter ``name`` of the step's module, or ``None`` when it has none."""
        return self.params.get(f"{step.name}.{name}")


def record(graph: Graph, params: Mapping[str, Tensor], images: Tensor) -> Tape:
    """Run images ``[n, C, H, W]`` through a network's steps with parameters by name.

    Returns:
        The tape; gradients can be taken at the outputs of all parametrised steps.

    Raises:
        Unsupported: When a tensor on the way has a shape the derivatives are not written for.
    """
    tape = Tape(graph, params, [])
    with torch.enable_grad():
        for step in graph.steps:
            inputs = [tape.values[i] for i in step.inputs]
            _check_shape(step, inputs)
            value = images.detach() if step.kind == "images" else _forward(tape, step, inputs)
            if step.kind in ("conv", "linear", "norm", "scale") and not value.requires_grad:
                value.requires_grad_()
            tape.values.append(value)
    if tape.logits.dim() != 2:
        raise Unsupported(f"an output of shape {tuple(tape.logits.shape[1:])} an image instead of one logit a class")
    return tape


def _check_shape(step: Step, inputs: list[Tensor]) -> None:
    wanted = {"conv": 4, "norm": 4, "pool": 4, "maxpool": 4, "linear": 2}.get(step.kind)
    if wanted is not None and inputs[0].dim() != wanted:
        raise Unsupported(f"{type(step.module).__name__} {step.name!r} on a tensor of {inputs[0].dim()} dimensions")
    if step.kind == "scale" and inputs[0].dim() not in (2, 4):
        raise Unsupported(f"{type(step.module).__name__} {step.name!r} on a tensor of {inputs[0].dim()} dimensions")
    if step.kind == "add" and inputs[0].shape != inputs[1].shape:
        raise Unsupported("a sum of tensors of different shape")


def _forward(tape: Tape, step: Step, inputs: list[Tensor]) -> Tensor:
    x, module = inputs[0], step.module
    weight, bias = tape.own(step, "weight"), tape.own(step, "bias")
    if step.kind == "conv":
        assert weight is not None
        return convolve(module, x, weight, bias)
    if step.kind == "linear":
        assert weight is not None
        return F.linear(x, weight, bias)
    if step.kind == "norm":
        return F.group_norm(x, groups(module), weight, bias, module.eps)
    if step.kind == "scale":
        return F.batch_norm(x, module.running_mean, module.running_var, weight, bias, eps=module.eps)
    if step.kind == "add":
        return x + inputs[1]
    if step.kind == "maxpool":
        return F.max_pool2d(x, **pooling(module))
    return x if step.call is None else step.call(x)


def groups(module: nn.Module) -> int:
    """Return the number of groups of a norm module; instance norm has one a channel."""
    if isinstance(module, nn.GroupNorm):
        return module.num_groups
    assert isinstance(module, nn.InstanceNorm2d)
    return module.num_features


def pooling(module: nn.MaxPool2d) -> dict[str, Any]:
    """Return the settings of a max-pooling module as keyword arguments."""
    return {name: getattr(module, name) for name in ("kernel_size", "stride", "padding", "dilation", "ceil_mode")}


def pad(module: nn.Conv2d, x: Tensor) -> Tensor:
    """Pad ``x`` as the convolution ``module`` does before it convolves."""
    if module.padding == "same":
        pad: list[int] = []
        for kernel, dilation in zip(reversed(module.kernel_size), reversed(module.dilation), strict=True):
            total = dilation * (kernel - 1)
            pad += [total // 2, total - total // 2]
    elif module.padding == "valid":
        pad = [0, 0, 0, 0]
    else:
        rows, columns = (int(side) for side in module.padding)
        pad = [columns, columns, rows, rows]
    if not any(pad):
        return x
    return F.pad(x, pad, mode="constant" if module.padding_mode == "zeros" else module.padding_mode)


def convolve(module: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply the convolution ``module`` with another weight, in which the channels may be fewer."""
    if module.padding_mode == "zeros" and not isinstance(module.padding, str):
        return F.conv2d(x, weight, bias, module.stride, module.padding, module.dilation, module.groups)
    return F.conv2d(pad(module, x), weight, bias, module.stride, 0, module.dilation, module.groups)


def patches(module: nn.Conv2d, x: Tensor) -> Tensor:
    """Return what each entry of an output channel's kernel is multiplied with.

    Args:
        module: The convolution, for its settings.
        x: Its input ``[n, C, H, W]``.

    Returns:
        ``[n, groups, C / groups * kernel entries, positions]``.
    """
    columns = F.unfold(pad(module, x), module.kernel_size, module.dilation, 0, module.stride)
    return columns.view(len(x), module.groups, -1, columns.shape[-1])


def normalise(tape: Tape, step: Step) -> Tensor:
    """Return the output of a norm or scale step before its affine part, shaped as its input."""
    x, module = tape.source(step), step.module
    if step.kind == "norm":
        return F.group_norm(x, groups(module), eps=module.eps)
    return F.batch_norm(x, module.running_mean, module.running_var, eps=module.eps)
