"""The claims on stability: sections 4 and 4.3 of 2503.17905 and its submission, and our own on gentle loops."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

from ...judging.claims import OURS, PAPER, SUBMISSION, claim
from ...judging.preconditions import Precondition, dense_keeps_up, dense_unstable, imp_unstable, network, of_the_paper
from ...judging.statistics import CONV, LEVELS, NOTHING, Frames, by_init, paired, rise, select, sparse
from ...judging.units import NATS, PERCENT, WEIGHTS
from ...judging.verdicts import (
    CONTRADICTED,
    ENOUGH,
    INSTABILITY_THRESHOLD,
    NOT_RUN,
    RANGE,
    REPRODUCED,
    UNDECIDED,
    Finding,
    beside,
    essential,
    negative,
    positive,
    stable,
    unstable,
)
from ..common.tickets import EQUAL, GENTLE

LOW, HIGH = LEVELS
TEN, EIGHTEEN = "resnet10", "resnet18"
FIRST = range(3, 6)  # level 4, about 60 %, give or take one

of_stability = functools.partial(claim, frames=("barriers",))
of_the_convnet = functools.partial(of_stability, paper=PAPER, data="cifar10", where="section 4, Fig. 3")


def _unstable_dense(model: str) -> tuple[Precondition, ...]:
    """What a claim on stable subnetworks takes for granted: a dense network that is trained, and unstable."""
    return dense_keeps_up(model), dense_unstable(model)


def _of_distilled(model: str) -> tuple[Precondition, ...]:
    """What a claim on stable distilled subnetworks takes for granted: the paper's kind of set and loop as well."""
    return *_unstable_dense(model), *of_the_paper(model, EQUAL)


def _barriers(frames: Frames, level: int, **where: str) -> dict[int, float]:
    """Barrier of each initialisation at a level, collapsed tickets left out."""
    return by_init(select(frames, "barriers", level=level, collapsed=False, **where), "barrier")


def _rises(frames: Frames, judge: Callable[[str, Sequence[float]], Finding], model: str, **where: str) -> list[Finding]:
    """Judge error rises at 59 and 87 %."""
    names, lost = select(frames, "barriers", model=model), NOTHING if judge is unstable else 1.0
    return [judge(sparse(names, level), rise(frames, level, lost=lost, model=model, **where)) for level in LEVELS]


def _more_stable(frames: Frames, model: str, setting: str) -> list[Finding]:
    """Judge that IMP's barriers lie above the distilled tickets', paired by initialisation."""
    findings = []
    for level in LEVELS:
        imp = _barriers(frames, level, model=model, method="imp", setting=EQUAL)
        ours = _barriers(frames, level, model=model, method="distilled", setting=setting)
        findings.append(positive(sparse(select(frames, "barriers", model=model), level), paired(imp, ours), NATS))
    return findings


def _state_dense(name: str, called: str, model: str, where: str, data: str) -> None:
    """State of a dense network that its error rises between two data orders."""

    @of_stability(
        name,
        paper=PAPER,
        where=where,
        data=data,
        statement=f"The dense {called} at initialisation is unstable to SGD noise.",
        paper_value="barrier visible",
        rule="midpoint error rise above 2 points",
        preconditions=(network(model, "barriers"),),
    )
    def measure(frames: Frames) -> list[Finding]:
        """The dense network's error rises between two data orders."""
        return [unstable("dense", rise(frames, 0, lost=NOTHING, model=model, method="dense"))]


_state_dense("dense-unstable-conv", "ConvNet-3", CONV, "section 4, Fig. 3", "cifar10")
_state_dense("dense-unstable-r10", "ResNet-10", TEN, "section 4, Fig. 4", "imagenet10")
_state_dense("dense-unstable-r18", "ResNet-18", EIGHTEEN, "Fig. 3", "cifar10")


@of_the_convnet(
    "imp-unstable",
    statement="IMP's subnetworks of ConvNet-3 are unstable, as the dense network is.",
    paper_value="barrier visible",
    rule="midpoint error rise above 2 points at 59 and 87 %",
    preconditions=_unstable_dense(CONV),
)
def imp_is_unstable(frames: Frames) -> list[Finding]:
    """IMP's error rises at 59 and 87 %."""
    return _rises(frames, unstable, CONV, method="imp")


