"""Trained networks and masks, which contain each other: a mask is pruned from a training of the subnetwork before."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import InputError
from ...pruning.sparsity import survivors
from ...training.recipe import Recipe
from .base import Context, Data, Job, Network, Result, Training, check_unchanged
from .distill import Distill, Source
from .limits import check_size, check_training, macs, prunable, widened

if TYPE_CHECKING:
    from torch import nn

    from ...data.split import Split
    from ...pruning import Mask
    from ...training.loop import State

_SNIP_IMAGES_A_CLASS = 10  # as Frankle et al. 2021 compare the methods


@dataclass(frozen=True)
class Train(Training):
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
    unrecorded: ClassVar[tuple[str, ...]] = ("curve",)  # five sixths of the bytes of a recorded training
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

    def check(self) -> Data:
        """Refuse a training that the network or the batches do not allow."""
        check_training(self.network, self.recipe, self.data, self.source.images)
        return self.data

    def perform(self, context: Context) -> Result:
        """Train a (sub)network; continues at its last checkpoint."""
        import torch

        from ... import pruning, training
        from .inputs import Checkpoints, build_network, load_data, read_mask, read_set, to_arrays

        check_unchanged(self)
        checkpoints = Checkpoints(context)
        ds = load_data(self.data)
        split = read_set(self.source, context).decode() if isinstance(self.source, Distill) else ds.train
        net = build_network(self.network, ds)
        mask = read_mask(self.mask, context)
        start = self._read_start(context, net)
        saved = checkpoints.read()
        initial = start.network if start is not None else {k: v.clone() for k, v in net.state_dict().items()}
        log = training.train(
            net,
            split,
            self.recipe,
            mask,
            self.order_seed,
            test=ds.test,
            device=context.device,
            stretch=training.Stretch(
                state=training.State(**saved) if saved is not None else start,
                until=self.until * self.recipe.steps_per_epoch(len(split)) if self.until else None,
                checkpoint=lambda snapshot: checkpoints(lambda: vars(snapshot())),
            ),
            progress=context.progress,
        )
        names = pruning.prunable(net)
        kept = {name: (mask[name] if mask is not None else torch.ones_like(initial[name])) for name in names}
        final = {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()}
        outside = sum(int((final[n][~mask[n]] != 0).sum()) for n in names) if mask is not None else 0
        distance = sum(float(((final[n] - initial[n]) * kept[n]).square().sum()) for n in names) ** 0.5
        norm = sum(float((initial[n] * kept[n]).square().sum()) for n in names) ** 0.5
        metrics = {
            "level": self.level,
            "steps": log.steps,
            "images": log.images,
            "train_loss": log.train_loss,
            "loss": log.loss,
            "accuracy": log.accuracy,
            "distance": distance,
            "initial_norm": norm,
            "outside": outside,
            "curve": log.curve,
        }
        return Result(metrics, to_arrays(net.state_dict()))

    def _read_start(self, context: Context, net: nn.Module) -> State | None:
        """Give the state a rewound training begins with: weights of the true epoch, fresh momentum, its schedule."""
        from ... import pruning, training
        from .inputs import to_tensors

        if self.rewind == "weights" and self.mask is not None and self.mask.training is not None:
            last = to_tensors(context.load(self.mask.training).arrays)
            weights = {name: tensor for name, tensor in net.state_dict().items() if name in pruning.prunable(net)}
            return training.State(0, {**last, **weights}, {})
        if self.start is None:
            return None
        step = self.start.until * self.recipe.steps_per_epoch(self.source.images)
        return training.State(step, to_tensors(context.load(self.start).arrays), {})

    def rebuild(self, context: Context) -> tuple[nn.Module, Mask | None, Split]:
        """Rebuild the trained network in evaluation mode, with its mask and its dataset's training images."""
        from ... import training
        from .inputs import build_network, load_data, read_mask, to_tensors

        check_unchanged(self)
        ds = load_data(self.data)
        net = build_network(self.network, ds)
        net.load_state_dict(to_tensors(context.load(self).arrays))
        return net.to(training.resolve(context.device)).eval(), read_mask(self.mask, context), ds.train

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

    def check(self) -> Data:
        """Refuse a level that has not weights enough."""
        check_size(self.network, self.data)
        survivors(prunable(self.network, self.data), self.level, self.fraction)
        return self.data

    def perform(self, context: Context) -> Result:
        """Find the mask of one level."""
        from ... import pruning
        from .inputs import build_network, load_data, read_mask, to_tensors

        check_unchanged(self)
        ds = load_data(self.data)
        net = build_network(self.network, ds)
        parent, like = read_mask(self.parent, context), read_mask(self.like, context)
        inner = context.load(self.training) if self.training is not None else None
        if inner is not None:
            net.load_state_dict(to_tensors(inner.arrays))
        goal: dict[str, Any] = {"like": like}
        if like is None and self.method in ("snip", "synflow"):
            total = sum(weight.numel() for weight in pruning.prunable(net).values())
            goal = {"count": survivors(total, self.level, self.fraction)}
        if self.method == "magnitude":
            mask = pruning.magnitude(net, parent, self.fraction)
        elif self.method == "random":
            mask = pruning.random(net, parent, self.fraction, seed=self.order_seed)
        elif self.method == "snip":
            batch = ds.train.subset(min(_SNIP_IMAGES_A_CLASS * ds.train.classes, len(ds.train)), self.order_seed)
            mask = pruning.snip(net, batch.normalised(), batch.labels, **goal)
        elif self.method == "synflow":
            mask = pruning.synflow(net, tuple(ds.train.images.shape[1:]), **goal)
        elif self.method == "magnitude-layers" and like is not None:
            mask = pruning.magnitude_layers(net, like)
        elif self.method == "shuffled" and like is not None:
            mask = pruning.shuffled(like, seed=self.order_seed)
        else:
            raise InputError(f"a pruning job of method {self.method!r} lacks what that method needs")
        metrics: dict[str, Any] = {
            "level": self.level,
            "sparsity": mask.sparsity,
            "survivors": mask.survivors,
            "total": mask.total,
            "layers": {name: int(kept.sum()) for name, kept in mask.items()},
            "collapsed": [name for name, kept in mask.items() if not bool(kept.any())],
        }
        if inner is not None:
            metrics["inner"] = {k: inner.metrics[k] for k in ("accuracy", "loss", "train_loss", "images", "steps")}
        return Result(metrics, mask.pack())

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"prune {self.network.model} init {self.network.seed} to level {self.level} by {self.method}"
