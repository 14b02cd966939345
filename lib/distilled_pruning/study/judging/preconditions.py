"""What must hold before a claim can be tested at all, measured on the same results as the claim.

A claim about tickets says nothing where there are none: where the dense network is hardly trained, or where what the
claim sets itself against is not there. A claim states its preconditions by its entry in :data:`PRECONDITIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .statistics import LEVELS, Frames, Measure, by_init, paired, rise, select, sparse
from .verdicts import CONTRADICTED, REPRODUCED, Finding, unstable, within

WITHIN = 0.01


@dataclass(frozen=True)
class Precondition:
    """One thing that must hold.

    Attributes:
        states: What must hold, as a clause.
        measure: Frames to findings, of which every one must be *reproduced*.
    """

    states: str
    measure: Measure


@dataclass(frozen=True)
class Standing:
    """How the preconditions of a claim stand.

    Attributes:
        failed: Those that surely do not hold, each with what was found.
        unsure: Those that may or may not hold, likewise.
    """

    failed: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


def doubted(failed: Sequence[str], unsure: Sequence[str]) -> list[str]:
    """Write what speaks against testing a claim, one precondition a line."""
    return [*(f"does not hold: {text}" for text in failed), *(f"may not hold: {text}" for text in unsure)]


def stand(preconditions: Sequence[Precondition], frames: Frames) -> Standing:
    """Judge preconditions on the frames a claim is judged on."""
    failed, unsure = [], []
    for item in preconditions:
        found = item.measure(frames)
        against = [finding for finding in found if finding.verdict == CONTRADICTED]
        if against:
            failed.append(f"{item.states}: {'; '.join(map(written, against))}")
        elif not found or any(finding.verdict != REPRODUCED for finding in found):
            said = "; ".join(written(finding) for finding in found if finding.n)
            unsure.append(f"{item.states}: {said or 'not run'}")
    return Standing(tuple(failed), tuple(unsure))


def written(finding: Finding) -> str:
    """Write what was found, with its interval."""
    bounds = f" [{finding.interval[0]:.3g}, {finding.interval[1]:.3g}]" if finding.interval else ""
    return f"{finding.setting} {finding.value:.3g}{bounds}, n = {finding.n}".replace("-", "−")


def dense_keeps_up(model: str, frame: str) -> Precondition:
    """The dense network is at least as accurate as IMP's tickets, within a point; else it is hardly trained.

    Args:
        model: The claim's network.
        frame: The frame that the claim is judged by.
    """

    def measure(frames: Frames) -> list[Finding]:
        dense = by_init(select(frames, frame, model=model, method="dense"), "accuracy")
        findings = []
        for level in LEVELS:
            tickets = select(frames, frame, model=model, method="imp", level=level)
            name = f"dense minus IMP's accuracy, {sparse(tickets, level)}"
            findings.append(within(name, paired(dense, by_init(tickets, "accuracy")), -WITHIN, math.inf))
        return findings

    return Precondition("the dense network is at least as accurate as IMP's tickets, within a point", measure)


def dense_unstable(model: str) -> Precondition:
    """The dense network is unstable."""
    return Precondition(
        "the dense network is unstable",
        lambda frames: [unstable("error rise", rise(frames, 0, model=model, method="dense"))],
    )


def imp_unstable(model: str) -> Precondition:
    """IMP's tickets are unstable, so that others can be more stable."""

    def measure(frames: Frames) -> list[Finding]:
        tickets = select(frames, "barriers", model=model, method="imp")
        return [
            unstable(f"error rise, {sparse(tickets, level)}", rise(frames, level, model=model, method="imp"))
            for level in LEVELS
        ]

    return Precondition("IMP's tickets are unstable", measure)


PRECONDITIONS: dict[str, tuple[Precondition, ...]] = {
    "match-imp": (dense_keeps_up("resnet18", "fig2"),),
    "syn-more-stable-r18": (
        dense_keeps_up("resnet18", "barriers"),
        dense_unstable("resnet18"),
        imp_unstable("resnet18"),
    ),
}
