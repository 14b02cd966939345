"""Masks from every source beside each other: how stable, how accurate, how curved, how alike (beyond the papers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common import dots
from ..common.analyses import layer_names
from ..common.dots import Measure
from ..common.grouping import by_place, count_inits, per_init
from ..common.lines import set_ticks
from ..common.naming import with_series
from ..common.style import FAINT, POINTS, canvas, describe, empty, grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_DIGITS = 9
_SMALLEST = 0.5  # per cent of a layer's weights, left end of a logarithmic axis
_HEAD = 0.75
_COLUMNS = (  # three banks of three, each measure with the frame it is in
    ("controls", Measure("error_rise", "error rise\n(points)", 100, limit=dots.THRESHOLD)),
    ("controls", Measure("accuracy", "test accuracy\n(%)", 100)),
    ("controls", Measure("end_loss", "training loss\nat the ends")),
    ("controls", Measure("travelled", "inner distance\n(initial norms)")),
    ("controls", Measure("distance", "distance of the\nretraining")),
    ("curvatures", Measure("std", "Hessian,\ndeviation (10⁻³)", 1000)),
    ("curvatures", Measure("mean_abs", "Hessian,\nmagnitude (10⁻³)", 1000)),
    ("kinship", Measure("layered_ratio", "shared with\ndistilled")),
    ("anatomy", Measure("layer_sparsity", "each layer\nkeeps (%)")),
)
_ACROSS = 3
_SWAPPED = {"other": "method", "other_rate": "rate", "other_setting": "setting"}
_SWAPPED |= {own: other for other, own in _SWAPPED.items()}
_MOST = 2.0  # where the colour ends; two masks by the same score share far more than any others


def controls(
    frame: pd.DataFrame,
    stamp: str = "",
    curvatures: pd.DataFrame | None = None,
    kinship: pd.DataFrame | None = None,
    anatomy: pd.DataFrame | None = None,
) -> Figure:
    """Draw a row for each way to find masks and a column for each measure; filled marks are the sparsest level.

    Small dots are initialisations, large marks their means with intervals, crosses collapsed tickets, in no mean. The
    first frame is that of the experiment ``controls``, the others are of those of their names.
    """
    if frame.empty:
        return empty(stamp)
    named, palette = with_series(frame, brief=True)
    frames = {"controls": named}
    for name, other in (("curvatures", curvatures), ("kinship", kinship), ("anatomy", anatomy)):
        if other is not None and not other.empty:
            other = _compare_with_distilled(other) if name == "kinship" else other
            frames[name] = _name_alike(other if "collapsed" in other else other.assign(collapsed=False), named)
    banks = [_COLUMNS[n : n + _ACROSS] for n in range(0, len(_COLUMNS), _ACROSS)]
    columns = [column for bank in banks if any(name in frames for name, _ in bank) for column in bank]
    down, height = len(columns) // _ACROSS, _HEAD + dots.RUNG * len(palette)
    parts = {name: by_place(part, named) for name, part in frames.items()}
    places = parts["controls"]
    with canvas(0.5 + height * len(places) * down, f"{stamp} · {count_inits(named)}") as figure:
        for n, (panels, place) in enumerate(grid(figure, places, _ACROSS, down, sharey=True)):
            for ax, (name, measure) in zip(panels, columns, strict=True):
                rows = parts[name][n].rows if name in parts else place.rows.iloc[:0]
                _draw_measure(ax, name, rows, palette, measure)
            for ax in panels[::_ACROSS]:
                dots.name_rows(ax, list(palette))
                ax.set_title(place.heading, loc="left")
        if named["level"].max() > 0:
            figure.legend(handles=dots.ladder_entries(named), loc="outside upper right", ncols=5)
        rises = per_init(named, ["error_rise"], ["level", "sparsity"])
        what = "A row for each way to find masks and nine measures, with dots and intervals."
        dots.describe_means(figure, rises, dots.RISE, what)
    return figure


def _name_alike(frame: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    """Name the rows of another frame as those of the tickets are named; what is not shown there is left out."""
    known = named.drop_duplicates(["method", "rate"]).set_index(["method", "rate"])["series"]
    return frame.drop(columns="series", errors="ignore").join(known, on=["method", "rate"], how="inner")


def _compare_with_distilled(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn comparisons of masks into rows of every mask against the distilled one of the smallest inner rate."""
    import pandas as pd

    both = pd.concat([frame, frame.rename(columns=_SWAPPED)], ignore_index=True)
    both = both[both["other"] == "distilled"]
    return both[both["other_rate"] == both["other_rate"].min()]


