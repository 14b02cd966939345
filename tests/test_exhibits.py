"""Recorded figures on the pages: what is shown of them, and what stands there without any."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any

import nbformat
import pytest
from distilled_pruning.study.book import exhibits, notebook
from distilled_pruning.study.display import png
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.parameters.cells import home, notebooks, source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.results.recorded import Record
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.common import tables
from distilled_pruning.study.sections.section import Section
from pretend import keep
from test_figures import fits

S4 = "s4-stability"
SMALL = [("dataset", "digits"), ("image_size", "16"), ("methods", "dense,distilled"), ("seeds", "3"), ("levels", "1")]
FIND = exhibits.find


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of results with the lines of one dense and three distilled initialisations, some of them missing."""
    section = Section(resolve(S4, [*SMALL, ("measured_levels", "0,1")], "reduced"), Store(tmp_path / "store"))
    jobs = [job for job in section.jobs("barriers") if job.a.mask is not None or job.a.network.seed == 0]
    keep(section, "barriers", jobs, tmp_path / "kept")
    return tmp_path / "kept"


def test_a_recording_says_how_complete_it_is_and_where_it_is_from(root: Path) -> None:
    found = exhibits.find(["barriers"], root)
    assert found is not None and found.scale == "reduced" and len(found.frames[0]) == 4
    assert found.stamp.startswith("recorded, reduced · dataset digits, ") and "subset" not in found.stamp
    said = repr(found.note())
    assert "recorded: reduced scale, 4 of 6 results, " in said and "hours of computing on a processor" in said
    assert "initialisations: Dense 1, Distilled 3" in said and "code: cccccccccc\n" in said
    assert "run it: distilled-pruning run barriers -f reduced" in said and "barriers-reduced.csv" in said


def test_a_dataset_without_rows_is_not_named(root: Path) -> None:
    found = exhibits.find(["barriers"], root)
    assert found is not None
    asked = dataclasses.replace(
        found.records[0], parameters={**found.records[0].parameters, "dataset": "digits,cifar100"}
    )
    partial = dataclasses.replace(found, records=(asked,))
    assert partial.stamp == found.stamp


def test_a_second_recording_of_another_network_is_told_apart(root: Path, tmp_path: Path) -> None:
    """Neither passes for the other: parameters, initialisations and commands of both are said."""
    changes = [*SMALL, ("model", "resnet10"), ("width", "8"), ("epochs", "3"), ("measured_levels", "0,1")]
    other = Section(resolve(S4, changes, "reduced"), Store(tmp_path / "other"))
    keep(other, "barriers", other.jobs("barriers"), root)
    found = exhibits.find(["barriers"], root)
    assert found is not None and len(found.frames[0]) == 10 and len(found.records) == 2
    assert found.stamp.startswith("recorded, reduced · dataset digits, ")
    assert found.stamp.endswith("; model convnet3, width 16, epochs 15")
    said = repr(found.note())
    assert "recorded: reduced scale, 10 of 12 results, " in said
    assert "initialisations, resnet10 on digits: Dense 3, Distilled 3" in said
    assert "initialisations, convnet3 on digits: Dense 1, Distilled 3" in said


@pytest.mark.parametrize("variant", ["reduced/resnet18", "reduced/gentle", "reduced"])
def test_the_command_names_the_preset_that_was_recorded(variant: str) -> None:
    values = Section(resolve(S4, [("seeds", 3)], file=variant), Store()).deciding
    del values["dense_seeds"]  # as in a recording that is older than the parameter
    made = Record("fig3", "reduced", dict(values), (), {}, (), {}, 0.0)
    assert exhibits.preset_of(made) == variant


def test_a_page_shows_it_and_tabulates_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, shown: list[dict[str, Any]]
) -> None:
    kept = FIND(["barriers"], root)
    monkeypatch.setattr(exhibits, "find", lambda names: kept)
    page = notebook.Page(resolve(S4))
    below = page.recorded(figures.barriers, "barriers", table=tables.barriers)
    assert [set(item) & {"image/png"} for item in shown] == [{"image/png"}]
    assert isinstance(below, exhibits.Table) and len(below.rows) == 2 and below.after is not None
    assert isinstance(page.recorded(figures.barriers, "barriers"), exhibits.Note)


def test_without_a_recording_the_page_says_what_it_would_take(shown: list[dict[str, Any]], tmp_path: Path) -> None:
    said = repr(notebook.Page(resolve(S4, [("store", str(tmp_path))])).recorded(figures.fig3, "fig3"))
    assert not shown
    assert "recorded: nothing yet of fig3" in said and "run it: distilled-pruning run fig3 -f reduced" in said
    assert "the page takes: " in said


def calls() -> list[tuple[str, str]]:
    """Every recorded figure of every notebook: the notebook and the cell."""
    found = []
    for name in notebooks():
        cells = [cell.source for cell in nbformat.read(source(name), as_version=4).cells if cell.cell_type == "code"]
        found += [(name, text) for text in cells if text.startswith("page.recorded(")]
    return found


@pytest.mark.parametrize(("name", "text"), calls())
def test_what_the_sources_hold_can_be_drawn(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    names = [argument.value for argument in call.args[1:] if isinstance(argument, ast.Constant)]
    if exhibits.find(names, home() / "results") is None:
        assert names[0] in {experiment.name for experiment in Section(resolve(name)).experiments.values()}
        return
    drawn: list[Any] = []
    monkeypatch.setattr(notebook.Page, "show", lambda self, figure: drawn.append(figure))
    scope: dict[str, Any] = {}
    start = next(c.source for c in nbformat.read(source(name), as_version=4).cells if c.get("id") == "start")
    exec(start.split("page =")[0], scope)
    scope["page"] = notebook.Page(resolve(name))
    below = eval(text, scope)
    assert len(drawn) == 1 and drawn[0].axes and "recorded" in repr(below)
    assert png(drawn[0]) and fits(drawn[0])
