"""What the verdicts of the best run say about the question of the controls, sentence by sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..judging.verdicts import CONTRADICTED, NOT_RUN, REPRODUCED
from . import conclusions
from .conclusions import place
from .pages import measured

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
    found: dict[str, tuple[Row, str]] = {}
    for row in rows:
        kept = row.get("recorded")
        if there is not None and kept and place(kept) == there:
            found[row["id"]] = kept, "value"
        elif there is None and row["verdict"] != NOT_RUN:
            found[row["id"]] = row, "this_run"
    written = []
    for name, by in conclusions.SENTENCES.items():
        entry, value = found.get(name, ({}, ""))
        verdict = entry.get("verdict")
        if verdict in by:
            written.append(Reason(by[verdict], numbers(entry, value), verdict in (REPRODUCED, CONTRADICTED)))
    return written


def numbers(entry: Row, value: str) -> str:
    """Write a verdict's numbers with their intervals, as Markdown; each with its n where these differ."""
    if len(set((entry.get("counts") or {}).values())) < 2:
        return f"{'; '.join(measured(entry, value))}; n = {entry['n']}"
    return "; ".join(measured({**entry, "n": None}, value))
