"""The algorithm, and accuracy over sparsity with the images it took to find the mask (2503.17905 Figs. 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...jobs.ways import colour, label
from ...judging.verdicts import ENOUGH
from ..common.grouping import by_place, count_inits, error_bar, per_init
from ..common.lines import draw_dense, spread
from ..common.naming import mix, with_series
from ..common.style import FAINT, INK, NARROW, POINTS, WIDTH, canvas, describe, empty, fold, grid, legend

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MARKERS = "osD^vP"
_WHITE = "#ffffff"
_WIDE: dict[str, Any] = {  # where the diagram's steps stand, a box by its left, bottom and width
    "size": (92, 36),
    "boxes": (
        (2, 21.5, 18),
        (2, 6.5, 18),
        (28, 18.5, 15),
        (47, 18.5, 15),
        (34, 5.5, 22),
        (70, 18.5, 18),
        (70, 5.5, 18),
    ),
    "loop": (25.5, 3.0, 39, 30),
    "rounds": (45, 30.6),
    "once": (16, 18.25),
    "arrows": (
        ((11, 21.5), (11, 15)),
        ((20, 11.5), (28, 20.5)),
        ((43, 22.75), (47, 22.75)),
        ((55.5, 18.5), (51, 14)),
        ((39, 14), (34.5, 18.5)),
        ((62, 22.75), (70, 22.75)),
        ((79, 18.5), (79, 14)),
    ),
    "past": (((11, 30), (11, 34.8), (90.5, 34.8), (90.5, 9.75)), (88, 9.75)),
}
_TALL: dict[str, Any] = {
    "size": (47.4, 62),
    "boxes": ((3.5, 50, 18), (28, 50, 18), (5, 30, 17), (26.5, 30, 17), (8.5, 16.5, 22), (28, 2, 18), (3.5, 2, 18)),
    "loop": (3, 14.5, 43.5, 31),
    "rounds": (36.5, 42.3),
    "once": (24.7, 60.3),
    "arrows": (
        ((21.5, 54.25), (28, 54.25)),
        ((34, 50), (18, 38.5)),
        ((22, 34.25), (26.5, 34.25)),
        ((31, 30), (26, 25)),
        ((13.5, 25), (13.5, 30)),
        ((39, 30), (39, 10.5)),
        ((28, 6.25), (21.5, 6.25)),
    ),
    "past": (((3.5, 54.25), (1, 54.25), (1, 6.25)), (3.5, 6.25)),
}


def fig1(ipc: int = 10, fraction: float = 0.2, levels: int = 9, width: float = WIDTH) -> Figure:
    """Draw the algorithm: distil once; train, prune and rewind in a loop; train the ticket on real data.

    Args:
        ipc: Stored images per class.
        fraction: Share of the surviving weights a round removes.
        levels: Rounds of pruning.
        width: In inches; on a phone's the loop stands between what goes in and what comes out.
    """
    real, small, network = colour("imp"), colour("distilled"), colour("dense")
    steps = (
        ("Real data", "all training images", real),
        ("Distilled data", f"{ipc} images per class", small),
        ("Train", "on distilled data", small),
        ("Prune", f"smallest {100 * fraction:g} % go", network),
        ("Rewind", "the rest to initialisation", network),
        ("Ticket", "initialisation × mask", network),
        ("Train", "on real data, once", real),
    )
    drawn = _WIDE if width > NARROW else _TALL
    right, top = drawn["size"]
    with canvas(0.2 + top / 12.8, "", width) as figure:
        ax = figure.subplots()
        ax.set(xlim=(0, right), ylim=(0, top))
        ax.axis("off")
        x, y, wide, high = drawn["loop"]
        _frame(ax, x, y, wide, high, mix(small, _WHITE, 0.9), mix(small, _WHITE, 0.5), "--")
        look: dict[str, Any] = {"ha": "center", "va": "center"}
        ax.annotate(f"inner loop, {levels} rounds", drawn["rounds"], fontsize=9.5, color=small, **look)
        for (x, y, wide), step in zip(drawn["boxes"], steps, strict=True):
            _box(ax, x, y, wide, *step)
        ax.annotate("distil once", drawn["once"], fontsize=POINTS, color=FAINT, **look)
        for start, end in drawn["arrows"]:
            _arrow(ax, start, end)
        line, end = drawn["past"]
        ax.plot(*zip(*line, strict=True), color=INK, linewidth=1.4)
        _arrow(ax, line[-1], end)
        describe(
            figure,
            "Diagram. Real data are distilled once; a loop trains on the distilled data, prunes the smallest weights",
            "and rewinds the rest; the resulting ticket is trained once on real data.",
        )
    return figure


def _frame(ax: Any, x: float, y: float, width: float, height: float, face: str, edge: str, line: str = "-") -> None:
    """Draw a rounded rectangle."""
    from matplotlib.patches import FancyBboxPatch

    shape = "round,pad=0,rounding_size=1.4"
    look: dict[str, Any] = {"facecolor": face, "edgecolor": edge, "linewidth": 1.3, "linestyle": line}
    ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, **look))


def _box(ax: Any, x: float, y: float, width: float, title: str, text: str, colour: str) -> None:
    """Draw a step: its name, and what it does in a few words."""
    height, middle = 8.5, x + width / 2
    _frame(ax, x, y, width, height, mix(colour, _WHITE, 0.82), colour)
    ax.text(middle, y + 0.64 * height, title, ha="center", va="center", fontsize=9.5, weight="bold", color=INK)
    ax.text(middle, y + 0.27 * height, text, ha="center", va="center", fontsize=POINTS, color=INK)


def _arrow(ax: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow."""
    look = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.4, "shrinkA": 2, "shrinkB": 2}
    ax.annotate("", end, start, arrowprops=look)


