"""Masks from every source beside each other: how stable, how accurate, how well trained (beyond the papers)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..control_measures import NEAR
from ..tickets import LIKENESSES, ONE_SHOT, SHORT_LOOPS, UNTRAINED
from ..verdicts import INSTABILITY_THRESHOLD
from .style import COLOURS, FAINT, INK, NAMES, canvas, counted, empty, lighter, per_init, settings, student

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ROW, HEAD, PANEL = 0.235, 0.75, 3.0
COLUMNS = {
    "barrier": (1, "loss barrier\n(nats)"),
    "error_rise": (100, "error rise\n(points)"),
    "accuracy": (100, "test accuracy\n(%)"),
    "end_loss": (1, "loss at the ends\n(nats)"),
    "travelled": (1, "inner distance\n(initial norms)"),
}
GROUPS = (("dense", "imp"), SHORT_LOOPS, (*UNTRAINED, *LIKENESSES, *ONE_SHOT))
JOINED = ("distilled", "real-short")
AXES = (("steps", "travelled"), ("travelled", "barrier"), ("travelled", "accuracy"))
MARKERS = ("o", "s", "^", "D", "v")
SHORTER = {"magnitude-layers": "Magnitude, layers as distilled", "real-short": "All real images, few steps"}


def with_rows(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Add the column ``series``: the method, and its inner rate where a method has several.

    Returns:
        The frame, and series to colour, group by group; later rates of a method are lighter.
    """
    rates: dict[str, list[float]] = {}
    for method, rate in dict.fromkeys(zip(frame["method"], frame["rate"], strict=True)):
        rates.setdefault(method, []).append(rate)
    palette = {}
    for method in (name for group in GROUPS for name in group if name in rates):
        for step, rate in enumerate(rates[method]):
            palette[row_name(method, rate, len(rates[method]) > 1)] = lighter(COLOURS[method], min(0.45 * step, 0.75))
    names = [
        row_name(method, rate, len(rates[method]) > 1)
        for method, rate in zip(frame["method"], frame["rate"], strict=True)
    ]
    return frame.assign(series=names), palette


def row_name(method: str, rate: float, several: bool) -> str:
    """Name a row as briefly as it can be told from the others."""
    return SHORTER.get(method, NAMES.get(method, method)) + (f", {rate:g}" if several else "")


