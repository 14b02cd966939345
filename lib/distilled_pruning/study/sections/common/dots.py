"""Dot plots: a row for each way to find masks, a dot for the mean at each sparsity, small dots for initialisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...display import percent
from ...judging.units import number
from . import names
from .style import FAINT, INK, NARROW, POINTS, describe, student

if TYPE_CHECKING:
    import pandas as pd

ROW, APART = 0.44, 0.84
STABLE, STABLE_INK = "#e6f4ef", "#00664a"


@dataclass(frozen=True)
class Measure:
    """What a column of panels shows.

    Attributes:
        column: Column of the frame.
        label: Below the axis.
        factor: From the column to what is drawn.
        digits: Decimals beside a row.
        limit: Value below which the axis is shaded as stable; ``None`` for none.
        zero: Whether the axis must show 0.
    """

    column: str
    label: str
    factor: float = 1.0
    digits: int = 1
    limit: float | None = None
    zero: bool = True


def height(rows: int) -> float:
    """Inches that so many rows of one panel need."""
    return 0.75 + ROW * rows


def panel(
    ax: Any,
    frame: pd.DataFrame,
    palette: Mapping[str, str],
    measure: Measure,
    *,
    named: bool = True,
    numbers: bool = True,
    every: bool = False,
    papers: Mapping[tuple[str, int], float] | None = None,
) -> None:
    """Draw one measure of one dataset and network.

    The sparsest level is a filled dot, others are hollow and stand above it; bars are 95 % intervals over
    initialisations, the small dots.

    Args:
        ax: Axes to draw on.
        frame: One value for each series, level and initialisation.
        palette: Series to colour, in the order of the rows.
        measure: What is drawn.
        named: Write the names of the rows, beside the axis or, on a phone's width, above each row.
        numbers: Write mean and half-width of the interval beside each dot.
        every: Keep a row for every series of the palette, so that the rows of several panels lie side by side.
        papers: Series and level to the paper's value, drawn as a bar across the row.
    """
    rows = [name for name in palette if every or name in set(frame["series"])]
    levels = sorted(set(frame["level"]) - {0})
    narrow = ax.figure.get_figwidth() <= NARROW
    for row, name in enumerate(rows):
        here = frame[frame["series"] == name]
        there = sorted(set(here["level"]))
        for level in there:
            y = row + (APART * ((levels.index(level) + 0.5) / len(levels) - 0.5) if len(there) > 1 else 0.0)
            part = here[here["level"] == level]
            values = [measure.factor * float(value) for value in part[measure.column].dropna()]
            if not values:
                continue
            solid = level in (0, levels[-1] if levels else 0)
            _dot(ax, y, values, palette[name], solid)
            if papers and (name, level) in papers:
                ax.plot([papers[name, level]], [y], "|", color=INK, markersize=11, markeredgewidth=2, zorder=4)
            if numbers:
                ax.annotate(
                    _written(values, measure.digits),
                    (1, y),
                    (4, 0),
                    xycoords=("axes fraction", "data"),
                    textcoords="offset points",
                    va="center",
                    fontsize=POINTS,
                    color=INK,
                    annotation_clip=False,
                )
        if named and narrow:
            ax.text(0.01, row - 0.46, name, transform=ax.get_yaxis_transform(), fontsize=POINTS, va="center")
    ax.set_yticks(range(len(rows)), rows if named and not narrow else [""] * len(rows))
    ax.set_ylim(len(rows) - 0.5, -0.75 if narrow else -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(measure.label)
    ax.grid(visible=False, axis="y")
    _zero(ax, measure)


def _dot(ax: Any, y: float, values: Sequence[float], colour: str, solid: bool) -> None:
    """Draw mean, interval and initialisations on a row."""
    ax.plot(student(values), [y, y], color=colour, linewidth=2, zorder=2, solid_capstyle="butt")
    if len(values) > 1:
        ax.plot(values, [y] * len(values), "o", color=colour, markersize=2.6, alpha=0.55, zorder=2, markeredgewidth=0)
    mean = sum(values) / len(values)
    face = colour if solid else "white"
    ax.plot([mean], [y], "o", color=colour, markerfacecolor=face, markeredgewidth=1.6, markersize=7, zorder=3)


def _written(values: Sequence[float], digits: int) -> str:
    """Write a mean with the half-width of its interval."""
    low, high = student(values)
    half = f" ± {number((high - low) / 2, digits)}" if high > low else ""
    return number(sum(values) / len(values), digits) + half


def _zero(ax: Any, measure: Measure) -> None:
    """Show zero, and shade what counts as stable."""
    if measure.zero:
        low, high = ax.get_xlim()
        ax.set_xlim(min(low, 0.0), max(high, 0.0))
        ax.axvline(0, color=FAINT, linewidth=0.8, zorder=1)
    if measure.limit is not None:
        low, high = ax.get_xlim()
        left = min(low, -0.04 * (high - low))
        ax.set_xlim(left, high)
        ax.axvspan(left, measure.limit, color=STABLE, linewidth=0, zorder=0)
        ax.axvline(measure.limit, color=INK, linestyle=":", linewidth=1.3, zorder=1)
        look: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "bottom"}
        at = (measure.limit, 1.0)
        ax.annotate("stable ", at, (-2, 2), ha="right", fontsize=POINTS, color=STABLE_INK, weight="bold", **look)
        ax.annotate(" unstable", at, (2, 2), ha="left", fontsize=POINTS, color=FAINT, **look)


def keys(frame: pd.DataFrame, papers: bool = False) -> list[Any]:
    """Legend: which dot is which sparsity, and what a bar across is."""
    from matplotlib.lines import Line2D

    share = {int(n): float(s) for n, s in zip(frame["level"], frame["sparsity"], strict=True) if n}
    look: dict[str, Any] = {"color": FAINT, "linestyle": "", "marker": "o", "markersize": 7, "markeredgewidth": 1.6}
    most = max(share, default=0)
    marks = [
        Line2D([], [], **look, markerfacecolor=FAINT if n == most else "white", label=f"{percent(s)} sparse")
        for n, s in sorted(share.items())
    ]
    if papers:
        bar: dict[str, Any] = {"color": INK, "linestyle": "", "marker": "|", "markersize": 11, "markeredgewidth": 2}
        marks.append(Line2D([], [], **bar, label="the paper's value"))
    return marks


def seen(figure: Any, frame: pd.DataFrame, measure: Measure, what: str) -> None:
    """Describe a dot plot by its means."""
    said = [what]
    for (dataset, model), rows in frame.groupby(["dataset", "model"], sort=False):
        parts = []
        for (series, sparsity), part in rows.groupby(["series", "sparsity"], sort=False):
            at = f" at {percent(float(str(sparsity)))}" if sparsity else ""
            parts.append(f"{series}{at} {number(measure.factor * float(part[measure.column].mean()), measure.digits)}")
        said.append(f"{names.place((dataset, model))}, mean {measure.label}: {'; '.join(parts)}.")
    describe(figure, *said)
