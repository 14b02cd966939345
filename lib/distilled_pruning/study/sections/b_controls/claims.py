"""What the claims about controls measure: is it the distilled data, the short and gentle inner loop, or something else.

They are judged by the lines of the page of controls and of that on stability. A finding knows its level and inner rate,
so that a claim can say which of them its verdict rests on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...judging.statistics import CONV, LEVELS, Frames, Measure, by_init, paired, select, sparse
from ...judging.verdicts import (
    CONTRADICTED,
    INSTABILITY_THRESHOLD,
    NOT_RUN,
    REPRODUCED,
    UNDECIDED,
    Finding,
    interval,
    positive,
    stable,
    within,
)
from ..common.tickets import EQUAL, GENTLE
from .protocols import AGAINST, HERE, PARTIAL, REBATCHED, REESTIMATED, UNMASKED

if TYPE_CHECKING:
    import pandas as pd

NEAR = 0.05
ACCURACY_MARGIN = 0.01
HALF = 0.5
PAGES = ("controls", "barriers")
LINE = ["dataset", "method", "rate", "level", "init", "pair"]
Values = dict[int, float]
Differences = Sequence[float]


def lines(frames: Frames, *methods: str) -> pd.DataFrame | None:
    """Rows of a ConvNet-3 on the pages of controls and of stability, each line once; ``None`` without all methods.

    Rows of both count only where the pages belong to one study: where they share lines, and name none of them twice.
    Otherwise those of the page of controls do, or of stability where the former lacks a method.
    """
    import pandas as pd

    found = [frame for name in PAGES if (frame := select(frames, name, model=CONV)) is not None]
    if len(found) == len(PAGES) and set(found[0]["key"]) & set(found[1]["key"]):
        both = pd.concat(found, ignore_index=True).drop_duplicates("key")
        found = found if both.duplicated(LINE).any() else [both]
    return next((frame for frame in found if set(methods) <= set(frame["method"])), None)


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


def at(
    frame: pd.DataFrame,
    level: int,
    setting: str,
    what: str,
    judge: Callable[[str, Differences], Finding],
    found: Differences,
) -> Finding:
    """Judge what was found at one level and setting, named by what it is, the rows' sparsity, and setting."""
    name = ", ".join(part for part in (what, sparse(frame, level), setting) if part)
    return replace(judge(name, found), level=level, rate=setting)


def short_stable(method: str, setting: str = EQUAL) -> Measure:
    """Tickets of a short loop are stable, level by level."""

    def measure(frames: Frames) -> list[Finding]:
        frame = lines(frames, method)
        if frame is None:
            return []
        where = {"method": method, "setting": setting}
        return [at(frame, level, "", "", stable, list(rises(frame, level=level, **where).values())) for level in LEVELS]

    return measure


def no_riser(setting: str, differences: Differences) -> Finding:
    """Judge that an error rise is at most the threshold of instability larger."""
    return within(setting, differences, -INSTABILITY_THRESHOLD, math.inf)


def no_less_accurate(setting: str, differences: Differences) -> Finding:
    """Judge that an accuracy is at most the margin lower."""
    return within(setting, differences, -ACCURACY_MARGIN, math.inf)


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
        findings.append(at(part, level, setting, "shared", below_half, list(found.values())))
    return findings + (lower(frames, "magnitude") or [positive("barrier", [])])


def below_half(setting: str, shares: Differences) -> Finding:
    """Judge that a share is below half."""
    return within(setting, shares, -math.inf, HALF)


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
        findings.append(at(frame, level, setting, "barrier", positive, paired(above, ours)))
    return findings


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
        findings.append(at(frame, int(level), "", "barrier", positive, paired(shuffled, itself)))
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
        findings.append(at(frame, level, setting, "error rise", no_riser, less))
        gained = paired(values(frame, "accuracy", **real), values(frame, "accuracy", **ours))
        findings.append(at(frame, level, setting, "accuracy", no_less_accurate, gained))
    return findings


def control_published(frames: Frames) -> list[Finding]:
    """The same against a distilled set that others published."""
    return control_equal_steps(frames, "published")


def control_short_loop(frames: Frames) -> list[Finding]:
    """A few steps on real data give a lower barrier than IMP's full loop."""
    return below_imp(frames, "real-short")


def control_random_real(frames: Frames) -> list[Finding]:
    """As few steps on a random real subset as small as the distilled set give a lower barrier than IMP's full loop."""
    return below_imp(frames, "random-real")


def below_imp(frames: Frames, method: str) -> list[Finding]:
    """IMP's barrier minus that of a short loop is positive, at every level and setting of the loop."""
    frame = lines(frames, "imp", method)
    if frame is None:
        return []
    return [
        at(frame, level, setting, "barrier", positive, [-more for more in differences])
        for level, setting, differences in minus_imp(frame, method, "barrier")
    ]


def control_short_accuracy(frames: Frames) -> list[Finding]:
    """A few steps on real data give tickets no less accurate than IMP's full loop, within the margin."""
    frame = lines(frames, "imp", "real-short")
    if frame is None:
        return []
    return [
        at(frame, level, setting, "accuracy", no_less_accurate, differences)
        for level, setting, differences in minus_imp(frame, "real-short", "accuracy")
    ]


def minus_imp(frame: pd.DataFrame, method: str, column: str) -> Iterator[tuple[int, str, Differences]]:
    """At every level and setting of a short loop, what it has more than IMP, by initialisation."""
    for level, setting in cases(frame, method):
        ours, imp = {"method": method, "level": level, "setting": setting}, {"method": "imp", "level": level}
        yield level, setting, paired(values(frame, column, **ours), values(frame, column, **imp))


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
        differences = paired(higher, values(frame, "barrier", **ours))
        findings.append(at(frame, level, setting, "barrier", positive, differences))
    return findings


def differs(setting: str, differences: Differences, margin: float) -> Finding:
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
            risen = differs(f"error rise, {what}", paired(new, here), INSTABILITY_THRESHOLD)
            findings.append(replace(risen, rate=setting))
            if accuracy:
                whole = frame.assign(collapsed=False)
                new, here = (values(whole, "accuracy", protocol=name, **where) for name in both)
                gained = differs(f"accuracy, {what}", paired(new, here), ACCURACY_MARGIN)
                findings.append(replace(gained, rate=setting))
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
    "control-random-real": control_random_real,
    "control-equal-loss": control_equal_loss,
    "short-real-stable": short_stable("real-short"),
    "gentle-real-stable": short_stable("real-short", GENTLE),
    "published-stable": short_stable("published"),
    "random-real-stable": short_stable("random-real"),
    "mask-bug": otherwise(UNMASKED),
    "rewind-scope": otherwise(PARTIAL, accuracy=True),
    "bn-reestimated": otherwise(REESTIMATED, REBATCHED),
}
