"""Claims about the papers' open questions, against frames whose answer is known."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from distilled_pruning.study.jobs import CORRUPTIONS
from distilled_pruning.study.judging.claims import find
from distilled_pruning.study.judging.verdicts import (
    CONTRADICTED,
    MIXED,
    NOT_RUN,
    REPRODUCED,
    UNDECIDED,
    Finding,
    combine,
)

NOISE = {0: 0.0, 1: 0.002, 2: -0.001}  # over initialisations, so that intervals have a width
SETTINGS = {"imp": "equal rate", "distilled": "equal rate", "real-short": "equal rate", "dense": ""}


def ticket(method: str, init: int, **figures: Any) -> dict[str, Any]:
    """Columns that name a ticket."""
    level = 0 if method == "dense" else 9
    return {
        "dataset": "digits", "model": "convnet3", "method": method, "setting": SETTINGS[method], "rate": 0.3,
        "level": level, "sparsity": 1 - 0.8**level, "init": init, "collapsed": False, **figures,
    }  # fmt: skip


def shifted(inits: int = 3, **lost: float) -> pd.DataFrame:
    """Tickets that lose given shares under every corruption and a tenth more under attacks."""
    rows = []
    for method in ("imp", "distilled", "real-short"):
        for init in range(inits):
            cost = lost.get(method.replace("-", "_"), 0.2) + NOISE[init] * (method == "distilled")
            figures = {("clean", 0): 0.98, **{(name, 3): 0.98 - cost for name in CORRUPTIONS}}
            figures |= {(name, 8): 0.98 - cost - 0.1 for name in ("fgsm", "pgd")}
            rows += [
                ticket(method, init, shift=name, strength=n, accuracy=value) for (name, n), value in figures.items()
            ]
    return pd.DataFrame(rows)


def started(
    inits: int = 3, methods: tuple[str, ...] = ("dense", "imp", "distilled"), **barriers: float
) -> pd.DataFrame:
    """Barriers by kind of initial weights; ``kaiming=.3`` gives the distilled ticket's there."""
    usual = {"dense": 0.5, "imp": 0.4, "distilled": 0.1}
    rows = []
    for start in ("default", "kaiming", "xavier"):
        for method in methods:
            for init in range(inits):
                barrier = barriers.get(start, 0.1) if method == "distilled" else usual[method]
                rows.append(ticket(method, init, start=start, barrier=barrier + NOISE[init] * (method == "dense")))
    return pd.DataFrame(rows)


def overview(steeper: float = 0.1, falling: float = -0.2, made_by: bool = True) -> pd.DataFrame:
    """Tickets of sets of two sizes: accuracy and barrier on a line over the set's own accuracy."""
    rows = []
    for init in range(3):
        for ipc, own in ((10, 0.9), (1, 0.6)):
            accuracy, barrier = 0.9 + (steeper + NOISE[init]) * own, 0.5 + (falling + NOISE[init]) * own
            row = ticket("distilled", init, made_for="convnet3", ipc=ipc, own_accuracy=own, accuracy=accuracy)
            rows.append(row | {"barrier": barrier} | ({"made_by": "dm"} if made_by else {}))
    return pd.DataFrame(rows).assign(sets=3)


def sets(matching: tuple[float, float] = (1.0, 2.0)) -> pd.DataFrame:
    """What the sets of ten and of one image a class score on both objectives, and another method far off."""
    return pd.DataFrame(
        [
            {"dataset": "digits", "model": "convnet3", "method": method, "ipc": ipc, "init": init}
            | {"average": value * factor, "supremum": 2 * value * factor}
            for method, factor in (("dm", 1), ("random", 100))
            for ipc, value in zip((10, 1), matching, strict=True)
            for init in range(2)
        ]
    )


def judged(name: str, **frames: pd.DataFrame) -> tuple[str, list[Finding]]:
    found = find(name).measure(frames)
    return combine(found), found


