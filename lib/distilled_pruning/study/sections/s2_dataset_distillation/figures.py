"""Small training sets: what they look like on their way, and what training on them reaches (2503.17905 section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ....distillation import picture
from ..common import dots, naming
from ..common.grouping import by_place, count_inits
from ..common.lines import draw_means
from ..common.style import INK, MARKERS, POINTS, WIDTH, canvas, describe, empty, entry, fold, grid, legend

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from .experiment import Gallery

_SETS = {  # what a set is called, and its colour
    "random": ("Random real images", "#c05f95"),
    "herding": ("Herding", "#7f7f7f"),
    "kcenter": ("k-center", "#a87400"),
    "dm": ("DM", "#0072b2"),
    "dc": ("DC", "#009e73"),
    "dsa": ("DSA", "#3f8f4a"),
    "idc": ("IDC", "#d55e00"),
    "idc-i": ("IDC-I, without tiles", "#5f5f5f"),
    "mtt": ("MTT", "#7b3294"),
}
_OTHER, _SIZES = "#5f5f5f", "#0072b2"
_MEASURES = (
    dots.Measure("accuracy", "test accuracy (%)", 100),
    dots.Measure("average", "Eq. 1 (nats)"),
    dots.Measure("supremum", "Eq. 2 (nats)"),
)
_ROW, _HEAD, _PANEL = 0.36, 0.75, 2.6
_WIDE = 4  # ends of a logarithmic axis, one over the other, between which decades alone would say too little
_CLASSES, _EACH, SHOWN = 10, 3, (0, 20, 100)


def name_set(method: str) -> str:
    """Name a way to make a set; a published file goes by its own name."""
    return _SETS[method][0] if method in _SETS else method


def _shades(frame: pd.DataFrame) -> dict[int, str]:
    """Give each number of images per class its colour, the largest the darkest."""
    sizes = sorted(set(frame["ipc"]), reverse=True)
    return dict(sorted(zip(map(int, sizes), naming.shades(_SIZES, len(sizes)), strict=True)))


def sets(
    frame: pd.DataFrame,
    stamp: str = "",
    published: Mapping[tuple[str, str, int], float] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Draw a row for each way to make a set: accuracy of networks trained on it, and both objectives.

    Dots are networks, large marks their means with intervals, bars across a row published accuracies: dataset, method
    and images per class to accuracy in per cent. The line is the accuracy of the same networks trained on all real
    images.
    """
    if frame.empty:
        return empty(stamp)
    shades, methods, places = _shades(frame), list(dict.fromkeys(frame["method"])), by_place(frame)
    marks = {
        key: value
        for key, value in (published or {}).items()
        if key[0] in set(frame["dataset"]) and key[1] in methods and key[2] in shades
    }
    rows = {(name, ipc): at + _shift(ipc, shades) for at, name in enumerate(methods) for ipc in shades}
    across, down = fold(len(_MEASURES), width)
    height = 0.6 + (_HEAD + _ROW * len(methods)) * len(places) * down
    with canvas(height, f"{stamp} · {count_inits(frame)}", width) as figure:
        look: dict[str, Any] = {"sharex": "col"} if down == 1 else {}
        for panels, place in grid(figure, places, across, down, sharey=True, **look):
            for ax, measure in zip(panels, _MEASURES, strict=True):
                _draw_sets(ax, place.rows, measure, rows, shades)
            panels[0].axvline(100 * place.rows["real_accuracy"].mean(), color=INK, linestyle=":", linewidth=1.2)
            here = place.rows["dataset"].iloc[0]
            for (_, method, ipc), value in ((key, value) for key, value in marks.items() if key[0] == here):
                panels[0].plot([value], [rows[method, ipc]], "|", color=INK, markersize=11, markeredgewidth=1.8)
            dots.name_rows(panels[0], [name_set(method) for method in methods])
            for ax in panels[1:]:
                ax.set_xlim(left=0)
            panels[0].set_title(place.heading, loc="left")
        look = {"marker": "o", "markersize": 5.5, "linewidth": 1.4}
        entries = [entry(f"{ipc} a class", shade, **look) for ipc, shade in shades.items()]
        entries.append(entry("all real images", INK, linestyle=":", linewidth=1.2))
        entries += [dots.bar_entry("published", 1.8)] if marks else []
        legend(figure, len(entries), entries)
        describe(figure, "Dot plots with a row for each way to make a set.", _say_accuracies(frame, "ipc"))
    return figure


def _shift(ipc: int, shades: Mapping[int, str]) -> float:
    """Place of a size within its row: the smallest above."""
    return 0.5 * (list(shades).index(ipc) + 0.5) / len(shades) - 0.25


def _draw_sets(
    ax: Any,
    frame: pd.DataFrame,
    measure: dots.Measure,
    rows: Mapping[tuple[str, int], float],
    shades: Mapping[int, str],
) -> None:
    """Draw one measure: on the row of each method a mean with its interval for each size."""
    dots.stripe(ax, len({name for name, _ in rows}))
    for _, part in frame.groupby(["method", "ipc"], sort=False):
        method, ipc = part["method"].iloc[0], int(part["ipc"].iloc[0])
        values = [measure.factor * float(value) for value in part[measure.column]]
        each, mean = {"marker": ".", "markersize": 3.5}, {"markersize": 5.5}
        dots.mark(ax, rows[method, ipc], values, shades[ipc], bar={"linewidth": 1.4}, each=each, mean=mean)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(measure.label)
    ax.tick_params(labelbottom=True)


