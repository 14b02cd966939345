"""Loss and accuracy along the line between two trainings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...training.recipe import STATISTICS_BATCH
from .base import Context, Data, Job, Result, check_unchanged
from .chain import Train
from .limits import check_draw, macs


@dataclass(frozen=True)
class Connect(Job):
    """Loss and accuracy along the line between two trainings of one ticket.

    Attributes:
        a: Training at alpha 0.
        b: Training at alpha 1.
        alphas: Positions along the line.
        split: ``"train"`` or ``"test"``, clean.
        images: Stratified number of images of the split, 0 for all.
        statistics: BatchNorm statistics ``"interpolated"`` or ``"re-estimated"``.
        masked: ``False`` switches the pruned weights' decayed initial values on, as the authors' scripts did.
    """

    kind: ClassVar[str] = "connect"
    a: Train
    b: Train
    alphas: int = 11
    split: str = "train"
    images: int = 0
    statistics: str = "interpolated"
    masked: bool = True

    @property
    def version(self) -> int:  # type: ignore[override]
        """2 where statistics are re-estimated in batches of which the last is smaller: it once weighed as much."""
        images = self.measured if self.statistics == "re-estimated" else 0
        return 2 if images > STATISTICS_BATCH and images % STATISTICS_BATCH else 1

    @property
    def measured(self) -> int:
        """Number of images at each position."""
        return self.images or (self.a.data.images if self.split == "train" else self.a.data.info.test)

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates."""
        return float(self.alphas) * self.measured * macs(self.a.network, self.a.data)

    def check(self) -> Data:
        """Refuse more images than there are."""
        data = self.a.data
        if self.images:
            check_draw("line_images", self.images, data.images if self.split == "train" else data.info.test, data)
        return data

    def perform(self, context: Context) -> Result:
        """Measure loss and accuracy along the line between two trainings."""
        from ... import connectivity, pruning, training
        from ...training.loop import residual
        from .inputs import build_network, load_data, read_mask, to_tensors

        check_unchanged(self.a)
        ds = load_data(self.a.data)
        split = ds.train if self.split == "train" else ds.test
        if self.images:
            split = split.subset(self.images, seed=0)
        a, b = (to_tensors(context.load(end).arrays) for end in (self.a, self.b))
        net = build_network(self.a.network, ds)
        mask = read_mask(self.a.mask, context)
        if not self.masked and mask is not None:
            left = residual(self.a.recipe, self.a.source.images)
            for name, weight in pruning.prunable(net).items():
                hidden = weight.detach() * ~mask[name] * left
                a[name], b[name] = a[name] + hidden, b[name] + hidden
            mask = None
        curve = connectivity.interpolate(
            net,
            a,
            b,
            split,
            self.alphas,
            mask,
            statistics=self.statistics,
            forward=training.Forward(device=training.resolve(context.device)),
            progress=context.progress,
        )
        barrier = connectivity.barrier(curve)
        return Result(
            {
                "level": self.a.level,
                "alphas": list(curve.alphas),
                "loss": list(curve.loss),
                "accuracy": list(curve.accuracy),
                "barrier": float(barrier),
                "maximum": barrier.maximum,
                "error_rise": barrier.error_rise,
                "end_loss": barrier.end_loss,
                "end_accuracy": barrier.end_accuracy,
            },
            {},
        )

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"connect {self.a.network.model} init {self.a.network.seed} level {self.a.level}"
