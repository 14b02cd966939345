"""The claims on planes of retrainings (2503.17905 section 4.1, Fig. 5)."""

from __future__ import annotations

import math

from ...judging.claims import PAPER, SUBMISSION, claim
from ...judging.preconditions import dense_keeps_up, dense_unstable, of_the_paper
from ...judging.statistics import CONV, Frames, by_init, slopes, sparse
from ...judging.units import BASINS, LENGTHS
from ...judging.verdicts import Finding, each, negative
from ..common.grouping import row_of
from ..common.tickets import EQUAL


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
    preconditions=(dense_keeps_up(CONV), dense_unstable(CONV), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)
def basins(frames: Frames) -> list[Finding]:
    """Basins on the plane of the sparsest tickets, counted up to two: two for dense and IMP, one for distilled."""
    findings = []
    for method, low, high in (("dense", 1.5, math.inf), ("imp", 1.5, math.inf), ("distilled", -math.inf, 1.5)):
        frame = row_of(frames, "basins", method)
        level = 0 if frame is None else int(frame["level"].max())
        counts = by_init(row_of(frames, "basins", method, level), "basins")
        setting = method if level == 0 else f"{method}, {sparse(frame, level)}"
        findings.append(each(setting, [min(count, 2.0) for count in counts.values()], low, high, BASINS))
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
    preconditions=(dense_keeps_up(CONV), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)
def distances_shrink(frames: Frames) -> list[Finding]:
    """The distance of two retrainings, over the root of the share of weights that survive, falls with sparsity.

    Fewer weights are closer for that alone, so that the distance itself would fall for any mask.
    """
    findings = []
    for method in ("imp", "distilled"):
        parts = [
            part for part in (row_of(frames, "basins", "dense"), row_of(frames, "basins", method)) if part is not None
        ]
        found: list[float] = []
        if len(parts) == 2:
            import pandas as pd

            both = pd.concat(parts)
            found = slopes(both.assign(unit=both["unit"] / (1 - both["sparsity"]) ** 0.5), "unit")
        findings.append(negative(method, found, LENGTHS))
    return findings
