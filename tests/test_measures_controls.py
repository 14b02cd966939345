"""Claims about the controls, against frames whose answer is known; and the words that follow from their verdicts."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.study.book import conclusions, evidence, findings, templates, values
from distilled_pruning.study.judging import claims
from distilled_pruning.study.judging.statistics import LEVELS
from distilled_pruning.study.judging.verdicts import (
    CONTRADICTED,
    MIXED,
    NOT_RUN,
    OPEN,
    REFUTED,
    REPRODUCED,
    SUPPORTED,
    UNDECIDED,
    Finding,
    combine,
)
from distilled_pruning.study.parameters.notebooks import home

BARRIERS = {"dense": 0.5, "imp": 0.4, "distilled": 0.1, "random-real": 0.2, "real-short": 0.05, "magnitude": 0.6}
BARRIERS |= {"shuffled": 0.9, "published": 0.12}
WITHOUT_RATE = ("dense", "magnitude", "shuffled")
TINY = {
    0: 0.0,
    1: 0.002,
    2: -0.001,
    3: 0.001,
    4: 0.0,
    5: 0.002,
    6: -0.001,
    7: -0.002,
}  # noise over initialisations, so that intervals have a width


def controls(inits: int = 3, settings: tuple[str, ...] = ("equal rate",), **changed: Any) -> pd.DataFrame:
    """Tickets at levels 4 and 9; ``changed`` gives columns by method, as ``distilled={"end_loss": 0.3}``."""
    rows = []
    for method, barrier in BARRIERS.items():
        for setting, level in itertools.product(
            ("",) if method in WITHOUT_RATE else ("equal rate",) if method == "imp" else settings,
            (0,) if method == "dense" else LEVELS,
        ):
            for init in range(inits):
                row = {
                    "dataset": "digits", "model": "convnet3", "method": method, "setting": setting,
                    "rate": 0.0 if method in WITHOUT_RATE else 0.3 if setting == "equal rate" else 0.1,
                    "level": level, "sparsity": 1 - 0.8**level, "init": init, "barrier": barrier,
                    "end_loss": 0.2, "accuracy": 0.97, "collapsed": False, "pair": "0-1",
                    "key": f"{method}, {setting}, {level}, {init}",
                }  # fmt: skip
                row |= changed.get(method.replace("-", "_"), {})
                rows.append(
                    row | {"barrier": row["barrier"] + TINY[init], "error_rise": row["barrier"] / 4 + TINY[init]}
                )
    return pd.DataFrame(rows)


def dose(
    barriers: dict[int, float],
    method: str = "distilled",
    inits: int = 3,
    accuracy: float = 0.9,
    dataset: str = "digits",
) -> pd.DataFrame:
    """Barriers by inner steps at one rate."""
    rows = [
        {"model": "convnet3", "method": method, "steps": steps, "rate": 0.1, "init": init, "collapsed": False}
        | {"dataset": dataset, "setting": "equal rate", "accuracy": accuracy + TINY[init] / 10}
        | {"barrier": barrier + TINY[init] * (1 + steps / 1000)}
        for steps, barrier in barriers.items()
        for init in range(inits)
    ]
    return pd.DataFrame(rows)


def kinship(shared: int, survivors: int = 1000, expected: float = 200) -> pd.DataFrame:
    """Comparisons of distilled masks with magnitude at initialisation."""
    rows = [
        {"model": "convnet3", "method": "distilled", "setting": "equal rate", "other": "magnitude"}
        | {"level": level, "sparsity": 1 - 0.8**level, "init": init, "shared": shared + init, "expected": expected}
        | {"other_setting": "", "jaccard": (shared + init) / (2 * survivors - shared - init)}
        for level in LEVELS
        for init in range(3)
    ]
    return pd.DataFrame(rows)


KNOWN = {claim.id for claim in claims.claims()}


def judged(name: str, **frames: pd.DataFrame) -> tuple[str, list[Finding]]:
    """Verdict and findings of a claim on some frames."""
    (claim,) = (item for item in claims.claims() if item.id == name)
    found = claim.findings(frames)
    return combine(found), list(found)


def verdict(name: str, **frames: pd.DataFrame) -> str:
    """Verdict of a claim on some frames."""
    return judged(name, **frames)[0]


@pytest.mark.parametrize(
    "name", [claim.id for claim in claims.claims() if {"controls", "dose", "protocols"} & set(claim.frames)]
)
def test_nothing_computed_is_not_run(name: str) -> None:
    assert verdict(name) == NOT_RUN


@pytest.mark.parametrize(
    ("name", "changed", "expected"),
    [
        ("control-equal-steps", {}, REPRODUCED),
        ("control-equal-steps", {"real_short": {"barrier": 0.4}}, MIXED),  # unstable, but as accurate
        ("control-equal-steps", {"real_short": {"barrier": 0.4, "accuracy": 0.9}}, CONTRADICTED),
        ("control-equal-steps", {"real_short": {"barrier": 0.15}}, REPRODUCED),  # 1.25 points of error more: no worse
        ("control-equal-steps", {"real_short": {"collapsed": True}}, UNDECIDED),
        ("control-short-loop", {}, REPRODUCED),
        ("control-short-loop", {"real_short": {"accuracy": 0.9}}, REPRODUCED),
        ("control-short-loop", {"real_short": {"barrier": 0.6}}, CONTRADICTED),
        ("control-short-accuracy", {}, REPRODUCED),
        ("control-short-accuracy", {"real_short": {"barrier": 0.6}}, REPRODUCED),
        ("control-short-accuracy", {"real_short": {"accuracy": 0.9}}, CONTRADICTED),
        ("control-published", {}, REPRODUCED),
        ("control-published", {"real_short": {"barrier": 0.4, "accuracy": 0.9}}, CONTRADICTED),
        ("control-random-real", {}, REPRODUCED),
        ("control-random-real", {"random_real": {"barrier": 0.5}}, CONTRADICTED),
        ("short-real-stable", {}, REPRODUCED),
        ("random-real-stable", {}, CONTRADICTED),
        ("published-stable", {"published": {"barrier": 0.01}}, REPRODUCED),
        ("random-real-stable", {"random_real": {"barrier": 0.01, "collapsed": True}}, CONTRADICTED),
        ("control-subset", {}, REPRODUCED),
        ("control-subset", {"random_real": {"barrier": 0.05}}, CONTRADICTED),
        ("control-images", {}, REPRODUCED),
        ("control-images", {"random_real": {"barrier": 0.01}}, CONTRADICTED),
        ("data-responsible", {"real_short": {"accuracy": 0.98}}, CONTRADICTED),
        ("data-responsible", {"real_short": {"accuracy": 0.96}}, REPRODUCED),
        ("data-responsible", {"real_short": {"accuracy": 0.96, "barrier": 0.9}}, REPRODUCED),
        ("control-layers", {}, NOT_RUN),  # what these frames shuffle is the distilled mask
        ("control-magnitude", {}, REPRODUCED),
        ("control-magnitude", {"magnitude": {"barrier": 0.05}}, MIXED),  # as stable, but another mask
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
    assert verdict(name, controls=controls(**changed), kinship=kinship(250)) == expected


def test_magnitude_is_not_judged_on_half_of_the_rule() -> None:
    assert verdict("control-magnitude", kinship=kinship(shared=250)) == UNDECIDED
    assert verdict("control-magnitude", controls=controls()) == UNDECIDED
    assert verdict("control-magnitude", kinship=kinship(shared=250), controls=controls()) == REPRODUCED


@pytest.mark.parametrize(("barrier", "expected"), [(0.9, REPRODUCED), (0.01, CONTRADICTED)])
def test_the_mask_that_is_shuffled_is_the_one_to_be_explained(barrier: float, expected: str) -> None:
    frame = controls(shuffled={"barrier": barrier}).assign(like="real-short")
    found, findings = judged("control-layers", controls=frame)
    assert found == expected and [item.setting for item in findings] == [
        f"barrier, real short, {s} %" for s in (59, 87)
    ]
    found, findings = judged("control-layers", controls=frame.assign(like="distilled"))
    assert found == NOT_RUN and {item.primary for item in findings if item.n} == {False}


@pytest.mark.parametrize("name", ["control-equal-steps", "control-subset", "control-equal-loss"])
def test_two_initialisations_decide_nothing(name: str) -> None:
    assert verdict(name, controls=controls(inits=2)) == UNDECIDED


def test_differences_are_means_over_initialisations() -> None:
    _, (_, found) = judged("control-subset", controls=controls())
    assert (found.setting, found.n) == ("barrier, 87 %, equal rate", 3)
    assert found.value == pytest.approx(0.1)


BOTH = ("equal rate", "gentle rate")
PRIMARY = [claim.id for claim in claims.claims() if claim.primary is not None and claim.primary.levels]


def test_every_setting_is_judged_on_its_own_and_the_verdict_rests_on_the_primary_ones() -> None:
    found, findings = judged("control-subset", controls=controls(settings=BOTH))
    assert [(item.setting, item.primary) for item in findings] == [
        (f"barrier, {sparsity}, {rate}", rate == "equal rate") for sparsity in ("59 %", "87 %") for rate in BOTH
    ]
    assert found == REPRODUCED and {item.verdict for item in findings} == {REPRODUCED}


def test_each_claim_of_the_controls_that_tells_settings_apart_names_its_primary_ones() -> None:
    wanted = {"control-magnitude", "control-layers", "control-equal-steps", "control-published", "control-short-loop"}
    wanted |= {
        "control-images",
        "data-responsible",
        "control-short-accuracy",
        "control-subset",
        "control-random-real",
        "control-equal-loss",
        "open-shift",
    }
    assert set(PRIMARY) == wanted | {"open-init"}  # whose page has the last level alone
    for claim in claims.claims():
        if claim.id in wanted:
            assert str(claim.primary) == "equal rate, levels 4 and 9"


@pytest.mark.parametrize("name", ["control-equal-steps", "control-short-loop", "control-subset", "control-random-real"])
@pytest.mark.parametrize("barrier", [0.0, 0.3, 2.0])
def test_a_weaker_setting_beside_never_turns_a_verdict(name: str, barrier: float) -> None:
    """With the gentle rows, whatever they say, the primary rows' verdict stays; without a primary level it drops."""
    alone = controls(random_real={"barrier": 0.2})
    frame = controls(settings=BOTH, random_real={"barrier": 0.2})
    frame.loc[frame["setting"] == "gentle rate", "barrier"] = barrier * (1 + frame["init"])
    assert verdict(name, controls=frame) == verdict(name, controls=alone) == REPRODUCED
    assert verdict(name, controls=frame[frame["level"] != 4]) == UNDECIDED
    other = controls(settings=("gentle rate",))
    assert verdict(name, controls=other) == NOT_RUN


