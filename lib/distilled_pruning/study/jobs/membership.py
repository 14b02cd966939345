"""The curvature of a network at the weights that one mask keeps and another removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Context, Job, Result
from .chain import Prune, Train
from .curvature import HessianDiagonal


@dataclass(frozen=True)
class MembershipCurvature(Job):
    """The Hessian diagonal of a trained network, apart for weights that two masks keep or one of them alone.

    Attributes:
        trained: The network, dense or pruned; pruned weights are zero and have entries all the same.
        a: First mask.
        b: Second mask, of the same initialisation.
        images: Size of the stratified batch.
        batch_seed: Which batch.
    """

    kind: ClassVar[str] = "membership"
    trained: Train
    a: Prune
    b: Prune
    images: int = 64
    batch_seed: int = 0

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates, as for the diagonal."""
        return HessianDiagonal(self.trained, self.images).cost

    def perform(self, context: Context) -> Result:
        """Take the diagonal over all weights and sum it up by membership."""
        from ... import hessian
        from .inputs import batch_of, mask_of, trained_network

        net, _, split = trained_network(self.trained, context)
        batch = batch_of(split, self.images, self.batch_seed)
        a, b = mask_of(self.a, context), mask_of(self.b, context)
        assert a is not None and b is not None
        diagonal = hessian.diagonal(net, batch.normalised(), batch.labels, progress=context.progress)
        groups = hessian.by_membership(net, diagonal, a, b)
        return Result({"level": self.a.level, "images": len(batch), "groups": groups})

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"curvature by membership, {self.trained.title}"
