"""Masks from every source beside each other: how stable, how accurate, how curved, how alike (beyond the papers)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..common import names
from ..common.dots import seen
from ..common.series import with_series
from ..common.style import FAINT, POINTS, canvas, counted, empty, per_init, settings
from ..s4_stability.figures import RISE
from ..s7_mask_structure.figures import layer_names
from .ladders import HEAD, ROW, keys, ladder, threshold

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DIGITS = 9
SMALLEST = 0.5  # per cent of a layer's weights, left end of a logarithmic axis


@dataclass(frozen=True)
class Column:
    """One measure.

    Attributes:
        frame: Name of the frame it is in.
        name: Its column there.
        label: Below the axis.
        factor: From the column to what is drawn.
    """

    frame: str
    name: str
    label: str
    factor: float = 1.0


BANKS = (
    (
        Column("controls", "error_rise", "error rise\n(points)", 100),
        Column("controls", "accuracy", "test accuracy\n(%)", 100),
        Column("controls", "end_loss", "training loss\nat the ends"),
    ),
    (
        Column("controls", "travelled", "inner distance\n(initial norms)"),
        Column("controls", "distance", "distance of the\nretraining"),
        Column("curvatures", "std", "Hessian,\ndeviation (10⁻³)", 1000),
    ),
    (
        Column("curvatures", "mean_abs", "Hessian,\nmagnitude (10⁻³)", 1000),
        Column("kinship", "layered_ratio", "shared with\ndistilled"),
        Column("anatomy", "layer_sparsity", "each layer\nkeeps (%)"),
    ),
)


def likeness(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn comparisons of masks into rows of every mask against the distilled one of the smallest inner rate."""
    import pandas as pd

    if frame.empty:
        return frame
    turned = frame.rename(columns={"other": "method", "other_rate": "rate", "method": "other", "rate": "other_rate"})
    both = pd.concat([frame, turned], ignore_index=True)
    both = both[both["other"] == "distilled"]
    return both[both["other_rate"] == both["other_rate"].min()].assign(collapsed=False)


def controls(
    frame: pd.DataFrame,
    stamp: str = "",
    curvatures: pd.DataFrame | None = None,
    kinship: pd.DataFrame | None = None,
    anatomy: pd.DataFrame | None = None,
) -> Figure:
    """Draw a row for each way to find masks and a column for each measure; filled marks are the sparsest level.

    Small dots are initialisations, large marks their means with intervals, crosses collapsed tickets, in no mean.

    Args:
        frame: As :func:`..controls.controls_frame` gives it.
        stamp: Scale and parameters, for the foot.
        curvatures: As :func:`..controls.curvature_frame` gives it.
        kinship: As :func:`..controls.kinship_frame` gives it.
        anatomy: As :func:`..controls.anatomy_frame` gives it.
    """
    if frame.empty:
        return empty(stamp)
    named, palette = with_series(frame, brief=True)
    frames = {"controls": named}
    for name, other in (("curvatures", curvatures), ("anatomy", anatomy)):
        if other is not None and not other.empty:
            frames[name] = named_as(other.assign(collapsed=other.get("collapsed", False)), named)
    if kinship is not None and not kinship.empty:
        frames["kinship"] = named_as(likeness(kinship), named)
    banks = [bank for bank in BANKS if any(column.frame in frames for column in bank)]
    places = settings(named)
    height = HEAD + ROW * len(palette)
    with canvas(0.5 + height * len(places) * len(banks), f"{stamp} · {counted(named)}") as figure:
        axes = figure.subplots(len(places) * len(banks), len(BANKS[0]), squeeze=False, sharey=True)
        for index, (dataset, model) in enumerate(places):
            here = {
                name: part[(part["dataset"] == dataset) & (part["model"] == model)] for name, part in frames.items()
            }
            for line, bank in zip(axes[index * len(banks) :], banks, strict=False):
                for ax, column in zip(line, bank, strict=True):
                    measure(ax, column, here, palette)
                line[0].set_yticks(range(len(palette)), list(palette))
                line[0].set_ylim(len(palette) - 0.5, -0.5)
                if len(places) > 1:
                    line[0].set_title(names.place((dataset, model)), loc="left")
        if named["level"].max() > 0:
            figure.legend(handles=keys(named), loc="outside upper right", ncols=5)
        rises = per_init(named, ["error_rise"], ["level", "sparsity"])
        seen(figure, rises, RISE, "A row for each way to find masks and nine measures, with dots and intervals.")
    return figure


def named_as(frame: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    """Name the rows of another frame as those of the tickets are named; what is not shown there is left out."""
    known = named.drop_duplicates(["method", "rate"]).set_index(["method", "rate"])["series"]
    return frame.drop(columns="series", errors="ignore").join(known, on=["method", "rate"], how="inner")


def measure(ax: Any, column: Column, frames: dict[str, pd.DataFrame], palette: dict[str, str]) -> None:
    """Draw one column for one dataset and network."""
    ax.set_xlabel(column.label)
    frame = frames.get(column.frame)
    if frame is None or frame.empty:
        ax.text(0.5, 0.5, "not run", transform=ax.transAxes, ha="center", color=FAINT, fontsize=POINTS)
        return
    if column.frame == "anatomy":
        layers(ax, frame, palette)
    else:
        found = per_init(frame, [column.name, "collapsed"], ["level", "sparsity", "method"])
        ladder(ax, found.assign(value=column.factor * found[column.name]), palette)
    if column.name == "error_rise":
        threshold(ax)
    elif column.frame != "anatomy":
        ax.locator_params(axis="x", nbins=3)
    if column.frame == "kinship":
        ax.axvline(1, color=FAINT, linewidth=0.8)


def layers(ax: Any, frame: pd.DataFrame, palette: dict[str, str]) -> None:
    """Write the number of each layer, from the input on, where its share of kept weights is, at the sparsest level."""
    frame = frame[frame["level"] == frame["level"].max()]
    names = layer_names(frame)
    for place in range(0, len(palette), 2):
        ax.axhspan(place - 0.5, place + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    for place, (name, colour) in enumerate(palette.items()):
        part = frame[frame["series"] == name]
        for number, layer in enumerate(names, 1):
            kept = 100 * (1 - part[part["layer"] == layer].groupby("init")["layer_sparsity"].mean())
            mark = f"${number}$" if len(names) <= DIGITS else "."
            for share in kept[:1] * 0 + max(SMALLEST, kept.mean()):
                ax.plot([share], [place + 0.18 * (-1) ** number], marker=mark, color=colour, markersize=7)
    ax.set_xscale("log")
    ax.set_xlim(left=0.8 * ax.dataLim.x0, right=125)
    ticks = [tick for tick in (0.5, 1, 3, 10, 30, 100) if tick >= ax.get_xlim()[0]][-3:]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.grid(visible=False, axis="y")
