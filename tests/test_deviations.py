"""The page of deviations: its effects are written from the ledger and from frames, and say when there is no number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.study.book import deviations, evidence, templates
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.judging import judgement
from distilled_pruning.study.parameters.notebooks import home
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections import registry as experiments
from distilled_pruning.study.sections.section import Section
from pretend import fill
from test_claims import lines


def frame(**columns: Any) -> pd.DataFrame:
    """Two retrainings of each of three initialisations, by IMP and by distilled pruning."""
    named = {"dataset": "digits", "model": "convnet3", "setting": "equal rate", "level": 9, "collapsed": False}
    rows = [
        {**named, "method": method, "init": init, "accuracy": 0.9 + 0.02 * init + 0.01 * order, **columns}
        for method in ("imp", "distilled")
        for init in range(3)
        for order in range(2)
    ]
    return pd.DataFrame(rows)


def test_effects_of_claims_carry_verdict_interval_seeds_scale_and_data() -> None:
    barriers = lines().assign(dataset="cifar100")
    judged = judgement.judge({"barriers": barriers}, "reduced")
    rows = [judgement.row(found, found if found.claim.id == "mask-bug" else None) for found in judged]
    found = evidence.gather(rows)
    page = '{% from "parts/evidence.md" import effect with context %}{{ effect(item) }}'
    write = templates.environment(home()).from_string(page)
    text = write.render(item=found["dense-unstable-conv"])
    assert text.startswith(":Effect: ") and "\n" not in text
    assert "[reproduced]{.verdict .reproduced} ✓ dense: +20.0 points" in text
    assert "(reduced, n = 5, CIFAR-100 in place of CIFAR-10)" in text and "#claim-dense-unstable-conv" in text
    assert write.render(item=found["dense-unstable-r18"]) == ":Effect: Not measured yet."


def test_spread_is_over_initialisations_and_within_them() -> None:
    """Means .905, .925, .945 have a deviation of 2 points; pairs a hundredth apart have one of .71."""
    text = deviations.effects({"fig2": frame()}, "live")["spread"]
    assert text.count("2.00 points over 3 initialisations, 0.71 over the retrainings of one") == 2
    assert text.endswith("(live).")


def test_zeros_are_a_factor_with_its_interval() -> None:
    table = frame(std=0.5, std_nonzero=1.0)
    table.loc[table["init"] == 0, "std_nonzero"] = 1.3
    text = deviations.effects({"hessian": table}, "live")["zeros"]
    assert "IMP 2.20 ± 0.86 times, n = 3" in text
    gone = deviations.effects({"hessian": table.assign(collapsed=True)}, "live")["zeros"]
    assert gone == "", "a collapsed ticket is smooth for the wrong reason"


def test_the_highest_point_is_compared_with_the_rise_halfway() -> None:
    table = lines().assign(barrier=0.2, maximum=0.25)
    text = deviations.effects({"barriers": table}, "live")["maximum"]
    assert (
        "35 lines" in text and "by 0.050 nats on average and 0.050 at most; the rises themselves average 0.200" in text
    )


def test_counting_follows_from_the_jobs_of_the_papers_settings() -> None:
    """300 epochs of 50,000 against 1000 of 100 stored, 400 decoded images; 782 steps an epoch against 7."""
    text = deviations.effects({})["counting"]
    assert "150.0 times fewer stored images, 37.5 times fewer decoded images, 33.5 times fewer optimiser steps" in text


@pytest.mark.parametrize("name", ["spread", "maximum", "zeros"])
def test_without_results_the_page_says_so(name: str) -> None:
    assert deviations.effects({})[name] == ""
    empty = {frame: pd.DataFrame() for frame in ("fig2", "barriers", "hessian")}
    assert deviations.effects(empty)[name] == ""


def test_effects_read_the_frames_that_experiments_make(tmp_path: Path) -> None:
    """The columns are those of real frames."""
    small = [("levels", "4"), ("measured_levels", "4"), ("seeds", "3")]
    frames: dict[str, pd.DataFrame] = {}
    for name in ("s3-distilled-pruning", "s4-stability", "s4-2-hessian"):
        section = Section(resolve(name, small), Store(tmp_path))
        fill(section)
        frames |= section.frames()
    assert {"fig2", "barriers", "hessian"} <= frames.keys() <= experiments.EXPERIMENTS.keys()
    parts = deviations.effects(frames, "live")
    assert all(parts[name] != "" for name in ("spread", "maximum", "zeros"))
