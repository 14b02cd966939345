"""Basins of a loss surface: how many there are, how deep, and how much the loss varies nearby."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError


@dataclass(frozen=True, eq=False)
class Grid:
    """Loss and accuracy at points of a plane.

    Attributes:
        points: ``[m, 2]`` coordinates, float64; row by row, y ascending, x ascending within a row.
        loss: ``[m]`` mean cross-entropy in nats, NaN where not evaluated yet.
        accuracy: ``[m]`` top-1 accuracy in [0, 1], NaN likewise.
        resolution: Points a side.
        coordinates: x and y of the plane's networks.
        unit: Length of a coordinate's unit in weight space (L2).
    """

    points: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    resolution: int
    coordinates: tuple[tuple[float, float], ...]
    unit: float

    @property
    def complete(self) -> bool:
        """Whether every point has been evaluated."""
        return not bool(np.isnan(self.accuracy).any())

    @property
    def surface(self) -> np.ndarray:
        """The loss as ``[resolution, resolution]``, rows by y."""
        return self.loss.reshape(self.resolution, self.resolution)


@dataclass(frozen=True)
class Basins:
    """The basins of a surface, deepest minimum first.

    Attributes:
        minima: x, y and loss at the bottom of each.
        saddles: Loss at which each meets a deeper one; infinite for the first.
    """

    minima: tuple[tuple[float, float, float], ...]
    saddles: tuple[float, ...]

    @property
    def count(self) -> int:
        """Number of basins."""
        return len(self.minima)


def basins(grid: Grid, depth: float = 0.1) -> Basins:
    """Count the basins of a surface by flooding it (watershed).

    Water rises from every local minimum. Where two pools meet, at a saddle, the one with the higher minimum ends; it
    was a basin of its own when its minimum lies below the saddle by at least the fraction ``depth`` of the saddle's
    loss, and otherwise a ripple of the basin it joins. The lowest minimum is always a basin.

    Args:
        grid: A complete grid. Points are neighbours when they touch, also diagonally. Losses that are not finite count
            as infinite.
        depth: Smallest depth, relative to the loss at the saddle.

    Returns:
        The basins.

    Raises:
        InputError: For a grid that is not complete or has no finite loss, or a depth outside (0, 1).
    """
    if not grid.complete:
        raise InputError("the grid is not complete: evaluate its remaining points first")
    if not 0 < depth < 1:
        raise InputError(f"depth must lie between 0 and 1, not {depth}")
    loss = np.where(np.isfinite(grid.loss), grid.loss, np.inf)
    if not np.isfinite(loss).any():
        raise InputError("no point of the grid has a finite loss")
    neighbours = _neighbours(grid.resolution)
    pool = np.full(len(loss), -1)
    bottoms: dict[int, float] = {}
    for point in np.argsort(loss, kind="stable").tolist():
        wet = {_root(pool, other) for other in neighbours[point] if pool[other] >= 0}
        lowest = min(wet, key=lambda root: (loss[root], root), default=point)
        pool[point] = lowest
        for root in wet - {lowest}:
            pool[root] = lowest
            if np.isfinite(loss[root]) and loss[root] <= (1 - depth) * loss[point]:
                bottoms[root] = float(loss[point])
        if not wet and point == int(np.argmin(loss)):
            bottoms[point] = float("inf")
    order = sorted(bottoms, key=lambda root: (loss[root], root))
    minima = tuple((float(grid.points[i, 0]), float(grid.points[i, 1]), float(loss[i])) for i in order)
    return Basins(minima, tuple(bottoms[i] for i in order))


def loss_range(grid: Grid, radius: float = 0.5, centre: tuple[float, float] | None = None) -> float:
    """Return the largest minus the smallest loss within a radius, in units of the plane's first axis.

    Args:
        grid: A complete grid.
        radius: In units of the distance between the plane's first two networks.
        centre: x and y; ``None`` for the centroid of the plane's networks.

    Raises:
        InputError: When no point lies within the radius, or the grid is not complete.
    """
    if not grid.complete:
        raise InputError("the grid is not complete: evaluate its remaining points first")
    middle = np.mean(grid.coordinates, axis=0) if centre is None else np.asarray(centre)
    near = np.linalg.norm(grid.points - middle, axis=1) <= radius
    if not near.any():
        raise InputError(f"no point of the grid lies within {radius} of ({middle[0]:.3g}, {middle[1]:.3g})")
    return float(grid.loss[near].max() - grid.loss[near].min())


def _root(pool: np.ndarray, point: int) -> int:
    """Follow pools to the one they have flown into, shortening the way for the next."""
    while pool[point] != point:
        pool[point] = pool[pool[point]]
        point = int(pool[point])
    return point


def _neighbours(side: int) -> list[list[int]]:
    offsets = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    return [
        [(y + dy) * side + x + dx for dy, dx in offsets if 0 <= y + dy < side and 0 <= x + dx < side]
        for y in range(side)
        for x in range(side)
    ]
