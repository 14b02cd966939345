"""What is set beside a run: the largest recording, and in tables the paper's numbers and what is recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...display import Table
from ...parameters.notebooks import home
from ...parameters.presets import PRESETS
from ...results.recorded import Recorded

if TYPE_CHECKING:
    import pandas as pd

PAPERS = {"dataset": "cifar10", "model": "convnet3"}


def find_recorded(figure: str, root: Path | None = None, **where: str) -> tuple[str, pd.DataFrame] | None:
    """Give scale and tidy frame of a figure's largest recording, ``None`` where there is none.

    Args:
        figure: Name of the experiment.
        root: Folder of recorded results; by default the book's.
        where: Column to the value its rows must have, such as the dataset the paper used.
    """
    folder = Recorded(root or home() / "results")
    for scale in reversed(PRESETS):
        frame = folder.table(figure, scale)
        for column, wanted in where.items():
            frame = frame if frame.empty else frame[frame[column] == wanted]
        if not frame.empty:
            return scale, frame
    return None


def beside(table: Table, scale: str = "") -> Table:
    """Head the last two columns by where their numbers are from, and leave out the columns that say nothing.

    Args:
        table: With a cell more in each row for what is recorded and for this run.
        scale: Of what is recorded; empty where nothing is.
    """
    columns = [*table.columns, f"Recorded ({scale})" if scale else "Recorded", "This run"]
    kept = [n for n in range(len(columns)) if not table.rows or any(_says(row[n]) for row in table.rows)]
    rows = [[row[n] for n in kept] for row in table.rows]
    return replace(table, columns=[columns[n] for n in kept], rows=rows)


def _says(cell: object) -> bool:
    """Whether a cell is more than dashes."""
    return set(str(cell).split("; ")) != {"–"}
