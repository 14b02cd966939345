"""The campaign in plain words: each rule as a question, and what the recorded cells answer."""

from __future__ import annotations

import statistics

from ..judging.units import PERCENT, number, plain
from ..judging.verdicts import CONTRADICTED, REPRODUCED, UNDECIDED, Finding, write_finding
from .rules import answer, describe
from .steps import MAIN, RATE, Cells, Step, read_steps

QUESTIONS: dict[int, tuple[str, ...]] = {
    0: (
        "Are subnetworks stable that inner loops at a third of the rate have found?",
        "Are they when each initialisation has a distilled set of its own?",
    ),
    1: (
        "Are subnetworks from the strongest published set (MTT) stable, as the papers say?",
        "Are they less stable than those from as few steps on all real images?",
        "Are they more stable than those from a hundred random real images?",
        "Are they as accurate as IMP’s, within a point?",
    ),
    2: (
        "At twice the width, are subnetworks from few steps on all real images no longer stable?",
        "At twice the width, are distilled subnetworks stable?",
    ),
    3: (
        "Does the barrier fall with the number of real images that a short loop sees?",
        "Are 400 real images enough for a stable subnetwork?",
        "Are 400 distilled images (IDC) better than 400 real ones by more than two points?",
    ),
    4: (
        "Does a long loop at a small rate find stable subnetworks too, so that it is not the few steps?",
        "Are subnetworks unstable whose loop went no further than two initial norms, so that it is the few steps?",
    ),
    5: (
        "At equal distance from initialisation, are distilled subnetworks less stable than those from all real images?",
        "Are the two alike within two points, so that distance explains the difference?",
    ),
    6: (
        "Is a mask stable that no inner loop on these images and labels has found?",
        "Are masks stable that were found with permuted labels?",
    ),
    7: (
        "Is the dense network sharper along weights that IMP alone keeps than along the other method’s?",
        "Do IMP’s masks depend more on the order of the data than those of distilled pruning?",
    ),
    9: (
        "Are the dense network and IMP’s subnetworks unstable there, so that Figure 4 can be compared at all?",
        "Are distilled subnetworks stable there?",
        "Are they more stable than IMP’s?",
        "Are they less stable than those from few steps on all real images?",
    ),
    10: (
        "AlexNet: is distilled pruning as accurate as the first paper says?",
        "AlexNet: are distilled subnetworks stable and IMP’s not?",
        "CIFAR-100: is distilled pruning as accurate as the first paper says?",
    ),
    13: (
        "Does IMP have tickets past 60 %, so that Figure 7 can be compared at all?",
        "Is IMP after eight distilled rounds more accurate than IMP alone, where IMP ends?",
        "Is it as accurate as IMP rewound to an early epoch, within a point?",
        "Do eight short rounds on all images do no worse than eight distilled ones, within a point?",
    ),
    14: (
        "AlexNet, inner loops as long as the paper’s: is distilled pruning as accurate as the first paper says?",
        "AlexNet, inner loops as long as the paper’s: are distilled subnetworks stable and IMP’s not?",
    ),
}
_SETS = {  # by step and place of the question: what its sets are called, and the cell that trained on them
    (0, 1): ("these sets", "reduced/own-sets"),
    (3, 2): ("IDC’s sets", "reduced/idc"),
}
_WORDS = {REPRODUCED: "Yes", CONTRADICTED: "No", UNDECIDED: "Open"}


_MANY = 6  # findings that are still written one by one
FIRST = range(7)  # steps on whether the papers' effect appears, and on what stability depends


def list_questions(cells: Cells, first: bool) -> str:
    """Write what the recorded cells answer, as Markdown: question, answer in a word, numbers; then what waits.

    Args:
        cells: What is recorded.
        first: The steps of :data:`FIRST`, else the others.
    """
    parts, waiting = [], []
    for step in read_steps():
        if (step.number in FIRST) != first:
            continue
        asked = _ask(step, cells)
        if asked:
            parts += [f"**{plain(step.title)}**", *asked, ""]
        else:
            waiting.append(step.title)
    if waiting:
        parts.append(f"Not computed yet: {plain('; '.join(waiting))}.")
    return "\n".join(parts)


def _ask(step: Step, cells: Cells) -> list[str]:
    """Write the answered questions of a step, each as an item of a list, with the number of initialisations of most."""
    asked = []
    pairs = zip(QUESTIONS[step.number], answer(step, cells), strict=False)  # some rules only order
    for place, (question, (_, found)) in enumerate(pairs):
        findings = [finding for finding in found if finding.n]
        if words := _say(findings, n := statistics.mode(finding.n for finding in findings) if findings else 0):
            quality = _say_quality(*_SETS[step.number, place], cells) if (step.number, place) in _SETS else ""
            asked.append(f"- {plain(question)} (n = {n}) {words}{quality}")
    return asked


def _say_quality(name: str, preset: str, cells: Cells) -> str:
    """Say how accurate the networks are that were trained on a cell's sets alone, beside other images."""
    compared = {
        name: (preset, "distilled"),
        "the one shared set": (MAIN, "distilled"),
        "a hundred random real images": (MAIN, "random-real"),
    }
    found = {images: cells.own_accuracy(*where, rate=RATE) for images, where in compared.items()}
    said = [f"{images} {number(PERCENT.factor * share, 1)} %" for images, share in found.items() if share is not None]
    return f" Test accuracy that images alone give a network before pruning: {', '.join(said)}." if said else ""


def _say(findings: list[Finding], n: int) -> str:
    """Say for which settings the answer is yes, for which no, and for which it is open; ``n`` stands beside already."""
    groups = []
    for verdict, word in _WORDS.items():
        alike = [finding for finding in findings if finding.verdict == verdict]
        if alike:
            groups.append(f'**{word}:** <span class="where">{_list(alike, n)}.</span>')
    return " ".join(groups)


def _list(findings: list[Finding], n: int) -> str:
    """Write findings one after the other, or of many the least and the greatest."""
    if len(findings) <= _MANY:
        return "; ".join(write_finding(finding, markdown=True, n=n) for finding in findings)
    ranked = sorted(findings, key=lambda finding: finding.value)
    least, greatest = (write_finding(finding, markdown=True, n=n) for finding in (ranked[0], ranked[-1]))
    return f"{len(findings)} settings, least {least}; greatest {greatest}"


def list_rules(cells: Cells) -> str:
    """Write all steps with what came out of each rule of the recorded cells, as Markdown."""
    parts = []
    for step in read_steps():
        commit, date = step.registered
        parts.append(f"**{step.number}. {plain(step.title)}** (rules of {date:%-d %B %Y}, commit `{commit}`)\n")
        for text, findings in answer(step, cells):
            found = [describe(finding) for finding in findings if finding.n]
            parts.append(f"- {plain(text)} {plain('; '.join(found)) if found else '*Not recorded yet.*'}")
        parts.append("")
    return "\n".join(parts)
