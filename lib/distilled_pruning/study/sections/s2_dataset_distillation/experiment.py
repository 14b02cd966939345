"""Experiments on small training sets themselves: how they were made, and what training on them reaches."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....catalog import DISTILLERS
from ....distillation.defaults import evaluation_recipe
from ...jobs import Data, Distill, Evaluate, Job, Train
from ..common.frames import Reader, frame_of, settings
from ..common.setup import numbers, words
from ..common.tickets import Tickets

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ...parameters.presets import Parameters

KEPT = (0, 10, 20, 50, 100)  # per cent of the iterations at which a set keeps a snapshot
EVALUATIONS = 2

Made = tuple[Tickets, Distill]


def sets_of(parameters: Parameters) -> list[Made]:
    """Every set: a dataset, a model, a method or a published file, and a number of images per class."""
    return [
        (tickets, made_by(tickets, method, int(ipc)))
        for tickets in settings(parameters)
        for ipc in numbers(parameters.ipcs)
        for method in words(parameters.distillers)
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


def sets_jobs(parameters: Parameters) -> list[Job]:
    """Evaluations of all finished sets."""
    return [evaluation(*made) for made in sets_of(parameters)]


def stopped(parameters: Parameters) -> list[tuple[Tickets, Distill, int, int]]:
    """Every snapshot of the optimised sets with most images, with its share of the iterations and its iteration."""
    most = max(numbers(parameters.ipcs))
    return [
        (tickets, made, share, at)
        for tickets, made in sets_of(parameters)
        if made.ipc == most
        for share, at in snapshots(made).items()
    ]


def stopping_jobs(parameters: Parameters) -> list[Job]:
    """Evaluations of snapshots."""
    return [evaluation(tickets, made, at) for tickets, made, _, at in stopped(parameters)]


def matching_jobs(parameters: Parameters) -> list[Job]:
    """The sets that are optimised."""
    return [made for _, made in sets_of(parameters) if snapshots(made)]


def names(tickets: Tickets, made: Distill) -> dict[str, Any]:
    """The columns that name a set; one that others published goes by its file."""
    method = Path(made.path).stem if made.path else made.method
    return {"dataset": tickets.data.name, "model": tickets.model, "method": method, "ipc": made.ipc}


def evaluated(tickets: Tickets, job: Evaluate, reader: Reader, **also: float) -> list[dict[str, Any]]:
    """One row for each network that was trained on a set."""
    found = reader.metrics(job.key)
    if found is None:
        return []
    columns = ("accuracies", "losses", "average", "supremum", "real_accuracies", "real_losses")
    titles = ("accuracy", "loss", "average", "supremum", "real_accuracy", "real_loss")
    return [
        {
            **names(tickets, job.source),
            **also,
            "init": reference.network.seed,
            **dict(zip(titles, figures, strict=True)),
            "images": found["images"],
            "steps": found["steps"],
            "key": job.key,
        }
        for reference, *figures in zip(job.references, *(found[name] for name in columns), strict=True)
    ]


def sets_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Accuracy of training on every set, and both objectives (2503.17905 Eq. 1; Eq. 2 of its ICLR 2024 submission)."""
    made = sets_of(parameters)
    return frame_of([row for t, job in made for row in evaluated(t, evaluation(t, job), reader, work=job.cost)])


def stopping_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Accuracy of training on the snapshots of the largest sets; ``share`` is in per cent of their iterations."""
    rows = []
    for tickets, made, share, at in stopped(parameters):
        rows += evaluated(tickets, evaluation(tickets, made, at), reader, share=share, iteration=at)
    return frame_of(rows)


def matching_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Matching loss of every iteration of every optimised set; its unit is the method's own."""
    rows = []
    for tickets, made in sets_of(parameters):
        found = reader.metrics(made.key) if snapshots(made) else None
        for iteration, loss in enumerate(found["set"]["history"] if found else (), 1):
            rows.append({**names(tickets, made), "iteration": iteration, "loss": loss, "key": made.key})
    return frame_of(rows)


def cost_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """What an outer iteration of every optimised set took: multiply-accumulates by formula, seconds as measured.

    ``loop_seconds`` is the job's wall time over its iterations, all that comes before them included; not a number where
    the job was stopped on the way or where no clock was kept. ``cold`` marks the first job of a process, whose time
    includes the start of PyTorch.
    """
    rows = []
    for tickets, made in sets_of(parameters):
        if not snapshots(made) or reader.metrics(made.key) is None or made.settings is None:
            continue
        found = reader.provenance(made.key) or {}
        seconds = math.nan if found.get("continued") else found.get("seconds", math.nan)
        rows.append(
            {
                **names(tickets, made),
                "iterations": made.settings.iterations,
                "loop_work": made.loop_cost,
                "work": made.cost,
                "loop_seconds": seconds / made.settings.iterations,
                "seconds": seconds,
                "cold": bool(found.get("cold")),
                "device": str(found.get("device", "")),
                "key": made.key,
            }
        )
    return frame_of(rows)


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


def galleries(parameters: Parameters, reader: Reader) -> list[Gallery]:
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
