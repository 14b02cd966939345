"""The claims of section 5 of 2503.17905: stability and accuracy over the compression of the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...judging.claims import EACH, PAPER, SUBMISSION, claim
from ...judging.preconditions import good_sets, imp_unstable
from ...judging.statistics import CONV, LEVELS, Frames, by_init, paired, select, slope, sparse
from ...judging.units import A_HUNDRED_POINTS, A_TENFOLD, TIMES, TIMES_APART
from ...judging.verdicts import Finding, negative, positive, within
from ..common.tickets import EQUAL

if TYPE_CHECKING:
    import pandas as pd

FAIR, POOR = 4, 11
HUNDRED = ("cifar100", "resnet18")


def groups(frames: Frames, *columns: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Distilled tickets at the paper's inner rate, none that collapsed, by dataset, network, columns and level.

    Each group is named by its sparsity, and by its dataset and network where there are several.
    """
    frame = select(frames, "fig6", method="distilled", setting=EQUAL, collapsed=False)
    if frame is None:
        return
    named = [c for c in ("dataset", "model", *columns) if frame[c].nunique() > 1]
    for _, part in frame[frame["level"].isin(LEVELS)].groupby(["dataset", "model", *columns, "level"], sort=False):
        words = [
            f"{column} {part[column].iloc[0]}" if column == "ipc" else str(part[column].iloc[0]) for column in named
        ]
        yield ", ".join([*words, sparse(part, int(part["level"].iloc[0]))]), part


def inclines(frame: pd.DataFrame, x: str, y: str) -> list[float]:
    """Slope of a column over another, one for each distilled set of every size: the unit is the set.

    Initialisation i is pruned on set i modulo their number; what shares a set is averaged first. A frame that does not
    say how many sets there are is taken to have one of each size.
    """
    number = frame["sets"].max() if "sets" in frame else 1
    frame = frame.assign(which=frame["init"] % number)
    found = []
    for _, rows in frame.dropna(subset=[x, y]).groupby("which"):
        means = rows.groupby(["made_for", "ipc"])[[x, y]].mean()
        if means[x].nunique() > 1:
            found.append(slope(list(means[x]), list(means[y])))
    return found


def over_imp(frames: Frames, part: pd.DataFrame) -> pd.DataFrame:
    """Add the barrier over IMP's on the same initialisations: those that share a set, averaged before the division."""
    number = part["sets"].max() if "sets" in part else 1
    part = part.assign(which=part["init"] % number)
    where = {name: part[name].iloc[0] for name in ("dataset", "model", "level")}
    imp = select(frames, "fig6", method="imp", collapsed=False, **where)
    theirs = by_init(imp, "barrier")
    part = part[part["init"].isin(theirs)].assign(imp=lambda f: f["init"].map(theirs))
    keys = ["which", "made_for", "ipc"]
    sums = part.groupby(keys)[["barrier", "imp"]].transform("mean")
    return part.assign(barrier_ratio=(sums["barrier"] / sums["imp"]).where(sums["imp"] > 0))


@claim(
    "compression-stability",
    paper=PAPER,
    where="section 5, Fig. 6",
    data=EACH,
    statement="More compression of the data, lower barrier relative to IMP.",
    paper_value="negative",
    rule=(
        "slope of barrier, over that of IMP on the same initialisations, on the logarithm of compression"
        " below 0, for each "
        "dataset, network and sparsity"
    ),
    frames=("fig6",),
    preconditions=(imp_unstable(CONV, "fig6"), good_sets()),
    of_sets=("distilled",),
)
def compression_stability(frames: Frames) -> list[Finding]:
    """The barrier ratio falls with the logarithm of the compression, on each dataset, network and level."""
    found = []
    for name, part in groups(frames, "made_for"):
        if part["ipc"].nunique() > 1:
            paired_rows = over_imp(frames, part)
            logs = paired_rows.assign(log=[math.log10(value) for value in paired_rows["compression"]])
            found.append(negative(name, inclines(logs, "log", "barrier_ratio"), A_TENFOLD))
    return found


