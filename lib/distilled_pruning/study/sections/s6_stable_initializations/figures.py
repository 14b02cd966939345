"""Where lottery tickets end, and when the dense network becomes stable (2503.17905 section 6, Fig. 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...jobs.ways import colour, label
from ...judging.statistics import by_init
from ..common.dots import BARRIER, HALFWAY, THRESHOLD
from ..common.grouping import by_place, count_inits, per_init
from ..common.lines import draw_dense, draw_means, draw_over_weights, scale_weights
from ..common.naming import enumerate_values, with_series
from ..common.style import FAINT, INK, MARKERS, POINTS, WIDTH, canvas, describe, empty, fold, grid, legend
from ..s3_distilled_pruning import lottery

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PANEL, _RUNG = 2.9, 0.2


def fig7(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw accuracy over the weights left, and below it how sparse tickets can be, by the rule of the ledger."""
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    ways = {name: shade for name, shade in palette.items() if name != label("dense")}
    found = per_init(frame, ["accuracy"], ["level", "sparsity", "method", "rate"])
    places, strip = by_place(found), _RUNG * len(ways) + 0.1
    height = 1.2 + (_PANEL + strip) * len(places)
    with canvas(height, f"{stamp} · {count_inits(frame)}", width) as figure:
        look = {"sharex": True, "height_ratios": [_PANEL, strip] * len(places)}
        for (upper, lower), place in grid(figure, places, 1, 2, **look):
            _draw_reference(upper, place.rows[place.rows["level"] == 0])
            draw_over_weights(upper, place.rows, palette)
            upper.set_ylabel("test accuracy (%)")
            _draw_ends(lower, place.rows, ways)
            scale_weights(lower, 100 * (1 - float(frame["sparsity"].max())))
            upper.tick_params(labelbottom=False)
            upper.set_title(place.heading, loc="left")
        legend(figure, 3)
        last = places[-1].rows
        sparsest = 100 * last[last["level"] == last["level"].max()].groupby("series", sort=False)["accuracy"].mean()
        said = enumerate_values(sparsest, "{:.1f} %")
        describe(figure, "Test accuracy over the weights left.", f"At the last level: {said}.")
    return figure


def _draw_reference(ax: Any, dense: pd.DataFrame) -> None:
    """Draw the dense network's accuracy with its interval, and how much less a ticket may reach."""
    if dense.empty:
        return
    values = [100 * value for value in dense["accuracy"]]
    mean, margin = sum(values) / len(values), 100 * lottery.MARGIN
    draw_dense(ax, values, f"{label('dense')} ({mean:.1f} %)")
    ax.axhline(mean - margin, color=INK, linestyle=":", linewidth=1.1, label=f"Dense − {margin:g} points")


def _draw_ends(ax: Any, frame: pd.DataFrame, ways: Mapping[str, str]) -> None:
    """Draw how sparse tickets of each way can be: the mark is the last mean within the margin, the bar what is sure.

    To the left of a bar there surely are tickets, to its right there are none; an arrow goes on where levels stop.
    """
    dense = by_init(frame[frame["level"] == 0], "accuracy")
    for rung, (name, shade) in enumerate(ways.items()):
        part = lottery.complete(frame, frame[frame["series"] == name])
        found = lottery.end(part, dense)
        if found is None:
            continue
        left = [100 * (1 - lottery.sparsity(part, level)) for level in (found.surely, found.level, found.maybe)]
        ax.plot((left[0], left[2]), (rung, rung), color=shade, linewidth=3, alpha=0.45, solid_capstyle="butt")
        if found.beyond:
            ax.plot([left[2] / 1.03], [rung], marker=">", color=shade, markersize=6, alpha=0.7)
        ax.plot([left[1]], [rung], marker=MARKERS[(1 + rung) % len(MARKERS)], color=shade, markersize=5.5, zorder=3)
    ax.set_yticks([])
    ax.set_ylim(len(ways) - 0.4, -0.6)
    ax.set_ylabel("sparsest\nticket", rotation=0, ha="right", va="center")


def forks(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw barrier and error rise of the dense network over the epochs that two trainings share."""
    if frame.empty:
        return empty(stamp)
    kept = frame[~frame["collapsed"].astype(bool)].assign(series=label("dense"))
    measures = (BARRIER, HALFWAY)
    found = per_init(kept, [measure.column for measure in measures], ["rewind"])
    places, grey = by_place(found, frame), colour("dense")
    across, down = fold(2, width)
    with canvas(0.7 + 2.5 * len(places) * down, f"{stamp} · {count_inits(frame)}", width) as figure:
        for panels, place in grid(figure, places, across, down, sharex=True):
            for ax, measure in zip(panels, measures, strict=True):
                groups = {
                    epoch: measure.factor * values for epoch, values in place.rows.groupby("rewind")[measure.column]
                }
                draw_means(ax, groups, grey, {"marker": "o", "linewidth": 1.8})
                ax.axhline(0, color=FAINT, linewidth=0.8)
                ax.set(xlabel="epochs in common", ylabel=measure.label, xticks=sorted(set(frame["rewind"])))
            panels[1].axhline(THRESHOLD, color=FAINT, linestyle=":", linewidth=1.2)
            look = {"ha": "right", "va": "bottom", "fontsize": POINTS, "color": FAINT}
            panels[1].annotate("unstable above", (1, THRESHOLD), xycoords=("axes fraction", "data"), **look)
            panels[0].set_title(place.heading, loc="left")
        rises = 100 * found.groupby("rewind")["error_rise"].mean()
        said = enumerate_values(rises.rename(index=lambda epoch: f"{epoch} epochs"), apart=", ")
        describe(figure, "Barrier and error rise over the epochs in common.", f"Points: {said}.")
    return figure
