"""Networks run forward, not trained: on which device, in what batches and precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import InputError, unknown
from .recipe import PRECISIONS

__all__ = ["PLAIN", "Forward", "evaluating", "resolve", "twice_differentiable", "usual_batch"]


def resolve(device: str | torch.device = "auto") -> torch.device:
    """Turn ``"auto"`` into the GPU where there is one, else the CPU; a device that is not here is an input error."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"unknown device {device!r}: use auto, cpu or cuda") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {str(device)!r} was asked for but this machine has no CUDA GPU: use auto or cpu")
    return chosen


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Run attention by the one kernel of PyTorch's that can be differentiated twice."""
    with sdpa_kernel(SDPBackend.MATH):
        yield


@dataclass(frozen=True)
class Forward:
    """How a network is run on images.

    Attributes:
        device: Where to compute; ``None`` for where the network lies.
        batch_size: Images a pass, ``None`` for what fits a CPU's caches or fills a GPU; speed, memory and the last bits
            depend on it.
        precision: ``"fp32"``, or ``"bf16"`` for bfloat16 autocast; the weights stay as they are.
        compile: Compile the network's forward pass, where a compiler is installed.
    """

    device: str | torch.device | None = None
    batch_size: int | None = None
    precision: str = "fp32"
    compile: bool = False

    def __post_init__(self) -> None:
        """Raise :class:`InputError` for an unknown precision."""
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)

    def place(self, net: nn.Module) -> torch.device:
        """Give the device that a network is run on."""
        return next(net.parameters()).device if self.device is None else resolve(self.device)

    def cast(self, place: torch.device) -> torch.autocast:
        """Give the context in which passes have the precision."""
        return torch.autocast(place.type, torch.bfloat16, enabled=self.precision == "bf16")


PLAIN = Forward()


def usual_batch(device: torch.device) -> int:
    """Choose the images of a pass: twice as fast on a CPU at 64, whose caches hold them, as at 500."""
    return 64 if device.type == "cpu" else 1000


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and back."""
    was_training = net.training
    net.eval()
    try:
        yield
    finally:
        net.train(was_training)
