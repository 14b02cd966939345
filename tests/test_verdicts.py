"""Verdict rules against hand-worked cases."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from random import Random

import pytest
from distilled_pruning.study.judging import verdicts
from distilled_pruning.study.judging.units import BASINS, PERCENT, TIMES
from distilled_pruning.study.judging.verdicts import (
    CONTRADICTED,
    MIXED,
    NOT_RUN,
    PARTLY,
    REPRODUCED,
    UNDECIDED,
    Finding,
)


def test_interval_is_students() -> None:
    """n = 3, mean 2, sd 1: half width 4.302653 / sqrt(3) from printed t tables."""
    low, high = verdicts.interval([1.0, 2.0, 3.0])
    assert math.isclose(low, 2 - 4.302653 / math.sqrt(3), rel_tol=1e-6)
    assert math.isclose(high, 2 + 4.302653 / math.sqrt(3), rel_tol=1e-6)
    assert verdicts.interval([1.0]) is None


def test_a_single_further_initialisation_is_expected_in_a_wider_interval() -> None:
    """n = 3, sd 1: the mean of m others spreads by sqrt(1/3 + 1/m)."""
    for m in (1, 2):
        low, high = verdicts.expect_interval([1.0, 2.0, 3.0], m)
        assert math.isclose(high - 2, 4.302653 * math.sqrt(1 / 3 + 1 / m), rel_tol=1e-6)
        assert math.isclose(2 - low, high - 2)
    assert verdicts.expect_interval([1.0, 2.0, 3.0], 3, others=False) == verdicts.interval([1.0, 2.0, 3.0])
    assert verdicts.expect_interval([1.0], 1) is None


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
        ([CONTRADICTED, CONTRADICTED], CONTRADICTED),
        ([REPRODUCED, CONTRADICTED], MIXED),
        ([REPRODUCED, CONTRADICTED, UNDECIDED], MIXED),
        ([REPRODUCED, UNDECIDED], PARTLY),
        ([UNDECIDED, CONTRADICTED], UNDECIDED),
        ([UNDECIDED, UNDECIDED], UNDECIDED),
        ([REPRODUCED, NOT_RUN], UNDECIDED),
        ([CONTRADICTED, NOT_RUN], UNDECIDED),
        ([NOT_RUN, NOT_RUN], NOT_RUN),
        ([], NOT_RUN),
    ],
)
def test_settings_combine(settings: list[str], expected: str) -> None:
    assert verdicts.combine(made(*settings)) == expected


@pytest.mark.parametrize(
    ("core", "others", "expected"),
    [
        (REPRODUCED, [REPRODUCED], REPRODUCED),
        (REPRODUCED, [UNDECIDED], PARTLY),
        (REPRODUCED, [CONTRADICTED], MIXED),
        (UNDECIDED, [REPRODUCED], UNDECIDED),  # the loss of the ends rises for any mask: that carries nothing
        (CONTRADICTED, [REPRODUCED], CONTRADICTED),
        (CONTRADICTED, [UNDECIDED], CONTRADICTED),
    ],
)
def test_the_verdict_follows_the_essential_setting(core: str, others: list[str], expected: str) -> None:
    essential = verdicts.essential(made(core)[0])
    assert verdicts.combine([*made(*others), essential]) == expected


def made(*words: str) -> list[Finding]:
    return [Finding(f"setting {i}", 0.0, None, 0 if word == NOT_RUN else 3, word) for i, word in enumerate(words)]


WORDS = (REPRODUCED, CONTRADICTED, UNDECIDED)


def test_what_is_judged_beside_never_changes_a_verdict_and_withholding_a_setting_never_helps() -> None:
    """Over random claims: weaker settings beside leave it as it is, a primary setting withheld ranks no higher."""
    random = Random(21)
    for _ in range(500):
        primary = made(*random.choices(WORDS, k=random.randint(1, 4)))
        if random.random() < 0.3:
            primary[0] = verdicts.essential(primary[0])
        found = verdicts.combine(primary)
        others = [verdicts.beside(item) for item in made(*random.choices((*WORDS, NOT_RUN), k=random.randint(1, 4)))]
        mixed = [*primary, *others]
        random.shuffle(mixed)
        assert verdicts.combine(mixed) == found
        kept = random.sample(others, len(others) - 1)
        assert verdicts.combine([*primary, *kept]) == found
        gone = random.randrange(len(primary))
        withheld = [replace(item, verdict=NOT_RUN, n=0) if i == gone else item for i, item in enumerate(primary)]
        assert verdicts.RANK[verdicts.combine(withheld)] <= verdicts.RANK[found]


def test_holm_is_worked_out_by_hand() -> None:
    """Four comparisons: .002 times 4, .004 times 3, .02 times 2, and .03, which may not fall below the one before."""
    assert verdicts.holm([0.02, 0.002, 0.03, 0.004]) == pytest.approx([0.04, 0.008, 0.04, 0.012])
    assert verdicts.holm([0.02], m=4) == pytest.approx([0.08]), "comparisons that were not run count as well"
    assert verdicts.holm([0.9, 0.8]) == [1.0, 1.0]


def test_p_value_is_students() -> None:
    """Mean 2, standard error 1/sqrt(3): t = 3.46 on two degrees of freedom; with zero in the 95 % interval p > .05."""
    assert verdicts.p_value([1.0, 2.0, 3.0]) == pytest.approx(0.0742, abs=1e-4)
    assert verdicts.p_value([1.0]) is None and verdicts.p_value([2.0, 2.0]) == 0.0


@pytest.mark.parametrize(
    ("values", "expected"),
    [([2.0, 2.0, 2.0], REPRODUCED), ([1.0, 1.0, 1.0], CONTRADICTED), ([2.0, 2.0, 1.0], UNDECIDED), ([2.0], UNDECIDED)],
)
def test_counts_are_judged_one_by_one_and_shown(values: list[float], expected: str) -> None:
    found = verdicts.each("basins", values, 1.5, math.inf)
    assert (found.verdict, found.interval, found.values) == (expected, None, tuple(values))


def test_an_interval_never_leaves_what_the_quantity_can_be() -> None:
    """Two accuracies of .1 and .474 have a Student interval of −208 to 266 %."""
    assert verdicts.within("accuracy", [0.1, 0.474], 0.2, 1.0, PERCENT).interval == (0.0, 1.0)
    assert verdicts.within("ratio", [0.1, 2.0, 0.2], 1.0, math.inf, TIMES).interval[0] == 0.0  # type: ignore[index]


def test_a_finding_is_written_in_its_unit_with_one_precision() -> None:
    rises = verdicts.unstable("59 %", [0.107, 0.09, 0.124])
    assert verdicts.write_finding(rises) == "59 %: +10.7 points [6.5, 14.9], n = 3"
    assert verdicts.write_finding(rises, n=3, markdown=True) == r"59 %: +10.7 points \[6.5, 14.9\]"
    assert verdicts.write_finding(replace(rises, sets=1), n=3).endswith("14.9], one set")
    counted = verdicts.each("dense", [2, 2, 1], 1.5, math.inf, BASINS)
    assert verdicts.write_finding(counted, verdict=True) == "dense: 2, 2, 1 basins, n = 3, undecided"
    ends = Finding("imp", 0.59, (0.4, 1.0), 3, UNDECIDED, unit=PERCENT, spread="range")
    assert verdicts.write_finding(ends, n=3) == "imp: 59.0 %, anywhere from 40.0 to 100.0"
    assert Finding.from_json(json.loads(json.dumps(ends.as_json()))) == ends


def test_numbers_are_printed_as_data_in_the_unit_that_stands_beside_them() -> None:
    """A rise of .05 is five points, not .05 of one."""
    rises = verdicts.stable("59 %", [0.05, 0.05, 0.0625])
    found = rises.as_json()
    assert (found["unit"], found["value"]) == ("points", pytest.approx(5.4167, abs=1e-4))
    assert list(found["interval"]) == [pytest.approx(100 * bound) for bound in rises.interval or ()]
    again = Finding.from_json(found)
    assert again.value == pytest.approx(rises.value) and verdicts.write_finding(again) == verdicts.write_finding(rises)
    counted = verdicts.each("sets", [0.5, 0.25, 0.75], 0, 1, PERCENT).as_json()
    assert counted["values"] == (50.0, 25.0, 75.0)
