"""Memory that is written over and over, because fresh pages cost more than the arithmetic on them."""

from __future__ import annotations

from collections.abc import Hashable

import torch
from torch import Tensor


class Scratch:
    """Buffers by key; one is valid until the same key is asked for again."""

    def __init__(self) -> None:
        self._buffers: dict[Hashable, Tensor] = {}

    def take(self, key: Hashable, shape: tuple[int, ...] | torch.Size, like: Tensor) -> Tensor:
        """Return an uninitialised contiguous tensor of the dtype and on the device of ``like``."""
        size = torch.Size(shape).numel()
        buffer = self._buffers.get(key)
        if buffer is None or len(buffer) < size:
            self._buffers[key] = buffer = like.new_empty(size)
        return buffer[:size].view(shape)

    def product(self, key: Hashable, x: Tensor, y: Tensor) -> Tensor:
        """Return ``x * y``, broadcast, in the buffer of ``key``."""
        return torch.mul(x, y, out=self.take(key, torch.broadcast_shapes(x.shape, y.shape), x))
