"""The claims on what else a mask could be: magnitude at initialisation, layer densities, worse training."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from ...judging.claims import OURS, Primary, claim
from ...judging.statistics import CONV, LEVELS, Frames, by_init, paired, select
from ...judging.units import EXCESS
from ...judging.verdicts import MIXED, OPEN, REFUTED, SUPPORTED, Finding, within
from ..common.tickets import EQUAL
from .evidence import Differences, at, cases, higher, lines, lower, spoken, values

if TYPE_CHECKING:
    import pandas as pd

NEAR = 0.05
HALF = 0.5


def below_half(setting: str, shares: Differences) -> Finding:
    """Judge that a share is below half."""
    return within(setting, shares, -math.inf, HALF, EXCESS)


def alike(frame: pd.DataFrame | None) -> list[tuple[int, str, pd.DataFrame]]:
    """Comparisons of distilled masks with magnitude at initialisation, level by level and setting by setting."""
    if frame is None:
        return []
    sides = (("method", "setting", "other"), ("other", "other_setting", "method"))
    found = []
    for distilled, setting, other in sides:
        part = frame[(frame[distilled] == "distilled") & (frame[other] == "magnitude")]
        found += [
            (int(rows["level"].iloc[0]), str(rows[setting].iloc[0]), rows)
            for _, rows in part.groupby(["level", setting])
        ]
    return found


@claim(
    "control-magnitude",
    paper=OURS,
    where="controls",
    statement="The distilled mask is not magnitude at initialisation in disguise.",
    rule=(
        "shared survivors, above chance within layers, less than half of what is possible; barrier, "
        "magnitude minus distilled, above 0"
    ),
    primary=Primary(EQUAL, LEVELS),
    frames=(
        "kinship",
        "controls",
        "barriers",
    ),
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
    shared = select(frames, "kinship", model=CONV)
    for level, setting, part in alike(shared):
        survivors = part["shared"] * (1 + part["jaccard"]) / (2 * part["jaccard"])
        excess = (part["shared"] - part["expected"]) / (survivors - part["expected"])
        found = by_init(part.assign(excess=excess), "excess")
        findings.append(at(part, level, setting, "shared", below_half, list(found.values())))
    return findings + (lower(frames, "magnitude", "distilled") or [higher("barrier", [])])


@claim(
    "control-layers",
    paper=OURS,
    where="controls",
    statement="How many weights each layer keeps does not carry the stability of the mask of all real images.",
    rule="barrier of the mask of few steps on all real images, shuffled within its layers, minus its own, above 0",
    primary=Primary(EQUAL, LEVELS),
    frames=("controls", "barriers"),
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
    latter.
    """
    findings = []
    for name in ("controls", "barriers"):
        frame = select(frames, name, model=CONV)
        if frame is None or "shuffled" not in set(frame["method"]):
            continue
        whose = str(frame["like"].iloc[0]) if "like" in frame else "distilled"
        if whose not in set(frame["method"]):
            continue
        for level in sorted(set(frame[frame["method"] == "shuffled"]["level"])):
            shuffled = values(frame, "barrier", method="shuffled", level=level)
            itself = values(frame, "barrier", method=whose, level=level, rate=_least(frame, whose))
            found = at(frame, int(level), "", f"barrier, {spoken(whose)}", higher, paired(shuffled, itself))
            findings.append(found if whose == "real-short" else replace(found, rate=f"mask of {whose}"))
    return findings


def _least(frame: pd.DataFrame, method: str) -> float:
    """Give the smallest inner rate of a way."""
    return float(frame[frame["method"] == method]["rate"].min())


@claim(
    "control-equal-loss",
    paper=OURS,
    where="controls",
    statement="Distilled tickets are more stable than IMP's even where they are trained at most 5 % worse.",
    rule=(
        "barrier, IMP minus distilled, above 0 on initialisations whose distilled ticket ends at a "
        "training loss at most 5 % above IMP's"
    ),
    primary=Primary(EQUAL, LEVELS),
    frames=(
        "controls",
        "barriers",
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
