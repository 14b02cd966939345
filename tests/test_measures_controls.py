"""Claims about the controls, against frames whose answer is known; and the words that follow from their verdicts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from distilled_pruning.study import claims, conclusions, findings, measures
from distilled_pruning.study.measures import controls as control_measures
from distilled_pruning.study.measures import dose as dose_measures
from distilled_pruning.study.verdicts import (
    CONTRADICTED,
    NOT_RUN,
    PARTLY,
    REPRODUCED,
    UNDECIDED,
    VERDICTS,
    Finding,
    combine,
)

BARRIERS = {"dense": 0.5, "imp": 0.4, "distilled": 0.1, "random-real": 0.2, "real-short": 0.05, "magnitude": 0.6}
BARRIERS |= {"shuffled": 0.9, "published": 0.12}
WITHOUT_RATE = ("dense", "magnitude", "shuffled")
TINY = {0: 0.0, 1: 0.002, 2: -0.001}  # noise over initialisations, so that intervals have a width


def controls(inits: int = 3, settings: tuple[str, ...] = ("equal rate",), **changed: Any) -> pd.DataFrame:
    """Tickets at level 9; ``changed`` gives columns by method, as ``distilled={"end_loss": 0.3}``."""
    rows = []
    for method, barrier in BARRIERS.items():
        for setting in ("",) if method in WITHOUT_RATE else ("equal rate",) if method == "imp" else settings:
            for init in range(inits):
                row = {
                    "dataset": "digits", "model": "convnet3", "method": method, "setting": setting,
                    "rate": 0.0 if method in WITHOUT_RATE else 0.3 if setting == "equal rate" else 0.1,
                    "level": 9 * (method != "dense"), "sparsity": 0.87, "init": init, "barrier": barrier,
                    "end_loss": 0.2, "accuracy": 0.97, "collapsed": False,
                }  # fmt: skip
                row |= changed.get(method.replace("-", "_"), {})
                rows.append(
                    row | {"barrier": row["barrier"] + TINY[init], "error_rise": row["barrier"] / 4 + TINY[init]}
                )
    return pd.DataFrame(rows)


def dose(barriers: dict[int, float], method: str = "distilled", inits: int = 3, accuracy: float = 0.9) -> pd.DataFrame:
    """Barriers by inner steps at one rate."""
    rows = [
        {"model": "convnet3", "method": method, "steps": steps, "rate": 0.1, "init": init, "collapsed": False}
        | {"setting": "gentle rate", "accuracy": accuracy + TINY[init] / 10}
        | {"barrier": barrier + TINY[init] * (1 + steps / 1000)}
        for steps, barrier in barriers.items()
        for init in range(inits)
    ]
    return pd.DataFrame(rows)


def kinship(shared: int, survivors: int = 1000, expected: float = 200) -> pd.DataFrame:
    """Comparisons of distilled masks with magnitude at initialisation."""
    rows = [
        {"model": "convnet3", "method": "distilled", "setting": "equal rate", "other": "magnitude"}
        | {"other_setting": "", "level": 9, "init": init, "shared": shared + init, "expected": expected}
        | {"jaccard": (shared + init) / (2 * survivors - shared - init)}
        for init in range(3)
    ]
    return pd.DataFrame(rows)


def judged(name: str, **frames: pd.DataFrame) -> tuple[str, list[Finding]]:
    """Verdict and findings of a claim on some frames."""
    (claim,) = (item for item in claims.claims() if item.id == name)
    assert claim.measure is not None
    found = claim.measure(frames)
    return combine(found), found


def verdict(name: str, **frames: pd.DataFrame) -> str:
    """Verdict of a claim on some frames."""
    return judged(name, **frames)[0]


@pytest.mark.parametrize("name", [*control_measures.MEASURES, *dose_measures.MEASURES])
def test_nothing_computed_is_not_run(name: str) -> None:
    assert verdict(name) == NOT_RUN


@pytest.mark.parametrize(
    ("name", "changed", "expected"),
    [
        ("control-equal-steps", {}, REPRODUCED),
        ("control-equal-steps", {"real_short": {"barrier": 0.4}}, PARTLY),  # unstable, but as accurate
        ("control-equal-steps", {"real_short": {"barrier": 0.4, "accuracy": 0.9}}, CONTRADICTED),
        ("control-equal-steps", {"real_short": {"barrier": 0.15}}, REPRODUCED),  # 1.25 points of error more: no worse
        ("control-equal-steps", {"real_short": {"collapsed": True}}, CONTRADICTED),
        ("control-short-loop", {}, REPRODUCED),
        ("control-short-loop", {"real_short": {"accuracy": 0.9}}, REPRODUCED),
        ("control-short-loop", {"real_short": {"barrier": 0.6}}, CONTRADICTED),
        ("control-short-accuracy", {}, REPRODUCED),
        ("control-short-accuracy", {"real_short": {"barrier": 0.6}}, REPRODUCED),
        ("control-short-accuracy", {"real_short": {"accuracy": 0.9}}, CONTRADICTED),
        ("control-published", {}, REPRODUCED),
        ("control-published", {"real_short": {"barrier": 0.4, "accuracy": 0.9}}, CONTRADICTED),
        ("control-subset", {}, REPRODUCED),
        ("control-subset", {"random_real": {"barrier": 0.05}}, CONTRADICTED),
        ("control-layers", {}, REPRODUCED),
        ("control-layers", {"shuffled": {"barrier": 0.01}}, CONTRADICTED),
        ("control-magnitude", {}, REPRODUCED),
        ("control-magnitude", {"magnitude": {"barrier": 0.05}}, CONTRADICTED),
        ("control-equal-loss", {}, REPRODUCED),
        ("control-equal-loss", {"distilled": {"end_loss": 0.209}}, REPRODUCED),
        (
            "control-equal-loss",
            {"distilled": {"end_loss": 0.211}},
            NOT_RUN,
        ),  # all are worse trained: nothing to compare
        ("control-equal-loss", {"imp": {"barrier": 0.01}}, CONTRADICTED),
    ],
)
def test_verdicts_follow_the_numbers(name: str, changed: dict[str, Any], expected: str) -> None:
    assert verdict(name, controls=controls(**changed)) == expected


def test_magnitude_is_not_judged_on_half_of_the_rule() -> None:
    assert verdict("control-magnitude", kinship=kinship(shared=250)) == PARTLY
    assert verdict("control-magnitude", kinship=kinship(shared=250), controls=controls()) == REPRODUCED


@pytest.mark.parametrize("name", ["control-equal-steps", "control-subset", "control-layers", "control-equal-loss"])
def test_two_initialisations_decide_nothing(name: str) -> None:
    assert verdict(name, controls=controls(inits=2)) == UNDECIDED


def test_differences_are_means_over_initialisations() -> None:
    _, (found,) = judged("control-subset", controls=controls())
    assert (found.setting, found.n) == ("barrier, 87 %, equal rate", 3)
    assert found.value == pytest.approx(0.1)


def test_every_setting_is_judged_on_its_own() -> None:
    _, found = judged("control-subset", controls=controls(settings=("equal rate", "gentle rate")))
    assert [item.setting for item in found] == ["barrier, 87 %, equal rate", "barrier, 87 %, gentle rate"]


def test_the_shuffled_mask_is_compared_with_the_gentlest_one() -> None:
    frame = controls(settings=("equal rate", "gentle rate"))
    frame.loc[(frame["method"] == "distilled") & (frame["rate"] == 0.3), "barrier"] = 5.0
    assert verdict("control-layers", controls=frame) == REPRODUCED


def test_a_collapsed_ticket_is_no_evidence() -> None:
    frame = controls(random_real={"collapsed": True})
    assert verdict("control-subset", controls=frame) == NOT_RUN


def test_lines_of_the_stability_page_serve_where_the_controls_were_not_run() -> None:
    lines = controls().drop(columns="accuracy")
    assert verdict("control-equal-steps", barriers=lines) == REPRODUCED
    without = controls(real_short={"barrier": 9.0})
    without = without[without["method"] != "real-short"]
    assert verdict("control-equal-steps", barriers=lines, controls=without) == REPRODUCED
    worse = controls(real_short={"barrier": 0.4, "accuracy": 0.9})
    assert verdict("control-equal-steps", barriers=lines, controls=worse) == CONTRADICTED


def test_a_mask_that_shares_most_with_magnitude_is_magnitude_in_disguise() -> None:
    frame = controls(magnitude={"barrier": 0.01})
    assert verdict("control-magnitude", controls=frame, kinship=kinship(900)) == CONTRADICTED
    assert verdict("control-magnitude", controls=controls(), kinship=kinship(300)) == REPRODUCED
    _, (found, _) = judged("control-magnitude", controls=controls(), kinship=kinship(600))
    assert found.value == pytest.approx((601 - 200) / 800)


def test_an_optimum_needs_both_ends_to_be_worse() -> None:
    assert verdict("control-dose", dose=dose({40: 0.3, 300: 0.05, 1350: 0.2})) == REPRODUCED
    assert verdict("control-dose", dose=dose({40: 0.3, 300: 0.2, 1350: 0.1})) == PARTLY  # the more the better
    assert verdict("control-dose", dose=dose({40: 0.3, 300: 0.05, 1350: 0.2}, inits=1)) == UNDECIDED
    assert verdict("control-dose", dose=dose({300: 0.1})) == NOT_RUN


def test_the_best_dose_is_chosen_on_other_initialisations() -> None:
    """Pure noise has a best dose on each initialisation; chosen elsewhere, it wins nothing on average."""
    frame = dose({40: 0.1, 300: 0.1})
    frame["barrier"] = [0.0, 0.2, 0.1, 0.2, 0.0, 0.1]
    _, (short, _) = judged("control-dose", dose=frame)
    assert short.value <= 0


def test_imp_is_a_dose_of_all_real_images() -> None:
    frame = pd.concat([dose({40: 0.3, 300: 0.05}, "real-short"), dose({1350: 0.2}, "imp")])
    _, (short, long) = judged("control-dose", dose=frame)
    assert (short.setting, long.setting) == ("all real, too short", "all real, too long")
    assert long.value == pytest.approx(0.15, abs=0.01) and long.verdict == short.verdict == REPRODUCED


def test_a_dose_that_some_initialisations_lack_leaves_the_others_in() -> None:
    frame = dose({40: 0.3, 300: 0.05, 1350: 0.2})
    _, (short, long) = judged("control-dose", dose=frame[(frame["steps"] != 1350) | (frame["init"] == 0)])
    assert (short.n, long.n) == (3, 1) and short.value == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("barrier", "accuracy", "expected"),
    [(0.05, 0.9, REPRODUCED), (0.05, 0.8, PARTLY), (0.3, 0.9, PARTLY), (0.3, 0.8, CONTRADICTED)],
)
def test_a_third_of_imps_steps_is_judged_on_stability_and_accuracy(
    barrier: float, accuracy: float, expected: str
) -> None:
    short = dose({100: 0.9, 400: barrier, 500: 0.9}, "real-short", accuracy=accuracy)
    found, findings = judged("control-third-loop", dose=pd.concat([short, dose({1200: 0.2}, "imp")]))
    assert found == expected
    assert [item.setting for item in findings] == [
        f"{what}, 400 steps, gentle rate" for what in ("barrier", "accuracy")
    ]
    assert verdict("control-third-loop", dose=short) == NOT_RUN


@pytest.mark.parametrize(("moved", "expected"), [(0.05, REPRODUCED), (-0.05, REPRODUCED), (0.001, CONTRADICTED)])
def test_another_way_of_measuring_matters_when_it_moves_the_error_by_more_than_the_threshold(
    moved: float, expected: str
) -> None:
    here = controls()[lambda f: f["method"] == "imp"].assign(protocol="as here")
    other = here.assign(protocol="unmasked", error_rise=here["error_rise"] + moved + 0.001 * here["init"])
    assert verdict("mask-bug", protocols=pd.concat([here, other])) == expected
    assert verdict("bn-reestimated", protocols=pd.concat([here, other])) == NOT_RUN
    few = pd.concat([here, other])
    assert verdict("mask-bug", protocols=few[few["init"] < 2]) == UNDECIDED


def test_every_verdict_of_a_control_has_its_sentence() -> None:
    assert conclusions.SENTENCES.keys() <= measures.MEASURES.keys()
    assert all(set(by) == set(VERDICTS) - {NOT_RUN} for by in conclusions.SENTENCES.values())
    assert {claim for _, _, claim, _ in conclusions.RELATIVES} <= measures.MEASURES.keys()


YES = {"control-equal-steps": REPRODUCED, "control-short-loop": REPRODUCED}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (YES, conclusions.LOOP),
        (YES | {"control-layers": CONTRADICTED}, conclusions.NEITHER),
        (YES | {"control-short-loop": PARTLY}, conclusions.NEITHER),
        ({"control-equal-steps": CONTRADICTED, "control-subset": REPRODUCED}, conclusions.DATA),
        ({"control-equal-steps": CONTRADICTED, "control-subset": UNDECIDED}, conclusions.NEITHER),
        ({}, conclusions.NEITHER),
    ],
)
def test_the_last_sentence_follows_from_the_verdicts(verdicts: dict[str, str], expected: str) -> None:
    assert conclusions.overall(verdicts) == expected


def test_a_conclusion_says_what_ran_and_nothing_else() -> None:
    said = repr(conclusions.sentences({"control-subset": (CONTRADICTED, "87 %: −0.1; n = 3"), "mask-bug": ("", "")}))
    assert conclusions.SENTENCES["control-subset"][CONTRADICTED] in said and "(87 %: −0.1; n = 3)" in said
    assert len(said.splitlines()) == 2
    assert "Nothing has been computed" in repr(conclusions.sentences({"control-subset": (NOT_RUN, "")}))


def row(name: str, found: str, **more: Any) -> dict[str, Any]:
    """A row of the ledger."""
    base = {"id": name, "statement": f"About {name}.", "rule": f"{name} above 0", "this_run": "87 %: 0.1", "n": 3}
    return {**base, "scale": "live", "verdict": found, "recorded": None, **more}


def test_the_findings_page_sorts_claims_by_verdict_and_says_why_one_is_undecided() -> None:
    rows = [row("a", UNDECIDED, n=1), row("b", REPRODUCED), row("points-150x", UNDECIDED), row("d", NOT_RUN)]
    text = findings.run(rows)
    assert text.index("About b. *b above 0*: 87 %: 0.1") < text.index("About a.")
    assert "fewer than 3 initialisations" in text and "only the papers' own scale can judge" in text
    assert text.endswith("1 of 4 claims were not run.") and "About d." not in text
    assert findings.run([row("d", NOT_RUN)]) == findings.NOTHING_RUN


def test_the_findings_page_says_plainly_that_nothing_is_recorded() -> None:
    assert findings.recorded([row("a", REPRODUCED)]) == findings.NOTHING_RECORDED
    kept = {"verdict": CONTRADICTED, "value": "87 %: -0.2", "n": 5, "scale": "reduced"}
    text = findings.recorded([row("a", REPRODUCED, recorded=kept)])
    assert text.startswith("**Does not hold** (1)") and "−0.2 (n = 5, reduced)" in text


KEPT = {"verdict": REPRODUCED, "value": "87 %: 0.2", "interval": {"87 %": [0.1, 0.3]}, "n": 5, "scale": "reduced"}
KEPT |= {"data": "cifar10"}


def test_recorded_and_live_verdicts_are_never_mixed_in_one_conclusion() -> None:
    rows = [row(name, CONTRADICTED, recorded=KEPT) for name in conclusions.DECISIVE]
    rows.append(row("control-subset", REPRODUCED))
    before, now = findings.controls(rows).split("**This run**")
    assert before.startswith("**Recorded** (reduced, cifar10):") and conclusions.LOOP in before
    assert conclusions.SENTENCES["control-subset"][REPRODUCED] not in before
    assert conclusions.SENTENCES["control-subset"][REPRODUCED] in now and conclusions.DATA in now
    half = [rows[0], row(conclusions.DECISIVE[1], CONTRADICTED), rows[2]]
    assert findings.controls(half).startswith("**This run** (live):") and "Recorded" not in findings.controls(half)


def test_the_answer_is_that_of_the_recorded_results_where_they_decide() -> None:
    rows = [row(name, CONTRADICTED, recorded=KEPT) for name in conclusions.DECISIVE]
    assert findings.answer(rows).startswith("**Recorded** (reduced, cifar10): it is not the distilled data.")
    open_still = "these numbers do not yet say whether it is the distilled data or the short inner loop."
    assert findings.answer([row("control-subset", REPRODUCED)]) == f"**This run** (live): {open_still}"
    assert findings.answer([]) == f"**This run**: {open_still}"


def test_a_conclusion_rests_on_one_scale_and_one_dataset() -> None:
    other = {**KEPT, "data": "cifar100", "verdict": CONTRADICTED}
    rows = [row(name, NOT_RUN, recorded=KEPT) for name in conclusions.DECISIVE]
    rows.append(row("control-layers", NOT_RUN, recorded=other))
    text = findings.controls(rows)
    assert text.startswith("**Recorded** (reduced, cifar10):") and "This run" not in text
    assert conclusions.SENTENCES["control-layers"][CONTRADICTED] not in text and conclusions.LOOP in text
    rows[1]["recorded"] = other
    assert findings.controls(rows) == "**This run**:\n\n- Nothing has been computed yet for these parameters."


def test_every_sentence_of_a_conclusion_has_its_interval_and_n() -> None:
    text = findings.controls([row(name, NOT_RUN, recorded=KEPT) for name in conclusions.DECISIVE])
    assert text.count("87 %: 0.2 [0.1, 0.3]; n = 5") == len(conclusions.DECISIVE)


def test_settings_of_unequal_n_each_say_theirs() -> None:
    two = {**KEPT, "value": "59 %: 0.1; 87 %: 0.2", "counts": {"59 %": 1, "87 %": 5}, "n": 1}
    text = findings.controls([row(name, NOT_RUN, recorded=two) for name in conclusions.DECISIVE])
    assert "(59 %: 0.1, n = 1; 87 %: 0.2 [0.1, 0.3], n = 5)" in text.replace("\\", "")


def test_three_earlier_papers_stand_beside_what_was_found() -> None:
    rows = [row(claim, CONTRADICTED, recorded=KEPT) for _, _, claim, _ in conclusions.RELATIVES]
    lines = findings.relatives(rows).splitlines()
    assert len(lines) == 2 + len(conclusions.RELATIVES)
    assert all("[reproduced]{.verdict" in line and "(reduced, cifar10)" in line for line in lines[2:])
    assert all(line.rstrip("| ").endswith("[contradicted]{.verdict .contradicted}") for line in lines[2:])
    assert "not run" in findings.relatives([]) and findings.relatives([]).count("–") >= len(conclusions.RELATIVES)
