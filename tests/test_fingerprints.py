"""A book is made again when something behind it changed, and only then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from distilled_pruning.data.catalog import ENVIRONMENT as DATA
from distilled_pruning.study.book import build as book, fingerprints
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import ENVIRONMENT, Store
from distilled_pruning.study.parameters.notebooks import source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections.section import Section
from pretend import perform

S7 = "s7-mask-structure"


def test_surroundings_follow_results_and_packages(tmp_path: Path) -> None:
    """A new recorded result or another package makes every page anew; what Python caches does not."""
    (tmp_path / "results").mkdir()
    seen = [fingerprints.surroundings(tmp_path)]
    (tmp_path / "results/index.json").write_text("{}", encoding="utf-8")
    seen.append(fingerprints.surroundings(tmp_path))
    (tmp_path / "requirements.lock").write_text("torch==0\n", encoding="utf-8")
    seen.append(fingerprints.surroundings(tmp_path))
    assert len(set(seen)) == 3
    (tmp_path / "results/__pycache__").mkdir()
    (tmp_path / "results/__pycache__/x.pyc").write_text("", encoding="utf-8")
    assert fingerprints.surroundings(tmp_path) == seen[-1]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book of one notebook and one page of prose, on an empty store."""
    for folder in ("notebooks", "book", "results", "data", "_build"):
        (tmp_path / folder).mkdir()
    shutil.copy(source(S7), tmp_path / "notebooks")
    shutil.copy(source(S7).parent.parent / "_config.yml", tmp_path)
    (tmp_path / "book/welcome.md").write_text("# Welcome\n", encoding="utf-8")
    toc = f"format: jb-book\nroot: book/welcome\nchapters:\n- file: notebooks/{S7}\n"
    (tmp_path / "_toc.yml").write_text(toc, encoding="utf-8")
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "store"))
    monkeypatch.setenv(DATA, str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every rendering, which makes one page without a look at what it is given."""
    seen = []

    def assemble(root: Path, build: Path, *rest: object) -> Path:
        seen.append(root)
        for name in ("html/index.html", "stage/_toc.yml", f"executed/{S7}.ipynb"):
            (build / name).parent.mkdir(parents=True, exist_ok=True)
            (build / name).write_text("a page", encoding="utf-8")
        return build / "html/index.html"

    monkeypatch.setattr(book, "assemble", assemble)
    monkeypatch.setattr(book, "judge", lambda sections, recorded: SimpleNamespace(rows=list, recorded={}))
    monkeypatch.setattr(book, "gather", lambda *given: {})
    return seen


def make(root: Path, **parameters: int) -> Path:
    values = {"levels": 3, "measured_levels": "3", **parameters}
    section = Section(resolve(root / f"notebooks/{S7}.ipynb", values.items()), Store())
    return book.Book(root, [section], [], 1, None).render()


def fill(root: Path) -> None:
    section = Section(resolve(root / f"notebooks/{S7}.ipynb", {"levels": 3, "measured_levels": "3"}.items()), Store())
    run(section.jobs()[:1], section.store, jobs_n=1, perform=perform)


def test_a_book_of_the_same_is_left_as_it_stands(
    root: Path, rendered: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    index = make(root)
    capsys.readouterr()
    assert make(root) == index == root / "_build/html/index.html" and len(rendered) == 1
    assert capsys.readouterr().err == "book: nothing behind the pages has changed since they were rendered\n"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: (root / "book/welcome.md").write_text("# Hello\n"), id="prose"),
        pytest.param(lambda root: (root / "_toc.yml").open("a").write("- file: book/welcome\n"), id="contents"),
        pytest.param(lambda root: (root / f"notebooks/{S7}.ipynb").open("a").write("\n"), id="notebook"),
        pytest.param(lambda root: (root / "results/index.json").write_text("{}"), id="recorded"),
        pytest.param(fill, id="result"),
        pytest.param(lambda root: (root / "data/cifar10.npz").write_bytes(b"1"), id="data"),
        pytest.param(lambda root: (root / f"_build/executed/{S7}.ipynb").unlink(), id="executed page removed"),
        pytest.param(lambda root: shutil.rmtree(root / "_build/html"), id="pages removed"),
        pytest.param(lambda root: (root / "_build/html.json").write_text("{"), id="note damaged"),
    ],
)
def test_a_change_is_rendered(root: Path, rendered: list[Path], change: Callable[[Path], object]) -> None:
    make(root)
    change(root)
    make(root)
    assert len(rendered) == 2
    make(root)
    assert len(rendered) == 2


def test_other_parameters_are_rendered(root: Path, rendered: list[Path]) -> None:
    make(root)
    make(root, seeds=2)
    assert len(rendered) == 2


def test_other_code_behind_a_result_is_rendered(
    root: Path, rendered: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source of one's own network is no file of the book: the keys of its jobs follow it."""
    make(root)
    monkeypatch.setattr(Section, "graph", property(lambda section: []))
    make(root)
    assert len(rendered) == 2


def test_a_failed_rendering_is_tried_again(root: Path, rendered: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    make(root)
    (root / "book/welcome.md").write_text("# Hello\n", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(book, "assemble", lambda *given: pytest.fail("no room"))
        with pytest.raises(pytest.fail.Exception, match="no room"):
            make(root)
    make(root)
    assert len(rendered) == 2
