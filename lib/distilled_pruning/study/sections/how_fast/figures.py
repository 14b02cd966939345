"""How many times faster the library is than what it is set against."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..common.style import INK, NARROW, PLATE, WIDTH, canvas, empty, entry, legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {
    "training": "#0072b2",
    "hessian": "#d55e00",
    "lines": "#009e73",
    "planes": "#cc79a7",
    "pooling": "#7b3294",
}
_ROW, _TALL, _HEAD = 0.19, 0.42, 1.0


def speed(rows: Sequence[Mapping[str, Any]], stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw a row for each comparison: the median ratio, and a bar from the least to the greatest of the rounds.

    Args:
        rows: With ``what``, ``theme``, ``median``, ``least`` and ``greatest``; above 1 ours is faster.
        stamp: Machine, for the foot.
        width: In inches; on a phone's the names stand above their rows.
    """
    if not rows:
        return empty(stamp)
    narrow = width <= NARROW
    with canvas(_HEAD + (_TALL if narrow else _ROW) * len(rows), stamp, width) as figure:
        ax = figure.subplots()
        for place, row in enumerate(rows):
            colour = _COLOURS[row["theme"]]
            ax.plot([row["least"], row["greatest"]], [place, place], color=colour, linewidth=1.6)
            ax.plot([row["median"]], [place], "o", color=colour, markersize=4.5)
        ax.axvline(1, color=INK, linestyle=":", linewidth=1.2, zorder=1)
        ax.set_xscale("log")
        ax.set_xlabel("times faster (left of the line: slower)")
        names = [row["what"] for row in rows]
        ax.set_yticks(range(len(rows)), [""] * len(rows) if narrow else names, fontsize=6.5)
        for place, name in enumerate(names if narrow else ()):
            text, across = textwrap.fill(name, 48), ax.get_yaxis_transform()
            above = ax.text(0.01, place - 0.15, text, transform=across, va="bottom", fontsize=8, linespacing=1.05)
            above.set(bbox=PLATE, zorder=1.5)
        ax.set_ylim(len(rows) - 0.5, -0.9 if narrow else -0.5)
        ax.grid(visible=True, axis="x")
        shown = [theme for theme in _COLOURS if any(row["theme"] == theme for row in rows)]
        handles = [entry(theme, _COLOURS[theme], marker="o", markersize=4.5, linewidth=1.6) for theme in shown]
        legend(figure, len(handles), handles)
    return figure
