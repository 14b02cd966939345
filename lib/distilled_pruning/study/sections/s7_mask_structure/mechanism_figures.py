"""Which weights carry the curvature (2503.17905 sections 4 and 7)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..common import names
from ..common.style import COLOURS, FAINT, canvas, counted, describe, empty, settings, student

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KEPT_BY = ("both", "IMP alone", "distilled alone", "neither")
MARKS = {"both": ("#2b2b2b", "s"), "IMP alone": (COLOURS["imp"], "o"), "distilled alone": (COLOURS["distilled"], "D")}
ROW = 0.3


def membership(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw the mean magnitude of the Hessian's diagonal by who keeps the weights, a panel for each network.

    Means and intervals over initialisations are those of its logarithm.

    Args:
        frame: As :func:`..mechanism.membership_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    if frame.empty:
        return empty(stamp)
    places, networks = settings(frame), list(dict.fromkeys(frame["network"]))
    levels = sorted(set(frame["level"]))
    lines = [(level, group) for level in levels for group in KEPT_BY]
    height = 1.1 + (ROW * len(lines) + 0.9) * len(places)
    with canvas(height, f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(len(places), len(networks), squeeze=False, sharex=True, sharey=True)
        for line, (dataset, model) in zip(axes, places, strict=True):
            here = frame[(frame["dataset"] == dataset) & (frame["model"] == model)]
            for ax, network in zip(line, networks, strict=True):
                part = here[here["network"] == network]
                for y, (level, group) in enumerate(lines):
                    values = part[(part["level"] == level) & (part["kept_by"] == group)]["mean_abs"].dropna()
                    if values.empty:
                        continue
                    colour, marker = MARKS.get(group, (FAINT, "x"))
                    ax.plot(values, [y] * len(values), ".", color=colour, alpha=0.4, markersize=5)
                    logs = [math.log(value) for value in values]
                    ax.plot([math.exp(end) for end in student(logs)], [y, y], color=colour, linewidth=1.4)
                    ax.plot(math.exp(sum(logs) / len(logs)), y, marker, color=colour, markersize=6)
                ax.set_xscale("log")
                ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                ax.xaxis.set_major_formatter("{x:g}")
                ax.xaxis.set_minor_formatter(NullFormatter())
                place = f"{names.place((dataset, model))}\n" if len(places) > 1 and ax is line[0] else ""
                ax.set(xlabel="mean magnitude of the diagonal", title=f"{place}{network} network")
                ax.set_yticks(range(len(lines)), [_name(here, level, group) for level, group in lines])
        axes[0, 0].invert_yaxis()
        describe(figure, "Mean magnitude of the Hessian diagonal at weights by who keeps them, a panel a network.")
    return figure


def _name(frame: pd.DataFrame, level: int, group: str) -> str:
    sparsity = float(frame[frame["level"] == level]["sparsity"].iloc[0])
    return f"{100 * sparsity:.0f} %, kept by {group}"
