"""The claims on planes of retrainings (2503.17905 section 4.1, Fig. 5)."""

from __future__ import annotations

import functools
import math

from ...judging.claims import PAPER, SUBMISSION, claim
from ...judging.preconditions import dense_keeps_up, dense_unstable, of_the_paper
from ...judging.statistics import CONV, LEVELS, Frames, by_init, ratios, select, sparse, spoken
from ...judging.units import BASINS, TIMES
from ...judging.verdicts import Finding, each, within
from ..common.grouping import row_of
from ..common.tickets import EQUAL

LEVEL = LEVELS[1]

of_planes = functools.partial(claim, data="cifar10", frames=("basins",), of_sets=("distilled",))


@of_planes(
    "one-basin",
    paper=PAPER,
    where="section 4.1, Fig. 5",
    statement=(
        "Two trainings of the dense ConvNet-3, or of an IMP subnetwork, end in two minima; two of a distilled one in "
        "one basin."
    ),
    paper_value="2, 2, 1 basins",
    rule=(
        "basins on the plane of three retrainings, counted up to two, each initialisation by itself: two for dense, "
        "and for IMP at 87 %, one for distilled at 87 %"
    ),
    preconditions=(dense_keeps_up(CONV), dense_unstable(CONV), *of_the_paper(CONV, EQUAL)),
)
def basins(frames: Frames) -> list[Finding]:
    """Basins on the plane of the dense network and of tickets at 87 %, counted up to two."""
    findings = []
    for method, level, low, high in (
        ("dense", 0, 1.5, math.inf),
        ("imp", LEVEL, 1.5, math.inf),
        ("distilled", LEVEL, -math.inf, 1.5),
    ):
        frame = row_of(frames, "basins", method, level)
        setting = f"{spoken(method)}, {sparse(frame, level)}" if level else method
        counts = by_init(frame, "basins").values()
        findings.append(each(setting, [min(count, 2.0) for count in counts], low, high, BASINS))
    return findings


@of_planes(
    "distances-shrink",
    paper=SUBMISSION,
    where="section 4.1",
    statement="Two trainings of one subnetwork end slightly closer to each other than two of the dense network.",
    paper_value="slightly lower",
    rule=(
        "L2 distance of two retrainings at 87 % over the dense network's, each divided by the root of the share of "
        "weights that are left, below 1, both methods"
    ),
    preconditions=(dense_keeps_up(CONV), *of_the_paper(CONV, EQUAL)),
)
def distances_shrink(frames: Frames) -> list[Finding]:
    """The distance of two retrainings, over the root of the share of weights left, is below the dense network's.

    Fewer weights are closer for that alone, so that the distance itself would fall for any mask.
    """

    def apart(method: str, level: int) -> dict[int, float]:
        rows = row_of(frames, "basins", method, level)
        return by_init(None if rows is None else rows.assign(unit=rows["unit"] / (1 - rows["sparsity"]) ** 0.5), "unit")

    share = sparse(select(frames, "basins", model=CONV), LEVEL)
    return [
        within(
            f"{spoken(method)} over dense, {share}",
            ratios(apart(method, LEVEL), apart("dense", 0)),
            -math.inf,
            1.0,
            TIMES,
        )
        for method in ("imp", "distilled")
    ]
