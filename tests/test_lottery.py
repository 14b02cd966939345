"""Where tickets end: the rule on cases whose answer is known, and what few initialisations may not decide."""

from __future__ import annotations

import pandas as pd
import pytest
from distilled_pruning.study.judging.verdicts import CONTRADICTED, NOT_RUN, REPRODUCED, UNDECIDED
from distilled_pruning.study.sections.s3_distilled_pruning import lottery

DENSE = {0: 0.9, 1: 0.92, 2: 0.91}
PAST = (3, 4)


def tickets(*gaps: float, spread: float = 0.0, inits: int = 3) -> pd.DataFrame:
    """Tickets whose accuracy differs from the dense network's by a gap at each level, give or take a spread."""
    return pd.DataFrame(
        [
            {"level": level, "sparsity": 1 - 0.8**level, "init": init, "accuracy": DENSE[init] + gap + spread * sign}
            for level, gap in enumerate(gaps, 1)
            for init, sign in zip(range(inits), (-1, 0, 1), strict=False)
        ]
    )


def test_tickets_end_where_the_gap_exceeds_the_margin() -> None:
    found = lottery.end(tickets(0.001, -0.004, -0.006, -0.2), DENSE)
    assert found == lottery.End(level=2, surely=2, maybe=2, last=4, n=3)
    assert not found.beyond


def test_the_interval_leaves_a_range() -> None:
    """A spread of .002 gives an interval of +-.00497 (t = 4.303): gaps of 0, -.002 and -.008 differ in sureness."""
    found = lottery.end(tickets(0.0, -0.002, -0.008, -0.2, spread=0.002), DENSE)
    assert found == lottery.End(level=2, surely=1, maybe=3, last=4, n=3)


def test_a_ticket_beyond_a_level_that_is_none_counts() -> None:
    found = lottery.end(tickets(-0.1, 0.0, -0.1), DENSE)
    assert found is not None and (found.level, found.surely, found.maybe) == (2, 2, 2)


def test_levels_that_stop_too_early_leave_the_end_open() -> None:
    frame = tickets(0.0, 0.0)
    found = lottery.end(frame, DENSE)
    assert found is not None and found.beyond
    assert lottery.range_of(frame, found) == (pytest.approx(0.36), 1.0)


def test_no_ticket_at_all_ends_at_the_dense_network() -> None:
    frame = tickets(-0.1, -0.2)
    found = lottery.end(frame, DENSE)
    assert found == lottery.End(level=0, surely=0, maybe=0, last=2, n=3)
    assert lottery.range_of(frame, found) == (0.0, 0.0)


def test_levels_that_only_some_initialisations_have_do_not_count() -> None:
    frame = tickets(0.0, 0.0, 0.0, -0.1)
    frame = frame[(frame["level"] != 3) | (frame["init"] == 0)]
    assert lottery.end(frame, DENSE) == lottery.End(level=2, surely=2, maybe=2, last=4, n=3)


def test_two_initialisations_rule_nothing_in_and_nothing_out() -> None:
    found = lottery.end(tickets(0.0, -0.5, inits=2), DENSE)
    assert found == lottery.End(level=1, surely=0, maybe=2, last=2, n=2)


@pytest.mark.parametrize("frame", [None, tickets(0.0).assign(init=9)])
def test_without_pairs_there_is_no_end(frame: pd.DataFrame | None) -> None:
    assert lottery.end(frame, DENSE) is None
    assert lottery.at_most("imp", frame, DENSE, PAST).verdict == NOT_RUN


@pytest.mark.parametrize(
    ("gaps", "spread", "verdict"),
    [
        ((0.0, 0.0, -0.1, -0.1), 0.0, REPRODUCED),
        ((0.0, 0.0, 0.0, -0.1), 0.0, CONTRADICTED),
        ((0.0, 0.0, -0.004, -0.1), 0.002, UNDECIDED),
        ((0.0, 0.0, 0.0, 0.0), 0.002, CONTRADICTED),
        ((0.0, 0.0), 0.0, UNDECIDED),
    ],
)
def test_a_limit_is_judged_by_the_range(gaps: tuple[float, ...], spread: float, verdict: str) -> None:
    """Levels 1 to 4 are 20, 36, 49 and 59 % sparse; the limit is 40 %, so that levels 3 and 4 are past it."""
    found = lottery.at_most("imp", tickets(*gaps, spread=spread), DENSE, PAST)
    assert found.verdict == verdict
    assert found.interval is not None and found.interval[0] <= found.value <= found.interval[1]


@pytest.mark.parametrize("gone", PAST)
def test_a_level_that_was_not_measured_leaves_a_limit_open(gone: int) -> None:
    frame = tickets(0.0, 0.0, -0.1, -0.1)
    assert lottery.at_most("imp", frame, DENSE, PAST).verdict == REPRODUCED
    assert lottery.at_most("imp", frame[frame["level"] != gone], DENSE, PAST).verdict == UNDECIDED
    once = frame[(frame["level"] != gone) | (frame["init"] == 0)]
    assert lottery.at_most("imp", once, DENSE, PAST).verdict == UNDECIDED, "one initialisation has it"
