"""The page a notebook opens, and the notebooks themselves: thin, without outputs, everything declared is used."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from distilled_pruning import catalog
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import notebook
from distilled_pruning.study.book.notebook import Page
from distilled_pruning.study.judging import claims, ledger
from distilled_pruning.study.parameters.cells import notebooks, read, source
from distilled_pruning.study.parameters.presets import Parameters, resolve
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.registry import of_notebook
from pretend import fill

NOTEBOOKS = notebooks()
S4 = "s4-stability"
SMALL = {"levels": 4, "seeds": 3, "measured_levels": "4", "inner_learning_rate": "0.3", "dense_seeds": 0}


def cells(name: str, kind: str) -> list[Any]:
    """Cells of one kind."""
    return [cell for cell in nbformat.read(source(name), as_version=4).cells if cell.cell_type == kind]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A page whose results are all there."""
    store = str(tmp_path_factory.mktemp("store"))
    found = notebook.start(S4, {**SMALL, "store": store})
    fill(found.section)
    return found


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a cell displays."""
    import IPython.display

    found: list[dict[str, Any]] = []
    monkeypatch.setattr(
        IPython.display, "display", lambda data, raw, metadata: found.append({"data": data, "metadata": metadata})
    )
    yield found


def test_a_page_takes_the_values_of_its_cells() -> None:
    page = notebook.start(S4, {"levels": 3, "ipc": 2, "__name__": "__main__", "Path": Path})
    assert (page.parameters.levels, page.parameters.ipc, page.parameters.seeds) == (3, 2, resolve(S4).seeds)
    assert page.parameters.scale == "custom: live, ipc 2, levels 3"
    assert page.stamp.startswith("custom: live, ipc 2, levels 3 · dataset digits, image_size 16, ")


@pytest.mark.parametrize(
    ("scope", "part"),
    [
        ({"levls": 3}, "unknown parameter of s4-stability 'levls' (did you mean 'levels'?)"),
        ({"levels": "many"}, "levels must be a whole number, not 'many'"),
        (
            {"In": ["", "levels: int = 9  # help", "# Parameters\nlevls = 3\n", "notebook.start('x', globals())"]},
            "levls",
        ),
        ({"In": ["", "# Parameters\nlevels = 3\nseed = [1]\n"], "levels": 3}, "seeds"),
    ],
)
def test_a_wrong_parameter_stops_the_first_cell_with_one_sentence(scope: dict[str, Any], part: str) -> None:
    with pytest.raises(InputError, match=re.escape(part)) as caught:
        notebook.start(S4, scope)
    lines = caught.value._render_traceback_()  # type: ignore[attr-defined]
    assert len(lines) == 1 and part in lines[0] and "\n" not in lines[0]


def test_what_a_reader_sets_later_is_no_parameter() -> None:
    history = ["", "levels: int = 9", "import os\nmine = 3", "page = notebook.start('s4', globals())", "other = 4"]
    assert notebook.start(S4, {"In": history, "other": 4, "mine": 3}).parameters.scale == "live"


def test_papermill_shows_the_sentence_and_exits_1(tmp_path: Path) -> None:
    import papermill

    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(str(source(S4)), str(tmp_path / "out.ipynb"), {"levls": 3}, progress_bar=False)
    assert (caught.value.ename, "did you mean 'levels'" in caught.value.evalue) == ("InputError", True)
    assert len(caught.value.traceback) == 1


def test_the_plan_counts_what_is_there(page: Page, tmp_path: Path) -> None:
    header, *_, total = [page.plan().columns, *page.plan().rows]
    assert dict(zip(header, total, strict=True)) | {"memory MB": "", "disk MB": ""} == {
        "job": "all",
        "planned": str(len(page.section.graph)),
        "cached": str(len(page.section.graph)),
        "missing": "0",
        "minutes": "0.0",
        "memory MB": "",
        "disk MB": "",
    }
    empty = notebook.start(S4, {**SMALL, "store": str(tmp_path)}).plan()
    assert list(empty.rows[-1][:4]) == ["all", total[1], "0", total[1]]


def test_running_again_computes_nothing(page: Page) -> None:
    assert repr(page.run()) == f"computed: nothing: none of {len(page.section.graph)} jobs was missing"


def test_a_failed_job_stops_the_notebook() -> None:
    from distilled_pruning.study.engine.runner import Outcome

    with pytest.raises(notebook.Unfinished, match="1 of 5 jobs failed, first abc: no disk"):
        notebook.summary(Outcome(failed={"abc": "no disk"}), 5)
    with pytest.raises(notebook.Unfinished, match="2 of 5 jobs are left"):
        notebook.summary(Outcome(left=["a", "b"]), 5)
    assert notebook.summary(Outcome(done=["a"], seconds=2.2), 5) == "1 of 5 jobs in 2 s"


def test_a_page_judges_its_own_claims(page: Page) -> None:
    rows = {row[0].split(" (")[0]: (str(row[-1]), row[-2]) for row in page.claims().rows}
    assert len(rows) == len(ledger.claims_of(page.section.experiments))
    dense = next(claim for claim in claims.claims() if claim.id == "dense-unstable-conv")
    assert rows[dense.statement] == ("reproduced", "3")


def test_figures_are_shown_as_pictures(page: Page, shown: list[dict[str, Any]]) -> None:
    page.show(figures.barriers(page.frame("barriers"), page.stamp))
    picture = shown[0]["data"]["image/png"]
    assert (picture if isinstance(picture, bytes) else base64.b64decode(picture)).startswith(b"\x89PNG")
    assert shown[0]["metadata"]["image/png"]["width"] == 691


def test_data_behind_a_figure_is_complete(page: Page) -> None:
    note = page.data("fig3")
    html = note._repr_html_()
    address = re.search(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', html)
    assert address is not None
    lines = base64.b64decode(address[1]).decode().splitlines()
    assert len(lines) == 1 + len(page.frame("fig3")) and "alpha" in lines[0]
    assert all(job.key in html for job in page.section.jobs("fig3"))
    assert dict(note.entries)["computed by"].text.startswith("distilled-pruning run fig3 -p ")


def test_provenance_names_scale_code_and_command(page: Page) -> None:
    entries = {term: str(content) for term, content in page.provenance().entries}
    assert entries["scale"] == page.parameters.scale
    assert entries["results"].startswith(f"{len(page.section.graph)} of {len(page.section.graph)},")
    assert entries["this page again"].startswith("papermill notebooks/s4-stability.ipynb out.ipynb -p ")


def test_numbers_are_glued_with_their_interval(page: Page, shown: list[dict[str, Any]]) -> None:
    quoted = page.quote("barriers", "barrier", method="dense")
    assert re.fullmatch(r"0\.525 \[0\.463, 0\.587\]", quoted), quoted  # mean of .5, .525, .55; t(.975, 2) = 4.303
    assert page.quote("barriers", "barrier", method="snip") == "–"
    page.glue("here", quoted)
    assert shown[0]["metadata"]["scrapbook"]["name"] == "here"
    assert shown[0]["data"] == {"application/papermill.record/text/plain": repr(quoted)}


def test_a_figure_of_another_page_is_refused(page: Page) -> None:
    with pytest.raises(InputError, match="unknown figure of s4-stability 'fig2'"):
        page.frame("fig2")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_clean(name: str) -> None:
    found = nbformat.read(source(name), as_version=4)
    nbformat.validate(found)
    assert found.metadata.kernelspec.name == "python3"
    assert (found.nbformat, found.nbformat_minor) == (4, 5)
    assert all(not cell.outputs and cell.execution_count is None for cell in cells(name, "code"))
    assert all(re.fullmatch(r"[a-z][a-z-]+", cell.id) for cell in found.cells)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_thin(name: str) -> None:
    for cell in cells(name, "code"):
        tree = ast.parse(cell.source)
        nodes = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Lambda, ast.Try)
        assert not [node for node in ast.walk(tree) if isinstance(node, nodes)]
        if "page.show(" in cell.source:
            assert "hide-input" in cell.metadata.tags
            assert set(cell.metadata.mystnb) == {"figure", "image"}
        if "page.recorded(" in cell.source:
            assert "hide-input" in cell.metadata.tags
            assert set(cell.metadata.mystnb) == {"image"}, "without a caption: there may be no picture"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_parts_of_a_page_stand_in_their_order(name: str) -> None:
    wanted = ["parameters", "start", "plan", "run", "recorded-title", "claims", "provenance"]
    ids = [cell.id for cell in nbformat.read(source(name), as_version=4).cells]
    assert [i for i in ids if i in wanted] == wanted
    assert ids.index("claims") < ids.index("deviations") < ids.index("provenance")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_figure_and_number_of_the_text_is_made_on_the_page(name: str) -> None:
    text = "\n".join(cell.source for cell in cells(name, "markdown"))
    code = "\n".join(cell.source for cell in cells(name, "code"))
    assert set(re.findall(r"\{glue:text\}`([^`]+)`", text)) == set(re.findall(r'page\.glue\("([^"]+)"', code))
    labels = {c.metadata.mystnb.figure.name for c in cells(name, "code") if "figure" in c.metadata.get("mystnb", {})}
    assert set(re.findall(r"\{numref\}`([^`]+)`", text)) == labels
    assert set(re.findall(r"\{eq\}`([^`]+)`", text)) <= set(re.findall(r"\$\$ \(([a-z-]+)\)", text))
    for experiment in of_notebook(name):
        assert f'"{experiment.name}"' in code and f'page.data("{experiment.name}")' in code
    for cell in cells(name, "code"):
        if "mystnb" in cell.metadata:
            assert cell.metadata.mystnb.image.alt
            assert "figure" not in cell.metadata.mystnb or cell.metadata.mystnb.figure.caption


class Watched(Parameters):
    """Parameters that remember what was read."""

    def __init__(self, base: Parameters) -> None:
        super().__init__(base.notebook, dict(base), base.bases, base.path)
        self.__dict__["read"] = set()

    def __getitem__(self, name: str) -> Any:
        self.__dict__["read"].add(name)
        return super().__getitem__(name)

    def __getattr__(self, name: str) -> Any:
        self.__dict__["read"].add(name)
        return super().__getattr__(name)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_declared_parameter_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "published", Path)
    declared, found = set(read(source(name))), set()
    other = [("methods", "published"), ("published", "theirs.npz")] if "published" in declared else []
    matched = [("methods", "shuffled")] if "like" in declared else []
    for pairs in ([], other, matched):
        watched = Watched(resolve(name, pairs))
        watched.__dict__["read"].clear()
        for experiment in of_notebook(name):
            experiment.jobs(watched)
        found |= watched.__dict__["read"]
    elsewhere = {"device", "store"}
    assert declared - found == elsewhere