def test_rows_recorded_on_the_page_of_stability_are_judged_beside() -> None:
    """Not only those of the controls' own frame; each line once, and only where both pages are of one study."""
    pages = {"controls": controls(), "barriers": controls(settings=BOTH)}
    _, found = judged("control-short-loop", **pages)
    assert [(item.setting, item.n, item.primary) for item in found] == [
        (f"barrier, {sparsity}, {rate}", 3, rate == "equal rate") for sparsity in ("59 %", "87 %") for rate in BOTH
    ]
    longer = controls(settings=BOTH)
    longer.loc[longer["method"] == "real-short", "key"] += ", more steps"
    _, found = judged("control-short-loop", controls=controls(), barriers=longer)
    assert [item.setting for item in found] == ["barrier, 59 %, equal rate", "barrier, 87 %, equal rate"]


def test_a_label_is_the_sparsity_that_the_frame_holds() -> None:
    """At half a level, levels 4 and 9 are 94 and 99.8 % sparse, whatever a fifth a level would give."""
    half = controls().assign(sparsity=lambda f: 1 - 0.5 ** f["level"])
    _, found = judged("control-short-loop", controls=half)
    assert [item.setting for item in found] == ["barrier, 94 %, equal rate", "barrier, 99.8 %, equal rate"]


