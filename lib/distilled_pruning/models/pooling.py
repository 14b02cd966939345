"""Average pooling of 2x2 pixels on a CPU: PyTorch's own numbers to the last bit, in about half its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["replaceable", "use_quick"]

_EXACT = (torch.float32, torch.float64)


def _corners(images: Tensor) -> Iterator[Tensor]:
    """Give the four pixels of each 2x2 as views [B, C, H/2, W/2] of contiguous images [B, C, H, W], row by row."""
    n, channels, height, width = images.shape
    size = (n, channels, height // 2, width // 2)
    stride = (channels * height * width, height * width, 2 * width, 2)
    first = images.storage_offset()
    for step in (0, 1, width, width + 1):
        yield images.as_strided(size, stride, first + step)


class _Pool(torch.autograd.Function):
    """The mean over 2x2 pixels, summed in the order of PyTorch's kernel, which takes one output at a time."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        """Average images [B, C, H, W], H and W even."""
        first, second, *rest = _corners(images.contiguous())
        total = first + second  # one after the other, row by row: another order of the four rounds otherwise
        for corner in rest:
            total += corner
        return total.mul_(0.25)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Give each pixel a quarter of its mean's gradient."""
        quarter = gradients[0] * 0.25
        n, channels, height, width = quarter.shape
        spread = quarter.new_empty(n, channels, 2 * height, 2 * width)
        for corner in _corners(spread):
            corner.copy_(quarter)
        return spread


def pool(images: Tensor) -> Tensor:
    """Average over 2x2 pixels as ``nn.AvgPool2d(2)`` does."""
    even = images.ndim == 4 and images.shape[-1] % 2 == images.shape[-2] % 2 == 0
    if even and images.dtype in _EXACT and images.device.type == "cpu":
        return _Pool.apply(images)
    return F.avg_pool2d(images, 2)


def replaceable(net: nn.Module) -> list[nn.Module]:
    """List the modules of a network whose work :func:`pool` does, none on another device than a CPU."""
    parameter = next(net.parameters(), None)
    if parameter is None or parameter.device.type != "cpu":
        return []
    return [module for module in net.modules() if type(module) is nn.AvgPool2d and is_plain(module)]


def is_plain(module: nn.AvgPool2d) -> bool:
    """Whether a module pools 2x2 pixels without overlap or border."""
    pairs = [value if isinstance(value, tuple) else (value, value) for value in (module.kernel_size, module.stride)]
    return pairs == [(2, 2), (2, 2)] and module.padding in (0, (0, 0)) and module.divisor_override is None


@contextmanager
def use_quick(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Let :func:`pool` do the work of modules that :func:`replaceable` listed."""
    for module in modules:
        module.__dict__["forward"] = pool
    try:
        yield
    finally:
        for module in modules:
            del module.__dict__["forward"]
