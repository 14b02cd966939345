"""What the claims about controls measure: is it the distilled data, the short and gentle inner loop, or something else.

They are judged by the page of controls; where that lacks the rows, by the lines of the page on stability.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..experiments.protocols import AGAINST, HERE, PARTIAL, REBATCHED, REESTIMATED, UNMASKED
from ..verdicts import (
    CONTRADICTED,
    INSTABILITY_THRESHOLD,
    NOT_RUN,
    REPRODUCED,
    UNDECIDED,
    Finding,
    interval,
    positive,
    within,
)
from .evidence import CONV, Frames, Measure, by_init, paired, percent, select

if TYPE_CHECKING:
    import pandas as pd

NEAR = 0.05
ACCURACY_MARGIN = 0.01
HALF = 0.5
Values = dict[int, float]


def lines(frames: Frames, *methods: str) -> pd.DataFrame | None:
    """Rows of a ConvNet-3 on the page of controls, or of stability where the former lack one of the methods."""
    found = None
    for name in ("controls", "barriers"):
        frame = select(frames, name, model=CONV)
        if frame is not None and set(methods) <= set(frame["method"]):
            found = frame if found is None else found
    return found


def values(frame: pd.DataFrame, column: str, **where: object) -> Values:
    """A column for each initialisation in the matching rows that did not collapse."""
    frame = frame[~frame["collapsed"].astype(bool)]
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    return by_init(frame, column) if column in frame else {}


def rises(frame: pd.DataFrame, **where: object) -> Values:
    """Error rise for each initialisation; a collapsed ticket counts as wholly unstable."""
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    return by_init(
        frame.assign(error_rise=frame["error_rise"].mask(frame["collapsed"].astype(bool), 1.0)), "error_rise"
    )


def cases(frame: pd.DataFrame, method: str) -> list[tuple[int, str]]:
    """Levels and settings at which a method has tickets, from the densest and the papers' setting on."""
    found = frame[(frame["method"] == method) & (frame["level"] > 0)]
    pairs = dict.fromkeys(zip(found["level"], found["setting"], strict=True))
    return sorted(((int(level), str(setting)) for level, setting in pairs))


def called(what: str, level: int, setting: str) -> str:
    """Name a finding by what it is about, sparsity and setting."""
    return ", ".join(part for part in (what, percent(level), setting) if part)


def spoken(method: str) -> str:
    """Name a method where a hyphen would be read as a minus."""
    return method.replace("-", " ")


def control_magnitude(frames: Frames) -> list[Finding]:
    """Excess of shared survivors over layer chance below half of what is possible; magnitude's barrier is higher."""
    findings = []
    shared = select(frames, "kinship", model=CONV)
    for level, setting, part in alike(shared):
        survivors = part["shared"] * (1 + part["jaccard"]) / (2 * part["jaccard"])
        excess = (part["shared"] - part["expected"]) / (survivors - part["expected"])
        found = by_init(part.assign(excess=excess), "excess")
        findings.append(within(called("shared", level, setting), list(found.values()), -math.inf, HALF))
    return findings + (lower(frames, "magnitude") or [positive("barrier", [])])


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


def lower(frames: Frames, control: str) -> list[Finding]:
    """The control's barrier is above the distilled ticket's, which shows at every level and setting."""
    frame = lines(frames, "distilled", control)
    if frame is None:
        return []
    findings = []
    for level, setting in cases(frame, "distilled"):
        theirs = {"method": control, "level": level}
        if control in frame[frame["setting"] == setting]["method"].unique():
            theirs["setting"] = setting
        above = values(frame, "barrier", **theirs)
        ours = values(frame, "barrier", method="distilled", level=level, setting=setting)
        findings.append(positive(called("barrier", level, setting), paired(above, ours)))
    return findings


def control_layers(frames: Frames) -> list[Finding]:
    """The mask shuffled within layers has a higher barrier than the mask itself, that of the gentlest inner rate."""
    frame = lines(frames, "distilled", "shuffled")
    if frame is None:
        return []
    gentlest = frame[(frame["method"] == "distilled")]["rate"].min()
    findings = []
    for level in sorted(set(frame[frame["method"] == "shuffled"]["level"])):
        shuffled = values(frame, "barrier", method="shuffled", level=level)
        itself = values(frame, "barrier", method="distilled", level=level, rate=gentlest)
        findings.append(positive(called("barrier", int(level), ""), paired(shuffled, itself)))
    return findings


