"""Loss on the plane through three trainings."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .base import Context, Data, Job, Result
from .chain import Train
from .limits import check_draw, macs

if TYPE_CHECKING:
    import torch

    from ... import landscape


@dataclass(frozen=True)
class Landscape(Job):
    """Loss on the plane through three trainings of one ticket.

    Attributes:
        a: First network, the origin.
        b: Second network, on the first axis.
        c: Third network.
        resolution: Grid points a side.
        images: Stratified, paired subset of the training data, 0 for all.
        margin: Room around the networks, in units of the first axis.
    """

    kind: ClassVar[str] = "landscape"
    a: Train
    b: Train
    c: Train
    resolution: int = 51
    images: int = 0
    margin: float = 0.5

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates."""
        images = self.images or self.a.data.images
        return float(self.resolution) ** 2 * images * macs(self.a.network, self.a.data)

    def check(self) -> Data:
        """Refuse more images than there are."""
        data = self.a.data
        if self.images:
            check_draw("plane_images", self.images, data.images, data)
        return data

    def perform(self, context: Context) -> Result:
        """Measure the loss on the plane through three trainings; continues at its last row."""
        import numpy as np

        from ... import landscape, training
        from .inputs import Checkpoints, to_tensors

        checkpoints = Checkpoints(context)
        ends = [to_tensors(context.load(end).arrays) for end in (self.a, self.b, self.c)]
        net, mask, split = self.a.rebuild(context)
        flat = landscape.plane(*ends)
        saved = checkpoints.read()
        start = None
        if saved is not None:
            points, loss, accuracy = (saved[name].numpy() for name in ("points", "loss", "accuracy"))
            start = landscape.Grid(points, loss, accuracy, self.resolution, flat.coordinates, flat.unit)
        grid = start
        for grid in landscape.evaluations(
            net,
            flat,
            split.subset(self.images) if self.images else split,
            self.resolution,
            mask,
            margin=self.margin,
            start=start,
            forward=training.Forward(compile=self.a.recipe.compile),
        ):
            checkpoints(functools.partial(_snapshot, grid))
            context.progress(int(np.isfinite(grid.loss).sum()), len(grid.loss), {})
        assert grid is not None
        found = landscape.basins(grid)
        metrics = {
            "level": self.a.level,
            "basins": found.count,
            "loss_range": landscape.loss_range(grid),
            "coordinates": [list(point) for point in grid.coordinates],
            "unit": grid.unit,
            "resolution": self.resolution,
        }
        return Result(metrics, {"points": grid.points, "loss": grid.loss, "accuracy": grid.accuracy})

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"landscape {self.a.network.model} init {self.a.network.seed} level {self.a.level}"


def _snapshot(grid: landscape.Grid) -> dict[str, torch.Tensor]:
    """Turn a half-filled grid into what a checkpoint holds."""
    import torch

    return {name: torch.from_numpy(getattr(grid, name)) for name in ("points", "loss", "accuracy")}