def test_a_collapsed_ticket_is_no_evidence() -> None:
    frame = controls(random_real={"collapsed": True})
    assert verdict("control-subset", controls=frame) == NOT_RUN


def test_lines_of_the_stability_page_serve_where_the_controls_were_not_run() -> None:
    lines = controls()
    assert verdict("control-equal-steps", barriers=lines) == REPRODUCED
    without = controls(real_short={"barrier": 9.0})
    without = without[without["method"] != "real-short"]
    assert verdict("control-equal-steps", barriers=lines, controls=without) == REPRODUCED
    worse = controls(real_short={"barrier": 0.4, "accuracy": 0.9, "key": "of another study"})
    assert verdict("control-equal-steps", barriers=lines, controls=worse) == CONTRADICTED


def test_a_mask_that_shares_most_with_magnitude_is_magnitude_in_disguise() -> None:
    frame = controls(magnitude={"barrier": 0.01})
    assert verdict("control-magnitude", controls=frame, kinship=kinship(900)) == CONTRADICTED
    assert verdict("control-magnitude", controls=controls(), kinship=kinship(300)) == REPRODUCED
    _, (found, *_) = judged("control-magnitude", controls=controls(), kinship=kinship(600))
    assert found.value == pytest.approx((601 - 200) / 800)


