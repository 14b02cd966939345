"""The claims of section 5 of 2503.17905: stability and accuracy over the compression of the data."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...judging.claims import EACH, PAPER, SUBMISSION, claim
from ...judging.preconditions import good_sets, imp_unstable
from ...judging.statistics import CONV, LEVELS, Frames, by_init, home, paired, select, sparse
from ...judging.units import NATS, POINTS, TIMES, TIMES_APART
from ...judging.verdicts import Finding, beside, negative, positive, within
from ..common.tickets import EQUAL

if TYPE_CHECKING:
    import pandas as pd

SIZES = (1, 10)  # images per class; every scale has sets of these
TEN = 10
FAIR, POOR = 4, 11
EIGHTEEN = "resnet18"

of_sets = functools.partial(
    claim, paper=PAPER, where="section 5, Fig. 6", data=EACH, frames=("fig6",), of_sets=("distilled",)
)
Where = dict[str, Any]


def _tickets(frames: Frames) -> pd.DataFrame | None:
    """Distilled tickets at the paper's inner rate and at 59 and 87 %, none that collapsed."""
    frame = select(frames, "fig6", method="distilled", setting=EQUAL, collapsed=False)
    return None if frame is None else frame[frame["level"].isin(LEVELS)]


def _settings(
    frame: pd.DataFrame, names: Sequence[str], *primary: object
) -> Iterator[tuple[Where, bool, pd.DataFrame]]:
    """Give the primary settings at 59 and 87 %, run or not, then the others there are.

    Args:
        frame: Tickets.
        names: The columns that tell settings apart, ``level`` the last.
        primary: Their values in primary settings, without the level.

    Yields:
        The setting, whether it is primary, and its rows.
    """
    first = [dict(zip(names, (*primary, level), strict=True)) for level in LEVELS]
    there = [dict(zip(names, values, strict=True)) for values, _ in frame.groupby(list(names), sort=False)]
    for where in [*first, *(other for other in there if other not in first)]:
        rows = frame
        for name, value in where.items():
            rows = rows[rows[name] == value]
        yield where, where in first, rows


def _named(where: Where, rows: pd.DataFrame, *more: str) -> str:
    """Name a setting by its network, the one its sets were made for, and its sparsity."""
    words = [str(value) for name, value in where.items() if name not in ("ipc", "made_for", "level")]
    words += [f"ipc {where['ipc']}"] if "ipc" in where else []
    words += [f"made for {where['made_for']}"] if where.get("made_for", where["model"]) != where["model"] else []
    return ", ".join([*words, sparse(rows, where["level"]), *more])


def sizes_compared(frames: Frames) -> Iterator[tuple[str, bool, pd.DataFrame]]:
    """Tickets of sets of two sizes: those of 1 and 10 images per class on CIFAR-10 and ConvNet-3 are primary.

    Yields:
        What they are, whether they are primary, and their rows, which may be none.
    """
    frame = _tickets(frames)
    if frame is None:
        return
    names = ("dataset", "model", "made_for", "level")
    for where, primary, rows in _settings(frame, names, home(frames, "fig6"), CONV, CONV):
        pairs = dict.fromkeys([SIZES] * primary + list(itertools.pairwise(sorted(rows["ipc"].unique()))))
        for pair in pairs:
            own, part = primary and pair == SIZES, rows[rows["ipc"].isin(pair)]
            about = f"ipc {pair[0]} and {pair[1]}"
            yield sparse(rows, where["level"]) if own else _named(where, rows, about), own, part


def more(part: pd.DataFrame, by: str, what: str) -> list[float]:
    """How much more of a column the set has that has more of another, one value for each distilled set of both sizes.

    The unit is the set: initialisation i is pruned on set i modulo their number, and what shares a set is averaged
    first. A frame that does not say how many sets there are is taken to have one of each size.
    """
    number = part["sets"].max() if "sets" in part and len(part) else 1
    found = []
    for _, rows in part.dropna(subset=[by, what]).groupby(part["init"] % number):
        means = rows.groupby("ipc")[[by, what]].mean()
        if len(means) == 2 and means[by].nunique() == 2:
            low, high = means.sort_values(by)[what]
            found.append(float(high - low))
    return found


def over_imp(frames: Frames, part: pd.DataFrame) -> pd.DataFrame:
    """Add the barrier over IMP's on the same initialisations: those that share a set, averaged before the division."""
    if part.empty:
        return part.assign(barrier_ratio=[])
    number = part["sets"].max() if "sets" in part else 1
    where = {name: part[name].iloc[0] for name in ("dataset", "model", "level")}
    theirs = by_init(select(frames, "fig6", method="imp", collapsed=False, **where), "barrier")
    part = part[part["init"].isin(theirs)].assign(imp=lambda f: f["init"].map(theirs))
    sums = part.groupby([part["init"] % number, "ipc"])[["barrier", "imp"]].transform("mean")
    return part.assign(barrier_ratio=(sums["barrier"] / sums["imp"]).where(sums["imp"] > 0))


