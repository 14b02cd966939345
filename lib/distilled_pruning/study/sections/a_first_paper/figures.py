"""The first paper's curves beside its authors' logs, what trainings cost, and stability (2307.03364)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...judging.verdicts import INSTABILITY_THRESHOLD
from ..b_controls.ways import MARKERS, course, weights_left
from ..common import names
from ..common.series import shades, with_series
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
from ..common.trends import above, legend, trend
from .claims import costs, ratios, speedup

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANEL, ACROSS = 2.7, 3
TICKS_APART = 0.07
CEILING = 100.5  # so that an accuracy of 100 % has a place on an axis that is logarithmic in the errors
SHOWN = (("cifar10", "alexnet"), ("cifar100", "convnet3"))
UNITS = {"seconds": "seconds", "images": "images seen", "steps": "steps"}
STABILITY = (("barrier", 1, "loss barrier (nats)"), ("error_rise", 100, "error rise halfway (points)"))


def first_accuracy(frame: pd.DataFrame, authors: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw accuracy over the weights left: our panels, then those of the authors' logs.

    Args:
        frame: As :func:`..first_paper.accuracy_frame` gives it.
        authors: As :func:`..papers.curves` lists them.
        stamp: Scale, for the foot.
    """
    return empty(stamp) if frame.empty else _courses(frame, authors, f"{stamp} · {counted(frame)}")


def first_logs(authors: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw accuracy over the weights left as the authors' logs have it.

    Args:
        authors: As :func:`..papers.curves` lists them.
        stamp: For the foot.
    """
    return _courses(authors.iloc[:0], authors, stamp or "the authors' logs; bars: 95 % intervals over their seeds")


def _courses(frame: pd.DataFrame, authors: pd.DataFrame, stamp: str) -> Figure:
    """Draw a panel for each dataset and network, ours first."""
    import pandas as pd

    rates = dict(frame.groupby("method")["rate"].first()) if len(frame) else dict[str, float]()
    shown = [place in SHOWN for place in zip(authors["dataset"], authors["model"], strict=True)]
    logged = authors[shown].assign(rate=lambda rows: rows["method"].map(rates).fillna(0.0), setting="logged")
    parts = [part for part in (frame.assign(logged=False), logged.assign(logged=True)) if len(part)]
    both = pd.concat(parts)
    both, palette = with_series(both.sort_values("logged", kind="stable"))
    panels = [(part, place) for _, part in both.groupby("logged", sort=False) for place in settings(part)]
    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    said = ["Test accuracy over the weights left, a panel for each network."]
    with canvas(1.5 + PANEL * down, stamp) as figure:
        axes = figure.subplots(down, across, squeeze=False)
        for ax in axes.flatten()[len(panels) :]:
            ax.set_axis_off()
        for ax, (part, place) in zip(axes.flatten(), panels, strict=False):
            here = part[(part["dataset"] == place[0]) & (part["model"] == place[1])]
            _course(ax, here, palette)
            whose = "Authors’ logs" if bool(part["logged"].iloc[0]) else "Ours"
            ax.set_title(f"{whose}\n{names.place(place)}")
            kept = here[here["level"] == 9].groupby("series", sort=False)["accuracy"].mean()
            ends = [f"{name} {100 * value:.1f} %" for name, value in kept.items()]
            said += [f"{whose}, {names.place(place)}, at 13 % of the weights: {', '.join(ends)}."] if ends else []
        for ax in axes[:, 0]:
            ax.set_ylabel("test accuracy (%), errors logarithmic")
        above(figure, keys(palette), 3)
        describe(figure, *said)
    return figure


def _course(ax: Any, frame: pd.DataFrame, palette: dict[str, str]) -> None:
    """Draw one panel, the dense network as a dashed line."""
    found = per_init(frame, ["accuracy"], ["level", "sparsity"])
    means = found.groupby(["series", "level"])["sparsity"].transform("mean")
    dense = [100 * value for value in found[found["level"] == 0]["accuracy"]]
    if dense:
        ax.axhline(sum(dense) / len(dense), color=COLOURS["dense"], linestyle="--", linewidth=1.2)
    course(ax, found.assign(sparsity=means), palette)
    stretched(ax, [100 * value for value in found["accuracy"]])
    weights_left(ax, 100 * (1 - float(frame["sparsity"].max())))


def stretched(ax: Any, accuracies: list[float]) -> None:
    """Make the accuracy axis logarithmic in the errors: a collapse to chance and a loss of two points both show."""
    low, high = min(accuracies), max(accuracies)
    least = CEILING - 100
    ax.set_yscale(
        "function", functions=(lambda a: -np.log(np.maximum(CEILING - a, least)), lambda y: CEILING - np.exp(-y))
    )
    room = ((CEILING - low) / (CEILING - high)) ** 0.06
    ax.set_ylim(max(0.0, CEILING - (CEILING - low) * room), min(100.0, CEILING - (CEILING - high) / room))
    bottom, top = ax.get_ylim()
    span = math.log((CEILING - bottom) / (CEILING - top))
    ticks: list[int] = []
    for tick in (10, 50, 90, 80, 70, 30, 95, 98, 99, 20, 40, 60):
        apart = (abs(math.log((CEILING - tick) / (CEILING - other))) for other in ticks)
        if bottom <= tick <= top and min(apart, default=span) > TICKS_APART * span:
            ticks.append(tick)
    ax.set_yticks(ticks, [str(tick) for tick in ticks])


def keys(palette: dict[str, str]) -> list[Any]:
    """Legend entries of the series, the dense network a dashed line."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=colour, linestyle="--", label=name)
        if name == NAMES["dense"]
        else Line2D([], [], color=colour, marker=MARKERS[place % len(MARKERS)], markersize=4.5, label=name)
        for place, (name, colour) in enumerate(palette.items())
    ]