def every(table: dict[int, float], **more: Any) -> pd.DataFrame:
    """Doses of all three kinds of images; the largest of all real images is IMP's."""
    parts = [dose(table, way, **more) for way in ("distilled", "random-real", "real-short")]
    parts[-1].loc[parts[-1]["steps"] == max(table), "method"] = "imp"
    return pd.concat(parts)


def test_an_optimum_needs_both_ends_to_be_worse_and_one_that_is_best_refutes_it() -> None:
    assert verdict("control-dose", dose=every({40: 0.3, 300: 0.05, 1350: 0.2})) == REPRODUCED
    assert verdict("control-dose", dose=every({40: 0.3, 300: 0.2, 1350: 0.1})) == CONTRADICTED  # the more the better
    assert verdict("control-dose", dose=every({40: 0.1, 300: 0.2, 1350: 0.3})) == CONTRADICTED
    assert verdict("control-dose", dose=every({40: 0.3, 300: 0.05, 1350: 0.2}, inits=1)) == UNDECIDED
    assert verdict("control-dose", dose=every({40: 0.3, 300: 0.05})) == NOT_RUN, "nothing lies between two ends"
    assert verdict("control-dose", dose=dose({40: 0.3, 300: 0.05, 1350: 0.2})) == UNDECIDED, "two kinds are missing"


def test_a_dose_that_was_planned_and_not_run_leaves_it_open() -> None:
    """Without its smallest dose the best of the others would be an end, which refutes an optimum."""
    frame = every({40: 0.3, 300: 0.05, 600: 0.1, 1350: 0.2}).assign(dose_steps="40,300,600", dose_rates="0.1")
    assert verdict("control-dose", dose=frame) == REPRODUCED
    without = frame[frame["steps"] != 40]
    assert verdict("control-dose", dose=without) == UNDECIDED
    assert verdict("control-dose", dose=without.drop(columns=["dose_steps", "dose_rates"])) == CONTRADICTED
    _, findings = judged("control-dose", dose=frame[frame["method"] != "imp"])
    assert [item.verdict for item in findings] == [REPRODUCED, REPRODUCED, UNDECIDED], (
        "IMP is a dose of all real images"
    )


def test_the_longest_loop_is_the_longest_that_was_planned() -> None:
    """A shorter one does not take its place, however much better it is."""
    short = dose({100: 0.01, 400: 0.3}, "real-short").assign(dose_steps="100,400", dose_rates="0.1")
    frame = pd.concat([short, dose({1200: 0.2}, "imp").assign(dose_steps="100,400", dose_rates="0.1")])
    assert verdict("control-third-loop", dose=frame) == MIXED
    assert verdict("control-third-loop", dose=frame[frame["steps"] != 400]) == NOT_RUN
    assert verdict("control-third-loop", dose=frame[frame["method"] != "imp"]) == NOT_RUN


def test_the_best_dose_is_chosen_on_other_initialisations() -> None:
    """Two doses that differ by noise alone: chosen elsewhere, the best of them wins nothing on average."""
    frame = dose({40: 0.2, 300: 0.1, 600: 0.1, 1350: 0.2})
    noise = {(300, 0): 0.0, (300, 1): 0.2, (300, 2): 0.1, (600, 0): 0.2, (600, 1): 0.0, (600, 2): 0.1}
    frame["barrier"] = [noise.get((s, i), b) for s, i, b in frame[["steps", "init", "barrier"]].itertuples(index=False)]
    _, (found, *_) = judged("control-dose", dose=frame)
    assert found.value == pytest.approx(0.2 - (0.2 + 0.2 + 0.1) / 3, abs=0.003)


