"""Verdict rules: from values over initialisations to reproduced, partly, contradicted, undecided or none.

There is none where nothing was run, and none where a precondition of the claim does not hold: *not testable here*.

The unit of evidence is an initialisation: the lines or retrainings of one initialisation are averaged first, since they
share its mask. Intervals are two-sided 95 % Student intervals over initialisations; fewer than three never decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .units import PLAIN, POINTS, UNITS, Unit

REPRODUCED, PARTLY, CONTRADICTED, UNDECIDED = "reproduced", "partly", "contradicted", "undecided"
NOT_TESTABLE, NOT_RUN = "not testable here", "not run"
VERDICTS = (REPRODUCED, PARTLY, CONTRADICTED, UNDECIDED, NOT_TESTABLE, NOT_RUN)
RANK = {REPRODUCED: 5, PARTLY: 4, UNDECIDED: 3, CONTRADICTED: 2, NOT_TESTABLE: 1, NOT_RUN: 0}
DECIDED = (REPRODUCED, PARTLY, CONTRADICTED)
ENOUGH = 3
INSTABILITY_THRESHOLD = 0.02


@dataclass(frozen=True)
class Finding:
    """What one setting says about a claim.

    Attributes:
        setting: Which setting, such as ``"59 %"``.
        value: Mean over initialisations, in the claim's unit.
        interval: 95 % interval of the mean, or ``None`` with fewer than two initialisations.
        n: Number of initialisations.
        verdict: One of :data:`VERDICTS`.
        level: Pruning level, where a claim tells levels apart.
        rate: How the inner rate stands to the retraining's, where a claim tells rates apart.
        primary: Whether the claim's verdict rests on it; what is not primary is judged and shown beside.
        unit: How its numbers are written.
        values: What each unit of replication gave, where these are shown in place of an interval.
    """

    setting: str
    value: float
    interval: tuple[float, float] | None
    n: int
    verdict: str
    level: int | None = None
    rate: str = ""
    primary: bool = True
    unit: Unit = PLAIN
    values: tuple[float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give it as ``check --json`` prints it: numbers as they are, with the name of their unit; ``None`` for NaN."""
        value = self.value if math.isfinite(self.value) else None
        return {**asdict(self), "value": value, "unit": self.unit.name}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Finding:
        """Read it again."""
        facts = {**found, "unit": UNITS[found.get("unit", "")], "values": tuple(found.get("values", ()))}
        value, bounds = found.get("value"), found.get("interval")
        return cls(**{**facts, "value": math.nan if value is None else value, "interval": bounds and tuple(bounds)})


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Give the 95 % Student interval of a mean, ``None`` for fewer than two values."""
    return expected(values, len(values), others=False)


def expected(values: Sequence[float], m: int, *, others: bool = True) -> tuple[float, float] | None:
    """Give where the mean of ``m`` initialisations lies in 95 % of cases, by the values of others.

    Args:
        values: One value an initialisation.
        m: Initialisations whose mean is asked for.
        others: Whether they are not all those of ``values``, so that their own spread comes to that of the mean
            (Student's prediction interval); otherwise this is the interval of the mean itself.

    Returns:
        Lower and upper bound, ``None`` for fewer than two values.
    """
    n = len(values)
    if n < 2:
        return None
    from scipy.special import stdtrit  # the quantile that scipy.stats gives, at a third of its import

    mean = math.fsum(values) / n
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stdtrit(n - 1, 0.975)) * deviation * math.sqrt(1 / n + (1 / m if others else 0))
    return mean - half, mean + half


def within(setting: str, values: Sequence[float], low: float, high: float, unit: Unit = PLAIN) -> Finding:
    """Judge that the mean lies in (low, high): reproduced when the interval does, contradicted when it lies outside."""
    found = [value for value in values if math.isfinite(value)]
    if not found:
        return Finding(setting, math.nan, None, 0, NOT_RUN, unit=unit)
    mean, bounds = math.fsum(found) / len(found), unit.clip(interval(found))
    if bounds is None or len(found) < ENOUGH:
        verdict = UNDECIDED
    elif low < bounds[0] and bounds[1] < high:
        verdict = REPRODUCED
    elif bounds[1] < low or bounds[0] > high:
        verdict = CONTRADICTED
    else:
        verdict = UNDECIDED
    return Finding(setting, mean, bounds, len(found), verdict, unit=unit)


def positive(setting: str, values: Sequence[float], unit: Unit = PLAIN) -> Finding:
    """Judge that a paired difference is above zero."""
    return within(setting, values, 0.0, math.inf, unit)


def negative(setting: str, values: Sequence[float], unit: Unit = PLAIN) -> Finding:
    """Judge that a paired difference or a slope is below zero."""
    return within(setting, values, -math.inf, 0.0, unit)


def equal(setting: str, values: Sequence[float], margin: float, unit: Unit = PLAIN) -> Finding:
    """Judge that a paired difference lies within a margin of zero."""
    return within(setting, values, -margin, margin, unit)


def stable(setting: str, rises: Sequence[float]) -> Finding:
    """Judge stability: the midpoint error rises by less than 2 points (Frankle et al. 2020)."""
    return within(setting, rises, -math.inf, INSTABILITY_THRESHOLD, POINTS)


def unstable(setting: str, rises: Sequence[float]) -> Finding:
    """Judge instability: the midpoint error rises by more than 2 points."""
    return within(setting, rises, INSTABILITY_THRESHOLD, math.inf, POINTS)


def combine(findings: Sequence[Finding]) -> str:
    """Join the primary settings of one claim: all must hold; *partly* when some of at least two clearly do."""
    primary = [finding for finding in findings if finding.primary]
    verdicts = [finding.verdict for finding in primary if finding.verdict != NOT_RUN]
    if not verdicts:
        return NOT_RUN
    if all(verdict == REPRODUCED for verdict in verdicts) and len(verdicts) == len(primary):
        return REPRODUCED
    if REPRODUCED in verdicts:
        return PARTLY
    return CONTRADICTED if CONTRADICTED in verdicts else UNDECIDED
