"""The page a notebook opens, and the notebooks themselves: thin, without outputs, everything declared is used."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from distilled_pruning.data import catalog
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import answers, notebook
from distilled_pruning.study.book.notebook import Page
from distilled_pruning.study.display import Picture, Table
from distilled_pruning.study.judging import ledger
from distilled_pruning.study.judging.claims import OURS
from distilled_pruning.study.parameters.notebooks import notebooks, read, source
from distilled_pruning.study.parameters.presets import Parameters, resolve
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.common import tables
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
    assert page.stamp == "this run, custom: live, ipc 2, levels 3"


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


def test_a_page_judges_the_papers_claims_on_the_best_evidence(page: Page) -> None:
    table = page.claims()
    wanted = [claim for claim in ledger.claims_of(page.section.experiments) if claim.paper != OURS]
    assert [str(row[0]).split(" (")[0] for row in table.rows] == [claim.statement for claim in wanted]
    assert list(table.columns) == ["Claim", "Paper", "Here", "Verdict"] and table.kind == "ledger"
    best = ledger.best_of(ledger.by_scale())
    for claim, row in zip(wanted, table.rows, strict=True):
        assert best[claim.id].verdict in str(row[3]) if claim.id in best else "not run" in str(row[3])
    dense = str(table.rows[[claim.id for claim in wanted].index("dense-unstable-conv")][3])
    assert re.search(r"; this run: (reproduced|not testable here)$", dense)


def test_the_first_lines_say_claim_evidence_and_verdict(page: Page) -> None:
    said = page.verdict("syn-stable-conv", "fig3")
    found = ledger.best_of(ledger.by_scale())["syn-stable-conv"]
    lines = str(said).splitlines()
    assert [line.partition(":")[0] for line in lines[1:]] == ["Paper", "Here", "Verdict"]
    assert lines[0].startswith("CIFAR-10 · ConvNet-3 of width 16 (paper 128) · 15 epochs (paper 300)")
    assert found.claim.statement in lines[1] and found.verdict in lines[3] and f"n = {found.n}" in lines[3]
    marks = [answers.MARKS.get(item.verdict, "?") for item in found.primary if item.n]
    assert re.findall(r"[✓✗?](?= )", lines[2]) == marks and len(marks) == 2
    with pytest.raises(ValueError, match="unpack"):
        page.verdict("no-such-claim")


def test_a_claim_without_evidence_says_so() -> None:
    said = str(notebook.Page(resolve("a-first-paper")).verdict("p-ipc-tradeoff", "first-accuracy"))
    assert "Here: Nothing has been recorded yet." in said and said.endswith("not run")
    assert "distilled with MTT, 10 images a class" in said, "the published set, not the distiller that made none"


def test_figures_carry_their_data_and_all_parameters(page: Page) -> None:
    picture, table = page.show(
        figures.barriers, "barriers", caption="Which. How to read it.", name="here", table=tables.barriers
    ).parts
    assert isinstance(picture, Picture) and isinstance(table, Table)
    assert picture.width == 691 and picture.wide.startswith(b"<?xml") and picture.narrow not in (b"", picture.wide)
    assert b"dataset digits, image_size 16" in picture.wide, "the parameters are in the metadata"
    html = picture._repr_html_()
    assert '<figure class="evidence" id="here">' in html and "<strong>Which.</strong> How to read it." in html
    assert "IMP at 59 %" in picture.alt and escape(picture.alt) in html
    address = re.search(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', html)
    assert address is not None
    lines = base64.b64decode(address[1]).decode().splitlines()
    assert len(lines) == 1 + len(page.frame("barriers")) and "barrier" in lines[0]
    assert "distilled-pruning run barriers -p " in html and "n = 3" in html
    assert table.folded and len(table.rows) == 3 and "<details" in table._repr_html_()


def test_a_drawing_is_the_same_every_time(page: Page) -> None:
    one, two = (page.show(figures.fig3, "fig3").parts[0] for _ in range(2))
    assert one == two


def test_a_question_keeps_its_answer_behind_a_click() -> None:
    page = notebook.Page(resolve(S4))
    said = page.answer("Flat?", "No.", ipc=1)
    assert said._repr_html_().startswith('<details class="fold"><summary>Flat?</summary>')
    assert repr(said).endswith("Try it: distilled-pruning book --what-if s4-stability -p ipc 1")
    assert repr(page.answer("Flat?", "No.")) == "Flat?\nNo."


def test_provenance_names_scale_code_and_command(page: Page) -> None:
    said = repr(page.provenance())
    assert f"this run: {page.parameters.scale}\n" in said
    assert f"results: {len(page.section.graph)} of {len(page.section.graph)}," in said
    assert "this page again: papermill notebooks/s4-stability.ipynb out.ipynb -p " in said
    assert all(job.key in page.provenance()._repr_html_() for job in page.section.graph)


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
        loops = [node for node in ast.walk(tree) if isinstance(node, nodes)]
        assert not loops or cell.id == "loop", "the library's own loop is the one to be read"
        if cell.id not in ("parameters", "start", "loop"):
            assert cell.metadata.tags == ["remove-input"], "what a reader wants is the picture, not the call"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_parts_of_a_page_stand_in_their_order(name: str) -> None:
    wanted = ["title", "parameters", "start", "verdict", "measured", "claims", "deviations", "run-title", "plan", "run"]
    ids = [cell.id for cell in nbformat.read(source(name), as_version=4).cells]
    assert [i for i in ids if i in wanted] == wanted
    after = cells(name, "code")[3].source
    assert after.startswith(("page.evidence(", "page.draw(")), "the best evidence is the first figure"
    assert ids[-1] == "provenance"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_deviation_says_whether_it_could_change_the_verdict(name: str) -> None:
    (text,) = (cell.source for cell in cells(name, "markdown") if cell.id == "deviations")
    points = [line for line in text.splitlines() if line.startswith("- ")]
    said = re.compile(r"\*Could change the (verdict|answer): (yes|no|unknown)[.;]\*")
    assert len(points) > 2 and all(said.search(line) for line in points)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_figure_of_a_page_has_a_caption_and_a_name_and_every_experiment_is_shown(name: str) -> None:
    text = "\n".join(cell.source for cell in cells(name, "markdown"))
    code = "\n".join(cell.source for cell in cells(name, "code"))
    assert set(re.findall(r"\{eq\}`([^`]+)`", text)) <= set(re.findall(r"\$\$ \(([a-z-]+)\)", text))
    for experiment in of_notebook(name):
        assert f'"{experiment.name}"' in code
    named = []
    for cell in cells(name, "code"):
        call = ast.parse(cell.source).body[-1]
        if isinstance(call, ast.Expr) and cell.source.startswith(("page.show(", "page.evidence(", "page.draw(")):
            given = {item.arg: item.value for item in call.value.keywords}  # type: ignore[attr-defined]
            named.append(ast.literal_eval(given["name"]))
            assert re.search(r"[.?] [A-Z]", ast.literal_eval(given["caption"])), "a title, then how to read it"
    assert len(set(named)) == len(named) > 1


def test_the_pages_together_are_short() -> None:
    words = {name: sum(len(cell.source.split()) for cell in cells(name, "markdown")) for name in NOTEBOOKS}
    assert max(words.values()) < 900, words


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
def test_every_declared_parameter_is_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(catalog.ENVIRONMENT, str(tmp_path))
    (tmp_path / "distilled").mkdir()
    (tmp_path / "distilled/theirs.npz").write_bytes(b"a set is known by its bytes")
    declared, found = set(read(source(name))), set()
    theirs = [("methods", "published"), ("published", "theirs.npz")]
    other = [pair for pair in theirs if pair[0] in declared] if "published" in declared else []
    matched = [("methods", "shuffled")] if "like" in declared else []
    for pairs in ([], other, matched):
        watched = Watched(resolve(name, pairs))
        watched.__dict__["read"].clear()
        for experiment in of_notebook(name):
            experiment.jobs(watched)
        found |= watched.__dict__["read"]
    elsewhere = {"device", "store"}
    assert declared - found == elsewhere
