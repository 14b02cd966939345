"""What must hold before a claim is tested: each precondition by itself, on frames in which it alone fails."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from distilled_pruning.study.judging import judgement
from distilled_pruning.study.judging.claims import claims
from distilled_pruning.study.judging.verdicts import (
    CONTRADICTED,
    NOT_JUDGED,
    NOT_TESTABLE,
    RANK,
    REPRODUCED,
    UNDECIDED,
    VERDICTS,
)

Frames = dict[str, pd.DataFrame]
INITS = 5
STABLE = "syn-stable-conv"


def good_frames(model: str = "convnet3") -> Frames:
    """Frames in which all preconditions of the papers' claims hold: IMP unstable, the set good, its loop short."""
    rows = []
    ways = [("dense", "", 0), *((way, "equal rate", level) for way in ("imp", "distilled") for level in (4, 9))]
    for way, setting, level in ways:
        for init in range(INITS):
            rise = {"dense": 0.2, "imp": 0.1, "distilled": 0.001}[way] * (1 + 0.01 * init)
            rows.append(
                {
                    "dataset": "cifar10", "model": model, "method": way, "setting": setting, "level": level,
                    "sparsity": 1 - 0.8**level, "init": init, "error_rise": rise, "barrier": 3 * rise,
                    "end_loss": 0.5, "accuracy": 0.9 - 0.01 * level + 0.0001 * init, "collapsed": False,
                    "loop_accuracy": 0.65 + 0.001 * init, "steps": 100 if way == "distilled" else 3000,
                    "points": 1, "points_decoded": 1, "outside": 0,
                }
            )  # fmt: skip
    frame = pd.DataFrame(rows)
    return {"barriers": frame, "fig2": frame.copy()}


def changed(name: str, column: str, value: float, **where: object) -> Callable[[Frames], Frames]:
    """Give frames in which one column is another in the matching rows."""

    def change(frames: Frames) -> Frames:
        frame = frames[name].copy()
        rows = frame["init"] >= 0
        for key, wanted in where.items():
            rows &= frame[key] == wanted
        frame[column] = frame[column].astype(float)
        frame.loc[rows, column] = value + 1e-5 * frame.loc[rows, "init"]
        return {**frames, name: frame}

    return change


def judged(frames: Frames, name: str = STABLE, scale: str = "reduced") -> judgement.Judgement:
    (found,) = judgement.judge(frames, scale, {name})
    return found


FAILURES = [
    (
        changed("barriers", "error_rise", 0.005, method="dense"),
        "the dense network is unstable: error rise: +0.5 points",
    ),
    (changed("barriers", "error_rise", 0.01, method="imp"), "tickets are unstable: error rise, 59 %: +1.0 points"),
    (changed("barriers", "accuracy", 0.8, method="dense"), "dense minus IMP's accuracy, 59 %: −6.0 points"),
    (changed("fig2", "loop_accuracy", 0.45, method="distilled"), "the paper's 67.5 %: own accuracy: 45.0 %"),
    (changed("fig2", "steps", 301, method="distilled"), "steps over the distilled loop's: 9.97 times"),
]


@pytest.mark.parametrize(("fail", "says"), FAILURES, ids=["dense", "imp", "accuracy", "set", "steps"])
def test_each_precondition_that_fails_leaves_a_claim_not_testable(fail: Callable[[Frames], Frames], says: str) -> None:
    assert judged(good_frames()).verdict == REPRODUCED
    found = judged(fail(good_frames()))
    assert found.verdict == NOT_TESTABLE and len(found.standing.failed) == 1
    assert says in found.standing.failed[0]
    row = judgement.row(found, found)
    assert row["failed"] == row["recorded"]["failed"] == list(found.standing.failed)


def test_another_network_is_not_the_claims() -> None:
    frames = {"first-accuracy": good_frames("convnet3")["fig2"].assign(ipc=10, rewind=0)}
    frames["first-accuracy"] = pd.concat([frames["first-accuracy"], frames["first-accuracy"].assign(method="random")])
    found = judged(frames, "p-accuracy")
    assert found.verdict == NOT_TESTABLE
    assert (
        found.standing.failed[0] == "the network is the claim's, alexnet: convnet3 in place of alexnet: does not hold"
    )
    own = frames["first-accuracy"].assign(model="alexnet")
    assert not [
        text for text in judged({"first-accuracy": own}, "p-accuracy").standing.failed if "network is the" in text
    ]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (changed("fig2", "loop_accuracy", 0.576, method="distilled"), REPRODUCED),
        (changed("fig2", "loop_accuracy", 0.574, method="distilled"), NOT_TESTABLE),
        (changed("fig2", "steps", 299.9, method="distilled"), REPRODUCED),
        (changed("barriers", "accuracy", 0.851, method="dense"), REPRODUCED),  # IMP's at 59 % is .86
        (changed("barriers", "accuracy", 0.849, method="dense"), NOT_TESTABLE),
        (changed("barriers", "error_rise", 0.021, method="imp"), REPRODUCED),
        (changed("barriers", "error_rise", 0.019, method="imp"), NOT_TESTABLE),
    ],
)
def test_both_sides_of_each_edge(change: Callable[[Frames], Frames], verdict: str) -> None:
    assert judged(change(good_frames())).verdict == verdict


