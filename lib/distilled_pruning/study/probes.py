"""How trained networks and masks are measured."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from .. import connectivity, data, distillation, hessian, landscape, masks, pruning, robustness, training
from .attempt import Context
from .entry import Result
from .instruments import (
    CORRUPTIONS,
    Connect,
    Evaluate,
    HessianDiagonal,
    Landscape,
    MaskStatistics,
    Robustness,
    Spectrum,
)
from .kinds import Train
from .materials import Checkpoints, build, load, mask_of, syn_of, tensors

Shift = tuple[str, int, data.Split]
BINS = np.concatenate([-np.logspace(2, -7, 91), [0.0], np.logspace(-7, 2, 91)])


def evaluate(job: Evaluate, context: Context) -> Result:
    """Train networks on a set or a snapshot of it and test them beside their references trained on real data."""
    ds = load(job.source.data)
    syn = syn_of(job.source, context)
    syn = syn if job.at < 0 else syn.at(job.at)
    split = syn.decode()
    found: dict[str, list[float]] = {name: [] for name in ("accuracies", "losses", "average", "supremum")}
    steps = 0
    for done, reference in enumerate(job.references, 1):
        net, _, _ = trained(reference, context)
        own = build(reference.network, ds)
        log = training.train(own, split, job.recipe, None, reference.order_seed, test=ds.test, device=context.device)
        gaps = distillation.objectives(net, own, ds.test)
        figures = (log.accuracy, log.loss, gaps.average, gaps.supremum)
        for column, value in zip(found.values(), figures, strict=True):
            column.append(value)
        steps = log.steps
        context.progress(done, len(job.references), {"accuracy": log.accuracy})
    real = [context.load(reference).metrics for reference in job.references]
    metrics = {
        **found,
        "real_accuracies": [metrics["accuracy"] for metrics in real],
        "real_losses": [metrics["loss"] for metrics in real],
        "steps": steps,
        "images": len(split),
    }
    return Result(metrics)


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


def batch_of(split: data.Split, images: int, seed: int) -> data.Split:
    """Give a stratified batch of clean training images, all of them where fewer are there."""
    return split.subset(min(images, len(split)), seed)


def trained(job: Train, context: Context) -> tuple[torch.nn.Module, pruning.Mask | None, data.Split]:
    """Rebuild a trained network in evaluation mode, with its mask and its dataset's training images."""
    ds = load(job.data)
    net = build(job.network, ds)
    net.load_state_dict(tensors(context.load(job).arrays))
    return net.to(training.resolve(context.device)).eval(), mask_of(job.mask, context), ds.train


def hessian_diagonal(job: HessianDiagonal, context: Context) -> Result:
    """Summarise the exact Hessian diagonal and keep its histogram (symmetric logarithmic bins)."""
    net, mask, split = trained(job.trained, context)
    batch = batch_of(split, job.images, job.batch_seed)
    diagonal = hessian.diagonal(net, batch.normalised(), batch.labels, mask, progress=context.progress)
    kept: Mapping[str, torch.Tensor] = mask or {}
    values = torch.cat([entries[kept[n]] if n in kept else entries.flatten() for n, entries in diagonal.items()])
    counts, _ = np.histogram(values.cpu().double().numpy(), bins=BINS)
    metrics: dict[str, Any] = {
        "level": job.trained.level,
        "images": len(batch),
        "summary": hessian.summary(diagonal, mask),
        "sharpness": hessian.sharpness(net, diagonal, mask),
    }
    return Result(metrics, {"bins": BINS, "counts": counts})


