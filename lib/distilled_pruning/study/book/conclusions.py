"""Conclusions in plain words: each sentence is chosen by a verdict and carries its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..display import Table
from ..display import verdict as badge
from ..judging import judgement, ledger, wording
from ..judging.judgement import Judgement
from ..judging.verdicts import CONTRADICTED, NOT_RUN, NOT_TESTABLE, PARTLY, REPRODUCED, UNDECIDED
from ..results.recorded import SCALES
from ..sections.section import Section

Row = Mapping[str, Any]

SENTENCES: dict[str, dict[str, str]] = {
    "control-short-loop": {
        REPRODUCED: "All real images, used for a few steps instead of IMP's full inner loop, give masks that are more "
        "stable than IMP's.",
        PARTLY: "All real images, used for a few steps instead of IMP's full inner loop, give masks that are surely "
        "more stable in some settings, in others not, or not surely.",
        CONTRADICTED: "All real images, used for a few steps instead of IMP's full inner loop, do not give more "
        "stable masks than IMP.",
        UNDECIDED: "Whether a few steps on all real images give more stable masks than IMP does cannot be told.",
    },
    "control-short-accuracy": {
        REPRODUCED: "Their tickets are no less accurate than IMP's.",
        PARTLY: "Their tickets surely are no less accurate than IMP's in some settings, in others not, or not surely.",
        CONTRADICTED: "Their tickets are less accurate than IMP's.",
        UNDECIDED: "Whether their tickets are as accurate as IMP's cannot be told within a point.",
    },
    "control-third-loop": {
        REPRODUCED: "Nor does it cost accuracy at the last level, where the loop may last longer, up to a third of "
        "IMP's: its tickets are more stable than IMP's and no less accurate.",
        PARTLY: "Where the loop on all real images may last longer, up to a third of IMP's, its tickets at the last "
        "level surely are more stable than IMP's or no less accurate, but not, or not surely, both.",
        CONTRADICTED: "Where the loop on all real images may last longer, up to a third of IMP's, its tickets at the "
        "last level are not more stable than IMP's, or are less accurate.",
        UNDECIDED: "Whether a loop on all real images that may last up to a third of IMP's gives tickets more stable "
        "than IMP's and as accurate cannot be told.",
    },
    "control-equal-steps": {
        REPRODUCED: "All real images, trained for as few steps at the same rate, give masks at least as stable and as "
        "accurate as distilled images do: stability does not need distilled data.",
        PARTLY: "All real images, trained for as few steps at the same rate, do as well as distilled images in some "
        "respects and not, or not surely, in others.",
        CONTRADICTED: "All real images, trained for as few steps at the same rate, do not do as well as distilled "
        "images: the images matter.",
        UNDECIDED: "Whether all real images, trained for as few steps at the same rate, do as well as distilled "
        "images cannot be told from these numbers.",
    },
    "control-published": {
        REPRODUCED: "The same holds against a distilled set that others published.",
        PARTLY: "Against a distilled set that others published, real images surely do as well in some respects, in "
        "others not, or not surely.",
        CONTRADICTED: "Against a distilled set that others published, real images do not do as well.",
        UNDECIDED: "Whether real images do as well as a distilled set that others published cannot be told.",
    },
    "control-subset": {
        REPRODUCED: "At equal size and steps, distilled images give more stable masks than random real images.",
        PARTLY: "At equal size and steps, distilled images surely give more stable masks than random real ones in some "
        "settings, in others not, or not surely.",
        CONTRADICTED: "At equal size and steps, real images drawn at random give masks more stable than distilled "
        "images do.",
        UNDECIDED: "Whether distilled images beat real images drawn at random, at equal size and steps, cannot be "
        "told from these numbers.",
    },
    "control-random-real": {
        REPRODUCED: "Even real images drawn at random, as few as a distilled set has and for as few steps, give masks "
        "more stable than IMP's.",
        PARTLY: "Real images drawn at random, as few as a distilled set has and for as few steps, surely give masks "
        "more stable than IMP's in some settings, in others not, or not surely.",
        CONTRADICTED: "Real images drawn at random, as few as a distilled set has and for as few steps, do not give "
        "masks more stable than IMP's: a short loop alone is not enough.",
        UNDECIDED: "Whether real images drawn at random, as few as a distilled set has and for as few steps, give "
        "masks more stable than IMP's cannot be told.",
    },
    "control-magnitude": {
        REPRODUCED: "The distilled mask is not the mask of the largest initial weights in disguise: the two share "
        "little beyond chance, and the latter is less stable.",
        PARTLY: "In some respects or settings the distilled mask surely is not that of the largest initial weights, "
        "in others not, or not surely.",
        CONTRADICTED: "The mask of the largest initial weights, which needs no training, is as good an explanation.",
        UNDECIDED: "Whether the distilled mask is that of the largest initial weights in disguise cannot be told.",
    },
    "control-layers": {
        REPRODUCED: "How many weights each layer keeps does not explain it: shuffled within its layers, the same mask "
        "is less stable.",
        PARTLY: "At some sparsities how many weights each layer keeps surely does not explain it; at others it may.",
        CONTRADICTED: "How many weights each layer keeps may be all there is to it: shuffled within its layers, the "
        "mask is more stable still.",
        UNDECIDED: "Whether the layers' densities alone explain it cannot be told.",
    },
    "control-equal-loss": {
        REPRODUCED: "Nor is it flat because it is worse trained: where distilled tickets are trained no worse than "
        "IMP's, their barrier is lower.",
        PARTLY: "Where distilled tickets are trained no worse than IMP's, their barrier is surely lower in some "
        "settings, in others not, or not surely.",
        CONTRADICTED: "Where distilled tickets are trained no worse than IMP's, their barrier is not lower: worse "
        "training may be why they are flat.",
        UNDECIDED: "Whether distilled tickets are flat because they are worse trained cannot be told: too few are "
        "trained as well as IMP's, or their barriers vary too much.",
    },
    "control-dose": {
        REPRODUCED: "The dose has an optimum: a shorter inner loop and a longer one are both less stable.",
        PARTLY: "For some sources one end of the doses tried is less stable than the best; for others, not surely.",
        CONTRADICTED: "The doses tried show no optimum.",
        UNDECIDED: "Whether there is a best dose cannot be told from the doses and initialisations tried.",
    },
    "open-init": {
        REPRODUCED: "It does not hang on how initial weights are drawn: from Kaiming and Xavier weights, too, "
        "distilled tickets are more stable than the dense network and IMP's.",
        PARTLY: "From Kaiming and Xavier weights, too, distilled tickets are surely more stable in some comparisons; "
        "in others not, or not surely.",
        CONTRADICTED: "From Kaiming or Xavier weights distilled tickets are not more stable: it hangs on how initial "
        "weights are drawn.",
        UNDECIDED: "Whether it holds from Kaiming and Xavier weights cannot be told from so few initialisations.",
    },
    "open-shift": {
        REPRODUCED: "Short inner loops change what corrupted and adversarial images cost a ticket.",
        PARTLY: "Under some shifts of the test images short inner loops surely change what a ticket loses; under "
        "others not, or not surely.",
        CONTRADICTED: "No shift of the test images was found to cost tickets of short inner loops another share of "
        "accuracy than IMP's, and of some it is sure that they do not.",
        UNDECIDED: "Whether tickets of short inner loops lose more or less on corrupted and adversarial images cannot "
        "be told from these numbers.",
    },
}
CLOSE = "margin: -0.9em 0 1.2em"
PAGE = "b-controls"
SOURCES = {
    "short-real-stable": "all real images",
    "syn-stable-conv": "our distilled set",
    "published-stable": "a published one",
    "random-real-stable": "as many random real images",
}
DECISIVE = ("short-real-stable", "random-real-stable", "control-short-loop", "control-random-real")
BESIDE = ("syn-stable-conv", "published-stable", "control-equal-steps", "control-subset")
OPEN = "these runs do not yet say what makes a mask stable."
RELATIVES = (
    (
        "Frankle et al. 2020",
        "The very weights a mask keeps count, not how many in each layer: shuffled masks are unstable.",
        "control-layers",
        "reproduced",
    ),
    (
        "Paul et al. 2022",
        "Early on, few or easy images serve as well as all: random real images would do what distilled ones do.",
        "control-subset",
        "not reproduced",
    ),
    (
        "You et al. 2020",
        "Masks settle early: a loop cut short finds tickets as accurate as the full one does. Stability was not asked, "
        "and large rates were thought best.",
        "control-short-accuracy",
        "reproduced",
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
    """Judge the claims on a section's results."""
    return {found.claim.id: found for found in judgement.judge(section.frames(), section.scale)}


