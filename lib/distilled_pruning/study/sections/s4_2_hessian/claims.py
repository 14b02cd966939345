"""The claims on curvature (2503.17905 section 4.2); where the table is meant, the paper's numbers are its ratios."""

from __future__ import annotations

import functools
import math

from ...judging.claims import PAPER, claim
from ...judging.preconditions import dense_keeps_up, of_the_paper
from ...judging.statistics import CONV, LEVELS, Frames, by_init, ratios, select, sparse, spoken
from ...judging.units import TIMES
from ...judging.verdicts import Finding, within
from ..common.grouping import row_of
from ..common.tickets import EQUAL

LOW, HIGH = LEVELS
ALIKE = 1.5
CLOSE = 1.1
COLUMNS = {"range": "range", "std": "deviation", "mean": "mean", "mean_abs": "mean magnitude"}
DENSE_TRAINED = dense_keeps_up(CONV, "fig2")

of_the_diagonal = functools.partial(
    claim,
    paper=PAPER,
    where="section 4.2",
    data="cifar10",
    frames=("hessian",),
    preconditions=(DENSE_TRAINED, *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)


def curvature(frames: Frames, column: str, method: str, level: int) -> dict[int, float]:
    """A column of the Hessian table for each initialisation, masked zeros included as the authors counted."""
    frame = row_of(frames, "hessian", method, level)
    if column == "range" and frame is not None:
        frame = frame.assign(range=frame["max"] - frame["min"])
    return by_init(frame, column)


def _over(
    frames: Frames,
    column: str,
    *orders: tuple[str, int, str, int],
    low: float = 1.0,
    high: float = math.inf,
    named: bool = False,
) -> list[Finding]:
    """Judge a column of one network over another's, for each ``(method, level, method, level)``: above 1 by default.

    Args:
        frames: With ``hessian``.
        column: Which column of the table.
        orders: Whose over whose.
        low: Bound that the ratio lies above.
        high: Bound that it lies below.
        named: Write which column it is.
    """
    findings = []
    for larger, level, smaller, other in orders:
        shares = [sparse(select(frames, "hessian", model=CONV), k) for k in dict.fromkeys((level, other)) if k]
        both = " over ".join(dict.fromkeys(map(spoken, (larger, smaller))))
        name = f"{both}, {' over '.join(shares)}"
        values = ratios(curvature(frames, column, larger, level), curvature(frames, column, smaller, other))
        findings.append(within(f"{COLUMNS[column]}, {name}" if named else name, values, low, high, TIMES))
    return findings


@of_the_diagonal(
    "hess-mean",
    where="section 4.2, the table alone",
    statement="The mean of the Hessian's diagonal is about as large for every subnetwork as for the dense network.",
    paper_value="1.06, 0.73, 0.98, 0.77 times",
    rule="means over the dense network's between 2/3 and 3/2, for IMP and distilled at 59 and 87 %",
    sizes=True,
)
def means_alike(frames: Frames) -> list[Finding]:
    """Means of the diagonal over the dense network's lie between 2/3 and 3/2."""
    orders = [(method, level, "dense", 0) for method in ("imp", "distilled") for level in LEVELS]
    return _over(frames, "mean", *orders, low=1 / ALIKE, high=ALIKE)


@of_the_diagonal(
    "hess-sparser-smoother",
    statement="Higher sparsity lowers the mean magnitude of the Hessian's diagonal, by IMP and by distilled pruning.",
    paper_value="0.69, 0.87 times",
    rule="mean magnitude at 87 % over that at 59 % below 1, both methods",
)
def sparser_smoother(frames: Frames) -> list[Finding]:
    """The mean magnitude is smaller at 87 than at 59 % among the tickets of a method."""
    orders = [(method, HIGH, method, LOW) for method in ("imp", "distilled")]
    return _over(frames, "mean_abs", *orders, low=-math.inf, high=1.0)


@of_the_diagonal(
    "hess-std",
    statement=(
        "The Hessian's diagonal spreads less for distilled subnetworks than for IMP's at 60 and 90 %, and at 60 % less "
        "than for the dense network."
    ),
    paper_value="1.22, 1.95, 1.68 times",
    rule=(
        "ratios of standard deviations over all entries above 1: dense over distilled at 59 %, IMP over "
        "distilled at 59 and 87 %"
    ),
)
def hess_std(frames: Frames) -> list[Finding]:
    """Deviations of the diagonal: dense and IMP over distilled."""
    orders = ("dense", 0, "distilled", LOW), ("imp", LOW, "distilled", LOW), ("imp", HIGH, "distilled", HIGH)
    return _over(frames, "std", *orders)


@of_the_diagonal(
    "hess-range",
    statement=(
        "At 60 % the range of the Hessian's diagonal is narrower for distilled subnetworks than for the dense network; "
        "for IMP's it is wider, at 60 and 90 %."
    ),
    paper_value="1.04, 2.38, 3.90 times",
    rule="ratios of maximum minus minimum above 1: dense over distilled at 59 %, IMP over dense at 59 and 87 %",
)
def hess_range(frames: Frames) -> list[Finding]:
    """Ranges of the diagonal: dense over distilled, IMP over dense."""
    return _over(frames, "range", ("dense", 0, "distilled", LOW), ("imp", LOW, "dense", 0), ("imp", HIGH, "dense", 0))


@of_the_diagonal(
    "hess-magnitude",
    statement=(
        "At 60 % the mean magnitude of the Hessian's diagonal is smaller for distilled subnetworks than for the dense "
        "network, and larger for IMP's."
    ),
    paper_value="1.10, 1.30 times",
    rule="ratios of mean magnitudes over all entries above 1 at 59 %: dense over distilled, IMP over dense",
)
def hess_magnitude(frames: Frames) -> list[Finding]:
    """Mean magnitudes at 59 %: dense over distilled, IMP over dense."""
    return _over(frames, "mean_abs", ("dense", 0, "distilled", LOW), ("imp", LOW, "dense", 0))


@of_the_diagonal(
    "imp-sharpens",
    statement="By every measure of the Hessian's diagonal IMP's subnetworks at 60 % are sharper than the dense one.",
    paper_value="2.38, 1.60, 1.06, 1.30 times",
    rule="IMP over dense above 1 at 59 %, of every column of the table: range, deviation, mean and mean magnitude",
    preconditions=(DENSE_TRAINED,),
    of_sets=(),
)
def imp_sharpens(frames: Frames) -> list[Finding]:
    """Every column of the table at 59 %: IMP over dense."""
    return [item for column in COLUMNS for item in _over(frames, column, ("imp", LOW, "dense", 0), named=True)]


@of_the_diagonal(
    "hess-std-90",
    where="section 4.2, the table alone",
    statement=(
        "At 90 % the Hessian's diagonal spreads about as much for distilled subnetworks as for the dense network, and "
        "more for IMP's."
    ),
    paper_value="1.01, 1.70 times",
    rule="ratios of standard deviations at 87 %: distilled over dense within 1/1.1 and 1.1, IMP over dense above 1",
)
def at_ninety(frames: Frames) -> list[Finding]:
    """Deviations at 87 %: distilled about dense, IMP over dense."""
    near = _over(frames, "std", ("distilled", HIGH, "dense", 0), low=1 / CLOSE, high=CLOSE)
    return [*near, *_over(frames, "std", ("imp", HIGH, "dense", 0))]
