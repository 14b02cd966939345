"""Which of the distilled sets that were tried gave stable subnetworks, over all recorded cells."""

from __future__ import annotations

from typing import NamedTuple

from ..judging.verdicts import REPRODUCED, Finding, stable, write_finding
from .steps import LEVELS, MAIN, PAPERS_RATE, RATE, Cells

_GENTLE = 0.01


class Tried(NamedTuple):
    """A kind of distilled set, and the cell that trained on it."""

    name: str
    preset: str
    method: str
    rate: float


TRIED = (
    Tried("one shared set (DM)", MAIN, "distilled", RATE),
    Tried("one shared set (DM) at a third of the rate", "reduced/gentle", "distilled", _GENTLE),
    Tried("DM’s sets, one for each initialisation", "reduced/own-sets", "distilled", RATE),
    Tried("IDC’s sets", "reduced/idc", "distilled", RATE),
    Tried("the published DC set", "reduced/published", "published", RATE),
    Tried("the published MTT set", "reduced/whitened", "published", RATE),
    Tried("the published MTT set at the papers’ rate", PAPERS_RATE, "published", _GENTLE),
)


def find_stable(cells: Cells) -> dict[str, dict[int, Finding]]:
    """Judge every kind of set that is recorded at each level.

    Returns:
        Its name to level to the finding of stability, of those of at least two initialisations.
    """
    found = {}
    for name, preset, method, rate in TRIED:
        rises = {level: list(cells.values(preset, method, level, rate=rate).values()) for level in LEVELS}
        judged = {level: stable(LEVELS[level], values) for level, values in rises.items() if len(values) > 1}
        if judged:
            found[name] = judged
    return found


def say_stable(cells: Cells) -> str:
    """Say as Markdown where the papers' effect, stable distilled subnetworks, appeared; empty where at both levels."""
    found = find_stable(cells)
    shown = {
        name: [finding for finding in judged.values() if finding.verdict == REPRODUCED]
        for name, judged in found.items()
    }
    if any(len(findings) == len(LEVELS) for findings in shown.values()):
        return ""
    parts = [
        f"{name}, {write_finding(finding, markdown=True)}" for name, findings in shown.items() for finding in findings
    ]
    if not parts:
        return (
            "The effect to be explained did not appear here: the distilled subnetworks of these runs are not shown to "
            "be stable, so they cannot tell why the papers’ are."
        )
    return (
        f"The effect to be explained appeared here in part. Of {len(found)} kinds of distilled sets tried, these gave "
        f"stable subnetworks: {'; '.join(parts)}. No kind did at both {' and '.join(LEVELS.values())}. This is read "
        "off the runs; no rule written before asks it of all sets."
    )


def say_briefly(cells: Cells) -> str:
    """Say in a sentence which kinds of sets gave stable subnetworks at one level alone; empty where none did."""
    at: dict[int, list[str]] = {}
    for name, judged in find_stable(cells).items():
        levels = [level for level, finding in judged.items() if finding.verdict == REPRODUCED]
        if len(levels) == 1:
            at.setdefault(levels[0], []).append(name)
    said = [f"{' and '.join(names)} give stable subnetworks at {LEVELS[level]} alone" for level, names in at.items()]
    return f"Of the other distilled sets tried, {'; '.join(said)}." if said else ""
