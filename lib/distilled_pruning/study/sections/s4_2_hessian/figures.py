"""The Hessian's diagonal over sparsity, what stands beside it, and its distribution (2503.17905 section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...display import percent
from ..common import names
from ..common.comparison import NEAR
from ..common.dots import Measure, height, keys, panel, seen
from ..common.series import with_series
from ..common.style import FAINT, NARROW, WIDTH, canvas, counted, describe, empty, per_init, settings
from ..common.tickets import EQUAL
from ..common.trends import above, legend, trend

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANEL = 2.5
KINDS = {"": "all entries", "_nonzero": "without exact zeros"}
STATISTICS = {"std": "standard deviation", "mean_abs": "mean magnitude"}
SHARPNESS = {
    "sum": "trace",
    "top": "largest eigenvalue",
    "sharpness": "scale-invariant sharpness",
}
SMALLEST = 1e-5


def rows_of(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """One value for each initialisation, sparsity in per cent; collapsed tickets, flat for another reason, left out."""
    frame = frame[~frame["collapsed"].astype(bool)]
    return per_init(frame, columns, ["level", "sparsity"]).assign(sparsity=lambda f: 100 * f["sparsity"])


def hessian(
    frame: pd.DataFrame,
    stamp: str = "",
    papers: Mapping[tuple[str, float], Mapping[str, float]] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Draw deviation and mean magnitude of the diagonal: of all entries, as the paper counts, and without exact zeros.

    Args:
        frame: As :func:`..analyses.hessian_frame` gives it.
        stamp: Scale, for the foot.
        papers: Method and sparsity to the paper's statistics, drawn as bars across the rows.
        width: In inches; on a phone's, panels stand below each other.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame[~frame["collapsed"].astype(bool)])
    found = per_init(frame, [column + kind for column in STATISTICS for kind in KINDS], ["level", "sparsity"])
    places, across = settings(found), 2 if width > NARROW else 1
    measures = [
        (kind, column, Measure(column + kind, f"{label} (10⁻³)", 1000, 0))
        for column, label in STATISTICS.items()
        for kind in KINDS
    ]
    tall = height(found["series"].nunique())
    with canvas(0.7 + tall * len(places) * len(measures) / across, f"{stamp} · {counted(frame)}", width) as figure:
        axes = figure.subplots(len(places) * len(measures) // across, across, squeeze=False).flatten()
        for index, place in enumerate(places):
            here = found[(found["dataset"] == place[0]) & (found["model"] == place[1])]
            for n, (kind, column, measure) in enumerate(measures):
                ax = axes[index * len(measures) + n]
                theirs = {} if kind else _printed(frame, papers or {}, column)
                panel(ax, here, palette, measure, named=across == 1 or n % 2 == 0, papers=theirs)
                of = f"{names.place(place)}, " if len(places) > 1 else ""
                ax.set_title(of + KINDS[kind], loc="left")
        above(figure, keys(found, bool(papers)), 3)
        seen(figure, found, measures[0][2], "Dot plots: standard deviation and mean magnitude of the Hessian diagonal.")
    return figure


def _printed(
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


def sharpness(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw range, trace, largest eigenvalue and scale-invariant sharpness over sparsity.

    Args:
        frame: As :func:`..analyses.hessian_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    found = rows_of(frame, ["min", "max", *SHARPNESS])
    places = settings(found)
    with canvas(1 + PANEL * 2 * len(places), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(2 * len(places), 2, squeeze=False, sharex=True)
        for index, (dataset, model) in enumerate(places):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            panels = axes[2 * index : 2 * index + 2].flatten()
            for column in ("min", "max"):
                trend(panels[0], here, column, palette, "smallest and largest entry")
            panels[0].axhline(0, color=FAINT, linewidth=0.8)
            for ax, (column, label) in zip(panels[1:], SHARPNESS.items(), strict=True):
                trend(ax, here, column, palette, label)
                ax.set_ylim(bottom=0)
            if len(places) > 1:
                panels[0].set_title(names.place((dataset, model)), loc="left")
        legend(figure, axes[:, 1])
        trace = Measure("sum", "trace")
        seen(figure, found.assign(sparsity=found["sparsity"] / 100), trace, "Four panels over sparsity.")
    return figure


def histograms(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw the share of entries beyond a size, a row for each sparsity: negative ones left, positive ones right.

    Args:
        frame: As :func:`..analyses.histogram_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    beyond = tails(frame)
    levels = sorted(set(frame["level"]) - {0}) or [0]
    rows = [(dataset, model, level) for dataset, model in settings(frame) for level in levels]
    text = f"{stamp} · mean over n = {frame['init'].nunique()}"
    with canvas(1 + PANEL * len(rows), text) as figure:
        axes = figure.subplots(len(rows), 2, squeeze=False, sharey=True, sharex="col")
        for line, (dataset, model, level) in zip(axes, rows, strict=True):
            here = beyond[(beyond["dataset"] == dataset) & (beyond["model"] == model)]
            here = here[here["level"].isin([0, level])]
            share = percent(float(frame[frame["level"] == level]["sparsity"].iloc[0]))
            for ax, side in zip(line, (-1, 1), strict=True):
                for name in palette:
                    part = here[(here["series"] == name) & (here["side"] == side)]
                    ax.plot(part["size"], part["share"], color=palette[name], linewidth=1.6, label=name)
                ax.set(xscale="log", yscale="log", ylabel="" if side > 0 else "share of entries beyond")
                ax.tick_params(labelbottom=True)
                if line[0] is axes[-1, 0]:
                    ax.set_xlabel(f"{'positive' if side > 0 else 'negative'} entries, |h| above")
            place = f"{names.place((dataset, model))}, " if len(settings(frame)) > 1 else ""
            line[0].set_title(f"{place}{share} sparse" if level else f"{place}dense", loc="left")
            line[0].set_xlim(*reversed(ends(beyond)))
            line[1].set_xlim(*ends(beyond))
        legend(figure, axes[:, 0])
        negative = beyond[beyond["side"] < 0].groupby("series", sort=False)["share"].max()
        parts = [f"{name} {100 * value:.2g} %" for name, value in negative.items()]
        describe(
            figure, "Share of entries beyond a size on logarithmic axes.", f"Negative at most: {'; '.join(parts)}."
        )
    return figure


def ends(beyond: pd.DataFrame) -> tuple[float, float]:
    """Sizes to show: from the smallest worth a look to the largest that occurs."""
    return SMALLEST, float(beyond[beyond["share"] > 0]["size"].max())


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
        bins = frame[side * frame[edge] >= SMALLEST]
        bins = bins.assign(size=bins[edge].abs(), side=side)
        total = bins.groupby([*named, "side", "size"], as_index=False)["share"].sum().join(inits, on=named)
        total["share"] = total[::-1].groupby(named)["share"].cumsum() / total["inits"]
        parts.append(total[total["share"] > 0])
    return pd.concat(parts).drop(columns="inits")
