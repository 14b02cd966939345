"""Section 6: which jobs its chains are, what frames say of them, and that each verdict can go either way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.jobs import Connect, Distill, Prune, Train, graph
from distilled_pruning.study.judging.claims import find
from distilled_pruning.study.judging.verdicts import CONTRADICTED, MIXED, NOT_RUN, REPRODUCED, UNDECIDED, combine
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections import registry as experiments
from distilled_pruning.study.sections.common.tickets import CHAIN_ORDER, EQUAL, Row, Tickets
from distilled_pruning.study.sections.s6_stable_initializations import experiment as rewinding
from distilled_pruning.study.sections.section import Section
from test_experiments import Reader

S6 = "s6-stable-initializations"
LIVE = resolve(S6)
IMP, EARLY = Row("imp", 0.3, EQUAL), Row("imp", 0.3, EQUAL, LIVE.rewind)
COMBINED, DISTILLED = Row("combined", 0.3, EQUAL), Row("distilled", 0.3, EQUAL)


def test_an_early_epoch_is_that_of_the_long_run() -> None:
    tickets = Tickets(resolve(S6, [("epochs", 25), ("rewind", 3)]))
    start = tickets.start(0, 3)
    assert start is not None and start.recipe == tickets.outer and start.until == 3 and start.order_seed == CHAIN_ORDER
    per_epoch = tickets.outer.steps_per_epoch(tickets.data.images)
    ticket = tickets.ticket(replace(EARLY, rewind=3), 0, 2, 0)
    assert ticket.start == start and ticket.steps == (25 - 3) * per_epoch
    assert start.steps == 3 * per_epoch
    assert tickets.start(0, 0) is None


def test_every_round_from_an_early_epoch_starts_there() -> None:
    mask = Tickets(LIVE).chain(EARLY, 1, 4)
    assert mask is not None
    loops = [prune.training for prune in mask.chain()]
    assert [loop.level for loop in loops if loop is not None] == [0, 1, 2, 3]
    assert len({loop.start for loop in loops if loop is not None}) == 1
    assert not {loop.key for loop in loops if loop} & {
        job.key for job in graph([Tickets(LIVE).ticket(IMP, 1, 4, CHAIN_ORDER)])
    }


def test_an_epoch_past_the_end_is_refused() -> None:
    with pytest.raises(InputError, match="25 epochs has no epoch 25"):
        Section(resolve(S6, [("epochs", "25"), ("rewind", "25")])).jobs()
    with pytest.raises(InputError, match="fewer than levels 8"):
        Section(resolve(S6, [("levels", "8")])).jobs()
    with pytest.raises(InputError, match="common_epochs must be at least 0"):
        resolve(S6, [("common_epochs", "0,-1")])


def test_imp_takes_over_from_the_distilled_mask() -> None:
    tickets = Tickets(LIVE)
    masks = [tickets.chain(COMBINED, 0, level) for level in range(1, 11)]
    assert masks[:8] == [tickets.chain(DISTILLED, 0, level) for level in range(1, 9)]
    for mask in masks[8:]:
        assert mask is not None and mask.source == tickets.data and mask.recipe == tickets.outer
    assert masks[8] is not None and masks[8].parent == masks[7] and isinstance(masks[7].source, Distill)  # type: ignore[union-attr]
    assert [mask.level for mask in masks if mask] == list(range(1, 11))


def test_the_training_shown_is_the_next_round_of_imp() -> None:
    """So every level costs one training, and none is done twice."""
    tickets = Tickets(LIVE)
    for row in (IMP, EARLY, COMBINED):
        planned = [(job, named) for job, named in experiments.EXPERIMENTS["fig7"].plan(LIVE) if named is not None]
        shown = {
            (Row(*(named[n] for n in ("method", "rate", "setting", "rewind"))), named["level"]): job
            for job, named in planned
            if named["init"] == 0
        }
        following = tickets.chain(row, 0, 10)
        assert following is not None and following.training == shown[row, 9]


def test_the_page_shares_its_trainings_with_sections_3_and_4() -> None:
    known = {j.key for name in ("s3-distilled-pruning", "s4-stability") for j in Section(resolve(name)).graph}
    new = [job for job in Section(LIVE).graph if isinstance(job, Train) and job.key not in known]
    real = [job for job in new if not isinstance(job.source, Distill) and not job.until]
    assert not [job for job in real if job.start is None and job.level < 8]
    parted = [epoch for epoch in LIVE.common_epochs if epoch]
    forks = len(parted) * LIVE.replicates
    assert len(real) == LIVE.seeds * (4 + 5 + 1) + 13 + forks, "IMP, combined, distilled; the early chain; the forks"
    unmasked = [job for job in Section(LIVE).graph if isinstance(job, Connect) and job.key in known]
    assert len(unmasked) == 1, "the line without common epochs is that of section 4"


def test_frames_have_every_way_and_count_what_masks_cost() -> None:
    frame = experiments.EXPERIMENTS["fig7"].frame(LIVE, Reader(experiments.EXPERIMENTS["fig7"].jobs(LIVE)))
    levels = frame.groupby(["method", "rewind"])["level"].agg(["min", "max", "nunique"])
    assert list(levels.loc["imp", 0]) == list(levels.loc["imp", LIVE.rewind]) == [1, 12, 12]
    assert list(levels.loc["combined", 0]) == [8, 12, 5]
    assert list(levels.loc["distilled", 0]) == [4, 12, 3]
    inits = frame.groupby(["method", "rewind"])["init"].nunique()
    assert inits["imp", LIVE.rewind] == 1 and inits["imp", 0] == inits["combined", 0] == LIVE.seeds
    dense = frame[(frame["method"] == "dense") & (frame["init"] == 0)]
    assert set(dense["order"]) == {0, 1, CHAIN_ORDER} and set(dense["run_points"]) == {LIVE.epochs * 1437}
    eight = frame[(frame["method"] == "combined") & (frame["level"] == 8)].iloc[0]
    assert eight["steps"] == 8 * LIVE.inner_steps and eight["run_steps"] == LIVE.epochs * 45


def test_forks_share_exactly_their_first_epochs() -> None:
    parameters = resolve(S6, [("common_epochs", "0,1,2,3,5")])
    jobs = experiments.EXPERIMENTS["forks"].jobs(parameters)
    for job in jobs:
        assert isinstance(job, Connect) and job.a.mask is None and job.a.start == job.b.start
        assert (job.a.order_seed, job.b.order_seed) == (0, 1)
    assert [job.a.start.until if job.a.start else 0 for job in jobs if isinstance(job, Connect)] == [0, 1, 2, 3, 5]
    frame = experiments.EXPERIMENTS["forks"].frame(parameters, Reader(jobs))
    assert list(frame["rewind"]) == [0, 1, 2, 3, 5]


def test_rewinding_to_initialisation_is_no_second_row() -> None:
    rows = rewinding.rows_of(Tickets(resolve(S6, [("rewind", "0")])))
    assert [row.method for row in rows] == ["imp", "distilled", "combined"]


def study(inits: int = 4, levels: int = 12, **gaps: Any) -> pd.DataFrame:
    """Tickets of given gaps to the dense network by way and level; initialisations differ by a hair."""
    rows = []
    found = {"imp": lambda level: -0.002 * level, "early": lambda level: 0.0, "combined": lambda level: 0.0, **gaps}
    for init in range(inits):
        named = {
            "dataset": "digits",
            "model": "convnet3",
            "init": init,
            "rate": 0.3,
            "run_points": 1000,
            "run_steps": 100,
        }
        rows.append(
            {**named, "method": "dense", "setting": "", "rewind": 0, "level": 0, "sparsity": 0.0, "accuracy": 0.9}
        )
        for way, gap in found.items():
            first = 8 if way == "combined" else 1
            for level in range(first, levels + 1):
                rows.append(
                    {
                        **named, "method": "imp" if way == "early" else way, "setting": EQUAL, "level": level,
                        "rewind": 3 if way == "early" else 0, "sparsity": 1 - 0.8**level,
                        "accuracy": 0.9 + gap(level) + 1e-5 * init, "points": 10, "points_decoded": 40, "steps": 30,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def verdict(name: str, frame: pd.DataFrame, figure: str = "fig7") -> str:
    """What a claim's own rule says, whatever must hold before it is tested."""
    return combine(find(name).findings({figure: frame}))


