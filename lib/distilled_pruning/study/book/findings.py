"""The findings page, written from the ledger: what holds, what does not, what is undecided and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..judging import wording
from ..judging.claims import claims
from ..judging.verdicts import CONTRADICTED, ENOUGH, NOT_RUN, NOT_TESTABLE, PARTLY, REPRODUCED, UNDECIDED
from ..results.recorded import Recorded
from . import conclusions
from .conclusions import place
from .pages import badge, plain, show

Row = Mapping[str, Any]

GROUPS = {
    REPRODUCED: "Holds",
    PARTLY: "Holds in some settings",
    CONTRADICTED: "Does not hold",
    UNDECIDED: "Undecided",
    NOT_TESTABLE: "Not testable here",
}
NOTHING_RECORDED = (
    "Nothing is recorded yet: no run at the reduced scale or at the papers' has been kept with the sources."
)
NOTHING_RUN = "Nothing has been run for this book."


def why(row: Row, found: Row) -> str:
    """Say why a claim is undecided or cannot be tested."""
    n, scale = found["n"], found["scale"]
    if found["verdict"] == NOT_TESTABLE:
        return f"it needs that {'; that '.join(found['failed'])}"
    if found["unsure"]:
        return f"it is not sure that {'; that '.join(found['unsure'])}"
    if any(claim.id == row["id"] and claim.sizes for claim in claims()) and scale != "paper":
        return "it states a size, which only the papers' own scale can judge"
    if n < ENOUGH:
        return f"fewer than {ENOUGH} initialisations decide nothing"
    return "the interval allows both answers; more initialisations would tell"


def listed(entries: Sequence[tuple[Row, Row]]) -> str:
    """List claims by verdict.

    Args:
        entries: Ledger row and a judgement on it, one for each claim that ran.
    """
    parts = []
    for verdict, title in GROUPS.items():
        lines = []
        for row, found in entries:
            if found["verdict"] == verdict:
                reason = f". Why: {plain(why(row, found))}" if verdict in (UNDECIDED, NOT_TESTABLE) else ""
                about = ", ".join(plain(part) for part in place(found) if part)
                means = "; ".join(wording.findings(found, markdown=True))
                asked = f"{plain(row['statement'])} *{plain(row['rule'])}*"
                aside = "".join(f"; {text}" for text in wording.beside(found, markdown=True))
                lines.append(f"- {asked}: {means} (n = {show(found['n'])}, {about}){aside}{reason}")
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
    return listed([(row, row["this_run"]) for row in ran]) + rest


def recorded(rows: Sequence[Row]) -> str:
    """List the claims that recorded results judge, or say that there are none."""
    found = [(row, row["recorded"]) for row in rows if row.get("recorded")]
    return listed(found) if found else NOTHING_RECORDED


def trainings(folder: Recorded) -> str:
    """Say what was trained for the recorded results: each network with its dataset, width and epochs, at its scale.

    Raises:
        InputError: What is recorded cannot be read.
    """
    found: dict[str, dict[str, None]] = {}
    for figure, scale in dict.fromkeys((record.figure, record.scale) for record in folder.records()):
        for record, frame in folder.parts(figure, scale):
            p = record.parameters
            for dataset, model in dict.fromkeys(zip(frame["dataset"], frame["model"], strict=True)):
                images = f"{p['subset']} images of {dataset}" if p.get("subset") else dataset
                text = f"{model} of width {p['width']} on {images}, {p['epochs']} epochs"
                found.setdefault(scale, {})[text] = None
    return "\n".join(f"- *{scale}*: {'; '.join(map(plain, texts))}." for scale, texts in found.items())


def concluded(found: Mapping[str, Row], where: str) -> str:
    """Write what the verdicts of one run say.

    Args:
        found: Claim to its verdict, numbers, scale and data.
        where: What the run was.
    """
    answer = conclusions.sentences(
        {
            name: (entry["verdict"], "; ".join([*wording.findings(entry, markdown=True), f"n = {entry['n']}"]))
            for name, entry in found.items()
        }
    )
    lines = [f"- {plain(text)}" + (f" ({behind})" if behind else "") for text, behind in answer.texts]
    return "\n".join([f"{where}:", "", *lines])


def runs(rows: Sequence[Row]) -> list[tuple[str, dict[str, Row]]]:
    """Give the runs that say something about the controls: what each was, and claim to judgement.

    Recorded results come first, where what decides has any; then this run. Verdicts of different runs or data are never
    mixed.
    """
    needed = {row["id"]: row for row in rows if row["id"] in conclusions.SENTENCES}
    kept = {name: row["recorded"] for name, row in needed.items() if row.get("recorded")}
    found = []
    there = conclusions.recorded_place(rows)
    if there is not None:
        about = ", ".join(plain(part) for part in there if part)
        own = {name: entry for name, entry in kept.items() if place(entry) == there}
        found.append((f"**Recorded** ({about})", own))
    ran = {name: row["this_run"] for name, row in needed.items() if row["verdict"] != NOT_RUN}
    if ran or not found:
        scale, data = place(next(iter(ran.values()))) if ran else ("", "")
        about = ", ".join(plain(part) for part in (scale, data) if part)
        found.append((f"**This run** ({about})" if about else "**This run**", ran))
    return found


def controls(rows: Sequence[Row]) -> str:
    """Write the conclusion about the controls, of each run by itself."""
    return "\n\n".join(concluded(found, where) for where, found in runs(rows))


def answer(rows: Sequence[Row]) -> str:
    """Answer the question of the controls in one sentence, from the best evidence there is."""
    return plain(conclusions.headline(rows))


def relatives(rows: Sequence[Row]) -> str:
    """Set what three earlier papers would have predicted beside the verdicts of the claims that test it."""
    by_id = {row["id"]: row for row in rows}
    lines = [
        "| paper | would have predicted | our claim | so it would be | recorded | this run |",
        "|---|---|---|---|---|---|",
    ]
    for paper, text, claim, expected in conclusions.RELATIVES:
        row = by_id.get(claim)
        kept = (row or {}).get("recorded")
        before = f"{badge(kept['verdict'])} ({', '.join(plain(part) for part in place(kept) if part)})" if kept else "–"
        now = badge(row["verdict"]) if row else badge(NOT_RUN)
        statement = plain(row["statement"]) if row else plain(claim)
        lines.append(f"| {plain(paper)} | {plain(text)} | {statement} | {expected} | {before} | {now} |")
    return "\n".join(lines)
