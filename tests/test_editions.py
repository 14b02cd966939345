"""Pages whose results are not there yet, and which pages a build computes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study import display
from distilled_pruning.study.book import build as book, editions
from distilled_pruning.study.book.execution import identity
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.parameters.notebooks import home, notebooks
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections.section import Section
from pretend import COMMITTED, perform

RESULTS = re.compile(r"page\.(run|frame|show|slide|glue|quote|total)\(")
KNOWN = ["s2-x", *book.FIRST, "s5-x"]


@pytest.mark.parametrize("name", notebooks())
def test_a_page_that_awaits_its_results_reads_none(name: str) -> None:
    whole = json.loads((home() / "notebooks" / f"{name}.ipynb").read_text())
    found = editions.awaiting(whole, name)
    sources = ["".join(cell["source"]) for cell in found["cells"]]
    code = [text for text, cell in zip(sources, found["cells"], strict=True) if cell["cell_type"] == "code"]
    assert not [text for text in code if RESULTS.search(text)]
    assert not [text for text in sources if "{glue:" in text]
    for kept in ("page.verdict(", "page.evidence(", "page.claims(", "page.plan()", "page.provenance()"):
        assert any(kept in text for text in code), kept
    (note,) = [text for text in sources if "Not run in this build" in text]
    assert f"distilled-pruning run {name}\n" in note
    first, last = editions.section(found["cells"])
    assert first < sources.index(note) == last - 1, "what is left out is the end of the fold"
    wanted = ["".join(cell["source"]) for cell in whole["cells"]]
    gone = wanted[wanted.index("page.run()") : editions.section(whole["cells"])[1]]
    assert [text for text in wanted if text not in gone] == [text for text in sources if text != note]


@pytest.mark.parametrize("name", notebooks())
def test_what_needs_a_run_is_folded_and_nothing_else_moves(name: str) -> None:
    whole = json.loads((home() / "notebooks" / f"{name}.ipynb").read_text())
    injected = {**whole["cells"][1], "id": "given", "metadata": {"tags": ["injected-parameters"]}}
    cells = editions.arranged({"cells": [*whole["cells"][:2], injected, *whole["cells"][2:]]})["cells"]
    ids = [cell["id"] for cell in cells]
    assert [ids[0], ids[1]] == ["title", "verdict"], "the answer is the first thing on the page"
    opened, closed = ids.index("fold"), ids.index("unfold")
    assert ids[opened + 1 : opened + 4] == ["parameters", "given", "start"]
    assert ids.index("run-title") == opened - 1 and ids.index("run") < closed < ids.index("provenance-title")
    assert not [c for c in cells[opened:closed] if c["cell_type"] == "markdown" and "".join(c["source"])[:1] == "#"]
    assert sorted(ids) == sorted([*(cell["id"] for cell in whole["cells"]), "given", "fold", "unfold"])


def test_what_cells_carry_is_written_to_files_once(tmp_path: Path) -> None:
    drawing = display.Picture(b"<svg/>", "a line", 10, "Line.", narrow=b"<svg><!-- narrow --></svg>")
    csv = display.download("a.csv", pd.DataFrame({"x": [1], "y": [2]}))
    html = drawing._repr_html_() + csv.html + drawing._repr_html_()
    cell = {"cell_type": "code", "source": "", "outputs": [{"data": {"text/html": html}}, {"data": {}}]}
    made = editions.unpacked({"cells": [cell]}, tmp_path, "../_static/pages")["cells"][0]["outputs"][0]["data"]
    assert "base64" not in made["text/html"]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".svg", ".svg"]
    address = re.search(
        r'<a href="../_static/pages/([^"]+)" title="Open the figure alone"><picture>', made["text/html"]
    )
    assert address is not None and (tmp_path / address[1]).read_bytes() == b"<svg/>"
    assert 'download="a.csv"' in made["text/html"]


@pytest.mark.parametrize("order", [[], ["page.run()"], ["## On your machine"], ["page.run()", "## On your machine"]])
def test_a_notebook_without_these_marks_is_refused(order: list[str]) -> None:
    cells = [{"cell_type": "markdown" if text[0] == "#" else "code", "source": [text]} for text in order]
    with pytest.raises(InputError, match=r"own needs a section '## On your machine'"):
        editions.awaiting({"cells": cells}, "own")


def test_all_pages_are_shown_and_computed_the_most_wanted_first() -> None:
    assert book.chosen(KNOWN, []) == (KNOWN, [*book.FIRST, "s2-x", "s5-x"])
    assert book.chosen(KNOWN, [], "s5-x") == (KNOWN, ["s5-x"])
    assert book.chosen(KNOWN, ["s5-x", KNOWN[1]]) == ([KNOWN[1], "s5-x"], [KNOWN[1], "s5-x"])
    assert book.chosen(KNOWN, ["s5-x", "s2-x"]) == (["s2-x", "s5-x"], ["s2-x", "s5-x"])
    assert book.chosen(KNOWN, ["s2-x"], "s5-x") == (["s2-x", "s5-x"], ["s2-x", "s5-x"])
    assert set(book.FIRST) <= set(notebooks())


@pytest.mark.parametrize("asked", [["s2"], ["s2-x", "everything"]])
def test_an_unknown_page_is_one_sentence(asked: list[str]) -> None:
    with pytest.raises(InputError, match="unknown notebook of the book"):
        book.chosen(KNOWN, asked)


def test_an_awaiting_page_shows_none_of_its_results_rather_than_some(tmp_path: Path) -> None:
    """It reads an empty store, whatever is done meanwhile, and so is not executed again for it."""
    section = Section(resolve("s7-mask-structure"), Store(tmp_path / "store"))
    source, nothing = home() / "notebooks" / "s7-mask-structure.ipynb", Store(tmp_path / "awaiting/store")
    assert not section.complete
    page = book.awaiting(section, source, nothing)
    assert (page.name, page.keys, page.store) == (section.name, (), str(nothing.root))
    assert page.source.parent == tmp_path / "awaiting"
    assert json.loads(page.source.read_text())["cells"] != json.loads(source.read_text())["cells"]
    for job in section.graph[:3]:
        section.store.save(job, perform(job, None), COMMITTED)
    assert identity(book.awaiting(section, source, nothing), "") == identity(page, "")
    for job in section.jobs():
        section.store.save(job, perform(job, None), COMMITTED)
    assert section.complete


def test_ci_looks_for_what_waiting_pages_say() -> None:
    """Else a book that never filled would pass."""
    script = (home() / ".ci/run").read_text(encoding="utf-8")
    note, words = editions.NOTE.partition(".")[0], "show recorded results only"
    assert f'"{note}" _build/html/notebooks' in script and f'"{words}" _build/html/book' in script
    assert words in (home() / "book/welcome.md").read_text(encoding="utf-8")
