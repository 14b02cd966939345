"""The claims on what else a mask could be: magnitude at initialisation, layer densities, worse training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...judging.claims import OURS, Primary, claim
from ...judging.statistics import CONV, LEVELS, Frames, by_init, paired, select
from ...judging.units import EXCESS
from ...judging.verdicts import Finding, within
from ..common.tickets import EQUAL
from .evidence import Differences, at, cases, higher, lines, lower, values

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
    return findings + (lower(frames, "magnitude") or [higher("barrier", [])])


@claim(
    "control-layers",
    paper=OURS,
    where="controls",
    statement="Per-layer densities do not carry the stability.",
    rule="barrier of the gentlest distilled mask shuffled within layers, minus its own, above 0",
    primary=Primary(EQUAL, LEVELS),
    frames=("controls",),
)
def control_layers(frames: Frames) -> list[Finding]:
    """The mask shuffled within layers has a higher barrier than the mask itself, that of the gentlest inner rate.

    That is the smallest rate of the page which shuffles it, so no other page's rows count.
    """
    frame = select(frames, "controls", model=CONV)
    if frame is None or not {"distilled", "shuffled"} <= set(frame["method"]):
        return []
    gentlest = frame[(frame["method"] == "distilled")]["rate"].min()
    findings = []
    for level in sorted(set(frame[frame["method"] == "shuffled"]["level"])):
        shuffled = values(frame, "barrier", method="shuffled", level=level)
        itself = values(frame, "barrier", method="distilled", level=level, rate=gentlest)
        findings.append(at(frame, int(level), "", "barrier", higher, paired(shuffled, itself)))
    return findings


@claim(
    "control-equal-loss",
    paper=OURS,
    where="controls",
    statement="Distilled tickets are more stable than IMP's even where they are trained no worse.",
    rule=(
        "barrier, IMP minus distilled, above 0 on initialisations whose distilled ticket ends at a "
        "training loss at most 5 % above IMP's"
    ),
    primary=Primary(EQUAL, LEVELS),
    frames=(
        "controls",
        "barriers",
    ),
)
def control_equal_loss(frames: Frames) -> list[Finding]:
    """IMP's barrier is higher even where the distilled ticket is trained no worse.

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