def overall(verdicts: Mapping[str, str]) -> str:
    """Choose what the verdicts amount to: which images find stable masks in few steps, and what follows from that."""
    ran = {name: verdict for name, verdict in verdicts.items() if verdict not in (NOT_RUN, NOT_TESTABLE)}
    stable = [words for name, words in SOURCES.items() if ran.get(name) == REPRODUCED]
    others = [words for name, words in SOURCES.items() if name in ran and words not in stable]
    if not all(name in ran for name in DECISIVE):
        return OPEN
    real = stable == [SOURCES["short-real-stable"]]
    more = ", more stable than IMP's" if real and ran["control-short-loop"] == REPRODUCED else ""
    if not stable:
        first = f"few steps on {joined(others, 'or')} are not seen to find stable masks"
    elif others:
        first = (
            f"few steps on {joined(stable)} find stable masks{more}; as few on {joined(others, 'or')} are not seen to"
        )
    else:
        first = f"few steps on {joined(stable)} find stable masks{more}"
    *before, last = needed(ran), alone(ran), unexplained(ran)
    return f"{first}. So {', '.join(before)}, and {last}."


def joined(words: Sequence[str], by: str = "and") -> str:
    """List the images of several short loops."""
    *before, last = words
    return f"{', on '.join(before)} {by} on {last}" if before else last


