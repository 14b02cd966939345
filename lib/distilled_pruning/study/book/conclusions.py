"""Conclusions in plain words: each sentence is chosen by a verdict and carries its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ...data.catalog import entitle
from ..campaign.sets import say_briefly
from ..campaign.steps import read_cells
from ..display import Table, verdict as badge
from ..judging import ledger
from ..judging.claims import claims
from ..judging.judgement import Judgement
from ..judging.verdicts import NOT_RUN, NOT_TESTABLE, REFUTED, SUPPORTED, write_finding
from ..parameters.presets import PRESETS
from ..sections.section import Section

Row = Mapping[str, Any]

SENTENCES = {claim.id: claim.sentences for claim in claims() if claim.sentences}
CLOSE = "margin: -0.9em 0 1.2em"
PAGE = "b-controls"
SOURCES = {
    "short-real-stable": "all real images",
    "own-set-stable": "our distilled set",
    "published-stable": "a published one",
    "random-real-stable": "as many random real images",
}
DECISIVE = ("short-real-stable", "random-real-stable", "control-short-loop", "control-images")
BESIDE = ("own-set-stable", "published-stable", "control-equal-steps", "control-random-real")
CHOSEN = (
    "Four comparisons are judged after Holm's correction: few steps on all real images against IMP, and against as few "
    "random real images, each at 59 and 87 %. They were named on 28 November 2026, when their results, of 21 November, "
    "were known: the correction allows for four comparisons, not for the choice of these four. All other questions of "
    "ours are exploratory, and no correction is made for their number."
)
_TESTED = ("Our claim", "So it would be", "This run")
UNTOLD = "these runs do not yet say what makes a mask stable."
RELATIVES = (
    (
        "Frankle et al. 2021",
        "Shuffled within its layers a mask found before training is as accurate, one found by IMP is not: for IMP's "
        "kind of mask the very weights count. Stability was not asked.",
        "control-layers",
        SUPPORTED,
    ),
    (
        "Paul et al. 2022",
        "Before weights are taken back to a point, little data serves as well as all: random real images do what "
        "all of them do.",
        "control-images",
        REFUTED,
    ),
    (
        "You et al. 2020",
        "Masks settle early: a loop cut short finds tickets as accurate as the full one does. Stability was not asked, "
        "and large rates were thought best.",
        "control-short-accuracy",
        SUPPORTED,
    ),
    (
        "Zhang et al. 2021",
        "Rounds shortened and stopped early, on a part of the real images, find tickets as accurate as full ones.",
        "control-short-accuracy",
        SUPPORTED,
    ),
)


@dataclass(frozen=True)
class Paragraphs:
    """Sentences, each a paragraph, their numbers behind a click."""

    texts: Sequence[tuple[str, str]]

    def _repr_html_(self) -> str:
        return "".join(
            f"<p>{escape(text)}</p>"
            + (
                f'<details style="{CLOSE}"><summary>The numbers behind it</summary><p>{escape(numbers)}</p></details>'
                if numbers
                else ""
            )
            for text, numbers in self.texts
        )

    def __repr__(self) -> str:
        return "\n".join(f"{text} ({numbers})" if numbers else text for text, numbers in self.texts)


def judged(section: Section) -> dict[str, Judgement]:
    """Judge the claims that earlier papers speak to, on a section's results."""
    run = ledger.judge_run([section], {claim for _, _, claim, _ in RELATIVES})
    return {found.claim.id: found for found in run}


def overall(verdicts: Mapping[str, str]) -> str:
    """Choose what the verdicts amount to: which images find stable masks in few steps, and what follows from that."""
    ran = {name: verdict for name, verdict in verdicts.items() if verdict not in (NOT_RUN, NOT_TESTABLE)}
    stable = [words for name, words in SOURCES.items() if ran.get(name) == SUPPORTED]
    others = [words for name, words in SOURCES.items() if name in ran and words not in stable]
    if not all(name in ran for name in DECISIVE):
        return UNTOLD
    real = stable == [SOURCES["short-real-stable"]]
    more = ", more stable than IMP's" if real and ran["control-short-loop"] == SUPPORTED else ""
    if not stable:
        first = f"few steps on {joined(others, 'or')} are not seen to find stable masks"
    elif others:
        first = (
            f"few steps on {joined(stable)} find stable masks{more}; as few on {joined(others, 'or')} are not seen to"
        )
    else:
        first = f"few steps on {joined(stable)} find stable masks{more}"
    last = unexplained(ran)
    return f"{first}. So {needed(ran)}, and {alone(ran)}. {last[0].upper()}{last[1:]}."


def joined(words: Sequence[str], by: str = "and") -> str:
    """List the images of several short loops."""
    *before, last = words
    return f"{', on '.join(before)} {by} on {last}" if before else last


def needed(ran: Mapping[str, str]) -> str:
    """Say whether stable masks need distilled images."""
    if ran["short-real-stable"] == SUPPORTED:
        return "stability does not need distilled images"
    if ran["short-real-stable"] == ran.get("control-equal-steps") == REFUTED and found_distilled(ran):
        return "stability in few steps needs distilled images"
    return "whether stability needs distilled images stays open"


