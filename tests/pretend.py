"""Results that look like real ones and cost nothing: every kind of job by a formula, without PyTorch."""

from __future__ import annotations

from typing import Any

from distilled_pruning.study.entry import Result
from distilled_pruning.study.jobs import Job
from distilled_pruning.study.kinds import Connect, Distill, Prune, Train
from distilled_pruning.study.runner import Context, run
from distilled_pruning.study.section import Section

HEIGHT = {"dense": 0.5, "imp": 0.3, "distilled": 0.0}


def method(mask: Prune | None) -> str:
    """Tell how a mask was found."""
    return "dense" if mask is None else "distilled" if isinstance(mask.source, Distill) else "imp"


def perform(job: Job, context: Context) -> Result:
    """Do a job by formula; distilled tickets are stable, the others are not."""
    metrics: dict[str, Any] = {}
    if isinstance(job, Train):
        metrics = {"accuracy": 0.98 - 0.001 * job.level + 1e-4 * job.network.seed, "loss": 0.1, "train_loss": 0.1}
        metrics |= {"distance": 1.0, "initial_norm": 1.0, "steps": job.steps, "images": 1, "level": job.level}
    elif isinstance(job, Prune):
        metrics = {"level": job.level, "collapsed": []}
    elif isinstance(job, Connect):
        rise = HEIGHT[method(job.a.mask)] * (1 + 0.05 * job.a.network.seed)
        alphas = [i / (job.alphas - 1) for i in range(job.alphas)]
        loss = [0.1 + 0.01 * job.a.level + 4 * rise * alpha * (1 - alpha) for alpha in alphas]
        metrics = {"alphas": alphas, "loss": loss, "accuracy": [1 - value / 4 for value in loss], "level": job.a.level}
        metrics |= {"barrier": rise, "maximum": rise, "error_rise": rise / 4, "end_loss": loss[0], "end_accuracy": 0.97}
    return Result(metrics, {})


def fill(section: Section) -> None:
    """Put a result of every job of a section into its store."""
    outcome = run(section.jobs(), section.store, perform=perform)
    assert not outcome.failed and not outcome.left
