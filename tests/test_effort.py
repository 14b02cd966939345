"""What a page takes: measured where it was run, estimated elsewhere, with the command for the larger scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import effort, notebook, templates
from distilled_pruning.study.engine import machine
from distilled_pruning.study.engine.estimate import Estimate
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.parameters.notebooks import home
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections.section import Section
from pretend import fill

S4 = "s4-stability"
SMALL = {"levels": 1, "measured_levels": "1", "seeds": 1, "inner_learning_rate": "0.3", "methods": "dense,imp"}


@pytest.fixture
def page(tmp_path: Path) -> notebook.Page:
    """A page whose results are all there."""
    found = notebook.start(S4, {**SMALL, "store": str(tmp_path)})
    fill(found.section)
    return found


class Timed(Store):
    """A store whose every result took a quarter of a minute and as many megabytes as its level says."""

    def provenance(self, key: str) -> dict[str, Any] | None:
        found = super().provenance(key)
        return found and {**found, "seconds": 15.0, "memory_mb": 700 + int(key[0], 16), "device": machine.name("cpu")}


def test_what_was_measured_counts_as_it_was(page: notebook.Page) -> None:
    section = Section(page.parameters, Timed(page.section.store.root))
    found = effort.effort(section, Estimate("cpu"))
    assert found.minutes == pytest.approx(0.25 * len(section.graph)) and not found.rough
    assert 700 <= found.memory_mb < 716
    assert str(found).startswith(f"about {0.25 * len(section.graph):.1f} minutes, 7")


def test_what_was_not_is_estimated_and_said_to_be_rough(tmp_path: Path) -> None:
    section = Section(resolve(S4, list(SMALL.items())), Store(tmp_path))
    estimate = Estimate("cpu")
    found = effort.effort(section, estimate)
    assert found.rough and found.minutes == pytest.approx(
        (estimate.start + sum(estimate.needs(job).seconds for job in section.graph)) / 60
    )
    assert str(found).startswith("roughly ")


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (89.94, "about 89.9 minutes"),
        (120, "about 2 hours"),
        (72 * 60, "about 3 days"),
        (1440e4, "about 10\u202f000 days"),
    ],
)
def test_time_is_told_in_a_unit_that_suits_it(minutes: float, said: str) -> None:
    assert str(effort.Effort(minutes, 800, False)) == f"{said}, 800 MB of memory"


def test_the_plan_leads_to_the_larger_scales(page: notebook.Page) -> None:
    plan = page.plan()
    assert plan.after is not None
    entries = {term: str(content) for term, content in plan.after.entries}
    assert list(entries) == ["first run", "at reduced scale", "time there", "at paper scale"]
    assert entries["at reduced scale"] == (
        "papermill notebooks/s4-stability.ipynb out.ipynb -f notebooks/presets/reduced/s4-stability.yaml"
    )
    assert "time there" in plan._repr_html_() and "time there" in repr(plan)


def test_an_option_keeps_the_pages_other_parameters(page: notebook.Page) -> None:
    entries = {term: str(content) for term, content in page.option(measured_levels="all").entries}
    assert "-p levels 1 -p measured_levels all" in entries["run it"]
    more = {term: str(content) for term, content in page.option(levels=3, measured_levels="all").entries}
    assert more["run it"].endswith("-p levels 3 -p measured_levels all -p seeds 1 -p inner_learning_rate 0.3")
    with pytest.raises(InputError, match="did you mean 'levels'"):
        page.option(levls=3)


def test_a_page_without_the_data_of_its_larger_scale_still_opens(
    page: notebook.Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*arguments: Any, **options: Any) -> Any:
        raise InputError("cifar10 is not on this machine")

    monkeypatch.setattr(effort, "resolve", absent)
    entries = dict(effort.of_page(page.section).entries)
    assert entries["time there"] == "nobody knows before its data are on this machine"


def test_the_book_lists_every_page(page: notebook.Page) -> None:
    rows = effort.table([page.section], page.section.store)
    text = templates.write(home(), "rerun.md", {"efforts": rows, "parameters": {}})
    assert [row[0] for row in rows] == [S4] and rows[0][2] == "reduced"
    assert f"`{S4}`" in text and "-f notebooks/presets/reduced/s4-stability.yaml" in text
    nothing = {"efforts": [], "parameters": {}}
    assert "No notebook is part of this book." in templates.write(home(), "rerun.md", nothing)
    alone = {**nothing, "efforts": [("mine", "about 1.0 minutes", "", "", "")]}
    assert "  - about 1.0 minutes\n  - –\n" in templates.write(home(), "rerun.md", alone)
