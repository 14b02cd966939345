"""Accuracy on adversarial and corrupted images over the strength of the shift (beyond the papers)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...jobs import CORRUPTIONS
from ..common import names
from ..common.dots import Measure, height, keys, panel, seen
from ..common.series import with_series
from ..common.style import NARROW, WIDTH, canvas, counted, describe, empty, per_init, settings, student
from ..common.trends import above, legend
from .shifts import CLEAN, by_family

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LOST = (
    Measure("adversarial_lost", "lost to attacks, minus IMP's (points)", 100),
    Measure("corrupted_lost", "lost to corruptions, minus IMP's (points)", 100),
)
TITLES = {"fgsm": "FGSM", "pgd": "PGD"}
ACROSS, PANEL = 4, 2.2
STEP = 0.05  # of the axis, by which series that share a strength stand apart


def shifts(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw a panel for each attack and corruption, a line for each ticket of the sparsest level and the dense network.

    The strength of attacks is their budget in 255ths of the pixels' range, that of corruptions their severity; 0 is
    the clean test set. Collapsed tickets are left out.

    Args:
        frame: As :func:`..shifts.shift_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame = frame[frame["level"].isin((0, frame["level"].max())) & ~frame["collapsed"].astype(bool)]
    frame, palette = with_series(frame, brief=True)
    kinds = [*TITLES, *CORRUPTIONS]
    places = settings(frame)
    down = -(-len(kinds) // ACROSS)
    found = per_init(frame, ["accuracy"], ["shift", "strength"])
    with canvas(0.9 + PANEL * down * len(places), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(down * len(places), ACROSS, squeeze=False)
        for index, (dataset, model) in enumerate(places):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            panels = axes[index * down : (index + 1) * down].flatten()
            for ax, name in zip(panels, kinds, strict=False):
                part = here[here["shift"].isin((CLEAN, name))]
                lines(ax, part, palette)
                ax.set_title(TITLES.get(name, name))
                ax.set_xlabel("budget (255ths)" if name in TITLES else "severity")
            level(panels[: len(TITLES)], 0, 100)
            level(panels[len(TITLES) : len(kinds)], 100, 100)
            for line in axes[index * down : (index + 1) * down]:
                line[0].set_ylabel(
                    "test accuracy (%)" if len(places) == 1 else f"{names.place((dataset, model))}\naccuracy (%)"
                )
        legend(figure, axes.flatten(), 3)
        what = "Test accuracy over the strength of two attacks and six corruptions, a line for each way to find masks."
        at = 100 * found.groupby("series", sort=False)["accuracy"].mean()
        describe(figure, what, f"Means over all: {'; '.join(f'{name} {value:.0f} %' for name, value in at.items())}.")
    return figure


def shift_costs(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw what attacks and corruptions cost in accuracy, minus what they cost IMP's masks of the same initialisation.

    Args:
        frame: As :func:`..shifts.shift_frame` gives it.
        stamp: Scale, for the foot.
        width: In inches; on a phone's, panels stand below each other.
    """
    if frame.empty:
        return empty(stamp)
    wide = by_family(frame[~frame["collapsed"].astype(bool)])
    columns, named = [measure.column for measure in LOST], ["dataset", "model", "level", "init"]
    imp = wide[wide["method"] == "imp"].groupby(named)[columns].mean()
    others = wide[(wide["method"] != "imp") & (wide["level"] > 0)].join(imp, on=named, rsuffix="_imp", how="inner")
    if others.empty:
        return empty(stamp)
    for column in columns:
        others[column] = others[column] - others[f"{column}_imp"]
    others, palette = with_series(others)
    found = per_init(others, columns, ["level", "sparsity"])
    places, across = settings(found), 2 if width > NARROW else 1
    down = 2 * len(places) // across
    with canvas(0.6 + height(len(palette)) * down, f"{stamp} · {counted(others)}", width) as figure:
        axes = figure.subplots(down, across, squeeze=False).flatten()
        for index, place in enumerate(places):
            here = found[(found["dataset"] == place[0]) & (found["model"] == place[1])]
            for n, measure in enumerate(LOST):
                panel(axes[2 * index + n], here, palette, measure, named=across == 1 or n == 0)
            if len(places) > 1:
                axes[2 * index].set_title(names.place(place), loc="left", weight="bold")
        above(figure, keys(found), 3)
        seen(figure, found, LOST[0], "Dot plots with a row for each way to find masks; right of 0 loses more.")
    return figure


def level(panels: Any, low: float, high: float) -> None:
    """Give panels one vertical axis that holds what all of them show, and both ends."""
    ends = [ax.get_ylim() for ax in panels]
    for ax in panels:
        ax.set_ylim(min(low, *(end[0] for end in ends)), max(high, *(end[1] for end in ends)))
        ax.locator_params(axis="y", nbins=5)


def lines(ax: Any, frame: pd.DataFrame, palette: dict[str, str]) -> None:
    """Draw accuracy over strength: means over initialisations with intervals, at even steps."""
    strengths = sorted(set(frame["strength"]))
    for place, (name, colour) in enumerate(palette.items()):
        part = frame[frame["series"] == name].groupby("strength")["accuracy"]
        shift = STEP * (place - (len(palette) - 1) / 2)
        xs = [strengths.index(strength) + shift for strength, _ in part]
        bars = [student([100 * value for value in values]) for _, values in part]
        ax.plot(xs, 100 * part.mean(), color=colour, marker="o", markersize=3.5, linewidth=1.2, label=name)
        ax.vlines(xs, [low for low, _ in bars], [high for _, high in bars], color=colour, linewidth=1, alpha=0.6)
    ax.set_xticks(range(len(strengths)), [str(strength) for strength in strengths])
    ax.grid(visible=False, axis="x")
