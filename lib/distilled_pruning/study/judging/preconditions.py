"""What must hold before a claim can be tested at all, measured on the same results as the claim.

A claim about tickets says nothing where there are none: where the dense network is hardly trained, or where what the
claim sets itself against is not there. Each claim names its preconditions, as calls of the functions here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .statistics import LEVELS, Frames, Measure, by_init, paired, rise, select, sparse
from .units import POINTS
from .verdicts import CONTRADICTED, REPRODUCED, Finding, unstable, within
from .wording import finding

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


def stand(preconditions: Sequence[Precondition], frames: Frames) -> Standing:
    """Judge preconditions on the frames a claim is judged on."""
    failed, unsure = [], []
    for item in preconditions:
        found = item.measure(frames)
        against = [part for part in found if part.verdict == CONTRADICTED]
        if against:
            failed.append(f"{item.states}: {'; '.join(map(finding, against))}")
        elif not found or any(part.verdict != REPRODUCED for part in found):
            said = "; ".join(finding(part) for part in found if part.n)
            unsure.append(f"{item.states}: {said or 'not run'}")
    return Standing(tuple(failed), tuple(unsure))


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
            findings.append(within(name, paired(dense, by_init(tickets, "accuracy")), -WITHIN, math.inf, POINTS))
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
