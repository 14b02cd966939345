"""How each kind of job is done: from its parents' results to metrics and arrays."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import connectivity, data, distillation, models, pruning, training
from ..errors import InputError, Interrupted
from .attempt import Context
from .entry import Result
from .jobs import Data, Job, Network
from .kinds import Connect, Distill, Prune, Source, Train

CHECKPOINT_SECONDS = 20.0


@functools.lru_cache(maxsize=4)
def dataset(name: str, size: int, subset: int, normalisation: str, zca: bool) -> data.Dataset:
    """Load a dataset, keeping the last few of a process in memory."""
    return data.load(name, size=size or None, subset=subset or None, normalisation=normalisation, zca=zca)


def load(wanted: Data) -> data.Dataset:
    """Load the dataset a job names."""
    return dataset(wanted.name, wanted.size, wanted.subset, wanted.normalisation, wanted.zca)


def build(network: Network, ds: data.Dataset) -> nn.Module:
    """Build a network at initialisation."""
    return models.build(
        network.model,
        ds,
        width=network.width,
        depth=network.depth or None,
        norm=network.norm or None,
        seed=network.seed,
        init=network.init,
    )


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Turn stored arrays into tensors of their own memory."""
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def arrays(state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Turn tensors into arrays for the store."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in state.items()}


def mask_of(job: Prune | None, context: Context) -> pruning.Mask | None:
    """Read the mask a pruning job left."""
    return pruning.Mask.unpack(context.load(job).arrays) if job is not None else None


def syn_of(job: Distill, context: Context) -> distillation.Synthetic:
    """Read the set a distillation job left."""
    result = context.load(job)
    return distillation.Synthetic.unpack(result.metrics["set"], result.arrays)


def split_of(source: Source, context: Context) -> data.Split:
    """Give the images a job trains on."""
    return syn_of(source, context).decode() if isinstance(source, Distill) else load(source).train


class Checkpoints:
    """Writes a job's state from time to time, and at once when the runner wants to stop."""

    def __init__(self, context: Context, name: str = "state.pt") -> None:
        """Keep checkpoints in the running job's own folder."""
        self.context, self.path, self.last = context, Path(context.checkpoint) / name, time.monotonic()

    def read(self) -> Any:
        """Give the last state, or ``None``; a damaged file counts as none."""
        if not self.path.exists():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception:
            self.path.unlink(missing_ok=True)
            return None

    def __call__(self, snapshot: Callable[[], Any]) -> None:
        """Write the state if it is time; raise :class:`Interrupted` after writing if the runner wants to stop."""
        stopping = self.context.stop()
        if not stopping and time.monotonic() - self.last < CHECKPOINT_SECONDS:
            return
        temporary = self.path.with_suffix(".tmp")
        torch.save(snapshot(), temporary)
        temporary.replace(self.path)
        self.last = time.monotonic()
        if stopping:
            raise Interrupted


@functools.singledispatch
def perform(job: Job, context: Context) -> Result:
    """Do a job and return its result; every kind registers its own way."""
    raise InputError(f"no way is known to do a job of kind {job.kind!r}")


@perform.register
def distill(job: Distill, context: Context) -> Result:
    """Make a distilled or chosen set; continues at its last outer iteration."""
    checkpoints = Checkpoints(context)
    ds = load(job.data)
    if job.method == "published":
        syn = distillation.published.load(job.path, ds=ds, factor=max(1, job.factor))
    else:
        syn = distillation.distill(
            ds,
            method=job.method,
            ipc=job.ipc,
            factor=job.factor or None,
            iterations=job.iterations or None,
            seed=job.seed,
            model=job.model,
            width=job.width,
            device=context.device,
            state=checkpoints.read(),
            save=lambda state: checkpoints(lambda: state),
            progress=context.progress,
        )
    if job.shuffle_labels:
        order = torch.randperm(len(syn.labels), generator=training.seeded("labels", job.seed))
        syn = replace(syn, labels=syn.labels[order])
    meta, stored = syn.pack()
    return Result({"set": meta, "images": len(syn.decode())}, stored)


def start_of(job: Train, context: Context, net: nn.Module) -> training.State | None:
    """Give the state a rewound training begins with: weights of the true epoch, fresh momentum, the run's schedule."""
    if job.start is None:
        return None
    per_epoch = job.recipe.steps_per_epoch(job.source.images)
    return training.State(job.start.until * per_epoch, tensors(context.load(job.start).arrays), {})


@perform.register
def train(job: Train, context: Context) -> Result:
    """Train a (sub)network; continues at its last checkpoint."""
    checkpoints = Checkpoints(context)
    ds = load(job.data)
    split = split_of(job.source, context)
    net = build(job.network, ds)
    mask = mask_of(job.mask, context)
    start = start_of(job, context, net)
    if job.rewind == "weights" and job.mask is not None and job.mask.training is not None:
        last = tensors(context.load(job.mask.training).arrays)
        kept = {name: tensor for name, tensor in net.state_dict().items() if name in pruning.prunable(net)}
        start = training.State(0, {**last, **kept}, {})
    saved = checkpoints.read()
    initial = start.network if start is not None else {k: v.clone() for k, v in net.state_dict().items()}
    log = training.train(
        net,
        split,
        job.recipe,
        mask,
        job.order_seed,
        test=ds.test,
        device=context.device,
        state=training.State(**saved) if saved is not None else start,
        until=job.until * job.recipe.steps_per_epoch(len(split)) if job.until else None,
        checkpoint=lambda snapshot: checkpoints(lambda: vars(snapshot())),
        progress=context.progress,
    )
    names = pruning.prunable(net)
    kept_weights = {name: (mask[name] if mask is not None else torch.ones_like(initial[name])) for name in names}
    final = {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()}
    distance = sum(float(((final[n] - initial[n]) * kept_weights[n]).square().sum()) for n in names) ** 0.5
    norm = sum(float((initial[n] * kept_weights[n]).square().sum()) for n in names) ** 0.5
    metrics = {
        "level": job.level,
        "steps": log.steps,
        "images": log.images,
        "train_loss": log.train_loss,
        "loss": log.loss,
        "accuracy": log.accuracy,
        "distance": distance,
        "initial_norm": norm,
        "curve": log.curve,
    }
    return Result(metrics, arrays(net.state_dict()))


@perform.register
def prune(job: Prune, context: Context) -> Result:
    """Find the mask of one level."""
    ds = load(job.data)
    net = build(job.network, ds)
    parent = mask_of(job.parent, context)
    like = mask_of(job.like, context)
    inner = context.load(job.training) if job.training is not None else None
    if inner is not None:
        net.load_state_dict(tensors(inner.arrays))
    if job.method == "magnitude":
        mask = pruning.magnitude(net, parent, job.fraction)
    elif job.method == "random":
        mask = pruning.random(net, parent, job.fraction, seed=job.order_seed)
    elif job.method == "magnitude-layers" and like is not None:
        mask = pruning.magnitude_layers(net, like)
    elif job.method == "shuffled" and like is not None:
        mask = pruning.shuffled(like, seed=job.order_seed)
    else:
        raise InputError(f"a pruning job of method {job.method!r} lacks what that method needs")
    metrics: dict[str, Any] = {
        "level": job.level,
        "sparsity": mask.sparsity,
        "survivors": mask.survivors,
        "total": mask.total,
        "layers": {name: int(kept.sum()) for name, kept in mask.items()},
        "collapsed": [name for name, kept in mask.items() if not bool(kept.any())],
    }
    if inner is not None:
        metrics["inner"] = {k: inner.metrics[k] for k in ("accuracy", "loss", "train_loss", "images", "steps")}
    return Result(metrics, mask.pack())


@perform.register
def connect(job: Connect, context: Context) -> Result:
    """Measure loss and accuracy along the line between two trainings."""
    ds = load(job.a.data)
    split = ds.train if job.split == "train" else ds.test
    if job.images:
        split = split.subset(job.images, seed=0)
    a, b = (tensors(context.load(end).arrays) for end in (job.a, job.b))
    net = build(job.a.network, ds)
    mask = mask_of(job.a.mask, context)
    if not job.masked and mask is not None:
        left = training.residual(job.a.recipe, job.a.source.images)
        for name, weight in pruning.prunable(net).items():
            hidden = weight.detach() * ~mask[name] * left
            a[name], b[name] = a[name] + hidden, b[name] + hidden
        mask = None
    curve = connectivity.interpolate(
        net,
        a,
        b,
        split,
        job.alphas,
        mask,
        statistics=job.statistics,
        device=training.resolve(context.device),
        progress=context.progress,
    )
    barrier = connectivity.barrier(curve)
    return Result(
        {
            "level": job.a.level,
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
