"""How inner loops act, and what the way of measuring, initial weights and shifted images do (beyond the papers)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...display import percent
from ...jobs import CORRUPTIONS
from ...jobs.ways import Kind, colour, kind, label
from ..common import dots
from ..common.grouping import by_place, count_inits, per_init
from ..common.lines import draw_means, set_ticks
from ..common.naming import enumerate_values, shades, with_series
from ..common.style import FAINT, INK, MARKERS, WIDTH, canvas, describe, empty, fold, grid, legend
from .experiment import CLEAN, by_family
from .mask_claims import NEAR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PANEL = 3.0
_JOINED = ("distilled", "real-short")
_DOSED = (dots.HALFWAY, dots.Measure("accuracy", "test accuracy (%)", 100))
_GROUPS = {Kind.DENSE: "D", Kind.FULL_LOOP: "D", Kind.SHORT_LOOP: "o"}  # all others: a triangle
STARTS = {"default": "the papers'", "kaiming": "Kaiming", "xavier": "Xavier"}
_RUNGS = (
    dots.Measure("barrier", "loss barrier\n(nats)"),
    dots.Measure("error_rise", "error rise\n(points)", 100, limit=dots.THRESHOLD),
    dots.Measure("accuracy", "test accuracy\n(%)", 100),
    dots.Measure("end_loss", "loss at the ends\n(nats)"),
)
_LOST = (
    dots.Measure("adversarial_lost", "lost to attacks, minus IMP's (points)", 100),
    dots.Measure("corrupted_lost", "lost to corruptions, minus IMP's (points)", 100),
)
ATTACKS = {"fgsm": "FGSM", "pgd": "PGD"}
_ACROSS, _SHIFT_PANEL = 4, 2.2
_STEP = 0.05  # of the axis, by which series that share a strength stand apart


def dose(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw how stable and how accurate a subnetwork is over the steps of the inner loop that found its mask."""
    if frame.empty:
        return empty(stamp)
    columns = [measure.column for measure in _DOSED]
    found = per_init(frame.assign(series=frame["method"]), [*columns, "collapsed"], ["steps", "rate", "sparsity"])
    places = by_place(found)
    across, down = fold(2, width)
    height = 0.9 + _PANEL * len(places) * down
    with canvas(height, f"{stamp} · {count_inits(frame, 'steps')}", width) as figure:
        for line, place in grid(figure, places, across, down, sharex=True):
            for ax, measure in zip(line, _DOSED, strict=True):
                _draw_doses(ax, place.rows, measure)
                ax.set(xscale="log", xlabel="steps of the inner loop", ylabel=measure.label)
                set_ticks(ax, sorted(set(place.rows["steps"])))
            line[0].axhline(dots.THRESHOLD, color=INK, linestyle=":", linewidth=1.2)
            line[0].set_ylim(bottom=min(0.0, line[0].get_ylim()[0]))
            line[0].set_title(place.heading, loc="left", weight="bold")
        legend(figure, 3)
        steps_of = zip(found["series"], found["steps"], strict=True)
        dosed = found.assign(series=[f"{label(method)}, {steps} steps" for method, steps in steps_of])
        dots.describe_means(figure, dosed, dots.RISE, "Two panels over the steps of the inner loop.")
    return figure


def _draw_doses(ax: Any, frame: pd.DataFrame, measure: dots.Measure) -> None:
    """Draw one line for each source and rate over the steps; crosses are collapsed."""
    rates = sorted(set(frame.loc[frame["series"] != "imp", "rate"]), reverse=True)
    for (method, rate), part in frame.groupby(["series", "rate"], sort=False):
        step = rates.index(rate) if rate in rates else 0
        shade = shades(colour(str(method)), max(1, len(rates)))[step]
        part = part.assign(value=measure.factor * part[measure.column])
        groups = dict(iter(part[part["collapsed"] == 0].groupby("steps")["value"]))
        name = label(str(method)) + (f", {rate:g}" if len(rates) > 1 else "")
        look = {"marker": MARKERS[step % len(MARKERS)], "markersize": 6, "label": name}
        draw_means(ax, groups, shade, look, bar=1.4)
        flat = part[part["collapsed"] > 0]
        ax.plot(flat["steps"], flat["value"], "x", color=INK, markersize=5)
    ax.margins(x=0.1, y=0.1)


