"""Jobs that make something: sets, trained networks and masks, which contain each other."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ...distillation import defaults, files, passes
from ...distillation.methods import CORESETS, DISTILLERS
from ...distillation.settings import Settings
from ...recipe import Recipe
from .base import Context, Data, Job, Network, Result
from .sizes import macs, widened

_EMBEDDED = "digits"  # comes with scikit-learn and may be passed on
_MADE = ("images", "labels")


@dataclass(frozen=True)
class Distill(Job):
    """A small training set made from a dataset: distilled, or chosen from it.

    Attributes:
        data: The dataset.
        method: A name of ``distillation.methods.DISTILLERS``, ``"easy"`` (small EL2N score) or ``"published"``.
        ipc: Stored images per class.
        factor: Multi-formation factor, 0 for the published default.
        iterations: Outer iterations, 0 for the published default.
        model: Architecture the set is made for.
        width: Its width.
        seed: Seed of everything random.
        path: File of a published set.
        shuffle_labels: Permute the labels (a control).
        real_batch: Real images per class and matching step, of ``"mtt"`` per step of an expert; 0 for the published
            number.
        compile: Whether the networks are compiled and real features are in bf16 (``"dm"``).
        scorers: Early networks whose mean EL2N score chooses the ``"easy"`` images.
        image_rate: Learning rate of the images, 0 for the published one.
    """

    kind: ClassVar[str] = "distill"
    data: Data
    method: str
    ipc: int
    factor: int = 0
    iterations: int = 0
    model: str = "convnet3"
    width: int = 128
    seed: int = 0
    path: str = ""
    shuffle_labels: bool = False
    real_batch: int = 0
    compile: bool = False
    scorers: tuple[Train, ...] = ()
    image_rate: float = 0.0

    def spec(self) -> dict[str, Any]:
        """Describe the job; files, published ones and those of methods from outside, are named by their digests."""
        spec = super().spec()
        if self.method in DISTILLERS and DISTILLERS[self.method].code:
            spec["fields"]["code"] = DISTILLERS[self.method].code
        if self.path:
            spec["fields"]["path"] = {"digest": files.digest(self.path)}
        return spec

    @property
    def revision(self) -> int:
        """One where a recipe that differed from the published one was mended (:func:`defaults.mended`)."""
        if self.settings is None:
            return 0
        mended = defaults.mended(self.settings, self.data.called, self.data.pixels, len(self.data.info.classes))
        return int(mended or (self.method != "random" and widened(self.model, self.data)))

    @functools.cached_property
    def parents(self) -> tuple[Job, ...]:
        """The early networks that choose images; of a set with permuted labels, the set itself."""
        return (self.labelled,) if self.shuffle_labels else self.scorers

    @property
    def labelled(self) -> Distill:
        """The same set with its labels in place."""
        return replace(self, shuffle_labels=False)

    @property
    def borrowed(self) -> bool:
        """Whether the images were chosen or read rather than made, so that they are somebody else's."""
        return self.method in (*CORESETS, "easy", "published")

    def lent(self, array: str) -> bool:
        """Whether an array holds somebody else's images: snapshots begin with the real ones that were distilled."""
        return self.borrowed or (self.data.name != _EMBEDDED and array not in _MADE)

    @functools.cached_property
    def settings(self) -> Settings | None:
        """The resolved loops of a distilled or chosen set; ``None`` for one that is only read."""
        if self.method not in DISTILLERS:
            return None
        classes = len(self.data.info.classes)
        return defaults.resolve(self.method, self.data.called, self.ipc, self.data.pixels, classes, self.options)

    @property
    def options(self) -> dict[str, Any]:
        """What was chosen of the settings, ``None`` for what was published."""
        batch = "expert_batch" if self.method == "mtt" else "real_batch"
        return {
            "factor": self.factor or None,
            "iterations": self.iterations or None,
            "image_rate": self.image_rate or None,
            batch: self.real_batch or None,
        }

    @property
    def images(self) -> int:
        """Number of images after decoding."""
        factor = self.settings.factor if self.settings is not None else max(1, self.factor)
        return len(self.data.info.classes) * self.ipc * factor**2

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: all iterations, and the networks that are trained before them."""
        s = self.settings
        if s is None or self.shuffle_labels:
            return 1e6
        before = float(passes.before(s, self.data.images)) * macs(Network(self.model, self.width), self.data)
        return max(1e6, before + s.iterations * self.loop_cost)

    @property
    def calls(self) -> float:
        """Calls of a network, in training steps: all iterations, and the trainings before them."""
        s = self.settings
        if s is None or self.shuffle_labels:
            return 0
        loop = passes.calls_per_loop(s, len(self.data.info.classes), self.data.images)
        return passes.calls_before(s, self.data.images) + s.iterations * loop

    @property
    def loop_cost(self) -> float:
        """Work of one outer iteration in multiply-accumulates; 0 where there is none."""
        s = self.settings
        if s is None or not s.iterations:
            return 0.0
        found = passes.per_loop(s, len(self.data.info.classes), self.data.images)
        return float(found) * macs(Network(self.model, self.width), self.data)

    def perform(self, context: Context) -> Result:
        """Do it: see :func:`.making.distill`."""
        from .making import distill

        return distill(self, context)

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"distil {self.data.name} {self.method} ipc {self.ipc} seed {self.seed}"


Source = Data | Distill


@dataclass(frozen=True)
class Train(Job):
    """Train a network or a subnetwork of it.

    Attributes:
        network: Architecture and initialisation.
        source: What to train on.
        recipe: How.
        order_seed: Seed of data order and augmentation.
        mask: The subnetwork, ``None`` for dense.
        start: Rewinding point: weights and step of that run are where this one begins.
        until: Stop after this many epochs of the schedule, 0 for all.
        rewind: ``"all"`` rewinds everything, ``"weights"`` keeps biases and norms of the mask's last training.
    """

    kind: ClassVar[str] = "train"
    passing: ClassVar[bool] = True
    network: Network
    source: Source
    recipe: Recipe
    order_seed: int = 0
    mask: Prune | None = None
    start: Train | None = None
    until: int = 0
    rewind: str = "all"

    @property
    def revision(self) -> int:
        """One for networks whose first convolution was widened."""
        return int(widened(self.network.model, self.data))

    @property
    def data(self) -> Data:
        """The dataset behind the source."""
        return self.source.data if isinstance(self.source, Distill) else self.source

    @property
    def level(self) -> int:
        """Pruning level of the subnetwork, 0 for dense."""
        return self.mask.level if self.mask is not None else 0

    @property
    def steps(self) -> int:
        """Optimiser steps of this job."""
        images = self.source.images
        per_epoch = self.recipe.steps_per_epoch(images)
        end = self.until * per_epoch if self.until else self.recipe.total_steps(images)
        return end - (self.start.until * per_epoch if self.start is not None else 0)

    @property
    def seen(self) -> int:
        """Images this job passes through the network, decoded ones; the last batch of an epoch may be smaller."""
        images = self.source.images
        epochs, rest = divmod(self.steps, self.recipe.steps_per_epoch(images))
        return epochs * images + rest * min(self.recipe.batch_size, images)

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: forward and twice that backward, and the closing test."""
        return (3.0 * self.seen + self.data.info.test) * macs(self.network, self.data)

    @property
    def calls(self) -> float:
        """Calls of the network, in training steps: one a step."""
        return self.steps

    def perform(self, context: Context) -> Result:
        """Do it: see :func:`.making.train`."""
        from .making import train

        return train(self, context)

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        source = "" if isinstance(self.source, Data) else f" on {self.source.method}{self.source.ipc}"
        return f"train {self.network.model} init {self.network.seed} level {self.level}{source} order {self.order_seed}"


