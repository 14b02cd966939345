"""Small training sets: what they look like on their way, and what training on them reaches (2503.17905 section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ....distillation import picture
from ..common import names, series
from ..common.style import INK, POINTS, canvas, counted, describe, empty, settings, student
from ..common.trends import above, legend

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from .experiment import Gallery

NAMES = {
    "random": "Random real images",
    "herding": "Herding",
    "kcenter": "k-center",
    "dm": "DM",
    "dc": "DC",
    "dsa": "DSA",
    "idc": "IDC",
    "idc-i": "IDC-I, without tiles",
    "mtt": "MTT",
}
COLOURS = {
    "random": "#c05f95",
    "herding": "#7f7f7f",
    "kcenter": "#a87400",
    "dm": "#0072b2",
    "dc": "#009e73",
    "dsa": "#3f8f4a",
    "idc": "#d55e00",
    "mtt": "#7b3294",
}
OTHER, SIZES = "#5f5f5f", "#0072b2"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
COLUMNS = {
    "accuracy": (100, "test accuracy (%)"),
    "average": (1, "Eq. 1 (nats)"),
    "supremum": (1, "Eq. 2 (nats)"),
}
ROW, HEAD, PANEL = 0.36, 0.75, 2.6
WIDE = 4  # ends of a logarithmic axis, one over the other, between which decades alone would say too little
CLASSES, EACH, SHOWN = 10, 3, (0, 20, 100)


def named(method: str) -> str:
    """Name a way to make a set; a published file goes by its own name."""
    return NAMES.get(method, method)


def shades(frame: pd.DataFrame) -> dict[int, str]:
    """Give each number of images per class its colour, the largest the darkest."""
    sizes = sorted(set(frame["ipc"]), reverse=True)
    return dict(zip(map(int, sizes), series.shades(SIZES, len(sizes)), strict=True))


def sets(frame: pd.DataFrame, stamp: str = "", published: Mapping[tuple[str, str, int], float] | None = None) -> Figure:
    """Draw a row for each way to make a set: accuracy of networks trained on it, and both objectives.

    Dots are networks, large marks their means with intervals, bars across a row published accuracies. The line is the
    accuracy of the same networks trained on all real images.

    Args:
        frame: As :func:`..sets.sets_frame` gives it.
        stamp: Scale and parameters, for the foot.
        published: Dataset, method and images per class to accuracy in per cent.
    """
    if frame.empty:
        return empty(stamp)
    colours, methods = shades(frame), list(dict.fromkeys(frame["method"]))
    places = settings(frame)
    found = published or {}
    marks = [key for key in found if key[0] in set(frame["dataset"]) and key[1] in methods and key[2] in colours]
    with canvas(0.6 + (HEAD + ROW * len(methods)) * len(places), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(len(places), len(COLUMNS), squeeze=False, sharey=True, sharex="col")
        for line, (dataset, model) in zip(axes, places, strict=True):
            here = frame[(frame["dataset"] == dataset) & (frame["model"] == model)]
            for ax, (column, (factor, label)) in zip(line, COLUMNS.items(), strict=True):
                ladder(ax, here.assign(value=factor * here[column]), methods, colours)
                ax.set_xlabel(label)
                ax.tick_params(labelbottom=True)
            line[0].axvline(100 * here["real_accuracy"].mean(), color=INK, linestyle=":", linewidth=1.2)
            for _, method, ipc in [key for key in marks if key[0] == dataset]:
                y = methods.index(method) + shift(ipc, colours)
                line[0].plot([found[dataset, method, ipc]], [y], "|", color=INK, markersize=11, markeredgewidth=1.8)
            line[0].set_yticks(range(len(methods)), [named(method) for method in methods])
            line[0].set_ylim(len(methods) - 0.5, -0.5)
            for ax in line[1:]:
                ax.set_xlim(left=0)
            if len(places) > 1:
                line[0].set_title(names.place((dataset, model)), loc="left")
        handles = keys(colours, bool(marks))
        above(figure, handles, len(handles))
        describe(figure, "Dot plots with a row for each way to make a set.", _accuracies(frame, "ipc"))
    return figure


def _accuracies(frame: pd.DataFrame, by: str) -> str:
    """Say how accurate networks trained on each set are."""
    means = 100 * frame.groupby(["method", by], sort=False)["accuracy"].mean()
    of = {"ipc": "images a class", "share": "% of the iterations"}[by]
    rows = means.reset_index().to_dict("records")
    parts = [f"{named(str(row['method']))}, {row[by]} {of}: {row['accuracy']:.1f} %" for row in rows]
    return f"Mean test accuracy: {'; '.join(parts)}."


def shift(ipc: int, colours: Mapping[int, str]) -> float:
    """Place of a size within its row: the smallest above."""
    sizes = sorted(colours)
    return 0.5 * (sizes.index(ipc) + 0.5) / len(sizes) - 0.25


def ladder(ax: Any, frame: pd.DataFrame, methods: Sequence[str], colours: Mapping[int, str]) -> None:
    """Draw one measure: on the rung of each method a mean with its interval for each size."""
    for place in range(0, len(methods), 2):  # a zebra, so that the eye keeps its row
        ax.axhspan(place - 0.5, place + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    for _, part in frame.groupby(["method", "ipc"], sort=False):
        ipc = int(part["ipc"].iloc[0])
        y = methods.index(part["method"].iloc[0]) + shift(ipc, colours)
        values = [float(value) for value in part["value"]]
        ax.plot(student(values), [y, y], color=colours[ipc], linewidth=1.4, zorder=2)
        if len(values) > 1:
            ax.plot(values, [y] * len(values), ".", color=colours[ipc], markersize=3.5, zorder=2)
        ax.plot([sum(values) / len(values)], [y], "o", color=colours[ipc], markersize=5.5, zorder=3)
    ax.grid(visible=False, axis="y")


def keys(colours: Mapping[int, str], published: bool) -> list[Any]:
    """Legend: which colour is which size, what the line is, and what a bar is."""
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=colours[ipc], marker="o", markersize=5.5, linewidth=1.4, label=f"{ipc} a class")
        for ipc in sorted(colours)
    ]
    entries.append(Line2D([], [], color=INK, linestyle=":", linewidth=1.2, label="all real images"))
    bar: dict[str, Any] = {"color": INK, "linestyle": "", "marker": "|", "markersize": 11, "markeredgewidth": 1.8}
    return [*entries, Line2D([], [], **bar, label="published")] if published else entries


def stopping(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw accuracy of training on the sets as they were on their way, over the share of the iterations.

    Args:
        frame: As :func:`..sets.stopping_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    methods = list(dict.fromkeys(frame["method"]))
    places = settings(frame)
    with canvas(0.9 + PANEL * len(places), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(len(places), 1, squeeze=False, sharex=True).flatten()
        for ax, (dataset, model) in zip(axes, places, strict=True):
            here = frame[(frame["dataset"] == dataset) & (frame["model"] == model)]
            for place, method in enumerate(methods):
                part = here[here["method"] == method]
                x = sorted(set(part["share"]))
                values = [[100 * float(v) for v in part[part["share"] == share]["accuracy"]] for share in x]
                means = [sum(found) / len(found) for found in values]
                off = 1.1 * (place - (len(methods) - 1) / 2)
                look = {"color": COLOURS.get(method, OTHER), "marker": MARKERS[place % len(MARKERS)], "markersize": 5}
                ax.plot([share + off for share in x], means, **look, label=named(method))
                for share, found in zip(x, values, strict=True):
                    ax.plot([share + off] * 2, student(found), color=look["color"], linewidth=1.2)
            ax.set(ylabel="test accuracy (%)", xticks=sorted(set(frame["share"])))
            ax.set_title(f"{names.place((dataset, model))}, {here['ipc'].iloc[0]} images a class", loc="left")
        axes[-1].set_xlabel("share of the iterations (%)")
        legend(figure, axes, 5)
        describe(figure, "Test accuracy over the share of the iterations.", _accuracies(frame, "share"))
    return figure


def matching(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw the matching loss over the iterations, a panel for each method, since each has its own unit.

    Args:
        frame: As :func:`..sets.matching_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    from matplotlib.lines import Line2D

    colours, methods = shades(frame), list(dict.fromkeys(frame["method"]))
    places = settings(frame)
    with canvas(0.8 + 0.85 * PANEL * len(places), f"{stamp} · one set each") as figure:
        axes = figure.subplots(len(places), len(methods), squeeze=False)
        for line, (dataset, model) in zip(axes, places, strict=True):
            for ax, method in zip(line, methods, strict=True):
                here = frame[(frame["dataset"] == dataset) & (frame["model"] == model) & (frame["method"] == method)]
                for ipc, part in here.groupby("ipc"):
                    ax.plot(part["iteration"], part["loss"], color=colours[int(ipc)], linewidth=1)
                ax.set(yscale="log", xlabel="iteration")
                plain(ax)
                ax.set_title(named(method), loc="left")
            line[0].set_ylabel(
                f"{names.place((dataset, model))}\nmatching loss" if len(places) > 1 else "matching loss"
            )
        handles = [Line2D([], [], color=colours[ipc], label=f"{ipc} a class") for ipc in sorted(colours)]
        above(figure, handles, len(handles))
        ends = frame.sort_values("iteration").groupby(["method", "ipc"], sort=False)["loss"].agg(["first", "last"])
        falls = [
            f"{named(row['method'])}, {row['ipc']} a class, {row['first']:.3g} to {row['last']:.3g}"
            for row in ends.reset_index().to_dict("records")
        ]
        describe(figure, "Matching loss over the iterations, a panel for each method.", f"It goes: {'; '.join(falls)}.")
    return figure


def plain(ax: Any) -> None:
    """Label a logarithmic axis with a few plain numbers, however narrow its range."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > WIDE * low else MaxNLocator(4))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()


