"""A mask: which weights of a network survive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from ..models.weights import prunable, rename

__all__ = ["Mask"]

_SHAPE = ".shape"


class Mask(Mapping[str, Tensor]):
    """Bool tensors by weight name, on the CPU; true survives. Not meant to be changed.

    Attributes:
        total: Weights in all layers.
        survivors: Weights that survive.

    Examples:
        >>> from distilled_pruning import models, pruning
        >>> net = models.build("convnet3", size=16, channels=1, classes=10, width=16)
        >>> mask = pruning.magnitude(net, fraction=0.5)
        >>> mask.apply(net)
        >>> sum(int((weight == 0).sum()) for weight in pruning.prunable(net).values()) == mask.total - mask.survivors
        True
        >>> pruning.Mask.unpack(mask.pack()) == mask
        True
    """

    def __init__(self, layers: Mapping[str, Tensor]) -> None:
        """Take bool tensors as they are, copied to memory of their own.

        Raises:
            InputError: No layer at all, or a tensor that is not bool.
        """
        if not layers:
            raise InputError("a mask needs at least one layer")
        for name, kept in layers.items():
            if not isinstance(kept, Tensor) or kept.dtype != torch.bool:
                found = kept.dtype if isinstance(kept, Tensor) else f"of type {type(kept).__name__}"
                raise InputError(f"the mask of {name} is {found}: give bool tensors, true where a weight survives")
        self._layers = {name: kept.detach().to("cpu", copy=True).contiguous() for name, kept in layers.items()}
        self.total = sum(kept.numel() for kept in self._layers.values())
        self.survivors = sum(int(kept.count_nonzero()) for kept in self._layers.values())

    @classmethod
    def ones(cls, net: nn.Module) -> Mask:
        """Keep every prunable weight of a network."""
        return cls({name: torch.ones(weight.shape, dtype=torch.bool) for name, weight in prunable(net).items()})

    @property
    def sparsity(self) -> float:
        """Share of the weights that are removed, in [0, 1]."""
        return 1 - self.survivors / self.total

    def apply(self, net: nn.Module) -> None:
        """Set the removed weights of a network to zero, in place.

        Raises:
            InputError: The network has no such weight, or one of another shape.
        """
        weights = dict(net.named_parameters())
        layers = rename(self._layers, weights)
        for name, kept in layers.items():
            if name not in weights:
                raise InputError(f"the mask has a layer {name!r} that the network has not: use a mask of this network")
            if weights[name].shape != kept.shape:
                raise InputError(
                    f"the mask of {name} has shape {tuple(kept.shape)} and the weight {tuple(weights[name].shape)}: "
                    "use a mask of this network"
                )
        with torch.no_grad():
            for name, kept in layers.items():
                weights[name].mul_(kept.to(weights[name].device))

    def on(self, net: nn.Module) -> Mask:
        """Give the same mask under the names that a network has now, be it wrapped, compiled or neither."""
        layers = rename(self._layers, [name for name, _ in net.named_parameters()])
        return self if layers is self._layers else Mask(layers)

    def pack(self) -> dict[str, np.ndarray]:
        """Write the mask at one bit a weight.

        Returns:
            For each layer uint8 bits [ceil(weights / 8)] under its name, most significant bit first and zeros at the
            end, and its int64 shape under the name with ``.shape`` added.
        """
        packed: dict[str, np.ndarray] = {}
        for name, kept in self._layers.items():
            packed[name] = np.packbits(kept.numpy().reshape(-1))
            packed[name + _SHAPE] = np.array(kept.shape, dtype=np.int64)
        return packed

    @classmethod
    def unpack(cls, packed: Mapping[str, np.ndarray]) -> Mask:
        """Read what :meth:`pack` wrote.

        Raises:
            InputError: An array is missing, of the wrong type, or its length does not fit its shape.
        """
        names = [name for name in packed if not (name.endswith(_SHAPE) and name.removesuffix(_SHAPE) in packed)]
        layers = {}
        for name in names:
            bits, shape = packed[name], packed.get(name + _SHAPE)
            if shape is None:
                raise InputError(f"the packed mask has no {name + _SHAPE}: it is damaged, make it again")
            if bits.dtype != np.uint8 or bits.ndim != 1 or not np.issubdtype(shape.dtype, np.integer):
                raise InputError(f"the packed mask of {name} is not uint8 bits with an integer shape: make it again")
            count = int(np.prod(shape, dtype=np.int64))
            flat = np.unpackbits(bits)
            if (shape < 1).any() or bits.size != -(-count // 8) or flat[count:].any():
                raise InputError(f"the packed mask of {name} does not fit its shape {shape.tolist()}: make it again")
            layers[name] = torch.from_numpy(flat[:count].astype(bool).reshape(shape.tolist()))
        return cls(layers)

    def __getitem__(self, name: str) -> Tensor:
        return self._layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        return self.keys() == other.keys() and all(torch.equal(self[name], other[name]) for name in self)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Mask({self.survivors} of {self.total} weights in {len(self)} layers)"
