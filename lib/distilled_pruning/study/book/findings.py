"""What the verdicts of the best run say about the question of the controls, sentence by sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..judging.judgement import write_findings
from ..judging.verdicts import REFUTED, SUPPORTED
from . import conclusions
from .conclusions import place

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Reason:
    """One sentence behind the answer.

    Attributes:
        text: The sentence, chosen by a verdict.
        numbers: Its numbers with their intervals, as Markdown.
        decided: Whether that verdict says yes or no.
    """

    text: str
    numbers: str
    decided: bool


def reasons(rows: Sequence[Row]) -> list[Reason]:
    """Write a sentence for each claim behind the answer that ran, on one scale and one dataset.

    Args:
        rows: The ledger of the page of controls, with what is recorded.
    """
    there = conclusions.recorded_place(rows)
    found: dict[str, Row] = {}
    for row in rows:
        kept = row["recorded"] if there is not None else row["this_run"]
        if kept and (there is None or place(kept) == there):
            found[row["id"]] = kept
    written = []
    for name, by in conclusions.SENTENCES.items():
        entry = found.get(name, {})
        verdict = str(entry.get("verdict"))
        if verdict in by:
            behind = "; ".join([*write_findings(entry, markdown=True), f"n = {entry['n']}"])
            written.append(Reason(by[verdict], behind, verdict in (SUPPORTED, REFUTED)))
    return written
