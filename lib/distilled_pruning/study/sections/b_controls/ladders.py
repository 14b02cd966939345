"""Ladders: a rung for each way to find masks, a column for each measure, a mark for each mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...display import percent
from ...judging.verdicts import INSTABILITY_THRESHOLD
from ..common.style import FAINT, INK, student

if TYPE_CHECKING:
    import pandas as pd

ROW, HEAD = 0.27, 0.75
COLUMNS = {
    "barrier": (1, "loss barrier\n(nats)"),
    "error_rise": (100, "error rise\n(points)"),
    "accuracy": (100, "test accuracy\n(%)"),
    "end_loss": (1, "loss at the ends\n(nats)"),
}


def ladder(ax: Any, frame: pd.DataFrame, palette: dict[str, str]) -> None:
    """Draw one measure: a mean with its interval on the rung of each series, levels side by side."""
    levels = sorted(set(frame["level"]) - {0})
    rungs = {name: place for place, name in enumerate(palette)}
    for place in range(0, len(rungs), 2):  # a zebra, so that the eye keeps its row
        ax.axhspan(place - 0.5, place + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    for _, part in frame.groupby(["series", "level"]):
        name, level = str(part["series"].iloc[0]), int(part["level"].iloc[0])
        shift = 0.0 if not level else 0.36 * (levels.index(level) + 0.5) / len(levels) - 0.18
        y, colour = rungs[name] + shift, palette[name]
        solid = level in (0, levels[-1] if levels else 0)
        flat = part[part["collapsed"] > 0]
        ax.plot(flat["value"], [y] * len(flat), "x", color=INK, markersize=4.5, zorder=4)
        values = [float(value) for value in part[part["collapsed"] == 0]["value"].dropna()]
        if not values:
            continue
        mean = sum(values) / len(values)
        ax.plot(student(values), [y, y], color=colour, linewidth=1.4, zorder=2)
        if len(values) > 1:
            ax.plot(values, [y] * len(values), ".", color=colour, markersize=3, alpha=0.6, zorder=2)
        ax.plot([mean], [y], "o", color=colour, markerfacecolor=colour if solid else "white", markersize=5, zorder=3)
    ax.margins(x=0.1)
    ax.grid(visible=False, axis="y")


def threshold(ax: Any) -> None:
    """Draw the threshold of instability; the axis is linear up to it and logarithmic above, so that both sides show."""
    limit = 100 * INSTABILITY_THRESHOLD
    ax.axvline(0, color=FAINT, linewidth=0.8)
    ax.axvline(limit, color=INK, linestyle=":", linewidth=1.1)
    low, high = ax.dataLim.intervalx
    ax.set_xscale("symlog", linthresh=limit, linscale=0.7)
    ax.set_xlim(min(1.3 * low, -limit / 2), max(1.5 * high, 5 * limit))
    ticks = [tick for tick in (0, limit, 20) if tick <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def keys(frame: pd.DataFrame) -> list[Any]:
    """Legend: which mark is which level, and what a cross is."""
    from matplotlib.lines import Line2D

    share = {int(n): float(s) for n, s in zip(frame["level"], frame["sparsity"], strict=True) if n}
    look: dict[str, Any] = {"color": FAINT, "linestyle": "", "marker": "o", "markersize": 5}
    marks = [
        Line2D([], [], **look, markerfacecolor=FAINT if n == max(share) else "white", label=f"{percent(s)} sparse")
        for n, s in sorted(share.items())
    ]
    if (frame["collapsed"] > 0).any():
        marks.append(Line2D([], [], color=INK, linestyle="", marker="x", markersize=4.5, label="collapsed"))
    return [*marks, Line2D([], [], color=INK, linestyle=":", linewidth=1.1, label="threshold of instability")]
