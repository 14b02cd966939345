"""Accuracy over sparsity, and the images it took to find the mask (2503.17905 Fig. 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...judging.verdicts import ENOUGH
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
    spread,
    student,
)
from ..common.trends import legend

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MARKERS = "osD^vP"


def fig2(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw accuracy over sparsity on the left, images seen to find the mask on the right, a row for each setting.

    Args:
        frame: As :func:`..experiments.fig2_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    rows = settings(frame)
    with canvas(0.7 + 3.1 * len(rows), f"{stamp} · {counted(frame[marked(frame)], 'level')}") as figure:
        axes = figure.subplots(len(rows), 2, squeeze=False, width_ratios=(1.45, 1))
        for (left, right), (dataset, model) in zip(axes, rows, strict=True):
            part = frame[(frame["dataset"] == dataset) & (frame["model"] == model)]
            accuracy(left, part, palette)
            points(right, part)
            if len(rows) > 1:
                left.set_title(names.place((dataset, model)), loc="left", weight="bold")
        legend(figure, axes[:, 0], 3)
        describe(figure, "Test accuracy over sparsity, and images seen to find the mask.", *_seen(frame))
    return figure


def _seen(frame: pd.DataFrame) -> list[str]:
    """Say how accurate each series is at its sparsest level with several initialisations."""
    said = []
    for place in settings(frame):
        part = frame[marked(frame) & (frame["dataset"] == place[0]) & (frame["model"] == place[1])]
        sparsest = part[part["level"] == part.groupby("series")["level"].transform("max")]
        rows = sparsest.groupby("series", sort=False)[["accuracy", "sparsity"]].mean()
        parts = [
            f"{name} {100 * row['accuracy']:.1f} % at {100 * row['sparsity']:.0f} %" for name, row in rows.iterrows()
        ]
        said.append(f"{names.place(place)}: {'; '.join(parts)}.")
    return said


def marked(frame: pd.DataFrame) -> pd.Series:
    """Say which rows are of levels with a mark and an interval, not only on the first initialisation's thin line."""
    where = [name for name in ("dataset", "model", "series") if name in frame]
    counts = frame.groupby([*where, "level"])["init"].transform("nunique")
    return counts >= counts.groupby([frame[name] for name in where]).transform("max").clip(upper=ENOUGH)


def accuracy(ax: Any, frame: pd.DataFrame, palette: dict[str, str]) -> None:
    """Draw one setting's accuracy; a thin line follows the first initialisation where only it has every level."""
    found = per_init(frame, ["accuracy"], ["level", "sparsity"]).assign(
        accuracy=lambda f: 100 * f["accuracy"], sparsity=lambda f: 100 * f["sparsity"]
    )
    dense, pruned = found[found["level"] == 0], found[found["level"] > 0]
    if not dense.empty:
        mean = dense["accuracy"].mean()
        ax.axhspan(*student(list(dense["accuracy"])), color=COLOURS["dense"], alpha=0.15, linewidth=0)
        ax.axhline(mean, color=COLOURS["dense"], linestyle="--", linewidth=1.3, label=NAMES["dense"])
        ax.annotate(f"{mean:.1f} %", (1, mean), (0, 2), textcoords="offset points", fontsize=POINTS, color=INK)
    if not pruned.empty:
        marks = marked(pruned)
        every = not marks.all()
        if every:
            first = pruned[pruned["init"] == pruned["init"].min()]
            for name in dict.fromkeys(first["series"]):
                line = first[first["series"] == name]
                ax.plot(line["sparsity"], line["accuracy"], color=palette[name], linewidth=0.8, alpha=0.6)
        for place, (name, rows) in enumerate(spread(pruned[marks]).groupby("series", sort=False)):
            dots(ax, rows, palette[str(name)], MARKERS[place % len(MARKERS)], str(name))
        if every:
            ax.plot([], [], color=FAINT, linewidth=0.8, label="every level, first initialisation")
    ax.set(xlabel="sparsity (%)", ylabel="test accuracy (%)", xlim=(0, 100))


def dots(ax: Any, frame: pd.DataFrame, colour: str, marker: str, name: str) -> None:
    """Draw the means of a series with their intervals; nothing joins them, since nothing was measured between."""
    for sparsity, rows in frame.groupby("sparsity"):
        ax.plot([sparsity] * 2, student(list(rows["accuracy"])), color=colour, linewidth=1.6)
    means = frame.groupby("sparsity")["accuracy"].mean()
    ax.plot(means.index, means, marker, color=colour, markersize=6, label=name)


def points(ax: Any, frame: pd.DataFrame) -> None:
    """Draw how many images the inner loops saw in the colours of the left: decoded ones dashed where they differ."""
    pruned = frame[(frame["level"] > 0) & (frame["points"] > 0)]
    for method in dict.fromkeys(pruned["method"]):
        seen = pruned[pruned["method"] == method].groupby("sparsity")[["points", "points_decoded"]].first()
        colour, name = COLOURS[method], NAMES.get(method, method)
        ax.plot(100 * seen.index, seen["points"], "o-", color=colour, markersize=4)
        if not (seen["points"] == seen["points_decoded"]).all():
            ax.plot(100 * seen.index, seen["points_decoded"], "--", color=colour, label=f"{name}, decoded images")
            ax.legend(loc="best")
    if not pruned.empty:
        ax.set_yscale("log")
    ax.set(xlabel="sparsity (%)", ylabel="images seen to find the mask", xlim=(0, 100))
