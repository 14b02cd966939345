"""What each claim measures: tidy frames to findings, one per setting."""

from __future__ import annotations

import math

from ..sections.a_first_paper import claims as first_paper
from ..sections.b_controls import claims as controls
from ..sections.b_controls import dose_claims as dose
from ..sections.b_controls import question_claims as questions
from ..sections.common.tickets import EQUAL, GENTLE
from ..sections.s2_dataset_distillation import claims as sets
from ..sections.s4_2_hessian import claims as geometry
from ..sections.s5_overview import claims as overview
from ..sections.s6_stable_initializations import claims as rewinding
from ..sections.s7_mask_structure import claims as mechanism
from .statistics import CONV, LEVELS, Frames, Measure, by_init, paired, place, rise, select, slopes, sparse, way
from .verdicts import CONTRADICTED, NOT_RUN, REPRODUCED, Finding, equal, negative, positive, stable, unstable


def barriers(frames: Frames, level: int, **where: str) -> dict[int, float]:
    """Barrier of each initialisation at a level, collapsed tickets left out."""
    frame = select(frames, "barriers", level=level, collapsed=False, **where)
    return by_init(frame, "barrier")


def dense_unstable(**where: str) -> Measure:
    """The dense network's error rises between two data orders."""
    return lambda frames: [unstable("dense", rise(frames, 0, method="dense", **where))]


def imp_unstable(**where: str) -> Measure:
    """IMP's error rises at 59 and 87 %."""
    return lambda frames: [
        unstable(sparse(select(frames, "barriers", **where), level), rise(frames, level, method="imp", **where))
        for level in LEVELS
    ]


def distilled_stable(setting: str, **where: str) -> Measure:
    """The subnetwork's error does not rise at 59 and 87 %."""
    return lambda frames: [
        stable(
            sparse(select(frames, "barriers", **where), level),
            rise(frames, level, method="distilled", setting=setting, **where),
        )
        for level in LEVELS
    ]


def more_stable(
    setting: str, method: str = "distilled", than: str = "imp", than_setting: str = EQUAL, **where: str
) -> Measure:
    """The paired difference of barriers, B(than) - B(method), is positive."""

    def measure(frames: Frames) -> list[Finding]:
        return [
            positive(
                sparse(select(frames, "barriers", **where), level),
                paired(
                    barriers(frames, level, method=than, setting=than_setting, **where),
                    barriers(frames, level, method=method, setting=setting, **where),
                ),
            )
            for level in LEVELS
        ]

    return measure


def stability_grows(frames: Frames) -> list[Finding]:
    """Over levels of distilled pruning the barrier falls and the loss of the ends rises."""
    frame = select(frames, "barriers", model=CONV, method="distilled", setting=EQUAL, collapsed=False)
    return [negative("barrier", slopes(frame, "barrier")), positive("end loss", slopes(frame, "end_loss"))]


def accuracy_difference(left: str, right: str, margin: float, **where: str) -> Measure:
    """Paired accuracy of two methods at 59 and 87 %, equal within a margin."""

    def measure(frames: Frames) -> list[Finding]:
        findings = []
        for level in LEVELS:
            a, b = (
                by_init(select(frames, "fig2", method=method, setting=EQUAL, level=level, **where), "accuracy")
                for method in (left, right)
            )
            findings.append(equal(sparse(select(frames, "fig2", **where), level), paired(a, b), margin))
        return findings

    return measure


def points_ratio(frames: Frames) -> list[Finding]:
    """Images seen to find the first network's sparsest mask, IMP over distilled (exact counts, not estimates)."""
    findings = []
    frame = place(frames, "fig2")
    imp, syn = (way(frame, method) for method in ("imp", "distilled"))
    if imp is None or syn is None:
        return []
    level = min(imp["level"].max(), syn["level"].max())
    for column, name, target in (
        ("points", "stored images", 150.0),
        ("points_decoded", "decoded images", 37.5),
        ("steps", "steps", 33.5),
    ):
        ratio = float(imp[imp["level"] == level][column].max() / syn[syn["level"] == level][column].max())
        verdict = "reproduced" if abs(ratio / target - 1) < 0.02 else "contradicted"
        findings.append(Finding(name, ratio, (ratio, ratio), len(imp["init"].unique()), verdict))
    return findings


def masks_hold(frames: Frames) -> list[Finding]:
    """No pruned weight of a trained ticket is anything but zero (an exact count, not an estimate)."""
    frame = select(frames, "barriers")
    counted = frame is not None and "outside" in frame
    pruned = None if frame is None or not counted else frame[frame["level"] > 0].dropna(subset="outside")
    counts = list(by_init(pruned, "outside").values())
    worst = max(counts, default=math.nan)
    verdict = NOT_RUN if not counts else REPRODUCED if worst == 0 else CONTRADICTED
    return [Finding("weights outside", worst, (worst, worst) if counts else None, len(counts), verdict)]


MEASURES: dict[str, Measure] = {
    "match-imp": accuracy_difference("distilled", "imp", 0.01, model="resnet18"),
    "points-150x": points_ratio,
    "dense-unstable-conv": dense_unstable(model=CONV),
    "dense-unstable-r10": dense_unstable(model="resnet10"),
    "dense-unstable-r18": dense_unstable(model="resnet18"),
    "imp-unstable": imp_unstable(model=CONV),
    "syn-stable-conv": distilled_stable(EQUAL, model=CONV),
    "syn-stable-r10": distilled_stable(EQUAL, model="resnet10"),
    "syn-more-stable-r18": more_stable(EQUAL, model="resnet18"),
    "stability-grows": stability_grows,
    "where-not-how-much": more_stable(EQUAL, model=CONV),
    "gentle-stable": distilled_stable(GENTLE, model=CONV),
    "gentle-more-stable": more_stable(GENTLE, model=CONV),
    **controls.MEASURES,
    **dose.MEASURES,
    **geometry.MEASURES,
    **mechanism.MEASURES,
    **overview.MEASURES,
    **rewinding.MEASURES,
    **first_paper.MEASURES,
    **sets.MEASURES,
    **questions.MEASURES,
    "masks-hold": masks_hold,
}
