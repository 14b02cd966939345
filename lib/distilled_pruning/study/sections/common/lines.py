"""Lines: means over initialisations with their intervals, over sparsity, over the weights left, or over anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...jobs.ways import colour, label
from .grouping import error_bar
from .style import MARKERS

if TYPE_CHECKING:
    import pandas as pd

_LOWEST, _HIGHEST = -4, 100
_NUDGE = 0.012


def draw_means(
    ax: Any,
    groups: Mapping[Any, Iterable[float]],
    colour: Any,
    look: Mapping[str, Any],
    *,
    bar: float = 1.2,
    alpha: float = 1.0,
    band: bool = False,
) -> None:
    """Draw means over initialisations and their intervals.

    Args:
        ax: Axes to draw on.
        groups: Place along the axis to one value for each initialisation.
        colour: Of means and intervals.
        look: Of the line through the means.
        bar: Width of an interval's bar.
        alpha: How opaque it is.
        band: Draw the intervals as one band.
    """
    values = {x: list(found) for x, found in groups.items()}
    ax.plot(list(values), [sum(found) / len(found) for found in values.values()], color=colour, **look)
    ends = {x: error_bar(found) for x, found in values.items()}
    if band:
        low, high = zip(*ends.values(), strict=True)
        ax.fill_between(list(ends), low, high, color=colour, alpha=0.16, linewidth=0)
    else:
        for x, bounds in ends.items():
            ax.plot((x, x), bounds, color=colour, linewidth=bar, alpha=alpha, zorder=1.9)  # below all marks


def draw_over_sparsity(
    ax: Any, frame: pd.DataFrame, column: str, palette: Mapping[str, str], label: str, factor: float = 1
) -> None:
    """Draw a column over sparsity, a line for each series.

    Args:
        ax: Axes to draw on.
        frame: One value for each series, initialisation and sparsity.
        column: What to draw.
        palette: Series to colour.
        label: What the vertical axis says.
        factor: From the column to what is drawn.
    """
    import seaborn as sns

    sns.lineplot(
        spread(frame.assign(**{column: factor * frame[column], "sparsity": 100 * frame["sparsity"]})),
        x="sparsity",
        y=column,
        hue="series",
        style="series",
        palette=dict(palette),
        hue_order=list(palette),
        style_order=list(palette),
        markers=True,
        dashes=False,
        errorbar=error_bar,
        err_style="bars",
        err_kws={"capsize": 3, "linewidth": 1.2},
        ax=ax,
    )
    ax.set(xlabel="sparsity (%)", ylabel=label, xlim=(_LOWEST, _HIGHEST))
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()


def spread(frame: pd.DataFrame) -> pd.DataFrame:
    """Move series that share a sparsity, in per cent, apart by a hair, so that their error bars can be told apart."""
    names = [name for name in dict.fromkeys(frame["series"]) if name != label("dense")]
    shift = {name: 0.9 * (i - (len(names) - 1) / 2) for i, name in enumerate(names)} | {label("dense"): 0.0}
    return frame.assign(sparsity=frame["sparsity"] + frame["series"].map(shift))


def draw_over_weights(ax: Any, frame: pd.DataFrame, palette: Mapping[str, str]) -> None:
    """Draw accuracy over the weights left, both in per cent: a line for each series but the dense network.

    Args:
        ax: Axes to draw on.
        frame: One value for each series, initialisation and level.
        palette: Series to colour.
    """
    for place, (name, shade) in enumerate(palette.items()):
        part = frame[(frame["series"] == name) & (frame["level"] > 0)]
        if part.empty:
            continue
        levels = [rows for _, rows in part.groupby("level")]
        nudge = 1 + _NUDGE * (place - (len(palette) - 1) / 2)
        groups = {100 * (1 - float(rows["sparsity"].iloc[0])) * nudge: 100 * rows["accuracy"] for rows in levels}
        look = {"marker": MARKERS[place % len(MARKERS)], "linewidth": 1.6, "markersize": 4.5, "label": name}
        draw_means(ax, groups, shade, look, bar=1.0, alpha=0.75)


def scale_weights(ax: Any, least: float) -> None:
    """Make the axis of the weights left logarithmic, so that levels stand at equal distances.

    Args:
        ax: Axes drawn on.
        least: Per cent of the weights at which it ends.
    """
    ax.set_xscale("log")
    ax.set_xlim(112, least / 1.12)
    wanted = (100, 50, 20, 10, 5, 2, 1) if least > 1 else (100, 10, 1, 0.1)
    set_ticks(ax, [tick for tick in wanted if tick >= least / 1.12])
    ax.set_xlabel("weights left (%)")


def set_ticks(ax: Any, ticks: Sequence[float], axis: str = "x") -> None:
    """Set plain numbers along an axis, and nothing between them."""
    place = ax.set_xticks if axis == "x" else ax.set_yticks
    place(ticks, [f"{tick:.10g}".replace("-", "−") for tick in ticks])
    ax.minorticks_off()


def draw_dense(ax: Any, accuracies: Sequence[float], name: str = "") -> float:
    """Draw the dense network's accuracy, in per cent, across a panel with its interval; give its mean."""
    mean = sum(accuracies) / len(accuracies)
    grey = colour("dense")
    ax.axhspan(*error_bar(accuracies), color=grey, alpha=0.15, linewidth=0)
    ax.axhline(mean, color=grey, linestyle="--", linewidth=1.3, label=name or label("dense"))
    return mean
