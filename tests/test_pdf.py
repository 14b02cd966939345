"""``make pdf``: the staged book set as one page and printed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import pdf


def book(build: Path) -> Path:
    """Stage a book of two short pages."""
    stage = build / "stage"
    stage.mkdir(parents=True)
    (stage / "_config.yml").write_text("title: a\nexecute:\n  execute_notebooks: 'off'\n")
    (stage / "_toc.yml").write_text("format: jb-book\nroot: one\nchapters:\n- file: two\n")
    (stage / "one.md").write_text("# First\n\nText.\n")
    (stage / "two.md").write_text("# Second\n\n" + "A line.\n\n" * 200)
    return build


def test_the_book_is_printed_as_one_file(tmp_path: Path) -> None:
    """All pages of it: the second alone fills several sheets."""
    if not any(map(shutil.which, pdf.BROWSERS)):
        pytest.skip("no Chromium is here to print with")
    target = pdf.write(book(tmp_path / "my build"))
    content = target.read_bytes()
    assert target.name == "book.pdf" and content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 3
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "my build/print").rglob("singlehtml/*.html")]
    assert any("First" in page and "A line." in page for page in pages)


def test_without_a_book_or_a_browser_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda name: "/bin/true")
    with pytest.raises(InputError, match="run make book first"):
        pdf.write(tmp_path)
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    monkeypatch.setattr(pdf, "MAC", tmp_path / "none")
    with pytest.raises(InputError, match="there is no Chromium"):
        pdf.write(book(tmp_path / "build"))
    monkeypatch.chdir(tmp_path)
    assert pdf.main() == 2 and capsys.readouterr().err.startswith("make pdf: there is no Chromium")