def test_what_may_or_may_not_hold_leaves_a_claim_undecided() -> None:
    frames = good_frames()
    rows = frames["fig2"]["method"] == "distilled"
    frames["fig2"].loc[rows, "loop_accuracy"] = 0.575 + 0.02 * (frames["fig2"].loc[rows, "init"] - 2)
    found = judged(frames)
    assert found.verdict == UNDECIDED and found.standing.unsure and not found.standing.failed


def on(dataset: str, frames: Frames) -> Frames:
    """Give the frames as of another dataset."""
    return {name: frame.assign(dataset=dataset) for name, frame in frames.items()}


@pytest.mark.parametrize("fail", [FAILURES[3][0], FAILURES[4][0]], ids=["set", "steps"])
def test_sizes_of_the_papers_data_are_not_asked_of_the_digits(fail: Callable[[Frames], Frames]) -> None:
    assert judged(on("digits", fail(good_frames())), scale="live").verdict == REPRODUCED
    assert judged(on("digits", {"barriers": good_frames()["barriers"]}), scale="live").verdict == REPRODUCED
    assert judged(on("imagenette", fail(good_frames()))).verdict == NOT_TESTABLE
    assert judged(fail(good_frames()), scale="live").verdict == NOT_TESTABLE, "other data do not escape at live scale"


@pytest.mark.parametrize(("fail", "says"), FAILURES[:3], ids=["dense", "imp", "accuracy"])
def test_all_else_is_asked_of_the_digits_too(fail: Callable[[Frames], Frames], says: str) -> None:
    found = judged(on("digits", fail(good_frames())), scale="live")
    assert found.verdict == NOT_TESTABLE and says in found.standing.failed[0]


def test_a_dense_network_needs_no_tickets_to_be_unstable() -> None:
    """Neither tickets that are more accurate, nor none at all, hide what its own rows decide."""
    dense = {name: frame[frame["method"] == "dense"] for name, frame in good_frames().items()}
    for frames in (dense, on("digits", dense), changed("barriers", "accuracy", 0.8, method="dense")(good_frames())):
        assert judged(frames, "dense-unstable-conv").verdict == REPRODUCED
        still = changed("barriers", "error_rise", 0.005, method="dense")(frames)
        assert judged(still, "dense-unstable-conv").verdict == CONTRADICTED


def test_a_claim_that_compares_with_rows_left_out_is_not_testable() -> None:
    """That IMP's tickets are unstable *too* takes a dense network for granted that is."""
    frames = good_frames()
    assert judged(frames, "imp-unstable").verdict == REPRODUCED
    frames["barriers"] = frames["barriers"][frames["barriers"]["method"] != "dense"]
    found = judged(frames, "imp-unstable")
    assert found.verdict == NOT_TESTABLE
    assert found.standing.failed and all(text.endswith("not measured") for text in found.standing.failed)


def test_what_nothing_measures_is_no_ground_for_a_verdict() -> None:
    """Withholding the frame that would show a poor set does not make a claim testable."""
    found = judged({"barriers": good_frames()["barriers"]})
    assert found.verdict == NOT_TESTABLE
    assert found.standing.failed[0].endswith("paper's 67.5 %: not measured")


def test_a_verdict_below_the_papers_scale_says_so() -> None:
    unstable = changed("barriers", "error_rise", 0.05, method="distilled")(good_frames())
    assert judged(unstable).word == "contradicted at reduced scale" and judged(unstable).verdict == CONTRADICTED
    assert judged(unstable, scale="paper").word == "contradicted"
    assert judged(unstable, scale="custom: reduced, epochs 3").word == "contradicted at custom scale"
    assert judged(changed("fig2", "steps", 301, method="distilled")(unstable)).word == NOT_TESTABLE


def test_a_size_is_not_judged_below_the_papers_scale() -> None:
    frames = good_frames()
    assert judged(frames, "points-150x").verdict == NOT_JUDGED
    assert judged(frames, "points-150x", "paper").verdict == CONTRADICTED


def test_every_claim_of_the_papers_on_distilled_masks_states_what_it_needs() -> None:
    for claim in claims():
        if not claim.ours and "distilled" in claim.of_sets and not claim.sizes:
            assert claim.preconditions, claim.id


def test_to_lose_what_a_claim_needs_is_worse_than_to_lose_the_claim() -> None:
    assert set(RANK) == set(VERDICTS)
    assert RANK["not run"] < RANK[NOT_TESTABLE] < RANK[NOT_JUDGED] < RANK[UNDECIDED] == RANK["open"]
    assert RANK[UNDECIDED] < RANK[CONTRADICTED] < RANK["mixed"] < RANK["partly"] < RANK[REPRODUCED] == RANK["supported"]
