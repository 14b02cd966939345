"""What the claims about distilled sets themselves measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...judging.claims import OURS, SUBMISSION, claim
from ...judging.statistics import LEVELS, Frames, by_init, paired, select, sparse
from ...judging.units import CORRELATION, POINTS
from ...judging.verdicts import Finding, negative, positive
from ..common.rows import place

if TYPE_CHECKING:
    import pandas as pd

CARRIED = 0.5
OBJECTIVES = {"average": "Eq. 1", "supremum": "Eq. 2"}


@claim(
    "low-distilled-acc-ok",
    paper=SUBMISSION,
    where="section 3",
    data="cifar10",
    statement="Low accuracy of training on the distilled set does not carry over to the pruned network.",
    paper_value="67.5 %",
    rule=(
        "test accuracy, IMP minus distilled at 59 and 87 %: above 0 after the inner loop, and less than "
        "half of that for the tickets"
    ),
    frames=("fig2",),
)
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
            positive(f"{sparse(frame, level)}, inner loop", loops, POINTS),
            positive(f"{sparse(frame, level)}, half of it minus the ticket's", left, POINTS),
        ]
    return findings


def sets(frames: Frames, name: str) -> pd.DataFrame | None:
    """Rows of a frame's first dataset and network."""
    frame = frames.get(name)
    if frame is None or frame.empty:
        return None
    return select(frames, name, **{column: frame[column].iloc[0] for column in ("dataset", "model")})


@claim(
    "sets-beat-start",
    paper=OURS,
    where="distillation",
    statement="Training on a distilled set beats training on the images it began with.",
    rule="test accuracy, finished set minus its own start, above 0 for each method, paired by network",
    frames=("stopping",),
)
def beats_its_start(frames: Frames) -> list[Finding]:
    """Training on a finished set beats training on the images it began with, for each method, paired by network."""
    frame = sets(frames, "stopping")
    if frame is None:
        return []
    findings = []
    for method, part in frame.groupby("method", sort=False):
        end, start = (by_init(part[part["share"] == share], "accuracy") for share in (100, 0))
        findings.append(positive(str(method), paired(end, start), POINTS))
    return findings


@claim(
    "objectives-agree",
    paper=OURS,
    where="distillation",
    statement=(
        "The closer a set comes to either objective of distillation, the more accurate the networks trained on it."
    ),
    rule="rank correlation of test accuracy with Eq. 1 and with Eq. 2 over all sets below 0",
    frames=("sets",),
)
def objectives_agree(frames: Frames) -> list[Finding]:
    """Over all sets accuracy falls as either objective rises, by rank, for each initialisation."""
    frame = sets(frames, "sets")
    if frame is None:
        return []
    findings = []
    for column, name in OBJECTIVES.items():
        values = [ranked(part[column], part["accuracy"]) for _, part in frame.groupby("init") if len(part) > 2]
        findings.append(negative(name, values, CORRELATION))
    return findings


def ranked(x: pd.Series, y: pd.Series) -> float:
    """Rank correlation of two columns (Spearman)."""
    return float(x.rank().corr(y.rank()))