def equal_loss(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw barrier against loss at the ends, a mark for each initialisation; lines join pairs trained alike.

    The tickets of distilled and of all real images are joined to IMP's of the same initialisation and sparsity: solid
    where their loss is at most a margin above IMP's, so that worse training cannot explain a lower barrier.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame[~frame["collapsed"].astype(bool)], brief=True)
    found = per_init(frame, ["barrier", "end_loss"], ["level", "sparsity", "method"])
    levels = sorted(set(found["level"]) - {0}) or [0]
    panels = [(place, level) for place in by_place(found) for level in levels]
    across = min(2, len(panels))
    with canvas(1.5 + _PANEL * -(-len(panels) // 2), f"{stamp} · {count_inits(frame)}") as figure:
        axes = figure.subplots(-(-len(panels) // across), across, squeeze=False, sharey=True).flatten()
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        for ax, (place, level) in zip(axes, panels, strict=False):
            here = place.rows[place.rows["level"].isin([0, level])]
            _join_pairs(ax, here, palette)
            for name, shade in palette.items():
                part = here[here["series"] == name]
                if len(part):
                    shape = _GROUPS.get(kind(str(part["method"].iloc[0])), "^")
                    look = {"markeredgecolor": "white", "markeredgewidth": 0.5, "markersize": 6.5, "label": name}
                    ax.plot(part["end_loss"], part["barrier"], shape, color=shade, **look)
            share = here[here["level"] == level]["sparsity"]
            said = f"{percent(float(share.iloc[0]))} sparse" if level else "dense"
            ax.set_title(f"{place.heading}, {said}" if place.heading else said, loc="left")
            ax.set(xlabel="training loss at the ends (nats)", ylabel="loss barrier (nats)")
            ax.axhline(0, color=FAINT, linewidth=0.8)
        legend(figure, 3)
        gaps = enumerate_values(found.groupby("series", sort=False)["barrier"].mean(), "{:.2f}")
        describe(figure, "Scatter of loss barrier against training loss.", f"Mean barrier in nats: {gaps}.")
    return figure


def _join_pairs(ax: Any, frame: pd.DataFrame, palette: Mapping[str, str]) -> None:
    """Join tickets of distilled and of all real images to IMP's of the same initialisation."""
    imp = frame[frame["method"] == "imp"].set_index("init")
    for row in frame[frame["method"].isin(_JOINED)].to_dict("records"):
        if row["init"] in imp.index:
            other = imp.loc[row["init"]]
            line = "-" if row["end_loss"] <= (1 + NEAR) * float(other["end_loss"]) else ":"
            ends = ([row[name], other[name]] for name in ("end_loss", "barrier"))
            ax.plot(*ends, color=palette[str(row["series"])], alpha=0.55, linestyle=line, linewidth=1, zorder=1)


def protocols(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw stability and accuracy of every ticket measured in every way; the first way has the full colour."""
    return _draw_rungs(frame, "protocol", stamp)


def starts(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw stability and accuracy of every ticket from every kind of initial weights."""
    return _draw_rungs(frame if frame.empty else frame.assign(start=frame["start"].map(STARTS)), "start", stamp)


def _draw_rungs(frame: pd.DataFrame, column: str, stamp: str) -> Figure:
    """Draw a row for each ticket and value of a column, a dot for each initialisation, and all four measures."""
    if frame.empty:
        return empty(stamp)
    frame, tickets = with_series(frame, brief=True)
    values = list(dict.fromkeys(frame[column]))
    there = set(zip(frame["series"], frame[column], strict=True))
    palette = {
        f"{name}: {value}": shade
        for name, own in tickets.items()
        for value, shade in zip(values, shades(own, len(values)), strict=True)
        if (name, value) in there
    }
    frame = frame.assign(series=frame["series"] + ": " + frame[column])
    columns = [measure.column for measure in _RUNGS]
    means = per_init(frame, [*columns, "collapsed"], ["level", "sparsity", "method"])
    places = by_place(means)
    with canvas(0.6 + (0.6 + dots.RUNG * len(palette)) * len(places), f"{stamp} · {count_inits(frame)}") as figure:
        for panels, place in grid(figure, places, len(_RUNGS), sharey=True):
            for ax, measure in zip(panels, _RUNGS, strict=True):
                dots.draw_ladder(ax, place.rows, palette, measure, ticks=2)
            panels[0].axvline(0, color=FAINT, linewidth=0.8)
            dots.name_rows(panels[0], list(palette))
            panels[0].set_title(place.heading, loc="left")
        dots.describe_means(figure, means, dots.RISE, "Dots with intervals, a row for each subnetwork and way.")
    return figure


def shifts(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw a panel for each attack and corruption, a line for each ticket of the sparsest level and the dense network.

    The strength of attacks is their budget in 255ths of the pixels' range, that of corruptions their severity; 0 is
    the clean test set. Collapsed tickets are left out.
    """
    if frame.empty:
        return empty(stamp)
    frame = frame[frame["level"].isin((0, frame["level"].max())) & ~frame["collapsed"].astype(bool)]
    frame, palette = with_series(frame, brief=True)
    kinds = [*ATTACKS, *CORRUPTIONS]
    down = -(-len(kinds) // _ACROSS)
    found = per_init(frame, ["accuracy"], ["shift", "strength"])
    places = by_place(found)
    with canvas(0.9 + _SHIFT_PANEL * down * len(places), f"{stamp} · {count_inits(frame)}") as figure:
        for panels, place in grid(figure, places, _ACROSS, down):
            for ax, name in zip(panels, kinds, strict=False):
                _draw_strengths(ax, place.rows[place.rows["shift"].isin((CLEAN, name))], palette)
                ax.set_title(ATTACKS.get(name, name))
                ax.set_xlabel("budget (255ths)" if name in ATTACKS else "severity")
            _align(panels[: len(ATTACKS)], 0, 100)
            _align(panels[len(ATTACKS) : len(kinds)], 100, 100)
            for ax in panels[::_ACROSS]:
                ax.set_ylabel(f"{place.heading}\naccuracy (%)" if place.heading else "test accuracy (%)")
        legend(figure, 3)
        what = "Test accuracy over the strength of two attacks and six corruptions, a line for each way to find masks."
        means = 100 * found.groupby("series", sort=False)["accuracy"].mean()
        describe(figure, what, f"Means over all: {enumerate_values(means, '{:.0f} %')}.")
    return figure


def _draw_strengths(ax: Any, frame: pd.DataFrame, palette: Mapping[str, str]) -> None:
    """Draw accuracy over strength: means over initialisations with intervals, at even steps."""
    strengths = sorted(set(frame["strength"]))
    for n, (name, shade) in enumerate(palette.items()):
        part = frame[frame["series"] == name]
        off = _STEP * (n - (len(palette) - 1) / 2)
        groups = {strengths.index(at) + off: 100 * values for at, values in part.groupby("strength")["accuracy"]}
        look = {"marker": "o", "markersize": 3.5, "linewidth": 1.2, "label": name}
        draw_means(ax, groups, shade, look, bar=1, alpha=0.6)
    ax.set_xticks(range(len(strengths)), [str(strength) for strength in strengths])
    ax.grid(visible=False, axis="x")


def _align(panels: Sequence[Any], low: float, high: float) -> None:
    """Give panels one vertical axis that holds what all of them show, and both ends."""
    ends = [ax.get_ylim() for ax in panels]
    for ax in panels:
        ax.set_ylim(min(low, *(end[0] for end in ends)), max(high, *(end[1] for end in ends)))
        ax.locator_params(axis="y", nbins=5)


def shift_costs(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw what attacks and corruptions cost in accuracy, minus what they cost IMP's masks, by initialisation."""
    if frame.empty:
        return empty(stamp)
    wide = by_family(frame[~frame["collapsed"].astype(bool)])
    columns, named = [measure.column for measure in _LOST], ["dataset", "model", "level", "init"]
    imp = wide[wide["method"] == "imp"].groupby(named)[columns].mean().add_suffix("_imp")
    others = wide[(wide["method"] != "imp") & (wide["level"] > 0)].join(imp, on=named, how="inner")
    if others.empty:
        return empty(stamp)
    others, palette = with_series(others.assign(**{name: others[name] - others[f"{name}_imp"] for name in columns}))
    found = per_init(others, columns, ["level", "sparsity"])
    places = by_place(found)
    across, down = fold(2, width)
    height = 0.6 + dots.panel_height(len(palette)) * len(places) * down
    with canvas(height, f"{stamp} · {count_inits(others)}", width) as figure:
        for panels, place in grid(figure, places, across, down):
            for n, (ax, measure) in enumerate(zip(panels, _LOST, strict=True)):
                dots.draw_panel(ax, place.rows, palette, measure, named=across == 1 or n == 0)
            panels[0].set_title(place.heading, loc="left", weight="bold")
        legend(figure, 3, dots.level_entries(found))
        what = "Dot plots with a row for each way to find masks; right of 0 loses more."
        dots.describe_means(figure, found, _LOST[0], what)
    return figure