@pytest.mark.parametrize("name", ["open-shift", "open-init", "open-quality"])
def test_nothing_computed_is_not_run(name: str) -> None:
    assert judged(name) == (NOT_RUN, [])


def test_a_shift_matters_when_it_costs_a_point_more_or_less_than_it_costs_imp() -> None:
    assert judged("open-shift", shifts=shifted())[0] == CONTRADICTED
    assert judged("open-shift", shifts=shifted(distilled=0.1, real_short=0.3))[0] == REPRODUCED
    assert judged("open-shift", shifts=shifted(distilled=0.1))[0] == MIXED
    assert judged("open-shift", shifts=shifted(inits=2, distilled=0.1))[0] == UNDECIDED


def test_what_a_shift_costs_is_paired_by_initialisation_and_family() -> None:
    _, found = judged("open-shift", shifts=shifted(distilled=0.15))
    assert [item.setting for item in found] == [
        f"{family}, {method}, 87 %, equal rate"
        for method in ("distilled", "real short")
        for family in ("adversarial", "corrupted")
    ]
    # the tenth that attacks cost more is IMP's as well, so that it is in no difference
    assert [item.value for item in found] == pytest.approx([-0.05 + 0.001 / 3] * 2 + [0, 0])


def test_a_collapsed_ticket_is_no_evidence() -> None:
    frame = shifted(distilled=0.1, real_short=0.3)
    frame.loc[frame["method"] == "distilled", "collapsed"] = True
    _, found = judged("open-shift", shifts=frame)
    assert all(("real short" in item.setting) == bool(item.n) for item in found)
    frame = started()
    frame.loc[frame["method"] == "distilled", "collapsed"] = True
    assert judged("open-init", starts=frame)[0] == NOT_RUN


def test_other_initial_weights_are_judged_and_the_papers_are_not() -> None:
    verdict, found = judged("open-init", starts=started(default=9.0))
    assert verdict == REPRODUCED and len(found) == 4
    assert {item.setting.split(",")[0] for item in found} == {"kaiming", "xavier"}
    assert judged("open-init", starts=started(kaiming=0.9))[0] == MIXED
    assert judged("open-init", starts=started(kaiming=0.9, xavier=0.9))[0] == CONTRADICTED
    assert judged("open-init", starts=started(inits=1))[0] == UNDECIDED
    assert len(judged("open-init", starts=started(methods=("dense", "distilled")))[1]) == 2


def test_quality_predicts_when_accuracy_rises_and_the_barrier_falls_with_it() -> None:
    verdict, found = judged("open-quality", fig6=overview())
    assert verdict == REPRODUCED
    assert [item.setting for item in found] == ["accuracy over own accuracy, 87 %", "barrier over own accuracy, 87 %"]
    assert [item.value for item in found] == pytest.approx([0.1 + 0.001 / 3, -0.2 + 0.001 / 3])
    assert judged("open-quality", fig6=overview(falling=0.2))[0] == MIXED
    assert judged("open-quality", fig6=overview(steeper=-0.1, falling=0.2))[0] == CONTRADICTED


def test_objectives_of_the_same_method_and_size_predict_when_lower_is_better() -> None:
    verdict, found = judged("open-quality", fig6=overview(), sets=sets())
    assert verdict == REPRODUCED and len(found) == 6
    slopes = {item.setting: item.value for item in found}
    assert slopes["accuracy over Eq. 1, 87 %"] == pytest.approx((0.1 + 0.001 / 3) * 0.3)  # .3 of accuracy a unit
    assert slopes["barrier over Eq. 2, 87 %"] == pytest.approx((-0.2 + 0.001 / 3) * 0.15)
    assert judged("open-quality", fig6=overview(), sets=sets((2.0, 1.0)))[0] == MIXED


def test_tickets_that_do_not_say_who_made_their_set_are_judged_on_its_accuracy_alone() -> None:
    assert len(judged("open-quality", fig6=overview(made_by=False), sets=sets())[1]) == 2