def shade(place: int, of: int) -> str:
    """Colour of a size of set: the largest has distilled pruning's own."""
    return shades(COLOURS["distilled"], of)[of - 1 - place]


def first_sessions(frame: pd.DataFrame, printed: tuple[float, float], stamp: str = "") -> Figure:
    """Draw how much more a training on real data costs than one on a distilled set, and what that makes of tickets.

    Args:
        frame: As :func:`..first_paper.session_frame` gives it; its first dataset and network are drawn.
        printed: Seconds of a training on real and on distilled data in the paper.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    dataset, model = settings(frame)[0]
    here = frame[(frame["dataset"] == dataset) & (frame["model"] == model)]
    imp, distilled = (here[here["method"] == method] for method in ("imp", "distilled"))
    sizes = sorted(set(distilled["ipc"]))
    levels = range(1, int(here["level"].max()) + 2)
    paper = printed[0] / printed[1]
    with canvas(3.7, f"{stamp} · {counted(frame, 'ipc')}") as figure:
        left, right = figure.subplots(1, 2)
        for place, ipc in enumerate(sizes):
            part, colour, marker = distilled[distilled["ipc"] == ipc], shade(place, len(sizes)), MARKERS[place]
            for rung, unit in enumerate(UNITS):
                y = rung + 0.24 * (place - (len(sizes) - 1) / 2)
                values = ratios(costs(imp, unit), costs(part, unit))
                if values:
                    left.plot(student(values), (y, y), color=colour, linewidth=1.4)
                    left.plot([sum(values) / len(values)], [y], marker=marker, color=colour, markersize=5.5)
            found = ratios(costs(imp), costs(part))
            if found:
                lines = [[speedup(ratio, level) for ratio in found] for level in levels]
                means = [sum(values) / len(values) for values in lines]
                label = f"{ipc} image{'s' if ipc > 1 else ''} per class"
                right.plot(list(levels), means, marker=marker, color=colour, markersize=4, label=label)
                low, high = zip(*(student(values) for values in lines), strict=True)
                right.fill_between(list(levels), low, high, color=colour, alpha=0.16, linewidth=0)
        left.axvline(1, color=FAINT, linewidth=0.8)
        left.axvline(paper, color=INK, linestyle=":", linewidth=1.2)
        ticks(left)
        left.set(xlabel="real over distilled, one training", ylim=(len(UNITS) - 0.5, -0.5))
        left.set_yticks(range(len(UNITS)), list(UNITS.values()))
        left.grid(visible=False, axis="y")
        right.plot(
            list(levels), [speedup(paper, n) for n in levels], color=INK, linestyle=":", linewidth=1.4,
            label=f"paper: {printed[0]:.0f} s and {printed[1]:.0f} s",
        )  # fmt: skip
        right.axhline(1, color=FAINT, linewidth=0.8)
        right.set(xlabel="rounds of pruning", ylabel="times faster to a ticket", xlim=(0.5, levels[-1] + 0.5))
        right.set_ylim(bottom=0)
        figure.legend(loc="outside upper center", ncols=len(sizes) + 1)
        describe(figure, f"Left, ratios of costs; right, times faster over {levels[-1]} rounds of pruning.")
    return figure


def ticks(ax: Any) -> None:
    """Make a horizontal axis of ratios logarithmic, with plain numbers."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, 0.7), max(high, 12))
    wanted = [
        tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1]
    ]
    ax.set_xticks(wanted, [f"{tick:g}" for tick in wanted])
    ax.minorticks_off()