@claim(
    "performance-needs-quality",
    paper=PAPER,
    where="section 5, Fig. 6",
    data=EACH,
    statement="The accuracy ratio follows the distilled set's own accuracy.",
    paper_value="positive",
    rule=(
        "slope of accuracy over IMP's on the accuracy of training on the set alone above 0, for each "
        "dataset, network and sparsity"
    ),
    frames=("fig6",),
    preconditions=(good_sets(),),
    of_sets=("distilled",),
)
def performance_needs_quality(frames: Frames) -> list[Finding]:
    """The accuracy ratio rises with what training on the set alone reaches, on each dataset, network and level."""
    return [
        positive(name, inclines(part, "own_accuracy", "accuracy_ratio"), A_HUNDRED_POINTS)
        for name, part in groups(frames)
        if part.groupby(["made_for", "ipc"]).ngroups > 1
    ]


@claim(
    "architecture-match",
    paper=PAPER,
    where="sections 2.2 and 5",
    data=EACH,
    statement="Distilled sets suit the architecture they were made on.",
    paper_value="better on its own",
    rule="paired differences above 0: accuracy over IMP's, own minus other; barrier over IMP's, other minus own",
    frames=("fig6",),
    preconditions=(good_sets(),),
    of_sets=("distilled",),
)
def architecture_match(frames: Frames) -> list[Finding]:
    """A set made for the pruned network beats one made for another: higher accuracy ratio, lower barrier ratio."""
    found = []
    for name, part in groups(frames, "ipc"):
        model = part["model"].iloc[0]
        own = part[part["made_for"] == model]
        for other, foreign in part[part["made_for"] != model].groupby("made_for"):
            for column, sign in (("accuracy_ratio", 1), ("barrier_ratio", -1)):
                left, right = by_init(own, column), by_init(foreign, column)
                differences = [sign * value for value in paired(left, right)]
                found.append(positive(f"{name}, {column.replace('_', ' ')} against {other}", differences))
    return found


@claim(
    "cifar100-weak",
    paper=SUBMISSION,
    where="section 3",
    data=EACH,
    statement="On CIFAR-100 distilled pruning is fair at low sparsity and poor above 90 %.",
    paper_value="below 1, falling",
    rule="ResNet-18, accuracy over IMP's: below 1 at 91 % sparsity, and lower there than at 59 %",
    frames=("fig6",),
    preconditions=(good_sets("cifar100"),),
    of_sets=("distilled",),
)
def weak_on_a_hundred(frames: Frames) -> list[Finding]:
    """On CIFAR-100 with ResNet-18 the accuracy ratio is below 1 at 91 % sparsity, and lower than at 59 %."""
    dataset, model = HUNDRED
    found = []
    frame = select(frames, "fig6", dataset=dataset, model=model, method="distilled", setting=EQUAL)
    if frame is None:
        return []
    for (made_for, ipc), part in frame.groupby(["made_for", "ipc"], sort=False):
        fair, poor = (by_init(part[part["level"] == level], "accuracy_ratio") for level in (FAIR, POOR))
        name = f"ipc {ipc}, made for {made_for}"
        found.append(within(f"{name}, {sparse(part, POOR)}", list(poor.values()), -math.inf, 1.0, TIMES))
        found.append(positive(f"{name}, {sparse(part, FAIR)} minus {sparse(part, POOR)}", paired(fair, poor)))
    return found


@claim(
    "harder-data-worse",
    paper=PAPER,
    where="section 5",
    data=EACH,
    statement="The more complex the data, the worse distilled pruning does beside IMP.",
    paper_value="under-performs",
    rule="accuracy over IMP's at equal network, size of set and sparsity: CIFAR-10 minus CIFAR-100, paired, above 0",
    frames=("fig6",),
    preconditions=(good_sets(),),
    of_sets=("distilled",),
)
def harder_data(frames: Frames) -> list[Finding]:
    """Accuracy over IMP's on CIFAR-10 minus that on CIFAR-100, for each network, size of set and sparsity."""
    frame = select(frames, "fig6", method="distilled", setting=EQUAL)
    if frame is None or not {"cifar10", "cifar100"} <= set(frame["dataset"]):
        return []
    found = []
    for (model, ipc, level), part in frame[frame["level"].isin(LEVELS)].groupby(["model", "ipc", "level"]):
        easy, hard = (by_init(part[part["dataset"] == name], "accuracy_ratio") for name in ("cifar10", "cifar100"))
        found.append(positive(f"{model}, ipc {ipc}, {sparse(part, int(str(level)))}", paired(easy, hard), TIMES_APART))
    return found
