"""How sets, networks and masks are made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ... import data, distillation, pruning, training
from ...errors import InputError
from .base import Context, Result, unchanged
from .chain import Distill, Prune, Train
from .inputs import Checkpoints, arrays, build, load, mask_of, split_of, syn_of, tensors

_SNIP_IMAGES_A_CLASS = 10  # as Frankle et al. 2021 compare the methods


def distill(job: Distill, context: Context) -> Result:
    """Make a distilled or chosen set; continues at its last outer iteration."""
    unchanged(job)
    checkpoints = Checkpoints(context)
    ds = load(job.data)
    if job.shuffle_labels:
        syn = _permute_labels(job, context)
    elif job.method == "published":
        syn = distillation.published.load(job.path, ds=ds, factor=max(1, job.factor))
        distillation.published.holds(syn.ipc, job.ipc)
    elif job.method == "easy":
        syn = _choose_easy(job, ds, context)
    else:
        syn = distillation.distill(
            ds,
            method=job.method,
            ipc=job.ipc,
            seed=job.seed,
            model=job.model,
            width=job.width,
            **job.options,
            compile=job.compile,
            device=context.device,
            state=checkpoints.read(),
            save=lambda state: checkpoints(lambda: state),
            progress=context.progress,
        )
    meta, stored = syn.pack()
    return Result({"set": meta, "images": len(syn.decode())}, stored)


def _permute_labels(job: Distill, context: Context) -> distillation.Synthetic:
    """Permute the labels of a set that was made before."""
    syn = syn_of(job.labelled, context)
    order = torch.randperm(len(syn.labels), generator=training.seeded("labels", job.seed))
    return replace(syn, labels=syn.labels[order])


def _choose_easy(job: Distill, ds: data.Dataset, context: Context) -> distillation.Synthetic:
    """Choose the training images that early networks get least wrong (small EL2N, Paul et al. 2022)."""
    outputs = []
    for scorer in job.scorers:
        net = build(scorer.network, ds)
        net.load_state_dict(tensors(context.load(scorer).arrays))
        outputs.append(training.logits(net, ds.train, device=context.device))
    scores = pruning.el2n(torch.stack(outputs), ds.train.labels)
    chosen = ds.train.take(pruning.easiest(scores, ds.train.labels, job.ipc))
    return distillation.Synthetic(
        images=chosen.images.float() / 255,
        labels=chosen.labels,
        factor=1,
        method=job.method,
        mean=chosen.mean,
        std=chosen.std,
        classes=chosen.classes,
    )


def _read_start(job: Train, context: Context, net: nn.Module) -> training.State | None:
    """Give the state a rewound training begins with: weights of the true epoch, fresh momentum, the run's schedule."""
    if job.start is None:
        return None
    per_epoch = job.recipe.steps_per_epoch(job.source.images)
    return training.State(job.start.until * per_epoch, tensors(context.load(job.start).arrays), {})


def train(job: Train, context: Context) -> Result:
    """Train a (sub)network; continues at its last checkpoint."""
    unchanged(job)
    checkpoints = Checkpoints(context)
    ds = load(job.data)
    split = split_of(job.source, context)
    net = build(job.network, ds)
    mask = mask_of(job.mask, context)
    start = _read_start(job, context, net)
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
        stretch=training.Stretch(
            state=training.State(**saved) if saved is not None else start,
            until=job.until * job.recipe.steps_per_epoch(len(split)) if job.until else None,
            checkpoint=lambda snapshot: checkpoints(lambda: vars(snapshot())),
        ),
        progress=context.progress,
    )
    names = pruning.prunable(net)
    kept_weights = {name: (mask[name] if mask is not None else torch.ones_like(initial[name])) for name in names}
    final = {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()}
    outside = sum(int((final[n][~mask[n]] != 0).sum()) for n in names) if mask is not None else 0
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
        "outside": outside,
        "curve": log.curve,
    }
    return Result(metrics, arrays(net.state_dict()))


def _count_target(net: nn.Module, job: Prune) -> int:
    """Count the weights that survive as many levels as a one-shot method replaces."""
    total = sum(weight.numel() for weight in pruning.prunable(net).values())
    return pruning.survivors(total, job.level, job.fraction)


def prune(job: Prune, context: Context) -> Result:
    """Find the mask of one level."""
    unchanged(job)
    ds = load(job.data)
    net = build(job.network, ds)
    parent = mask_of(job.parent, context)
    like = mask_of(job.like, context)
    inner = context.load(job.training) if job.training is not None else None
    if inner is not None:
        net.load_state_dict(tensors(inner.arrays))
    one_shot = job.method in ("snip", "synflow")
    goal: dict[str, Any] = {"count": _count_target(net, job)} if one_shot else {}
    goal = {"like": like} if like is not None else goal
    if job.method == "magnitude":
        mask = pruning.magnitude(net, parent, job.fraction)
    elif job.method == "random":
        mask = pruning.random(net, parent, job.fraction, seed=job.order_seed)
    elif job.method == "snip":
        batch = ds.train.subset(min(_SNIP_IMAGES_A_CLASS * ds.train.classes, len(ds.train)), job.order_seed)
        mask = pruning.snip(net, batch.normalised(), batch.labels, **goal)
    elif job.method == "synflow":
        mask = pruning.synflow(net, tuple(ds.train.images.shape[1:]), **goal)
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
