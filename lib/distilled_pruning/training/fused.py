"""ConvNet blocks on a CPU, with norm, ReLU and pooling as one C function each way instead of many passes over memory.

A block is a convolution, an instance norm (one group a channel), ReLU and average pooling over 2x2 pixels. The numbers
are PyTorch's up to rounding, but for the gradient of a convolution's bias: the norm takes the bias out again, so that
it is exactly zero here and rounding there.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ..models.pooling import is_plain

__all__ = ["forward_of"]

_CHANNELS = 16
_POINTERS = {"forward": 6, "backward": 8}
_OPTIONS = ("-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC", "-w")


@functools.cache
def library() -> ctypes.CDLL | None:
    """Compile ``fused.c`` for this processor and load it, once a process: half a second; ``None`` where that fails."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "fused.so"
        command = [*compiler.split(), *_OPTIONS, str(Path(__file__).with_name("fused.c")), "-o", str(target), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True)
            found = ctypes.CDLL(str(target))
        except (OSError, subprocess.CalledProcessError):
            return None
    for name, pointers in _POINTERS.items():
        getattr(found, name).argtypes = [ctypes.c_void_p] * pointers + [ctypes.c_int] * 4
        getattr(found, name).restype = None
    found.forward.argtypes = [*found.forward.argtypes, ctypes.c_float]
    return found


class _NormReluPool(torch.autograd.Function):
    """Instance norm, ReLU and 2x2 average pooling of a convolution's output without its bias."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, bias: Tensor | None, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
        """Map images float32 [B, C, H, W] to [B, C, H/2, W/2]; C divisible by 16, H and W even."""
        # Channels last in memory: the C loops run over channels, which a processor takes up to sixteen at a time.
        y, gamma, beta = y.contiguous(memory_format=torch.channels_last), gamma.contiguous(), beta.contiguous()
        n, c, h, w = y.shape
        pooled = y.new_empty((n, h // 2, w // 2, c)).permute(0, 3, 1, 2)
        mean, inverse = y.new_empty(2, n, c)
        _call("forward", (y, gamma, beta, pooled, mean, inverse), n, h, w, c, epsilon)
        ctx.save_for_backward(y, gamma, beta, mean, inverse)
        ctx.biased = bias is not None
        return pooled

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator,unused-ignore]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients; that of the bias is exactly zero, and that of ``y`` takes its memory."""
        y, gamma, beta, mean, inverse = ctx.saved_tensors
        n, c, h, w = y.shape
        gradient = gradients[0].permute(0, 2, 3, 1).contiguous()
        shares = y.new_empty(2, n, c)
        _call("backward", (y, gradient, gamma, beta, mean, inverse, *shares), n, h, w, c)
        torch.autograd.graph.increment_version(y)  # so that a second pass backwards is refused
        dgamma, dbeta = shares.sum(1)
        return y.detach(), torch.zeros_like(beta) if ctx.biased else None, dgamma, dbeta, None


def _call(name: str, tensors: tuple[Tensor, ...], *numbers: float) -> None:
    """Call a function of the library on tensors' memory."""
    found = library()
    assert found is not None
    getattr(found, name)(*(tensor.data_ptr() for tensor in tensors), *numbers)


def _run_block(conv: nn.Conv2d, norm: nn.GroupNorm, pool: nn.AvgPool2d, images: Tensor) -> Tensor:
    """Do the work of a block that :func:`_join` knows."""
    images = images.contiguous(memory_format=torch.channels_last)
    # Without its bias, which an instance norm takes out again.
    y = F.conv2d(images, conv.weight, None, conv.stride, conv.padding, conv.dilation, conv.groups)
    if y.shape[-1] % 2 or y.shape[-2] % 2:
        y = y if conv.bias is None else y + conv.bias[:, None, None]
        return pool(F.relu(norm(y)))
    return _NormReluPool.apply(y, conv.bias, norm.weight, norm.bias, norm.eps)


def _join(modules: list[nn.Module]) -> Callable[[Tensor], Tensor] | None:
    """Join four modules where they form a block of which the C functions know every setting."""
    if [type(module) for module in modules] != [nn.Conv2d, nn.GroupNorm, nn.ReLU, nn.AvgPool2d]:
        return None
    conv, norm, _, pool = modules
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.GroupNorm) and isinstance(pool, nn.AvgPool2d)
    known = (
        conv.padding_mode == "zeros"
        and norm.affine
        and norm.num_groups == norm.num_channels
        and norm.num_channels % _CHANNELS == 0
        and is_plain(pool)
        and not pool.ceil_mode
    )
    return functools.partial(_run_block, conv, norm, pool) if known else None


def _has_hooks(module: nn.Module) -> bool:
    """Whether calling a module does more than its class says."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return "forward" in vars(module) or any(getattr(module, kind) for kind in kinds)


def forward_of(net: nn.Module) -> Callable[[Tensor], Tensor] | None:
    """Give the forward pass of a chain with its blocks fused.

    Returns:
        A function from images to logits that reads the network's parameters at each call, or ``None``: for networks
        without such blocks, of another type than float32 or on another device than a CPU, with hooks, and where no
        C compiler works.
    """
    known = type(net) is nn.Sequential and not any(map(_has_hooks, net.modules()))
    if not known or any(p.dtype != torch.float32 or p.device.type != "cpu" for p in net.parameters()):
        return None
    parts, joined = list(net.children()), False
    calls: list[Callable[[Tensor], Tensor]] = []
    while parts:
        together = _join(parts[:4])
        calls.append(together or parts[0])
        del parts[: 4 if together else 1]
        joined |= together is not None
    if not joined or library() is None:
        return None
    return lambda images: functools.reduce(lambda values, part: part(values), calls, images)
