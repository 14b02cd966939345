"""A measure over the weights left, a line for each way to find masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..common.style import student

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

MARKERS = ("o", "s", "^", "D", "v", "P")
NUDGE = 0.012


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
