"""How inner loops act: the dose of the loop, and barriers at equal training loss (beyond the papers)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...display import percent
from ...jobs.ways import Kind, kind
from ...judging.verdicts import INSTABILITY_THRESHOLD
from ..common import names
from ..common.dots import seen
from ..common.series import shades, with_series
from ..common.style import COLOURS, FAINT, INK, NAMES, canvas, counted, describe, empty, per_init, settings, student
from ..common.trends import legend
from ..s4_stability.figures import RISE
from .mask_claims import NEAR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANEL = 3.0
JOINED = ("distilled", "real-short")
COLUMNS = {"error_rise": "error rise halfway (points)", "accuracy": "test accuracy (%)"}
MARKERS = ("o", "s", "^", "D", "v")
GROUPS = {Kind.DENSE: "D", Kind.FULL_LOOP: "D", Kind.SHORT_LOOP: "o"}  # all others: a triangle


def dose(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw how stable and how accurate a subnetwork is over the steps of the inner loop that found its mask.

    Args:
        frame: As :func:`..controls.dose_frame` gives it.
        stamp: Scale, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame = frame.assign(series=frame["method"])
    places = settings(frame)
    found = per_init(frame, [*COLUMNS, "collapsed"], ["steps", "rate", "sparsity"])
    found = found.assign(**{name: 100 * found[name] for name in COLUMNS})
    with canvas(0.9 + PANEL * len(places), f"{stamp} · {counted(frame, 'steps')}") as figure:
        axes = figure.subplots(len(places), 2, squeeze=False, sharex=True)
        for line, place in zip(axes, places, strict=True):
            here = found[(found["dataset"] == place[0]) & (found["model"] == place[1])]
            for ax, (column, label) in zip(line, COLUMNS.items(), strict=True):
                curves(ax, here, column)
                ax.set(xscale="log", xlabel="steps of the inner loop", ylabel=label)
                steps = sorted(set(here["steps"]))
                ax.set_xticks(steps, [str(step) for step in steps])
                ax.minorticks_off()
            line[0].axhline(100 * INSTABILITY_THRESHOLD, color=INK, linestyle=":", linewidth=1.2)
            line[0].set_ylim(bottom=min(0.0, line[0].get_ylim()[0]))
            if len(places) > 1:
                line[0].set_title(names.place(place), loc="left", weight="bold")
        legend(figure, axes[:, 0], 3)
        steps_of = zip(found["series"], found["steps"], strict=True)
        dosed = found.assign(series=[f"{NAMES[method]}, {steps} steps" for method, steps in steps_of])
        dosed = dosed.assign(error_rise=dosed["error_rise"] / 100)
        seen(figure, dosed, RISE, "Two panels over the steps of the inner loop.")
    return figure


def curves(ax: Any, frame: pd.DataFrame, y: str) -> None:
    """Draw one line for each source and rate over the steps; crosses are collapsed."""
    rates = sorted(set(frame.loc[frame["series"] != "imp", "rate"]), reverse=True)
    for _, part in frame.groupby(["series", "rate"], sort=False):
        method, rate = str(part["series"].iloc[0]), float(part["rate"].iloc[0])
        step = rates.index(rate) if rate in rates else 0
        colour = shades(COLOURS[method], max(1, len(rates)))[step]
        label = NAMES[method] + (f", {rate:g}" if len(rates) > 1 else "")
        kept = part[part["collapsed"] == 0].groupby("steps")[y]
        means, bars = kept.mean(), [student(list(values)) for _, values in kept]
        ax.plot(means.index, means, color=colour, marker=MARKERS[step % len(MARKERS)], markersize=6, label=label)
        ax.vlines(means.index, [low for low, _ in bars], [high for _, high in bars], color=colour, linewidth=1.4)
        flat = part[part["collapsed"] > 0]
        ax.plot(flat["steps"], flat[y], "x", color=INK, markersize=5)
    ax.margins(x=0.1, y=0.1)


def equal_loss(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw barrier against loss at the ends, a mark for each initialisation; lines join pairs trained alike.

    The tickets of distilled and of all real images are joined to IMP's of the same initialisation and sparsity: solid
    where their loss is at most a margin above IMP's, so that worse training cannot explain a lower barrier.

    Args:
        frame: As :func:`..controls.controls_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame[~frame["collapsed"].astype(bool)], brief=True)
    found = per_init(frame, ["barrier", "end_loss"], ["level", "sparsity", "method"])
    panels = [(*place, level) for place in settings(found) for level in sorted(set(found["level"]) - {0}) or [0]]
    with canvas(1.5 + PANEL * -(-len(panels) // 2), f"{stamp} · {counted(frame)}") as figure:
        across = min(2, len(panels))
        axes = figure.subplots(-(-len(panels) // across), across, squeeze=False, sharey=True).flatten()
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        for ax, (dataset, model, level) in zip(axes, panels, strict=False):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            here = here[here["level"].isin([0, level])]
            joined(ax, here, palette)
            scatter(ax, here, palette)
            share = percent(float(here[here["level"] == level]["sparsity"].iloc[0])) if level else ""
            place = f"{names.place((dataset, model))}, " if len(settings(found)) > 1 else ""
            ax.set_title(f"{place}{share} sparse" if level else f"{place}dense", loc="left")
            ax.set(xlabel="training loss at the ends (nats)", ylabel="loss barrier (nats)")
            ax.axhline(0, color=FAINT, linewidth=0.8)
        legend(figure, axes, 3)
        gaps = [f"{name} {value:.2f}" for name, value in found.groupby("series", sort=False)["barrier"].mean().items()]
        describe(figure, "Scatter of loss barrier against training loss.", f"Mean barrier in nats: {'; '.join(gaps)}.")
    return figure


def scatter(ax: Any, frame: pd.DataFrame, palette: dict[str, str]) -> None:
    """Mark every initialisation's ticket; the shape tells the group it belongs to."""
    for name, colour in palette.items():
        part = frame[frame["series"] == name]
        if len(part):
            ax.plot(
                part["end_loss"],
                part["barrier"],
                GROUPS.get(kind(str(part["method"].iloc[0])), "^"),
                color=colour,
                markeredgecolor="white",
                markeredgewidth=0.5,
                markersize=6.5,
                label=name,
            )


def joined(ax: Any, frame: pd.DataFrame, palette: dict[str, str]) -> None:
    """Join tickets of distilled and of all real images to IMP's of the same initialisation."""
    imp = frame[frame["method"] == "imp"].set_index("init")
    for row in frame[frame["method"].isin(JOINED)].to_dict("records"):
        if row["init"] in imp.index:
            other = imp.loc[row["init"]]
            alike = row["end_loss"] <= (1 + NEAR) * float(other["end_loss"])
            ax.plot(
                [row["end_loss"], other["end_loss"]],
                [row["barrier"], other["barrier"]],
                color=palette[str(row["series"])],
                alpha=0.55,
                linestyle="-" if alike else ":",
                linewidth=1,
                zorder=1,
            )
