"""Where masks prune and what they share (2503.17905 sections 4 and 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common.series import with_series
from ..common.style import FAINT, NAMES, POINTS, canvas, counted, empty, per_init, settings, student
from ..common.trends import legend, trend
from ..s4_2_hessian.claims import CHANCE, MAGNITUDE_MARGIN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANEL = 2.7
MARKERS = "osD^vP"
PAIRS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5f5f5f", "#7b3294", "#a6761d", "#1b7837")


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
            names = layer_names(here)
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
                    order=names,
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
                ax.set_xticks(range(len(names)), [name.removesuffix(".weight") for name in names])
                if len(names) > 6:
                    ax.tick_params(axis="x", rotation=90, labelsize=POINTS)
                head = f"network {percent(whole / 100)} sparse"
                ax.set_title(head if len(places) == 1 else f"{model} on {dataset}, {head}")
        legend(figure, axes[:, 0])
        axes[0, 0].get_legend().remove()
    return figure


def with_pairs(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Add the column ``series``, the two ways to find masks that are compared.

    Returns:
        The frame, and pair to colour in the order of the rows.
    """
    sides = (("method", "setting", "rate"), ("other", "other_setting", "other_rate"))
    used: dict[str, set[float]] = {}
    for method, _, rate in sides:
        for name, value in zip(frame[method], frame[rate], strict=True):
            used.setdefault(name, set()).add(float(value))
    names = []
    for row in frame.to_dict("records"):
        pair = [
            NAMES.get(str(row[method]), str(row[method])) + (f", {row[setting]}" if len(used[row[method]]) > 1 else "")
            for method, setting, _ in sides
        ]
        names.append(" – ".join(pair))
    palette = {name: PAIRS[i % len(PAIRS)] for i, name in enumerate(dict.fromkeys(names))}
    return frame.assign(series=names), palette


def overlap(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw shared survivors over chance, in the whole network and within layers, and distances of initial magnitudes.

    Args:
        frame: As :func:`..analyses.overlap_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_pairs(frame)
    found = per_init(frame, ["ratio", "layered_ratio", "ks_pruned"], ["level", "sparsity"])
    found = found.assign(sparsity=100 * found["sparsity"])
    places = settings(found)
    with canvas(1.3 + PANEL * len(places), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(len(places), 3, squeeze=False, sharex=True)
        for line, (dataset, model) in zip(axes, places, strict=True):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            whole, layered, magnitudes = line
            trend(whole, here, "ratio", palette, "shared survivors over chance")
            trend(layered, here, "layered_ratio", palette, "")
            trend(magnitudes, here, "ks_pruned", palette, "distance of distributions")
            chance(layered, frame[(frame["dataset"] == dataset) & (frame["model"] == model)])
            for ax in (whole, layered):
                ax.axhline(1, color=FAINT, linewidth=0.8)
            for bound in (1 / CHANCE, CHANCE):
                layered.axhline(bound, color=FAINT, linestyle=":", linewidth=1.2)
            low, high = (f([*whole.get_ylim(), *layered.get_ylim()]) for f in (min, max))
            whole.set_ylim(low, high)
            layered.set_ylim(low, high)
            magnitudes.axhline(MAGNITUDE_MARGIN, color=FAINT, linestyle=":", linewidth=1.2)
            magnitudes.set_ylim(bottom=0)
            place = f"{model} on {dataset}: " if len(places) > 1 else ""
            for ax, head in zip(line, ("whole network", "within layers", "initial magnitudes"), strict=True):
                ax.set_title(f"{place}{head}" if ax is whole else head)
        legend(figure, axes[:, 0], most=2)
    return figure


def chance(ax: Any, frame: pd.DataFrame) -> None:
    """Shade what independent masks with the same survivors in each layer share in 95 of 100 cases."""
    bounds = frame.assign(low=frame["low"] / frame["expected"], high=frame["high"] / frame["expected"])
    means = bounds.groupby("sparsity")[["low", "high"]].mean()
    ax.fill_between(100 * means.index, means["low"], means["high"], color="#bbbbbb", alpha=0.6, linewidth=0)
