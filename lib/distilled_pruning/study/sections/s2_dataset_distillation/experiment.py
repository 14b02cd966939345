"""Experiments on small training sets themselves: how they were made, and what training on them reaches."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....distillation.defaults import evaluation_recipe
from ....distillation.methods import DISTILLERS
from ...jobs import Distill, Evaluate, Train
from ..common.experiment import experiment
from ..common.frames import Metrics, Reader, settings
from ..common.tickets import Tickets

if TYPE_CHECKING:
    import numpy as np

    from ...parameters.fields import Values

PAGE = "s2-dataset-distillation"
_KEPT = (0, 10, 20, 50, 100)  # per cent of the iterations at which a set keeps a snapshot
_EVALUATIONS = 2
_FIGURES = {  # of each network that was trained on a set: column to metric
    "accuracy": "accuracies",
    "loss": "losses",
    "average": "average",
    "supremum": "supremum",
    "real_accuracy": "real_accuracies",
    "real_loss": "real_losses",
}


def sets_of(parameters: Values) -> Iterator[tuple[Tickets, Distill]]:
    """Every set: a dataset, a model, a number of images per class, and a method or a file that others published."""
    for tickets in settings(parameters):
        for ipc, method in itertools.product(parameters.ipcs, parameters.distillers):
            published = method not in DISTILLERS
            made = Distill(tickets.data, "published", ipc, path=method) if published else tickets.make_set(method, ipc)
            yield tickets, made


def _evaluate(tickets: Tickets, made: Distill, at: int = -1) -> Evaluate:
    """The evaluation of a set or of one of its snapshots, by the recipe published with IDC (Kim et al. 2022)."""
    s = made.settings
    factor = s.factor if s is not None else max(1, made.factor)
    recipe = evaluation_recipe(made.data.called, made.ipc, factor, len(made.data.info.classes))
    recipe = replace(recipe, precision=tickets.outer.precision, compile=tickets.outer.compile)
    seeds = range(tickets.parameters.get("evaluations", _EVALUATIONS))
    references = tuple(Train(tickets.network(seed), tickets.data, tickets.outer) for seed in seeds)
    return Evaluate(made, recipe, references, -1 if s is not None and at == s.iterations else at)


def snapshots(made: Distill) -> dict[int, int]:
    """Per cent of the iterations to the iteration of a kept snapshot; empty where nothing is optimised."""
    total = made.settings.iterations if made.settings is not None else 0
    return {share: -(-total * share // 100) for share in _KEPT} if total else {}


def set_columns(tickets: Tickets, made: Distill) -> dict[str, Any]:
    """The columns that name a set; one that others published goes by its file."""
    method = Path(made.path).stem if made.path else made.method
    return {"dataset": tickets.data.name, "model": tickets.model, "method": method, "ipc": made.ipc}


def _accuracies(job: Evaluate, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Accuracy and both objectives, a row for each network that was trained on a set."""
    same = {name: found[name] for name in ("images", "steps")}
    for reference, *figures in zip(job.references, *(found[name] for name in _FIGURES.values()), strict=True):
        yield {"init": reference.network.seed, **dict(zip(_FIGURES, figures, strict=True)), **same}


@experiment("sets", PAGE, "Accuracy of training on small sets, and both objectives", _accuracies)
def evaluations(parameters: Values) -> Iterator[tuple[Evaluate, dict[str, Any]]]:
    """Evaluations of all finished sets (2503.17905 Eq. 1; Eq. 2 of its ICLR 2024 submission)."""
    for tickets, made in sets_of(parameters):
        yield _evaluate(tickets, made), {**set_columns(tickets, made), "work": made.cost}


def _losses(job: Distill, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Matching loss of every iteration; its unit is the method's own."""
    for iteration, loss in enumerate(found["set"]["history"], 1):
        yield {"iteration": iteration, "loss": loss}


def _cost(job: Distill, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """What an outer iteration of a set took: multiply-accumulates by formula, seconds as measured.

    ``loop_seconds`` is the job's wall time over its iterations, all that comes before them included; not a number where
    the job was stopped on the way or where no clock was kept. ``cold`` marks the first job of a process, whose time
    includes the start of PyTorch.
    """
    if job.settings is None:
        return
    how = reader.provenance(job.key) or {}
    seconds = math.nan if how.get("continued") else how.get("seconds", math.nan)
    yield {
        "iterations": job.settings.iterations,
        "loop_work": job.loop_cost,
        "work": job.cost,
        "loop_seconds": seconds / job.settings.iterations,
        "seconds": seconds,
        "cold": bool(how.get("cold")),
        "device": str(how.get("device", "")),
    }


@experiment("cost", PAGE, "Cost of distillation", _cost)
@experiment("matching", PAGE, "Matching loss", _losses)
def distillations(parameters: Values) -> Iterator[tuple[Distill, dict[str, Any]]]:
    """The sets that are optimised."""
    for tickets, made in sets_of(parameters):
        if snapshots(made):
            yield made, set_columns(tickets, made)


@experiment("stopping", PAGE, "Distillation stopped early", _accuracies)
def early_evaluations(parameters: Values) -> Iterator[tuple[Evaluate, dict[str, Any]]]:
    """Evaluations of the snapshots of the optimised sets with most images; ``share`` is in per cent of iterations."""
    most = max(parameters.ipcs)
    for tickets, made in sets_of(parameters):
        for share, at in snapshots(made).items() if made.ipc == most else ():
            yield _evaluate(tickets, made, at), {**set_columns(tickets, made), "share": share, "iteration": at}


@dataclass(frozen=True)
class Gallery:
    """Stored images of one set on their way.

    Attributes:
        of: The columns that name the set.
        classes: Number of classes.
        space: What the values are, as in :class:`..distillation.synthetic.Synthetic`.
        iterations: All iterations of the set.
        images: Iteration to images float32 [classes * ipc, channels, height, width], in the order of iterations.
    """

    of: dict[str, Any]
    classes: int
    space: str
    iterations: int
    images: dict[int, np.ndarray]


def galleries(parameters: Values, reader: Reader) -> list[Gallery]:
    """Stored images of every optimised set: before, during and after; only the last where snapshots were left out."""
    found = []
    for tickets, made in sets_of(parameters):
        arrays = reader.arrays(made.key) if snapshots(made) else None
        metrics = reader.metrics(made.key) if arrays is not None else None
        if arrays is None or metrics is None or made.settings is None:
            continue
        total, about = made.settings.iterations, metrics["set"]
        kept = {int(name.split(".")[1]): images for name, images in arrays.items() if name.startswith("snapshot.")}
        kept = dict(sorted({**kept, total: arrays["images"]}.items()))
        of = set_columns(tickets, made)
        found.append(Gallery(of, about["classes"], about["space"], total, kept))
    return found