def alone(ran: Mapping[str, str]) -> str:
    """Say whether a short loop brings stable masks whatever the images."""
    random, matter = ran["random-real-stable"], ran["control-images"]
    if random == REFUTED:
        return "a short loop alone does not bring it" + (": the images in it matter" if matter == SUPPORTED else "")
    if random == SUPPORTED and ran.get("control-random-real") == SUPPORTED:
        return "a short loop brings it, even on images drawn at random"
    return "whether a short loop alone brings it stays open"


def unexplained(ran: Mapping[str, str]) -> str:
    """Say what the runs can tell of the papers' stable tickets: nothing where their own distilled ones are not."""
    if not found_distilled(ran):
        return "these runs cannot say why the papers' tickets are stable"
    if ran.get("control-equal-steps") == SUPPORTED:
        return "distilled images are one way to such masks, all real images another"
    if ran.get("control-equal-steps") == REFUTED:
        return "distilled images do it better than all real ones"
    return "whether distilled images or all real ones do it better stays open"


def found_distilled(ran: Mapping[str, str]) -> bool:
    """Whether distilled tickets are stable in these runs, as they are in the papers."""
    return SUPPORTED in (ran.get("own-set-stable"), ran.get("published-stable"))


def sentences(found: Mapping[str, tuple[str, str]]) -> Paragraphs:
    """Write a sentence for each claim that ran.

    Args:
        found: Claim to its verdict and its numbers.
    """
    ran = {name: found[name] for name, by in SENTENCES.items() if name in found and found[name][0] in by}
    if not ran:
        return Paragraphs([("Nothing has been computed yet for these parameters; what is recorded is at the end.", "")])
    return Paragraphs([(SENTENCES[name][verdict], numbers) for name, (verdict, numbers) in ran.items()])


def place(entry: Row) -> tuple[str, str]:
    """Scale and data a verdict rests on."""
    return entry["scale"], entry.get("data", "")


def recorded_place(rows: Sequence[Row]) -> tuple[str, str] | None:
    """Scale and data of the recorded verdicts that decide, ``None`` where they are not of one run."""
    kept = {row["id"]: row["recorded"] for row in rows if row.get("recorded")}
    places = {place(kept[name]) if name in kept else None for name in DECISIVE}
    return places.pop() if len(places) == 1 else None


def headline(rows: Sequence[Row], aside: str = "") -> str:
    """Answer the question of the page of controls in one sentence, from the best evidence there is.

    That is the larger scale, and recorded results before this run's at equal scale. Every page that says it says it
    by this function, from the same rows.

    Args:
        rows: The ledger of the page of controls alone, with what is recorded.
        aside: What recorded runs beside those of the verdicts add; a sentence.
    """
    there = recorded_place(rows)
    kept = {
        row["id"]: row["recorded"]["verdict"]
        for row in rows
        if (row.get("recorded") or {}) and place(row["recorded"]) == there
    }
    ran = {row["id"]: row for row in rows if row["id"] in DECISIVE and row["verdict"] != NOT_RUN}
    here = {place(row) for row in ran.values()} if len(ran) == len(DECISIVE) else set()
    rank = {scale: number for number, scale in enumerate(PRESETS, 1)}
    best = rank.get(there[0], 0) if there is not None else -1
    if len(here) == 1 and max(rank.get(scale, 0) for scale, _ in here) > best:
        (there,) = here
        verdicts = {row["id"]: row["verdict"] for row in rows if place(row) == there}
        return f"This run ({_situate(*there)}): {overall(verdicts)}"
    if there is None:
        return f"So far {UNTOLD}"
    return f"Recorded ({_situate(*there)}): {overall(kept)} {aside}".rstrip()


def _situate(scale: str, data: str) -> str:
    """Say on which data and at which scale an answer holds."""
    return ", ".join([*map(entitle, filter(None, data.split(","))), f"{scale} scale"])


def controls(section: Section) -> Paragraphs:
    """Answer the question of the page of controls: what each of its own verdicts says, and the headline."""
    found = {}
    book = ledger.judge([section])
    for item in book.judgements:
        numbers = "; ".join(write_finding(finding) for finding in item.primary if finding.n)
        found[item.claim.id] = (item.verdict, numbers)
    return Paragraphs(
        [
            *sentences(found).texts,
            (CHOSEN, ""),
            (f"Taken together. {headline(book.rows(), say_briefly(read_cells()))}", ""),
        ]
    )


def relatives(section: Section) -> Table:
    """Set what earlier papers would have predicted beside the verdict of the claim that tests it."""
    found = judged(section)
    rows = [
        [f"{name}: {text}", found[claim].claim.statement, expected, badge(found[claim].verdict)]
        for name, text, claim, expected in RELATIVES
    ]
    return Table(["Earlier paper, and what it would have predicted", *_TESTED], rows, kind="headline")
