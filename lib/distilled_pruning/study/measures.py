"""What each claim measures: tidy frames to findings, one per setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from .tickets import EQUAL, GENTLE
from .verdicts import Finding, equal, negative, positive, stable, unstable

if TYPE_CHECKING:
    import pandas as pd

Frames = Mapping[str, "pd.DataFrame"]
Measure = Callable[[Frames], list[Finding]]
LEVELS = (4, 9)


def percent(level: int) -> str:
    """Name a level by its sparsity at 20 % a level."""
    return f"{100 * (1 - 0.8**level):.0f} %"


def select(frames: Frames, name: str, **where: str | int | bool) -> pd.DataFrame | None:
    """Rows of a frame that match, ``None`` where there are none."""
    frame = frames.get(name)
    if frame is None or frame.empty:
        return None
    for column, wanted in where.items():
        if column not in frame:
            return None
        frame = frame[frame[column] == wanted]
    return None if frame.empty else frame


def by_init(frame: pd.DataFrame | None, column: str) -> dict[int, float]:
    """Mean of a column for each initialisation."""
    if frame is None:
        return {}
    means = frame.groupby("init")[column].mean()
    return {int(init): float(mean) for init, mean in zip(means.index, means, strict=True)}


def paired(left: Mapping[int, float], right: Mapping[int, float]) -> list[float]:
    """Differences left - right over the initialisations both have."""
    return [left[init] - right[init] for init in sorted(left.keys() & right.keys())]


def rise(frames: Frames, level: int, **where: str) -> list[float]:
    """Error rise of each initialisation at a level; a collapsed ticket never counts as stable."""
    frame = select(frames, "barriers", level=level, **where)
    if frame is None:
        return []
    return list(
        by_init(frame.assign(error_rise=frame["error_rise"].mask(frame["collapsed"], 1.0)), "error_rise").values()
    )


def barriers(frames: Frames, level: int, **where: str) -> dict[int, float]:
    """Barrier of each initialisation at a level, collapsed tickets left out."""
    frame = select(frames, "barriers", level=level, collapsed=False, **where)
    return by_init(frame, "barrier")


def dense_unstable(**where: str) -> Measure:
    """The dense network's error rises between two data orders."""
    return lambda frames: [unstable("dense", rise(frames, 0, method="dense", **where))]


def imp_unstable(**where: str) -> Measure:
    """IMP's error rises at 59 and 87 %."""
    return lambda frames: [unstable(percent(level), rise(frames, level, method="imp", **where)) for level in LEVELS]


def distilled_stable(setting: str, method: str = "distilled", **where: str) -> Measure:
    """The subnetwork's error does not rise at 59 and 87 %."""
    return lambda frames: [
        stable(percent(level), rise(frames, level, method=method, setting=setting, **where)) for level in LEVELS
    ]


def more_stable(
    setting: str, method: str = "distilled", than: str = "imp", than_setting: str = EQUAL, **where: str
) -> Measure:
    """The paired difference of barriers, B(than) - B(method), is positive."""

    def measure(frames: Frames) -> list[Finding]:
        return [
            positive(
                percent(level),
                paired(
                    barriers(frames, level, method=than, setting=than_setting, **where),
                    barriers(frames, level, method=method, setting=setting, **where),
                ),
            )
            for level in LEVELS
        ]

    return measure


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Least-squares slope."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread


def slopes(frame: pd.DataFrame | None, column: str) -> list[float]:
    """Slope of a column over sparsity for each initialisation with at least two levels."""
    if frame is None:
        return []
    found = []
    for _, rows in frame.groupby("init"):
        means = rows.groupby("sparsity")[column].mean()
        if len(means) > 1:
            found.append(slope(list(means.index), list(means)))
    return found


def stability_grows(frames: Frames) -> list[Finding]:
    """Over levels of distilled pruning the barrier falls and the loss of the ends rises."""
    frame = select(frames, "barriers", method="distilled", setting=EQUAL, collapsed=False)
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
            findings.append(equal(percent(level), paired(a, b), margin))
        return findings

    return measure


def points_ratio(frames: Frames) -> list[Finding]:
    """Images seen to find the mask of the sparsest level, IMP over distilled (exact counts, not estimates)."""
    findings = []
    for column, name, target in (
        ("points", "stored images", 150.0),
        ("points_decoded", "decoded images", 37.5),
        ("steps", "steps", 33.5),
    ):
        imp = select(frames, "fig2", method="imp")
        syn = select(frames, "fig2", method="distilled", setting=EQUAL)
        if imp is None or syn is None:
            continue
        level = min(imp["level"].max(), syn["level"].max())
        ratio = float(imp[imp["level"] == level][column].max() / syn[syn["level"] == level][column].max())
        verdict = "reproduced" if abs(ratio / target - 1) < 0.02 else "contradicted"
        findings.append(Finding(name, ratio, (ratio, ratio), len(imp["init"].unique()), verdict))
    return findings


CONV = "convnet3"

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
    "control-equal-steps": more_stable(EQUAL, method="real-short", than="distilled", model=CONV),
    "control-subset": more_stable(EQUAL, than="random-real", model=CONV),
}
