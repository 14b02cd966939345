"""Loss on a plane through trained networks (2503.17905, section 4.1, Fig. 5).

The authors' plane has axes that are neither orthogonal nor of equal length, and holds two of their four networks.
Here it is spanned by three networks: u = b - a, and v the part of c - a orthogonal to u, scaled to the length of u.
Distances on the plane are then distances between weights, and all three networks lie on it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from .connectivity.basins import Basins, Grid, basins, loss_range
from .connectivity.planes import Plane, mask_plane, plane
from .data.split import likeliest
from .errors import InputError
from .models import pooling, weights
from .models.suit import suit
from .training.forward import PLAIN, Forward

if TYPE_CHECKING:
    from .data.split import Split

__all__ = ["Basins", "Grid", "Plane", "basins", "evaluate", "evaluations", "loss_range", "plane"]

_ALIGNED = 16  # entries; tensors begin at multiples of it, as kernels like them to
_RESIDENT = 2**30  # bytes of normalised images kept between points; more are normalised again at each


def evaluate(
    net: nn.Module,
    plane: Plane,
    data: Split,
    resolution: int = 51,
    mask: Mapping[str, Tensor] | None = None,
    *,
    margin: float = 0.5,
    start: Grid | None = None,
    forward: Forward = PLAIN,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
) -> Grid:
    """Evaluate the loss over a square of the plane that holds its networks.

    Every point sees the same images, so differences between points are far less noisy than the losses themselves.

    Args:
        net: A network of the right shape; a copy is used, in evaluation mode.
        plane: From :func:`plane`.
        data: Clean images, such as ``ds.train``, or a ``subset`` of them.
        resolution: Points a side of the grid.
        mask: Mask of the networks' common ticket; they and the whole plane are masked.
        margin: Room around the networks, in units of the first axis.
        start: A grid of the same points to go on from; what it holds is not evaluated again.
        forward: How the network is run; its usual batch here is 100 images on a CPU.
        progress: Called with points done, points in all and the last loss after every row.

    Returns:
        The grid, complete.

    Raises:
        InputError: For a network or mask that does not fit the plane, images that do not suit the network, a grid of
            fewer than two points a side, or a margin that leaves networks out.

    Examples:
        >>> from distilled_pruning import data, landscape, models
        >>> digits = data.load("digits")
        >>> net = models.build("convnet3", digits, width=8)
        >>> corners = [models.build("convnet3", digits, width=8, seed=seed).state_dict() for seed in (1, 2, 3)]
        >>> through = landscape.plane(*corners)
        >>> grid = landscape.evaluate(net, plane=through, data=digits.test, resolution=3)
        >>> grid.loss.shape, grid.complete
        ((9,), True)
    """
    grid = None
    for grid in evaluations(net, plane, data, resolution, mask, margin=margin, start=start, forward=forward):
        if progress is not None:
            done = np.isfinite(grid.accuracy)
            last = float(grid.loss[done][-1]) if done.any() else float("nan")
            progress(int(done.sum()), len(done), {"loss": last})
    assert grid is not None
    return grid


def evaluations(
    net: nn.Module,
    plane: Plane,
    data: Split,
    resolution: int = 51,
    mask: Mapping[str, Tensor] | None = None,
    *,
    margin: float = 0.5,
    start: Grid | None = None,
    forward: Forward = PLAIN,
) -> Iterator[Grid]:
    """Evaluate as :func:`evaluate` does, and yield the grid as it fills, to be saved and gone on from.

    Yields:
        The same grid, with as many more points as a row has evaluated each time; a complete ``start`` once.

    Raises:
        InputError: As :func:`evaluate`.
    """
    weights.check_fit(net, plane.networks[0])
    suit(net, data)
    plane = mask_plane(plane, weights.everywhere(net, mask) if mask is not None else None)
    grid = _lay_out(plane, resolution, margin)
    if start is not None:
        _resume(grid, start)
    surface = _Surface(net, plane, data, forward)
    todo = np.flatnonzero(np.isnan(grid.accuracy))
    for begin in range(0, max(len(todo), 1), resolution):
        part = todo[begin : begin + resolution]
        grid.loss[part], grid.accuracy[part] = surface.measure(grid.points[part])
        yield grid


class _Surface:
    """A network whose weights are one vector, moved over a plane in place, and the images it is measured on."""

    def __init__(self, net: nn.Module, plane: Plane, data: Split, forward: Forward) -> None:
        place = forward.place(net)
        self.net = copy.deepcopy(net).to(place).eval().requires_grad_(False)
        self.data, self.how = data.to(place), forward
        self.size = forward.batch_size or (100 if place.type == "cpu" else 1000)
        own = {name: t for name, t in self.net.state_dict(keep_vars=True).items() if t.is_floating_point()}
        sizes = [-(-tensor.numel() // _ALIGNED) * _ALIGNED for tensor in own.values()]
        self.dtype = next(iter(own.values())).dtype
        self.current = torch.empty(sum(sizes), dtype=self.dtype, device=place)
        self.variances = [
            part.data for name, part in zip(own, self.current.split(sizes), strict=True) if name.endswith("running_var")
        ]
        # The network's tensors become views of one vector, so that a move is two operations, however many they are.
        for tensor, part in zip(own.values(), self.current.split(sizes), strict=True):
            tensor.data = part[: tensor.numel()].view(tensor.shape)
        self.origin, self.x, self.y = (torch.zeros_like(self.current) for _ in range(3))
        sources = (plane.networks[0], *plane.axes)
        for flat, source in zip((self.origin, self.x, self.y), sources, strict=True):
            for name, part in zip(own, flat.split(sizes), strict=True):
                part[: own[name].numel()].copy_(source[name].flatten())
        self.forward = torch.compile(self.net) if forward.compile else self.net
        self.pools = [] if forward.compile else pooling.replaceable(self.net)
        element = 4 * self.data.images[0].numel() if len(self.data) else 0
        self.kept = list(self._batches()) if element * len(self.data) <= _RESIDENT else None

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        for begin in range(0, len(self.data), self.size):
            part = slice(begin, begin + self.size)
            yield self.data.normalised(part).to(self.dtype), self.data.labels[part]

    @torch.inference_mode()
    def measure(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean loss and accuracy at points ``[m, 2]``; the device is waited for once."""
        loss = torch.zeros(len(points), dtype=torch.float64, device=self.current.device)
        correct = torch.zeros_like(loss)
        for i, (x, y) in enumerate(points.tolist()):
            torch.add(self.origin, self.x, alpha=x, out=self.current).add_(self.y, alpha=y)
            for variance in self.variances:
                variance.clamp_(min=0)  # beyond the networks a running variance can be carried below 0
            for images, labels in self._batches() if self.kept is None else self.kept:
                with self.how.cast(self.current.device), pooling.use_quick(self.pools):
                    logits = self.forward(images)
                logits = logits.float() if self.how.precision == "bf16" else logits
                loss[i] += nn.functional.cross_entropy(logits, labels, reduction="sum")
                correct[i] += (logits.argmax(1) == likeliest(labels)).sum()
        count = len(self.data)
        return (loss / count).cpu().numpy(), (correct / count).cpu().numpy()


def _lay_out(plane: Plane, resolution: int, margin: float) -> Grid:
    """Lay out the points: a square around the networks, with the margin around the longer side."""
    if resolution < 2:
        raise InputError(f"resolution must be at least 2 points a side, not {resolution}")
    if not 0 <= margin < np.inf:
        raise InputError(f"margin must be a finite number of at least 0, not {margin}")
    known = np.array(plane.coordinates)
    low, high = known.min(0), known.max(0)
    centre, half = (low + high) / 2, (high - low).max() / 2 + margin
    x, y = (np.linspace(middle - half, middle + half, resolution) for middle in centre)
    points = np.stack([np.tile(x, resolution), np.repeat(y, resolution)], 1)
    loss, accuracy = np.full((2, len(points)), np.nan)
    return Grid(points, loss, accuracy, resolution, plane.coordinates, plane.unit)


def _resume(grid: Grid, start: Grid) -> None:
    if start.points.shape != grid.points.shape or not np.allclose(start.points, grid.points, rtol=1e-9, atol=1e-9):
        raise InputError("the grid to go on from has other points: use the same plane, resolution and margin")
    grid.loss[:], grid.accuracy[:] = start.loss, start.accuracy
