"""Loss along the line between two retrainings, and its barrier (2503.17905 Figs. 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...display import percent
from ...jobs.ways import colour, label
from ..common import dots
from ..common.grouping import Place, by_place, count_inits, per_init
from ..common.lines import draw_means
from ..common.naming import enumerate_values, with_series
from ..common.style import INK, POINTS, WIDTH, canvas, describe, empty, entry, fold, grid, legend
from ..common.tickets import EQUAL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PANEL = 2.3
_PAPER = {"distilled": "paper: flat", "imp": "paper: a ridge"}  # in the paper's order
_SAID_OF = ("convnet3", "resnet10")  # the networks whose distilled subnetworks it calls fully connected
_SLIDE, _ROOM, _TOLERANCE = 2.7, 1.06, 1e-6
_SIDE, _ACROSS = 3.1, 2
_ANGLE = {"elev": 24, "azim": -58}


def _select_papers(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of the paper's three networks at its rate; of all there are where either of its two methods is missing."""
    own = frame[frame["method"].isin(("dense", *_PAPER)) & frame["setting"].isin(("", EQUAL))]
    return own if set(_PAPER) <= set(own["method"]) else frame


def _select_series(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of a series, and the dense network's as its level 0."""
    return frame[(frame["series"] == name) | (frame["level"] == 0)]


def _list_pruned(palette: Mapping[str, str]) -> list[str]:
    """Series that get a panel of their own: all but the dense network, unless there is nothing else."""
    return [name for name in palette if name != label("dense")] or list(palette)


def _name_split(frame: pd.DataFrame) -> str:
    return "training" if frame["split"].iloc[0] == "train" else "test"


def fig3(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw loss along the line as the paper orders it: distilled pruning, IMP, and both at the highest sparsity."""
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(_select_papers(frame))
    means = per_init(frame, ["loss"], ["level", "sparsity", "alpha"])
    places, shades = by_place(means), _colour_levels(frame)
    methods = dict(zip(frame["series"], frame["method"], strict=True))
    order = {method: rank for rank, method in enumerate(_PAPER)}
    shown = sorted(_list_pruned(palette), key=lambda name: order.get(methods[name], len(order)))
    count = len(shown) + (len(shown) > 1)
    across, down = fold(count, width)
    with canvas(0.8 + _PANEL * len(places) * down, f"{stamp} · {count_inits(frame)}", width) as figure:
        for panels, place in grid(figure, places, across, down, sharex=True):
            for ax, name in zip(panels, shown, strict=False):
                for level, part in _select_series(place.rows, name).groupby("level"):
                    _draw_line(ax, part, "loss", shades[int(str(level))])
                of_paper = methods[name] in _PAPER and set(place.rows["model"]) <= set(_SAID_OF)
                said = f" ({_PAPER[methods[name]]})" if of_paper else ""
                ax.set_title(name + said, loc="left", fontsize=10)
            for ax in panels[len(shown) :]:
                _draw_both(ax, place.rows, shown, palette)
            top = float(place.rows.groupby(["series", "level", "alpha"])["loss"].mean().max())
            for ax in panels:
                ax.set(xlim=(0, 1), ylim=(0, 1.25 * top))
                ax.set_xticks((0, 0.5, 1), ("0", "½", "1"))
            for ax in panels[::across]:
                heading = f"{place.heading}\n" if place.heading else ""
                ax.set_ylabel(f"{heading}{_name_split(frame)} loss (nats)")
        for ax in figure.axes[-across:]:
            ax.set_xlabel("position α along the line")
        legend(figure, 6, _level_entries(frame, shades))
        what = "Loss on the line between two trained networks, a panel for each way to find masks."
        describe(figure, what, *map(_say_rises, places))
    return figure


def _draw_both(ax: Any, means: pd.DataFrame, shown: Sequence[str], palette: Mapping[str, str]) -> None:
    """Draw all ways to find masks at the highest sparsity in one panel, each named at its line."""
    level = int(means["level"].max())
    at = means[means["level"] == level]
    starts = at[at["alpha"] == at["alpha"].min()].groupby("series")["loss"].mean()
    for name in (name for name in shown if name in starts.index):
        _draw_line(ax, at[at["series"] == name], "loss", palette[name])
        upper, place = float(starts[name]) == float(starts.max()), (0.02, float(starts[name]))
        look = {"va": "bottom" if upper else "top", "fontsize": POINTS, "color": palette[name]}
        ax.annotate(name, place, (0, 9 if upper else -9), textcoords="offset points", **look)
    title = f"Both, {percent(float(at['sparsity'].iloc[0]))} sparse" if level else "Both"
    ax.set_title(title, loc="left", fontsize=10)


def _say_rises(place: Place) -> str:
    """Say how high each line rises in its middle over its ends."""
    parts = []
    for (series, sparsity), part in place.rows.groupby(["series", "sparsity"], sort=False):
        mean = part.groupby("alpha")["loss"].mean()
        rise = float(mean.iloc[len(mean) // 2]) - (float(mean.iloc[0]) + float(mean.iloc[-1])) / 2
        parts.append(f"{series}{f' at {percent(float(str(sparsity)))}' if sparsity else ''} {rise:.2f}")
    return f"{place.name}, rise of the loss in the middle in nats: {', '.join(parts)}."


def _sparsities(frame: pd.DataFrame) -> dict[int, float]:
    """Level to sparsity, from the densest on."""
    return dict(sorted(set(zip(map(int, frame["level"]), map(float, frame["sparsity"]), strict=True))))


def _colour_levels(frame: pd.DataFrame) -> dict[int, Any]:
    """Colour levels by sparsity, the dense network grey."""
    import seaborn as sns

    shades = sns.color_palette("viridis_r", as_cmap=True)
    return {level: shades(0.12 + 0.83 * s) if level else colour("dense") for level, s in _sparsities(frame).items()}


def _level_entries(frame: pd.DataFrame, shades: Mapping[int, Any]) -> list[Any]:
    """Legend entries for the levels."""
    names = {level: f"{percent(share)} sparse" if level else "dense" for level, share in _sparsities(frame).items()}
    return [entry(names[level], shade, linestyle="-" if level else "--") for level, shade in shades.items()]


def _draw_line(ax: Any, means: pd.DataFrame, value: str, shade: Any) -> None:
    """Draw the mean over initialisations along the line, and its interval; of the dense network dashed."""
    dashed = "--" if shade == colour("dense") else "-"
    groups = dict(iter(means.groupby("alpha")[value]))
    draw_means(ax, groups, shade, {"linestyle": dashed, "linewidth": 1.8}, band=True)


def fig3_levels(frame: pd.DataFrame, stamp: str = "") -> dict[str, Figure]:
    """Draw loss and accuracy along the line, all ways to find masks in one panel, once for every sparsity.

    The axes are the same in all pictures, and the dense network is in each; in the first it is alone.

    Returns:
        What each picture shows, to the picture, from the densest on.
    """
    if frame.empty:
        return {"nothing yet": empty(stamp)}
    frame, palette = with_series(frame.assign(accuracy=100 * frame["accuracy"]))
    means = per_init(frame, ["loss", "accuracy"], ["level", "sparsity", "alpha"])
    top, bottom = _ROOM * float(means["loss"].max()), float(means["accuracy"].min())
    limits = {"loss": (0.0, top), "accuracy": (bottom - (_ROOM - 1) * (100 - bottom), 100.0)}
    labels = {"loss": f"{_name_split(frame)} loss (nats)", "accuracy": f"{_name_split(frame)} accuracy (%)"}
    looks = {column: {"ylim": limits[column], "ylabel": labels[column]} for column in labels}
    text = f"{stamp} · {count_inits(frame)}"
    return {
        f"{percent(share)} sparse (level {level})" if level else "dense": _draw_level(
            means[means["level"].isin((0, level))], palette, looks, text
        )
        for level, share in _sparsities(frame).items()
    }


def _draw_level(
    means: pd.DataFrame, palette: Mapping[str, str], looks: Mapping[str, Mapping[str, Any]], text: str
) -> Figure:
    """Draw one sparsity: a row for each dataset and network, loss on the left, accuracy on the right."""
    places = by_place(means)
    with canvas(1.1 + _SLIDE * len(places), text) as figure:
        for panels, place in grid(figure, places, 2, sharex=True):
            for ax, (column, look) in zip(panels, looks.items(), strict=True):
                for name, shade in palette.items():
                    part = place.rows[place.rows["series"] == name]
                    if len(part):
                        _draw_line(ax, part, column, shade)
                ax.set(xlabel="position α along the line", xlim=(0, 1), **look)
                ax.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
            panels[0].set_title(place.heading, loc="left")
        lines = {name: "--" if name == label("dense") else "-" for name in palette}
        legend(figure, 3, [entry(name, shade, linestyle=lines[name]) for name, shade in palette.items()])
        middle = means[(means["alpha"] - 0.5).abs() < _TOLERANCE].groupby("series", sort=False)["loss"].mean()
        said = enumerate_values(middle, "{:.2f}")
        describe(figure, f"Loss and accuracy along the line; loss halfway: {said} nats.")
    return figure


def fig3_surfaces(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw a surface for each way to find masks: loss over position and sparsity, mean over initialisations.

    The dense network is the slice at sparsity 0. Slices that were measured are drawn as lines; between them the surface
    is straight.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    columns = _list_pruned(palette)
    across = min(len(columns), _ACROSS)
    down = -(-len(columns) // across)
    means = per_init(frame, ["loss"], ["level", "sparsity", "alpha"])
    top = float(means.groupby(["dataset", "model", "series", "level", "alpha"])["loss"].mean().max())
    n, places = int(frame["init"].nunique()), by_place(means)
    text = f"{stamp} · mean over {n} initialisation{'s' if n > 1 else ''}"
    with canvas(0.5 + _SIDE * down * len(places), text) as figure:
        for index, place in enumerate(places):
            for column, name in enumerate(columns):
                position = index * down * across + column + 1
                ax = figure.add_subplot(down * len(places), across, position, projection="3d")
                _draw_surface(ax, _select_series(place.rows, name), top)
                ax.set_zlabel(f"{_name_split(frame)} loss (nats)", labelpad=2)
                ax.set_title(f"{name}\n{place.heading}" if place.heading else name, y=1.0)
        describe(figure, f"Surfaces of the loss over position and sparsity; the highest is at {top:.2f} nats.")
    return figure


def _draw_surface(ax: Any, frame: pd.DataFrame, top: float) -> None:
    """Draw loss over position and sparsity, up to a loss."""
    import numpy as np
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    grid = frame.pivot_table(index="sparsity", columns="alpha", values="loss")
    alphas, shares = np.meshgrid(grid.columns, 100 * np.asarray(grid.index))
    if len(grid) > 1:
        crest = {"cmap": sns.color_palette("crest", as_cmap=True), "vmin": 0, "vmax": top}
        ax.plot_surface(alphas, shares, grid.to_numpy(), alpha=0.75, linewidth=0, rcount=200, ccount=200, **crest)
    for share, losses in zip(shares[:, 0], grid.to_numpy(), strict=True):
        shade = colour("dense") if share == 0 else INK
        ax.plot(grid.columns, np.full(len(losses), share), losses, color=shade, linewidth=1.1)
    ax.set(xlabel="position α", ylabel="sparsity (%)", zlim=(0, 1.05 * top))
    ax.tick_params(labelsize=POINTS, pad=0)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.view_init(**_ANGLE)
    ax.set_box_aspect((1, 1, 0.8), zoom=0.8)


def barriers(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw the rise of the error halfway, a row for each way to find masks; collapsed ones are left out."""
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame[~frame["collapsed"].astype(bool)])
    found = per_init(frame, ["error_rise"], ["level", "sparsity"])
    places = by_place(found)
    heights = [dots.panel_height(place.rows["series"].nunique()) for place in places]
    with canvas(0.6 + 0.2 * len(places) + sum(heights), f"{stamp} · {count_inits(frame)}", width) as figure:
        for (ax,), place in grid(figure, places, 1, height_ratios=heights):
            dots.draw_panel(ax, place.rows, palette, dots.RISE)
            ax.set_title(place.heading, loc="left", pad=16, weight="bold")
        legend(figure, 3, dots.level_entries(found))
        what = "Dot plot with a row for each way to find masks; left of 2 points is stable."
        dots.describe_means(figure, found, dots.RISE, what)
    return figure