def test_limits_are_judged_by_the_sparsest_ticket() -> None:
    """Level 10 is 89 % sparse, level 11 is 91 %."""
    assert verdict("imp-k0-limit", study(levels=25, imp=lambda level: 0.0 if level < 11 else -1.0)) == REPRODUCED
    assert verdict("imp-k0-limit", study(levels=25, imp=lambda level: 0.0 if level < 12 else -1.0)) == CONTRADICTED
    assert verdict("imp-k0-limit", study(imp=lambda level: 0.0, levels=10)) == UNDECIDED, "may go on past the levels"
    assert verdict("imp-k0-limit", study(levels=24)) == UNDECIDED, "the paper goes to level 25"
    assert verdict("imp-k0-limit", study(levels=25, inits=2)) == UNDECIDED


def test_ten_times_fewer_weights_are_ten_levels_and_a_half() -> None:
    """IMP's tickets end at level 2; the other way's at 12 keep .8^10 as many, at 10 .8^8."""
    ends = {n: lambda level, n=n: 0.0 if level <= n else -0.1 for n in (2, 10, 12)}
    distilled = {"levels": 25, "imp": ends[2], "distilled": lambda level: -0.1}
    assert verdict("syn8-beyond", study(combined=ends[12], **distilled)) == REPRODUCED
    assert verdict("syn8-beyond", study(combined=ends[10], **distilled)) == CONTRADICTED
    assert verdict("syn8-beyond", study(**{**distilled, "combined": ends[12], "levels": 24})) == UNDECIDED, (
        "stops early"
    )
    frame = study(combined=ends[12], **distilled)
    assert verdict("syn8-beyond", frame[(frame["method"] != "combined") | (frame["level"] != 9)]) == UNDECIDED


