"""The ledger: every claim is there, judged by its rule, and the check can fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.judging import claims, expectations, judgement
from distilled_pruning.study.judging.verdicts import (
    CONTRADICTED,
    NOT_JUDGED,
    NOT_RUN,
    OPEN,
    PARTLY,
    REFUTED,
    REPRODUCED,
    SUPPORTED,
    UNDECIDED,
    VERDICTS,
    Finding,
)

OF_THE_PAPERS = 36


def lines(
    dense: float = 0.2, imp: float = 0.15, equal: float = 0.1, gentle: float = 0.001, inits: int = 5, **columns: Any
) -> pd.DataFrame:
    """Barriers of a study in which error rise and barrier are the given values, a little apart by initialisation."""
    rows = []
    for init in range(inits):
        for method, setting, level, value in [
            ("dense", "", 0, dense),
            *[("imp", "equal rate", level, imp) for level in (4, 9)],
            *[("distilled", "equal rate", level, equal) for level in (4, 9)],
            *[("distilled", "gentle rate", level, gentle) for level in (4, 9)],
        ]:
            rows.append(
                {
                    "dataset": "digits", "model": "convnet3", "method": method, "setting": setting, "level": level,
                    "sparsity": 1 - 0.8**level, "init": init, "pair": "0-1", "barrier": 3 * value + 0.001 * init,
                    "maximum": 3 * value, "error_rise": value + 0.0001 * init, "end_loss": 0.1 + 0.01 * level,
                    "end_accuracy": 0.98, "accuracy": 0.98, "collapsed": False, "outside": 0, **columns,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def verdicts(frame: pd.DataFrame, scale: str = "live") -> dict[str, str]:
    """Verdicts on lines of tickets whose set is good and whose loop is short."""
    fig2 = frame.assign(loop_accuracy=0.7, steps=frame["method"].map({"distilled": 100}).fillna(3000), points=1)
    frames = {"barriers": frame, "fig2": fig2.assign(points_decoded=1)}
    return {j.claim.id: j.verdict for j in judgement.judge(frames, scale)}


def test_the_ledger_holds_every_claim_once() -> None:
    papers = [claim for claim in claims.claims() if claim.paper != "this companion"]
    assert len(papers) >= OF_THE_PAPERS
    assert len({claim.id for claim in claims.claims()}) == len(claims.claims())
    assert all(claim.statement.endswith(".") and claim.where and claim.rule for claim in claims.claims())


def test_verdicts_follow_the_numbers() -> None:
    found = verdicts(lines())
    assert found["dense-unstable-conv"] == found["imp-unstable"] == REPRODUCED
    assert found["syn-stable-conv"] == CONTRADICTED
    assert found["gentle-stable"] == found["gentle-more-stable"] == SUPPORTED
    assert found["dense-unstable-r18"] == NOT_RUN
    assert verdicts(lines(dense=0.0))["dense-unstable-conv"] == CONTRADICTED
    assert verdicts(lines(imp=0.0, gentle=0.05))["gentle-more-stable"] == REFUTED
    assert verdicts(lines(inits=2))["dense-unstable-conv"] == UNDECIDED


def test_a_collapsed_ticket_never_counts_as_stable() -> None:
    frame = lines()
    assert verdicts(frame)["gentle-stable"] == SUPPORTED
    assert verdicts(frame.assign(collapsed=True))["gentle-stable"] == REFUTED


def test_nor_does_it_count_as_unstable_where_that_is_the_claim() -> None:
    """It is flat for the wrong reason, and bears nothing out."""
    frame = lines()
    frame.loc[frame["method"] == "imp", ["collapsed", "error_rise"]] = [True, 0.0]
    assert verdicts(frame)["imp-unstable"] == NOT_RUN
    assert verdicts(lines().assign(collapsed=True))["dense-unstable-conv"] == NOT_RUN


def test_one_weight_outside_a_mask_is_seen() -> None:
    frame = lines()
    assert verdicts(frame)["masks-hold"] == SUPPORTED
    frame.loc[frame.index[-1], "outside"] = 1
    assert verdicts(frame)["masks-hold"] == REFUTED
    assert verdicts(frame[frame["level"] == 0])["masks-hold"] == NOT_RUN


def test_no_results_is_not_run_and_sizes_wait_for_paper_scale() -> None:
    assert {j.verdict for j in judgement.judge({}, "live")} == {NOT_RUN}
    fig2 = pd.DataFrame(
        {
            "dataset": "digits", "model": "resnet18", "method": ["imp", "distilled"], "setting": "equal rate",
            "level": 9, "sparsity": 0.87, "init": 0, "points": [15000, 100], "points_decoded": [3750, 100],
            "steps": [3350, 100], "accuracy": 0.9,
        }
    )  # fmt: skip
    other = fig2.assign(model="convnet3", points=1, level=10)
    for scale, expected in (("live", NOT_JUDGED), ("paper", REPRODUCED)):
        for frame in (fig2, pd.concat([fig2, other]), pd.concat([other, fig2])):
            (points,) = (j for j in judgement.judge({"fig2": frame}, scale) if j.claim.id == "points-150x")
            assert points.verdict == expected


def test_n_is_that_of_the_settings_which_decide() -> None:
    (claim,) = (claim for claim in claims.claims() if claim.id == "control-equal-loss")
    decided, rare = Finding("59 %", 0.1, (0.05, 0.15), 5, REPRODUCED), Finding("87 %", 0.2, None, 1, UNDECIDED)
    nothing = Finding("93 %", float("nan"), None, 0, NOT_RUN)
    assert judgement.Judgement(claim, "live", (decided, rare, nothing), PARTLY).n == 5
    assert judgement.Judgement(claim, "live", (rare, nothing), OPEN).n == 1
    assert judgement.Judgement(claim, "live", (nothing,), NOT_RUN).n == 0


def test_labels_are_the_sparsity_that_the_frame_holds() -> None:
    """At half a level, level 4 is 94 % sparse; 59 % is what a fifth a level would give."""
    half = lines().assign(sparsity=lambda f: 1 - 0.5 ** f["level"])
    judged = {j.claim.id: j for j in judgement.judge({"barriers": half}, "live")}
    for name in ("imp-unstable", "syn-stable-conv", "where-not-how-much", "gentle-stable"):
        assert [finding.setting for finding in judged[name].findings] == ["94 %", "99.8 %"], name


EXPECTED = {
    "live": {"dense-unstable-conv": {"verdict": REPRODUCED, "n": 5}, "imp-unstable": {"verdict": UNDECIDED, "n": 5}}
}


@pytest.mark.parametrize(
    ("frame", "fragment"),
    [
        (lines(), None),
        (lines(imp=0.0), None),
        (lines(dense=0.0), "found contradicted"),
        (lines(inits=4), "found 4"),
        (lines().iloc[0:0], "found not run"),
    ],
)
def test_decided_expectations_gate_and_others_must_have_been_run(
    monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame, fragment: str | None
) -> None:
    monkeypatch.setattr(expectations, "read", lambda: EXPECTED)
    problems = expectations.shortfalls(judgement.judge({"barriers": frame}, "live"))
    assert [problem for problem in problems if fragment and fragment in problem] == problems
    assert bool(problems) == bool(fragment)
    assert expectations.shortfalls(judgement.judge({"barriers": frame}, "custom: live, epochs 3")) == []


@pytest.mark.parametrize(
    ("values", "fails"),
    [
        ([0.05, 0.08, 0.11, 0.14, 0.17], False),  # as expected
        ([0.01, 0.05, 0.11, 0.16, 0.2], False),  # undecided, but the same effect
        ([0.0, 0.01, 0.02, 0.03, 0.04], True),  # undecided, and another effect: [0, .04] against [.06, .17]
        ([0.0, 0.0, 0.001, 0.002, 0.0], True),  # contradicted
    ],
)
def test_a_verdict_may_lose_certainty_but_not_change_its_effect(
    monkeypatch: pytest.MonkeyPatch, values: list[float], fails: bool
) -> None:
    expected = {"verdict": REPRODUCED, "n": 5, "interval": {"dense": [0.06, 0.17]}}
    monkeypatch.setattr(expectations, "read", lambda: {"live": {"dense-unstable-conv": expected}})
    frame = lines()
    dense = frame["method"] == "dense"
    frame.loc[dense, "error_rise"] = [values[init] for init in frame.loc[dense, "init"]]
    assert bool(expectations.shortfalls(judgement.judge({"barriers": frame}, "live"))) is fails


def test_an_expected_claim_that_is_gone_is_a_shortfall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectations, "read", lambda: {"live": {"gone": {"verdict": REPRODUCED, "n": 5}}})
    (problem,) = expectations.shortfalls(judgement.judge({"barriers": lines()}, "live"))
    assert "no such claim" in problem


def test_rows_are_what_check_prints() -> None:
    for found in judgement.judge({"barriers": lines()}, "live"):
        row = judgement.row(found, found)
        assert {
            "id",
            "paper",
            "where",
            "statement",
            "paper_value",
            "recorded",
            "this_run",
            "n",
            "scale",
            "verdict",
        } <= set(row)
        assert row["verdict"] in VERDICTS


def test_accepting_writes_what_is_found_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "expected.json"
    file.write_text(
        '{"live": {"dense-unstable-conv": {"verdict": "undecided", "n": 3}, "gone": {"verdict": "x", "n": 3}}}'
    )
    found = judgement.judge({"barriers": lines()}, "live", {"dense-unstable-conv", "imp-unstable", "gentle-stable"})
    expectations.accept({"live": found}, file)
    kept = json.loads(file.read_text())["live"]
    assert kept["dense-unstable-conv"] == {"verdict": REPRODUCED, "n": 5, "interval": {"dense": [0.2, 0.2004]}}
    assert kept["gentle-stable"]["verdict"] == SUPPORTED and kept["gone"]["verdict"] == "x"
    expectations.accept({"live": judgement.judge({}, "live", {"dense-unstable-conv"})}, file)
    assert json.loads(file.read_text())["live"] == kept, "what was not run keeps what it had"
    with pytest.raises(InputError, match="nothing is expected of a run at custom"):
        expectations.accept({"custom: live, epochs 3": found}, file)


@pytest.mark.parametrize(("spread", "expected"), [(0.02, SUPPORTED), (0.09, OPEN)])
def test_the_primary_comparisons_are_judged_after_holms_correction(spread: float, expected: str) -> None:
    """Differences .13, .15, .17 have p = .006, after Holm .02; of .06, .15, .24 the interval holds zero."""
    rows = [
        {
            "dataset": "digits", "model": "convnet3", "method": way, "setting": "equal rate", "level": level,
            "sparsity": 1 - 0.8**level, "init": init, "pair": "0-1", "rate": 0.3, "accuracy": 0.9, "error_rise": 0.1,
            "collapsed": False, "key": f"{way}{level}{init}",
            "barrier": 0.1 + (way != "real-short") * (0.15 + spread * (init - 1) * (2 if way == "imp" else 1)),
        }
        for way in ("imp", "random-real", "real-short") for level in (4, 9) for init in range(3)
    ]  # fmt: skip
    (found,) = judgement.judge({"controls": pd.DataFrame(rows)}, "live", {"control-images"})
    assert found.verdict == expected and not found.claim.exploratory
    alone = [item.p for item in found.claim.findings({"controls": pd.DataFrame(rows)})]
    assert [item.p for item in found.findings] == alone
    pairs = [(item.holm, p) for item, p in zip(found.findings, alone, strict=True)]
    assert all(holm is not None and p is not None and holm >= p for holm, p in pairs)


def test_there_are_two_to_four_primary_comparisons() -> None:
    family = [claim for claim in claims.claims() if claim.family]
    assert all(claim.ours for claim in family) and 2 <= sum(claim.family for claim in family) <= 4


def test_committed_expectations_name_claims_and_scales() -> None:
    known = {claim.id for claim in claims.claims()}
    for scale, wanted in expectations.read().items():
        assert scale in ("live", "reduced", "paper")
        assert set(wanted) <= known
        assert all(item["verdict"] in VERDICTS and item["n"] >= 3 for item in wanted.values())


def on(dataset: str, **values: Any) -> pd.DataFrame:
    return lines(**values).assign(dataset=dataset)


def test_datasets_are_never_mixed() -> None:
    """A claim about CIFAR-10 is judged on CIFAR-10, whatever else a frame holds, and in whatever order."""
    both = pd.concat([on("digits", dense=0.0), on("cifar10", dense=0.2)])
    for frame in (both, both.iloc[::-1]):
        (dense,) = (j for j in judgement.judge({"barriers": frame}, "reduced") if j.claim.id == "dense-unstable-conv")
        assert (dense.verdict, dense.data, dense.on, dense.own) == (REPRODUCED, ("cifar10",), "CIFAR-10", True)
        assert dense.findings[0].value == pytest.approx(0.2, abs=1e-3)


def test_another_dataset_is_named_never_silent() -> None:
    """Judged on what there is, a verdict says on what; a claim about no dataset in particular needs no excuse."""
    found = {j.claim.id: judgement.row(j, j) for j in judgement.judge({"barriers": on("cifar100")}, "reduced")}
    row = found["dense-unstable-conv"]
    assert row["data"] == row["recorded"]["data"] == "CIFAR-100 in place of CIFAR-10"
    assert found["gentle-stable"]["data"] == "CIFAR-100"
    assert found["dense-unstable-r18"]["data"] == ""
    assert [item["setting"] for item in row["this_run"]["findings"]] == ["dense"]
    assert row["recorded"]["findings"] == row["this_run"]["findings"]


def test_every_claim_says_what_data_it_is_about() -> None:
    from distilled_pruning.data import catalog

    known = {"", claims.EACH, *catalog.DATASETS}
    assert all(claim.data in known for claim in claims.claims())
    assert all(claim.data for claim in claims.claims() if claim.paper != "this companion")
