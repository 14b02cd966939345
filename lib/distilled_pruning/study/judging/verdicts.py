"""Verdict rules: from values over units of replication to findings, and from findings to a verdict.

Two vocabularies, never counted together. What a paper claims is *reproduced*, *partly* so, *mixed*, *contradicted* or
*undecided*; what this companion asks is *supported*, *mixed*, *refuted* or *open*. Neither is judged where nothing was
run, where what the claim takes for granted does not hold (*not testable here*), or where it states a size and the scale
is not the papers' (*not judged at this scale*).

The unit of evidence is an initialisation, or a distilled set where the claim is about sets: what shares one is averaged
first. Intervals are two-sided 95 % Student intervals over these units; fewer than three never decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .units import PLAIN, POINTS, UNITS, Unit, number, plain

REPRODUCED, PARTLY, MIXED, CONTRADICTED, UNDECIDED = "reproduced", "partly", "mixed", "contradicted", "undecided"
SUPPORTED, REFUTED, OPEN = "supported", "refuted", "open"
NOT_JUDGED, NOT_TESTABLE, NOT_RUN = "not judged at this scale", "not testable here", "not run"
_OF_PAPERS = (REPRODUCED, PARTLY, MIXED, CONTRADICTED, UNDECIDED, NOT_JUDGED, NOT_TESTABLE, NOT_RUN)
_OF_QUESTIONS = (SUPPORTED, MIXED, REFUTED, OPEN, NOT_JUDGED, NOT_TESTABLE, NOT_RUN)
VERDICTS = tuple(dict.fromkeys((*_OF_PAPERS, *_OF_QUESTIONS)))
QUESTION = {REPRODUCED: SUPPORTED, PARTLY: OPEN, CONTRADICTED: REFUTED, UNDECIDED: OPEN}
_ORDER = ((NOT_RUN,), (NOT_TESTABLE,), (NOT_JUDGED,), (UNDECIDED, OPEN), (CONTRADICTED, REFUTED), (MIXED,), (PARTLY,))
RANK = {word: rank for rank, words in enumerate((*_ORDER, (REPRODUCED, SUPPORTED))) for word in words}
DECIDED = (REPRODUCED, PARTLY, MIXED, CONTRADICTED, SUPPORTED, REFUTED)
ENOUGH = 3
INSTABILITY_THRESHOLD = 0.02
LEVEL_OF_TESTS = 0.05
RANGE = "range"
_CAME_OUT = {REPRODUCED: "holds", CONTRADICTED: "does not hold", UNDECIDED: "undecided", NOT_RUN: "not run"}


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
        essential: Whether the claim's verdict follows it, and the others only qualify.
        p: Two-sided p-value against the bound that was judged, where there is one bound.
        holm: The same after Holm's correction, of the companion's primary comparisons alone.
        sets: Distilled sets behind the values, where these are fewer than the initialisations.
        spread: What the interval is: of a mean, or a range that the levels leave (``"range"``).
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
    essential: bool = False
    p: float | None = None
    holm: float | None = None
    sets: int | None = None
    spread: str = "mean"

    def as_json(self) -> dict[str, Any]:
        """Give it as ``check --json`` prints it: numbers in their unit, which it names; ``None`` for NaN."""
        scaled = self._scaled(self.unit.factor)
        value = scaled.value if math.isfinite(scaled.value) else None
        return {**asdict(scaled), "value": value, "unit": self.unit.name}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Finding:
        """Read it again."""
        facts = {**found, "unit": UNITS[found.get("unit", "")], "values": tuple(found.get("values", ()))}
        value, bounds = found.get("value"), found.get("interval")
        facts |= {"value": math.nan if value is None else value, "interval": bounds and tuple(bounds)}
        return cls(**facts)._scaled(1 / facts["unit"].factor)

    def _scaled(self, factor: float) -> Finding:
        """Multiply its numbers."""
        bounds = None if self.interval is None else (factor * self.interval[0], factor * self.interval[1])
        values = tuple(factor * value for value in self.values)
        return replace(self, value=factor * self.value, interval=bounds, values=values)


def write_finding(
    found: Finding | Mapping[str, Any], *, markdown: bool = False, n: int | None = None, verdict: bool = False
) -> str:
    """Write what one setting says about a claim.

    Args:
        found: The finding, or what ``check --json`` prints of it.
        markdown: Escape it for a page.
        n: The number of initialisations that stands beside already; another one is written behind.
        verdict: Write behind what it says of the claim.
    """
    item = found if isinstance(found, Finding) else Finding.from_json(found)
    parts = []
    if item.n:
        if item.values:
            each = ", ".join(number(item.unit.factor * value, item.unit.digits) for value in item.values)
            parts.append(f"{each} {item.unit.name}".rstrip())
        elif math.isfinite(item.value):
            parts.append(item.unit.write(item.value, item.interval, ranged=item.spread == RANGE))
        parts += [f"n = {item.n}"] if item.n != n else []
        parts += [f"p = {number(item.holm)} after Holm's correction"] if item.holm is not None else []
        parts += ["one set" if item.sets == 1 else f"{item.sets} sets"] if item.sets else []
    parts += [_CAME_OUT.get(item.verdict, item.verdict)] if verdict or not item.n else []
    text = f"{item.setting}: {', '.join(parts)}" if item.setting else ", ".join(parts)
    return plain(text) if markdown else text


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Give the 95 % Student interval of a mean, ``None`` for fewer than two values."""
    return expect_interval(values, len(values), others=False)