def control_equal_steps(frames: Frames, images: str = "distilled") -> list[Finding]:
    """Real data at equal steps and rate: error rise and accuracy no worse than distilled data's, within margins."""
    frame = lines(frames, images, "real-short")
    if frame is None:
        return []
    findings = []
    for level, setting in cases(frame, images):
        where = {"level": level, "setting": setting}
        ours, real = ({"method": name, **where} for name in (images, "real-short"))
        less = paired(rises(frame, **ours), rises(frame, **real))
        findings.append(within(called("error rise", level, setting), less, -INSTABILITY_THRESHOLD, math.inf))
        gained = paired(values(frame, "accuracy", **real), values(frame, "accuracy", **ours))
        if gained:
            findings.append(within(called("accuracy", level, setting), gained, -ACCURACY_MARGIN, math.inf))
    return findings


def control_published(frames: Frames) -> list[Finding]:
    """The same against a distilled set that others published."""
    return control_equal_steps(frames, "published")


def control_short_loop(frames: Frames) -> list[Finding]:
    """A few steps on real data give a lower barrier than IMP's full loop."""
    return [
        positive(called("barrier", level, setting), [-more for more in differences])
        for level, setting, differences in short_minus_imp(frames, "barrier")
    ]


def control_short_accuracy(frames: Frames) -> list[Finding]:
    """A few steps on real data give tickets no less accurate than IMP's full loop, within the margin."""
    return [
        within(called("accuracy", level, setting), differences, -ACCURACY_MARGIN, math.inf)
        for level, setting, differences in short_minus_imp(frames, "accuracy")
        if differences
    ]


def short_minus_imp(frames: Frames, column: str) -> Iterator[tuple[int, str, list[float]]]:
    """At every level and setting of the short loop on real data, what it has more than IMP, by initialisation."""
    frame = lines(frames, "imp", "real-short")
    if frame is None:
        return
    for level, setting in cases(frame, "real-short"):
        short, imp = {"method": "real-short", "level": level, "setting": setting}, {"method": "imp", "level": level}
        yield level, setting, paired(values(frame, column, **short), values(frame, column, **imp))


def control_subset(frames: Frames) -> list[Finding]:
    """The barrier of a random real subset of equal size minus that of the distilled set is positive."""
    return lower(frames, "random-real")


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
        higher = {init: value for init, value in values(frame, "barrier", **imp).items() if init in trained}
        findings.append(positive(called("barrier", level, setting), paired(higher, values(frame, "barrier", **ours))))
    return findings


def differs(setting: str, differences: list[float], margin: float) -> Finding:
    """Judge that a paired difference is larger than a margin in either direction: contradicted when it is inside."""
    bounds = interval(differences)
    if not differences:
        return Finding(setting, math.nan, None, 0, NOT_RUN)
    mean = math.fsum(differences) / len(differences)
    verdict = UNDECIDED
    if bounds is not None and len(differences) >= 3:
        if bounds[0] > margin or bounds[1] < -margin:
            verdict = REPRODUCED
        elif -margin < bounds[0] and bounds[1] < margin:
            verdict = CONTRADICTED
    return Finding(setting, mean, bounds, len(differences), verdict)


def otherwise(*protocols: str, accuracy: bool = False) -> Measure:
    """The error rise, and the accuracy where asked, measured in another way minus in the way it is set against.

    A collapsed ticket tells nothing of stability, but its accuracy counts.
    """

    def measure(frames: Frames) -> list[Finding]:
        frame = select(frames, "protocols")
        if frame is None:
            return []
        findings = []
        changed = frame[frame["protocol"].isin(protocols)]
        named = ["model", "method", "setting", "protocol"]
        for model, method, setting, protocol in dict.fromkeys(zip(*(changed[name] for name in named), strict=True)):
            where = {"model": model, "method": method, "setting": setting}
            both = (protocol, AGAINST.get(protocol, HERE))
            what = ", ".join(part for part in (method, setting) if part)
            new, here = (values(frame, "error_rise", protocol=name, **where) for name in both)
            findings.append(differs(f"error rise, {what}", paired(new, here), INSTABILITY_THRESHOLD))
            if accuracy:
                whole = frame.assign(collapsed=False)
                new, here = (values(whole, "accuracy", protocol=name, **where) for name in both)
                findings.append(differs(f"accuracy, {what}", paired(new, here), ACCURACY_MARGIN))
        return findings

    return measure


MEASURES: dict[str, Measure] = {
    "control-magnitude": control_magnitude,
    "control-layers": control_layers,
    "control-equal-steps": control_equal_steps,
    "control-published": control_published,
    "control-short-loop": control_short_loop,
    "control-short-accuracy": control_short_accuracy,
    "control-subset": control_subset,
    "control-equal-loss": control_equal_loss,
    "mask-bug": otherwise(UNMASKED),
    "rewind-scope": otherwise(PARTIAL, accuracy=True),
    "bn-reestimated": otherwise(REESTIMATED, REBATCHED),
}