def spectrum(job: Spectrum, context: Context) -> Result:
    """Estimate the Hessian's trace and its top eigenvalues."""
    net, mask, split = trained(job.trained, context)
    batch = batch_of(split, job.images, job.batch_seed)
    images, labels = batch.normalised(), batch.labels
    trace = hessian.trace(net, images, labels, mask, probes=job.probes, seed=job.batch_seed)
    top = hessian.top_eigenvalues(net, images, labels, mask, count=job.eigenvalues, seed=job.batch_seed)
    metrics = {
        "level": job.trained.level,
        "images": len(batch),
        "trace": trace.value,
        "trace_error": trace.error,
        "eigenvalues": [float(value) for value in top.values],
        "residuals": [float(value) for value in top.residuals],
    }
    return Result(metrics)


def snapshot(grid: landscape.Grid) -> dict[str, torch.Tensor]:
    """Turn a half-filled grid into what a checkpoint holds."""
    return {name: torch.from_numpy(getattr(grid, name)) for name in ("points", "loss", "accuracy")}


def plane(job: Landscape, context: Context) -> Result:
    """Measure the loss on the plane through three trainings; continues at its last row."""
    checkpoints = Checkpoints(context)
    ends = [tensors(context.load(end).arrays) for end in (job.a, job.b, job.c)]
    net, mask, split = trained(job.a, context)
    flat = landscape.plane(*ends)
    saved = checkpoints.read()
    start = None
    if saved is not None:
        points, loss, accuracy = (saved[name].numpy() for name in ("points", "loss", "accuracy"))
        start = landscape.Grid(points, loss, accuracy, job.resolution, flat.coordinates, flat.unit)
    grid = start
    for grid in landscape.evaluations(
        net,
        flat,
        split,
        job.resolution,
        mask,
        images=job.images,
        margin=job.margin,
        start=start,
        compile=job.a.recipe.compile,
    ):
        checkpoints(functools.partial(snapshot, grid))
        context.progress(int(np.isfinite(grid.loss).sum()), len(grid.loss), {})
    assert grid is not None
    found = landscape.basins(grid)
    metrics = {
        "level": job.a.level,
        "basins": found.count,
        "loss_range": landscape.loss_range(grid),
        "coordinates": [list(point) for point in grid.coordinates],
        "unit": grid.unit,
        "resolution": job.resolution,
    }
    return Result(metrics, {"points": grid.points, "loss": grid.loss, "accuracy": grid.accuracy})


def shifts(job: Robustness, net: torch.nn.Module, split: data.Split, device: torch.device) -> Iterator[Shift]:
    """Make every shifted set of images that a job names, one after the other."""
    yield "clean", 0, split
    for epsilon in job.epsilons:
        yield "fgsm", epsilon, robustness.fgsm(net, split, epsilon, device)
        yield "pgd", epsilon, robustness.pgd(net, split, epsilon, job.steps, job.seed, device)
    for name in CORRUPTIONS:
        for severity in job.severities:
            yield name, severity, robustness.corrupt(split, name, severity, job.seed)


def robust(job: Robustness, context: Context) -> Result:
    """Test a trained network on clean, adversarial and corrupted test images."""
    net, _, _ = trained(job.trained, context)
    split = load(job.trained.data).test
    split = split.subset(job.images, job.seed) if job.images else split
    device = training.resolve(context.device)
    rows: list[dict[str, Any]] = []
    total = 1 + 2 * len(job.epsilons) + len(CORRUPTIONS) * len(job.severities)
    for name, strength, shifted in shifts(job, net, split, device):
        loss, accuracy = training.evaluate(net, shifted, device=device)
        rows.append({"shift": name, "strength": strength, "accuracy": accuracy, "loss": loss})
        context.progress(len(rows), total, {"accuracy": accuracy})
    return Result({"level": job.trained.level, "images": len(split), "shifts": rows})


def mask_statistics(job: MaskStatistics, context: Context) -> Result:
    """Compare two masks of one initialisation."""
    ds = load(job.a.data)
    net = build(job.a.network, ds)
    weights = {name: weight.detach() for name, weight in pruning.prunable(net).items()}
    a, b = mask_of(job.a, context), mask_of(job.b, context)
    assert a is not None and b is not None
    return Result({"level": job.a.level, **masks.statistics(a, b, weights)})
