"""What the way of measuring does to a barrier (beyond the papers)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .controls import COLUMNS, ROW, ladder, threshold, with_rows
from .style import FAINT, canvas, counted, empty, lighter, per_init, settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def protocols(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw the error rise measured in every way: a rung for each ticket and way, a dot for each initialisation.

    Args:
        frame: As :func:`..protocols.protocol_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, tickets = with_rows(frame)
    ways = list(dict.fromkeys(frame["protocol"]))
    rungs = [(name, way) for name in tickets for way in ways if len(pick(frame, name, way))]
    palette = {f"{name}: {way}": lighter(tickets[name], 0.5 * bool(ways.index(way))) for name, way in rungs}
    frame = frame.assign(series=frame["series"] + ": " + frame["protocol"])
    places = settings(frame)
    found = per_init(frame, ["error_rise", "barrier", "accuracy", "collapsed"], ["level", "sparsity", "method"])
    with canvas(0.6 + (0.6 + ROW * len(palette)) * len(places), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(len(places), 3, squeeze=False, sharey=True)
        for line, (dataset, model) in zip(axes, places, strict=True):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            for ax, column in zip(line, ("barrier", "error_rise", "accuracy"), strict=True):
                factor, label = COLUMNS[column]
                ladder(ax, here.assign(value=factor * here[column]), palette)
                ax.set_xlabel(label)
                ax.locator_params(axis="x", nbins=4)
            line[0].axvline(0, color=FAINT, linewidth=0.8)
            threshold(line[1])
            line[0].set_yticks(range(len(palette)), list(palette))
            line[0].set_ylim(len(palette) - 0.5, -0.5)
            if len(places) > 1:
                line[0].set_title(f"{model} on {dataset}", loc="left")
    return figure


def pick(frame: pd.DataFrame, name: str, way: str) -> Sequence[Any]:
    """Rows of a ticket measured in one way."""
    return frame[(frame["series"] == name) & (frame["protocol"] == way)]["key"].tolist()