def threshold(ax: Any) -> None:
    """Draw the threshold of instability; the axis is linear up to it and logarithmic above, so that both sides show."""
    limit = 100 * INSTABILITY_THRESHOLD
    ax.axhline(limit, color=FAINT, linestyle=":", linewidth=1.2)
    ax.annotate("unstable above", (8, limit), ha="left", va="bottom", fontsize=POINTS, color=FAINT)
    ax.set_yscale("symlog", linthresh=limit)
    ax.set_ylim(-limit, max(ax.get_ylim()[1], 5 * limit))
    ticks = [tick for tick in (-limit, 0, limit, 5, 10, 30, 100) if tick <= ax.get_ylim()[1]]
    ax.set_yticks(ticks, [f"{tick:g}".replace("-", "−") for tick in ticks])
    ax.minorticks_off()


def first_stability(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw barrier and error rise over sparsity, with the instability threshold; collapsed tickets are left out.

    Args:
        frame: As :func:`..first_paper.stability_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    kept = frame[~frame["collapsed"].astype(bool)]
    palette = {name: colour for name, colour in palette.items() if name in set(kept["series"])}
    columns = [name for name, _, _ in STABILITY]
    found = per_init(kept, columns, ["level", "sparsity"]).assign(sparsity=lambda rows: 100 * rows["sparsity"])
    places = settings(frame)
    with canvas(1.4 + PANEL * len(places), f"{stamp} · {counted(frame, 'series')}") as figure:
        axes = figure.subplots(len(places), 2, squeeze=False)
        for line, (dataset, model) in zip(axes, places, strict=True):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            for ax, (column, factor, label) in zip(line, STABILITY, strict=True):
                trend(ax, here.assign(**{column: factor * here[column]}), column, palette, label)
                ax.axhline(0, color=FAINT, linewidth=0.8)
            threshold(line[1])
            if len(places) > 1:
                line[0].set_title(names.place((dataset, model)), loc="left")
        legend(figure, axes[:, 0], most=2)
        rises = 100 * found.groupby("series", sort=False)["error_rise"].mean()
        parts = [f"{name} {value:.1f}" for name, value in rises.items()]
        describe(figure, "Barrier and error rise over sparsity.", f"Mean rise in points: {'; '.join(parts)}.")
    return figure
