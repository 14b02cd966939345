"""The campaign: rules written before their runs, and read as they say."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distilled_pruning import disk
from distilled_pruning.errors import InputError
from distilled_pruning.study.campaign import rules as campaign_rules
from distilled_pruning.study.campaign import scale
from distilled_pruning.study.campaign import steps as campaign
from distilled_pruning.study.engine.entry import lines, sha256
from distilled_pruning.study.parameters.cells import home
from distilled_pruning.study.parameters.fields import written
from distilled_pruning.study.parameters.presets import UNCOUNTED, bases
from distilled_pruning.study.results.recorded import FRAMES, INDEX, Record, Recorded, index
from distilled_pruning.study.sections.common.style import NARROW
from distilled_pruning.study.sections.registry import EXPERIMENTS

STEPS = campaign.read_steps()


def keep(root: Path, preset: str, rows: list[dict[str, Any]]) -> Record:
    """Record a frame of barriers under a preset."""
    parameters = {n: written(v) for n, v in bases("s4-stability")[preset].items() if n not in UNCOUNTED}
    whole = [{"level": 9, "rate": 0.03, "collapsed": False, "barrier": 0.1, "accuracy": 0.5, **row} for row in rows]
    content = lines({name: [row[name] for row in whole] for name in whole[0]})
    name = f"barriers-{preset.replace('/', '-')}.json"
    disk.write_whole({root / FRAMES / name: content})
    return Record("barriers", "reduced", parameters, (), {}, (name, sha256(content)), {}, 0.0)


def cells(root: Path, **presets: list[dict[str, Any]]) -> campaign.Cells:
    """Give the recorded cells of some presets, by their names without the scale."""
    records = [
        keep(root, "reduced" if n == "main" else f"reduced/{n.replace('_', '-')}", r) for n, r in presets.items()
    ]
    disk.write_whole({root / INDEX: index(records)})
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


def test_a_rise_below_two_points_at_both_levels_upholds_the_paper(tmp_path: Path) -> None:
    steady = [*rows("published", 0.010, 0.012, 0.011), *rows("published", 0.009, 0.010, 0.011, level=4)]
    (_, findings), *_ = campaign_rules.answer(step(1), cells(tmp_path, papers_rate=steady))
    assert [finding.verdict for finding in findings] == ["reproduced"] * 2 + ["not run"] * 2
    assert "87 %: +1.1 [0.9, 1.3] points, n = 3: ✓ holds" in campaign_rules.describe(findings[1], 1, 0)


def test_five_initialisations_count_before_three(tmp_path: Path) -> None:
    three, five = rows("published", 0.01, 0.01, 0.011), rows("published", 0.03, 0.03, 0.031, 0.03, 0.03)
    (_, findings), *_ = campaign_rules.answer(step(1), cells(tmp_path, papers_rate=three, papers_rate_more=five))
    assert (findings[1].n, findings[1].verdict) == (5, "contradicted")


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


def test_collapsed_tickets_are_no_evidence(tmp_path: Path) -> None:
    found = cells(tmp_path, shuffled=rows("shuffled", 0.0, 0.0, 0.0, collapsed=True))
    assert found.values("reduced/shuffled", "shuffled", 9) == {}


def test_a_page_shows_rules_results_and_what_is_to_come(tmp_path: Path) -> None:
    table = campaign_rules.show(step(1), cells(tmp_path, papers_rate=rows("published", 0.01, 0.012, 0.011)))
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
    frames = [pd.DataFrame(recorded.frame(record)) for record in recorded.records("barriers")]
    kept = [frame[~frame["collapsed"].astype(bool)] for frame in frames]
    assert len(found) == sum(len(frame.groupby(["method", "level", "init", "rate"], dropna=False)) for frame in kept)
    dense = found[(found["method"] == "dense") & found["regime"].str.contains("ConvNet-3\nwidth 16\n15 epochs at 0.03")]
    assert dense["error_rise"].mean() == pytest.approx(26.0, abs=0.1), "in points, as the ledger says"
    figure = scale.draw_scale(found, "stamp")
    assert [ax.get_title(loc="left") for ax in figure.axes] == list(
        found.groupby("regime")["series"].nunique().sort_values(ascending=False, kind="stable").index
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:2] == ["Dense", "IMP"]
    phone = scale.draw_scale(found, "stamp", NARROW)
    assert [ax.get_title(loc="left") for ax in phone.axes] == [ax.get_title(loc="left") for ax in figure.axes]
    assert all(name in phone.get_label() for name in ("ResNet-18", "Dense 26.0", "All real images, few steps 0.1"))


def test_without_recorded_lines_the_figure_says_so(tmp_path: Path) -> None:
    assert scale.read_regimes(Recorded(tmp_path)).empty
    assert not scale.draw_scale(scale.read_regimes(Recorded(tmp_path)), "stamp").axes
