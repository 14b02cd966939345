"""The Hessian of a trained network: its diagonal, also by membership in two masks, its trace and top eigenvalues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...errors import InputError
from ...models.networks import is_own
from ...pruning.sparsity import survivors
from .base import Context, Data, Job, Result
from .chain import Prune, Train
from .limits import check_draw, check_size, macs, trial

_USUAL_WIDTH = 64  # stands for that of a network whose own function says it
_FALLBACK_LIMIT = 20_000  # parameters, as hessian.diagonal has it


def _check_batch(trained: Train, images: int) -> Data:
    """Refuse a batch that the data have not the images for; of fewer than it asks for it takes all."""
    data = trained.data
    check_size(trained.network, data)
    check_draw("hessian_images", min(images, data.images), data.images, data)
    return data


def _check_diagonal(trained: Train, mask: Prune | None = None) -> None:
    """Refuse a diagonal that no fast method gives of a network that is not small.

    Args:
        trained: The network.
        mask: What leaves entries out, if anything does.
    """
    network = trained.network
    if not is_own(network.model):
        return
    found = trial(network, trained.data)
    gone = found.prunable - survivors(found.prunable, mask.level, mask.fraction) if mask is not None else 0
    entries = found.entries - gone
    if found.uncovered and entries > _FALLBACK_LIMIT:
        raise InputError(
            f"no fast exact curvature covers {found.uncovered} of {network.model}, and its {entries:,} parameters are "
            f"more than the {_FALLBACK_LIMIT:,} for which a double backward each is done: replace it, choose a "
            "smaller width, or leave the pages with curvature out"
        )


@dataclass(frozen=True)
class HessianDiagonal(Job):
    """The exact Hessian diagonal of a trained (sub)network on one batch of clean training images.

    Attributes:
        trained: The network.
        images: Size of the stratified batch (the papers: 64).
        batch_seed: Which batch.
    """

    kind: ClassVar[str] = "hessian"
    trained: Train
    images: int = 64
    batch_seed: int = 0

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: about 730 forward passes an image at width 128, fewer below."""
        return (
            6.0
            * (self.trained.network.width or _USUAL_WIDTH)
            * self.images
            * macs(self.trained.network, self.trained.data)
        )

    def check(self) -> Data:
        """Refuse a batch that is too small, and a diagonal that takes too long."""
        _check_diagonal(self.trained, self.trained.mask)
        return _check_batch(self.trained, self.images)

    def perform(self, context: Context) -> Result:
        """Summarise the exact Hessian diagonal and keep its histogram (symmetric logarithmic bins)."""
        import numpy as np
        import torch

        from ... import hessian
        from .inputs import draw_batch

        net, mask, split = self.trained.rebuild(context)
        batch = draw_batch(split, self.images, self.batch_seed)
        diagonal = hessian.diagonal(net, batch.normalised(), batch.labels, mask, progress=context.progress)
        kept: Mapping[str, torch.Tensor] = mask or {}
        values = torch.cat([entries[kept[n]] if n in kept else entries.flatten() for n, entries in diagonal.items()])
        bins = np.concatenate([-np.logspace(2, -7, 91), [0.0], np.logspace(-7, 2, 91)])
        counts, _ = np.histogram(values.cpu().double().numpy(), bins=bins)
        metrics: dict[str, Any] = {
            "level": self.trained.level,
            "images": len(batch),
            "summary": hessian.summary(diagonal, mask),
            "sharpness": hessian.sharpness(net, diagonal, mask),
        }
        return Result(metrics, {"bins": bins, "counts": counts})

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"Hessian diagonal, {self.trained.title}"


@dataclass(frozen=True)
class Spectrum(Job):
    """Trace and top eigenvalues of the Hessian of a trained (sub)network on one batch.

    Attributes:
        trained: The network.
        images: Size of the stratified batch.
        batch_seed: Which batch, and the seed of the probes.
        probes: Hutchinson probes for the trace.
        eigenvalues: Number of top eigenvalues.
    """

    kind: ClassVar[str] = "spectrum"
    trained: Train
    images: int = 64
    batch_seed: int = 0
    probes: int = 16
    eigenvalues: int = 3

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: six forward passes a Hessian-vector product."""
        products = self.probes + 20 * self.eigenvalues
        return 6.0 * products * self.images * macs(self.trained.network, self.trained.data)

    def check(self) -> Data:
        """Refuse a batch that is too small."""
        return _check_batch(self.trained, self.images)

    def perform(self, context: Context) -> Result:
        """Estimate the Hessian's trace and its top eigenvalues."""
        from ... import hessian
        from .inputs import draw_batch

        net, mask, split = self.trained.rebuild(context)
        batch = draw_batch(split, self.images, self.batch_seed)
        images, labels = batch.normalised(), batch.labels
        trace = hessian.trace(net, images, labels, mask, probes=self.probes, seed=self.batch_seed)
        top = hessian.top_eigenvalues(net, images, labels, mask, count=self.eigenvalues, seed=self.batch_seed)
        metrics = {
            "level": self.trained.level,
            "images": len(batch),
            "trace": trace.value,
            "trace_error": trace.error,
            "eigenvalues": [float(value) for value in top.values],
            "residuals": [float(value) for value in top.residuals],
        }
        return Result(metrics)

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"Hessian spectrum, {self.trained.title}"


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

    def check(self) -> Data:
        """Refuse a batch that is too small, and a diagonal that takes too long; masks save nothing here."""
        _check_diagonal(self.trained)
        return _check_batch(self.trained, self.images)

    def perform(self, context: Context) -> Result:
        """Take the diagonal over all weights and sum it up by membership."""
        from ... import hessian
        from .inputs import draw_batch, read_mask

        net, _, split = self.trained.rebuild(context)
        batch = draw_batch(split, self.images, self.batch_seed)
        a, b = read_mask(self.a, context), read_mask(self.b, context)
        assert a is not None and b is not None
        diagonal = hessian.diagonal(net, batch.normalised(), batch.labels, progress=context.progress)
        groups = hessian.by_membership(net, diagonal, a, b)
        return Result({"level": self.a.level, "images": len(batch), "groups": groups})

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"curvature by membership, {self.trained.title}"
