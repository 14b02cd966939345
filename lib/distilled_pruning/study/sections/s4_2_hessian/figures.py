"""The Hessian's diagonal over sparsity, what stands beside it, and its distribution (2503.17905 section 4.2)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common import dots
from ..common.grouping import NEAR, by_place, count_inits, per_init
from ..common.lines import draw_over_sparsity
from ..common.naming import enumerate_values, with_series
from ..common.style import FAINT, NARROW, WIDTH, canvas, describe, empty, fold, grid, legend
from ..common.tickets import EQUAL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PANEL = 2.5
_KINDS = {"": "all entries", "_nonzero": "without exact zeros"}
_STATISTICS = {"std": "standard deviation", "mean_abs": "mean magnitude"}
_SHARPNESS = {
    "sum": "trace",
    "top": "largest eigenvalue",
    "sharpness": "scale-invariant sharpness",
}
_SMALLEST = 1e-5


def hessian(
    frame: pd.DataFrame,
    stamp: str = "",
    papers: Mapping[tuple[str, float], Mapping[str, float]] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Draw deviation and mean magnitude of the diagonal: of all entries, as the paper counts, and without exact zeros.

    The paper's statistics, by method and sparsity, are bars across the rows. Collapsed tickets, which are flat for
    another reason, are left out.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame[~frame["collapsed"].astype(bool)])
    found = per_init(frame, [column + kind for column in _STATISTICS for kind in _KINDS], ["level", "sparsity"])
    places, across = by_place(found), 2 if width > NARROW else 1
    measures = {
        (column, kind): dots.Measure(column + kind, f"{label} (10⁻³)", 1000, 0)
        for column, label in _STATISTICS.items()
        for kind in _KINDS
    }
    down = len(measures) // across
    tall = dots.panel_height(found["series"].nunique())
    with canvas(0.7 + tall * len(places) * down, f"{stamp} · {count_inits(frame)}", width) as figure:
        for panels, place in grid(figure, places, across, down):
            for n, (ax, ((column, kind), measure)) in enumerate(zip(panels, measures.items(), strict=True)):
                theirs = {} if kind else _find_printed(frame, papers or {}, column)
                named = across == 1 or n % 2 == 0
                dots.draw_panel(ax, place.rows, palette, measure, named=named, papers=theirs)
                ax.set_title((f"{place.heading}, " if place.heading else "") + _KINDS[kind], loc="left")
        entries = dots.level_entries(found) + ([dots.bar_entry("the paper's value")] if papers else [])
        legend(figure, 3, entries)
        what = "Dot plots: standard deviation and mean magnitude of the Hessian diagonal."
        dots.describe_means(figure, found, measures["std", ""], what)
    return figure


def _find_printed(
    frame: pd.DataFrame, papers: Mapping[tuple[str, float], Mapping[str, float]], column: str
) -> dict[tuple[str, int], float]:
    """Give the paper's value of a statistic for every series and level nearest to a sparsity that it prints."""
    found: dict[tuple[str, int], float] = {}
    own = frame[frame["setting"].isin(("", EQUAL))]
    for row in own[["method", "series", "level", "sparsity"]].drop_duplicates().to_dict("records"):
        for (method, share), values in papers.items():
            if method == row["method"] and abs(share - float(row["sparsity"])) <= NEAR and column in values:
                found[str(row["series"]), int(row["level"])] = 1000 * values[column]
    return found


def sharpness(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw range, trace, largest eigenvalue and scale-invariant sharpness over sparsity; collapsed tickets left out."""
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    standing = frame[~frame["collapsed"].astype(bool)]
    found = per_init(standing, ["min", "max", *_SHARPNESS], ["level", "sparsity"])
    places, (across, down) = by_place(found), fold(2, width)
    height = 1 + _PANEL * 2 * down * len(places)
    with canvas(height, f"{stamp} · {count_inits(frame)}", width) as figure:
        for (extremes, *others), place in grid(figure, places, across, 2 * down, sharex=True):
            for column in ("min", "max"):
                draw_over_sparsity(extremes, place.rows, column, palette, "smallest and largest entry")
            extremes.axhline(0, color=FAINT, linewidth=0.8)
            for ax, (column, label) in zip(others, _SHARPNESS.items(), strict=True):
                draw_over_sparsity(ax, place.rows, column, palette, label)
                ax.set_ylim(bottom=0)
            extremes.set_title(place.heading, loc="left")
        legend(figure)
        dots.describe_means(figure, found, dots.Measure("sum", "trace"), "Four panels over sparsity.")
    return figure


def histograms(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw the share of entries beyond a size, a row for each sparsity: negative ones left, positive ones right."""
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    beyond = tails(frame)
    share = dict(sorted(dict(zip(frame["level"], frame["sparsity"], strict=True)).items()))
    levels = [level for level in share if level] or [0]
    places = by_place(beyond, frame)
    ends = _SMALLEST, float(beyond[beyond["share"] > 0]["size"].max())
    text = f"{stamp} · mean over n = {frame['init'].nunique()}"
    across, down = fold(2, width)
    share_x: Any = "col" if down == 1 else False
    with canvas(1 + _PANEL * len(places) * len(levels) * down, text, width) as figure:
        for panels, place in grid(figure, places, across, len(levels) * down, sharey=True, sharex=share_x):
            for n, ax in enumerate(panels):
                level, side = levels[n // 2], (-1, 1)[n % 2]
                here = place.rows[place.rows["level"].isin([0, level]) & (place.rows["side"] == side)]
                for name in palette:
                    part = here[here["series"] == name]
                    ax.plot(part["size"], part["share"], color=palette[name], linewidth=1.6, label=name)
                ax.set(xscale="log", yscale="log", ylabel="" if side > 0 and down == 1 else "share of entries beyond")
                ax.tick_params(labelbottom=True)
                ax.set_xlim(*ends if side > 0 else reversed(ends))
                if side < 0:
                    said = f"{percent(float(share[level]))} sparse" if level else "dense"
                    ax.set_title(f"{place.heading}, {said}" if place.heading else said, loc="left")
        last = figure.axes[-2:] if down == 1 else figure.axes
        for ax, sign in zip(last, itertools.cycle(("negative", "positive")), strict=False):
            ax.set_xlabel(f"{sign} entries, |h| above")
        legend(figure)
        negative = 100 * beyond[beyond["side"] < 0].groupby("series", sort=False)["share"].max()
        said = f"Negative at most: {enumerate_values(negative, '{:.2g} %')}."
        describe(figure, "Share of entries beyond a size on logarithmic axes.", said)
    return figure


def tails(frame: pd.DataFrame) -> pd.DataFrame:
    """Share of entries beyond each size, averaged over initialisations.

    Returns:
        Columns dataset, model, series, level, side (-1 or 1), size and share; sizes rise within a series.
    """
    import pandas as pd

    named = ["dataset", "model", "series", "level"]
    inits = frame.groupby(named)["init"].nunique().rename("inits")
    parts = []
    for side, edge in ((-1, "high"), (1, "low")):
        bins = frame[side * frame[edge] >= _SMALLEST]
        bins = bins.assign(size=bins[edge].abs(), side=side)
        total = bins.groupby([*named, "side", "size"], as_index=False)["share"].sum().join(inits, on=named)
        total["share"] = total[::-1].groupby(named)["share"].cumsum() / total["inits"]
        parts.append(total[total["share"] > 0])
    return pd.concat(parts).drop(columns="inits")
