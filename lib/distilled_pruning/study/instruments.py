"""The kinds of jobs that measure what others made: sets, lines, planes, curvature, robustness, masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..recipe import STATISTICS_BATCH, Recipe
from .jobs import Job
from .kinds import Distill, Prune, Train, macs

CORRUPTIONS = ("gaussian noise", "impulse noise", "gaussian blur", "brightness", "contrast", "pixelate")


@dataclass(frozen=True)
class Evaluate(Job):
    """Networks trained from scratch on a set, beside networks of the same initialisations trained on real data.

    Attributes:
        source: The set.
        recipe: How networks are trained on it.
        references: Networks trained on real data, one for each repeat; they give initialisation and data order.
        at: Iteration whose snapshot is trained on, -1 for the finished set.
    """

    kind: ClassVar[str] = "evaluate"
    source: Distill
    recipe: Recipe
    references: tuple[Train, ...]
    at: int = -1

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: the trainings, and a test of both networks of each pair."""
        own = (Train(r.network, self.source, self.recipe, r.order_seed) for r in self.references)
        test = self.source.data.info.test
        return sum(job.cost + 2.0 * test * macs(job.network, job.data) for job in own)

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        snapshot = "" if self.at < 0 else f" at iteration {self.at}"
        return f"evaluate {self.source.method} ipc {self.source.ipc} seed {self.source.seed}{snapshot}"


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

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"connect {self.a.network.model} init {self.a.network.seed} level {self.a.level}"


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
        return 6.0 * self.trained.network.width * self.images * macs(self.trained.network, self.trained.data)

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

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"Hessian spectrum, {self.trained.title}"


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

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"landscape {self.a.network.model} init {self.a.network.seed} level {self.a.level}"


@dataclass(frozen=True)
class Robustness(Job):
    """Accuracy of a trained (sub)network on shifted test images: FGSM, PGD and common corruptions.

    Attributes:
        trained: The network.
        epsilons: Budgets of FGSM and PGD in the maximum norm, in 255ths of the pixels' range.
        severities: Severities of the corruptions, from 1 to 5.
        steps: Steps of PGD.
        images: Stratified number of test images, 0 for all.
        seed: Seed of PGD's start and of noise.
    """

    kind: ClassVar[str] = "robustness"
    trained: Train
    epsilons: tuple[int, ...] = (2, 8)
    severities: tuple[int, ...] = (1, 3, 5)
    steps: int = 10
    images: int = 0
    seed: int = 0

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: three forward passes a gradient, and a test of every shifted set."""
        images = self.images or self.trained.data.info.test
        attacks = len(self.epsilons) * (3 * (1 + self.steps) + 2)
        corrupted = len(self.severities) * len(CORRUPTIONS)
        return float(1 + attacks + corrupted) * images * macs(self.trained.network, self.trained.data)

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"robustness, {self.trained.title}"


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

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"compare masks, init {self.a.network.seed} level {self.a.level}"
