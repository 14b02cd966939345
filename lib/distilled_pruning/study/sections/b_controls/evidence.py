"""What the claims about controls are judged by: lines of the pages of controls and stability, case by case.

A finding knows its level and inner rate, so that a claim can say which of them its verdict rests on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...judging.statistics import CONV, LEVELS, Frames, by_init, paired, select, sparse
from ...judging.units import NATS, POINTS, Unit
from ...judging.verdicts import (
    CONTRADICTED,
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
_LINE = ["dataset", "method", "rate", "level", "init", "pair"]
_Values = dict[int, float]
Differences = Sequence[float]


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


def cases(frame: pd.DataFrame, method: str) -> list[tuple[int, str]]:
    """Levels and settings at which a method has tickets, from the densest and the papers' setting on."""
    found = frame[(frame["method"] == method) & (frame["level"] > 0)]
    pairs = dict.fromkeys(zip(found["level"], found["setting"], strict=True))
    return sorted(((int(level), str(setting)) for level, setting in pairs))


def at(
    frame: pd.DataFrame,
    level: int,
    setting: str,
    what: str,
    judge: Callable[[str, Differences], Finding],
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


def spoken(method: str) -> str:
    """Name a method where a hyphen would be read as a minus."""
    return method.replace("-", " ")


def lower(frames: Frames, control: str, than: str) -> list[Finding]:
    """A control's barrier is above that of another way, at every level and setting of the latter."""
    frame = lines(frames, than, control)
    if frame is None:
        return []
    findings = []
    for level, setting in cases(frame, than):
        theirs = {"method": control, "level": level}
        if control in frame[frame["setting"] == setting]["method"].unique():
            theirs["setting"] = setting
        above = values(frame, "barrier", **theirs)
        ours = values(frame, "barrier", method=than, level=level, setting=setting)
        findings.append(at(frame, level, setting, "barrier", higher, paired(above, ours)))
    return findings


def below_imp(frames: Frames, method: str) -> list[Finding]:
    """IMP's barrier minus that of a short loop is positive, at every level and setting of the loop."""
    frame = lines(frames, "imp", method)
    if frame is None:
        return []
    return [
        at(frame, level, setting, "barrier", higher, [-more for more in differences])
        for level, setting, differences in minus_imp(frame, method, "barrier")
    ]


def minus_imp(frame: pd.DataFrame, method: str, column: str) -> Iterator[tuple[int, str, Differences]]:
    """At every level and setting of a short loop, what it has more than IMP, by initialisation."""
    for level, setting in cases(frame, method):
        ours, imp = {"method": method, "level": level, "setting": setting}, {"method": "imp", "level": level}
        yield level, setting, paired(values(frame, column, **ours), values(frame, column, **imp))


def differs(setting: str, differences: Differences, margin: float, unit: Unit = POINTS) -> Finding:
    """Judge that a paired difference is larger than a margin in either direction: contradicted when it is inside."""
    bounds = unit.clip(interval(differences))
    if not differences:
        return Finding(setting, math.nan, None, 0, NOT_RUN, unit=unit)
    mean = math.fsum(differences) / len(differences)
    verdict = UNDECIDED
    if bounds is not None and len(differences) >= 3:
        if bounds[0] > margin or bounds[1] < -margin:
            verdict = REPRODUCED
        elif -margin < bounds[0] and bounds[1] < margin:
            verdict = CONTRADICTED
    return Finding(setting, mean, bounds, len(differences), verdict, unit=unit)
