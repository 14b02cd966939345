"""What the deviations from papers and code amount to, where no claim states it: effects measured on frames."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..judging.units import number
from ..sections.common import tables
from ..sections.common.grouping import first_place, init_means
from ..sections.common.tickets import EQUAL, Row, Tickets
from .pages import plain

if TYPE_CHECKING:
    import pandas as pd

Frames = Mapping[str, "pd.DataFrame"]
READ = ("fig2", "barriers", "hessian")


def effects(frames: Frames, scale: str = "") -> dict[str, str]:
    """Write the effects that no claim states, name to sentence; empty where nothing was measured.

    Args:
        frames: Tidy frames by experiment name, those of :data:`READ`.
        scale: Their scale.
    """
    written: dict[str, Callable[[Frames], str]] = {"spread": spread, "maximum": maximum, "zeros": zeros}
    found = {name: write(frames) for name, write in written.items()}
    return {name: f"{text} ({plain(scale)})." if text else "" for name, text in found.items()} | {
        "counting": counting()
    }


def last(frames: Frames, name: str) -> pd.DataFrame | None:
    """Rows of a frame's first dataset and network at its last level, at the paper's inner rate; collapsed ones not."""
    frame = frames.get(name)
    if frame is None or frame.empty:
        return None
    frame = first_place(frame)
    frame = frame[(frame["level"] == frame["level"].max()) & frame["setting"].isin((EQUAL, ""))]
    return frame[~frame["collapsed"].astype(bool)] if "collapsed" in frame else frame


def spread(frames: Frames) -> str:
    """Compare accuracies over initialisations with those over retrainings of one ticket."""
    frame = last(frames, "fig2")
    if frame is None:
        return ""
    texts = []
    for method in ("imp", "distilled"):
        groups = frame[frame["method"] == method].groupby("init")["accuracy"]
        within = 100 * math.sqrt(groups.var().mean())
        between = 100 * groups.mean().std()
        if math.isfinite(within) and math.isfinite(between):
            texts.append(
                f"{named(method)}: {number(between, 2)} points over {groups.ngroups} initialisations, "
                f"{number(within, 2)} over the retrainings of one"
            )
    return f"Standard deviation of the test accuracy at the last level, {'; '.join(texts)}" if texts else ""


def maximum(frames: Frames) -> str:
    """Compare the rise halfway with the highest point of a line."""
    frame = frames.get("barriers")
    if frame is None or frame.empty:
        return ""
    above = frame["maximum"] - frame["barrier"]
    mean, most, halfway = (number(value) for value in (above.mean(), above.max(), frame["barrier"].mean()))
    return (
        f"On {len(frame)} lines the highest point lies above the rise halfway by {mean} nats on average and {most} at "
        f"most; the rises themselves average {halfway}"
    )


def zeros(frames: Frames) -> str:
    """Say by how much a pruned network's deviation grows when exact zeros are put aside."""
    frame = last(frames, "hessian")
    if frame is None:
        return ""
    frame = frame.assign(factor=frame["std_nonzero"] / frame["std"])
    texts = []
    for method in ("imp", "distilled"):
        values = init_means(frame[frame["method"] == method], "factor")
        if values:
            texts.append(f"{named(method)} {tables.quote(values, 2)} times, n = {len(values)}")
    return (
        f"Without exact zeros the standard deviation at the last level is larger: {'; '.join(texts)}" if texts else ""
    )


def named(method: str) -> str:
    """Name a method within a sentence."""
    return "IMP" if method == "imp" else "distilled pruning"


@functools.cache
def counting() -> str:
    """Count what finding one mask takes at the papers' settings, in the three units."""
    from ..parameters.presets import resolve
    from ..sections.common.frames import settings

    tickets = settings(resolve("s3-distilled-pruning", file="paper"))[0]
    imp, distilled = (spent(tickets, row) for row in (Row("imp", tickets.outer.learning_rate, EQUAL), own(tickets)))
    ratios = ", ".join(f"{imp[unit] / distilled[unit]:.1f} times fewer {what}" for unit, what in UNITS.items())
    return f"At the papers' settings, counted from the jobs themselves: {ratios}."


UNITS = {"points": "stored images", "points_decoded": "decoded images", "steps": "optimiser steps"}


def own(tickets: Tickets) -> Row:
    """The row of distilled pruning at the first inner rate."""
    return Row("distilled", *next(tickets.distilled_settings()))


def spent(tickets: Tickets, row: Row) -> dict[str, int]:
    """Images and steps of the inner loops of a row's first level."""
    from ..sections.common.frames import cost_of

    return cost_of(tickets.chain(row, 0, 1))