def fig2(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw accuracy over sparsity on the left, images seen to find the mask on the right, a row for each setting."""
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    places, (across, down) = by_place(frame), fold(2, width)
    height = 0.7 + (3.1 if down == 1 else 2.5) * len(places) * down
    with canvas(height, f"{stamp} · {count_inits(frame[_marked(frame)], 'level')}", width) as figure:
        panels = grid(figure, places, across, down, width_ratios=(1.45, 1)[:across])
        for (left, right), place in panels:
            _draw_accuracy(left, place.rows, palette)
            _draw_images(right, place.rows)
            left.set_title(place.heading, loc="left", weight="bold")
        legend(figure, 3, axes=[left for (left, _), _ in panels])
        said = [f"{place.name}: {_say_accuracy(place.rows)}." for place in by_place(frame[_marked(frame)], frame)]
        describe(figure, "Test accuracy over sparsity, and images seen to find the mask.", *said)
    return figure


def _say_accuracy(frame: pd.DataFrame) -> str:
    """Say how accurate each series is at its sparsest level."""
    sparsest = frame[frame["level"] == frame.groupby("series")["level"].transform("max")]
    rows = 100 * sparsest.groupby("series", sort=False)[["accuracy", "sparsity"]].mean()
    return "; ".join(f"{name} {row['accuracy']:.1f} % at {row['sparsity']:.0f} %" for name, row in rows.iterrows())


def _marked(frame: pd.DataFrame) -> pd.Series:
    """Say which rows are of levels with a mark and an interval, not only on the first initialisation's thin line."""
    where = ["dataset", "model", "series"]
    counts = frame.groupby([*where, "level"])["init"].transform("nunique")
    return counts >= counts.groupby([frame[name] for name in where]).transform("max").clip(upper=ENOUGH)


def _draw_accuracy(ax: Any, frame: pd.DataFrame, palette: Mapping[str, str]) -> None:
    """Draw one setting's accuracy; a thin line follows the first initialisation where only it has every level.

    Nothing joins the means of a series, since nothing was measured between.
    """
    found = per_init(frame, ["accuracy"], ["level", "sparsity"])
    found = found.assign(accuracy=100 * found["accuracy"], sparsity=100 * found["sparsity"])
    dense, pruned = found[found["level"] == 0], found[found["level"] > 0]
    if not dense.empty:
        mean = draw_dense(ax, list(dense["accuracy"]))
        ax.annotate(f"{mean:.1f} %", (1, mean), (0, 2), textcoords="offset points", fontsize=POINTS, color=INK)
    if not pruned.empty:
        marks = _marked(pruned)
        thin = {"linewidth": 0.8, "color": FAINT}
        for name, line in (
            () if marks.all() else pruned[pruned["init"] == pruned["init"].min()].groupby("series", sort=False)
        ):
            ax.plot(line["sparsity"], line["accuracy"], **{**thin, "color": palette[str(name)]}, alpha=0.6)
        named = [name for name in palette if name != label("dense")]
        shapes = {name: _MARKERS[n % len(_MARKERS)] for n, name in enumerate(named)}
        for name, rows in spread(pruned[marks]).groupby("series", sort=False):
            levels, shade = rows.groupby("sparsity")["accuracy"], palette[str(name)]
            for sparsity, values in levels:
                ax.plot([sparsity] * 2, error_bar(values), color=shade, linewidth=1.6)
            means = levels.mean()
            ax.plot(means.index, means, shapes[str(name)], color=shade, markersize=6, label=str(name))
        if not marks.all():
            ax.plot([], [], **thin, label="every level, first initialisation")
    ax.set(xlabel="sparsity (%)", ylabel="test accuracy (%)", xlim=(0, 100))


def _draw_images(ax: Any, frame: pd.DataFrame) -> None:
    """Draw how many images the inner loops saw in the colours of the left: decoded ones dashed where they differ."""
    pruned = frame[(frame["level"] > 0) & (frame["points"] > 0)]
    for method, rows in pruned.groupby("method", sort=False):
        seen = rows.groupby("sparsity")[["points", "points_decoded"]].first()
        shade = colour(str(method))
        ax.plot(100 * seen.index, seen["points"], "o-", color=shade, markersize=4)
        if not (seen["points"] == seen["points_decoded"]).all():
            name = f"{label(str(method))}, decoded images"
            ax.plot(100 * seen.index, seen["points_decoded"], "--", color=shade, label=name)
            ax.legend(loc="best")
    if not pruned.empty:
        ax.set_yscale("log")
    ax.set(xlabel="sparsity (%)", ylabel="images seen to find the mask", xlim=(0, 100))
