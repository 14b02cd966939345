"""Accuracy against stability, both over IMP's, with the compression of the data as size (2503.17905 Fig. 6)."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from ...display import percent
from ...jobs.ways import colour
from ..common.grouping import count_inits, error_bar
from ..common.naming import DISTINCT, with_series
from ..common.style import FAINT, INK, NARROW, WIDTH, canvas, describe, empty, entry
from ..common.tables import write_count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MARKERS = ("o", "D", "s", "^", "v", "P", "X")
_COLUMNS = {18: 3, 34: 2, math.inf: 1}  # longest name in characters, to how many stand side by side
_ENTRY = 0.2  # inches
_SMALLEST, _TENFOLD = 28.0, 62.0  # points squared: the area at no compression, and what every factor of ten adds
_RATIOS = ["barrier_ratio", "accuracy_ratio"]


def _name_sets(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
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
    return frame, dict(zip(names, itertools.cycle((colour("distilled"), *DISTINCT)), strict=False))


def area(compression: float) -> float:
    """Size of a marker in points squared; it grows with the logarithm of the compression."""
    return _SMALLEST + _TENFOLD * math.log10(max(compression, 1.0))


def fig6(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw accuracy over IMP's against barrier over IMP's: a series for each set, a marker for each sparsity.

    A dotted line joins the sparsities of a series. IMP stands at (1, 1) with the interval of its own barriers, by whose
    mean all are divided; collapsed tickets are left out.
    """
    if frame.empty:
        return empty(stamp)
    kept, palette = _name_sets(frame[~frame["collapsed"].astype(bool)])
    kept = kept.dropna(subset=_RATIOS)
    distilled = kept[kept["method"] == "distilled"]
    sets = {str(name): part for name, part in distilled.groupby("series", sort=False)}
    if not sets:
        return empty(stamp)
    shares = dict(sorted(set(zip(kept["level"], kept["sparsity"], strict=True))))
    levels = dict(zip(shares, _MARKERS, strict=False))
    columns = next(count for most, count in _COLUMNS.items() if max(map(len, sets)) <= most * width / WIDTH)
    rows = -(-(1 + len(sets) + len(shares)) // columns)
    height = (4.3 if width > NARROW else 3.2) + _ENTRY * rows
    with canvas(height, f"{stamp} · {count_inits(kept, 'ipc')}", width) as figure:
        ax = figure.subplots()
        ax.axhline(1, color=FAINT, linewidth=0.8, zorder=0.5)
        ax.axvline(1, color=FAINT, linewidth=0.8, zorder=0.5)
        for name, part in sets.items():
            there = _draw_tickets(ax, part, levels, palette[name])
            ax.plot(*zip(*there, strict=True), color=palette[name], linestyle=":", linewidth=1.4, zorder=2)
        for _, imp in kept[kept["method"] == "imp"].groupby(["dataset", "model"]):
            _draw_tickets(ax, imp, levels, colour("imp"))
        ax.set(xlabel="← more stable    loss barrier over IMP's", ylabel="test accuracy over IMP's    more accurate →")
        ax.margins(0.09)
        entries = [_make_entry("IMP (1×)", "o", colour("imp"), area(1))]
        for name, part in sets.items():
            times = float(part["compression"].iloc[0])
            entries.append(_make_entry(f"{name} ({write_count(times)}×)", "o", palette[name], area(times)))
        entries += [_make_entry(f"{percent(shares[level])} sparse", marker, INK) for level, marker in levels.items()]
        figure.legend(handles=entries, loc="outside upper center", ncols=columns)
        means = distilled.groupby(["series", "sparsity"], sort=False)[_RATIOS].mean()
        parts = [
            f"{row['series']} at {percent(row['sparsity'])}: barrier {row['barrier_ratio']:.2f}, "
            f"accuracy {row['accuracy_ratio']:.2f}"
            for row in means.reset_index().to_dict("records")
        ]
        describe(figure, "Accuracy over IMP's against barrier over IMP's.", f"{'; '.join(parts)}.")
    return figure


def _draw_tickets(ax: Any, frame: pd.DataFrame, levels: dict[int, str], shade: str) -> list[tuple[float, float]]:
    """Draw the ticket of each level with its intervals over initialisations, and give where those are that exist."""
    places = []
    for level, marker in levels.items():
        here = frame[frame["level"] == level]
        if here.empty:
            continue
        means = here.groupby("init")[_RATIOS].mean()
        x, y = (float(means[column].mean()) for column in means)
        (left, right), (low, high) = (error_bar(means[column]) for column in means)
        errors = {"xerr": [[x - left], [right - x]], "yerr": [[y - low], [high - y]]}
        ax.errorbar(x, y, **errors, color=shade, linewidth=1.1, alpha=0.7, zorder=1)
        size = area(float(here["compression"].iloc[0]))
        ax.scatter(x, y, s=size, marker=marker, color=shade, edgecolors="white", linewidths=0.7, zorder=3)
        places.append((x, y))
    return places


def _make_entry(name: str, marker: str, shade: str, size: float = _SMALLEST) -> Any:
    return entry(name, shade, linestyle="", marker=marker, markersize=math.sqrt(size))
