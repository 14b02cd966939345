"""Names and colours of ways to find masks that differ in more than method: in where they start, in the size of set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common.style import COLOURS, DARKER, NAMES, darker, student

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

EARLY, COMBINED = "#cc79a7", "#009e73"
MARKERS = ("o", "s", "^", "D", "v", "P")
NUDGE = 0.012


def with_ways(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Add the column ``series``: how a mask was found, and whatever tells it from others found by the same method.

    Args:
        frame: Rows with ``method``, ``rate``, ``setting``, ``rewind`` and perhaps ``ipc``.

    Returns:
        The frame, and series to colour in the order of the rows; smaller sets and later rates of a method are darker.
    """
    frame = frame if "ipc" in frame else frame.assign(ipc=0)
    rates = frame.groupby("method")["rate"].nunique()
    combined = frame.loc[frame["method"] == "combined", "sparsity"]
    share = percent(float(combined.min())) if len(combined) else ""
    rows = list(zip(*(frame[name] for name in ("method", "rewind", "ipc", "rate")), strict=True))
    settings = dict(zip(rows, frame["setting"], strict=True))
    variants: dict[str, list[Any]] = {}
    for method, epoch, ipc, rate in sorted(dict.fromkeys(rows), key=lambda row: -row[2]):
        if not epoch:
            variants.setdefault(method, []).append((ipc, rate))
    palette: dict[str, str] = {}
    named: dict[tuple[Any, ...], str] = {}
    for method, epoch, ipc, rate in dict.fromkeys(rows):
        name = f"Distilled to {share}, then IMP" if method == "combined" else NAMES[method]
        name += f" from epoch {epoch}" if epoch else ""
        name += f", {ipc} image{'s' if ipc > 1 else ''} per class" if ipc else ""
        name += f", {settings[method, epoch, ipc, rate] or 'rate'} ({rate:g})" if rates[method] > 1 else ""
        named[method, epoch, ipc, rate] = name
        step = 0 if epoch else variants[method].index((ipc, rate))
        colour = COMBINED if method == "combined" else EARLY if epoch else COLOURS[method]
        palette.setdefault(name, darker(colour, min(DARKER * step, 0.75)) if step else colour)
    return frame.assign(series=[named[row] for row in rows]), palette


def course(
    ax: Any, frame: pd.DataFrame, palette: Mapping[str, str], column: str = "accuracy", factor: float = 100
) -> None:
    """Draw a column over the weights left, logarithmic, so that levels stand at equal distances.

    Args:
        ax: Axes to draw on.
        frame: One value for each series, initialisation and level.
        palette: Series to colour.
        column: What to draw.
        factor: Its unit.
    """
    for place, (name, colour) in enumerate(palette.items()):
        part = frame[(frame["series"] == name) & (frame["level"] > 0)]
        if part.empty:
            continue
        groups = [
            (100 * (1 - float(p["sparsity"].iloc[0])), list(factor * p[column])) for _, p in part.groupby("level")
        ]
        nudged = [left * (1 + NUDGE * (place - (len(palette) - 1) / 2)) for left, _ in groups]
        means = [sum(values) / len(values) for _, values in groups]
        marker = MARKERS[place % len(MARKERS)]
        ax.plot(nudged, means, marker=marker, color=colour, linewidth=1.6, markersize=4.5, label=name)
        for x, (_, values) in zip(nudged, groups, strict=True):
            ax.plot((x, x), student(values), color=colour, linewidth=1.0, alpha=0.75)


def weights_left(ax: Any, least: float) -> None:
    """Label the logarithmic axis of the weights left, from all to the fewest drawn."""
    ax.set_xscale("log")
    ax.set_xlim(112, least / 1.12)
    wanted = (100, 50, 20, 10, 5, 2, 1) if least > 1 else (100, 10, 1, 0.1)
    ticks = [tick for tick in wanted if tick >= least / 1.12]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("weights left (%)")