def test_imp_is_a_dose_of_all_real_images() -> None:
    frame = pd.concat([dose({40: 0.3, 300: 0.05}, "real-short"), dose({1350: 0.2}, "imp")])
    _, findings = judged("control-dose", dose=frame)
    (found,) = (item for item in findings if item.n)
    assert found.setting == "all real, longest minus best other"
    assert found.value == pytest.approx(0.15, abs=0.01) and found.verdict == REPRODUCED


@pytest.mark.parametrize(
    ("barrier", "accuracy", "expected"),
    [(0.05, 0.9, REPRODUCED), (0.05, 0.8, MIXED), (0.3, 0.9, MIXED), (0.3, 0.8, CONTRADICTED)],
)
def test_a_third_of_imps_steps_is_judged_on_stability_and_accuracy(
    barrier: float, accuracy: float, expected: str
) -> None:
    short = dose({100: 0.9, 400: barrier, 500: 0.9}, "real-short", accuracy=accuracy)
    found, findings = judged("control-third-loop", dose=pd.concat([short, dose({1200: 0.2}, "imp")]))
    assert found == expected
    assert [item.setting for item in findings] == [f"{what}, 400 steps, equal rate" for what in ("barrier", "accuracy")]
    assert verdict("control-third-loop", dose=short) == NOT_RUN


def test_the_initialisations_that_suggested_a_claim_do_not_judge_it() -> None:
    """On CIFAR-10 the first three did; five leave two, which decide nothing."""
    frame = pd.concat(
        [
            dose({400: 0.05}, "real-short", dataset="cifar10", inits=8),
            dose({1200: 0.2}, "imp", dataset="cifar10", inits=8),
        ]
    )
    found, findings = judged("control-third-loop", dose=frame)
    assert found == REPRODUCED and {item.n for item in findings} == {5}
    found, findings = judged("control-third-loop", dose=frame[frame["init"] < 5])
    assert found == UNDECIDED and {item.n for item in findings} == {2}
    assert verdict("control-third-loop", dose=frame[frame["init"] < 3]) == NOT_RUN


@pytest.mark.parametrize(("moved", "expected"), [(0.05, REPRODUCED), (-0.05, REPRODUCED), (0.001, CONTRADICTED)])
def test_another_way_of_measuring_matters_when_it_moves_the_error_by_more_than_the_threshold(
    moved: float, expected: str
) -> None:
    here = controls()[lambda f: f["method"].isin(("imp", "distilled"))].assign(protocol="as here")
    other = here.assign(protocol="unmasked", error_rise=here["error_rise"] + moved + 0.001 * here["init"])
    assert verdict("mask-bug", protocols=pd.concat([here, other])) == expected
    for left_out in ("imp", "distilled"):
        frame = pd.concat([here, other])
        assert verdict("mask-bug", protocols=frame[frame["method"] != left_out]) == UNDECIDED
    assert verdict("bn-reestimated", protocols=pd.concat([here, other])) == NOT_RUN
    few = pd.concat([here, other])
    assert verdict("mask-bug", protocols=few[few["init"] < 2]) == UNDECIDED


def test_every_verdict_of_a_control_has_its_sentence() -> None:
    assert conclusions.SENTENCES.keys() <= KNOWN
    assert all(set(by) == {SUPPORTED, MIXED, REFUTED, OPEN} for by in conclusions.SENTENCES.values())
    assert {*conclusions.DECISIVE, *conclusions.BESIDE, *conclusions.SOURCES} <= KNOWN
    assert set(conclusions.SOURCES) <= {*conclusions.DECISIVE, *conclusions.BESIDE}
    assert {claim for _, _, claim, _ in conclusions.RELATIVES} <= KNOWN


SEEN = {
    "short-real-stable": SUPPORTED,
    "own-set-stable": OPEN,
    "published-stable": OPEN,
    "random-real-stable": REFUTED,
    "control-short-loop": SUPPORTED,
    "control-random-real": REFUTED,
    "control-equal-steps": SUPPORTED,
    "control-images": SUPPORTED,
}
WHY = "These runs cannot say why the papers' tickets are stable"
NOT_ALONE = "a short loop alone does not bring it"


