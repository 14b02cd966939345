"""Pages whose results are not there yet, and which pages a build computes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import build as book
from distilled_pruning.study.book import editions
from distilled_pruning.study.book.execution import identity
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.parameters.cells import home, notebooks
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections.section import Section
from pretend import COMMITTED, perform

RESULTS = re.compile(r"page\.(run|frame|show|slide|data|glue|quote|total)\(")
KNOWN = ["s2-x", *book.FIRST, "s5-x"]


@pytest.mark.parametrize("name", notebooks())
def test_a_page_that_awaits_its_results_reads_none(name: str) -> None:
    whole = json.loads((home() / "notebooks" / f"{name}.ipynb").read_text())
    found = editions.awaiting(whole, name)
    sources = ["".join(cell["source"]) for cell in found["cells"]]
    code = [text for text, cell in zip(sources, found["cells"], strict=True) if cell["cell_type"] == "code"]
    assert not [text for text in code if RESULTS.search(text)]
    assert not [text for text in sources if "{glue:" in text or "{numref}" in text]
    for kept in ("page.plan()", "page.recorded(", "page.claims()", "page.provenance()"):
        assert any(kept in text for text in code), kept
    (note,) = [text for text in sources if "This page waits for results of its own" in text]
    assert f"distilled-pruning run {name}\n" in note
    assert sources.index(note) == next(i for i, text in enumerate(sources) if text.startswith("## Recorded")) - 1
    assert len(whole["cells"]) > len(found["cells"])


@pytest.mark.parametrize("order", [[], ["page.run()"], ["## Recorded"], ["## Recorded", "page.run()"]])
def test_a_notebook_without_these_marks_is_refused(order: list[str]) -> None:
    cells = [{"cell_type": "markdown" if text[0] == "#" else "code", "source": [text]} for text in order]
    with pytest.raises(InputError, match=r"own needs a cell 'page.run\(\)'"):
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