def controls(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw a row for each way to find masks and a column for each measure; filled marks are the sparsest level.

    Small dots are initialisations, large marks their means with intervals, crosses collapsed tickets, in no mean.

    Args:
        frame: As :func:`..controls.controls_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame, palette = with_rows(frame)
    places = settings(frame)
    found = per_init(frame, [*COLUMNS, "collapsed"], ["level", "sparsity", "method"])
    height = HEAD + ROW * len(palette)
    with canvas(0.5 + height * len(places), f"{stamp} · {seeds(frame)}") as figure:
        axes = figure.subplots(len(places), len(COLUMNS), squeeze=False, sharey=True, sharex="col")
        for line, (dataset, model) in zip(axes, places, strict=True):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            for ax, (column, (factor, label)) in zip(line, COLUMNS.items(), strict=True):
                ladder(ax, here.assign(value=factor * here[column]), palette)
                ax.set_xlabel(label)
                ax.tick_params(labelbottom=True)
                ax.locator_params(axis="x", nbins=3)
            line[0].axvline(0, color=FAINT, linewidth=0.8)
            threshold(line[1])
            line[0].set_yticks(range(len(palette)), list(palette))
            line[0].set_ylim(len(palette) - 0.5, -0.5)
            if len(places) > 1:
                line[0].set_title(f"{model} on {dataset}", loc="left")
        if found["level"].max() > 0:
            figure.legend(handles=keys(found), loc="outside upper right", ncols=4)
    return figure


def seeds(frame: pd.DataFrame) -> str:
    """Say how many initialisations stand behind a figure whose rows have more or fewer of them."""
    counts = frame.groupby("series")["init"].nunique()
    least, most = int(counts.min()), int(counts.max())
    if least == most:
        return counted(frame)
    return f"n = {most} initialisations where there is a bar, else {least}; bars: 95 % intervals over them"


def ladder(ax: Any, frame: pd.DataFrame, palette: dict[str, str]) -> None:
    """Draw one measure: a mean with its interval on the rung of each series, levels side by side."""
    levels = sorted(set(frame["level"]) - {0})
    rungs = {name: place for place, name in enumerate(palette)}
    for place in range(0, len(rungs), 2):  # a zebra, so that the eye keeps its row
        ax.axhspan(place - 0.5, place + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    for _, part in frame.groupby(["series", "level"]):
        name, level = str(part["series"].iloc[0]), int(part["level"].iloc[0])
        shift = 0.0 if not level else 0.36 * (levels.index(level) + 0.5) / len(levels) - 0.18
        y, colour = rungs[name] + shift, palette[name]
        solid = level in (0, levels[-1] if levels else 0)
        flat = part[part["collapsed"] > 0]
        ax.plot(flat["value"], [y] * len(flat), "x", color=INK, markersize=4.5, zorder=4)
        values = [float(value) for value in part[part["collapsed"] == 0]["value"].dropna()]
        if not values:
            continue
        mean = sum(values) / len(values)
        ax.plot(student(values), [y, y], color=colour, linewidth=1.4, zorder=2)
        if len(values) > 1:
            ax.plot(values, [y] * len(values), ".", color=colour, markersize=3, alpha=0.6, zorder=2)
        ax.plot([mean], [y], "o", color=colour, markerfacecolor=colour if solid else "white", markersize=5, zorder=3)
    ax.grid(visible=False, axis="y")


def threshold(ax: Any) -> None:
    """Draw the threshold of instability; the axis is linear up to it and logarithmic above, so that both sides show."""
    limit = 100 * INSTABILITY_THRESHOLD
    ax.axvline(0, color=FAINT, linewidth=0.8)
    ax.axvline(limit, color=INK, linestyle=":", linewidth=1.1)
    ax.set_xscale("symlog", linthresh=limit)
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -limit / 2), max(high, 5 * limit))
    ticks = [tick for tick in (0, limit, 10, 30) if tick <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def keys(frame: pd.DataFrame) -> list[Any]:
    """Legend: which mark is which level, and what a cross is."""
    from matplotlib.lines import Line2D

    share = {int(n): float(s) for n, s in zip(frame["level"], frame["sparsity"], strict=True) if n}
    look: dict[str, Any] = {"color": FAINT, "linestyle": "", "marker": "o", "markersize": 5}
    marks = [
        Line2D([], [], **look, markerfacecolor=FAINT if n == max(share) else "white", label=f"{100 * s:.0f} % sparse")
        for n, s in sorted(share.items())
    ]
    if (frame["collapsed"] > 0).any():
        marks.append(Line2D([], [], color=INK, linestyle="", marker="x", markersize=4.5, label="collapsed"))
    return [*marks, Line2D([], [], color=INK, linestyle=":", linewidth=1.1, label="threshold of instability")]


def dose(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw how far the first inner loop went for its steps, and barrier and accuracy over that distance.

    Args:
        frame: As :func:`..controls.dose_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    frame = frame.assign(series=frame["method"])
    places = settings(frame)
    found = per_init(frame, ["travelled", "barrier", "accuracy", "collapsed"], ["steps", "rate"])
    found = found.assign(accuracy=100 * found["accuracy"])
    with canvas(1.0 + PANEL * 0.95 * len(places), f"{stamp} · {counted(frame)}") as figure:
        axes = figure.subplots(len(places), 3, squeeze=False, sharex="col")
        for line, (dataset, model) in zip(axes, places, strict=True):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            for ax, (x, y) in zip(line, AXES, strict=True):
                curves(ax, here, x, y)
            line[0].set(xscale="log", xlabel="steps of the inner loop", ylabel="distance / initial norm")
            line[1].set(xlabel="distance / initial norm", ylabel="loss barrier (nats)")
            line[2].set(xlabel="distance / initial norm", ylabel="test accuracy (%)")
            steps = sorted(set(here["steps"]))
            line[0].set_xticks(steps, [str(step) for step in steps])
            line[0].minorticks_off()
            line[1].axhline(0, color=FAINT, linewidth=0.8)
            if len(places) > 1:
                line[0].set_title(f"{model} on {dataset}", loc="left")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=3)
    return figure


