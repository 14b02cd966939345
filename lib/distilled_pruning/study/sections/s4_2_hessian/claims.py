"""The claims on curvature (2503.17905 section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from ...judging.claims import PAPER, claim
from ...judging.preconditions import dense_keeps_up, of_the_paper
from ...judging.statistics import CONV, LEVELS, Frames, by_init, select, slopes, sparse
from ...judging.units import LOGS_A_SPARSITY, TIMES
from ...judging.verdicts import Finding, negative, within
from ..common.grouping import row_of
from ..common.tickets import EQUAL

LOW, HIGH = LEVELS
ALIKE = 1.5
CLOSE = 1.1


def curvature(frames: Frames, column: str, method: str, level: int) -> dict[int, float]:
    """A column of the Hessian table for each initialisation, masked zeros included as the authors counted."""
    frame = row_of(frames, "hessian", method, level)
    if column == "range" and frame is not None:
        frame = frame.assign(range=frame["max"] - frame["min"])
    return by_init(frame, column)


def above(frames: Frames, column: str, *orders: tuple[str, int, str, int]) -> list[Finding]:
    """Judge that a column of one network over another's is above 1, for each ``(method, level, method, level)``."""
    findings = []
    for larger, level, smaller, other in orders:
        values = ratios(curvature(frames, column, larger, level), curvature(frames, column, smaller, other))
        share = sparse(select(frames, "hessian", model=CONV), max(level, other))
        findings.append(within(f"{larger} over {smaller}, {share}", values, 1.0, math.inf, TIMES))
    return findings


def ratios(left: Mapping[int, float], right: Mapping[int, float]) -> list[float]:
    """Ratios left / right over the initialisations both have."""
    return [left[init] / right[init] for init in sorted(left.keys() & right.keys()) if right[init]]


