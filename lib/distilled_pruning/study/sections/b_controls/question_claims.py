"""What the claims about the papers' open questions measure: other images, other initial weights, other sets."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ...judging.statistics import CONV, Frames, Measure, paired, select
from ...judging.verdicts import Finding, negative, positive
from ..s5_overview.claims import groups, inclines
from .claims import ACCURACY_MARGIN, at, cases, differs, spoken, values
from .experiment import DEFAULT
from .shifts import FAMILIES, by_family

if TYPE_CHECKING:
    import pandas as pd

AGAINST_IMP = ("distilled", "real-short")
LESS_STABLE = ("dense", "imp")
OBJECTIVES = {"average": ("Eq. 1", -1), "supremum": ("Eq. 2", -1)}  # the lower the better
QUALITIES = {"own_accuracy": ("own accuracy", 1), **OBJECTIVES}


def open_shift(frames: Frames) -> list[Finding]:
    """Accuracy that shifted images cost, tickets of short loops each minus IMP's at equal sparsity, beyond a point."""
    frame = select(frames, "shifts", model=CONV)
    if frame is None:
        return []
    wide = by_family(frame)
    findings = []
    for method in AGAINST_IMP:
        for level, setting in cases(wide, method):
            for family in FAMILIES:
                ours = values(wide, f"{family}_lost", method=method, level=level, setting=setting)
                imp = values(wide, f"{family}_lost", method="imp", level=level)
                if paired(ours, imp):
                    judge = functools.partial(differs, margin=ACCURACY_MARGIN)
                    name = f"{family}, {spoken(method)}"
                    findings.append(at(wide, level, setting, name, judge, paired(ours, imp)))
    return findings


def open_init(frames: Frames) -> list[Finding]:
    """Under other initial weights too the barriers of dense network and IMP lie above the distilled ticket's."""
    frame = select(frames, "starts", model=CONV)
    if frame is None:
        return []
    findings = []
    for start in dict.fromkeys(frame[frame["start"] != DEFAULT]["start"]):
        part = frame[frame["start"] == start]
        for level, setting in cases(part, "distilled"):
            ours = values(part, "barrier", method="distilled", level=level, setting=setting)
            for method in LESS_STABLE:
                higher = paired(values(part, "barrier", method=method), ours)
                if higher:
                    name = f"{start}, {method} over distilled"
                    findings.append(at(part, level, setting, name, positive, higher))
    return findings


def with_objectives(tickets: pd.DataFrame, sets: pd.DataFrame | None) -> pd.DataFrame:
    """Add what the sets' page measured of the set behind each ticket, by method and size: means over networks."""
    if sets is None or "made_by" not in tickets:
        return tickets
    means = sets.groupby(["method", "ipc"])[list(OBJECTIVES)].mean()
    return tickets.join(means, on=["made_by", "ipc"])


def open_quality(frames: Frames) -> list[Finding]:
    """A better set gives a ticket of higher accuracy and lower barrier: slopes over the sets of an initialisation."""
    findings = []
    sets = select(frames, "sets", model=CONV)
    for place, part in groups(frames):
        found = with_objectives(part, sets)
        for column, (name, better) in QUALITIES.items():
            if column in found and found.dropna(subset=column)["ipc"].nunique() > 1:
                for what, judge in (("accuracy", positive), ("barrier", negative)):
                    slopes = [better * value for value in inclines(found, column, what)]
                    findings.append(judge(f"{what} over {name}, {place}", slopes))
    return findings


MEASURES: dict[str, Measure] = {
    "open-shift": open_shift,
    "open-init": open_init,
    "open-quality": open_quality,
}
