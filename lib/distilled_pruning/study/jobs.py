"""Jobs: frozen dataclasses that name one piece of work completely, each with a key that follows from its content.

A job's parents are fields, so jobs form a graph. The key hashes the fields that differ from their defaults, the parents'
keys, the version of the job's kind and the digest of the data, so a new option orphans nothing. Nothing here imports
PyTorch; :mod:`.work` says how each kind is done.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any, ClassVar

from .. import catalog, costs
from ..recipe import Recipe
from .keys import key_of


@functools.lru_cache(maxsize=64)
def source_digest(name: str) -> str:
    """Give the digest of a dataset's source, loaded at most once a process."""
    known = catalog.DATASETS.get(name)
    if known is not None and known.digest:
        return known.digest
    from .. import data

    return data.digest(name)


@dataclass(frozen=True)
class Data:
    """A dataset as a study sees it.

    Attributes:
        name: A catalog name or a path.
        size: Side in pixels, 0 for the native size.
        subset: Stratified number of training images, 0 for all.
        normalisation: ``"dataset"`` for its own statistics, ``"papers"`` for those of the papers' code.
        zca: Whiten (for the first paper's distilled set).
    """

    name: str
    size: int = 0
    subset: int = 0
    normalisation: str = "dataset"
    zca: bool = False

    @property
    def info(self) -> catalog.DatasetInfo:
        """Facts from the catalog or the file's header."""
        return catalog.info(self.name)

    @property
    def pixels(self) -> int:
        """Side of the images in pixels."""
        return self.size or self.info.size

    @property
    def images(self) -> int:
        """Number of training images."""
        return self.subset or self.info.train


@dataclass(frozen=True)
class Network:
    """A network at initialisation: architecture, width and seed."""

    model: str
    width: int
    seed: int = 0
    depth: int = 0
    norm: str = ""
    init: str = "default"


def encode(value: Any) -> Any:
    """Turn a field's value into canonical JSON: parents become their keys, defaults and paths are left out."""
    if isinstance(value, Job):
        return {"job": value.key}
    if isinstance(value, Data):
        named = fields_of(value)
        if value.name not in catalog.DATASETS:
            del named["name"]
        return {**named, "digest": source_digest(value.name)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return fields_of(value)
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def fields_of(value: Any) -> dict[str, Any]:
    """List the fields of a dataclass that differ from their defaults."""
    return {
        item.name: encode(getattr(value, item.name))
        for item in dataclasses.fields(value)
        if getattr(value, item.name) != item.default
    }


@dataclass(frozen=True)
class Job:
    """One piece of work; subclasses add the fields that name it.

    Class attributes:
        kind: Name of the kind.
        version: Raised whenever the numbers of this kind change.
        gpu: Whether a GPU makes a difference.
    """

    kind: ClassVar[str] = "job"
    version: ClassVar[int] = 1
    gpu: ClassVar[bool] = True

    @functools.cached_property
    def key(self) -> str:
        """32 hexadecimal digits that follow from the job's content."""
        return key_of(self.spec())

    def spec(self) -> dict[str, Any]:
        """Describe the job as JSON, parents by key."""
        return {"kind": self.kind, "version": self.version, "fields": fields_of(self)}

    @functools.cached_property
    def parents(self) -> tuple[Job, ...]:
        """Jobs whose results this one reads."""
        values = (getattr(self, item.name) for item in dataclasses.fields(self))
        return tuple(value for value in values if isinstance(value, Job))

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates, for estimates only."""
        return 1e6

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return self.kind


def macs(network: Network, data: Data) -> int:
    """Forward multiply-accumulates of one image."""
    info = data.info
    return costs.forward_macs(
        network.model, network.width, data.pixels, info.channels, len(info.classes), depth=network.depth or None
    )


@dataclass(frozen=True)
class Distill(Job):
    """A small training set made from a dataset: distilled, or chosen from it.

    Attributes:
        data: The dataset.
        method: One of ``catalog.DISTILLERS``, ``"easy"`` (small EL2N score) or ``"published"``.
        ipc: Stored images per class.
        factor: Multi-formation factor, 0 for the published default.
        iterations: Outer iterations, 0 for the published default.
        model: Architecture the set is made for.
        width: Its width.
        seed: Seed of everything random.
        path: File of a published set.
        shuffle_labels: Permute the labels (a control).
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

    def spec(self) -> dict[str, Any]:
        """Describe the job; a published file is named by its digest, not by its path."""
        spec = super().spec()
        if self.path:
            spec["fields"]["path"] = {"digest": source_digest(self.path)}
        return spec

    @property
    def images(self) -> int:
        """Number of images after decoding."""
        return len(self.data.info.classes) * self.ipc * max(1, self.factor or self.default_factor) ** 2

    @property
    def default_factor(self) -> int:
        """The method's published multi-formation factor."""
        from ..distillation import defaults

        return defaults.factor(self.method, self.data.name)

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: matching passes over real and stored images."""
        if self.method in ("random", "published"):
            return 1e6
        from ..distillation import defaults

        passes = defaults.image_passes(self.method, self.data.name, self.ipc, self.iterations)
        return 3.0 * passes * macs(Network(self.model, self.width), self.data)

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
    network: Network
    source: Source
    recipe: Recipe
    order_seed: int = 0
    mask: Prune | None = None
    start: Train | None = None
    until: int = 0
    rewind: str = "all"

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
    def cost(self) -> float:
        """Work in multiply-accumulates: forward and twice that backward, and the closing test."""
        batch = min(self.recipe.batch_size, self.source.images)
        return (3.0 * self.steps * batch + self.data.info.test) * macs(self.network, self.data)

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
        like: Mask whose layer counts are taken over (``"magnitude-layers"``, ``"shuffled"``).
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

    @property
    def level(self) -> int:
        """Pruning level: the parent's plus one."""
        if self.like is not None:
            return self.like.level
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

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"prune {self.network.model} init {self.network.seed} to level {self.level} by {self.method}"


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
    def cost(self) -> float:
        """Work in multiply-accumulates."""
        info = self.a.data.info
        images = self.images or (self.a.data.images if self.split == "train" else info.test)
        return float(self.alphas) * images * macs(self.a.network, self.a.data)

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"connect {self.a.network.model} init {self.a.network.seed} level {self.a.level}"


def graph(jobs: list[Job] | tuple[Job, ...]) -> list[Job]:
    """List jobs and everything they need, parents first, each once."""
    ordered: dict[str, Job] = {}
    stack: list[tuple[Job, bool]] = [(job, False) for job in reversed(jobs)]
    while stack:
        job, expanded = stack.pop()
        if job.key in ordered:
            continue
        if expanded:
            ordered[job.key] = job
        else:
            stack.append((job, True))
            stack.extend((parent, False) for parent in reversed(job.parents))
    return list(ordered.values())
