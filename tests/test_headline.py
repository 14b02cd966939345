"""The answer to the question of the controls is one sentence, and three pages say the same one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from distilled_pruning.study.book import conclusions, pages, templates, values
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.judging import ledger
from distilled_pruning.study.parameters.notebooks import home, source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections.section import Section
from pretend import fill

METHODS = "dense,imp,distilled,random-real,real-short"
SMALL = {
    "methods": METHODS, "main_methods": METHODS,
    "measured_levels": "4,9", "inner_learning_rate": "0.3", "dose_steps": "40", "init_methods": "dense", "alphas": "3",
    "distiller": "random",
}  # fmt: skip
TOGETHER = "Taken together. "


def section(tmp_path: Path) -> Section:
    return Section(resolve("b-controls", list(SMALL.items())), Store(tmp_path / "store"))


def said(controls: Section) -> dict[str, str]:
    """What each page says, by page: the whole of welcome and findings, the last sentence of the controls."""
    rows = ledger.judge([controls]).rows()
    named = values.gather([controls], {controls.name: source(controls.name)}, rows, rows)
    found = {}
    for name in ("welcome", "findings"):
        found[name] = templates.write(home(), f"{name}.md", named)
    last, _ = conclusions.controls(controls).texts[-1]
    assert last.startswith(TOGETHER)
    return {**found, "controls": last.removeprefix(TOGETHER)}


@pytest.mark.thorough
def test_three_pages_give_the_recorded_answer(tmp_path: Path) -> None:
    found = said(section(tmp_path))
    answer = found["controls"]
    assert answer.startswith("Recorded (CIFAR-10, reduced scale): ") and conclusions.UNTOLD not in answer
    assert "it is not the distilled data" not in answer
    assert (found["welcome"].count(pages.plain(answer)), found["findings"].count(pages.plain(answer))) == (1, 2)


@pytest.mark.thorough
def test_three_pages_give_the_answer_of_this_run_where_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "by_scale", lambda root=None, only=None: {})
    controls = section(tmp_path)
    nothing = said(controls)
    assert (
        nothing["controls"] == f"So far {conclusions.UNTOLD}" and pages.plain(nothing["controls"]) in nothing["welcome"]
    )
    controls.store.prepare()
    fill(controls)
    controls.forget()
    found = said(controls)
    situated = re.match(r"This run \((?P<data>digits.*), custom: live.* scale\): ", found["controls"])
    assert situated, found["controls"]
    assert all(pages.plain(found["controls"]) in found[name] for name in ("welcome", "findings"))


def test_the_page_of_controls_ends_with_that_sentence() -> None:
    assert "conclusions.controls(page.section)" in source(conclusions.PAGE).read_text(encoding="utf-8")
