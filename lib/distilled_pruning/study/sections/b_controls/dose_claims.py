"""The claims on the dose of the inner loop: its best length, and what a part of IMP's achieves."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from ...judging.claims import Primary
from ...judging.statistics import CONV, Frames, paired, select
from ...judging.verdicts import CONTRADICTED, MIXED, OPEN, REFUTED, REPRODUCED, SUPPORTED, UNDECIDED, Finding
from ..common.tickets import EQUAL
from .evidence import ask, higher, no_less_accurate, values

if TYPE_CHECKING:
    import pandas as pd

SUGGESTED_ON, SUGGESTED_BY = "cifar10", 3  # the first three initialisations there suggested that a third suffices
FEWEST = 3  # doses: two ends, and one between
IMAGES = {"distilled": "distilled", "random-real": "random real", "real-short": "all real", "imp": "all real"}
ask_of_doses = functools.partial(ask, frames=("dose",))


def planned(frame: pd.DataFrame) -> set[tuple[int, float]]:
    """Give steps and rate of every short loop that was to be run; where a frame does not say, of those that it has."""
    if "dose_steps" not in frame:
        short = frame[frame["method"] != "imp"]
        return set(zip(short["steps"], short["rate"], strict=True))
    steps, rates = (str(frame[name].iloc[0]).split(",") for name in ("dose_steps", "dose_rates"))
    return {(int(number), float(rate)) for number, rate in itertools.product(steps, rates)}


@ask_of_doses(
    "control-dose",
    statement="Stability has an optimum over the dose of the inner loop, inner steps times rate.",
    rule=(
        "barrier of the smallest and of the largest dose, each minus that of the best other dose as chosen on the "
        "other initialisations, above 0; IMP is a dose of all real images; at least three doses, all that were planned"
    ),
    sentences={
        SUPPORTED: "The dose has an optimum: a shorter inner loop and a longer one are both less stable.",
        MIXED: "For some images the dose has an optimum; for others the best dose is an end of those tried.",
        REFUTED: "The doses tried show no optimum: the best is an end of those tried.",
        OPEN: "Whether there is a best dose cannot be told from the doses and initialisations tried.",
    },
)
def control_dose(frames: Frames) -> list[Finding]:
    """Both the smallest and the largest dose have a higher barrier than the best of the others.

    The dose is inner steps times rate; IMP is a dose of all real images. The best dose is chosen on the other
    initialisations, so that no choice is judged by the noise that made it. A smallest or largest dose that is the
    best is evidence against an optimum, so that one end that fails fails the claim for those images; the weaker end
    is shown. A dose that was planned and not run leaves it open.
    """
    frame = select(frames, "dose", model=CONV, collapsed=False)
    if frame is None:
        return []
    findings, wanted = [], planned(frame)
    frame = frame.assign(dose=frame["steps"] * frame["rate"], images=frame["method"].map(IMAGES))
    for images in dict.fromkeys(IMAGES.values()):
        rows = frame[frame["images"] == images]
        table = rows.pivot_table(index="init", columns="dose", values="barrier")
        if len(table.columns) < FEWEST:
            findings.append(higher(images, []))
            continue
        ends = {"shortest": table.columns[0], "longest": table.columns[-1]}
        found = [higher(f"{images}, {name} minus best other", excesses(table, end)) for name, end in ends.items()]
        weaker = min(found, key=lambda item: item.value)
        verdicts = {item.verdict for item in found}
        verdict = next((word for word in (CONTRADICTED, UNDECIDED) if word in verdicts), REPRODUCED)
        absent = wanted - set(zip(rows["steps"], rows["rate"], strict=True))
        if absent or set(rows["method"]) != {way for way, what in IMAGES.items() if what == images}:
            verdict = UNDECIDED
        findings.append(replace(weaker, verdict=verdict))
    return findings if any(item.n for item in findings) else []


def excesses(table: pd.DataFrame, dose: object) -> list[float]:
    """What each initialisation's barrier at a dose has above that at the best other dose, as chosen on the others."""
    found = []
    for init in table.index[table[dose].notna()]:
        barriers = table.loc[init].dropna().to_dict()
        rest = [name for name in barriers if name != dose]
        others = table.drop(index=init) if len(table) > 1 else table
        means = others[rest].mean().dropna().to_dict() if rest else {}
        if means:
            found.append(float(barriers[dose] - barriers[min(means, key=lambda name: means[name])]))
    return found


@ask_of_doses(
    "control-third-loop",
    statement=(
        "Real data for a third of IMP's inner steps or fewer gives masks more stable than IMP's, and as accurate."
    ),
    rule=(
        "longest planned loop on real images of at most a third of IMP's steps, at the last level: barrier, IMP "
        "minus its, above 0; test accuracy, its minus IMP's, above −1 point; on initialisations 3 and up "
        "of CIFAR-10, since 0 to 2 suggested it"
    ),
    primary=Primary(EQUAL),
    sentences={
        SUPPORTED: "A loop on all real images of up to a third of IMP's costs no accuracy at the last level: "
        "its tickets are more stable than IMP's and no less accurate.",
        MIXED: "Where the loop on all real images may last longer, up to a third of IMP's, its tickets at "
        "the last level are better than IMP's in one of stability and accuracy, and worse in the "
        "other.",
        REFUTED: "Where the loop on all real images may last longer, up to a third of IMP's, its tickets at "
        "the last level are neither more stable than IMP's nor as accurate.",
        OPEN: "Whether a loop on all real images that may last up to a third of IMP's gives tickets more "
        "stable than IMP's and as accurate cannot be told.",
    },
)
def control_third_loop(frames: Frames) -> list[Finding]:
    """The longest loop on real images of at most a third of IMP's steps: a lower barrier, accuracy no worse.

    The initialisations that suggested the claim are no test of it, so they are left out.
    """
    frame = select(frames, "dose", model=CONV)
    if frame is None:
        return []
    frame = frame[(frame["dataset"] != SUGGESTED_ON) | (frame["init"] >= SUGGESTED_BY)]
    imp, short = (frame[frame["method"] == method] for method in ("imp", "real-short"))
    steps = max((steps for steps, _ in planned(frame) if 3 * steps <= imp["steps"].min()), default=0)
    if not steps:
        return []
    findings = []
    for setting in dict.fromkeys([EQUAL, *short["setting"]]):
        longest = short[(short["steps"] == steps) & (short["setting"] == setting)]
        about = f"{steps} steps, {setting}"
        lower = paired(values(imp, "barrier"), values(longest, "barrier"))
        gained = paired(values(longest, "accuracy"), values(imp, "accuracy"))
        found = (higher(f"barrier, {about}", lower), no_less_accurate(f"accuracy, {about}", gained))
        findings += [replace(item, rate=str(setting)) for item in found]
    return findings