def expect_interval(values: Sequence[float], m: int, *, others: bool = True) -> tuple[float, float] | None:
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
    bound = low if high == math.inf else high if low == -math.inf else None
    p = None if bound is None else p_value([value - bound for value in found])
    return Finding(setting, mean, bounds, len(found), verdict, unit=unit, p=p)


def p_value(values: Sequence[float]) -> float | None:
    """Give the two-sided p-value of a mean against zero (Student), ``None`` for fewer than two values."""
    n = len(values)
    if n < 2:
        return None
    from scipy.special import stdtr

    mean = math.fsum(values) / n
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(n - 1, -abs(mean) / error))


def holm(ps: Sequence[float], m: int | None = None) -> list[float]:
    """Adjust p-values by Holm's step-down, in the order given.

    Args:
        ps: The p-values.
        m: Number of comparisons that were named, where some of them were not run; those count as the largest.
    """
    m = max(m or 0, len(ps))
    adjusted, largest = [1.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (m - rank) * ps[index]))
        adjusted[index] = largest
    return adjusted


def each(setting: str, values: Sequence[float], low: float, high: float, unit: Unit = PLAIN) -> Finding:
    """Judge bounded counts one by one: reproduced when all of at least three lie in (low, high), contradicted if none.

    A Student interval says nothing about a count that can only be one or two; the values stand in its place.
    """
    found = [value for value in values if math.isfinite(value)]
    if not found:
        return Finding(setting, math.nan, None, 0, NOT_RUN, unit=unit)
    inside = [low < value < high for value in found]
    verdict = UNDECIDED
    if len(found) >= ENOUGH:
        verdict = REPRODUCED if all(inside) else CONTRADICTED if not any(inside) else UNDECIDED
    return Finding(setting, math.fsum(found) / len(found), None, len(found), verdict, unit=unit, values=tuple(found))


def essential(finding: Finding) -> Finding:
    """Mark a finding as the one that its claim's verdict follows."""
    return replace(finding, essential=True)


def beside(finding: Finding, unless: bool = False) -> Finding:
    """Mark a finding as one that turns no verdict, unless it is of a primary setting."""
    return replace(finding, primary=unless)


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
    """Join the primary settings of one claim, in the papers' words.

    All must hold for *reproduced*, all must fail for *contradicted*. With one that holds and one that fails the claim
    is *mixed*; *partly* means that one holds and the rest is undecided. One that fails among undecided ones
    contradicts nothing yet, and a primary setting that was not run leaves the claim undecided at best. Where a
    setting is essential, the verdict follows it, and the others can only qualify that it holds.
    """
    primary = [finding for finding in findings if finding.primary]
    verdicts = [finding.verdict for finding in primary]
    if all(verdict == NOT_RUN for verdict in verdicts):
        return NOT_RUN
    if NOT_RUN in verdicts:
        return UNDECIDED
    core = {finding.verdict for finding in primary if finding.essential} or set(verdicts)
    if {REPRODUCED, CONTRADICTED} <= core:
        return MIXED
    if REPRODUCED not in core:
        return CONTRADICTED if core == {CONTRADICTED} else UNDECIDED
    if CONTRADICTED in verdicts:
        return MIXED
    return PARTLY if UNDECIDED in verdicts else REPRODUCED