def gallery(found: Sequence[Gallery], stamp: str = "") -> Figure:
    """Draw stored images of every optimised set before, during and after, a column for each of the first classes.

    Args:
        found: As :func:`..sets.galleries` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if not found:
        return empty(stamp)
    shown = [(of, moments(of)) for of in found]
    across = max(len(pictures) for _, pictures in shown)
    heights = [next(iter(pictures.values())).shape[0] / next(iter(pictures.values())).shape[1] for _, pictures in shown]
    side = 6.1 / across
    with canvas(0.55 + sum(side * height + 0.16 for height in heights), stamp) as figure:
        axes = figure.subplots(len(shown), across, squeeze=False, height_ratios=heights)
        several = len({(of.of["dataset"], of.of["model"]) for of in found}) > 1
        for place, (line, (of, pictures)) in enumerate(zip(axes, shown, strict=True)):
            for ax in line:
                ax.set_axis_off()
            for ax, (title, image) in zip(line[-len(pictures) :], pictures.items(), strict=True):
                ax.imshow(image, interpolation="nearest", aspect="equal")
                if place == 0:
                    ax.set_title(title)
            name = f"{named(of.of['method'])}\nipc {of.of['ipc']}"
            where = f"\n{of.of['model']}\n{of.of['dataset']}" if several else ""
            line[0].text(
                -0.03, 0.5, name + where, transform=line[0].transAxes, ha="right", va="center", fontsize=POINTS
            )
        sets = ", ".join(f"{named(of.of['method'])} with {of.of['ipc']} images a class" for of in found)
        describe(figure, f"Rows of small images before, during and after distillation: {sets}.")
    return figure


def moments(of: Gallery) -> dict[str, np.ndarray]:
    """Pictures of a set's first classes, before, during and after; only after where no snapshots were kept."""
    titles = {0: "before", 100: "after"}
    found = {}
    for share in SHOWN:
        at = -(-of.iterations * share // 100)
        if at in of.images:
            title = titles.get(share, f"after {share} % of the iterations")
            images = of.images[at].reshape(of.classes, -1, *of.images[at].shape[1:])[:CLASSES, :EACH]
            some = images.reshape(-1, *images.shape[2:])
            found[title] = picture.grid(some, len(images), space=of.space, sideways=True)
    return found