def test_near_means_within_a_point_over_the_sparsest_levels() -> None:
    assert verdict("syn8-near-k3", study()) == REPRODUCED
    assert verdict("syn8-near-k3", study(combined=lambda level: -0.03)) == CONTRADICTED
    assert verdict("syn8-near-k3", study(combined=lambda level: -0.03 * (level == 8))) == REPRODUCED
    frame = study()
    last = (frame["method"] != "combined") | (frame["level"] != 12)
    assert verdict("syn8-near-k3", frame[last].assign(last=12)) == NOT_RUN, "the last level was to be run"
    few = frame[(frame["rewind"] == 0) | (frame["init"] == 0)]
    assert verdict("syn8-near-k3", few) == UNDECIDED
    assert verdict("syn8-near-k3", frame[frame["rewind"] == 0]) == NOT_RUN


def test_regained_accuracy_is_over_distilled_tickets_past_the_common_levels() -> None:
    lost = study(distilled=lambda level: -0.02)
    assert verdict("syn8-recovers", lost) == REPRODUCED
    assert verdict("syn8-recovers", study(distilled=lambda level: 0.02)) == CONTRADICTED
    assert verdict("syn8-recovers", lost[lost["level"] <= 8]) == NOT_RUN


def test_cheap_counts_what_eight_levels_cost() -> None:
    assert verdict("syn8-cheap", study()) == MIXED, "30 of 100 steps are no small part"
    assert verdict("syn8-cheap", study().assign(steps=3)) == REPRODUCED
    assert verdict("syn8-cheap", study().assign(steps=300, points=400, points_decoded=1600)) == CONTRADICTED


def test_tickets_past_40_percent_are_those_of_figure_2() -> None:
    none = study(imp=lambda level: 0.0 if level <= 2 else -0.1, distilled=lambda level: -0.1)  # 12 levels, of which 10
    fig2 = none[(none["rewind"] == 0) & (none["method"] != "combined")].drop(columns="rewind")
    assert verdict("no-tickets-past-40", fig2.assign(model="resnet18"), figure="fig2") == REPRODUCED
    some = study(imp=lambda level: 0.0 if level <= 3 else -0.1, distilled=lambda level: -0.1).drop(columns="rewind")
    some = some[some["method"] != "combined"]
    assert verdict("no-tickets-past-40", some.assign(model="resnet18"), figure="fig2") == MIXED
    both = pd.concat([fig2.assign(model="convnet3"), some.assign(model="resnet18")])
    assert verdict("no-tickets-past-40", both, figure="fig2") == MIXED, "the claim is about ResNet-18"
    assert verdict("no-tickets-past-40", some.assign(model="convnet3"), figure="fig2") == NOT_RUN


@pytest.mark.parametrize(
    ("stable", "measured", "expected"),
    [
        ({4, 5, 9}, range(1, 10), REPRODUCED),
        ({3}, range(1, 10), REPRODUCED),
        ({5}, range(1, 10), REPRODUCED),
        ({6, 7, 8, 9}, range(1, 10), CONTRADICTED),
        ({2, 4, 9}, range(1, 10), CONTRADICTED),
        (set(), range(1, 10), CONTRADICTED),
        ({4, 9}, (4, 9), UNDECIDED),  # it may have been stable before
        ({9}, (1, 2, 3, 4, 9), UNDECIDED),  # it may be stable from level 5
        (set(), (4, 9), UNDECIDED),
        ({2, 9}, (1, 2, 4, 9), CONTRADICTED),
    ],
)
def test_stable_from_is_the_first_level_below_the_threshold(
    stable: set[int], measured: Sequence[int], expected: str
) -> None:
    """Levels 3 to 5 are 49 to 67 % sparse; what was not measured leaves open what hangs on it."""
    rows = [
        {
            "dataset": "digits", "model": "convnet3", "method": "distilled", "setting": EQUAL, "level": level,
            "sparsity": 1 - 0.8**level, "init": init, "collapsed": False,
            "barrier": 0.1, "end_loss": 0.1,
            "error_rise": (0.01 if level in stable else 0.1) + 1e-4 * init,
        }
        for level in measured
        for init in range(4)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    assert verdict("stable-from-60", frame, "barriers") == expected
    few = frame[frame["init"] < 2]
    assert verdict("stable-from-60", few, "barriers") == UNDECIDED
    whole = len(measured) == 9
    assert verdict("stable-from-60", frame.assign(collapsed=True), "barriers") == (CONTRADICTED if whole else UNDECIDED)


def test_masks_of_the_combined_method_are_prunes_all_the_way() -> None:
    last = Tickets(LIVE).chain(COMBINED, 0, 12)
    assert last is not None and all(isinstance(prune, Prune) for prune in last.chain()) and len(last.chain()) == 12