def _draw_measure(ax: Any, name: str, frame: pd.DataFrame, palette: Mapping[str, str], measure: Measure) -> None:
    """Draw one measure of one dataset and network, from a frame of some name."""
    if frame.empty:
        ax.set_xlabel(measure.label)
        ax.text(0.5, 0.5, "not run", transform=ax.transAxes, ha="center", color=FAINT, fontsize=POINTS)
    elif name == "anatomy":
        _draw_layers(ax, frame, palette)
        ax.set_xlabel(measure.label)
    else:
        found = per_init(frame, [measure.column, "collapsed"], ["level", "sparsity", "method"])
        dots.draw_ladder(ax, found, palette, measure, ticks=3)
    if name == "kinship" and not frame.empty:
        ax.axvline(1, color=FAINT, linewidth=0.8)


def _draw_layers(ax: Any, frame: pd.DataFrame, palette: Mapping[str, str]) -> None:
    """Write the number of each layer, from the input on, where its share of kept weights is, at the sparsest level."""
    frame = frame[frame["level"] == frame["level"].max()]
    names = layer_names(frame)
    dots.stripe(ax, len(palette))
    for row, (name, shade) in enumerate(palette.items()):
        means = (
            frame[frame["series"] == name].groupby(["layer", "init"])["layer_sparsity"].mean().groupby("layer").mean()
        )
        for number, layer in enumerate(names, 1):
            if layer in means:
                mark = f"${number}$" if len(names) <= _DIGITS else "."
                share = max(_SMALLEST, 100 * (1 - float(means[layer])))
                ax.plot([share], [row + 0.18 * (-1) ** number], marker=mark, color=shade, markersize=7)
    ax.set_xscale("log")
    ax.set_xlim(left=0.8 * ax.dataLim.x0, right=125)
    set_ticks(ax, [tick for tick in (0.5, 1, 3, 10, 30, 100) if tick >= ax.get_xlim()[0]][-3:])
    ax.grid(visible=False, axis="y")


def kinship(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw shared survivors over chance within layers of every two masks, at the sparsest level."""
    import pandas as pd
    import seaborn as sns

    if frame.empty:
        return empty(stamp)
    frame = frame[frame["level"] == frame["level"].max()]
    both, palette = with_series(pd.concat([frame, frame.rename(columns=_SWAPPED)]), brief=True)
    partners, _ = with_series(both.rename(columns=_SWAPPED), brief=True)
    both = both.assign(partner=partners["series"].to_numpy())
    side, order = 0.33 * len(palette) + 2.4, list(palette)
    share, n = percent(float(frame["sparsity"].iloc[0])), int(frame["init"].nunique())
    places = by_place(both)
    text = f"{stamp} · mean over up to {n} initialisation{'s' if n > 1 else ''}"
    with canvas(side * len(places), text) as figure:
        for (ax,), place in grid(figure, places, 1):
            table = place.rows.pivot_table(index="series", columns="partner", values="layered_ratio")
            table = table.reindex(index=order, columns=order)
            hidden = [[a <= b for b in range(len(order))] for a in range(len(order))]
            sns.heatmap(
                table.iloc[1:, :-1],
                mask=pd.DataFrame(hidden, order, order).iloc[1:, :-1],
                annot=True,
                fmt=".2f",
                annot_kws={"size": POINTS},
                cmap="vlag",
                center=1,
                vmax=_MOST,
                linewidths=0.5,
                cbar_kws={"label": "shared over chance", "shrink": 0.6, "extend": "max"},
                ax=ax,
            )
            ax.set(xlabel="", ylabel="")
            ax.set_title(f"{place.heading}, {share} sparse" if place.heading else f"{share} sparse", loc="left")
            ax.tick_params(labelsize=POINTS, length=0)
            ax.grid(visible=False)
        most = both.sort_values("layered_ratio").iloc[-1]
        alike = f"Most alike are {most['series']} and {most['partner']}, {most['layered_ratio']:.2f} times chance."
        describe(figure, "A triangle of numbers: what every two masks share over chance within layers.", alike)
    return figure
