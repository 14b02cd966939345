"""What-if pages: what is refused, what stands on top, and the page beside the original."""

from __future__ import annotations

import functools
import json
import re
import shutil
from pathlib import Path

import pytest
from distilled_pruning import cli
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import build as book, whatif
from distilled_pruning.study.engine import runner
from distilled_pruning.study.engine.store import ENVIRONMENT, Store
from distilled_pruning.study.parameters import notebooks
from distilled_pruning.study.parameters.notebooks import source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections.section import Section
from pretend import fill, perform

S4 = "s4-stability"
ROOT = Path(__file__).parent.parent
TINY = {"levels": 4, "measured_levels": "4", "seeds": 3, "dense_seeds": 0, "inner_learning_rate": "0.3"}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Section:
    """A small section whose results are there."""
    found = Section(resolve(S4, list(TINY.items())), Store(tmp_path_factory.mktemp("store")))
    fill(found)
    return found


def beside(original: Section, *pairs: tuple[str, str]) -> whatif.WhatIf:
    """Set the small section beside itself."""
    return whatif.choose(source(S4), original, [*((n, str(v)) for n, v in TINY.items()), *pairs], None)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["-p", "ipc", "1"], "name the notebook with --what-if"),
        (["--what-if", S4], "say what changes beside s4-stability"),
        (["--what-if", "s4-stabilty", "-p", "ipc", "1"], "did you mean 's4-stability'"),
        (["--what-if", S4, "-p", "ipcc", "1"], "did you mean 'ipc'"),
        (["--what-if", S4, "-p", "model", "resnet11"], "unknown model 'resnet11'"),
        (["--what-if", S4, "-p", "ipc", "10"], "would be the same"),
        (["--what-if", S4, "-p", "store", "elsewhere"], "leave out -p store"),
        (["--what-if", S4, "-p", "ipc"], "expected 2 arguments"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_2(
    words: list[str], part: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "run", lambda *arguments, **more: pytest.fail("trained"))
    monkeypatch.setattr(book.Book, "render", lambda self: pytest.fail("rendered"))
    try:
        code = cli.main(["book", *words])
    except SystemExit as left:
        code = int(left.code or 0)
    found = capsys.readouterr()
    assert code == 2 and part in found.err and not found.out
    assert len(found.err.strip().splitlines()) == 1 and "Traceback" not in found.err


def test_the_top_names_what_differs_and_what_it_changes(original: Section) -> None:
    """With two initialisations nothing is decided any more; the papers' claims keep their numbers otherwise."""
    other = beside(original, ("seeds", "2"), ("alphas", "5"))
    fill(other.section)
    assert other.changes == {"seeds": (3, 2), "alphas": (11, 5)}
    head = other.head()
    assert head.startswith("# What if: seeds 2, alphas 5\n")
    assert "| `seeds` | 3 | 2 | independent initialisations |" in head
    row = next(line for line in head.splitlines() if "`dense-unstable-conv`" in line)
    cells = row.split(" | ")
    assert "{.verdict .reproduced}" in cells[1] and "n = 3" in cells[1]
    assert "{.verdict .undecided}" in cells[2] and "n = 2" in cells[2]
    assert re.search(r"\d+ other claims of this page stand as they do there", head)


def test_nothing_changed_in_the_ledger_is_said(original: Section) -> None:
    other = beside(original, ("alphas", "5"))
    fill(other.section)
    assert other.head().endswith("No claim of this page is judged otherwise.\n")


def test_what_was_not_run_before_shows(original: Section) -> None:
    other = beside(original, ("model", "resnet10"))
    fill(other.section)
    rows = {line.split("`")[1]: line for line in other.head().splitlines() if "[not run]" in line}
    assert "[not run]" in rows["dense-unstable-r10"] and "{.verdict .reproduced}" in rows["dense-unstable-r10"]
    assert rows["dense-unstable-conv"].endswith("[not run]{.verdict .not-run} |")


@pytest.mark.parametrize("name", notebooks.notebooks())
def test_labels_are_the_pages_own(name: str) -> None:
    """No label of the original is defined twice, none is left undefined, and there is one title."""
    made = whatif.adapt(json.loads(source(name).read_text(encoding="utf-8")), "# What if\n")
    cells = made["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    captions = "\n".join(value for cell in cells for value in whatif.figure(cell).values())
    defined = set(re.findall(r"\$\$ \((eq-[a-z0-9-]+)\)", text)) | {
        whatif.figure(cell)["name"] for cell in cells if whatif.figure(cell)
    }
    assert all(label.endswith(whatif.SUFFIX) for label in defined)
    assert set(re.findall(r"\{(?:eq|numref)\}`([^`]+)`", text + captions)) <= defined
    assert re.findall(r"^# .*", text, re.MULTILINE) == ["# What if"]
    assert len({cell["id"] for cell in cells}) == len(cells)


def test_contents_list_it_after_the_original() -> None:
    toc = {"root": "a", "parts": [{"chapters": [{"file": "notebooks/x"}, {"file": "b"}]}]}
    found = whatif.insert(toc, "notebooks/x", "notebooks/x-what-if")
    assert [item["file"] for item in found["parts"][0]["chapters"]] == ["notebooks/x", "notebooks/x-what-if", "b"]


def test_settings_of_the_book_cannot_differ(original: Section) -> None:
    with pytest.raises(InputError, match="would be the same"):
        beside(original)


@pytest.mark.thorough
def test_a_page_is_executed_and_laid_out_beside_its_original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way but training and rendering: both pages run, the second under its own parameters."""
    root = tmp_path / "book"
    (root / "notebooks").mkdir(parents=True)
    shutil.copy(source(S4), root / "notebooks")
    for folder in ("book", "notebooks/presets"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copy(ROOT / "_config.yml", root)
    (root / "results").mkdir()
    (root / "workflow").mkdir()
    shutil.copy(ROOT / "workflow/campaign.toml", root / "workflow")
    (root / "_toc.yml").write_text(f"root: book/welcome\nchapters:\n- file: notebooks/{S4}\n", encoding="utf-8")
    file = tmp_path / "tiny.yaml"
    file.write_text("".join(f"{name}: {value!r}\n" for name, value in TINY.items()), encoding="utf-8")
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "store"))
    monkeypatch.setattr(runner, "run", functools.partial(runner.run, perform=perform))
    monkeypatch.setattr(book, "render", lambda stage, build, strict, around: build / "html/index.html")
    page = book.build(root, preset=file, jobs=2, what_if=(S4, [("ipc", "1"), ("seeds", "2")]))
    assert page == root / f"_build/html/notebooks/{S4}-what-if.html"
    staged = root / "_build/stage"
    assert f"- file: notebooks/{S4}\n- file: notebooks/{S4}-what-if" in (staged / "_toc.yml").read_text("utf-8")
    shown = json.loads((staged / f"notebooks/{S4}-what-if.ipynb").read_text(encoding="utf-8"))
    first, *rest = ("".join(cell["source"]) for cell in shown["cells"])
    assert first.startswith("# What if: ipc 1, seeds 2\n") and "`dense-unstable-conv`" in first
    assert "ipc = 1" in "\n".join(rest) and "custom: live, ipc 1" in json.dumps(shown)
    plain = json.loads((staged / f"notebooks/{S4}.ipynb").read_text(encoding="utf-8"))
    assert "What if" not in json.dumps(plain)
