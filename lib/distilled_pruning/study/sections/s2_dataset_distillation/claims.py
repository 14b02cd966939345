"""What the claims about distilled sets themselves measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...judging.claims import OURS, SUBMISSION, claim
from ...judging.preconditions import PAPERS_SET, dense_keeps_up, shorter_loop
from ...judging.statistics import CONV, LEVELS, Frames, by_init, paired, select, sparse
from ...judging.units import PERCENT, POINTS
from ...judging.verdicts import CONTRADICTED, REPRODUCED, UNDECIDED, Finding, beside, essential, positive, within
from ..common.tickets import EQUAL

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

OPTIMISED = ("dm", "idc")
SIZES = (1, 10, 50)
CARRIED = 0.5
NEAR = 0.02
FEWEST, ONE_SIDED = 5, 0.025
DRAWS = 100_000
OBJECTIVES = {"average": "Eq. 1", "supremum": "Eq. 2"}


@claim(
    "low-distilled-acc-ok",
    paper=SUBMISSION,
    where="section 3",
    data="cifar10",
    statement="Low accuracy of training on the distilled set does not completely carry over to the pruned network.",
    paper_value="about 0 points between tickets, on a set of 67.5 %",
    rule=(
        "gap in test accuracy of a ConvNet-3, IMP minus distilled at 59 and 87 %: above 0 after the inner loop, and "
        "less than half of that between the retrained tickets"
    ),
    frames=("fig2",),
    preconditions=(dense_keeps_up(CONV, "fig2"), shorter_loop(CONV, EQUAL)),
    of_sets=("distilled",),
)
def low_accuracy_is_left_behind(frames: Frames) -> list[Finding]:
    """The inner loop on distilled data falls short of IMP's on test images, its ticket by less than half as much."""
    frame = select(frames, "fig2", model=CONV)
    if frame is None or "loop_accuracy" not in frame:
        return []
    findings = []
    for level in LEVELS:
        rows = [
            select(frames, "fig2", model=CONV, method=method, setting=EQUAL, level=level)
            for method in ("imp", "distilled")
        ]
        loops, tickets = (paired(*(by_init(part, column) for part in rows)) for column in ("loop_accuracy", "accuracy"))
        left = [CARRIED * loop - ticket for loop, ticket in zip(loops, tickets, strict=True)]
        findings += [
            positive(f"gap after the inner loop, {sparse(frame, level)}", loops, POINTS),
            essential(positive(f"half of that minus the tickets' gap, {sparse(frame, level)}", left, POINTS)),
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
    statement="Training on our distilled sets beats training on the images they began with.",
    rule=(
        "test accuracy, finished set minus its own start, paired by network, above 0 for a set of DM and one of IDC; "
        "other methods beside"
    ),
    frames=("stopping",),
    of_sets=OPTIMISED,
)
def beats_its_start(frames: Frames) -> list[Finding]:
    """Training on a finished set beats training on the images it began with, for each method, paired by network."""
    frame = sets(frames, "stopping")
    if frame is None:
        return []
    findings = []
    for method in dict.fromkeys([*OPTIMISED, *frame["method"]]):
        part = frame[frame["method"] == method]
        end, start = (by_init(part[part["share"] == share], "accuracy") for share in (100, 0))
        finding = positive(str(method).upper(), paired(end, start), POINTS)
        findings.append(beside(finding, method in OPTIMISED))
    return findings


@claim(
    "objectives-agree",
    paper=OURS,
    where="distillation",
    statement=(
        "The closer a set comes to either objective of distillation, the more accurate the networks trained on it."
    ),
    rule=(
        "accuracies of the sets, in the order of Eq. 1 and of Eq. 2, fall: permutation test of the rank "
        "correlation over sets (exact up to eight sets, 100,000 random orders beyond), "
        "one-sided at 2.5 %; fewer than five sets decide nothing"
    ),
    frames=("sets",),
)
def objectives_agree(frames: Frames) -> list[Finding]:
    """Accuracies of the sets from the smallest value of an objective up: by rank they must fall; the unit is the set.

    With k sets in order the chance of any one order is 1/k!, so that fewer than five decide nothing.
    """
    frame = sets(frames, "sets")
    if frame is None:
        return []
    means = frame.groupby(["method", "ipc"])[["accuracy", *OBJECTIVES]].mean()
    return [_in_order(means.sort_values(column)["accuracy"].tolist(), name) for column, name in OBJECTIVES.items()]


def _in_order(accuracies: list[float], name: str) -> Finding:
    """Judge that accuracies fall in the order given, by a permutation test of their rank correlation with it."""
    k = len(accuracies)
    verdict = UNDECIDED
    if k >= FEWEST:
        falling, rising = _chances(accuracies)
        verdict = REPRODUCED if falling < ONE_SIDED else CONTRADICTED if rising < ONE_SIDED else UNDECIDED
    mean = sum(accuracies) / k
    return Finding(f"from the smallest {name} up", mean, None, k, verdict, unit=PERCENT, values=tuple(accuracies))


def _chances(values: Sequence[float]) -> tuple[float, float]:
    """Give the chances of values that fall, and that rise, at least as clearly, if any order were as likely.

    All orders are counted where they are no more than ``DRAWS``; of more values, as many random ones, always the same.
    Equal values share their mean rank.
    """
    import numpy as np
    from scipy.stats import permutation_test, rankdata

    ranks, places = rankdata(values), np.arange(len(values))

    def agreement(order: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray((order * places).sum(axis))  # what a rank correlation with 0, 1, 2 … rises with

    falling, rising = (
        permutation_test(
            (ranks,),
            agreement,
            permutation_type="pairings",
            vectorized=True,
            n_resamples=DRAWS,
            alternative=side,
            random_state=np.random.default_rng(0),
        ).pvalue
        for side in ("less", "greater")
    )
    return float(falling), float(rising)


@claim(
    "set-accuracy",
    paper=SUBMISSION,
    where="section 2.4",
    data="cifar10",
    statement="Training on IDC's sets alone reaches 50.6, 67.5 and 74.5 % with 1, 10 and 50 images per class.",
    paper_value="50.6, 67.5, 74.5 %",
    rule="test accuracy of a ConvNet-3 trained on the set within 2 points of the printed one, all three sizes",
    sizes=True,
    frames=("sets",),
    of_sets=("idc",),
)
def set_accuracy(frames: Frames) -> list[Finding]:
    """What training on IDC's sets alone reaches, each size against the printed number."""
    frame = select(frames, "sets", model=CONV, method="idc")
    if frame is None:
        return []
    findings = []
    for ipc in SIZES:
        values, printed = by_init(frame[frame["ipc"] == ipc], "accuracy").values(), PAPERS_SET[CONV, ipc]
        findings.append(within(f"ipc {ipc}", list(values), printed - NEAR, printed + NEAR, PERCENT))
    return findings