def _state_stable(name: str, called: str, model: str, where: str, data: str) -> None:
    """State of a network's distilled subnetworks that their error does not rise."""

    @of_stability(
        name,
        paper=PAPER,
        where=where,
        data=data,
        statement=f"Distilled subnetworks of {called} are fully linearly connected.",
        paper_value="no barrier",
        rule="midpoint error rise below 2 points at 59 and 87 %, inner and outer rate equal",
        preconditions=_of_distilled(model),
        of_sets=("distilled",),
    )
    def measure(frames: Frames) -> list[Finding]:
        """The distilled tickets' error does not rise at 59 and 87 %."""
        return _rises(frames, stable, model, method="distilled", setting=EQUAL)


_state_stable("syn-stable-conv", "ConvNet-3", CONV, "section 4, Fig. 3", "cifar10")
_state_stable("syn-stable-r10", "ResNet-10", TEN, "section 4, Fig. 4", "imagenet10")


@of_the_convnet(
    "syn-more-stable-r18",
    where="Fig. 3",
    statement="On ResNet-18/CIFAR-10 distilled subnetworks are more stable than IMP's.",
    paper_value="above 0",
    rule="paired difference of barriers, IMP minus distilled, above 0 at 59 and 87 %",
    preconditions=(imp_unstable(EIGHTEEN), *_of_distilled(EIGHTEEN)),
    of_sets=("distilled",),
)
def syn_more_stable_r18(frames: Frames) -> list[Finding]:
    """IMP's barriers lie above the distilled tickets' of a ResNet-18."""
    return _more_stable(frames, EIGHTEEN, EQUAL)


@of_the_convnet(
    "stability-grows",
    where="section 4",
    statement="The more distilled pruning, the more stable, at higher and flatter loss.",
    paper_value="below 0, above 0",
    rule="distilled tickets at 87 % minus those at 59 %, paired by initialisation: barrier below 0, end loss above 0",
    preconditions=_of_distilled(CONV),
    of_sets=("distilled",),
)
def stability_grows(frames: Frames) -> list[Finding]:
    """From 59 to 87 % of distilled pruning the barrier falls and the loss of the ends rises."""
    rows = select(frames, "barriers", model=CONV, method="distilled", setting=EQUAL, collapsed=False)
    name = f"{sparse(rows, HIGH)} minus {sparse(rows, LOW)}"

    def more(column: str) -> list[float]:
        return paired(*(by_init(None if rows is None else rows[rows["level"] == k], column) for k in (HIGH, LOW)))

    return [
        essential(negative(f"barrier, {name}", more("barrier"), NATS)),
        positive(f"end loss, {name}", more("end_loss"), NATS),
    ]


@of_the_convnet(
    "where-not-how-much",
    paper=SUBMISSION,
    where="section 4",
    statement="Sparsity alone does not smooth the landscape; where it is induced does.",
    paper_value="above 0",
    rule="barrier of IMP minus barrier of distilled at equal sparsity above 0 at 59 and 87 %, paired by initialisation",
    preconditions=(imp_unstable(CONV), *_of_distilled(CONV)),
    of_sets=("distilled",),
)
def where_not_how_much(frames: Frames) -> list[Finding]:
    """IMP's barriers lie above the distilled tickets' of a ConvNet-3."""
    return _more_stable(frames, CONV, EQUAL)


