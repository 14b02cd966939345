"""The campaign: rules written before their runs, and read as they say."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distilled_pruning import disk
from distilled_pruning.errors import InputError
from distilled_pruning.study.campaign import images, rules as campaign_rules, scale, sets, steps as campaign
from distilled_pruning.study.campaign.answers import QUESTIONS, list_questions
from distilled_pruning.study.engine.entry import dump_lines, sha256
from distilled_pruning.study.parameters.fields import as_text
from distilled_pruning.study.parameters.notebooks import home
from distilled_pruning.study.parameters.presets import UNCOUNTED, bases
from distilled_pruning.study.results.recorded import FRAMES, INDEX, Record, Recorded, write_index
from distilled_pruning.study.sections.common.style import NARROW, WIDTH
from distilled_pruning.study.sections.registry import EXPERIMENTS

STEPS = campaign.read_steps()


def keep(root: Path, preset: str, rows: list[dict[str, Any]], figure: str = "barriers") -> Record:
    """Record a frame under a preset."""
    given = bases(EXPERIMENTS[figure].notebook)[preset]
    parameters = {n: as_text(v) for n, v in given.items() if n not in UNCOUNTED}
    whole = [{"level": 9, "rate": 0.03, "collapsed": False, "barrier": 0.1, "accuracy": 0.5, **row} for row in rows]
    content = dump_lines({name: [row[name] for row in whole] for name in whole[0]})
    name = f"{figure}-{preset.replace('/', '-')}.json"
    disk.write_whole({root / FRAMES / name: content})
    return Record(figure, "reduced", parameters, (), {}, (name, sha256(content)), {}, 0.0)


def cells(root: Path, **presets: list[dict[str, Any]]) -> campaign.Cells:
    """Give the recorded cells of some presets, by their names without the scale."""
    records = [
        keep(root, "reduced" if n == "main" else f"reduced/{n.replace('_', '-')}", r) for n, r in presets.items()
    ]
    disk.write_whole({root / INDEX: write_index(records)})
    return campaign.Cells(Recorded(root))


def rows(method: str, *rises: float, level: int = 9, **more: float) -> list[dict[str, Any]]:
    return [{"method": method, "init": i, "level": level, "error_rise": rise, **more} for i, rise in enumerate(rises)]


def step(number: int) -> campaign.Step:
    return next(step for step in STEPS if step.number == number)


def test_every_cell_names_a_preset_and_every_rule_is_read() -> None:
    for found in STEPS:
        for cell in found.cells:
            target, _, preset = cell.partition(" -f ")
            notebook = EXPERIMENTS[target].notebook if target in EXPERIMENTS else target
            assert preset in bases(notebook)
        assert set(found.recorded) <= set(found.cells)
        assert len(campaign_rules.RULES[found.number]) in (
            len(found.rules),
            len(found.rules) - 1,
        )  # one may be "otherwise"


@pytest.mark.parametrize("found", STEPS, ids=lambda found: str(found.number))
def test_rules_stand_as_they_were_committed_before_the_runs(found: campaign.Step) -> None:
    commit, date = found.registered
    shown = subprocess.run(
        ["git", "show", f"{commit}:{campaign.FILE}"], cwd=home(), capture_output=True, text=True, check=False
    )
    if shown.returncode:
        pytest.skip(f"the history here does not reach back to {commit}")
    text = re.sub(r"(number = \d+\n)(?!registered)", rf'\1registered = ["{commit}", {date}]\n', shown.stdout)
    then = next(item for item in campaign.read_steps(text) if item.number == found.number)
    assert {**asdict(then), "recorded": ()} == {**asdict(found), "recorded": ()}


def test_every_rule_is_asked_in_plain_words() -> None:
    asked = {number: len(questions) for number, questions in QUESTIONS.items()}
    assert asked == {number: len(rules) for number, rules in campaign_rules.RULES.items()}


def test_a_question_is_answered_for_each_setting_by_its_rule(tmp_path: Path) -> None:
    steady = [*rows("published", 0.010, 0.012, 0.011), *rows("published", 0.03, 0.031, 0.032, level=4)]
    text = list_questions(cells(tmp_path, papers_rate=steady), first=True)
    assert (
        "- Are subnetworks from the strongest published set (MTT) stable, as the papers say? (n = 3) "
        '**Yes:** <span class="where">papers\' rate, 87 %: +1.1 points \\[0.9, 1.3\\].</span> '
        '**No:** <span class="where">papers\' rate, 59 %: +3.1 points \\[2.9, 3.3\\].</span>'
    ) in text
    assert "as accurate as IMP’s" not in text and "Not computed yet: Gentle inner loops" in text


def test_an_answer_of_fewer_initialisations_says_their_number(tmp_path: Path) -> None:
    five = rows("published", 0.03, 0.03, 0.031, 0.03, 0.03)
    three = [*five, *rows("published", 0.03, 0.031, 0.032, level=4)]
    text = list_questions(cells(tmp_path, papers_rate_more=three, whitened=five), first=True)
    asked = next(line for line in text.splitlines() if "MTT" in line)
    assert "(n = 5)" in asked and asked.count("n = ") == 2 and "59 %: +3.1 points \\[2.9, 3.3\\], n = 3" in asked


def test_of_many_settings_that_agree_the_least_and_the_greatest_are_written(tmp_path: Path) -> None:
    many = {
        "permuted": [row for level in (4, 9) for row in rows("mislabelled", 0.1, 0.101, 0.102, level=level)],
        "shuffled": [row for level in (4, 9) for row in rows("shuffled", 0.2, 0.201, 0.202, level=level)],
        "untrained": [
            row
            for way, top in (("magnitude", 0.3), ("random", 0.2), ("snip", 0.25))
            for row in rows(way, top, top, top + 0.003, level=4)
        ],
    }
    text = list_questions(cells(tmp_path, **many), first=True)
    asked = next(line for line in text.splitlines() if "no inner loop" in line)
    assert "**No:**" in asked and "7 settings, least permuted labels, 59 %: +10.1 points" in asked
    assert "; greatest Magnitude at initialisation, 59 %: +30.1 points" in asked and "huffled" not in asked


def test_an_answer_on_sets_says_how_accurate_their_networks_are(tmp_path: Path) -> None:
    kept = campaign.Cells(Recorded(home() / "results"))
    own, shared = (kept.own_accuracy(preset, "distilled", campaign.RATE) for preset in ("reduced/own-sets", "reduced"))
    assert own is not None and shared is not None and 0.28 < own < shared < 0.45, (
        "three hundred steps against a thousand"
    )
    asked = next(
        line for line in list_questions(kept, first=True).splitlines() if "a distilled set of its own? " in line
    )
    assert (
        f"these sets {100 * own:.1f} %, the one shared set {100 * shared:.1f} %, a hundred random real images" in asked
    )
    few = cells(tmp_path, own_sets=rows("distilled", 0.1, 0.1, 0.1))
    assert few.own_accuracy("reduced/own-sets", "distilled", campaign.RATE) is None
    asked = next(
        line for line in list_questions(few, first=True).splitlines() if "a distilled set of its own? " in line
    )
    assert "before pruning" not in asked


def test_a_rise_below_two_points_at_both_levels_upholds_the_paper(tmp_path: Path) -> None:
    steady = [*rows("published", 0.010, 0.012, 0.011), *rows("published", 0.009, 0.010, 0.011, level=4)]
    (_, findings), *_ = campaign_rules.answer(step(1), cells(tmp_path, papers_rate=steady))
    assert [finding.verdict for finding in findings] == ["reproduced"] * 2 + ["not run"] * 2
    assert "87 %: +1.1 points [0.9, 1.3], n = 3: ✓ holds" in campaign_rules.describe(findings[1])


def test_five_initialisations_count_before_three(tmp_path: Path) -> None:
    three, five = rows("published", 0.01, 0.01, 0.011), rows("published", 0.03, 0.03, 0.031, 0.03, 0.03)
    (_, findings), *_ = campaign_rules.answer(step(1), cells(tmp_path, papers_rate=three, papers_rate_more=five))
    assert (findings[1].n, findings[1].verdict) == (5, "contradicted")


def test_differences_too_take_five_initialisations_before_three(tmp_path: Path) -> None:
    three = [
        *rows("published", 0.05, 0.15, 0.25),
        *rows("real-short", 0.01, 0.11, 0.21),
        *rows("random-real", 0.1, 0.2, 0.3),
    ]
    five = [*rows("published", *[0.05] * 5), *rows("real-short", 0.01, 0.02, 0.03, 0.02, 0.01)]
    _, (_, fewer), (_, random), *_ = campaign_rules.answer(
        step(1), cells(tmp_path, papers_rate=three, papers_rate_more=five)
    )
    assert (fewer[1].n, fewer[1].value) == (5, pytest.approx(0.032))
    assert (random[1].n, random[1].value) == (3, pytest.approx(-0.15))


def test_differences_are_paired_by_initialisation(tmp_path: Path) -> None:
    found = cells(tmp_path, papers_rate=[*rows("published", 0.05, 0.15, 0.25), *rows("real-short", 0.01, 0.11, 0.21)])
    _, (_, findings), *_ = campaign_rules.answer(step(1), found)
    assert findings[1].verdict == "reproduced" and findings[1].value == pytest.approx(0.04)


def test_the_barrier_falls_with_the_number_of_images(tmp_path: Path) -> None:
    """One tenth of a nat less for ten times the images: a slope of -.1, worked out by hand."""
    counts = {"main": 2.0, "real_400": 2.60206, "real_2000": 3.30103, "real_10000": 4.0}
    parts = {
        name: [{**row, "barrier": 0.7 - 0.1 * log + 0.001 * row["init"]} for row in rows("random-real", 0.1, 0.1, 0.1)]
        for name, log in counts.items()
    }
    parts["main"] += [
        {**row, "barrier": 0.7 - 0.1 * 4.50515 + 0.001 * row["init"]} for row in rows("real-short", 0, 0, 0)
    ]
    (_, findings), *_ = campaign_rules.answer(step(3), cells(tmp_path, **parts))
    assert findings[1].value == pytest.approx(-0.1, abs=1e-5) and findings[1].n == 3
    assert findings[0].verdict == "not run"
    assert "87 %: −0.100 nats for ten times the images, n = 3: ✓ holds" in campaign_rules.describe(findings[1])


def curve(method: str, rewind: int, *accuracies: float, first: int = 1) -> list[dict[str, Any]]:
    """Three initialisations of one way, an accuracy for each level; its sparsity is that of fifths."""
    return [
        {
            "dataset": "digits", "model": "convnet3", "method": method, "rewind": rewind, "init": init, "level": level,
            "sparsity": 1 - 0.8**level, "accuracy": accuracy + 0.001 * init, "setting": "",
        }
        for init in range(3)
        for level, accuracy in enumerate(accuracies, first)
    ]  # fmt: skip


@pytest.mark.parametrize(("drop", "verdict"), [(0.004, "reproduced"), (0.006, "contradicted")])
def test_imp_has_tickets_past_sixty_per_cent_or_has_not(drop: float, verdict: str, tmp_path: Path) -> None:
    """Level 5 is 67 % sparse: half a point below dense is the edge."""
    flat = [0.9, 0.9, 0.9, 0.9, 0.9 - drop, *[0.5] * 9]
    kept = keep(tmp_path, "reduced/digits32", [*curve("dense", 0, 0.9, first=0), *curve("imp", 0, *flat)], "fig7")
    disk.write_whole({tmp_path / INDEX: write_index([kept])})
    (_, found), *_ = campaign_rules.answer(step(13), campaign.Cells(Recorded(tmp_path)))
    assert [finding.verdict for finding in found] == [verdict]
    assert "% sparse" in campaign_rules.describe(found[0])


@pytest.mark.parametrize(("gap", "verdict"), [(0.009, "reproduced"), (0.011, "contradicted")])
def test_short_rounds_do_as_well_within_a_point(gap: float, verdict: str, tmp_path: Path) -> None:
    """Levels 10 to 14 of 14 count, those before do not."""
    late = [0.1, *[0.8] * 5]
    both = [*curve("combined", 0, *late, first=9), *curve("short-combined", 0, *[x - gap for x in late], first=9)]
    imps = [*curve("imp", 0, *[0.9] * 9, *[0.7] * 5), *curve("imp", 1, *[0.9] * 9, *[0.795] * 5)]
    kept = keep(tmp_path, "reduced/digits64", [*curve("dense", 0, 0.9, first=0), *both, *imps], "fig7")
    disk.write_whole({tmp_path / INDEX: write_index([kept])})
    _, helps, rewinding, cheaper = campaign_rules.answer(step(13), campaign.Cells(Recorded(tmp_path)))
    assert [found[0].verdict for _, found in (helps, rewinding, cheaper)] == ["reproduced", "reproduced", verdict]
    assert helps[1][0].value == pytest.approx(0.1)


def test_the_first_paper_is_judged_cell_by_cell(tmp_path: Path) -> None:
    """Levels 4 and 9: two points below IMP is near, and far above random."""
    rows = [
        {**row, "ipc": 10 if row["method"] == "distilled" else 0, "dataset": "cifar10", "model": "alexnet", "order": 0}
        for method, accuracy in (("dense", 0.8), ("imp", 0.7), ("distilled", 0.68), ("random", 0.5))
        for row in curve(method, int(method == "imp"), *[accuracy] * 9)
    ]
    kept = keep(tmp_path, "reduced/alexnet", rows, "first-accuracy")
    disk.write_whole({tmp_path / INDEX: write_index([kept])})
    (_, found), (_, stability), (_, hundred) = campaign_rules.answer(step(10), campaign.Cells(Recorded(tmp_path)))
    assert {finding.verdict for finding in found} == {"reproduced"} and len(found) == 4
    assert all(finding.n == 0 for finding in (*stability, *hundred))


def test_collapsed_tickets_are_no_evidence(tmp_path: Path) -> None:
    found = cells(tmp_path, shuffled=rows("shuffled", 0.0, 0.0, 0.0, collapsed=True))
    assert found.values("reduced/shuffled", "shuffled", 9) == {}


def test_a_page_shows_rules_results_and_what_is_to_come(tmp_path: Path) -> None:
    waiting = replace(step(1), recorded=())
    table = campaign_rules.show(waiting, cells(tmp_path, papers_rate=rows("published", 0.01, 0.012, 0.011)))
    text = repr(table)
    assert "d70240e of 28 November 2026" in text and "n = 3: ✓ holds" in text and "not recorded yet" in text
    assert "distilled-pruning run s4-stability -f reduced/whitened" in text


def test_a_damaged_campaign_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"does not hold the campaign's steps .*: restore it from git"):
        campaign.read_steps("[[step]]\nnumber = 1")
    with pytest.raises(InputError, match="restore it from git"):
        campaign.read_steps("no toml [")


def test_the_index_is_json() -> None:
    assert json.loads((home() / "results" / INDEX).read_text())["records"]


def test_every_recorded_regime_is_a_panel_with_all_its_ways() -> None:
    recorded = Recorded(home() / "results")
    found = scale.read_regimes(recorded)
    frames = [pd.DataFrame(recorded.frame(record)) for record in recorded.records("barriers") if record.frame]
    kept = [frame[~frame["collapsed"].astype(bool)] for frame in frames]
    by = ["method", "level", "init", "rate"]
    means = pd.concat([frame.groupby(by, dropna=False, as_index=False)["error_rise"].mean() for frame in kept])
    assert len(found) == len(means.drop_duplicates()), "what two presets share is one row"
    dense = found[(found["method"] == "dense") & found["regime"].str.contains("ConvNet-3\nwidth 16\n15 epochs at 0.03")]
    assert dense["error_rise"].mean() == pytest.approx(26.0, abs=0.1), "in points, as the ledger says"
    drawn = set(found.loc[found["method"] == "random-real", "series"])
    assert {"Random real images", "Random real images (40 per class)"} <= drawn, "of another number are another row"
    permuted = found.loc[found["method"] == "mislabelled", "series"]
    assert set(permuted) == {"Real images, labels permuted"}, "of all real images, not of distilled ones"
    loops = set(found.loc[found["method"] == "real-short", "series"])
    assert {"All real images, few steps", "All real images (11,730 steps, rate 0.003)"} <= loops, "which are not few"
    common = scale.select_common(found)
    assert set(common["regime"]) == set(found["regime"])
    assert common["usual"].all() and (common.groupby("method")["regime"].nunique() > 1).all()
    figure = scale.draw_scale(common, "stamp")
    regimes = [ax.get_title(loc="left") for ax in figure.axes]
    assert regimes == list(
        common.groupby("regime")["series"].nunique().sort_values(ascending=False, kind="stable").index
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:2] == ["Dense", "IMP"]
    for first in range(0, len(regimes), 3):
        named = {label.get_text() for label in figure.axes[first].get_yticklabels()}
        assert named == set(common.loc[common["regime"].isin(regimes[first : first + 3]), "series"]), "no empty row"
    phone = scale.draw_scale(common, "stamp", NARROW)
    assert [ax.get_title(loc="left") for ax in phone.axes] == regimes
    assert all(name in phone.get_label() for name in ("ResNet-18", "Dense 26.0", "All real images, few steps 0.1"))
    widest = scale.select_widest(found)
    assert widest["regime"].nunique() == 1
    assert widest["series"].nunique() == found.groupby("regime")["series"].nunique().max()
    assert {"Shuffled in layers", "All real images, few steps (rate 0.1)"} <= set(widest["series"])


def test_without_recorded_lines_the_figure_says_so(tmp_path: Path) -> None:
    assert scale.read_regimes(Recorded(tmp_path)).empty
    nothing = scale.read_regimes(Recorded(tmp_path))
    for chosen in (scale.select_common(nothing), scale.select_widest(nothing)):
        assert not scale.draw_scale(chosen, "stamp").axes


def test_stability_over_the_number_of_images_is_drawn_from_the_cells_that_the_rule_reads() -> None:
    kept = campaign.Cells(Recorded(home() / "results"))
    frame = images.read_images(kept)
    real = frame[frame["series"] == images.REAL]
    assert real.groupby(["level", "images"]).size().to_dict() == {
        (level, n): 5 for level in campaign.LEVELS for n in (100, 400, 2_000, 10_000, 32_000)
    }
    for n, preset, method in images.SOURCES[images.REAL]:
        drawn = real[(real["images"] == n) & (real["level"] == 9)].set_index("init")
        assert (drawn["error_rise"] / 100).to_dict() == pytest.approx(kept.values(preset, method, 9))
        assert drawn["barrier"].to_dict() == pytest.approx(kept.values(preset, method, 9, "barrier"))
    for width, shape in ((WIDTH, (2, 0)), (NARROW, (2, 1))):
        figure = images.draw_images(frame, "stamp", width)
        assert [ax.get_title(loc="left") for ax in figure.axes] == ["59 % sparse", "87 % sparse"]
        below = figure.axes[0].get_position().y0 > figure.axes[1].get_position().y1
        assert (len(figure.axes), int(below)) == shape
        first = figure.axes[0].get_lines()[0]
        assert list(first.get_xdata()) == [100, 400, 2_000, 10_000, 32_000]
        assert first.get_ydata()[0] == pytest.approx(
            real[(real["images"] == 100) & (real["level"] == 4)]["error_rise"].mean()
        )
        assert "59 % sparse, Real images: 100: 13.3" in figure.get_label()


def test_without_its_cells_that_figure_says_so(tmp_path: Path) -> None:
    nothing = images.read_images(campaign.Cells(Recorded(tmp_path)))
    assert nothing.empty and not images.draw_images(nothing, "stamp").axes


def test_where_distilled_sets_gave_stable_subnetworks_is_said_level_by_level(tmp_path: Path) -> None:
    low, high = (0.008, 0.009, 0.01), (0.06, 0.07, 0.08)
    apart = [*rows("distilled", *high, level=4), *rows("distilled", *low)]
    everywhere = [*rows("distilled", *low, level=4), *rows("distilled", *low)]
    none = cells(tmp_path / "none", own_sets=[*rows("distilled", *high, level=4), *rows("distilled", *high)])
    assert "did not appear here" in sets.say_stable(none) and not sets.say_briefly(none)
    part = cells(tmp_path / "part", own_sets=rows("distilled", *high), idc=apart)
    told = sets.say_stable(part)
    assert "appeared here in part. Of 2 kinds" in told and "IDC’s sets, 87 %: +0.9 points" in told
    assert "DM’s sets" not in told and "No kind did at both 59 % and 87 %" in told
    assert sets.say_briefly(part) == (
        "Of the other distilled sets tried, IDC’s sets give stable subnetworks at 87 % alone."
    )
    assert not sets.say_stable(cells(tmp_path / "all", idc=everywhere)), "the papers' effect, nothing to restrict"
    assert "did not appear here" in sets.say_stable(campaign.Cells(Recorded(tmp_path / "nothing")))


def test_more_initialisations_of_a_set_count_before_fewer(tmp_path: Path) -> None:
    three, five = (rows("published", *[0.01] * n, rate=0.01) for n in (3, 5))
    found = sets.find_stable(cells(tmp_path, papers_rate=three, papers_rate_more=five))
    assert [finding.n for judged in found.values() for finding in judged.values()] == [5]


def test_what_is_recorded_of_distilled_sets_is_what_the_figures_frames_say() -> None:
    kept = campaign.Cells(Recorded(home() / "results"))
    found = sets.find_stable(kept)
    assert {name for name, *_ in sets.TRIED} == found.keys()
    rises = kept.values("reduced/idc", "distilled", 9)
    assert found["IDC’s sets"][9].value == pytest.approx(sum(rises.values()) / 5)
