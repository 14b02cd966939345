"""Loss along the line between two retrainings, and its barrier (2503.17905 Figs. 3 and 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...display import percent
from ...judging.verdicts import INSTABILITY_THRESHOLD
from ..common import names
from ..common.dots import Measure, height, keys, panel, seen
from ..common.series import with_series
from ..common.style import (
    COLOURS,
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
from ..common.tickets import EQUAL
from ..common.trends import above

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANEL = 2.3
BOTH = "Both, {} sparse"
PAPER = {"distilled": "paper: flat", "imp": "paper: a ridge"}
RISE = Measure("error_rise", "rise of the error halfway (points)", 100, 1, 100 * INSTABILITY_THRESHOLD)


def with_dense(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of a series, and the dense network's as its level 0."""
    return frame[(frame["series"] == name) | (frame["level"] == 0)]


def panels(frame: pd.DataFrame, palette: dict[str, str]) -> list[str]:
    """Series that get a panel of their own: all but the dense network, unless there is nothing else."""
    drawn = [name for name in palette if name in set(frame["series"])]
    return [name for name in drawn if name != NAMES["dense"]] or drawn


def papers_own(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of the paper's three networks at its rate; of all there are where either of its two methods is missing."""
    own = frame[frame["method"].isin(("dense", "imp", "distilled")) & frame["setting"].isin(("", EQUAL))]
    return own if {"imp", "distilled"} <= set(own["method"]) else frame


def fig3(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw loss along the line as the paper orders it: distilled pruning, IMP, and both at the highest sparsity.

    Args:
        frame: As :func:`..experiments.fig3_frame` gives it.
        stamp: Scale, for the foot.
        width: In inches; on a phone's, panels stand below each other.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(papers_own(frame))
    split = "training" if frame["split"].iloc[0] == "train" else "test"
    means = per_init(frame, ["loss"], ["level", "sparsity", "alpha"])
    rows, shades = settings(frame), level_colours(frame)
    order = ("distilled", "imp")
    shown = sorted(panels(frame, palette), key=lambda name: _rank(frame, name, order))
    both = len(shown) > 1
    count = len(shown) + both
    across = count if width > NARROW else 1
    grid = [(place, index) for place in rows for index in range(count)]
    down = -(-len(grid) // across)
    with canvas(0.8 + PANEL * down, f"{stamp} · {counted(frame)}", width) as figure:
        axes = figure.subplots(down, across, squeeze=False, sharex=True).flatten()
        for ax, (place, index) in zip(axes, grid, strict=True):
            here = means[(means["dataset"] == place[0]) & (means["model"] == place[1])]
            if index < len(shown):
                name = shown[index]
                for level in shades:
                    part = with_dense(here, name)
                    curve(ax, part[part["level"] == level], "loss", shades[level])
                _title(ax, f"{name}{_paper(frame, name)}")
            else:
                _both(ax, here, shown, palette)
            top = float(here.groupby(["series", "level", "alpha"])["loss"].mean().max())
            ax.set(xlim=(0, 1), ylim=(0, 1.25 * top))
            ax.set_xticks((0, 0.5, 1), ("0", "½", "1"))
            if index == 0 or across == 1:
                heading = f"{names.place(place)}\n" if len(rows) > 1 else ""
                ax.set_ylabel(f"{heading}{split} loss (nats)")
        for ax in axes[-across:]:
            ax.set_xlabel("position α along the line")
        above(figure, handles(frame, shades), 6)
        describe(figure, *_seen(means, rows))
    return figure


def _rank(frame: pd.DataFrame, name: str, order: tuple[str, ...]) -> int:
    """Place of a series in the paper's order; others keep theirs, behind."""
    method = str(frame[frame["series"] == name]["method"].iloc[0])
    return order.index(method) if method in order else len(order)


def _paper(frame: pd.DataFrame, name: str) -> str:
    """Say what the paper's panel shows, where it has one."""
    method = str(frame[frame["series"] == name]["method"].iloc[0])
    return f" ({PAPER[method]})" if method in PAPER else ""


def _title(ax: Any, text: str) -> None:
    ax.set_title(text, loc="left", fontsize=10)


def _both(ax: Any, means: pd.DataFrame, shown: list[str], palette: dict[str, str]) -> None:
    """Draw all ways to find masks at the highest sparsity in one panel, each named at its line."""
    level = int(means["level"].max())
    at = means[means["level"] == level]
    starts = at[at["alpha"] == at["alpha"].min()].groupby("series")["loss"].mean()
    for name in shown:
        if name in starts.index:
            upper = float(starts[name]) == float(starts.max())
            curve(ax, at[at["series"] == name], "loss", palette[name])
            look = {"va": "bottom" if upper else "top", "fontsize": POINTS, "color": palette[name]}
            place = (0.02, float(starts[name]))
            ax.annotate(name, place, (0, 9 if upper else -9), textcoords="offset points", **look)
    _title(ax, BOTH.format(percent(float(at["sparsity"].iloc[0]))) if level else "Both")


def _seen(means: pd.DataFrame, rows: list[tuple[str, str]]) -> list[str]:
    """Say how high each line rises in its middle over its ends."""
    said = ["Loss on the line between two trained networks, a panel for each way to find masks."]
    for place in rows:
        here = means[(means["dataset"] == place[0]) & (means["model"] == place[1])]
        parts = []
        for (series, sparsity), part in here.groupby(["series", "sparsity"], sort=False):
            mean = part.groupby("alpha")["loss"].mean()
            rise = float(mean.iloc[len(mean) // 2]) - (float(mean.iloc[0]) + float(mean.iloc[-1])) / 2
            parts.append(f"{series}{f' at {percent(float(str(sparsity)))}' if sparsity else ''} {rise:.2f}")
        said.append(f"{names.place(place)}, rise of the loss in the middle in nats: {', '.join(parts)}.")
    return said


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


def barriers(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw the rise of the error halfway, a row for each way to find masks; collapsed ones are left out.

    Args:
        frame: As :func:`..experiments.barriers_frame` gives it.
        stamp: Scale, for the foot.
        width: In inches; on a phone's, names stand above their rows.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame[~frame["collapsed"].astype(bool)])
    found = per_init(frame, ["error_rise"], ["level", "sparsity"])
    rows = settings(frame)
    heights = [height(found[(found["dataset"] == d) & (found["model"] == m)]["series"].nunique()) for d, m in rows]
    with canvas(0.6 + 0.2 * len(rows) + sum(heights), f"{stamp} · {counted(frame)}", width) as figure:
        axes = figure.subplots(len(rows), 1, squeeze=False, height_ratios=heights)
        for ax, place in zip(axes[:, 0], rows, strict=True):
            here = found[(found["dataset"] == place[0]) & (found["model"] == place[1])]
            panel(ax, here, palette, RISE)
            if len(rows) > 1:
                ax.set_title(names.place(place), loc="left", pad=16, weight="bold")
        above(figure, keys(found), 3)
        seen(figure, found, RISE, "Dot plot with a row for each way to find masks; left of 2 points is stable.")
    return figure
