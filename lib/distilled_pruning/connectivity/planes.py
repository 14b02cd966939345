"""Planes in the space of a network's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..errors import InputError
from ..models.weights import Weights, check_alike, cut

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_NEARLY = 1e-6  # relative length below which networks count as the same, or as on one line


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


def plane(a: Weights, b: Weights, c: Weights) -> Plane:
    """Span a plane by three networks.

    Args:
        a: State dict at the origin.
        b: State dict at (1, 0).
        c: State dict of the third network.

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
    check_alike(a, a, b, c)
    first = _difference(b, a)
    second = _difference(c, a)
    length = _dot(first, first) ** 0.5
    if length <= _NEARLY * _dot(a, a) ** 0.5:
        raise InputError("the first two networks are the same: give networks from different trainings")
    x = _dot(second, first) / length**2
    across = {name: second[name] - x * first[name] for name in second}
    height = _dot(across, across) ** 0.5
    if height <= _NEARLY * length:
        raise InputError("the three networks lie on one line: give a third network off it")
    across = {name: tensor * (length / height) for name, tensor in across.items()}
    return Plane((a, b, c), (first, across), ((0.0, 0.0), (1.0, 0.0), (x, height / length)), length)


def mask_plane(given: Plane, mask: Mapping[str, Tensor] | None) -> Plane:
    """Return the plane through the masked networks.

    Raises:
        InputError: For a mask that does not fit them or keeps nothing.
    """
    if mask is None:
        return given
    a, b, c = given.networks
    fits = all(name in a and mask[name].shape == a[name].shape for name in mask)
    if not fits or not any(bool(kept.any()) for kept in mask.values()):
        raise InputError("the mask must keep weights of the plane's networks: give their ticket's mask, or None")
    return plane(cut(a, mask), cut(b, mask), cut(c, mask))


def _difference(end: Weights, start: Weights) -> dict[str, Tensor]:
    return {name: end[name].to(start[name].device) - start[name] for name in start if start[name].is_floating_point()}


def _dot(first: Weights, second: Weights) -> float:
    """Return the inner product of parameters, in float64; BatchNorm statistics are no coordinates."""
    names = [name for name in first if not name.endswith(_STATISTICS) and first[name].is_floating_point()]
    return sum(float(first[name].double().flatten() @ second[name].double().flatten()) for name in names)