def needed(ran: Mapping[str, str]) -> str:
    """Say whether stable masks need distilled images."""
    if ran["short-real-stable"] == REPRODUCED:
        return "stability does not need distilled images"
    if ran["short-real-stable"] == ran.get("control-equal-steps") == CONTRADICTED and found_distilled(ran):
        return "stability in few steps needs distilled images"
    return "whether stability needs distilled images stays open"


def alone(ran: Mapping[str, str]) -> str:
    """Say whether a short loop brings stable masks whatever the images."""
    random, against_imp = ran["random-real-stable"], ran["control-random-real"]
    if random == CONTRADICTED or (against_imp == CONTRADICTED and random != REPRODUCED):
        better = ran.get("control-subset") == REPRODUCED
        return "a short loop alone does not bring it" + ", for the images in it matter" * better
    if random == against_imp == REPRODUCED:
        return "a short loop brings it, even on images drawn at random"
    return "whether a short loop alone brings it stays open"


def unexplained(ran: Mapping[str, str]) -> str:
    """Say what the runs can tell of the papers' stable tickets: nothing where their own distilled ones are not."""
    if not found_distilled(ran):
        return "why the papers' tickets are stable these runs cannot say"
    if ran.get("control-equal-steps") == REPRODUCED:
        return "distilled images are one way to such masks, all real images another"
    if ran.get("control-equal-steps") == CONTRADICTED:
        return "distilled images do it better than all real ones"
    return "whether distilled images or all real ones do it better stays open"


def found_distilled(ran: Mapping[str, str]) -> bool:
    """Whether distilled tickets are stable in these runs, as they are in the papers."""
    return REPRODUCED in (ran.get("syn-stable-conv"), ran.get("published-stable"))


def sentences(found: Mapping[str, tuple[str, str]]) -> Paragraphs:
    """Write a sentence for each claim that ran.

    Args:
        found: Claim to its verdict and its numbers.
    """
    ran = {name: found[name] for name, by in SENTENCES.items() if name in found and found[name][0] in by}
    if not ran:
        return Paragraphs([("Nothing has been computed yet for these parameters.", "")])
    return Paragraphs([(SENTENCES[name][verdict], numbers) for name, (verdict, numbers) in ran.items()])


def place(entry: Row) -> tuple[str, str]:
    """Scale and data a verdict rests on."""
    return entry["scale"], entry.get("data", "")


def recorded_place(rows: Sequence[Row]) -> tuple[str, str] | None:
    """Scale and data of the recorded verdicts that decide, ``None`` where they are not of one run."""
    kept = {row["id"]: row["recorded"] for row in rows if row.get("recorded")}
    places = {place(kept[name]) if name in kept else None for name in DECISIVE}
    return places.pop() if len(places) == 1 else None


def headline(rows: Sequence[Row]) -> str:
    """Answer the question of the page of controls in one sentence, from the best evidence there is.

    That is the larger scale, and recorded results before this run's at equal scale. Every page that says it says it
    by this function, from the same rows.

    Args:
        rows: The ledger of the page of controls alone, with what is recorded.
    """
    there = recorded_place(rows)
    kept = {
        row["id"]: row["recorded"]["verdict"]
        for row in rows
        if (row.get("recorded") or {}) and place(row["recorded"]) == there
    }
    ran = {row["id"]: row for row in rows if row["id"] in DECISIVE and row["verdict"] != NOT_RUN}
    here = {place(row) for row in ran.values()} if len(ran) == len(DECISIVE) else set()
    rank = {scale: number for number, scale in enumerate(SCALES, 1)}
    best = rank.get(there[0], 0) if there is not None else -1
    if len(here) == 1 and max(rank.get(scale, 0) for scale, _ in here) > best:
        (there,) = here
        verdicts = {row["id"]: row["verdict"] for row in rows if place(row) == there}
        return f"This run ({', '.join(filter(None, there))}): {overall(verdicts)}"
    if there is None:
        return f"So far {OPEN}"
    return f"Recorded ({', '.join(filter(None, there))}): {overall(kept)}"


def controls(section: Section) -> Paragraphs:
    """Answer the question of the page of controls: what each of its own verdicts says, and the headline."""
    found = {}
    book = ledger.judge([section])
    for item in book.judgements:
        numbers = "; ".join(wording.finding(finding) for finding in item.primary if finding.n)
        found[item.claim.id] = (item.verdict, numbers)
    return Paragraphs([*sentences(found).texts, (f"Taken together. {headline(book.rows())}", "")])


def relatives(section: Section) -> Table:
    """Set what three earlier papers would have predicted beside the verdict of the claim that tests it."""
    found = judged(section)
    rows = [
        [name, text, found[claim].claim.statement, expected, badge(found[claim].verdict)]
        for name, text, claim, expected in RELATIVES
    ]
    return Table(["paper", "would have predicted", "our claim", "so it would be", "it is"], rows)
