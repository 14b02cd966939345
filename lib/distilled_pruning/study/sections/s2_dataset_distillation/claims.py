"""What the claims about distilled sets themselves measure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...judging.statistics import LEVELS, Frames, Measure, by_init, paired, place, select, sparse
from ...judging.verdicts import Finding, negative, positive

if TYPE_CHECKING:
    import pandas as pd

CARRIED = 0.5
OBJECTIVES = {"average": "Eq. 1", "supremum": "Eq. 2"}


def low_accuracy_is_left_behind(frames: Frames) -> list[Finding]:
    """The inner loop on distilled data falls short of IMP's on test images, its ticket by less than half as much."""
    frame = place(frames, "fig2")
    if frame is None or "loop_accuracy" not in frame:
        return []
    findings = []
    for level in LEVELS:
        rows = [select({"fig2": frame}, "fig2", method=method, level=level) for method in ("imp", "distilled")]
        loops, tickets = (
            paired(by_init(rows[0], column), by_init(rows[1], column)) for column in ("loop_accuracy", "accuracy")
        )
        left = [CARRIED * loop - ticket for loop, ticket in zip(loops, tickets, strict=True)]
        findings += [
            positive(f"{sparse(frame, level)}, inner loop", loops),
            positive(f"{sparse(frame, level)}, half of it minus the ticket's", left),
        ]
    return findings


def sets(frames: Frames, name: str) -> pd.DataFrame | None:
    """Rows of a frame's first dataset and network."""
    frame = frames.get(name)
    if frame is None or frame.empty:
        return None
    return select(frames, name, **{column: frame[column].iloc[0] for column in ("dataset", "model")})


def beats_its_start(frames: Frames) -> list[Finding]:
    """Training on a finished set beats training on the images it began with, for each method, paired by network."""
    frame = sets(frames, "stopping")
    if frame is None:
        return []
    findings = []
    for method, part in frame.groupby("method", sort=False):
        end, start = (by_init(part[part["share"] == share], "accuracy") for share in (100, 0))
        findings.append(positive(str(method), paired(end, start)))
    return findings


def objectives_agree(frames: Frames) -> list[Finding]:
    """Over all sets accuracy falls as either objective rises, by rank, for each initialisation."""
    frame = sets(frames, "sets")
    if frame is None:
        return []
    findings = []
    for column, name in OBJECTIVES.items():
        values = [ranked(part[column], part["accuracy"]) for _, part in frame.groupby("init") if len(part) > 2]
        found = negative(name, values)
        low, high = found.interval or (-1.0, 1.0)
        findings.append(replace(found, interval=(max(low, -1.0), min(high, 1.0)) if found.interval else None))
    return findings


def ranked(x: pd.Series, y: pd.Series) -> float:
    """Rank correlation of two columns (Spearman)."""
    return float(x.rank().corr(y.rank()))


MEASURES: dict[str, Measure] = {
    "low-distilled-acc-ok": low_accuracy_is_left_behind,
    "sets-beat-start": beats_its_start,
    "objectives-agree": objectives_agree,
}
