"""The claims on what else a mask could be: magnitude at initialisation, layer densities, worse training."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from ...judging.statistics import CONV, LEVELS, Frames, paired, select, spoken
from ...judging.units import EXCESS
from ...judging.verdicts import MIXED, OPEN, REFUTED, SUPPORTED, Finding, beside, within
from ..common.tickets import EQUAL
from .evidence import PAGES, Differences, ask_of_lines, at, cases, higher, lines, lower, values

if TYPE_CHECKING:
    import pandas as pd

NEAR = 0.05
HALF = 0.5


def below_half(setting: str, shares: Differences) -> Finding:
    """Judge that a share is below half."""
    return within(setting, shares, -math.inf, HALF, EXCESS)


def alike(frame: pd.DataFrame) -> pd.DataFrame:
    """Comparisons of distilled masks with magnitude at initialisation, the distilled one as ``method``."""
    import pandas as pd

    turned = frame.rename(
        columns={"method": "other", "setting": "other_setting", "other": "method", "other_setting": "setting"}
    )
    both = pd.concat([frame, turned], ignore_index=True)
    return both[(both["method"] == "distilled") & (both["other"] == "magnitude")]


@ask_of_lines(
    "control-magnitude",
    statement="The distilled mask is not magnitude at initialisation in disguise.",
    rule=(
        "shared survivors, above chance within layers, less than half of what is possible; barrier, "
        "magnitude minus distilled, above 0"
    ),
    frames=("kinship", *PAGES),
    sentences={
        SUPPORTED: "The distilled mask is not the mask of the largest initial weights in disguise: the two share"
        " little beyond chance, and the latter is less stable.",
        MIXED: "The distilled mask differs from that of the largest initial weights in one respect, and not "
        "in another.",
        REFUTED: "The mask of the largest initial weights, which needs no training, is as good an explanation.",
        OPEN: "Whether the distilled mask is that of the largest initial weights in disguise cannot be told.",
    },
    of_sets=("distilled",),
)
def control_magnitude(frames: Frames) -> list[Finding]:
    """Excess of shared survivors over layer chance below half of what is possible; magnitude's barrier is higher."""
    findings = []
    kinship = select(frames, "kinship", model=CONV)
    if kinship is not None:
        shared = alike(kinship)
        survivors = shared["shared"] * (1 + shared["jaccard"]) / (2 * shared["jaccard"])
        excess = (shared["shared"] - shared["expected"]) / (survivors - shared["expected"])
        shared = shared.assign(excess=excess, collapsed=False)
        for level, setting in cases(shared, "distilled"):
            found = values(shared, "excess", level=level, setting=setting)
            findings.append(at(shared, level, setting, "shared", below_half, list(found.values())))
    return [
        *(findings or [below_half("shared", [])]),
        *(lower(frames, "magnitude", "distilled") or [higher("barrier", [])]),
    ]


@ask_of_lines(
    "control-layers",
    statement="How many weights each layer keeps does not carry the stability of the mask of all real images.",
    rule="barrier of the mask of few steps on all real images, shuffled within its layers, minus its own, above 0",
    sentences={
        SUPPORTED: "How many weights each layer keeps does not explain it: the mask of all real images, shuffled"
        " within its layers, is less stable.",
        MIXED: "At one sparsity how many weights each layer keeps does not explain it; at another it may.",
        REFUTED: "How many weights each layer keeps may be all there is to it: the mask of all real images, "
        "shuffled within its layers, is more stable still.",
        OPEN: "Whether the layers' densities alone explain it cannot be told.",
    },
)
def control_layers(frames: Frames) -> list[Finding]:
    """The mask of all real images, shuffled within layers, has a higher barrier than itself; other masks' stand beside.

    The mask whose stability is to be explained is that of all real images: distilled ones are compared, where theirs
    is what the page shuffles, but they turn no verdict. A frame that does not say whose mask it shuffles is of the
    latter. What is shuffled is the mask at the smallest inner rate that was to be run.
    """
    frame = lines(frames, "shuffled")
    if frame is None:
        return []
    frame = frame if "like" in frame else frame.assign(like="distilled")
    shuffled = frame[frame["method"] == "shuffled"]
    findings = []
    for whose in dict.fromkeys(["real-short", *shuffled["like"]]):
        rows, itself = shuffled[shuffled["like"] == whose], frame[frame["method"] == whose]
        least = rows["least_rate"] if "least_rate" in rows else itself["rate"]
        itself = itself[itself["rate"] == least.min()]
        setting = EQUAL if itself.empty else str(itself["setting"].iloc[0])
        for level in sorted({*LEVELS, *rows["level"]}):
            above = paired(values(rows, "barrier", level=level), values(itself, "barrier", level=level))
            found = at(frame, level, "", f"barrier, {spoken(whose)}", higher, above)
            findings.append(beside(replace(found, rate=setting), whose == "real-short"))
    return findings


@ask_of_lines(
    "control-equal-loss",
    statement="Distilled tickets are more stable than IMP's even where they are trained at most 5 % worse.",
    rule=(
        "barrier, IMP minus distilled, above 0 on initialisations whose distilled ticket ends at a "
        "training loss at most 5 % above IMP's"
    ),
    sentences={
        SUPPORTED: "Distilled tickets are not flat because they are worse trained: where they end at most 5 % above "
        "IMP's loss, their barrier is lower.",
        MIXED: "Where distilled tickets end at most 5 % above IMP's loss, their barrier is lower at one "
        "sparsity and higher at another.",
        REFUTED: "Where distilled tickets end at most 5 % above IMP's loss, their barrier is not lower: worse "
        "training may be why they are flat.",
        OPEN: "Whether distilled tickets are flat because they are worse trained cannot be told: too few "
        "end as low as IMP's, or their barriers vary too much.",
    },
    of_sets=("distilled",),
)
def control_equal_loss(frames: Frames) -> list[Finding]:
    """IMP's barrier is higher even where the distilled ticket is trained at most 5 % worse.

    Only initialisations count whose distilled ticket ends at a training loss at most 5 % above IMP's.
    """
    frame = lines(frames, "distilled", "imp")
    if frame is None:
        return []
    findings = []
    for level, setting in cases(frame, "distilled"):
        ours = {"method": "distilled", "level": level, "setting": setting}
        imp = {"method": "imp", "level": level}
        losses, limits = values(frame, "end_loss", **ours), values(frame, "end_loss", **imp)
        trained = {init for init in losses.keys() & limits.keys() if losses[init] <= (1 + NEAR) * limits[init]}
        above = {init: value for init, value in values(frame, "barrier", **imp).items() if init in trained}
        differences = paired(above, values(frame, "barrier", **ours))
        findings.append(at(frame, level, setting, "barrier", higher, differences))
    return findings
