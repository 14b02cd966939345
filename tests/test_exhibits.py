"""Recorded figures on the pages: what is shown of them, and what stands there without any."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any

import nbformat
import pytest
from distilled_pruning.study import display
from distilled_pruning.study.book import exhibits, notebook
from distilled_pruning.study.display import Picture, Stack, Table
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.parameters.notebooks import home, notebooks, source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.results.recorded import Record
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.common import style, tables
from distilled_pruning.study.sections.registry import EXPERIMENTS
from distilled_pruning.study.sections.section import Section, preset_of
from matplotlib.figure import Figure
from pretend import keep
from test_figures import fits, texts

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
    assert found.stamp == "recorded, reduced scale"
    assert found.about.startswith("recorded, reduced · dataset digits, ") and "subset" not in found.about
    said = repr(found.note())
    assert "recorded barriers: reduced scale, 4 of 6 results, " in said and "hours of computing on a processor" in said
    assert "initialisations: Dense 1, Distilled 3" in said and "code: cccccccccc\n" in said
    assert "run it: distilled-pruning run barriers -f reduced" in said
    line = found.line("equal_loss")
    assert str(line) == "barriers-reduced.csv · distilled-pruning run barriers -f reduced · reduced scale · n = 1 to 3"
    assert "../book/code.html#code-equal-loss" in line.html and 'download="barriers-reduced.csv"' in line.html
    said = " · ".join(found.regime)
    assert said.startswith(
        "digits · ConvNet-3 of width 16 (paper 128) · 15 epochs (paper 300) · distilled with DM (paper IDC)"
    )
    assert said.endswith("n = 1 to 3 · reduced scale")


def test_a_dataset_without_rows_is_not_named(root: Path) -> None:
    found = exhibits.find(["barriers"], root)
    assert found is not None
    asked = dataclasses.replace(
        found.records[0], parameters={**found.records[0].parameters, "dataset": "digits,cifar100"}
    )
    partial = dataclasses.replace(found, records=(asked,))
    assert partial.about == found.about


def test_a_second_recording_of_another_network_is_told_apart(root: Path, tmp_path: Path) -> None:
    """Neither passes for the other: parameters, initialisations and commands of both are said."""
    changes = [*SMALL, ("model", "resnet10"), ("width", "8"), ("epochs", "3"), ("measured_levels", "0,1")]
    other = Section(resolve(S4, changes, "reduced"), Store(tmp_path / "other"))
    keep(other, "barriers", other.jobs("barriers"), root)
    found = exhibits.find(["barriers"], root)
    assert found is not None and len(found.frames[0]) == 10 and len(found.records) == 2
    assert found.about.startswith("recorded, reduced · dataset digits, ")
    assert found.about.endswith("; model convnet3, width 16, epochs 15")
    said = repr(found.note())
    assert "recorded barriers: reduced scale, 10 of 12 results, " in said
    assert "initialisations, ResNet-10, digits: Dense 3, Distilled 3" in said
    assert "initialisations, ConvNet-3, digits: Dense 1, Distilled 3" in said


@pytest.mark.parametrize("variant", ["reduced/resnet18", "reduced/gentle", "reduced"])
def test_the_command_names_the_preset_that_was_recorded(variant: str) -> None:
    values = Section(resolve(S4, [("seeds", 3)], file=variant), Store()).deciding
    del values["dense_seeds"]  # as in a recording that is older than the parameter
    made = Record("fig3", "reduced", dict(values), (), {}, (), {}, 0.0)
    assert preset_of(made) == variant


def test_a_page_shows_it_and_tabulates_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = FIND(["barriers"], root)
    monkeypatch.setattr(exhibits, "find", lambda names: kept)
    page = notebook.Page(resolve(S4))
    shown = page.evidence(figures.barriers, "barriers", table=tables.barriers, caption="Which. How.")
    assert isinstance(shown, Stack)
    picture, table = shown.parts
    assert isinstance(picture, Picture) and picture.wide.startswith(b"<?xml") and "reduced scale" in str(picture.about)
    assert isinstance(table, Table) and table.folded and len(table.rows) == 2
    assert page.tell("barriers", "barrier", method="dense") == tables.quote(
        list(page._best("barriers").query("method == 'dense'")["barrier"])
    )
    assert "recorded barriers: reduced scale" in repr(page.provenance()), "what a page shows is in its provenance"


def test_without_a_recording_the_page_says_what_it_would_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhibits, "find", lambda names: None)
    said = repr(notebook.Page(resolve(S4, [("store", str(tmp_path))])).evidence(figures.fig3, "fig3"))
    assert "recorded: no larger run of loss along the line yet" in said
    assert "run it: distilled-pruning run fig3 -f reduced" in said and "time: " in said


def calls() -> list[tuple[str, str]]:
    """Every recorded figure of every notebook: the notebook and the cell."""
    found = []
    for name in notebooks():
        cells = [cell.source for cell in nbformat.read(source(name), as_version=4).cells if cell.cell_type == "code"]
        found += [(name, text) for text in cells if text.startswith("page.evidence(")]
    return found


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "text"), calls())
def test_what_the_sources_hold_can_be_drawn(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    names = [argument.value for argument in call.args[1:] if isinstance(argument, ast.Constant)]
    if exhibits.find(names, home() / "results") is None:
        assert names[0] in EXPERIMENTS
        return
    drawn: list[Figure] = []
    svg = display.svg
    monkeypatch.setattr(display, "svg", lambda figure, about="": drawn.append(figure) or svg(figure, about))
    scope: dict[str, Any] = {}
    start = next(c.source for c in nbformat.read(source(name), as_version=4).cells if c.get("id") == "start")
    exec(start.split("page =")[0], scope)
    scope["page"] = notebook.Page(resolve(name))
    shown = eval(text, scope)
    assert len(shown.parts[0].alt.split()) > 12, "what is seen, not only what is drawn"
    assert drawn and all(figure.axes and fits(figure) for figure in drawn)
    for figure in drawn:
        sizes = [text.get_fontsize() for text in texts(figure) if text.get_text().strip()]
        assert min(sizes) >= style.POINTS
