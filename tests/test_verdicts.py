"""Verdict rules against hand-worked cases."""

from __future__ import annotations

import math

import pytest
from distilled_pruning.study.judging import verdicts
from distilled_pruning.study.judging.verdicts import CONTRADICTED, NOT_RUN, PARTLY, REPRODUCED, UNDECIDED, Finding


def test_interval_is_students() -> None:
    """n = 3, mean 2, sd 1: half width 4.302653 / sqrt(3) from printed t tables."""
    low, high = verdicts.interval([1.0, 2.0, 3.0])
    assert math.isclose(low, 2 - 4.302653 / math.sqrt(3), rel_tol=1e-6)
    assert math.isclose(high, 2 + 4.302653 / math.sqrt(3), rel_tol=1e-6)
    assert verdicts.interval([1.0]) is None


def test_a_single_further_initialisation_is_expected_in_a_wider_interval() -> None:
    """n = 3, sd 1: the mean of m others spreads by sqrt(1/3 + 1/m)."""
    for m in (1, 2):
        low, high = verdicts.expected([1.0, 2.0, 3.0], m)
        assert math.isclose(high - 2, 4.302653 * math.sqrt(1 / 3 + 1 / m), rel_tol=1e-6)
        assert math.isclose(2 - low, high - 2)
    assert verdicts.expected([1.0, 2.0, 3.0], 3, others=False) == verdicts.interval([1.0, 2.0, 3.0])
    assert verdicts.expected([1.0], 1) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 1.1, 0.9], REPRODUCED),
        ([-1.0, -1.1, -0.9], CONTRADICTED),
        ([1.0, -1.0, 0.5], UNDECIDED),
        ([1.0, 1.1], UNDECIDED),
        ([], NOT_RUN),
        ([math.nan], NOT_RUN),
    ],
)
def test_positive(values: list[float], expected: str) -> None:
    assert verdicts.positive("x", values).verdict == expected
    assert verdicts.negative("x", [-value for value in values]).verdict == expected


def test_equality_needs_the_interval_inside_the_margin() -> None:
    assert verdicts.equal("x", [0.001, -0.001, 0.0], 0.01).verdict == REPRODUCED
    assert verdicts.equal("x", [0.02, 0.021, 0.019], 0.01).verdict == CONTRADICTED
    assert verdicts.equal("x", [0.01, 0.011, 0.009], 0.01).verdict == UNDECIDED


def test_stability_is_two_points_of_error() -> None:
    assert verdicts.stable("x", [0.001, 0.002, 0.0]).verdict == REPRODUCED
    assert verdicts.unstable("x", [0.001, 0.002, 0.0]).verdict == CONTRADICTED
    assert verdicts.unstable("x", [0.2, 0.25, 0.22]).verdict == REPRODUCED
    assert verdicts.stable("x", [0.019, 0.021, 0.02]).verdict == UNDECIDED


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([REPRODUCED, REPRODUCED], REPRODUCED),
        ([REPRODUCED, CONTRADICTED], PARTLY),
        ([REPRODUCED, UNDECIDED], PARTLY),
        ([REPRODUCED, NOT_RUN], PARTLY),
        ([UNDECIDED, CONTRADICTED], CONTRADICTED),
        ([UNDECIDED, UNDECIDED], UNDECIDED),
        ([NOT_RUN, NOT_RUN], NOT_RUN),
        ([], NOT_RUN),
    ],
)
def test_settings_combine(settings: list[str], expected: str) -> None:
    assert verdicts.combine([Finding("x", 0.0, None, 3, verdict) for verdict in settings]) == expected
