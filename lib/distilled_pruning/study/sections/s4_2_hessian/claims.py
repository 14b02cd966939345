"""What the claims about planes, curvature and masks measure (2503.17905 sections 4, 4.1, 4.2 and 7)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...judging.statistics import CONV, LEVELS, Frames, Measure, by_init, select, slopes, sparse
from ...judging.verdicts import Finding, negative, within
from ..common.tickets import EQUAL

if TYPE_CHECKING:
    import pandas as pd

LOW, HIGH = LEVELS
CHANCE = 1.1
LAYER_MARGIN = 0.05
MAGNITUDE_MARGIN = 0.05
ALIKE = 1.5
ROWS = {"dense": "", "imp": EQUAL, "distilled": EQUAL}


def row(frames: Frames, name: str, method: str, level: int | None = None) -> pd.DataFrame | None:
    """Rows of a ConvNet-3 found by a method at the paper's inner rate, at one level or at all; none that collapsed."""
    where: dict[str, str | int] = {"model": CONV, "method": method, "setting": ROWS[method], "collapsed": False}
    return select(frames, name, **where, **({} if level is None else {"level": level}))


def basins(frames: Frames) -> list[Finding]:
    """Basins on the plane of the sparsest tickets, counted up to two: two for dense and IMP, one for distilled."""
    findings = []
    for method, low, high in (("dense", 1.5, math.inf), ("imp", 1.5, math.inf), ("distilled", -math.inf, 1.5)):
        frame = row(frames, "basins", method)
        level = 0 if frame is None else int(frame["level"].max())
        counts = by_init(row(frames, "basins", method, level), "basins")
        setting = method if level == 0 else f"{method}, {sparse(frame, level)}"
        findings.append(within(setting, [min(count, 2.0) for count in counts.values()], low, high))
    return findings


def distances_shrink(frames: Frames) -> list[Finding]:
    """The distance of two retrainings falls from the dense network to sparser and sparser tickets."""
    findings = []
    for method in ("imp", "distilled"):
        parts = [part for part in (row(frames, "basins", "dense"), row(frames, "basins", method)) if part is not None]
        found: list[float] = []
        if len(parts) == 2:
            import pandas as pd

            found = slopes(pd.concat(parts), "unit")
        findings.append(negative(method, found))
    return findings


def curvature(frames: Frames, column: str, method: str, level: int) -> dict[int, float]:
    """A column of the Hessian table for each initialisation, masked zeros included as the authors counted."""
    frame = row(frames, "hessian", method, level)
    if column == "range" and frame is not None:
        frame = frame.assign(range=frame["max"] - frame["min"])
    return by_init(frame, column)


def above(column: str, *orders: tuple[str, int, str, int]) -> Measure:
    """The first network's column over the second's is above 1, for each ``(method, level, method, level)``."""

    def measure(frames: Frames) -> list[Finding]:
        findings = []
        for larger, level, smaller, other in orders:
            values = ratios(curvature(frames, column, larger, level), curvature(frames, column, smaller, other))
            share = sparse(select(frames, "hessian", model=CONV), max(level, other))
            findings.append(within(f"{larger} over {smaller}, {share}", values, 1.0, math.inf))
        return findings

    return measure


def ratios(left: Mapping[int, float], right: Mapping[int, float]) -> list[float]:
    """Ratios left / right over the initialisations both have."""
    return [left[init] / right[init] for init in sorted(left.keys() & right.keys()) if right[init]]


def means_alike(frames: Frames) -> list[Finding]:
    """Means of the diagonal over the dense network's lie between 2/3 and 3/2."""
    dense = curvature(frames, "mean", "dense", 0)
    findings = []
    for method in ("imp", "distilled"):
        for level in LEVELS:
            values = ratios(curvature(frames, "mean", method, level), dense)
            share = sparse(select(frames, "hessian", model=CONV), level)
            findings.append(within(f"{method} over dense, {share}", values, 1 / ALIKE, ALIKE))
    return findings


def sparser_smoother(frames: Frames) -> list[Finding]:
    """The logarithm of the mean magnitude falls over sparsity among the tickets of a method."""
    findings = []
    for method in ("imp", "distilled"):
        frame = row(frames, "hessian", method)
        if frame is not None:
            frame = frame.assign(log=[math.log(value) for value in frame["mean_abs"]])
        findings.append(negative(method, slopes(frame, "log")))
    return findings


def compared(column: str, low: float, high: float) -> Measure:
    """A comparison of IMP's mask with the distilled one of the same initialisation lies between two bounds."""

    def measure(frames: Frames) -> list[Finding]:
        findings = []
        for level in LEVELS:
            where: dict[str, str | int] = {"model": CONV, "level": level}
            frame = select(frames, "overlap", method="imp", other="distilled", other_setting=EQUAL, **where)
            if frame is None:
                frame = select(frames, "overlap", method="distilled", setting=EQUAL, other="imp", **where)
            findings.append(within(sparse(frame, level), list(by_init(frame, column).values()), low, high))
        return findings

    return measure


MEASURES: dict[str, Measure] = {
    "one-basin": basins,
    "hess-std": above(
        "std", ("dense", 0, "distilled", LOW), ("imp", LOW, "distilled", LOW), ("imp", HIGH, "distilled", HIGH)
    ),
    "hess-range": above("range", ("dense", 0, "distilled", LOW), ("imp", LOW, "dense", 0), ("imp", HIGH, "dense", 0)),
    "hess-mean": means_alike,
    "hess-magnitude": above("mean_abs", ("dense", 0, "distilled", LOW), ("imp", LOW, "dense", 0)),
    "hess-sparser-smoother": sparser_smoother,
    "distances-shrink": distances_shrink,
    "masks-independent": compared("layered_ratio", 1 / CHANCE, CHANCE),
    "layers-alike": compared("layer_gap", -math.inf, LAYER_MARGIN),
    "init-magnitudes-alike": compared("ks_pruned", -math.inf, MAGNITUDE_MARGIN),
}
