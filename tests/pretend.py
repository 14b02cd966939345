"""Results that look like real ones and cost nothing: every kind of job by a formula, without PyTorch."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distilled_pruning.study.engine import runner
from distilled_pruning.study.engine.attempt import Settings
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.jobs import (
    CORRUPTIONS,
    Connect,
    Context,
    Distill,
    Evaluate,
    HessianDiagonal,
    Job,
    Landscape,
    MaskStatistics,
    MembershipCurvature,
    Prune,
    Result,
    Robustness,
    Spectrum,
    Train,
    graph,
)
from distilled_pruning.study.results.record import record
from distilled_pruning.study.sections.section import Section

COMMITTED = {"commit": "c" * 40, "tree": "d" * 40, "dirty": False, "seconds": 3600.0, "device": "a processor"}
HEIGHT = {"dense": 0.5, "imp": 0.3, "distilled": 0.0}
WIDTH = {"dense": 0.03, "imp": 0.05, "distilled": 0.02}
LAYERS = ("conv1.weight", "conv2.weight", "head.weight")
REACHED = {"idc": 0.95, "dm": 0.94, "dc": 0.92}
SIDE = 8


def do_instead(monkeypatch: pytest.MonkeyPatch, done: Callable[[Job, Context], Result]) -> None:
    """Have the jobs of every run in this process done in another way."""
    monkeypatch.setattr(runner, "Settings", lambda *given: Settings(*given[:3], done))


def method(mask: Prune | None) -> str:
    """Tell how a mask was found."""
    return "dense" if mask is None else "distilled" if isinstance(mask.source, Distill) else "imp"


def perform(job: Job, context: Context | None) -> Result:
    """Do a job by formula; distilled tickets are stable, the others are not."""
    metrics: dict[str, Any] = {}
    if isinstance(job, Train):
        metrics = {"accuracy": 0.98 - 0.001 * job.level + 1e-4 * job.network.seed, "loss": 0.1, "train_loss": 0.1}
        metrics |= {"distance": 1.0, "initial_norm": 1.0, "steps": job.steps, "images": 1, "level": job.level}
        metrics |= {"outside": 0}
    elif isinstance(job, Prune):
        loop = 0.98 if method(job) == "imp" else 0.8
        metrics = {"level": job.level, "collapsed": [], "survivors": 100, "inner": {"accuracy": loop}}
    elif isinstance(job, Distill):
        return made(job)
    elif isinstance(job, Evaluate):
        metrics = evaluated(job)
    elif isinstance(job, Connect):
        rise = HEIGHT[method(job.a.mask)] * (1 + 0.05 * job.a.network.seed)
        alphas = [i / (job.alphas - 1) for i in range(job.alphas)]
        loss = [0.1 + 0.01 * job.a.level + 4 * rise * alpha * (1 - alpha) for alpha in alphas]
        metrics = {"alphas": alphas, "loss": loss, "accuracy": [1 - value / 4 for value in loss], "level": job.a.level}
        metrics |= {"barrier": rise, "maximum": rise, "error_rise": rise / 4, "end_loss": loss[0], "end_accuracy": 0.97}
    elif isinstance(job, HessianDiagonal | Spectrum):
        width = WIDTH[method(job.trained.mask)] * (1 + 0.02 * job.trained.network.seed) - 1e-4 * job.trained.level
        return curvature(job, width)
    elif isinstance(job, Robustness):
        attacks = [(name, epsilon) for name in ("fgsm", "pgd") for epsilon in job.epsilons]
        kinds = [("clean", 0), *attacks, *((name, n) for name in CORRUPTIONS for n in job.severities)]
        rows = [
            {"shift": name, "strength": n, "accuracy": 0.98 - 0.01 * n, "loss": 0.1 + 0.01 * n} for name, n in kinds
        ]
        metrics = {"level": job.trained.level, "images": 360, "shifts": rows}
    elif isinstance(job, Landscape):
        return plane(job, 1 if method(job.a.mask) == "distilled" else 2)
    elif isinstance(job, MembershipCurvature):
        sizes = {"both": 0.02, "a": 0.012 + 1e-4 * job.trained.network.seed, "b": 0.01, "neither": 0.008}
        groups = {n: {"count": 100.0, "mean_abs": size, "mean_saliency": size / 100} for n, size in sizes.items()}
        metrics = {"level": job.a.level, "images": job.images, "groups": groups}
    elif isinstance(job, MaskStatistics):
        ratio = 1.02 + 0.01 * job.a.network.seed
        shared = {"shared": 102, "expected": 100.0, "low": 95, "high": 105, "ratio": ratio, "jaccard": 0.3}
        sparsities = [dict.fromkeys(LAYERS, 1 - 0.8**job.a.level + 0.01 * i) for i in range(2)]
        metrics = {"whole": shared, "layered": shared, "sparsity": sparsities, "level": job.a.level}
        metrics |= {"ks_pruned": 0.01, "ks_kept": 0.02, "ks_pruned_kept": [0.1, 0.2]}
    return Result(metrics, {})


def made(job: Distill) -> Result:
    """Tell of a set whose images grow lighter on their way, and whose loss falls."""
    total, classes = job.settings.iterations if job.settings is not None else 0, len(job.data.info.classes)
    ramp = np.linspace(0, 1, classes * job.ipc * SIDE**2, dtype=np.float32).reshape(-1, 1, SIDE, SIDE)
    kept = {f"snapshot.{-(-total * share // 100)}": (1 + share / 100) * ramp / 2 for share in (0, 10, 20, 50, 100)}
    about = {"classes": classes, "space": "pixel", "factor": 1, "history": [1 / n for n in range(1, total + 1)]}
    return Result({"set": about, "images": job.images}, {"images": ramp, **(kept if total else {})})


def evaluated(job: Evaluate) -> dict[str, Any]:
    """Tell of networks that do better on made sets than on chosen ones, and worse on snapshots."""
    low = 0.05 * (job.at >= 0) + 0.1 * (job.source.ipc == 1)
    seeds = [reference.network.seed for reference in job.references]
    reached = [REACHED.get(job.source.method, 0.9) - low + 1e-3 * seed for seed in seeds]
    gaps = [1 - value for value in reached]
    metrics = {"accuracies": reached, "losses": gaps, "average": gaps, "supremum": [9 * gap for gap in gaps]}
    real = {"real_accuracies": [0.98 + 1e-4 * seed for seed in seeds], "real_losses": [0.1] * len(seeds)}
    return {**metrics, **real, "steps": 300, "images": job.source.images}


def curvature(job: HessianDiagonal | Spectrum, width: float) -> Result:
    """Tell of a diagonal of a given spread."""
    if isinstance(job, Spectrum):
        return Result({"trace": 40.0, "trace_error": 1.0, "eigenvalues": [9 * width], "residuals": [1e-4]}, {})
    columns = {"min": -20 * width, "max": 30 * width, "mean": 0.005, "std": width, "mean_abs": width / 5, "count": 8000}
    summary = {name + kind: value for kind in ("", "_kept", "_nonzero") for name, value in columns.items()}
    bins = np.concatenate([-np.logspace(1, -6, 8), [0.0], np.logspace(-6, 1, 8)])
    counts = np.array([0, 1, 2, 4, 8, 16, 32, 0, 100, 64, 32, 16, 8, 4, 2, 0])
    metrics = {"summary": summary, "sharpness": width, "images": job.images, "level": job.trained.level}
    return Result(metrics, {"bins": bins, "counts": counts})


def plane(job: Landscape, basins: int) -> Result:
    """Tell of a plane with as many equal basins, side by side."""
    side = np.linspace(-0.5, 1.5, job.resolution)
    points = np.array([(x, y) for y in side for x in side])
    floors = np.array([(0.0, 0.0), (1.0, 0.0)])[:basins]
    loss = 0.01 + np.min([((points - floor) ** 2).sum(axis=1) for floor in floors], axis=0)
    metrics = {"basins": basins, "loss_range": 0.2, "unit": 5 - 0.1 * job.a.level, "level": job.a.level}
    metrics["coordinates"] = [[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]
    return Result(metrics, {"points": points, "loss": loss, "accuracy": 1 - loss / 9})


def fill(section: Section) -> None:
    """Put a result of every job of a section into its store."""
    outcome = run(section.jobs(), section.store, perform=perform)
    assert not outcome.failed and not outcome.left


def keep(section: Section, figure: str, jobs: list[Job], root: Path) -> None:
    """Record a figure as if these of its jobs had been done by committed code."""
    section.store.prepare()
    for job in graph(jobs):
        section.store.save(job, perform(job, None), COMMITTED)
    frame = {str(name): values for name, values in section.frame(figure).to_dict("list").items()}
    made = (section.deciding, section.jobs(figure), section.store, root)
    record(figure, "reduced", *made, frame=frame, partial=True)


def run_cell(text: str, scope: dict[str, Any]) -> Any:
    """Run a cell of a notebook; gives what its last line shows."""
    body = ast.parse(text).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), scope)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), scope) if isinstance(last, ast.Expr) else None
