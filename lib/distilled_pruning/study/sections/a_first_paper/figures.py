"""The first paper's curves beside its authors' logs, what trainings cost, and stability (2307.03364)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...jobs.ways import colour, label
from ...judging.statistics import ratios
from ..common.dots import BARRIER, HALFWAY, THRESHOLD
from ..common.grouping import by_place, count_inits, error_bar, per_init
from ..common.lines import draw_means, draw_over_sparsity, draw_over_weights, scale_weights, set_ticks
from ..common.naming import enumerate_values, shades, with_series
from ..common.style import FAINT, INK, MARKERS, POINTS, WIDTH, canvas, describe, empty, entry, fold, grid, legend
from .claims import costs, speedup

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PANEL, _ACROSS = 2.7, 3
_TICKS_APART = 0.07
_CEILING = 100.5  # so that an accuracy of 100 % has a place on an axis that is logarithmic in the errors
SHOWN = (("cifar10", "alexnet"), ("cifar100", "convnet3"))
_UNITS = {"seconds": "seconds", "images": "images seen", "steps": "steps"}


def first_accuracy(frame: pd.DataFrame, authors: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw accuracy over the weights left: our panels, then those of the authors' logs (:func:`..papers.curves`)."""
    return empty(stamp) if frame.empty else _draw_courses(frame, authors, f"{stamp} · {count_inits(frame)}", width)


