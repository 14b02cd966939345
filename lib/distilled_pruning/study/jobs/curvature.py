"""The Hessian of a trained network: its diagonal, trace and top eigenvalues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .base import Context, Job, Result
from .chain import Train
from .sizes import macs

_USUAL_WIDTH = 64  # stands for that of a network whose own function says it


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

    def perform(self, context: Context) -> Result:
        """Summarise the exact Hessian diagonal and keep its histogram (symmetric logarithmic bins)."""
        import numpy as np
        import torch

        from ... import hessian
        from .inputs import batch_of, trained_network

        net, mask, split = trained_network(self.trained, context)
        batch = batch_of(split, self.images, self.batch_seed)
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

    def perform(self, context: Context) -> Result:
        """Estimate the Hessian's trace and its top eigenvalues."""
        from ... import hessian
        from .inputs import batch_of, trained_network

        net, mask, split = trained_network(self.trained, context)
        batch = batch_of(split, self.images, self.batch_seed)
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