@pytest.mark.parametrize(
    ("changed", "says", "never"),
    [
        (
            {},
            "few steps on all real images find stable masks, more stable than IMP's; as few on our distilled set, on a "
            "published one or on as many random real images are not seen to. So stability does not need distilled "
            f"images, and {NOT_ALONE}: the images in it matter. {WHY}.",
            "it is not the distilled data",
        ),
        ({"control-images": OPEN}, f"{NOT_ALONE}. T", "the images in it"),
        ({"control-short-loop": OPEN}, "find stable masks; as few", "more stable than IMP's"),
        ({"control-random-real": OPEN, "random-real-stable": OPEN}, "alone brings it stays open", NOT_ALONE),
        (
            {"control-random-real": SUPPORTED, "random-real-stable": SUPPORTED},
            "on all real images and on as many random real images find stable masks",
            NOT_ALONE,
        ),
        (
            {"random-real-stable": SUPPORTED, "control-random-real": OPEN},
            "whether a short loop alone brings it stays open",
            NOT_ALONE,
        ),
        ({"own-set-stable": SUPPORTED}, "Distilled images are one way to such masks, all real images another", WHY),
        ({"short-real-stable": OPEN}, "whether stability needs distilled images stays open", "does not need"),
        (
            {
                "short-real-stable": REFUTED,
                "own-set-stable": SUPPORTED,
                "control-equal-steps": REFUTED,
            },
            "few steps on our distilled set find stable masks; as few on all real images, on a "
            "published one or on as many random real images are not seen to. So stability in few steps needs distilled "
            "images, and a short loop alone does not bring it: the images in it matter. Distilled images do it better "
            "than all real ones.",
            "does not need",
        ),
        ({"short-real-stable": NOT_RUN}, conclusions.UNTOLD, "stable masks"),
    ],
)
def test_the_headline_follows_from_the_verdicts(changed: dict[str, str], says: str, never: str) -> None:
    said = conclusions.overall(SEEN | changed)
    assert says in said and never not in said
    assert conclusions.overall({}) == conclusions.UNTOLD


def test_a_conclusion_says_what_ran_and_nothing_else() -> None:
    said = repr(conclusions.sentences({"control-subset": (REFUTED, "87 %: −0.1; n = 3"), "mask-bug": ("", "")}))
    assert conclusions.SENTENCES["control-subset"][REFUTED] in said and "(87 %: −0.1; n = 3)" in said
    assert len(said.splitlines()) == 1
    assert "Nothing has been computed" in repr(conclusions.sentences({"control-subset": (NOT_RUN, "")}))


def said(found: str, *settings: tuple[str, float, Any, int], **more: Any) -> dict[str, Any]:
    """A judgement as ``check --json`` prints it; at 87 % unless settings are given."""
    items = [
        {"setting": name, "value": value, "interval": bounds, "n": n, "verdict": found, "primary": True, "unit": ""}
        for name, value, bounds, n in settings or [("87 %", 0.1, None, 3)]
    ]
    base = {
        "verdict": found,
        "word": found,
        "exploratory": False,
        "n": 3,
        "scale": "live",
        "data": "",
        "findings": items,
        "failed": [],
        "unsure": [],
    }
    return {**base, **more}


def row(name: str, found: str, **more: Any) -> dict[str, Any]:
    """A row of the ledger; what it says of this run follows from the verdict."""
    own = {name: more[name] for name in ("n", "scale", "data", "failed", "unsure", "findings") if name in more}
    base = {"id": name, "statement": f"About {name}.", "rule": f"{name} above 0", "recorded": None}
    return {**base, **said(found, **own), "this_run": None if found == NOT_RUN else said(found, **own), **more}


KEPT = said(SUPPORTED, ("87 %", 0.2, [0.1, 0.3], 5), n=5, scale="reduced", data="cifar10")


def kept(verdicts: dict[str, str], **changed: Any) -> list[dict[str, Any]]:
    """Rows that were not run here and are recorded with these verdicts."""
    return [row(name, NOT_RUN, recorded={**KEPT, "verdict": found, **changed}) for name, found in verdicts.items()]


