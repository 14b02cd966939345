"""Where lottery tickets end, and when the dense network becomes stable (2503.17905 section 6, Fig. 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...judging.statistics import by_init
from ...judging.verdicts import INSTABILITY_THRESHOLD
from ..b_controls.ways import MARKERS, course, weights_left
from ..common import names
from ..common.series import with_series
from ..common.style import (
    COLOURS,
    FAINT,
    INK,
    NAMES,
    POINTS,
    canvas,
    counted,
    describe,
    empty,
    per_init,
    settings,
    student,
)
from ..common.trends import legend
from ..s3_distilled_pruning import lottery

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANEL, RUNG = 2.9, 0.2
MEASURES = (("barrier", 1, "loss barrier (nats)"), ("error_rise", 100, "error rise halfway (points)"))


def fig7(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw accuracy over the weights left, and below it how sparse tickets can be, by the rule of the ledger.

    Args:
        frame: As :func:`..rewinding.ticket_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    ways = {name: colour for name, colour in palette.items() if name != NAMES["dense"]}
    places = settings(frame)
    strip = RUNG * len(ways) + 0.1
    height = 1.2 + (PANEL + strip) * len(places)
    with canvas(height, f"{stamp} · {counted(frame)}") as figure:
        ratios = [part for _ in places for part in (PANEL, strip)]
        axes = figure.subplots(2 * len(places), 1, squeeze=False, sharex=True, height_ratios=ratios)[:, 0]
        for upper, lower, (dataset, model) in zip(axes[::2], axes[1::2], places, strict=True):
            here = frame[(frame["dataset"] == dataset) & (frame["model"] == model)]
            found = per_init(here, ["accuracy"], ["level", "sparsity", "method", "rate"])
            reference(upper, found[found["level"] == 0])
            course(upper, found, palette)
            upper.set_ylabel("test accuracy (%)")
            ends(lower, found, ways)
            weights_left(lower, 100 * (1 - float(frame["sparsity"].max())))
            upper.tick_params(labelbottom=False)
            if len(places) > 1:
                upper.set_title(names.place((dataset, model)), loc="left")
        legend(figure, axes[::2], 3)
        sparsest = found[found["level"] == found["level"].max()].groupby("series", sort=False)["accuracy"].mean()
        parts = [f"{name} {100 * value:.1f} %" for name, value in sparsest.items()]
        describe(figure, "Test accuracy over the weights left.", f"At the last level: {'; '.join(parts)}.")
    return figure


def reference(ax: Any, dense: pd.DataFrame) -> None:
    """Draw the dense network's accuracy with its interval, and how much less a ticket may reach."""
    if dense.empty:
        return
    values = [100 * value for value in dense["accuracy"]]
    mean = sum(values) / len(values)
    ax.axhspan(*student(values), color=COLOURS["dense"], alpha=0.15, linewidth=0)
    ax.axhline(mean, color=COLOURS["dense"], linestyle="--", linewidth=1.3, label=f"{NAMES['dense']} ({mean:.1f} %)")
    margin = 100 * lottery.MARGIN
    ax.axhline(mean - margin, color=INK, linestyle=":", linewidth=1.1, label=f"Dense − {margin:g} points")


def ends(ax: Any, frame: pd.DataFrame, ways: dict[str, str]) -> None:
    """Draw how sparse tickets of each way can be: the mark is the last mean within the margin, the bar what is sure.

    To the left of a bar there surely are tickets, to its right there are none; an arrow goes on where levels stop.
    """
    dense = by_init(frame[frame["level"] == 0], "accuracy")
    for rung, (name, colour) in enumerate(ways.items()):
        part = lottery.complete(frame, frame[frame["series"] == name])
        found = lottery.end(part, dense)
        if found is None:
            continue
        left = [100 * (1 - lottery.sparsity(part, level)) for level in (found.surely, found.level, found.maybe)]
        ax.plot((left[0], left[2]), (rung, rung), color=colour, linewidth=3, alpha=0.45, solid_capstyle="butt")
        if found.beyond:
            ax.plot([left[2] / 1.03], [rung], marker=">", color=colour, markersize=6, alpha=0.7)
        marker = MARKERS[1 + list(ways).index(name)]
        ax.plot([left[1]], [rung], marker=marker, color=colour, markersize=5.5, zorder=3)
    ax.set_yticks([])
    ax.set_ylim(len(ways) - 0.4, -0.6)
    ax.set_ylabel("sparsest\nticket", rotation=0, ha="right", va="center")


def forks(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw barrier and error rise of the dense network over the epochs that two trainings share.

    Args:
        frame: As :func:`..rewinding.fork_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    kept = frame[~frame["collapsed"].astype(bool)].assign(series=NAMES["dense"])
    places = settings(frame)
    columns = [name for name, _, _ in MEASURES]
    found = per_init(kept, columns, ["rewind"])
    with canvas(0.7 + 2.5 * len(places), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(len(places), 2, squeeze=False, sharex=True)
        for line, (dataset, model) in zip(axes, places, strict=True):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            for ax, (column, factor, label) in zip(line, MEASURES, strict=True):
                groups = [(epoch, [factor * value for value in part[column]]) for epoch, part in here.groupby("rewind")]
                means = [sum(values) / len(values) for _, values in groups]
                ax.plot([epoch for epoch, _ in groups], means, "o-", color=COLOURS["dense"], linewidth=1.8)
                for epoch, values in groups:
                    ax.plot((epoch, epoch), student(values), color=COLOURS["dense"], linewidth=1.2)
                ax.axhline(0, color=FAINT, linewidth=0.8)
                ax.set(xlabel="epochs in common", ylabel=label, xticks=sorted(set(frame["rewind"])))
            limit = 100 * INSTABILITY_THRESHOLD
            line[1].axhline(limit, color=FAINT, linestyle=":", linewidth=1.2)
            look = {"ha": "right", "va": "bottom", "fontsize": POINTS, "color": FAINT}
            line[1].annotate("unstable above", (1, limit), xycoords=("axes fraction", "data"), **look)
            if len(places) > 1:
                line[0].set_title(names.place((dataset, model)), loc="left")
        rises = 100 * found.groupby("rewind")["error_rise"].mean()
        parts = [f"{epoch} epochs {value:.1f}" for epoch, value in rises.items()]
        describe(figure, "Barrier and error rise over the epochs in common.", f"Points: {', '.join(parts)}.")
    return figure
