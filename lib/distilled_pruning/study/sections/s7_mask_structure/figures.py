"""Where masks prune, what they share, and which weights carry the curvature (2503.17905 sections 4 and 7)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...display import percent
from ...jobs.ways import colour, label
from ..common import dots
from ..common.analyses import layer_names
from ..common.grouping import by_place, count_inits, error_bar, per_init
from ..common.naming import with_series
from ..common.style import FAINT, INK, POINTS, WIDTH, canvas, describe, empty, fold, grid, legend
from .claims import CHANCE, MAGNITUDE_MARGIN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PANEL, _ROW = 2.7, 0.3
_MARKERS = "osD^vP"
_ASKED = ("imp", "distilled")  # the pair that the paper compares
_OVER = dots.Measure("layered_ratio", "shared over chance", 1, 2, zero=False)
_APART = dots.Measure("ks_pruned", "initial magnitudes apart", 1, 3)
_KEPT_BY = {"both": "s", "IMP alone": "o", "distilled alone": "D", "neither": "x"}


def layers(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw the sparsity of every layer, a panel for each sparsity of the whole network."""
    import seaborn as sns

    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    found = per_init(frame, ["layer_sparsity"], ["level", "sparsity", "layer"])
    found = found.assign(layer_sparsity=100 * found["layer_sparsity"])
    places, levels = by_place(found), sorted(set(found["level"]))
    across, _ = fold(min(2, len(levels)), width)
    down = -(-len(levels) // across)
    with canvas(1 + _PANEL * len(places) * down, f"{stamp} · {count_inits(frame)}", width) as figure:
        for panels, place in grid(figure, places, across, down, sharey=True):
            order = layer_names(place.rows)
            for ax in panels[len(levels) :]:
                ax.set_axis_off()
            for ax, level in zip(panels, levels, strict=False):
                part = place.rows[place.rows["level"] == level]
                whole = float(part["sparsity"].iloc[0])
                ax.axhline(100 * whole, color=FAINT, linestyle="--", linewidth=1)
                sns.pointplot(
                    part,
                    x="layer",
                    y="layer_sparsity",
                    hue="series",
                    order=order,
                    hue_order=list(palette),
                    palette=palette,
                    errorbar=error_bar,
                    capsize=0.08,
                    err_kws={"linewidth": 1.2},
                    dodge=0.25,
                    markers=[_MARKERS[i % len(_MARKERS)] for i in range(len(palette))],
                    markersize=4,
                    linewidth=1.2,
                    legend=ax is figure.axes[0],
                    ax=ax,
                )
                ax.set(xlabel="", ylabel="sparsity of the layer (%)" if ax in panels[::across] else "")
                ax.set_xticks(range(len(order)), [name.removesuffix(".weight") for name in order])
                if len(order) > 6:
                    ax.tick_params(axis="x", rotation=90, labelsize=POINTS)
                of = f"{place.heading}, " if place.heading else ""
                ax.set_title(f"{of}network {percent(whole)} sparse")
        named: Any = figure.axes[0]
        legend(figure, axes=[named])
        named.get_legend().remove()
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
    rows = frame.to_dict("records")
    used = [method for method, _ in {(row[method], row[rate]) for row in rows for method, _, rate in sides}]
    pairs = [
        " – ".join(
            label(str(row[method])) + (f", {row[setting]}" if used.count(row[method]) > 1 else "")
            for method, setting, _ in sides
        )
        for row in rows
    ]
    own = [{row["method"], row["other"]} == set(_ASKED) for row in rows]
    ordered = sorted(zip(pairs, own, strict=True), key=lambda pair: not pair[1])
    return frame.assign(series=pairs), {name: INK if asked else FAINT for name, asked in ordered}


def overlap(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw shared survivors over chance, and distances of initial magnitudes, a row for each pair."""
    if frame.empty:
        return empty(stamp)
    frame, palette = with_pairs(frame)
    found = per_init(frame, [_OVER.column, _APART.column], ["level", "sparsity"])
    places = by_place(found)
    across, down = fold(2, width)
    height = 0.6 + dots.panel_height(found["series"].nunique()) * len(places) * down
    with canvas(height, f"{stamp} · {count_inits(frame)}", width) as figure:
        drawn = zip(grid(figure, places, across, down), by_place(frame), strict=True)
        for ((layered, magnitudes), place), every in drawn:
            dots.draw_panel(layered, place.rows, palette, _OVER)
            dots.draw_panel(magnitudes, place.rows, palette, _APART, named=across == 1)
            _shade_chance(layered, every.rows)
            layered.axvline(1, color=FAINT, linewidth=0.8, zorder=1)
            for ax, bound in ((layered, 1 / CHANCE), (layered, CHANCE), (magnitudes, MAGNITUDE_MARGIN)):
                ax.axvline(bound, color=FAINT, linestyle=":", linewidth=1.2, zorder=1)
            layered.set_title(place.heading, loc="left", weight="bold")
        legend(figure, 3, dots.level_entries(found))
        what = "Dot plots with a row for each pair of ways to find masks; 1 is chance."
        dots.describe_means(figure, found, _OVER, what)
    return figure


def _shade_chance(ax: Any, frame: pd.DataFrame) -> None:
    """Shade what independent masks with the same survivors in each layer share in 95 of 100 cases."""
    low, high = (float((frame[end] / frame["expected"]).mean()) for end in ("low", "high"))
    ax.axvspan(low, high, color="#bbbbbb", alpha=0.6, linewidth=0)


def membership(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw the mean magnitude of the Hessian's diagonal by who keeps the weights, a panel for each network.

    Means and intervals over initialisations are those of its logarithm.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    if frame.empty:
        return empty(stamp)
    places, networks = by_place(frame), list(dict.fromkeys(frame["network"]))
    share = dict(zip(frame["level"], frame["sparsity"], strict=True))
    rows = [(level, group) for level in sorted(share) for group in _KEPT_BY]
    across, down = fold(len(networks), width)
    height = 1.1 + (_ROW * len(rows) + 0.9) * len(places) * down
    with canvas(height, f"{stamp} · {count_inits(frame)}", width) as figure:
        for panels, place in grid(figure, places, across, down, sharex=True, sharey=True):
            for ax, network in zip(panels, networks, strict=True):
                part = place.rows[place.rows["network"] == network]
                for y, (level, group) in enumerate(rows):
                    values = part[(part["level"] == level) & (part["kept_by"] == group)]["mean_abs"].dropna()
                    if not values.empty:
                        _draw_group(ax, y, list(values), group)
                ax.set_xscale("log")
                ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                ax.xaxis.set_major_formatter("{x:g}")
                ax.xaxis.set_minor_formatter(NullFormatter())
                of = f"{place.heading}\n" if place.heading and ax is panels[0] else ""
                ax.set(xlabel="mean magnitude", title=f"{of}{network} network")
                ax.set_yticks(range(len(rows)), [f"{100 * share[n]:.0f} %, kept by {group}" for n, group in rows])
        figure.axes[0].invert_yaxis()
        describe(figure, "Mean magnitude of the Hessian diagonal at weights by who keeps them, a panel a network.")
    return figure


def _draw_group(ax: Any, y: float, values: list[float], group: str) -> None:
    """Draw weights kept by one group: initialisations, the mean of their logarithms, and its interval."""
    shade = {"both": INK, "IMP alone": colour("imp"), "distilled alone": colour("distilled")}.get(group, FAINT)
    logs = [math.log(value) for value in values]
    ax.plot(values, [y] * len(values), ".", color=shade, alpha=0.4, markersize=5)
    ax.plot([math.exp(end) for end in error_bar(logs)], [y, y], color=shade, linewidth=1.4)
    ax.plot(math.exp(sum(logs) / len(logs)), y, _KEPT_BY[group], color=shade, markersize=6)
