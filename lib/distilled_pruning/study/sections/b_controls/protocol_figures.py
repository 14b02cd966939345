"""What the way of measuring, and the way initial weights are drawn, do to a barrier (beyond the papers)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..common import names
from ..common.dots import seen
from ..common.series import shades, with_series
from ..common.style import FAINT, canvas, counted, empty, per_init, settings
from ..s4_stability.figures import RISE
from .ladders import COLUMNS, ROW, ladder, threshold

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


STARTS = {"default": "the papers'", "kaiming": "Kaiming", "xavier": "Xavier"}


def protocols(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw stability and accuracy of every ticket measured in every way; the first way has the full colour.

    Args:
        frame: As :func:`..protocols.protocol_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    return rungs(frame, "protocol", stamp)


def starts(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw stability and accuracy of every ticket from every kind of initial weights.

    Args:
        frame: As :func:`..starts.start_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if not frame.empty:
        frame = frame.assign(start=[STARTS[name] for name in frame["start"]])
    return rungs(frame, "start", stamp)


def rungs(frame: pd.DataFrame, way: str, stamp: str) -> Figure:
    """Draw a rung for each ticket and value of a column, a dot for each initialisation, and all four measures."""
    if frame.empty:
        return empty(stamp)
    frame, tickets = with_series(frame, brief=True)
    ways = list(dict.fromkeys(frame[way]))
    found = [(name, value) for name in tickets for value in ways if len(pick(frame, name, way, value))]
    palette = {f"{name}: {value}": shades(tickets[name], len(ways))[ways.index(value)] for name, value in found}
    frame = frame.assign(series=frame["series"] + ": " + frame[way])
    places = settings(frame)
    means = per_init(frame, [*COLUMNS, "collapsed"], ["level", "sparsity", "method"])
    with canvas(0.6 + (0.6 + ROW * len(palette)) * len(places), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(len(places), len(COLUMNS), squeeze=False, sharey=True)
        for line, (dataset, model) in zip(axes, places, strict=True):
            here = means[(means["dataset"] == dataset) & (means["model"] == model)]
            for ax, (column, (factor, label)) in zip(line, COLUMNS.items(), strict=True):
                ladder(ax, here.assign(value=factor * here[column]), palette)
                ax.set_xlabel(label)
                ax.locator_params(axis="x", nbins=2)
            line[0].axvline(0, color=FAINT, linewidth=0.8)
            threshold(line[1])
            line[0].set_yticks(range(len(palette)), list(palette))
            line[0].set_ylim(len(palette) - 0.5, -0.5)
            if len(places) > 1:
                line[0].set_title(names.place((dataset, model)), loc="left")
        seen(figure, means, RISE, "Dots with intervals, a row for each subnetwork and way.")
    return figure


def pick(frame: pd.DataFrame, name: str, way: str, value: str) -> Sequence[Any]:
    """Rows of a ticket under one value of a column."""
    return frame[(frame["series"] == name) & (frame[way] == value)]["key"].tolist()
