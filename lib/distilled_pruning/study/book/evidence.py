"""What a page says of a claim: the best evidence there is, and this run beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...data.catalog import entitle
from ..judging.claims import claims
from ..judging.judgement import write_beside, write_doubts, write_findings
from ..judging.verdicts import (
    CONTRADICTED,
    MIXED,
    NOT_RUN,
    NOT_TESTABLE,
    OPEN,
    PARTLY,
    REFUTED,
    REPRODUCED,
    SUPPORTED,
    UNDECIDED,
)
from ..sections.registry import EXPERIMENTS

OURS = "this companion"
TITLES = {"arXiv:2503.17905": "2025 paper", "arXiv:2307.03364": "2023 paper"}
SUBMITTED = "ICLR 2024 submission"
KINDS = {
    REPRODUCED: "yes",
    SUPPORTED: "yes",
    PARTLY: "mixed",
    MIXED: "mixed",
    CONTRADICTED: "no",
    REFUTED: "no",
    NOT_RUN: "not-run",
}
SIGNS = {"yes": "✓", "mixed": "≈", "no": "✗", "open": "?", "not-run": "–"}


@dataclass(frozen=True)
class Found:
    """What results of one scale say about a claim.

    Attributes:
        verdict: The word that is shown.
        settings: Each setting's value with its interval, behind a sign for what it says.
        n: Fewest initialisations behind a value.
        scale: Stamp of the results.
        data: The data they are about.
        doubts: Preconditions that do not hold or may not.
        beside: Settings that were judged and turn no verdict.
        word: The verdict as it is shown, with the scale where that is not the papers'.
        exploratory: Whether it answers a question of ours that is not among the primary comparisons.
    """

    verdict: str
    settings: tuple[str, ...] = ()
    n: int = 0
    scale: str = ""
    data: str = ""
    doubts: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    word: str = NOT_RUN
    exploratory: bool = False

    @property
    def kind(self) -> str:
        """Whether that speaks for the claim: yes, mixed, no, open or not-run."""
        return KINDS.get(self.verdict, OPEN)

    @property
    def sign(self) -> str:
        """The same as one character."""
        return SIGNS[self.kind]

    @property
    def ran(self) -> bool:
        """Whether there is any result."""
        return self.verdict != NOT_RUN


@dataclass(frozen=True)
class Evidence:
    """One claim, or one question of this companion's own, with what is known.

    Attributes:
        id: The claim's name.
        ours: Whether it is a question of this companion rather than a claim of a paper.
        source: The text that makes it, and the place there.
        statement: The statement, in our words.
        rule: How the verdict follows.
        paper_value: The paper's value.
        best: What the best results say: recorded ones before those of this run.
        live: What this run says, where ``best`` is recorded and this run judged it too.
        notebooks: The pages that judge it.
    """

    id: str
    ours: bool
    source: str
    statement: str
    rule: str
    paper_value: str
    best: Found
    live: Found | None
    notebooks: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether this run has another verdict than the best evidence."""
        return self.live is not None and self.live.verdict != self.best.verdict


def gather(rows: Iterable[Mapping[str, Any]]) -> dict[str, Evidence]:
    """Give every claim with its evidence, by name, in the ledger's order.

    Args:
        rows: Rows as ``distilled-pruning check --json`` prints them.
    """
    known = {claim.id: claim for claim in claims()}
    found = {}
    for row in rows:
        ours = row["paper"] == OURS
        kept, ran = row.get("recorded"), row["verdict"] != NOT_RUN
        live = _found(row["this_run"])
        best = _found(kept) if kept else live
        text = TITLES.get(str(row["paper"]), SUBMITTED)
        found[str(row["id"])] = Evidence(
            str(row["id"]),
            ours,
            str(row["where"]) if ours else f"{text}, {row['where']}",
            str(row["statement"]),
            _ruled(row),
            str(row.get("paper_value") or ""),
            best,
            live if kept and ran else None,
            _pages_of(known[row["id"]].frames if row["id"] in known else ()),
        )
    return found


def _pages_of(frames: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(EXPERIMENTS[name].notebook for name in frames))


def _found(entry: Mapping[str, Any] | None) -> Found:
    if entry is None or entry["verdict"] == NOT_RUN:
        return Found(NOT_RUN)
    verdict = str(entry["verdict"])
    return Found(
        verdict,
        tuple(_marked(entry)),
        int(entry["n"]),
        str(entry["scale"]),
        ", ".join(map(entitle, str(entry["data"]).split(","))),
        tuple(write_doubts(entry)),
        tuple(write_beside(entry)),
        str(entry["word"]),
        bool(entry["exploratory"]),
    )


def _marked(entry: Mapping[str, Any]) -> list[str]:
    """Write the findings a verdict rests on, each behind its sign."""
    told = [item for item in entry["findings"] if item["primary"] and item["n"]]
    signs = [SIGNS[KINDS.get(item["verdict"], OPEN)] for item in told]
    return [f"{sign} {text}" for sign, text in zip(signs, write_findings(entry), strict=True)]


def _ruled(row: Mapping[str, Any]) -> str:
    needs = "; ".join(row.get("preconditions") or ())
    parts = (
        row.get("rule"),
        row.get("primary") and f"primary: {row['primary']}",
        needs and f"tested only where {needs}",
    )
    return "; ".join(part for part in parts if part)


def count(found: Iterable[Evidence]) -> list[tuple[str, str, int]]:
    """Count verdicts, those that speak for a claim first: word, kind, number; verdicts nobody got are left out."""
    by: dict[str, int] = {}
    for item in found:
        by[item.best.verdict] = by.get(item.best.verdict, 0) + 1
    order = [REPRODUCED, SUPPORTED, PARTLY, MIXED, CONTRADICTED, REFUTED, UNDECIDED, OPEN, NOT_TESTABLE]
    words = sorted(by, key=lambda word: order.index(word) if word in order else len(order) + (word == NOT_RUN))
    return [(word, KINDS.get(word, OPEN), by[word]) for word in words]


def scales(found: Sequence[Evidence]) -> list[str]:
    """List the scales that the best evidence has, without this run's."""
    there = dict.fromkeys(item.best.scale for item in found if item.best.ran)
    return [scale for scale in there if scale in ("reduced", "paper")]
