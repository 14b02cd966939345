"""Conclusions in plain words: each sentence is chosen by a verdict and carries its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from . import claims, tables
from .claims import Judgement
from .display import Table
from .display import verdict as badge
from .section import Section
from .verdicts import CONTRADICTED, NOT_RUN, PARTLY, REPRODUCED, UNDECIDED

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
DECISIVE = ("control-equal-steps", "control-short-loop")
LOOP, DATA, NEITHER = (
    "it is not the distilled data. What these masks share is an inner loop that is short, from this "
    "very initialisation; distilled data is one way to have such a loop, and real data another.",
    "the distilled data matter, beyond the short inner loop they are used in.",
    "these numbers do not yet say whether it is the distilled data or the short inner loop.",
)
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
    return {found.claim.id: found for found in claims.judge(section.frames(), section.parameters.scale)}


def overall(verdicts: Mapping[str, str]) -> str:
    """Choose the last sentence: what the verdicts on data, on subsets and on the mask amount to."""
    steps, short = (verdicts.get(name, NOT_RUN) for name in DECISIVE)
    if steps == REPRODUCED and short == REPRODUCED and verdicts.get("control-layers") != CONTRADICTED:
        return LOOP
    return DATA if steps == CONTRADICTED and verdicts.get("control-subset") in (REPRODUCED, PARTLY) else NEITHER


def sentences(found: Mapping[str, tuple[str, str]]) -> Paragraphs:
    """Write a conclusion: a sentence for each claim that ran, and what they amount to.

    Args:
        found: Claim to its verdict and its numbers.
    """
    ran = {name: found[name] for name in SENTENCES if name in found and found[name][0] != NOT_RUN}
    if not ran:
        return Paragraphs([("Nothing has been computed yet for these parameters.", "")])
    texts = [(SENTENCES[name][verdict], numbers) for name, (verdict, numbers) in ran.items()]
    answer = overall({name: verdict for name, (verdict, _) in ran.items()})
    return Paragraphs([*texts, (f"Taken together: {answer}", "")])


def controls(section: Section) -> Paragraphs:
    """Answer the question of the page of controls from its own results."""
    found = {}
    for name, item in judged(section).items():
        numbers = "; ".join(f"{tables.finding(finding)}, n = {finding.n}" for finding in item.findings if finding.n)
        found[name] = (item.verdict, numbers)
    return sentences(found)


def relatives(section: Section) -> Table:
    """Set what three earlier papers would have predicted beside the verdict of the claim that tests it."""
    found = judged(section)
    rows = [
        [name, text, found[claim].claim.statement, expected, badge(found[claim].verdict)]
        for name, text, claim, expected in RELATIVES
    ]
    return Table(["paper", "would have predicted", "our claim", "so it would be", "it is"], rows)
