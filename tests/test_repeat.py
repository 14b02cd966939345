"""Recorded results done again: where the numbers land."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.cli import main
from distilled_pruning.errors import InputError
from distilled_pruning.study import repeat
from distilled_pruning.study.engine import runner
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Connect, Context, Job, Result
from distilled_pruning.study.parameters.presets import LIVE, resolve
from distilled_pruning.study.sections.section import Section
from distilled_pruning.study.sections.targets import Target
from pretend import keep, perform

S4 = "s4-stability"
SIZE = [("dataset", "digits"), ("image_size", "16"), ("line_images", "0"), ("methods", "dense"), ("seeds", "3")]


@pytest.fixture
def section(tmp_path: Path) -> Section:
    """Barriers of three dense networks, recorded in a folder of their own."""
    there = Section(resolve(S4, SIZE, "reduced"), Store(tmp_path / "store"))
    keep(there, "barriers", there.jobs("barriers"), tmp_path / "kept")
    return there


def again(section: Section, folder: Path, done: Any = perform) -> list[repeat.Landing]:
    jobs = section.jobs("barriers")[:1]
    (fresh,) = repeat.start_afresh([Target(section, jobs)], Store(folder / "again"), folder / "kept")
    assert len(runner.run(jobs, fresh.store, perform=done).done) == 3, (
        "the line and both its ends, none of them recorded"
    )
    return repeat.find_landings([fresh], {job.key for job in jobs}, folder / "kept")


def test_the_same_work_lands_inside(section: Section, tmp_path: Path) -> None:
    found = again(section, tmp_path)
    assert {item.measure for item in found} == {"barrier", "error_rise", "end_loss", "accuracy"}
    assert all(item.n == 3 and item.inits == (0,) and item.ticket["method"] == "dense" for item in found)
    barrier = next(item for item in found if item.measure == "barrier")
    assert barrier.value == barrier.recorded == pytest.approx(0.5) and barrier.inside
    assert all(part in str(barrier) for part in ("inside", "init 0", "recorded 0.5", "n = 3"))


def test_other_work_lands_outside(section: Section, tmp_path: Path) -> None:
    def higher(job: Job, context: Context) -> Result:
        found = perform(job, context)
        return Result({**found.metrics, "barrier": 5.0}, found.arrays) if isinstance(job, Connect) else found

    barrier = next(item for item in again(section, tmp_path, higher) if item.measure == "barrier")
    assert barrier.inside is False and "OUTSIDE" in str(barrier)


def dose(steps: int, values: dict[int, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"method": "imp", "steps": steps, "init": values.keys(), "barrier": values.values(), "key": "k"}
    )


def test_numbers_of_other_doses_are_not_mixed() -> None:
    kept = pd.concat([dose(100, {0: 0.1, 1: 0.2, 2: 0.3}), dose(500, {0: 5.1, 1: 5.2, 2: 5.3})])
    found = list(repeat._compare("dose", pd.concat([dose(500, {0: 5.2}), dose(100, {0: 5.2})]), kept, {"k"}))
    assert [(item.ticket["steps"], item.inside) for item in found] == [(500, True), (100, False)]
    assert found[0].interval is not None and found[0].interval[0] > 4 and found[0].n == 3


def test_one_initialisation_is_held_against_their_spread_and_all_against_their_mean() -> None:
    """By hand: 1, 2, 3 have mean 2 and deviation 1, and 97.5 % of Student's t with 2 degrees lie below 4.3027."""
    kept = dose(1, {0: 1.0, 1: 2.0, 2: 3.0})
    (one,) = repeat._compare("dose", dose(1, {2: 3.1}), kept, {"k"})
    (two,) = repeat._compare("dose", dose(1, {0: 1.0, 2: 3.1}), kept, {"k"})
    (whole,) = repeat._compare("dose", dose(1, {0: 1.1, 1: 2.0, 2: 3.2}), kept, {"k"})
    (fresh,) = repeat._compare("dose", dose(1, {3: 7.5}), kept, {"k"})
    assert one.interval == pytest.approx([2 - 4.3027 * (4 / 3) ** 0.5, 2 + 4.3027 * (4 / 3) ** 0.5], rel=1e-4)
    assert two.interval == pytest.approx([2 - 4.3027 * (5 / 6) ** 0.5, 2 + 4.3027 * (5 / 6) ** 0.5], rel=1e-4)
    assert whole.interval == pytest.approx([2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5], rel=1e-4)
    assert (one.recorded, two.recorded, whole.recorded, fresh.recorded) == (3.0, 2.0, 2.0, None)
    assert (one.value, two.value, whole.value) == pytest.approx((3.1, 2.05, 2.1))
    assert fresh.inside is False and "not recorded" in str(fresh)
    assert "inits 0, 2:" in str(two) and "inits 0 to 2:" in str(whole)


def test_what_was_never_recorded_is_refused(section: Section, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no figure has recorded numbers"):
        repeat.find_landings([section], {section.jobs("barriers")[0].key}, tmp_path / "empty")


def test_what_is_not_recorded_is_refused_before_any_work(section: Section, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of these results is recorded"):
        repeat.start_afresh([Target(section, section.jobs("barriers"))], Store(tmp_path / "again"), tmp_path / "empty")


def test_live_is_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="-f reduced"):
        repeat.start_afresh([Target(Section(resolve(S4)), [])], Store(None))
    assert resolve(S4).scale == LIVE
    assert main(["repeat", "barriers"]) == 2
    assert "nothing is recorded of live scale: add -f reduced or -f paper" in capsys.readouterr().err
