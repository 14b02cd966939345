"""What must hold before a claim can be tested at all, measured on the same results as the claim.

A claim about tickets says nothing where there are none: where the dense network is hardly trained, where what the
claim sets itself against is not there, where the set is far worse than the paper's, or where both loops are about as
long. Each claim names its preconditions, as calls of the functions here. One that fails, or that nothing measures,
leaves the claim *not testable here*; one that may or may not hold leaves it undecided.

A claim is asked only for what its own statement takes for granted: that the dense network is unstable where a claim
finds stable subnetworks in it, that IMP's tickets are unstable where a claim sets its own above them, that the dense
network is at least as accurate as IMP's tickets where tickets are judged at all, a good set and a short loop where the
claim is about distilled masks, and the network always. Rows that a run leaves out say nothing against a claim that does
without them.

That distilled subnetworks are stable is no comparison with IMP: "the unstable dense model contains a stable, sparse
subnetwork at initialization. More importantly, traditional IMP is not able to produce stable subnetworks in these
settings" (2503.17905 section 4) are two claims, and the first is as true where the second fails.

How good a set and how short a loop must be are sizes of the papers' own data. The digits of the live scale stand in
for these to show that all works, and have no such sizes: there the sized preconditions are not asked, and what is
expected of a live run guards against faults, not a paper's claim.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .statistics import CONV, LEVELS, NOTHING, Frames, Measure, by_init, home, paired, rise, select, sparse
from .units import PERCENT, POINTS, TIMES
from .verdicts import CONTRADICTED, NOT_RUN, REPRODUCED, Finding, unstable, within, write_finding

WITHIN = 0.01
WORSE = 0.1
LONGER = 10.0
PAPERS_SET = {
    ("convnet3", 1): 0.506,
    ("convnet3", 10): 0.675,
    ("convnet3", 50): 0.745,
    ("resnet18", 10): 0.675,  # the same set
    ("resnet10", 10): 0.728,
    ("resnet10", 20): 0.766,
}
PAPERS_HUNDRED = {10: 0.451}
STAND_IN = "digits"


@dataclass(frozen=True)
class Precondition:
    """One thing that must hold.

    Attributes:
        states: What must hold, as a clause.
        measure: Frames to findings, of which every one must be *reproduced*.
        sized: Whether it asks for a size that only the papers' data have, so that it is not asked on the digits.
    """

    states: str
    measure: Measure
    sized: bool = False


@dataclass(frozen=True)
class Standing:
    """How the preconditions of a claim stand.

    Attributes:
        failed: Those that do not hold, each with what was found, or that it was not measured.
        unsure: Those that may or may not hold, likewise.
    """

    failed: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


def asked(preconditions: Sequence[Precondition], data: Sequence[str]) -> tuple[Precondition, ...]:
    """Give the preconditions that mean something on the datasets a claim was judged on."""
    stands_in = tuple(data) == (STAND_IN,)
    return tuple(item for item in preconditions if not (item.sized and stands_in))


def stand(preconditions: Sequence[Precondition], frames: Frames) -> Standing:
    """Judge preconditions on the frames a claim is judged on."""
    failed, unsure = [], []
    for item in preconditions:
        found = item.measure(frames)
        against = [part for part in found if part.verdict == CONTRADICTED]
        if against:
            failed.append(f"{item.states}: {'; '.join(map(write_finding, against))}")
        elif not found or any(part.verdict == NOT_RUN for part in found):
            failed.append(f"{item.states}: not measured")
        elif any(part.verdict != REPRODUCED for part in found):
            unsure.append(f"{item.states}: {'; '.join(map(write_finding, found))}")
    return Standing(tuple(failed), tuple(unsure))


def dense_keeps_up(model: str, frame: str = "barriers") -> Precondition:
    """The dense network is at least as accurate as IMP's tickets, within a point; else it is hardly trained.

    Args:
        model: The claim's network.
        frame: A frame with a column ``accuracy``.
    """

    def measure(frames: Frames) -> list[Finding]:
        dense = by_init(select(frames, frame, model=model, method="dense"), "accuracy")
        findings = []
        for level in LEVELS:
            tickets = select(frames, frame, model=model, method="imp", level=level)
            name = f"dense minus IMP's accuracy, {sparse(tickets, level)}"
            findings.append(within(name, paired(dense, by_init(tickets, "accuracy")), -WITHIN, math.inf, POINTS))
        return findings

    return Precondition("the dense network is at least as accurate as IMP's tickets, within a point", measure)


def dense_unstable(model: str, frame: str = "barriers") -> Precondition:
    """The dense network is unstable, so that a ticket can be more stable."""
    return Precondition(
        "the dense network is unstable",
        lambda frames: [unstable("error rise", rise(frames, 0, frame, NOTHING, model=model, method="dense"))],
    )


def imp_unstable(model: str, frame: str = "barriers") -> Precondition:
    """IMP's tickets are unstable, so that others can be more stable; of the claims that compare the two alone."""

    def measure(frames: Frames) -> list[Finding]:
        where = {"dataset": home(frames, frame), "model": model, "method": "imp"}
        tickets = select(frames, frame, **where)
        return [
            unstable(f"error rise, {sparse(tickets, level)}", rise(frames, level, frame, NOTHING, **where))
            for level in LEVELS
        ]

    return Precondition("IMP's tickets are unstable", measure)


