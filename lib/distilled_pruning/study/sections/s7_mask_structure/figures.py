"""Where masks prune and what they share (2503.17905 sections 4 and 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common import names
from ..common.dots import Measure, height, keys, panel, seen
from ..common.series import with_series
from ..common.style import (
    FAINT,
    INK,
    NAMES,
    NARROW,
    POINTS,
    WIDTH,
    canvas,
    counted,
    describe,
    empty,
    per_init,
    settings,
    student,
)
from ..common.trends import above, legend
from .claims import CHANCE, MAGNITUDE_MARGIN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANEL = 2.7
MARKERS = "osD^vP"
ASKED = ("imp", "distilled")  # the pair that the paper compares
OVER = Measure("layered_ratio", "shared over chance", 1, 2, zero=False)
APART = Measure("ks_pruned", "initial magnitudes apart", 1, 3)


def layer_names(frame: pd.DataFrame) -> list[str]:
    """Layers from input to output: the head comes last, the others are named in order."""
    return sorted(set(frame["layer"]), key=lambda name: (name.startswith("head"), name))


def layers(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw the sparsity of every layer, a panel for each sparsity of the whole network.

    Args:
        frame: As :func:`..analyses.layer_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    import seaborn as sns

    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    found = per_init(frame, ["layer_sparsity"], ["level", "sparsity", "layer"])
    found = found.assign(layer_sparsity=100 * found["layer_sparsity"])
    places = settings(found)
    levels = sorted(set(found["level"]))
    across = min(2, len(levels))
    down = -(-len(levels) // across)
    with canvas(1 + PANEL * len(places) * down, f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(down * len(places), across, squeeze=False, sharey=True)
        for index, (dataset, model) in enumerate(places):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            order = layer_names(here)
            panels = axes[index * down : (index + 1) * down].flatten()
            for ax in panels[len(levels) :]:
                ax.set_axis_off()
            for place, (ax, level) in enumerate(zip(panels, levels, strict=False)):
                part = here[here["level"] == level]
                whole = 100 * float(part["sparsity"].iloc[0])
                ax.axhline(whole, color=FAINT, linestyle="--", linewidth=1)
                sns.pointplot(
                    part,
                    x="layer",
                    y="layer_sparsity",
                    hue="series",
                    order=order,
                    hue_order=list(palette),
                    palette=palette,
                    errorbar=student,
                    capsize=0.08,
                    err_kws={"linewidth": 1.2},
                    dodge=0.25,
                    markers=[MARKERS[i % len(MARKERS)] for i in range(len(palette))],
                    markersize=4,
                    linewidth=1.2,
                    legend=place == 0 and index == 0,
                    ax=ax,
                )
                ax.set(xlabel="", ylabel="" if place % across else "sparsity of the layer (%)")
                ax.set_xticks(range(len(order)), [name.removesuffix(".weight") for name in order])
                if len(order) > 6:
                    ax.tick_params(axis="x", rotation=90, labelsize=POINTS)
                head = f"network {percent(whole / 100)} sparse"
                ax.set_title(head if len(places) == 1 else f"{names.place((dataset, model))}, {head}")
        legend(figure, axes[:, 0])
        axes[0, 0].get_legend().remove()
        spans = found.groupby(["series", "sparsity"], sort=False)["layer_sparsity"].agg(["min", "max"])
        parts = [
            f"{row['series']} at {percent(row['sparsity'])}: {row['min']:.0f} to {row['max']:.0f} %"
            for row in spans.reset_index().to_dict("records")
        ]
        describe(figure, "Sparsity of each layer, a panel for each of the whole.", f"Layers: {'; '.join(parts)}.")
    return figure


def with_pairs(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Add the column ``series``, the two ways to find masks that are compared.

    Returns:
        The frame, and pair to colour, the paper's first; pairs are no method, so no method's colour is theirs.
    """
    sides = (("method", "setting", "rate"), ("other", "other_setting", "other_rate"))
    used: dict[str, set[float]] = {}
    for method, _, rate in sides:
        for name, value in zip(frame[method], frame[rate], strict=True):
            used.setdefault(name, set()).add(float(value))
    pairs = []
    for row in frame.to_dict("records"):
        pair = [
            NAMES.get(str(row[method]), str(row[method])) + (f", {row[setting]}" if len(used[row[method]]) > 1 else "")
            for method, setting, _ in sides
        ]
        pairs.append(" – ".join(pair))
    asked = [{row["method"], row["other"]} == set(ASKED) for row in frame.to_dict("records")]
    palette = {
        name: INK if own else FAINT for name, own in sorted(zip(pairs, asked, strict=True), key=lambda of: not of[1])
    }
    return frame.assign(series=pairs), palette


def overlap(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw shared survivors over chance, and distances of initial magnitudes, a row for each pair.

    Args:
        frame: As :func:`..analyses.overlap_frame` gives it.
        stamp: Scale, for the foot.
        width: In inches; on a phone's, panels stand below each other.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_pairs(frame)
    found = per_init(frame, [OVER.column, APART.column], ["level", "sparsity"])
    places, across = settings(found), 2 if width > NARROW else 1
    down = 2 * len(places) // across
    tall = height(found["series"].nunique())
    with canvas(0.6 + tall * down, f"{stamp} · {counted(frame)}", width) as figure:
        axes = figure.subplots(down, across, squeeze=False).flatten()
        for index, place in enumerate(places):
            here = found[(found["dataset"] == place[0]) & (found["model"] == place[1])]
            layered, magnitudes = axes[2 * index : 2 * index + 2]
            panel(layered, here, palette, OVER)
            panel(magnitudes, here, palette, APART, named=across == 1)
            chance(layered, frame[(frame["dataset"] == place[0]) & (frame["model"] == place[1])])
            layered.axvline(1, color=FAINT, linewidth=0.8)
            for bound in (1 / CHANCE, CHANCE):
                layered.axvline(bound, color=FAINT, linestyle=":", linewidth=1.2)
            magnitudes.axvline(MAGNITUDE_MARGIN, color=FAINT, linestyle=":", linewidth=1.2)
            if len(places) > 1:
                layered.set_title(names.place(place), loc="left", weight="bold")
        above(figure, keys(found), 3)
        seen(figure, found, OVER, "Dot plots with a row for each pair of ways to find masks; 1 is chance.")
    return figure


def chance(ax: Any, frame: pd.DataFrame) -> None:
    """Shade what independent masks with the same survivors in each layer share in 95 of 100 cases."""
    bounds = frame.assign(low=frame["low"] / frame["expected"], high=frame["high"] / frame["expected"])
    ax.axvspan(float(bounds["low"].mean()), float(bounds["high"].mean()), color="#bbbbbb", alpha=0.6, linewidth=0)