@of_sets(
    "compression-stability",
    statement="The more the data is compressed, the lower the barrier relative to IMP's.",
    paper_value="below 0",
    rule=(
        "barrier over that of IMP on the same initialisations, sets of 1 image per class minus sets of 10, below 0 "
        "for ConvNet-3 on CIFAR-10 at 59 and 87 %; other networks, data and sizes beside; the unit is the set"
    ),
    preconditions=(imp_unstable(CONV, "fig6"), good_sets(*SIZES)),
)
def compression_stability(frames: Frames) -> list[Finding]:
    """The barrier over IMP's is lower on the more compressed of two sets."""
    return [
        beside(negative(name, more(over_imp(frames, part), "compression", "barrier_ratio"), TIMES_APART), primary)
        for name, primary, part in sizes_compared(frames)
    ]


@of_sets(
    "performance-needs-quality",
    statement="The accuracy relative to IMP's follows the distilled set's own accuracy.",
    paper_value="above 0",
    rule=(
        "accuracy over IMP's, of the set on which training alone is more accurate minus the other's, sets of 1 and of "
        "10 images per class, above 0 for ConvNet-3 on CIFAR-10 at 59 and 87 %; other networks, data and sizes beside; "
        "the unit is the set"
    ),
    preconditions=(good_sets(*SIZES),),
)
def performance_needs_quality(frames: Frames) -> list[Finding]:
    """The accuracy ratio is higher on the set that trains to more by itself."""
    return [
        beside(positive(name, more(part, "own_accuracy", "accuracy_ratio"), TIMES_APART), primary)
        for name, primary, part in sizes_compared(frames)
    ]


@of_sets(
    "architecture-match",
    where="sections 2.2 and 5",
    statement="Distilled sets suit the architecture they were made on.",
    paper_value="above 0",
    rule=(
        "sets of 10 images per class on CIFAR-10, ResNet-18 at 59 and 87 %, made for it against made for ConvNet-3, "
        "paired differences above 0: test accuracy, own minus other; barrier, other minus own; other networks, "
        "data and sizes beside"
    ),
    preconditions=(good_sets(TEN),),
)
def architecture_match(frames: Frames) -> list[Finding]:
    """A set made for the pruned network beats one made for another: more accuracy, a lower barrier."""
    frame = _tickets(frames)
    if frame is None:
        return []
    found = []
    names = ("dataset", "model", "ipc", "level")
    for where, primary, rows in _settings(frame, names, home(frames, "fig6"), EIGHTEEN, TEN):
        made_for = dict.fromkeys([CONV] * primary + list(rows["made_for"]))
        own = rows[rows["made_for"] == where["model"]]
        for other in made_for if primary or len(own) else ():
            if other != where["model"]:
                foreign, name = rows[rows["made_for"] == other], _named(where, rows, f"against sets made for {other}")
                gained = paired(by_init(own, "accuracy"), by_init(foreign, "accuracy"))
                lower = paired(by_init(foreign, "barrier"), by_init(own, "barrier"))
                both = positive(f"accuracy, {name}", gained, POINTS), positive(f"barrier, {name}", lower, NATS)
                found += [beside(item, primary and other == CONV) for item in both]
    return found


@of_sets(
    "cifar100-weak",
    paper=SUBMISSION,
    where="section 3",
    statement="On CIFAR-100 distilled pruning is decent at low sparsity and fails above 90 % with ResNet-18.",
    paper_value="below 1 and falling",
    rule=(
        "ResNet-18, sets of 10 images per class made for ConvNet-3, accuracy over IMP's: below 1 at 91 % sparsity, and "
        "lower there than at 59 %"
    ),
    preconditions=(good_sets(TEN, dataset="cifar100", model=EIGHTEEN),),
)
def weak_on_a_hundred(frames: Frames) -> list[Finding]:
    """On CIFAR-100 with ResNet-18 the accuracy ratio is below 1 at 91 % sparsity, and lower than at 59 %."""
    where = {"dataset": "cifar100", "model": EIGHTEEN, "method": "distilled", "setting": EQUAL, "made_for": CONV}
    frame = select(frames, "fig6", ipc=TEN, **where)
    if frame is None:
        return []
    fair, poor = (by_init(frame[frame["level"] == level], "accuracy_ratio") for level in (FAIR, POOR))
    falls = paired(fair, poor)
    return [
        within(sparse(frame, POOR), list(poor.values()), 0.0, 1.0, TIMES),
        positive(f"{sparse(frame, FAIR)} minus {sparse(frame, POOR)}", falls, TIMES_APART),
    ]


@of_sets(
    "harder-data-worse",
    where="section 5",
    statement="The more complex the data, the worse distilled pruning does beside IMP.",
    paper_value="under-performs",
    rule=(
        "accuracy over IMP's, CIFAR-10 minus CIFAR-100, paired, above 0: ConvNet-3, sets of 10 images per class, at 59 "
        "and 87 %; other networks and sizes beside"
    ),
    preconditions=(good_sets(TEN), good_sets(TEN, dataset="cifar100")),
)
def harder_data(frames: Frames) -> list[Finding]:
    """Accuracy over IMP's on CIFAR-10 minus that on CIFAR-100, for each network, size of set and sparsity."""
    frame = _tickets(frames)
    if frame is None or not {"cifar10", "cifar100"} <= set(frame["dataset"]):
        return []
    found = []
    for where, primary, rows in _settings(frame, ("model", "made_for", "ipc", "level"), CONV, CONV, TEN):
        easy, hard = (by_init(rows[rows["dataset"] == name], "accuracy_ratio") for name in ("cifar10", "cifar100"))
        found.append(beside(positive(_named(where, rows), paired(easy, hard), TIMES_APART), primary))
    return found
