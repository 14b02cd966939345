"""Experiments on small training sets themselves: how they were made, and what training on them reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....distillation.defaults import evaluation_recipe
from ....distillation.methods import DISTILLERS
from ...jobs import Data, Distill, Evaluate, Train
from ..common.experiment import experiment
from ..common.frames import Reader, settings
from ..common.tickets import Tickets

if TYPE_CHECKING:
    import numpy as np

    from ...parameters.fields import Values

PAGE = "s2-dataset-distillation"
KEPT = (0, 10, 20, 50, 100)  # per cent of the iterations at which a set keeps a snapshot
EVALUATIONS = 2

Made = tuple[Tickets, Distill]


def sets_of(parameters: Values) -> list[Made]:
    """Every set: a dataset, a model, a method or a published file, and a number of images per class."""
    return [
        (tickets, made_by(tickets, method, ipc))
        for tickets in settings(parameters)
        for ipc in parameters.ipcs
        for method in parameters.distillers
    ]


def made_by(tickets: Tickets, method: str, ipc: int) -> Distill:
    """The set of a method, or the one in a file that others published."""
    return tickets.made(method, ipc) if method in DISTILLERS else Distill(tickets.data, "published", ipc, path=method)


def evaluation(tickets: Tickets, made: Distill, at: int = -1) -> Evaluate:
    """The evaluation of a set or of one of its snapshots, by the recipe published with IDC (Kim et al. 2022)."""
    s = made.settings
    factor = s.factor if s is not None else max(1, made.factor)
    recipe = evaluation_recipe(made.data.called, made.ipc, factor, len(made.data.info.classes))
    recipe = replace(recipe, precision=tickets.outer.precision, compile=tickets.outer.compile)
    count = tickets.parameters.get("evaluations", EVALUATIONS)
    at = -1 if s is not None and at == s.iterations else at
    return Evaluate(
        made, recipe, tuple(Train(tickets.network(seed), tickets.data, tickets.outer) for seed in range(count)), at
    )


def snapshots(made: Distill) -> dict[int, int]:
    """Per cent of the iterations to the iteration of a kept snapshot; empty where nothing is optimised."""
    total = made.settings.iterations if made.settings is not None else 0
    return {share: -(-total * share // 100) for share in KEPT} if total else {}


def names(tickets: Tickets, made: Distill) -> dict[str, Any]:
    """The columns that name a set; one that others published goes by its file."""
    method = Path(made.path).stem if made.path else made.method
    return {"dataset": tickets.data.name, "model": tickets.model, "method": method, "ipc": made.ipc}


def _accuracies(job: Evaluate, reader: Reader) -> Iterator[dict[str, Any]]:
    """Accuracy and both objectives, a row for each network that was trained on a set."""
    found = reader.metrics(job.key)
    if found is None:
        return
    columns = ("accuracies", "losses", "average", "supremum", "real_accuracies", "real_losses")
    titles = ("accuracy", "loss", "average", "supremum", "real_accuracy", "real_loss")
    for reference, *figures in zip(job.references, *(found[name] for name in columns), strict=True):
        yield {
            "init": reference.network.seed,
            **dict(zip(titles, figures, strict=True)),
            "images": found["images"],
            "steps": found["steps"],
        }


@experiment("sets", PAGE, "Accuracy of training on small sets, and both objectives", _accuracies)
def finished(parameters: Values) -> Iterator[tuple[Evaluate, dict[str, Any]]]:
    """Evaluations of all finished sets (2503.17905 Eq. 1; Eq. 2 of its ICLR 2024 submission)."""
    for tickets, made in sets_of(parameters):
        yield evaluation(tickets, made), {**names(tickets, made), "work": made.cost}


def _losses(job: Distill, reader: Reader) -> Iterator[dict[str, Any]]:
    """Matching loss of every iteration; its unit is the method's own."""
    found = reader.metrics(job.key)
    for iteration, loss in enumerate(found["set"]["history"] if found is not None else (), 1):
        yield {"iteration": iteration, "loss": loss}


def _cost(job: Distill, reader: Reader) -> Iterator[dict[str, Any]]:
    """What an outer iteration of a set took: multiply-accumulates by formula, seconds as measured.

    ``loop_seconds`` is the job's wall time over its iterations, all that comes before them included; not a number where
    the job was stopped on the way or where no clock was kept. ``cold`` marks the first job of a process, whose time
    includes the start of PyTorch.
    """
    if reader.metrics(job.key) is None or job.settings is None:
        return
    found = reader.provenance(job.key) or {}
    seconds = math.nan if found.get("continued") else found.get("seconds", math.nan)
    yield {
        "iterations": job.settings.iterations,
        "loop_work": job.loop_cost,
        "work": job.cost,
        "loop_seconds": seconds / job.settings.iterations,
        "seconds": seconds,
        "cold": bool(found.get("cold")),
        "device": str(found.get("device", "")),
    }


@experiment("cost", PAGE, "Cost of distillation", _cost)
@experiment("matching", PAGE, "Matching loss", _losses)
def optimised(parameters: Values) -> Iterator[tuple[Distill, dict[str, Any]]]:
    """The sets that are optimised."""
    for tickets, made in sets_of(parameters):
        if snapshots(made):
            yield made, names(tickets, made)


@experiment("stopping", PAGE, "Distillation stopped early", _accuracies)
def stopped(parameters: Values) -> Iterator[tuple[Evaluate, dict[str, Any]]]:
    """Evaluations of the snapshots of the optimised sets with most images; ``share`` is in per cent of iterations."""
    most = max(parameters.ipcs)
    for tickets, made in sets_of(parameters):
        for share, at in snapshots(made).items() if made.ipc == most else ():
            yield evaluation(tickets, made, at), {**names(tickets, made), "share": share, "iteration": at}


def published_work(dataset: str, method: str, ipc: int, model: str = "convnet3", width: int = 128) -> float:
    """Count the multiply-accumulates of a published recipe, all of its iterations."""
    return Distill(Data(dataset), method, ipc, model=model, width=width).cost


@dataclass(frozen=True)
class Gallery:
    """Stored images of one set on their way.

    Attributes:
        of: The columns that name the set.
        classes: Number of classes.
        space: What the values are, as in :class:`..distillation.synthetic.Synthetic`.
        factor: Tiles along each side of a stored image.
        iterations: All iterations of the set.
        images: Iteration to images float32 [classes * ipc, channels, height, width], in the order of iterations.
    """

    of: dict[str, Any]
    classes: int
    space: str
    factor: int
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
        kept = {int(name.split(".")[1]): images for name, images in arrays.items() if name.startswith("snapshot.")}
        kept[made.settings.iterations] = arrays["images"]
        about = metrics["set"]
        found.append(
            Gallery(
                names(tickets, made),
                about["classes"],
                about["space"],
                about["factor"],
                made.settings.iterations,
                dict(sorted(kept.items())),
            )
        )
    return found
