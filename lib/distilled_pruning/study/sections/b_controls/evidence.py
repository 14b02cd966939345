"""What the claims about controls are judged by: lines of the pages of controls and stability, case by case.

A finding knows its level and inner rate, so that a claim can say which of them its verdict rests on.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...judging.claims import OURS, Primary, claim
from ...judging.statistics import CONV, LEVELS, Frames, by_init, paired, select, sparse
from ...judging.units import NATS, POINTS, Unit
from ...judging.verdicts import (
    CONTRADICTED,
    ENOUGH,
    INSTABILITY_THRESHOLD,
    NOT_RUN,
    REPRODUCED,
    UNDECIDED,
    Finding,
    interval,
    positive,
    stable,
    within,
)
from ..common.tickets import EQUAL

if TYPE_CHECKING:
    import pandas as pd

ACCURACY_MARGIN = 0.01
PAGES = ("controls", "barriers")
PRIMARY = Primary(EQUAL, LEVELS)
ask = functools.partial(claim, paper=OURS, where="controls")
ask_of_lines = functools.partial(ask, frames=PAGES, primary=PRIMARY)
_LINE = ["dataset", "method", "rate", "level", "init", "pair"]
_Values = dict[int, float]
Differences = Sequence[float]
Judge = Callable[[str, Differences], Finding]


def lines(frames: Frames, *methods: str) -> pd.DataFrame | None:
    """Rows of a ConvNet-3 on the pages of controls and of stability, each line once; ``None`` without all methods.

    Rows of both count only where the pages belong to one study: where they share lines, and name none of them twice.
    Otherwise those of the page of controls do, or of stability where the former lacks a method.
    """
    import pandas as pd

    found = [frame for name in PAGES if (frame := select(frames, name, model=CONV)) is not None]
    if len(found) == len(PAGES) and set(found[0]["key"]) & set(found[1]["key"]):
        both = pd.concat(found, ignore_index=True).drop_duplicates("key")
        found = found if both.duplicated(_LINE).any() else [both]
    return next((frame for frame in found if set(methods) <= set(frame["method"])), None)


def values(frame: pd.DataFrame, column: str, **where: object) -> _Values:
    """A column for each initialisation in the matching rows that did not collapse."""
    frame = frame[~frame["collapsed"].astype(bool)]
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    return by_init(frame, column) if column in frame else {}


def rises(frame: pd.DataFrame, **where: object) -> _Values:
    """Error rise for each initialisation; a collapsed ticket counts as wholly unstable."""
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    return by_init(
        frame.assign(error_rise=frame["error_rise"].mask(frame["collapsed"].astype(bool), 1.0)), "error_rise"
    )


def cases(frame: pd.DataFrame, *methods: str) -> list[tuple[int, str]]:
    """The primary levels and setting, run or not, and the others at which any of some methods has tickets; in order."""
    found = frame[frame["method"].isin(methods) & (frame["level"] > 0)]
    there = zip(found["level"], found["setting"], strict=True)
    return sorted({(level, EQUAL) for level in LEVELS} | {(int(level), str(setting)) for level, setting in there})


def at(
    frame: pd.DataFrame,
    level: int,
    setting: str,
    what: str,
    judge: Judge,
    found: Differences,
) -> Finding:
    """Judge what was found at one level and setting, named by what it is, the rows' sparsity, and setting."""
    name = ", ".join(part for part in (what, sparse(frame, level), setting) if part)
    return replace(judge(name, found), level=level, rate=setting)


def steady(frames: Frames, method: str, setting: str = EQUAL) -> list[Finding]:
    """Judge that tickets of a short loop are stable, level by level."""
    frame = lines(frames, method)
    if frame is None:
        return []
    where = {"method": method, "setting": setting}
    return [at(frame, level, "", "", stable, list(rises(frame, level=level, **where).values())) for level in LEVELS]


def higher(setting: str, differences: Differences) -> Finding:
    """Judge that a barrier is higher."""
    return positive(setting, differences, NATS)


def no_riser(setting: str, differences: Differences) -> Finding:
    """Judge that an error rise is at most the threshold of instability larger."""
    return within(setting, differences, -INSTABILITY_THRESHOLD, math.inf, POINTS)


def no_less_accurate(setting: str, differences: Differences) -> Finding:
    """Judge that an accuracy is at most the margin lower."""
    return within(setting, differences, -ACCURACY_MARGIN, math.inf, POINTS)


def lower(frames: Frames, control: str, than: str) -> list[Finding]:
    """A control's barrier is above that of another way, at every level and setting of the latter.

    The control has the same setting; IMP, and what has no inner rate, stand beside any.
    """
    frame = lines(frames, than, control)
    if frame is None:
        return []
    findings = []
    for level, setting in cases(frame, than):
        alike = frame[frame["setting"].isin((setting, "")) | (frame["method"] == "imp")]
        above, ours = (values(alike, "barrier", method=method, level=level) for method in (control, than))
        findings.append(at(frame, level, setting, "barrier", higher, paired(above, ours)))
    return findings


def differs(setting: str, differences: Differences, margin: float, unit: Unit = POINTS) -> Finding:
    """Judge that a paired difference is larger than a margin in either direction: contradicted when it is inside."""
    differences = [value for value in differences if math.isfinite(value)]
    bounds = unit.clip(interval(differences))
    if not differences:
        return Finding(setting, math.nan, None, 0, NOT_RUN, unit=unit)
    mean = math.fsum(differences) / len(differences)
    verdict = UNDECIDED
    if bounds is not None and len(differences) >= ENOUGH:
        if bounds[0] > margin or bounds[1] < -margin:
            verdict = REPRODUCED
        elif -margin < bounds[0] and bounds[1] < margin:
            verdict = CONTRADICTED
    return Finding(setting, mean, bounds, len(differences), verdict, unit=unit)
