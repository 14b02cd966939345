"""What is left out never helps a claim: over every claim, on made-up studies in which all settings are there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from random import Random

import pytest
from distilled_pruning.study.judging import judgement, preconditions
from distilled_pruning.study.judging.claims import claims, find
from distilled_pruning.study.judging.preconditions import Precondition, Standing
from distilled_pruning.study.judging.verdicts import NOT_RUN, NOT_TESTABLE, OPEN, UNDECIDED
from synthetic import NAMES, Frames, study

OPENED = {NOT_RUN, NOT_TESTABLE, UNDECIDED, OPEN}
OF_ALL = {
    "masks-hold": "no weight of any ticket: a single one refutes it, so that any row left out can hide it",
    "objectives-agree": "the unit is the set: to leave out a set is to leave out an initialisation",
}
WITHHELD = 5
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]


def without(frames: Frames, where: dict[str, object]) -> Frames:
    """The same frames without the rows of a setting, wherever they stand."""
    left = {}
    for name, frame in frames.items():
        if set(where) <= set(frame):
            gone = frame["init"] >= 0
            for column, value in where.items():
                gone &= frame[column] == value
            frame = frame[~gone]
        left[name] = frame
    return left


def settings_of(frames: Frames, random: Random) -> list[dict[str, object]]:
    """Settings to leave out, by one column and by two; none of them is a dataset, since another one is named."""
    found: dict[tuple[tuple[str, object], ...], None] = {}
    for frame in frames.values():
        names = sorted(NAMES & set(frame) - {"dataset"})
        for chosen in [*((name,) for name in names), *itertools.combinations(names, 2)]:
            for values in frame[list(chosen)].drop_duplicates().itertuples(index=False):
                found[tuple(zip(chosen, values, strict=True))] = None
    one, two = ([dict(item) for item in found if len(item) == n] for n in (1, 2))
    return [*random.sample(one, min(WITHHELD, len(one))), *random.sample(two, min(WITHHELD, len(two)))]


def networks_alone(needs: Sequence[Precondition], frames: judgement.Frames) -> Standing:
    """Ask whether the network is the claim's, and leave all other preconditions aside."""
    return preconditions.stand([need for need in needs if "network is the claim's" in need.states], frames)


def verdict(name: str, frames: Frames, scale: str = "paper") -> str:
    (found,) = judgement.judge(frames, scale, {name})
    return found.verdict


@pytest.mark.thorough
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [claim.id for claim in claims() if claim.id not in OF_ALL])
def test_a_setting_that_is_left_out_leaves_the_verdict_or_leaves_it_open(
    name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that one more, be it weaker, changes nothing but what is open for want of it."""
    monkeypatch.setattr(judgement, "stand", networks_alone)
    random = Random(f"{name} {seed}")
    frames = study(random.randrange(10**6), find(name).frames)
    before = verdict(name, frames)
    assert before != NOT_RUN, "every setting is there"
    for where in settings_of(frames, random):
        after = verdict(name, without(frames, where))
        assert after == before or after in OPENED, f"{before}, and {after} without {where}"


def test_claims_whose_settings_are_all_there_is_say_why() -> None:
    assert set(OF_ALL) <= {claim.id for claim in claims()}
