"""Planes in the space of a network's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import InputError

Weights = Mapping[str, Tensor]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
NEARLY = 1e-6  # relative length below which networks count as the same, or as on one line


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the space of weights, with coordinates in units of the distance between its first two networks.

    Attributes:
        networks: The state dicts it goes through: origin, end of the first axis, a third one off that line.
        axes: Orthogonal directions of equal length ``unit``; statistics of BatchNorm are combined alike.
        coordinates: x and y of the networks, the first (0, 0), the second (1, 0).
        unit: L2 distance of the first two networks' parameters.
    """

    networks: tuple[Weights, Weights, Weights]
    axes: tuple[dict[str, Tensor], dict[str, Tensor]]
    coordinates: tuple[tuple[float, float], ...]
    unit: float


def plane(a: Weights, b: Weights, c: Weights | None = None, *, seed: int = 0) -> Plane:
    """Span a plane by three networks, or by two and a random direction.

    Args:
        a: State dict at the origin.
        b: State dict at (1, 0).
        c: State dict of the third network; ``None`` for a random direction in which every filter has the norm of
            a's filter, and biases and norm parameters do not move (Li et al. 2018).
        seed: Of the random direction.

    Returns:
        The plane; state dicts are not copied.

    Raises:
        InputError: When the networks do not fit together, are not finite, coincide or lie on one line.

    Examples:
        >>> from distilled_pruning import landscape
        >>> a, b, c = ({"weight": torch.tensor(values)} for values in ([0.0, 0.0], [2.0, 0.0], [0.0, 1.0]))
        >>> landscape.plane(a, b, c).coordinates
        ((0.0, 0.0), (1.0, 0.0), (0.0, 0.5))
    """
    _check(a, b, *([] if c is None else [c]))
    if c is None:
        c = {name: tensor + _random_like(name, tensor, seed, i) for i, (name, tensor) in enumerate(a.items())}
    first = _difference(b, a)
    second = _difference(c, a)
    length = _dot(first, first) ** 0.5
    if length <= NEARLY * _dot(a, a) ** 0.5:
        raise InputError("the first two networks are the same: give networks from different trainings")
    x = _dot(second, first) / length**2
    across = {name: second[name] - x * first[name] for name in second}
    height = _dot(across, across) ** 0.5
    if height <= NEARLY * length:
        raise InputError("the three networks lie on one line: give a third network off it, or None")
    across = {name: tensor * (length / height) for name, tensor in across.items()}
    return Plane((a, b, c), (first, across), ((0.0, 0.0), (1.0, 0.0), (x, height / length)), length)


def masked(given: Plane, mask: Mapping[str, Tensor] | None) -> Plane:
    """Return the plane through the masked networks.

    Raises:
        InputError: For a mask that does not fit them or keeps nothing.
    """
    if mask is None:
        return given
    a, b, c = given.networks
    fits = all(name in a and mask[name].shape == a[name].shape for name in mask)
    if not fits or not any(bool(mask[name].any()) for name in mask):
        raise InputError("the mask must keep weights of the plane's networks: give their ticket's mask, or None")
    cut = [{n: t * mask[n].to(t.device) if n in mask else t for n, t in weights.items()} for weights in (a, b, c)]
    return plane(*cut)


def _check(*networks: Weights) -> None:
    first = networks[0]
    for other in networks:
        odd = sorted(set(first) ^ set(other)) or [n for n in first if first[n].shape != other[n].shape]
        if odd:
            raise InputError(f"the networks do not fit together: {odd[0]!r} differs in name or shape")
        for name, tensor in other.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise InputError(f"{name!r} holds values that are not finite: train again with a lower learning rate")


def _difference(end: Weights, start: Weights) -> dict[str, Tensor]:
    return {name: end[name].to(start[name].device) - start[name] for name in start if start[name].is_floating_point()}


def _dot(first: Weights, second: Weights) -> float:
    """Return the inner product of parameters, in float64; BatchNorm statistics are no coordinates."""
    names = [name for name in first if not name.endswith(STATISTICS) and first[name].is_floating_point()]
    return sum(float(first[name].double().flatten() @ second[name].double().flatten()) for name in names)


def _random_like(name: str, tensor: Tensor, seed: int, index: int) -> Tensor:
    """Return a random direction with the filter norms of a weight, zero for vectors and statistics."""
    if tensor.dim() < 2 or name.endswith(STATISTICS):
        return torch.zeros_like(tensor)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + index)
    noise = torch.randn(tensor.shape, generator=generator).to(tensor).flatten(1)
    rows = tensor.flatten(1).norm(dim=1) / noise.norm(dim=1)
    return (noise * rows[:, None]).view_as(tensor)
