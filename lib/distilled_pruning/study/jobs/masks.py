"""What two masks share, against chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Context, Job, Result
from .chain import Prune


@dataclass(frozen=True)
class MaskStatistics(Job):
    """Overlap of two masks of one initialisation, against chance.

    Attributes:
        a: First mask.
        b: Second mask.
    """

    kind: ClassVar[str] = "masks"
    gpu: ClassVar[bool] = False
    a: Prune
    b: Prune

    def perform(self, context: Context) -> Result:
        """Compare two masks of one initialisation."""
        from ... import masks, pruning
        from .inputs import build_network, load_data, read_mask

        ds = load_data(self.a.data)
        net = build_network(self.a.network, ds)
        weights = {name: weight.detach() for name, weight in pruning.prunable(net).items()}
        a, b = read_mask(self.a, context), read_mask(self.b, context)
        assert a is not None and b is not None
        return Result({"level": self.a.level, **masks.statistics(a, b, weights)})

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"compare masks, init {self.a.network.seed} level {self.a.level}"