@dataclass(frozen=True)
class Prune(Job):
    """One level of pruning: the mask after removing ``fraction`` of the parent's survivors.

    Attributes:
        network: The dense network at initialisation.
        data: Dataset the network is for.
        method: ``"magnitude"`` of the weights after training on ``source`` (or at initialisation without one),
            ``"magnitude-layers"``, ``"random"``, ``"shuffled"``, ``"snip"`` or ``"synflow"``.
        source: What the inner loop trains on; ``None`` for methods without training.
        recipe: The inner loop's recipe.
        fraction: Share of the survivors to remove.
        order_seed: Data order of the inner loop, or the seed of a random choice.
        parent: The level before.
        start: Rewinding point of the inner loop.
        rewind: As for :class:`Train`.
        like: Mask whose layer counts are taken over (``"magnitude-layers"``, ``"shuffled"``, and ``"snip"`` and
            ``"synflow"`` in place of ``levels``).
        levels: Levels removed in one shot (``"snip"``, ``"synflow"``), 0 for one level of a chain.
    """

    kind: ClassVar[str] = "prune"
    gpu: ClassVar[bool] = False
    network: Network
    data: Data
    method: str = "magnitude"
    source: Source | None = None
    recipe: Recipe | None = None
    fraction: float = 0.2
    order_seed: int = 0
    parent: Prune | None = None
    start: Train | None = None
    rewind: str = "all"
    like: Prune | None = None
    levels: int = 0

    @property
    def revision(self) -> int:
        """One for networks whose first convolution was widened."""
        return int(widened(self.network.model, self.data))

    @property
    def level(self) -> int:
        """Pruning level: the parent's plus one, that of the mask taken after, or the levels of the one shot."""
        if self.like is not None:
            return self.like.level
        if self.levels:
            return self.levels
        return 1 + (self.parent.level if self.parent is not None else 0)

    @functools.cached_property
    def training(self) -> Train | None:
        """The inner loop: an ordinary training of the parent's subnetwork."""
        if self.source is None or self.recipe is None:
            return None
        return Train(
            self.network, self.source, self.recipe, self.order_seed, self.parent, start=self.start, rewind=self.rewind
        )

    @functools.cached_property
    def parents(self) -> tuple[Job, ...]:
        """The inner loop's training, the parent's mask, and the mask taken after."""
        wanted = (self.training, self.parent, self.like)
        return tuple(job for job in wanted if job is not None)

    def chain(self) -> list[Prune]:
        """All levels from the first to this one."""
        return [*(self.parent.chain() if self.parent is not None else ()), self]

    def perform(self, context: Context) -> Result:
        """Do it: see :func:`.making.prune`."""
        from .making import prune

        return prune(self, context)

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"prune {self.network.model} init {self.network.seed} to level {self.level} by {self.method}"