def _say_accuracies(frame: pd.DataFrame, by: str) -> str:
    """Say how accurate networks trained on each set are."""
    means = 100 * frame.groupby(["method", by], sort=False)["accuracy"].mean()
    of = {"ipc": "images a class", "share": "% of the iterations"}[by]
    rows = means.reset_index().to_dict("records")
    parts = [f"{name_set(str(row['method']))}, {row[by]} {of}: {row['accuracy']:.1f} %" for row in rows]
    return f"Mean test accuracy: {'; '.join(parts)}."


def stopping(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw accuracy of training on the sets as they were on their way, over the share of the iterations."""
    if frame.empty:
        return empty(stamp)
    methods, places = list(dict.fromkeys(frame["method"])), by_place(frame)
    with canvas(0.9 + _PANEL * len(places), f"{stamp} · {count_inits(frame)}", width) as figure:
        for (ax,), place in grid(figure, places, 1, sharex=True):
            for n, method in enumerate(methods):
                off = 1.1 * (n - (len(methods) - 1) / 2)
                groups = place.rows[place.rows["method"] == method].groupby("share")["accuracy"]
                colour = _SETS[method][1] if method in _SETS else _OTHER
                look = {"marker": MARKERS[n % len(MARKERS)], "markersize": 5, "label": name_set(method)}
                draw_means(ax, {share + off: 100 * found for share, found in groups}, colour, look)
            ax.set(ylabel="test accuracy (%)", xticks=sorted(set(frame["share"])))
            ax.set_title(f"{place.name}, {place.rows['ipc'].iloc[0]} images a class", loc="left")
        figure.axes[-1].set_xlabel("share of the iterations (%)")
        legend(figure, 5)
        describe(figure, "Test accuracy over the share of the iterations.", _say_accuracies(frame, "share"))
    return figure


def matching(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw the matching loss over the iterations, a panel for each method, since each has its own unit."""
    if frame.empty:
        return empty(stamp)
    shades, methods, places = _shades(frame), list(dict.fromkeys(frame["method"])), by_place(frame)
    with canvas(0.8 + 0.85 * _PANEL * len(places), f"{stamp} · one set each") as figure:
        for panels, place in grid(figure, places, len(methods)):
            for ax, method in zip(panels, methods, strict=True):
                for ipc, part in place.rows[place.rows["method"] == method].groupby("ipc"):
                    ax.plot(part["iteration"], part["loss"], color=shades[int(ipc)], linewidth=1)
                ax.set(yscale="log", xlabel="iteration")
                _number_plainly(ax)
                ax.set_title(name_set(method), loc="left")
            panels[0].set_ylabel(f"{place.heading}\nmatching loss" if place.heading else "matching loss")
        legend(figure, len(shades), [entry(f"{ipc} a class", shade) for ipc, shade in shades.items()])
        ends = frame.sort_values("iteration").groupby(["method", "ipc"], sort=False)["loss"].agg(["first", "last"])
        falls = [
            f"{name_set(row['method'])}, {row['ipc']} a class, {row['first']:.3g} to {row['last']:.3g}"
            for row in ends.reset_index().to_dict("records")
        ]
        describe(figure, "Matching loss over the iterations, a panel for each method.", f"It goes: {'; '.join(falls)}.")
    return figure


def _number_plainly(ax: Any) -> None:
    """Label a logarithmic axis with a few plain numbers, however narrow its range."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > _WIDE * low else MaxNLocator(4))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()


def gallery(found: Sequence[Gallery], stamp: str = "") -> Figure:
    """Draw stored images of every optimised set before, during and after, a column for each of the first classes."""
    if not found:
        return empty(stamp)
    shown = [(of, moments(of)) for of in found]
    across = max(len(pictures) for _, pictures in shown)
    heights = [next(iter(pictures.values())).shape[0] / next(iter(pictures.values())).shape[1] for _, pictures in shown]
    side = 6.1 / across
    with canvas(0.55 + sum(side * height + 0.16 for height in heights), stamp) as figure:
        axes = figure.subplots(len(shown), across, squeeze=False, height_ratios=heights)
        several = len({(of.of["dataset"], of.of["model"]) for of in found}) > 1
        for row, (line, (of, pictures)) in enumerate(zip(axes, shown, strict=True)):
            for ax in line:
                ax.set_axis_off()
            for ax, (title, image) in zip(line[-len(pictures) :], pictures.items(), strict=True):
                ax.imshow(image, interpolation="nearest", aspect="equal")
                if row == 0:
                    ax.set_title(title)
            name = f"{name_set(of.of['method'])}\nipc {of.of['ipc']}"
            name += f"\n{of.of['model']}\n{of.of['dataset']}" if several else ""
            look = {"transform": line[0].transAxes, "ha": "right", "va": "center", "fontsize": POINTS}
            line[0].text(-0.03, 0.5, name, **look)
        said = ", ".join(f"{name_set(of.of['method'])} with {of.of['ipc']} images a class" for of in found)
        describe(figure, f"Rows of small images before, during and after distillation: {said}.")
    return figure


def moments(of: Gallery) -> dict[str, np.ndarray]:
    """Pictures of a set's first classes, before, during and after; only after where no snapshots were kept."""
    titles = {0: "before", 100: "after"}
    found = {}
    for share in SHOWN:
        at = -(-of.iterations * share // 100)
        if at in of.images:
            title = titles.get(share, f"after {share} % of the iterations")
            images = of.images[at].reshape(of.classes, -1, *of.images[at].shape[1:])[:_CLASSES, :_EACH]
            some = images.reshape(-1, *images.shape[2:])
            found[title] = picture.grid(some, len(images), space=of.space, sideways=True)
    return found
