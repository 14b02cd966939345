"""The claims on planes of retrainings (2503.17905 section 4.1, Fig. 5)."""

from __future__ import annotations

import math

from ...judging.claims import PAPER, SUBMISSION, claim
from ...judging.statistics import Frames, by_init, slopes, sparse
from ...judging.units import BASINS
from ...judging.verdicts import Finding, negative, within
from ..common.rows import row_of


@claim(
    "one-basin",
    paper=PAPER,
    where="section 4.1, Fig. 5",
    data="cifar10",
    statement="Dense and IMP pairs fall into two minima, distilled pairs into one flat basin.",
    paper_value="2, 2, 1",
    rule=(
        "basins on the plane of three retrainings, counted up to two, at the sparsest level: above 1.5 "
        "for dense and IMP, below for distilled"
    ),
    frames=("basins",),
)
def basins(frames: Frames) -> list[Finding]:
    """Basins on the plane of the sparsest tickets, counted up to two: two for dense and IMP, one for distilled."""
    findings = []
    for method, low, high in (("dense", 1.5, math.inf), ("imp", 1.5, math.inf), ("distilled", -math.inf, 1.5)):
        frame = row_of(frames, "basins", method)
        level = 0 if frame is None else int(frame["level"].max())
        counts = by_init(row_of(frames, "basins", method, level), "basins")
        setting = method if level == 0 else f"{method}, {sparse(frame, level)}"
        findings.append(within(setting, [min(count, 2.0) for count in counts.values()], low, high, BASINS))
    return findings


@claim(
    "distances-shrink",
    paper=SUBMISSION,
    where="Fig. 5",
    data="cifar10",
    statement="Retrained networks come slightly closer to each other as pruning goes on.",
    paper_value="slightly lower",
    rule="slope of the L2 distance of two retrainings over sparsity below 0, from the dense network on, both methods",
    frames=("basins",),
)
def distances_shrink(frames: Frames) -> list[Finding]:
    """The distance of two retrainings falls from the dense network to sparser and sparser tickets."""
    findings = []
    for method in ("imp", "distilled"):
        parts = [
            part for part in (row_of(frames, "basins", "dense"), row_of(frames, "basins", method)) if part is not None
        ]
        found: list[float] = []
        if len(parts) == 2:
            import pandas as pd

            found = slopes(pd.concat(parts), "unit")
        findings.append(negative(method, found))
    return findings
