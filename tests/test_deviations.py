"""The page of deviations: its effects are written from the ledger and from frames, and say when there is no number."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.study.book import deviations
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.judging import claims, judgement
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections import registry as experiments
from distilled_pruning.study.sections.section import Section
from pretend import fill
from test_claims import lines

PAGE = Path(__file__).parent.parent / "book/deviations.md"
NONE = deviations.nothing()


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
    rows = [judgement.row(found, found if found.claim.id == "imp-unstable" else None) for found in judged]
    parts = deviations.parts(rows, {})
    text = parts["effect-dense-unstable-conv"]
    assert text.startswith(":Effect: ") and "\n" not in text
    assert re.search(r"\{\.verdict \.reproduced\} dense: \+20\.0 points", text)
    assert "(n = 5, reduced, cifar100 in place of cifar10)" in text and "`dense-unstable-conv`" in text
    assert parts["effect-imp-unstable"].count("n = 5") == 2, "recorded and this run"
    assert parts["effect-dense-unstable-r18"] == NONE


def test_spread_is_over_initialisations_and_within_them() -> None:
    """Means .905, .925, .945 have a deviation of 2 points; pairs a hundredth apart have one of .71."""
    text = deviations.parts([], {"fig2": frame()}, "live")["effect-spread"]
    assert text.count("2.00 points over 3 initialisations, 0.71 over the retrainings of one") == 2
    assert text.endswith("(live).")


def test_zeros_are_a_factor_with_its_interval() -> None:
    table = frame(std=0.5, std_nonzero=1.0)
    table.loc[table["init"] == 0, "std_nonzero"] = 1.3
    text = deviations.parts([], {"hessian": table}, "live")["effect-zeros"]
    assert "IMP 2.20 [1.34, 3.06] times, n = 3" in text
    gone = deviations.parts([], {"hessian": table.assign(collapsed=True)}, "live")["effect-zeros"]
    assert gone == NONE, "a collapsed ticket is smooth for the wrong reason"


def test_the_highest_point_is_compared_with_the_rise_halfway() -> None:
    table = lines().assign(barrier=0.2, maximum=0.25)
    text = deviations.parts([], {"barriers": table}, "live")["effect-maximum"]
    assert (
        "35 lines" in text and "by 0.050 nats on average and 0.050 at most; the rises themselves average 0.200" in text
    )


def test_counting_follows_from_the_jobs_of_the_papers_settings() -> None:
    """300 epochs of 50,000 against 1000 of 100 stored, 400 decoded images; 782 steps an epoch against 7."""
    text = deviations.parts([], {})["effect-counting"]
    assert "150.0 times fewer stored images, 37.5 times fewer decoded images, 33.5 times fewer optimiser steps" in text


@pytest.mark.parametrize("name", ["spread", "maximum", "zeros"])
def test_without_results_the_page_says_so(name: str) -> None:
    assert deviations.parts([], {})[f"effect-{name}"] == NONE
    empty = {frame: pd.DataFrame() for frame in ("fig2", "barriers", "hessian")}
    assert deviations.parts([], empty)[f"effect-{name}"] == NONE


def test_effects_read_the_frames_that_experiments_make(tmp_path: Path) -> None:
    """The columns are those of real frames."""
    small = [("levels", "4"), ("measured_levels", "4"), ("seeds", "3")]
    frames: dict[str, pd.DataFrame] = {}
    for name in ("s3-distilled-pruning", "s4-stability", "s4-2-hessian"):
        section = Section(resolve(name, small), Store(tmp_path))
        fill(section)
        frames |= section.frames()
    assert {"fig2", "barriers", "hessian"} <= frames.keys() <= experiments.EXPERIMENTS.keys()
    parts = deviations.parts([], frames, "live")
    assert all(parts[f"effect-{name}"] != NONE for name in ("spread", "maximum", "zeros"))


def test_every_effect_of_its_own_is_on_the_page() -> None:
    asked = set(re.findall(r"<!-- generated: (effect-[a-z0-9-]+) -->", PAGE.read_text(encoding="utf-8")))
    own = set(deviations.parts([], {})) - {f"effect-{claim.id}" for claim in claims.claims()}
    assert own <= asked
