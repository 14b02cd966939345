"""Loss along the line between two retrainings, and its barrier (2503.17905 Figs. 3 and 4)."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Literal

from ...display import percent
from ...judging.verdicts import INSTABILITY_THRESHOLD
from ..common.series import with_series
from ..common.style import COLOURS, FAINT, NAMES, canvas, counted, empty, per_init, settings, student
from ..common.trends import above, legend, trend

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANEL, ACROSS = 2.5, 3
TITLE = 30  # letters of a title that a third of the page has room for


def with_dense(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of a series, and the dense network's as its level 0."""
    return frame[(frame["series"] == name) | (frame["level"] == 0)]


def panels(frame: pd.DataFrame, palette: dict[str, str]) -> list[str]:
    """Series that get a panel of their own: all but the dense network, unless there is nothing else."""
    drawn = [name for name in palette if name in set(frame["series"])]
    return [name for name in drawn if name != NAMES["dense"]] or drawn


def fig3(frame: pd.DataFrame, stamp: str = "", value: str = "loss") -> Figure:
    """Draw loss along the line: a panel for each way to find masks, a line for each level, the dense network in grey.

    Args:
        frame: As :func:`..experiments.fig3_frame` gives it.
        stamp: Scale and parameters, for the foot.
        value: ``"loss"`` or ``"accuracy"``.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    rows = settings(frame)
    split = "training" if frame["split"].iloc[0] == "train" else "test"
    factor = 100 if value == "accuracy" else 1
    label = f"{split} accuracy (%)" if value == "accuracy" else f"{split} loss (nats)"
    means = per_init(frame.assign(**{value: factor * frame[value]}), [value], ["level", "sparsity", "alpha"])
    wholes = [means[(means["dataset"] == dataset) & (means["model"] == model)] for dataset, model in rows]
    names = [panels(whole, palette) for whole in wholes]
    across = min(ACROSS, max(map(len, names)))
    grid = [(index, part[i : i + across]) for index, part in enumerate(names) for i in range(0, len(part), across)]
    with canvas(1.1 + PANEL * len(grid), f"{stamp} · {counted(frame)}") as figure:
        shared: Literal["all", "row"] = "all" if len(rows) == 1 else "row"
        axes = figure.subplots(len(grid), across, squeeze=False, sharex=True, sharey=shared)
        shades = level_colours(frame)
        for line, (index, shown) in zip(axes, grid, strict=True):
            dataset, model = rows[index]
            for ax in line[len(shown) :]:
                ax.set_axis_off()
            for ax, name in zip(line, shown, strict=False):
                part = with_dense(wholes[index], name)
                for level in shades:
                    curve(ax, part[part["level"] == level], value, shades[level])
                title = textwrap.fill(name, TITLE)
                ax.set_title(title if len(rows) == 1 else f"{title}\n{model} on {dataset}")
                ax.set(ylabel="" if ax is not line[0] else label, xlim=(0, 1), xticks=(0, 0.5, 1))
                ax.set(xticklabels=("0", "0.5", "1"), xlabel="position α along the line")
                ax.tick_params(labelbottom=True)
        above(figure, handles(frame, shades), 6)
    return figure


def level_colours(frame: pd.DataFrame) -> dict[int, Any]:
    """Colour levels by sparsity, the dense network grey."""
    import seaborn as sns

    shades = sns.color_palette("viridis_r", as_cmap=True)
    found = dict(sorted(dict(zip(frame["level"], frame["sparsity"], strict=True)).items()))
    return {int(n): COLOURS["dense"] if n == 0 else shades(0.12 + 0.83 * float(s)) for n, s in found.items()}


def handles(frame: pd.DataFrame, shades: dict[int, Any]) -> list[Any]:
    """Legend entries for the levels."""
    from matplotlib.lines import Line2D

    share = dict(zip(frame["level"], frame["sparsity"], strict=True))
    return [
        Line2D(
            [],
            [],
            color=shades[n],
            linestyle="-" if n else "--",
            label=f"{percent(share[n])} sparse" if n else "dense",
        )
        for n in shades
    ]


def curve(ax: Any, means: pd.DataFrame, value: str, colour: Any) -> None:
    """Draw the mean over initialisations and its interval."""
    groups = means.groupby("alpha")[value]
    mean = groups.mean()
    bounds = groups.apply(lambda values: student(list(values)))
    dashed = "--" if colour == COLOURS["dense"] else "-"
    ax.plot(mean.index, mean, color=colour, linestyle=dashed, linewidth=1.8)
    ax.fill_between(
        mean.index, [low for low, _ in bounds], [high for _, high in bounds], color=colour, alpha=0.16, linewidth=0
    )


def barriers(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw barrier and error rise over sparsity, with the instability threshold; collapsed tickets are left out.

    Args:
        frame: As :func:`..experiments.barriers_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame[~frame["collapsed"].astype(bool)])
    found = per_init(frame, ["barrier", "error_rise"], ["level", "sparsity"]).assign(
        sparsity=lambda f: 100 * f["sparsity"], error_rise=lambda f: 100 * f["error_rise"]
    )
    rows = settings(frame)
    labels = {"barrier": "loss barrier (nats)", "error_rise": "error rise halfway (points)"}
    with canvas(1.3 + 2.7 * len(rows), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(len(rows), 2, squeeze=False, sharex=True)
        for line, (dataset, model) in zip(axes, rows, strict=True):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            for ax, (column, label) in zip(line, labels.items(), strict=True):
                trend(ax, here, column, palette, label)
                ax.axhline(0, color=FAINT, linewidth=0.8)
            line[1].axhline(100 * INSTABILITY_THRESHOLD, color=FAINT, linestyle=":", linewidth=1.2)
            line[1].annotate(
                "unstable above", (4, 100 * INSTABILITY_THRESHOLD), ha="left", va="bottom", fontsize=8, color=FAINT
            )
            if len(rows) > 1:
                line[0].set_title(f"{model} on {dataset}", loc="left")
        legend(figure, axes[:, 0])
    return figure
