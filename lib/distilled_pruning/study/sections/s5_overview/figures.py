"""Accuracy against stability, both over IMP's, with the compression of the data as size (2503.17905 Fig. 6)."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common.series import DISTINCT, with_series
from ..common.style import COLOURS, FAINT, INK, canvas, counted, describe, empty, student

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MARKERS = ("o", "D", "s", "^", "v", "P", "X")
COLUMNS = {18: 3, 34: 2, math.inf: 1}  # longest name in characters, to how many stand side by side
ENTRY = 0.2  # inches
SMALLEST, TENFOLD = 28.0, 62.0  # points squared: the area at no compression, and what every factor of ten adds


def _placed(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Name the series, each with its network and dataset where there are several, and give each a colour.

    Series of several places are as many as there are sets and places, too many for one rule of colours.
    """
    frame, palette = with_series(frame)
    several = [column for column in ("model", "dataset") if frame[column].nunique() > 1]
    if not several:
        return frame, palette
    places = [" on ".join(str(row[name]) for name in several) for row in frame[several].to_dict("records")]
    frame = frame.assign(series=[f"{place}: {name}" for place, name in zip(places, frame["series"], strict=True)])
    names = dict.fromkeys(frame.loc[frame["method"] == "distilled", "series"])
    return frame, dict(zip(names, itertools.cycle((COLOURS["distilled"], *DISTINCT)), strict=False))


def area(compression: float) -> float:
    """Size of a marker in points squared; it grows with the logarithm of the compression."""
    return SMALLEST + TENFOLD * math.log10(max(compression, 1.0))


def fig6(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw accuracy over IMP's against barrier over IMP's: a series for each set, a marker for each sparsity.

    A dotted line joins the sparsities of a series. IMP stands at (1, 1) with the interval of its own barriers, by whose
    mean all are divided; collapsed tickets are left out.

    Args:
        frame: As :func:`..overview.overview_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    kept, palette = _placed(frame[~frame["collapsed"].astype(bool)])
    kept = kept.dropna(subset=["accuracy_ratio", "barrier_ratio"])
    distilled = kept[kept["method"] == "distilled"]
    names = list(dict.fromkeys(distilled["series"]))
    if not names:
        return empty(stamp)
    palette = {name: palette[name] for name in names}
    levels = dict(sorted(dict(zip(kept["level"], kept["sparsity"], strict=True)).items()))
    columns = next(count for most, count in COLUMNS.items() if max(map(len, names)) <= most)
    rows = -(-(1 + len(names) + len(levels)) // columns)
    with canvas(4.3 + ENTRY * rows, f"{stamp} · {counted(kept, 'ipc')}") as figure:
        ax = figure.subplots()
        ax.axhline(1, color=FAINT, linewidth=0.8, zorder=0.5)
        ax.axvline(1, color=FAINT, linewidth=0.8, zorder=0.5)
        for name in names:
            part = distilled[distilled["series"] == name]
            places = [
                spot(ax, part, level, marker, palette[name]) for level, marker in zip(levels, MARKERS, strict=False)
            ]
            there = [place for place in places if place is not None]
            ax.plot(*zip(*there, strict=True), color=palette[name], linestyle=":", linewidth=1.4, zorder=2)
        for _, imp in kept[kept["method"] == "imp"].groupby(["dataset", "model"]):
            for level, marker in zip(levels, MARKERS, strict=False):
                spot(ax, imp, level, marker, COLOURS["imp"])
        ax.set(xlabel="← more stable    loss barrier over IMP's", ylabel="test accuracy over IMP's    more accurate →")
        ax.margins(0.09)
        entries = handles(
            palette, {name: float(distilled[distilled["series"] == name]["compression"].iloc[0]) for name in names}
        )
        entries += [
            marked(f"{percent(share)} sparse", marker, INK)
            for share, marker in zip(levels.values(), MARKERS, strict=False)
        ]
        figure.legend(handles=entries, loc="outside upper center", ncols=columns)
        means = distilled.groupby(["series", "sparsity"], sort=False)[["barrier_ratio", "accuracy_ratio"]].mean()
        parts = [
            f"{row['series']} at {percent(row['sparsity'])}: barrier {row['barrier_ratio']:.2f}, "
            f"accuracy {row['accuracy_ratio']:.2f}"
            for row in means.reset_index().to_dict("records")
        ]
        describe(figure, "Accuracy over IMP's against barrier over IMP's.", f"{'; '.join(parts)}.")
    return figure


def spot(ax: Any, frame: pd.DataFrame, level: int, marker: str, colour: Any) -> tuple[float, float] | None:
    """Draw one ticket with its intervals over initialisations; give its place, or ``None`` where there is none."""
    here = frame[frame["level"] == level]
    if here.empty:
        return None
    means = here.groupby("init")[["barrier_ratio", "accuracy_ratio"]].mean()
    x, y = (float(means[column].mean()) for column in means)
    bars = [student(list(means[column])) for column in means]
    (left, right), (low, high) = bars
    ax.errorbar(
        x,
        y,
        xerr=[[x - left], [right - x]],
        yerr=[[y - low], [high - y]],
        color=colour,
        linewidth=1.1,
        alpha=0.7,
        zorder=1,
    )
    size = area(float(here["compression"].iloc[0]))
    ax.scatter(x, y, s=size, marker=marker, color=colour, edgecolors="white", linewidths=0.7, zorder=3)
    return x, y


def handles(palette: dict[str, Any], compression: dict[str, float]) -> list[Any]:
    """Legend entries: IMP, and each series with its compression in its size."""
    times = {name: f"{value:,.0f}".replace(",", "\u202f") for name, value in compression.items()}
    sized = [
        marked(f"{name} ({times[name]}×)", "o", colour, area(compression[name])) for name, colour in palette.items()
    ]
    return [marked("IMP (1×)", "o", COLOURS["imp"], area(1)), *sized]


def marked(label: str, marker: str, colour: Any, size: float = SMALLEST) -> Any:
    """One legend entry."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, linestyle="", marker=marker, markersize=math.sqrt(size), label=label)
