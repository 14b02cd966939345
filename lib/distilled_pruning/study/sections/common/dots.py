"""Dot plots: a row for each way to find masks, a dot for the mean at each sparsity, small dots for initialisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...display import percent
from ...judging.units import number
from ...judging.verdicts import INSTABILITY_THRESHOLD
from .grouping import by_place, error_bar
from .lines import set_ticks
from .style import FAINT, INK, NARROW, PLATE, POINTS, describe, entry

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_ROW, _APART, _APART_NARROW = 0.44, 0.84, 0.6  # on a phone the name of a row stands above its dots
RUNG = 0.27  # inches a row of a ladder needs
_STABLE, _STABLE_INK = "#e6f4ef", "#00664a"


@dataclass(frozen=True)
class Measure:
    """What a panel shows.

    Attributes:
        column: Column of the frame.
        label: Beside the axis.
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


THRESHOLD = 100 * INSTABILITY_THRESHOLD  # of an error rise, in points
RISE = Measure("error_rise", "rise of the error halfway (points)", 100, limit=THRESHOLD)
BARRIER = Measure("barrier", "loss barrier (nats)")
HALFWAY = Measure("error_rise", "error rise halfway (points)", 100)


def panel_height(rows: int) -> float:
    """Inches that so many rows of one panel need."""
    return 0.75 + _ROW * rows


