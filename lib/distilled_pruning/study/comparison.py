"""Paper, recorded and this run side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from . import papers
from .display import Markup, Table
from .parameters import home
from .recorded import Recorded
from .tables import MINUS, by_init, first
from .tickets import GENTLE

if TYPE_CHECKING:
    import pandas as pd

NEAR = 0.05
COLUMNS = ("min", "max", "mean", "std", "mean_abs")
STATISTICS = ("min / max", "mean ± std", "mean |h|")
NAMES = {"dense": "Dense", "imp": "IMP", "distilled": "Distilled"}


def recorded(figure: str, root: Path | None = None) -> tuple[str, pd.DataFrame] | None:
    """Give scale and tidy frame of a figure's largest recording, ``None`` where there is none."""
    folder = Recorded(root or home() / "results")
    for record in folder.records(figure):
        if record.frame:
            import pandas as pd

            return record.scale, pd.DataFrame(folder.frame(record))
    return None


def hessian(frame: pd.DataFrame, scale: str, root: Path | None = None) -> Table:
    """Set the Hessian table of 2503.17905, section 4.2, beside recorded values and this run's means.

    Args:
        frame: As :func:`.analyses.hessian_frame` gives it.
        scale: The run's stamp.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: The papers' numbers or recorded results cannot be read.
    """
    before = recorded("hessian", root)
    printed = papers.hessian()
    rows = []
    for (method, share), paper in printed.items():
        for setting in ("", GENTLE) if method == "distilled" else ("",):
            columns = [
                {} if setting else paper,
                values(before[1], method, share, setting) if before else {},
                values(frame, method, share, setting),
            ]
            if not setting or any(columns):
                name = NAMES[method] + (f", {setting}" if setting else "")
                cells = [stacked(lines) for lines in (STATISTICS, *map(statistics, columns))]
                rows.append([name, f"{100 * share:.0f} %", *cells])
    heading = f"Recorded ({before[0]})" if before else "Recorded"
    note = (
        "All entries, masked zeros included; ours are means over initialisations at the nearest measured level. "
        f"This run: {scale}."
    )
    return Table(["network", "sparsity", "diagonal", "Paper", heading, "This run"], rows, note)


def values(frame: pd.DataFrame, method: str, share: float, setting: str) -> dict[str, float]:
    """Mean over initialisations of the table's columns at the level nearest to a sparsity; empty if none is near."""
    here = first(frame, method=method)
    if here.empty:
        return {}
    here = here[(here["setting"] == GENTLE) == (setting == GENTLE)]
    distance = (here["sparsity"] - share).abs()
    here = here[(distance == distance.min()) & (distance <= NEAR)]
    means = {column: by_init(here, column) for column in COLUMNS}
    return {column: sum(found) / len(found) for column, found in means.items() if found}


def stacked(lines: Sequence[str]) -> Markup:
    """Set the lines of a cell below each other; none of them breaks, so that they stand beside those of other cells."""
    return Markup(f'<span style="white-space: nowrap">{"<br>".join(map(escape, lines))}</span>', "; ".join(lines))


def statistics(found: Mapping[str, float]) -> tuple[str, str, str]:
    """Write extremes, mean with deviation, and mean magnitude, to three digits."""
    if not found:
        return "–", "–", "–"
    text = {name: f"{value:.3g}".replace("-", MINUS) for name, value in found.items()}
    return f"{text['min']} / {text['max']}", f"{text['mean']} ± {text['std']}", text["mean_abs"]