def texts(rows: list[dict[str, Any]]) -> list[str]:
    return [reason.text for reason in findings.reasons(rows)]


def test_recorded_and_live_verdicts_are_never_mixed_in_one_conclusion() -> None:
    rows = [{**item, "verdict": REFUTED, "this_run": said(REFUTED)} for item in kept(SEEN)]
    rows.append(row("control-layers", SUPPORTED))
    found = texts(rows)
    assert conclusions.SENTENCES["control-short-loop"][SUPPORTED] in found
    assert conclusions.SENTENCES["control-layers"][SUPPORTED] not in found
    rows[0]["recorded"] = None  # one of those that decide
    found = texts(rows)
    assert conclusions.SENTENCES["control-layers"][SUPPORTED] in found
    assert conclusions.SENTENCES["control-short-loop"][REFUTED] in found


def test_the_headline_rests_on_the_largest_scale_and_on_one_run() -> None:
    rows = kept(SEEN)
    answer = f"Recorded (CIFAR-10, reduced scale): {conclusions.overall(SEEN)}"
    assert conclusions.headline(rows) == answer
    assert conclusions.headline(rows, "One more.") == f"{answer} One more."
    ran = [{**item, "verdict": SUPPORTED, "this_run": said(SUPPORTED)} for item in rows]
    every = conclusions.overall(dict.fromkeys(SEEN, SUPPORTED))
    assert conclusions.headline(ran) == answer, "live, on digits, is no better evidence"
    assert conclusions.headline([{**item, "scale": "reduced"} for item in ran]) == answer
    assert conclusions.headline([{**item, "scale": "paper"} for item in ran]) == f"This run (paper scale): {every}"
    alone = [{**item, "recorded": None} for item in ran]
    assert conclusions.headline(alone) == f"This run (live scale): {every}"
    mixed = [
        *(item for item in rows if item["id"] != "control-equal-steps"),
        *kept({"control-equal-steps": SUPPORTED}, data="cifar100"),
    ]
    without = {name: found for name, found in SEEN.items() if name != "control-equal-steps"}
    assert conclusions.headline(mixed) == f"Recorded (CIFAR-10, reduced scale): {conclusions.overall(without)}"
    rows[0]["recorded"] = {**KEPT, "data": "cifar100"}
    assert conclusions.headline(rows) == conclusions.headline([]) == f"So far {conclusions.UNTOLD}"


def test_a_conclusion_rests_on_one_scale_and_one_dataset() -> None:
    rows = [*kept(SEEN), *kept({"control-layers": REFUTED}, data="cifar100")]
    assert texts(rows) and conclusions.SENTENCES["control-layers"][REFUTED] not in texts(rows)
    rows[0]["recorded"] = {**KEPT, "data": "cifar100"}
    assert texts(rows) == []


def test_every_sentence_of_a_conclusion_has_its_interval_and_n() -> None:
    found = findings.reasons(kept(SEEN))
    assert len(found) == len(conclusions.SENTENCES.keys() & SEEN.keys())
    assert all(reason.numbers == r"87 %: 0.200 \[0.100, 0.300\]; n = 5" for reason in found)


def test_settings_of_unequal_n_each_say_theirs() -> None:
    unequal = said(SUPPORTED, ("59 %", 0.1, None, 1), ("87 %", 0.2, [0.1, 0.3], 5))["findings"]
    found = findings.reasons(kept(SEEN, findings=unequal, n=1))
    assert all(r.numbers == r"59 %: 0.100; 87 %: 0.200 \[0.100, 0.300\], n = 5; n = 1" for r in found)


@pytest.mark.thorough
def test_three_earlier_papers_stand_beside_what_was_found() -> None:
    base = values.gather([], {}, [], [])
    rows = [
        {**item, "paper": "this companion", "where": ""}
        for item in kept({r[2]: SUPPORTED for r in conclusions.RELATIVES})
    ]
    text = templates.write(home(), "findings.md", {**base, "claims": evidence.gather(rows)})
    items = [item for item in text.split("\n- ") if item.startswith("**") and "et al." in item]
    assert len(items) == len(conclusions.RELATIVES)
    assert all("[supported]{.verdict .supported}" in item for item in items)