def first_logs(authors: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw accuracy over the weights left as the authors' logs have it (:func:`..papers.curves`)."""
    foot = stamp or "the authors' logs; bars: 95 % intervals over their seeds"
    return _draw_courses(authors.iloc[:0], authors, foot, width)


def _draw_courses(frame: pd.DataFrame, authors: pd.DataFrame, stamp: str, width: float) -> Figure:
    """Draw a panel for each dataset and network, ours first."""
    import pandas as pd

    rates = dict(frame.groupby("method")["rate"].first()) if len(frame) else dict[str, float]()
    shown = [place in SHOWN for place in zip(authors["dataset"], authors["model"], strict=True)]
    logged = authors[shown].assign(rate=lambda rows: rows["method"].map(rates).fillna(0.0), setting="logged")
    both = pd.concat([part for part in (frame.assign(logged=False), logged.assign(logged=True)) if len(part)])
    both, palette = with_series(both.sort_values("logged", kind="stable"))
    panels = [(whose, place) for whose, part in both.groupby("logged", sort=False) for place in by_place(part)]
    across, _ = fold(min(_ACROSS, len(panels)), width)
    down = -(-len(panels) // across)
    said = ["Test accuracy over the weights left, a panel for each network."]
    with canvas(1.5 + _PANEL * down, stamp, width) as figure:
        axes = figure.subplots(down, across, squeeze=False)
        for ax in axes.flatten()[len(panels) :]:
            ax.set_axis_off()
        for ax, (theirs, place) in zip(axes.flatten(), panels, strict=False):
            _draw_course(ax, place.rows, palette)
            whose = "Authors’ logs" if theirs else "Ours"
            ax.set_title(f"{whose}\n{place.name}")
            kept = 100 * place.rows[place.rows["level"] == 9].groupby("series", sort=False)["accuracy"].mean()
            ends = enumerate_values(kept, "{:.1f} %", ", ")
            said += [f"{whose}, {place.name}, at 13 % of the weights: {ends}."] if ends else []
        for ax in axes[:, 0]:
            ax.set_ylabel("test accuracy (%)")
        entries = [
            entry(name, shade, linestyle="--")
            if name == label("dense")
            else entry(name, shade, marker=MARKERS[n % len(MARKERS)], markersize=4.5)
            for n, (name, shade) in enumerate(palette.items())
        ]
        legend(figure, 3, entries)
        describe(figure, *said)
    return figure


def _draw_course(ax: Any, frame: pd.DataFrame, palette: Mapping[str, str]) -> None:
    """Draw one panel, the dense network as a dashed line."""
    found = per_init(frame, ["accuracy"], ["level", "sparsity"])
    means = found.groupby(["series", "level"])["sparsity"].transform("mean")
    dense = [100 * value for value in found[found["level"] == 0]["accuracy"]]
    if dense:
        ax.axhline(sum(dense) / len(dense), color=colour("dense"), linestyle="--", linewidth=1.2)
    draw_over_weights(ax, found.assign(sparsity=means), palette)
    _stretch(ax, [100 * value for value in found["accuracy"]])
    scale_weights(ax, 100 * (1 - float(frame["sparsity"].max())))


def _stretch(ax: Any, accuracies: Sequence[float]) -> None:
    """Make the accuracy axis logarithmic in the errors: a collapse to chance and a loss of two points both show."""
    low, high = min(accuracies), max(accuracies)
    least = _CEILING - 100
    ax.set_yscale(
        "function", functions=(lambda a: -np.log(np.maximum(_CEILING - a, least)), lambda y: _CEILING - np.exp(-y))
    )
    room = ((_CEILING - low) / (_CEILING - high)) ** 0.06
    ax.set_ylim(max(0.0, _CEILING - (_CEILING - low) * room), min(100.0, _CEILING - (_CEILING - high) / room))
    bottom, top = ax.get_ylim()
    span = math.log((_CEILING - bottom) / (_CEILING - top))
    ticks: list[int] = []
    for tick in (10, 50, 90, 80, 70, 30, 95, 98, 99, 20, 40, 60):
        apart = (abs(math.log((_CEILING - tick) / (_CEILING - other))) for other in ticks)
        if bottom <= tick <= top and min(apart, default=span) > _TICKS_APART * span:
            ticks.append(tick)
    set_ticks(ax, ticks, "y")


def first_sessions(frame: pd.DataFrame, printed: tuple[float, float], stamp: str = "") -> Figure:
    """Draw how much more a training on real data costs than one on a distilled set, and what that makes of tickets.

    The first dataset and network is drawn, beside the paper's seconds of a training on real and on distilled data.
    """
    if frame.empty:
        return empty(stamp)
    here = by_place(frame)[0].rows
    imp, distilled = (here[here["method"] == method] for method in ("imp", "distilled"))
    sizes = sorted(set(distilled["ipc"]))
    levels = list(range(1, int(here["level"].max()) + 2))
    paper = printed[0] / printed[1]
    with canvas(3.7, f"{stamp} · {count_inits(frame, 'ipc')}") as figure:
        left, right = figure.subplots(1, 2)
        for n, ipc in enumerate(sizes):
            part, marker = distilled[distilled["ipc"] == ipc], MARKERS[n]
            shade = shades(colour("distilled"), len(sizes))[len(sizes) - 1 - n]  # the largest has the way's own
            for rung, unit in enumerate(_UNITS):
                y = rung + 0.24 * (n - (len(sizes) - 1) / 2)
                values = ratios(costs(imp, unit), costs(part, unit))
                if values:
                    left.plot(error_bar(values), (y, y), color=shade, linewidth=1.4)
                    left.plot([sum(values) / len(values)], [y], marker=marker, color=shade, markersize=5.5)
            found = ratios(costs(imp), costs(part))
            if found:
                faster = {level: [speedup(ratio, level) for ratio in found] for level in levels}
                look = {"marker": marker, "markersize": 4, "label": f"{ipc} image{'s' if ipc > 1 else ''} per class"}
                draw_means(right, faster, shade, look, band=True)
        left.axvline(1, color=FAINT, linewidth=0.8)
        left.axvline(paper, color=INK, linestyle=":", linewidth=1.2)
        _scale_ratios(left)
        left.set(xlabel="real over distilled, one training", ylim=(len(_UNITS) - 0.5, -0.5))
        left.set_yticks(range(len(_UNITS)), list(_UNITS.values()))
        left.grid(visible=False, axis="y")
        name = f"paper: {printed[0]:.0f} s and {printed[1]:.0f} s"
        right.plot(levels, [speedup(paper, n) for n in levels], color=INK, linestyle=":", linewidth=1.4, label=name)
        right.axhline(1, color=FAINT, linewidth=0.8)
        right.set(xlabel="rounds of pruning", ylabel="times faster to a ticket", xlim=(0.5, levels[-1] + 0.5))
        right.set_ylim(bottom=0)
        figure.legend(loc="outside upper center", ncols=len(sizes) + 1)
        describe(figure, f"Left, ratios of costs; right, times faster over {levels[-1]} rounds of pruning.")
    return figure


def _scale_ratios(ax: Any) -> None:
    """Make a horizontal axis of ratios logarithmic, with plain numbers."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, 0.7), max(high, 12))
    low, high = ax.get_xlim()
    set_ticks(ax, [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= tick <= high])


def first_stability(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw barrier and error rise over sparsity, with the instability threshold; collapsed tickets are left out."""
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    kept = frame[~frame["collapsed"].astype(bool)]
    palette = {name: shade for name, shade in palette.items() if name in set(kept["series"])}
    measures = (BARRIER, HALFWAY)
    found = per_init(kept, [measure.column for measure in measures], ["level", "sparsity"])
    places = by_place(found, frame)
    with canvas(1.4 + _PANEL * len(places), f"{stamp} · {count_inits(frame, 'series')}") as figure:
        for (left, right), place in grid(figure, places, 2):
            for ax, measure in zip((left, right), measures, strict=True):
                draw_over_sparsity(ax, place.rows, measure.column, palette, measure.label, measure.factor)
                ax.axhline(0, color=FAINT, linewidth=0.8)
            _show_threshold(right)
            left.set_title(place.heading, loc="left")
        legend(figure, 2)
        rises = 100 * found.groupby("series", sort=False)["error_rise"].mean()
        said = f"Mean rise in points: {enumerate_values(rises)}."
        describe(figure, "Barrier and error rise over sparsity.", said)
    return figure


def _show_threshold(ax: Any) -> None:
    """Draw the threshold of instability; the axis is linear up to it and logarithmic above, so that both sides show."""
    ax.axhline(THRESHOLD, color=FAINT, linestyle=":", linewidth=1.2)
    ax.annotate("unstable above", (8, THRESHOLD), ha="left", va="bottom", fontsize=POINTS, color=FAINT)
    ax.set_yscale("symlog", linthresh=THRESHOLD)
    ax.set_ylim(-THRESHOLD, max(ax.get_ylim()[1], 5 * THRESHOLD))
    set_ticks(ax, [tick for tick in (-THRESHOLD, 0, THRESHOLD, 5, 10, 30, 100) if tick <= ax.get_ylim()[1]], "y")
