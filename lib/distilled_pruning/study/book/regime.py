"""At which scale there is evidence: the papers' settings, the recorded ones and this run's; and what it all took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.catalog import entitle
from ...errors import InputError
from ..parameters.presets import Parameters, resolve
from ..results import papers
from ..results.recorded import Recorded
from ..sections.common import naming
from ..sections.common.tickets import EQUAL, Row, Tickets

if TYPE_CHECKING:
    import pandas as pd

PAGE = "s4-stability"
THIN = "\u202f"


@dataclass(frozen=True)
class Compute:
    """What computing all recorded results took.

    Attributes:
        hours: Of one job after the other.
        results: How many there are.
        devices: What they were computed on, with the hours on each.
    """

    hours: float
    results: int
    devices: Mapping[str, float]


def spent(root: Path) -> Compute:
    """Add up the provenance of every recorded result, each once whatever figures share it.

    Args:
        root: Folder of recorded results.

    Raises:
        InputError: A result is damaged.
    """
    folder, hours, count = Recorded(root), dict[str, float](), 0
    for key in folder:
        about = folder.entry(key).provenance()
        device = str(about["device"])
        hours[device] = hours.get(device, 0.0) + about["seconds"] / 3600
        count += 1
    return Compute(sum(hours.values()), count, dict(sorted(hours.items(), key=lambda item: -item[1])))


def table(root: Path, recorded: Mapping[str, Any] | None, here: Parameters | None) -> list[tuple[str, str, str, str]]:
    """Set the papers' settings beside the recorded ones and this run's, for the page of stability.

    Args:
        root: Folder of recorded results.
        recorded: Parameters of the recording that the headline rests on.
        here: This run's parameters.

    Returns:
        What is set, at the papers, recorded, in this run.
    """
    theirs, kept, ours = (
        _column(resolve(PAGE, file="paper"), _printed()),
        _column(_reduced(recorded), _trained(root, recorded)) if recorded else {},
        _column(here, "") if here is not None else {},
    )
    return [(name, theirs[name], kept.get(name, "–"), ours.get(name, "–")) for name in theirs]


def _reduced(recorded: Mapping[str, Any]) -> Parameters:
    kept = resolve(PAGE, file="reduced")
    return resolve(PAGE, [(name, value) for name, value in recorded.items() if name in kept], "reduced")


def _column(p: Parameters, accuracy: str) -> dict[str, str]:
    """Give the settings of one run, name to words."""
    dataset, model = p.dataset[0], p.model[0]
    method = str(p["distiller"]).upper()
    return {
        "Data": entitle(dataset),
        "Network": f"{naming.network(model)} of width {p['width']}",
        "Training": f"{p['epochs']} epochs, rate {p['learning_rate']:g}",
        "Distilled set": f"{method}, {p['ipc']} images a class",
        "Accuracy of training on that set": accuracy or "–",
        "Steps of one round, distilled": _steps(p, "distilled"),
        "Steps of one round, IMP": _steps(p, "imp"),
        "Initialisations": "one, retrained four times" if p.scale == "paper" else str(p["seeds"]),
    }


def _steps(p: Parameters, method: str) -> str:
    """Count the optimiser steps of one inner loop, from the jobs themselves; data that is not here counts as none."""
    from ..sections.common.frames import cost_of, settings

    try:
        tickets: Tickets = settings(p)[0]
        row = Row("imp", tickets.outer.learning_rate, EQUAL)
        if method != "imp":
            row = Row(method, *next(tickets.distilled_settings()))
        return f"{cost_of(tickets.chain(row, 0, 1))['steps']:,}".replace(",", THIN)
    except InputError:
        return "–"


def _printed() -> str:
    """Give what the papers print of the set's accuracy."""
    (row,) = papers.numbers(papers.SETS, dataset="CIFAR-10", method="IDC", ipc="10")
    return f"{float(row['value']):.1f} %"


def _trained(root: Path, recorded: Mapping[str, Any]) -> str:
    """Give the recorded accuracy of training on a set of the same method and size."""
    frame: pd.DataFrame = Recorded(root).table("sets", "reduced")
    if frame.empty:
        return ""
    rows = frame[(frame["method"] == recorded["distiller"]) & (frame["ipc"] == recorded["ipc"])]
    return f"{100 * rows['accuracy'].mean():.1f} %" if len(rows) else ""