@claim(
    "hess-mean",
    paper=PAPER,
    where="section 4.2",
    data="cifar10",
    statement="The means are alike.",
    paper_value=".0035 to .0051",
    rule="means over the dense network's between 2/3 and 3/2 at 59 and 87 %",
    sizes=True,
    frames=("hessian",),
    preconditions=(dense_keeps_up(CONV, "fig2"), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)
def means_alike(frames: Frames) -> list[Finding]:
    """Means of the diagonal over the dense network's lie between 2/3 and 3/2."""
    dense = curvature(frames, "mean", "dense", 0)
    findings = []
    for method in ("imp", "distilled"):
        for level in LEVELS:
            values = ratios(curvature(frames, "mean", method, level), dense)
            share = sparse(select(frames, "hessian", model=CONV), level)
            findings.append(within(f"{method} over dense, {share}", values, 1 / ALIKE, ALIKE, TIMES))
    return findings


@claim(
    "hess-sparser-smoother",
    paper=PAPER,
    where="section 4.2",
    data="cifar10",
    statement="Higher sparsity lowers the mean magnitude for both methods.",
    paper_value=".0087 to .0060, .0061 to .0053",
    rule="slope of the logarithm of the mean magnitude over sparsity below 0, both methods",
    frames=("hessian",),
    preconditions=(dense_keeps_up(CONV, "fig2"), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)
def sparser_smoother(frames: Frames) -> list[Finding]:
    """The logarithm of the mean magnitude falls over sparsity among the tickets of a method."""
    findings = []
    for method in ("imp", "distilled"):
        frame = row_of(frames, "hessian", method)
        if frame is not None:
            frame = frame.assign(log=[math.log(value) for value in frame["mean_abs"]])
        findings.append(negative(method, slopes(frame, "log"), LOGS_A_SPARSITY))
    return findings


@claim(
    "hess-std",
    paper=PAPER,
    where="section 4.2",
    data="cifar10",
    statement="The Hessian diagonal spreads less for distilled subnetworks than for IMP's and the dense network's.",
    paper_value=".0286 < .0350 < .0559",
    rule=(
        "ratios of standard deviations over all entries above 1: dense over distilled at 59 %, IMP over "
        "distilled at 59 and 87 %"
    ),
    frames=("hessian",),
    preconditions=(dense_keeps_up(CONV, "fig2"), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)
def hess_std(frames: Frames) -> list[Finding]:
    """Deviations of the diagonal: dense and IMP over distilled."""
    return above(
        frames,
        "std",
        ("dense", 0, "distilled", LOW),
        ("imp", LOW, "distilled", LOW),
        ("imp", HIGH, "distilled", HIGH),
    )


@claim(
    "hess-range",
    paper=PAPER,
    where="section 4.2",
    data="cifar10",
    statement="Its range is narrower for distilled subnetworks than for the dense network, and wider for IMP's.",
    paper_value="see table",
    rule="ratios of maximum minus minimum above 1: dense over distilled at 59 %, IMP over dense at 59 and 87 %",
    frames=("hessian",),
    preconditions=(dense_keeps_up(CONV, "fig2"), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)
def hess_range(frames: Frames) -> list[Finding]:
    """Ranges of the diagonal: dense over distilled, IMP over dense."""
    return above(frames, "range", ("dense", 0, "distilled", LOW), ("imp", LOW, "dense", 0), ("imp", HIGH, "dense", 0))


@claim(
    "hess-magnitude",
    paper=PAPER,
    where="section 4.2",
    data="cifar10",
    statement="Mean magnitude: distilled below dense below IMP at 60 %.",
    paper_value=".0061 < .0067 < .0087",
    rule="ratios of mean magnitudes over all entries above 1 at 59 %: dense over distilled, IMP over dense",
    frames=("hessian",),
    preconditions=(dense_keeps_up(CONV, "fig2"), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)
def hess_magnitude(frames: Frames) -> list[Finding]:
    """Mean magnitudes at 59 %: dense over distilled, IMP over dense."""
    return above(frames, "mean_abs", ("dense", 0, "distilled", LOW), ("imp", LOW, "dense", 0))


@claim(
    "imp-sharpens",
    paper=PAPER,
    where="section 4.2",
    data="cifar10",
    statement=(
        "By every measure a little pruning by IMP sharpens the loss: deviation and mean magnitude at 60 % exceed dense."
    ),
    paper_value=".0559 > .0350; .0087 > .0067",
    rule="ratios over the dense network above 1 at 59 %: standard deviation and mean magnitude of the diagonal",
    frames=("hessian",),
    preconditions=(dense_keeps_up(CONV, "fig2"),),
)
def imp_sharpens(frames: Frames) -> list[Finding]:
    """Deviation and mean magnitude at 59 %: IMP over dense."""
    order = ("imp", LOW, "dense", 0)
    pairs = (("deviation", "std"), ("magnitude", "mean_abs"))
    return [replace(above(frames, column, order)[0], setting=name) for name, column in pairs]


@claim(
    "hess-std-90",
    paper=PAPER,
    where="section 4.2",
    data="cifar10",
    statement=(
        "At 90 % the diagonal spreads about as much for distilled subnetworks as for the dense network, and "
        "more for IMP's."
    ),
    paper_value=".0354, .0350, .0594",
    rule="ratios of standard deviations at 87 %: distilled over dense within 1/1.1 and 1.1, IMP over dense above 1",
    frames=("hessian",),
    preconditions=(dense_keeps_up(CONV, "fig2"), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)
def at_ninety(frames: Frames) -> list[Finding]:
    """Deviations at 87 %: distilled about dense, IMP over dense."""
    dense = curvature(frames, "std", "dense", 0)
    near = ratios(curvature(frames, "std", "distilled", HIGH), dense)
    about = within("distilled over dense", near, 1 / CLOSE, CLOSE, TIMES)
    return [about, *above(frames, "std", ("imp", HIGH, "dense", 0))]