def good_set(model: str, setting: str, ipc: int = 10) -> Precondition:
    """The set's own accuracy is at most ten points below the paper's: on test images, after the inner loop of round 4.

    Round 4 is the first that every scale keeps for all initialisations; its loop trains a network that is half empty.

    Args:
        model: The claim's network.
        setting: The rate of the paper's inner loop.
        ipc: Images per class of the paper's set.
    """
    least = PAPERS_SET[model, ipc] - WORSE

    def measure(frames: Frames) -> list[Finding]:
        rows = select(frames, "fig2", model=model, method="distilled", setting=setting, level=LEVELS[0])
        if rows is None or "loop_accuracy" not in rows:
            return []
        return [within("own accuracy", list(by_init(rows, "loop_accuracy").values()), least, math.inf, PERCENT)]

    paper = f"{100 * PAPERS_SET[model, ipc]:.1f} %"
    return Precondition(f"the set's own accuracy is within ten points of the paper's {paper}", measure, sized=True)


def good_sets(*sizes: int, dataset: str = "cifar10", model: str = CONV) -> Precondition:
    """The sets of some sizes are as good as the paper's of that size, as trained on alone, within ten points.

    Args:
        sizes: Images per class of the sets that the claim needs.
        dataset: Dataset the sets are made of.
        model: Network that is trained on them.
    """
    papers = PAPERS_HUNDRED if dataset == "cifar100" else {ipc: PAPERS_SET[CONV, ipc] for ipc in sizes}

    def measure(frames: Frames) -> list[Finding]:
        findings = []
        for ipc in sizes:
            rows = select(frames, "fig6", dataset=dataset, model=model, made_for=CONV, method="distilled", ipc=ipc)
            values = list(by_init(rows, "own_accuracy").values())
            findings.append(within(f"ipc {ipc}, own accuracy", values, papers[ipc] - WORSE, math.inf, PERCENT))
        return findings

    return Precondition(f"the {dataset} sets' own accuracy is within ten points of the paper's", measure, sized=True)


def counted(setting: str, ratio: float, n: int, low: float, high: float = math.inf) -> Finding:
    """Judge a ratio of exact counts, which has no interval: it holds from ``low`` to ``high``, both included."""
    verdict = REPRODUCED if low <= ratio <= high else CONTRADICTED
    return Finding(setting, ratio, None, n, verdict, unit=TIMES)


def shorter_loop(model: str, setting: str) -> Precondition:
    """IMP's inner loop has at least ten times the steps of the distilled one; exact counts."""

    def measure(frames: Frames) -> list[Finding]:
        imp, ours = (
            select(frames, "fig2", model=model, method=method, setting=setting) for method in ("imp", "distilled")
        )
        if imp is None or ours is None:
            return []
        level = min(imp["level"].max(), ours["level"].max())
        steps = [float(part[part["level"] == level]["steps"].max()) for part in (imp, ours)]
        if not steps[1]:
            return []
        n = int(imp["init"].nunique())
        return [counted("IMP's steps over the distilled loop's", steps[0] / steps[1], n, LONGER)]

    return Precondition("IMP's inner loop has at least ten times the steps of the distilled one", measure, sized=True)


def network(model: str, frame: str) -> Precondition:
    """The network is the claim's."""

    def measure(frames: Frames) -> list[Finding]:
        rows = select(frames, frame)
        if rows is None:
            return []
        there = list(dict.fromkeys(rows["model"]))
        verdict = REPRODUCED if model in there else CONTRADICTED
        return [Finding(f"{' and '.join(there)} in place of {model}", math.nan, None, 0, verdict)]

    return Precondition(f"the network is the claim's, {model}", measure)


def of_the_paper(model: str, setting: str) -> tuple[Precondition, ...]:
    """What every claim about distilled masks of a network needs: a good set, and a loop that is short beside IMP's."""
    return good_set(model, setting), shorter_loop(model, setting)
