"""Tables of the first paper: accuracy beside its authors' logs, stability, and what a training costs (2307.03364)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...display import Table, percent
from ...judging.units import number
from ...results import papers
from ..common import comparison
from ..common.grouping import close, first_place, init_means
from ..common.naming import with_series
from ..common.tables import NOTHING, quote, summary, write_count
from .claims import costs
from .figures import SHOWN

if TYPE_CHECKING:
    import pandas as pd


def stability(frame: pd.DataFrame) -> Table:
    """Summarise loss and error along the lines of every ticket."""
    return summary(frame, "barrier", "maximum", "error_rise", "end_accuracy")


def sessions(frame: pd.DataFrame, printed: tuple[float, float]) -> Table:
    """Say what a training inside a round costs, beside the paper's seconds.

    Args:
        frame: That of the experiment ``first-sessions``.
        printed: Seconds of a training on real and on distilled data in the paper.
    """
    rows = []
    for series, part in with_series(first_place(frame))[0].groupby("series", sort=False) if len(frame) else ():
        paper = number(printed[0 if part["method"].iloc[0] == "imp" else 1], 0)
        counts = [write_count(part[name].max()) for name in ("images", "steps")]
        rows.append([str(series), *counts, quote(list(costs(part).values()), 2), paper, str(part["init"].nunique())])
    note = (
        "Seconds: median over the rounds of an initialisation, mean over initialisations [95 % interval]; "
        "of trainings that were not interrupted."
    )
    columns = ["training for", "images seen", "steps", "seconds", "Paper: seconds", "n"]
    return Table(columns, rows, note if rows else NOTHING)


def logs(frame: pd.DataFrame, scale: str, levels: Sequence[int], root: Path | None = None) -> Table:
    """Set accuracies of the authors' logs beside recorded values and this run's means.

    Args:
        frame: That of the experiment ``first-accuracy``.
        scale: The run's stamp.
        levels: Levels to show.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: The papers' numbers or recorded results cannot be read.
    """
    import pandas as pd

    stage, before = comparison.find_recorded("first-accuracy", root) or ("", frame.iloc[:0])
    rows = []
    for dataset, model in SHOWN:
        printed = pd.DataFrame([row for row in papers.curves() if (row["dataset"], row["model"]) == (dataset, model)])
        for series, part in with_series(printed)[0].groupby("series", sort=False):
            way = {name: part[name].iloc[0] for name in ("method", "rewind", "ipc")}
            for level in levels:
                here = part[part["level"] == level]
                if here.empty or level == 0:
                    continue
                share = float(here["sparsity"].iloc[0])
                ours = (close(_nearest(own, dataset, model, **way), share) for own in (before, frame))
                rows.append([f"{model}, {dataset}", str(series), percent(share), *map(_write, (here, *ours))])
    note = (
        "Test accuracy in per cent: mean ± half the width of its 95 % interval over the authors' seeds, or over our "
        "initialisations; ours on "
        f"the same data where there is such a run, else on other data. This run: {scale}."
    )
    headings = ["Paper's network", "mask from", "sparsity", "Paper (logs)"]
    return comparison.beside(
        Table(headings, rows, note, caption="Accuracy beside the authors' logs", folded=True), stage
    )


def _nearest(frame: pd.DataFrame, dataset: str, model: str, **where: object) -> pd.DataFrame:
    """Rows of a network that match, on a dataset if it was run on it, else on the first that it was run on."""
    here = frame[frame["model"] == model] if len(frame) else frame
    same = here[here["dataset"] == dataset] if len(here) else here
    return first_place(same if len(same) else here, **where)


def _write(frame: pd.DataFrame) -> str:
    """Write accuracies in per cent, mean and interval over initialisations, and their number."""
    found = [100 * value for value in init_means(frame, "accuracy")]
    return f"{quote(found, 1)}, n = {len(found)}" if found else "–"
