"""Recorded results done again: where the numbers land."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.cli import main
from distilled_pruning.errors import InputError
from distilled_pruning.study import repeat, runner
from distilled_pruning.study.entry import Result
from distilled_pruning.study.instruments import Connect
from distilled_pruning.study.jobs import Job
from distilled_pruning.study.parameters import LIVE, resolve
from distilled_pruning.study.runner import Context
from distilled_pruning.study.section import Section
from distilled_pruning.study.store import Store
from distilled_pruning.study.targets import Target
from pretend import keep, perform

S4 = "s4-stability"
SIZE = [("dataset", "digits"), ("image_size", "16"), ("methods", "dense"), ("seeds", "3")]


@pytest.fixture
def section(tmp_path: Path) -> Section:
    """Barriers of three dense networks, recorded in a folder of their own."""
    there = Section(resolve(S4, SIZE, "reduced"), Store(tmp_path / "store"))
    keep(there, "barriers", there.jobs("barriers"), tmp_path / "kept")
    return there


def again(section: Section, folder: Path, done: Any = perform) -> list[repeat.Landing]:
    jobs = section.jobs("barriers")[:1]
    (fresh,) = repeat.afresh([Target(section, jobs)], Store(folder / "again"), folder / "kept")
    assert len(runner.run(jobs, fresh.store, perform=done).done) == 3, (
        "the line and both its ends, none of them recorded"
    )
    return repeat.landings([fresh], {job.key for job in jobs}, folder / "kept")


def test_the_same_work_lands_inside(section: Section, tmp_path: Path) -> None:
    found = again(section, tmp_path)
    assert {item.measure for item in found} == {"barrier", "error_rise", "end_loss", "accuracy"}
    assert all(item.n == 3 and item.init == 0 and item.ticket["method"] == "dense" for item in found)
    barrier = next(item for item in found if item.measure == "barrier")
    assert barrier.value == pytest.approx(0.5) and barrier.inside
    assert "inside" in str(barrier) and "n = 3" in str(barrier)


def test_other_work_lands_outside(section: Section, tmp_path: Path) -> None:
    def higher(job: Job, context: Context) -> Result:
        found = perform(job, context)
        return Result({**found.metrics, "barrier": 5.0}, found.arrays) if isinstance(job, Connect) else found

    barrier = next(item for item in again(section, tmp_path, higher) if item.measure == "barrier")
    assert barrier.inside is False and "OUTSIDE" in str(barrier)


def test_numbers_of_other_doses_are_not_mixed() -> None:
    def dose(steps: int, values: list[float]) -> pd.DataFrame:
        return pd.DataFrame({"method": "imp", "steps": steps, "init": range(3), "barrier": values, "key": "k"})

    kept = pd.concat([dose(100, [0.1, 0.2, 0.3]), dose(500, [5.1, 5.2, 5.3])])
    found = list(repeat.compared("dose", dose(500, [5.2, 5.2, 0.2]), kept, {"k"}))
    assert [item.inside for item in found] == [True, True, False]
    assert found[0].interval is not None and found[0].interval[0] > 4 and found[0].n == 3


def test_what_was_never_recorded_is_refused(section: Section, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no figure has recorded numbers"):
        repeat.landings([section], {section.jobs("barriers")[0].key}, tmp_path / "empty")


def test_what_is_not_recorded_is_refused_before_any_work(section: Section, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of these results is recorded"):
        repeat.afresh([Target(section, section.jobs("barriers"))], Store(tmp_path / "again"), tmp_path / "empty")


def test_live_is_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="-f reduced"):
        repeat.afresh([Target(Section(resolve(S4)), [])], Store(None))
    assert resolve(S4).scale == LIVE
    assert main(["repeat", "barriers"]) == 2
    assert "nothing is recorded of live scale: add -f reduced or -f paper" in capsys.readouterr().err