@of_the_convnet(
    "stable-from-60",
    paper=SUBMISSION,
    where="section 4.3",
    statement="Distilled subnetworks first become stable around 60 % sparsity.",
    paper_value="about 60 %",
    rule=(
        "first level at which an initialisation's error rises by less than 2 points, each by itself: level 4, give or "
        "take one, for all (100 %: at none); levels that were not measured leave it open"
    ),
    preconditions=_of_distilled(CONV),
    of_sets=("distilled",),
)
def stable_from(frames: Frames) -> list[Finding]:
    """First sparsity at which a distilled ticket is stable, of all initialisations: from which to which it can be."""
    rows = select(frames, "barriers", method="distilled", setting=EQUAL, model=CONV)
    if rows is None:
        return []
    rows = rows.assign(error_rise=rows["error_rise"].mask(rows["collapsed"].astype(bool), 1.0))
    means = rows.groupby(["init", "level"])["error_rise"].mean()
    found = [_first(means.loc[init].to_dict()) for init in means.index.unique("init")]
    inside = [earliest in FIRST and latest in FIRST for earliest, latest in found]
    outside = [latest < FIRST.start or earliest >= FIRST.stop for earliest, latest in found]
    verdict = REPRODUCED if all(inside) else CONTRADICTED if all(outside) else UNDECIDED
    low, high = (1 - 0.8**k for k in (min(first for first, _ in found), max(last for _, last in found)))
    n = len(found)
    return [
        Finding("first stable", high, (low, high), n, verdict if n >= ENOUGH else UNDECIDED, unit=PERCENT, spread=RANGE)
    ]


def _first(rises: dict[int, float]) -> tuple[float, float]:
    """Give the first level that can be the first stable one, and the last: infinity where none of those measured is."""
    stable_ones = [level for level, rise in rises.items() if level and rise < INSTABILITY_THRESHOLD]
    latest = min(stable_ones, default=math.inf)
    unmeasured = (level for level in range(1, max(rises) + 1) if level not in rises and level < latest)
    return min(unmeasured, default=latest), latest


of_gentle_loops = functools.partial(of_stability, paper=OURS, where="stability", of_sets=("distilled",))


@of_gentle_loops(
    "gentle-stable",
    statement="With a gentle inner loop distilled subnetworks are stable at both sparsities.",
    rule="midpoint error rise below 2 points at 59 and 87 %",
)
def gentle_stable(frames: Frames) -> list[Finding]:
    """Distilled tickets of a gentle loop do not rise at 59 and 87 %."""
    return _rises(frames, stable, CONV, method="distilled", setting=GENTLE)


@of_gentle_loops(
    "gentle-more-stable",
    statement="With a gentle inner loop distilled subnetworks are more stable than IMP's.",
    rule="paired difference of barriers, IMP minus distilled, above 0 at 59 and 87 %",
)
def gentle_more_stable(frames: Frames) -> list[Finding]:
    """IMP's barriers lie above those of distilled tickets of a gentle loop."""
    return _more_stable(frames, CONV, GENTLE)


@of_stability(
    "masks-hold",
    paper=OURS,
    where="stability",
    statement="Every trained ticket is the subnetwork it claims to be: all its pruned weights are zero.",
    rule="pruned weights of the networks at both ends of every line that are not zero, counted: none",
)
def masks_hold(frames: Frames) -> list[Finding]:
    """No pruned weight of a trained ticket is anything but zero (an exact count, not an estimate)."""
    frame = select(frames, "barriers")
    counted = frame is not None and "outside" in frame
    pruned = None if frame is None or not counted else frame[frame["level"] > 0].dropna(subset="outside")
    counts = list(by_init(pruned, "outside").values())
    worst = max(counts, default=math.nan)
    verdict = NOT_RUN if not counts else REPRODUCED if worst == 0 else CONTRADICTED
    return [Finding("weights outside", worst, (worst, worst) if counts else None, len(counts), verdict, unit=WEIGHTS)]


@of_stability(
    "negative-barrier",
    paper=SUBMISSION,
    where="sections 4 and 4.3, Fig. 4",
    data="imagenet10",
    statement=(
        "On ImageNet-10 distilled subnetworks of ResNet-10 even do slightly better halfway: the barrier is negative."
    ),
    paper_value="slightly below 0",
    rule="loss barrier below 0 at 87 %, where the submission sees it; at 59 % beside",
    preconditions=_of_distilled(TEN),
    of_sets=("distilled",),
)
def negative_barrier(frames: Frames) -> list[Finding]:
    """A ResNet-10's distilled tickets have a lower loss halfway than at the ends."""
    low, high = (
        negative(
            sparse(select(frames, "barriers", model=TEN), level),
            list(_barriers(frames, level, model=TEN, method="distilled", setting=EQUAL).values()),
            NATS,
        )
        for level in LEVELS
    )
    return [beside(low), high]
