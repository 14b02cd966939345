"""Tables of the Hessian's diagonal, and the paper's beside ours (2503.17905 section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ...display import Markup, Table, percent
from ...judging.units import MINUS
from ...results import papers
from ..common import comparison
from ..common.grouping import close, first_place, init_means
from ..common.tables import summary
from ..common.tickets import GENTLE

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {"dense": "Dense", "imp": "IMP", "distilled": "Distilled"}
_STATISTICS = ("min / max", "mean ± std", "mean |h|")


def hessian(frame: pd.DataFrame) -> Table:
    """Summarise the diagonal with and without its zeros."""
    kinds = {"": "all", "_kept": "unmasked", "_nonzero": "no zeros"}
    names = {"std": "deviation", "mean_abs": "magnitude"}
    columns = {name + kind: (f"{names[name]}, {kinds[kind]}", 1, 4) for name in names for kind in kinds}
    return summary(frame, **columns)


def sharpness(frame: pd.DataFrame) -> Table:
    """Summarise what stands beside the diagonal."""
    return summary(
        frame,
        min=("smallest entry", 1, 3),
        max=("largest entry", 1, 3),
        sum=("trace, exact", 1, 2),
        trace=("trace, estimated", 1, 2),
        top=("largest eigenvalue", 1, 2),
        sharpness=("scale-invariant sharpness", 1, 2),
    )


def compare(frame: pd.DataFrame, scale: str, root: Path | None = None) -> Table:
    """Set the paper's Hessian table beside recorded values and this run's means.

    Args:
        frame: That of the experiment ``hessian``.
        scale: The run's stamp.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: The papers' numbers or recorded results cannot be read.
    """
    stage, before = comparison.find_recorded("hessian", root, **comparison.PAPERS) or ("", frame.iloc[:0])
    rows = []
    for (method, share), printed in papers.hessian().items():
        for setting in ("", GENTLE) if method == "distilled" else ("",):
            ours = [_means(own, method, share, setting) for own in (before, frame)]
            sources = [{} if setting else printed, *ours]
            if not setting or any(sources):
                name = _NAMES[method] + (f", {setting}" if setting else "")
                rows.append([name, percent(share), *map(_stack, (_STATISTICS, *map(_write, sources)))])
    note = "All entries, masked zeros included; ours are means over initialisations at the nearest measured level."
    note += f" This run: {scale}." if len(frame) else ""
    headings = ["network", "sparsity", "diagonal", "Paper"]
    return comparison.beside(Table(headings, rows, note, caption="The paper's Hessian table beside ours"), stage)


def _means(frame: pd.DataFrame, method: str, share: float, setting: str) -> dict[str, float]:
    """Mean over initialisations of the table's columns at the level nearest to a sparsity; empty if none is near."""
    here = first_place(frame, method=method)
    if here.empty:
        return {}
    here = close(here[(here["setting"] == GENTLE) == (setting == GENTLE)], share)
    means = {column: init_means(here, column) for column in ("min", "max", "mean", "std", "mean_abs")}
    return {column: sum(found) / len(found) for column, found in means.items() if found}


def _stack(lines: Sequence[str]) -> Markup:
    """Set the lines of a cell below each other; none of them breaks, so that they stand beside those of other cells."""
    return Markup(f'<span style="white-space: nowrap">{"<br>".join(map(escape, lines))}</span>', "; ".join(lines))


def _write(found: Mapping[str, float]) -> tuple[str, str, str]:
    """Write extremes, mean with deviation, and mean magnitude, to three digits."""
    if not found:
        return "–", "–", "–"
    text = {name: f"{value:.3g}".replace("-", MINUS) for name, value in found.items()}
    return f"{text['min']} / {text['max']}", f"{text['mean']} ± {text['std']}", text["mean_abs"]