def draw_panel(
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
    apart = _APART_NARROW if narrow else _APART
    for row, name in enumerate(rows):
        here = frame[frame["series"] == name]
        there = sorted(set(here["level"]))
        for level in there:
            y = row + (apart * ((levels.index(level) + 0.5) / len(levels) - 0.5) if len(there) > 1 else 0.0)
            part = here[here["level"] == level]
            values = [measure.factor * float(value) for value in part[measure.column].dropna()]
            if not values:
                continue
            face = palette[name] if level in (0, levels[-1] if levels else 0) else "white"
            each = {"marker": "o", "markersize": 2.6, "alpha": 0.55, "markeredgewidth": 0}
            mean = {"markerfacecolor": face, "markeredgewidth": 1.6, "markersize": 7}
            mark(ax, y, values, palette[name], bar={"linewidth": 2, "solid_capstyle": "butt"}, each=each, mean=mean)
            if papers and (name, level) in papers:
                ax.plot([papers[name, level]], [y], "|", color=INK, markersize=11, markeredgewidth=2, zorder=4)
            if numbers:
                look = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
                text = _write(values, measure.digits)
                ax.annotate(text, (1, y), (4, 0), fontsize=POINTS, color=INK, annotation_clip=False, **look)
        if named and narrow:
            above = ax.text(0.01, row - 0.5, name, transform=ax.get_yaxis_transform(), fontsize=POINTS, va="center")
            above.set(bbox=PLATE, zorder=1.5)  # over lines that cross the panel, below marks
    ax.set_yticks(range(len(rows)), rows if named and not narrow else [""] * len(rows))
    ax.set_ylim(len(rows) - 0.5, -0.75 if narrow else -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(measure.label)
    ax.grid(visible=False, axis="y")
    _show_zero(ax, measure)


def mark(
    ax: Any,
    y: float,
    values: Sequence[float],
    colour: str,
    *,
    bar: Mapping[str, Any],
    each: Mapping[str, Any],
    mean: Mapping[str, Any],
) -> None:
    """Draw on a row the interval, where there are several the initialisations, and their mean, each with its look."""
    ax.plot(error_bar(values), [y, y], color=colour, zorder=2, **bar)
    if len(values) > 1:
        ax.plot(values, [y] * len(values), linestyle="", color=colour, zorder=2, **each)
    ax.plot([sum(values) / len(values)], [y], "o", color=colour, zorder=3, **mean)


def _write(values: Sequence[float], digits: int) -> str:
    """Write a mean with the half-width of its interval."""
    low, high = error_bar(values)
    half = f" ± {number((high - low) / 2, digits)}" if high > low else ""
    return number(sum(values) / len(values), digits) + half


def _show_zero(ax: Any, measure: Measure) -> None:
    """Show zero, and shade what counts as stable."""
    if measure.zero:
        low, high = ax.get_xlim()
        ax.set_xlim(min(low, 0.0), max(high, 0.0))
        ax.axvline(0, color=FAINT, linewidth=0.8, zorder=1)
    if measure.limit is not None:
        low, high = ax.get_xlim()
        left = min(low, -0.04 * (high - low))
        ax.set_xlim(left, high)
        ax.axvspan(left, measure.limit, color=_STABLE, linewidth=0, zorder=0)
        ax.axvline(measure.limit, color=INK, linestyle=":", linewidth=1.3, zorder=1)
        look: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "bottom"}
        at = (measure.limit, 1.0)
        ax.annotate("stable ", at, (-2, 2), ha="right", fontsize=POINTS, color=_STABLE_INK, weight="bold", **look)
        ax.annotate(" unstable", at, (2, 2), ha="left", fontsize=POINTS, color=FAINT, **look)


def draw_ladder(ax: Any, frame: pd.DataFrame, palette: Mapping[str, str], measure: Measure, ticks: int) -> None:
    """Draw one measure where there is little room: narrow rows, levels side by side, a cross for a collapsed ticket.

    Args:
        ax: Axes to draw on.
        frame: One value for each series, level and initialisation, with ``collapsed``.
        palette: Series to colour, in the order of the rows.
        measure: What is drawn; where it has a limit, with that.
        ticks: How many parts the axis has at the most, where there is no limit.
    """
    levels = sorted(set(frame["level"]) - {0})
    rungs = {name: place for place, name in enumerate(palette)}
    stripe(ax, len(rungs))
    for _, part in frame.groupby(["series", "level"]):
        name, level = str(part["series"].iloc[0]), int(part["level"].iloc[0])
        shift = 0.0 if not level else 0.36 * (levels.index(level) + 0.5) / len(levels) - 0.18
        y, colour = rungs[name] + shift, palette[name]
        found = measure.factor * part[measure.column]
        flat = found[part["collapsed"] > 0]
        ax.plot(flat, [y] * len(flat), "x", color=INK, markersize=4.5, zorder=4)
        values = [float(value) for value in found[part["collapsed"] == 0].dropna()]
        if values:
            face = colour if level in (0, levels[-1] if levels else 0) else "white"
            each = {"marker": ".", "markersize": 3, "alpha": 0.6}
            mean = {"markerfacecolor": face, "markersize": 5}
            mark(ax, y, values, colour, bar={"linewidth": 1.4}, each=each, mean=mean)
    ax.margins(x=0.1)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(measure.label)
    if measure.limit is None:
        ax.locator_params(axis="x", nbins=ticks)
    else:
        _show_threshold(ax, measure.limit)


def name_rows(ax: Any, names: Sequence[str]) -> None:
    """Write the names of rows beside an axis, the first on top."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)


def stripe(ax: Any, rows: int) -> None:
    """Shade every other row, so that the eye keeps its own."""
    for place in range(0, rows, 2):
        ax.axhspan(place - 0.5, place + 0.5, color="#f4f4f4", linewidth=0, zorder=0)


def _show_threshold(ax: Any, limit: float) -> None:
    """Draw the threshold of instability; the axis is linear up to it and logarithmic above, so that both sides show."""
    ax.axvline(0, color=FAINT, linewidth=0.8)
    ax.axvline(limit, color=INK, linestyle=":", linewidth=1.1)
    low, high = ax.dataLim.intervalx
    ax.set_xscale("symlog", linthresh=limit, linscale=0.7)
    ax.set_xlim(min(1.3 * low, -limit / 2), max(1.5 * high, 5 * limit))
    set_ticks(ax, [tick for tick in (0, limit, 20) if tick <= ax.get_xlim()[1]])


def level_entries(frame: pd.DataFrame, **look: Any) -> list[Any]:
    """Make legend entries that say which dot is which sparsity."""
    share = {int(n): float(s) for n, s in zip(frame["level"], frame["sparsity"], strict=True) if n}
    look = {"linestyle": "", "marker": "o", "markersize": 7, "markeredgewidth": 1.6, **look}
    most = max(share, default=0)
    faces = {n: FAINT if n == most else "white" for n in share}
    return [entry(f"{percent(s)} sparse", FAINT, markerfacecolor=faces[n], **look) for n, s in sorted(share.items())]


def bar_entry(name: str, width: float = 2) -> Any:
    """Make the legend entry of a bar across a row: a value that others published."""
    return entry(name, INK, linestyle="", marker="|", markersize=11, markeredgewidth=width)


def describe_means(figure: Figure, frame: pd.DataFrame, measure: Measure, what: str) -> None:
    """Describe a figure by the means of a measure."""
    said = [what]
    for place in by_place(frame):
        parts = []
        for (series, sparsity), part in place.rows.groupby(["series", "sparsity"], sort=False):
            at = f" at {percent(float(str(sparsity)))}" if sparsity else ""
            parts.append(f"{series}{at} {number(measure.factor * float(part[measure.column].mean()), measure.digits)}")
        said.append(f"{place.name}, mean {measure.label}: {'; '.join(parts)}.")
    describe(figure, *said)


def ladder_entries(frame: pd.DataFrame) -> list[Any]:
    """Make legend entries of ladders: which mark is which level, what a cross is, and what the line."""
    entries = level_entries(frame, markersize=5, markeredgewidth=1)
    if (frame["collapsed"] > 0).any():
        entries.append(entry("collapsed", INK, linestyle="", marker="x", markersize=4.5))
    return [*entries, entry("threshold of instability", INK, linestyle=":", linewidth=1.1)]
