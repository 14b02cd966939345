"""Experiments on small training sets themselves: how they were made, and what training on them reaches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..distillation.defaults import evaluation_recipe
from .frames import Reader, frame_of, settings
from .jobs import Job
from .kinds import Distill, Evaluate, Train
from .tickets import Tickets, numbers, words

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .parameters import Parameters

KEPT = (0, 10, 20, 50, 100)  # per cent of the iterations at which a set keeps a snapshot
EVALUATIONS = 2

Made = tuple[Tickets, Distill]


def sets_of(parameters: Parameters) -> list[Made]:
    """Every set: a dataset, a model, a method and a number of images per class."""
    return [
        (tickets, tickets.made(method, int(ipc)))
        for tickets in settings(parameters)
        for ipc in numbers(parameters.ipcs)
        for method in words(parameters.distillers)
    ]


def evaluation(tickets: Tickets, made: Distill, at: int = -1) -> Evaluate:
    """The evaluation of a set or of one of its snapshots, by the recipe published with IDC (Kim et al. 2022)."""
    assert made.settings is not None
    recipe = evaluation_recipe(made.data.name, made.ipc, made.settings.factor, len(made.data.info.classes))
    recipe = replace(recipe, precision=tickets.outer.precision, compile=tickets.outer.compile)
    count = tickets.parameters.get("evaluations", EVALUATIONS)
    at = -1 if at == made.settings.iterations else at
    return Evaluate(
        made, recipe, tuple(Train(tickets.network(seed), tickets.data, tickets.outer) for seed in range(count)), at
    )


def snapshots(made: Distill) -> dict[int, int]:
    """Per cent of the iterations to the iteration of a kept snapshot; empty where nothing is optimised."""
    assert made.settings is not None
    total = made.settings.iterations
    return {share: -(-total * share // 100) for share in KEPT} if total else {}


def sets_jobs(parameters: Parameters) -> list[Job]:
    """Evaluations of all finished sets."""
    return [evaluation(*made) for made in sets_of(parameters)]


def stopping_jobs(parameters: Parameters) -> list[Job]:
    """Evaluations of all snapshots."""
    return [evaluation(*made, at=at) for made in sets_of(parameters) for at in snapshots(made[1]).values()]


def matching_jobs(parameters: Parameters) -> list[Job]:
    """The sets that are optimised."""
    return [made for _, made in sets_of(parameters) if snapshots(made)]


def names(tickets: Tickets, made: Distill) -> dict[str, Any]:
    """The columns that name a set."""
    return {"dataset": tickets.data.name, "model": tickets.model, "method": made.method, "ipc": made.ipc}


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
    """Accuracy of training on the snapshots of every optimised set; ``share`` is in per cent of its iterations."""
    rows = []
    for tickets, made in sets_of(parameters):
        for share, at in snapshots(made).items():
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


def galleries(parameters: Parameters, reader: Reader) -> list[tuple[dict[str, Any], dict[int, np.ndarray]]]:
    """Stored images of every optimised set by iteration: before, during and after.

    Returns:
        The columns that name a set, and iteration to images float32 [classes * ipc, channels, height, width].
    """
    found = []
    for tickets, made in sets_of(parameters):
        arrays = reader.arrays(made.key) if snapshots(made) else None
        if arrays is not None:
            kept = {int(name.split(".")[1]): images for name, images in arrays.items() if name.startswith("snapshot.")}
            found.append((names(tickets, made), dict(sorted(kept.items()))))
    return found