def curves(ax: Any, frame: pd.DataFrame, x: str, y: str) -> None:
    """Draw one line for each source and rate along the steps, which stand beside the marks; crosses collapsed."""
    rates = sorted(set(frame["rate"]), reverse=True)
    for _, part in frame.groupby(["series", "rate"], sort=False):
        method, rate = str(part["series"].iloc[0]), float(part["rate"].iloc[0])
        step = rates.index(rate)
        colour = lighter(COLOURS[method], min(0.45 * step, 0.75)) if step else COLOURS[method]
        label = NAMES[method] + (f", {rate:g}" if len(rates) > 1 else "")
        kept = part[part["collapsed"] == 0].groupby("steps")[[n for n in (x, y) if n != "steps"]]
        means = kept.mean().reset_index()
        bars = [student(list(values)) for _, values in part[part["collapsed"] == 0].groupby("steps")[y]]
        ax.plot(means[x], means[y], color=colour, marker=MARKERS[step % len(MARKERS)], markersize=5, label=label)
        ax.vlines(means[x], [low for low, _ in bars], [high for _, high in bars], color=colour, linewidth=1.2)
        if x != "steps":
            for row in means.iloc[[0, -1]].to_dict("records") if step == 0 and len(means) else ():
                place = (row[x], row[y])
                ax.annotate(str(row["steps"]), place, (4, 4), textcoords="offset points", fontsize=7, color=colour)
        flat = part[part["collapsed"] > 0]
        ax.plot(flat[x], flat[y], "x", color=INK, markersize=5)
    ax.margins(x=0.12, y=0.08)


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
    frame, palette = with_rows(frame[~frame["collapsed"].astype(bool)])
    found = per_init(frame, ["barrier", "end_loss"], ["level", "sparsity", "method"])
    panels = [(*place, level) for place in settings(found) for level in sorted(set(found["level"]) - {0}) or [0]]
    with canvas(1.5 + PANEL * -(-len(panels) // 2), f"{stamp} · {counted(frame).partition(';')[0]}") as figure:
        across = min(2, len(panels))
        axes = figure.subplots(-(-len(panels) // across), across, squeeze=False, sharey=True).flatten()
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        for ax, (dataset, model, level) in zip(axes, panels, strict=False):
            here = found[(found["dataset"] == dataset) & (found["model"] == model)]
            here = here[here["level"].isin([0, level])]
            joined(ax, here, palette)
            scatter(ax, here, palette)
            share = 100 * float(here[here["level"] == level]["sparsity"].iloc[0]) if level else 0
            place = f"{model} on {dataset}, " if len(settings(found)) > 1 else ""
            ax.set_title(f"{place}{share:.0f} % sparse" if level else f"{place}dense", loc="left")
            ax.set(xlabel="training loss at the ends (nats)", ylabel="loss barrier (nats)")
            ax.axhline(0, color=FAINT, linewidth=0.8)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize=7.5)
    return figure


def scatter(ax: Any, frame: pd.DataFrame, palette: dict[str, str]) -> None:
    """Mark every initialisation's ticket; the shape tells the group it belongs to."""
    for name, colour in palette.items():
        part = frame[frame["series"] == name]
        if len(part):
            group = next(i for i, methods in enumerate(GROUPS) if part["method"].iloc[0] in methods)
            ax.plot(
                part["end_loss"],
                part["barrier"],
                ("D", "o", "^")[group],
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
