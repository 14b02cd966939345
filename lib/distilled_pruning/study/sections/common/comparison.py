"""Paper, recorded and this run side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ...display import Markup, Table, percent
from ...parameters.notebooks import home
from ...results import papers
from ...results.recorded import SCALES, Recorded
from .tables import MINUS, by_init, first, quote
from .tickets import GENTLE

if TYPE_CHECKING:
    import pandas as pd

NEAR = 0.05
PAPERS = {"dataset": "cifar10", "model": "convnet3"}
COLUMNS = ("min", "max", "mean", "std", "mean_abs")
STATISTICS = ("min / max", "mean ± std", "mean |h|")
NAMES = {"dense": "Dense", "imp": "IMP", "distilled": "Distilled"}
WAY = ["method", "rewind", "ipc"]


def recorded(figure: str, root: Path | None = None, **where: str) -> tuple[str, pd.DataFrame] | None:
    """Give scale and tidy frame of a figure's largest recording, ``None`` where there is none.

    Args:
        figure: Name of the experiment.
        root: Folder of recorded results; by default the book's.
        where: Column to the value its rows must have, such as the dataset the paper used.
    """
    folder = Recorded(root or home() / "results")
    for scale in reversed(SCALES):
        frame = folder.table(figure, scale)
        for column, wanted in where.items():
            frame = frame if frame.empty else frame[frame[column] == wanted]
        if not frame.empty:
            return scale, frame
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
    before = recorded("hessian", root, **PAPERS)
    printed = papers.hessian()
    rows = []
    for (method, share), paper in printed.items():
        for setting in ("", GENTLE) if method == "distilled" else ("",):
            sources = [
                {} if setting else paper,
                values(before[1], method, share, setting) if before else {},
                values(frame, method, share, setting),
            ]
            if not setting or any(sources):
                name = NAMES[method] + (f", {setting}" if setting else "")
                cells = [stacked(lines) for lines in (STATISTICS, *map(statistics, sources))]
                rows.append([name, percent(share), *cells])
    heading = f"Recorded ({before[0]})" if before else "Recorded"
    note = (
        "All entries, masked zeros included; ours are means over initialisations at the nearest measured level. "
        f"This run: {scale}."
    )
    headings = ["network", "sparsity", "diagonal", "Paper", heading, "This run"]
    return spoken(Table(headings, rows, note, caption="The paper's Hessian table beside ours"))


def spoken(table: Table) -> Table:
    """Leave out the columns of a table that say nothing."""
    said = [
        index
        for index, _ in enumerate(table.columns)
        if any(set(str(row[index]).split("; ")) != {"–"} for row in table.rows) or not table.rows
    ]
    rows = [[row[index] for index in said] for row in table.rows]
    return replace(table, columns=[table.columns[index] for index in said], rows=rows)


def logs(frame: pd.DataFrame, scale: str, levels: Sequence[int], root: Path | None = None) -> Table:
    """Set accuracies of the first paper's authors' logs beside recorded values and this run's means.

    Args:
        frame: As :func:`.first_paper.accuracy_frame` gives it.
        scale: The run's stamp.
        levels: Levels to show.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: The papers' numbers or recorded results cannot be read.
    """
    import pandas as pd

    from ..a_first_paper.figures import SHOWN
    from ..s6_stable_initializations.tables import named

    before = recorded("first-accuracy", root)
    rows = []
    for dataset, model in SHOWN:
        printed = named(pd.DataFrame([r for r in papers.curves() if (r["dataset"], r["model"]) == (dataset, model)]))
        for series, part in printed.groupby("series", sort=False):
            way = dict(zip(WAY, part[WAY].iloc[0], strict=True))
            for level in levels:
                here = part[part["level"] == level]
                if here.empty or level == 0:
                    continue
                ours = [before[1]] if before else []
                share = float(here["sparsity"].iloc[0])
                cells = [accuracies(close(nearest(own, dataset, model, **way), share)) for own in (*ours, frame)]
                named_row = [f"{model}, {dataset}", str(series), percent(share), accuracies(here)]
                rows.append([*named_row, *([] if before else ["–"]), *cells])
    heading = f"Recorded ({before[0]})" if before else "Recorded"
    note = (
        "Test accuracy in per cent: mean ± half the width of its 95 % interval over the authors' seeds, or over our "
        "initialisations; ours on "
        f"the same data where there is such a run, else on other data. This run: {scale}."
    )
    columns = ["Paper's network", "mask from", "sparsity", "Paper (logs)", heading, "This run"]
    return spoken(Table(columns, rows, note, caption="Accuracy beside the authors' logs", folded=True))


def nearest(frame: pd.DataFrame, dataset: str, model: str, **where: object) -> pd.DataFrame:
    """Rows of a network that match, on a dataset if it was run on it, else on the first that it was run on."""
    here = frame[frame["model"] == model] if len(frame) else frame
    same = here[here["dataset"] == dataset] if len(here) else here
    return first(same if len(same) else here, **where)


def close(frame: pd.DataFrame, share: float) -> pd.DataFrame:
    """Rows of the level nearest to a sparsity; none where none is near."""
    if frame.empty:
        return frame
    distance = (frame["sparsity"] - share).abs()
    return frame[(distance == distance.min()) & (distance <= NEAR)]


def accuracies(frame: pd.DataFrame) -> str:
    """Write accuracies in per cent, mean and interval over initialisations, and their number."""
    found = [100 * value for value in by_init(frame, "accuracy")]
    return f"{quote(found, 1)}, n = {len(found)}" if found else "–"


def values(frame: pd.DataFrame, method: str, share: float, setting: str) -> dict[str, float]:
    """Mean over initialisations of the table's columns at the level nearest to a sparsity; empty if none is near."""
    here = first(frame, method=method)
    if here.empty:
        return {}
    here = here[(here["setting"] == GENTLE) == (setting == GENTLE)]
    here = close(here, share)
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
