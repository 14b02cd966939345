"""The findings page, written from the ledger: what holds, what does not, what is undecided and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import conclusions
from .claims import claims
from .pages import plain, show
from .verdicts import CONTRADICTED, ENOUGH, NOT_RUN, PARTLY, REPRODUCED, UNDECIDED

Row = Mapping[str, Any]

GROUPS = {
    REPRODUCED: "Holds",
    PARTLY: "Holds in some settings",
    CONTRADICTED: "Does not hold",
    UNDECIDED: "Undecided",
}
NOTHING_RECORDED = (
    "Nothing is recorded yet: no run at the reduced scale or at the papers' has been kept with the sources."
)
NOTHING_RUN = "Nothing has been run for this book."


def why(row: Row, n: int, scale: str) -> str:
    """Say why a claim is undecided."""
    if any(claim.id == row["id"] and claim.sizes for claim in claims()) and scale != "paper":
        return "it states a size, which only the papers' own scale can judge"
    if n < ENOUGH:
        return f"fewer than {ENOUGH} initialisations decide nothing"
    return "the interval allows both answers; more initialisations would tell"


def listed(entries: Sequence[tuple[Row, str, str, int, str, str]]) -> str:
    """List claims by verdict.

    Args:
        entries: Ledger row, verdict, value, number of initialisations, scale and data, one for each claim that ran.
    """
    parts = []
    for verdict, title in GROUPS.items():
        lines = []
        for row, found, value, n, scale, data in entries:
            if found == verdict:
                reason = f". Why: {why(row, n, scale)}" if found == UNDECIDED else ""
                numbers = plain(value).replace("-", "−")
                about = ", ".join(plain(part) for part in (scale, data) if part)
                lines.append(f"- {plain(row['statement'])} {numbers} (n = {show(n)}, {about}){reason}")
        if lines:
            parts.append("\n".join([f"**{title}** ({len(lines)})", "", *lines]))
    return "\n\n".join(parts)


def run(rows: Sequence[Row]) -> str:
    """List the claims that this run judged, and count the others."""
    ran = [row for row in rows if row["verdict"] != NOT_RUN]
    if not ran:
        return NOTHING_RUN
    left = len(rows) - len(ran)
    rest = f"\n\n{left} of {len(rows)} claims were not run." if left else ""
    entries = [(row, row["verdict"], row["this_run"] or "", row["n"], row["scale"], row.get("data", "")) for row in ran]
    return listed(entries) + rest


def recorded(rows: Sequence[Row]) -> str:
    """List the claims that recorded results judge, or say that there are none."""
    found = [(row, row["recorded"]) for row in rows if row.get("recorded")]
    if not found:
        return NOTHING_RECORDED
    columns = ("verdict", "value", "n", "scale", "data")
    return listed([(row, *(kept.get(column, "") for column in columns)) for row, kept in found])


def controls(rows: Sequence[Row]) -> str:
    """Write the conclusion about the controls: on recorded results where every claim it needs has any, else this run's.

    Verdicts of different runs are never mixed in one conclusion.
    """
    needed = [row for row in rows if row["id"] in conclusions.SENTENCES]
    kept = {row["id"]: row["recorded"] for row in needed if row.get("recorded")}
    scales = {entry["scale"] for entry in kept.values()}
    if set(conclusions.DECISIVE) <= kept.keys() and len(scales) == 1:
        answer = conclusions.sentences({i: (e["verdict"], f"{e['value']}; n = {e['n']}") for i, e in kept.items()})
        about = f"On recorded results, {scales.pop()}:"
    else:
        found = {row["id"]: (row["verdict"], f"{row['this_run']}; n = {row['n']}") for row in needed}
        answer = conclusions.sentences(found)
        about = f"On this run, {needed[0]['scale']}:" if needed else "On this run:"
    lines = [f"- {plain(text)}" + (f" ({plain(numbers)})" if numbers else "") for text, numbers in answer.texts]
    return "\n".join([plain(about), "", *lines])
