"""The book opens at once and fills page by page; interrupted at any moment it leaves a whole book."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distilled_pruning.study.book import build as book, editions
from distilled_pruning.study.book.execution import BuildError, Stopped
from distilled_pruning.study.engine import runner
from distilled_pruning.study.engine.runner import Outcome, run
from distilled_pruning.study.engine.store import ENVIRONMENT, Store
from distilled_pruning.study.jobs import Context, Job, Prune, Result
from distilled_pruning.study.parameters.notebooks import source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections.section import Section
from pretend import perform

S3, S4, S7 = book.FIRST
LATER = "s5-overview"
SMALL = {"levels": 2, "measured_levels": "2", "seeds": 3, "inner_learning_rate": "0.3"}
Doer = Callable[[Job, Context | None], Result]


class Events(list[tuple[str, ...]]):
    """What a build did: ``("render", …)`` with the pages that wait, ``("run",)`` for a page's jobs."""

    @property
    def renderings(self) -> list[set[str]]:
        return [set(event[1:]) for event in self if event[0] == "render"]


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Events:
    """A book of four notebooks on an empty store, whose renderings are only written down."""
    seen = Events()

    def render(self: book.Book) -> Path:
        seen.append(("render", *self.waiting))
        return self.build / "html/index.html"

    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "store"))
    monkeypatch.setattr(book.Book, "render", render)
    monkeypatch.setattr(book, "notebooks_of", lambda root: [LATER, S3, S4, S7])
    (tmp_path / "notebooks").mkdir()
    for name in (S3, S4, S7, LATER):
        shutil.copy(source(name), tmp_path / "notebooks")
    (tmp_path / "small.yaml").write_text("".join(f"{n}: {v!r}\n" for n, v in SMALL.items()), encoding="utf-8")
    return seen


def build(root: Path, events: Events, monkeypatch: pytest.MonkeyPatch, do: Doer = perform, **more: Any) -> Path:
    """Build the book with jobs done by formula, and write down every run."""

    def formula(jobs: list[Job], store: Store, **options: Any) -> Outcome:
        events.append(("run",))
        return run(jobs, store, **{**options, "jobs_n": 1, "perform": do})

    monkeypatch.setattr(runner, "run", formula)
    return book.build(root, preset=root / "small.yaml", jobs=1, **more)


def test_the_book_stands_before_anything_is_computed(
    tmp_path: Path, events: Events, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says where, what comes next and what is left; in the end no page waits, and another build computes nothing."""
    index = build(tmp_path, events, monkeypatch)
    assert events[:2] == [("render", LATER, S3, S4, S7), ("run",)]
    assert events.renderings[-1] == set() and events[-1] == ("render",)
    said = capsys.readouterr().err
    order = [said.index(f"to compute: {name}") for name in (S3, S4, S7, LATER)]
    assert order == sorted(order) and "left for all" in said
    assert said.index(f"open {index}: 4 pages wait") < order[0]
    events.clear()
    build(tmp_path, events, monkeypatch)
    assert events == [("render",)]


@pytest.mark.parametrize(("seconds", "times"), [(0.0, 2), (1e4, 5)])
def test_filled_pages_wait_for_each_other_only_when_the_next_comes_soon(
    tmp_path: Path, events: Events, monkeypatch: pytest.MonkeyPatch, seconds: float, times: int
) -> None:
    monkeypatch.setattr(book.Book, "seconds", lambda self, sections: seconds)
    build(tmp_path, events, monkeypatch)
    assert len(events.renderings) == times
    assert sorted(events.renderings, key=len, reverse=True) == events.renderings


def test_a_failed_page_does_not_keep_the_others_waiting(
    tmp_path: Path, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be computed is shown; the end is one sentence with the first failure."""

    def faulty(job: Job, context: Context | None) -> Result:
        if job.kind == "connect":
            raise RuntimeError("no lines today")
        return perform(job, context)

    with pytest.raises(BuildError, match=r"jobs failed, first \w+: RuntimeError: no lines today$"):
        build(tmp_path, events, monkeypatch, faulty)
    assert events.renderings[-1] == {S4, LATER}


def test_a_budget_ends_with_what_is_filled(tmp_path: Path, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spent on the first page, it leaves nothing for the next; the same command goes on."""
    monkeypatch.setattr(book.Book, "seconds", lambda self, sections: 0.0)
    outcomes = iter([Outcome(seconds=9.0), Outcome(left=["x"], stopped="budget")])
    budgets = []

    def bounded(jobs: list[Job], store: Store, **options: Any) -> Outcome:
        budgets.append(options["budget"])
        found = next(outcomes)
        if not found.stopped:
            run(jobs, store, perform=perform)
        return found

    monkeypatch.setattr(runner, "run", bounded)
    with pytest.raises(Stopped, match="3 pages wait: run the same command again"):
        book.build(tmp_path, preset=tmp_path / "small.yaml", budget=20.0)
    assert budgets == [20.0, 11.0]
    assert events.renderings[-1] == {S4, S7, LATER}
    events.clear()
    build(tmp_path, events, monkeypatch)
    assert events.renderings[-1] == set()


def test_an_interrupt_leaves_the_book_as_it_stands(
    tmp_path: Path, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(job: Job, context: Context | None) -> Result:
        if isinstance(job, Prune):
            signal.raise_signal(signal.SIGINT)
        return perform(job, context)

    with pytest.raises(Stopped, match="stopped while 4 pages wait"):
        build(tmp_path, events, monkeypatch, interrupted)
    assert len(events.renderings) == 1


@pytest.mark.thorough
def test_no_claim_is_judged_on_a_part_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its page waits, a claim is not run, however many results are there; then it is judged."""
    for folder in ("notebooks", "_build"):
        (tmp_path / folder).mkdir()
    shutil.copy(source(S7), tmp_path / "notebooks")
    shutil.copy(source(S7).parent.parent / "_config.yml", tmp_path)
    section = Section(resolve(S7, {**SMALL, "levels": 4, "measured_levels": "4"}.items()), Store(tmp_path / "store"))
    rows: dict[str, dict[str, str]] = {}
    monkeypatch.setattr(
        book, "assemble", lambda root, build, wanted, parts, ledger, *rest: rows.update({r["id"]: r for r in ledger})
    )
    made = book.Book(tmp_path, [section], [], 1, {})
    run(section.jobs()[:-1], section.store, perform=perform)
    made.render()
    assert made.waiting == [S7] and {row["verdict"] for row in rows.values()} == {"not run"}
    run(section.jobs(), section.store, perform=perform)
    made.render()
    assert made.waiting == [] and rows["masks-independent"]["verdict"] != "not run"


BUILD = """
import functools, pathlib, sys
from distilled_pruning.study.book import build as book, rendering
from distilled_pruning.study.engine import runner
from pretend import perform
root = pathlib.Path(sys.argv[1])
runner.run = functools.partial(runner.run, perform=perform)
book.Book.seconds = lambda self, sections: 1e4  # so that it is rendered after every page
render = rendering.render
book.render = lambda staged, build, strict, around: render(staged, build, False, around)
book.build(root, preset=root / "small.yaml", jobs=1)
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_ten_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was going on, the book that stands opens, and the next call goes on to the end."""
    root = tmp_path / "root"
    for folder in ("notebooks", "book", "results"):
        (root / folder).mkdir(parents=True)
    for name in (S3, S7):
        shutil.copy(source(name), root / "notebooks")
    shutil.copy(source(S7).parent.parent / "_config.yml", root)
    text = "# Welcome\n\n<!-- generated: pages -->\n\n<!-- generated: tally -->\n"
    (root / "book/welcome.md").write_text(text, encoding="utf-8")
    toc = f"format: jb-book\nroot: book/welcome\nchapters:\n- file: notebooks/{S3}\n- file: notebooks/{S7}\n"
    (root / "_toc.yml").write_text(toc, encoding="utf-8")
    (root / "small.yaml").write_text("".join(f"{n}: {v!r}\n" for n, v in SMALL.items()), encoding="utf-8")
    monkeypatch.setenv(ENVIRONMENT, str(root / "store"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    index, pages = root / "_build/html/index.html", ("book/welcome", f"notebooks/{S3}", f"notebooks/{S7}")

    note = editions.NOTE.partition(".")[0]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", BUILD, str(root)], stderr=subprocess.DEVNULL)

    def waiting() -> list[str]:
        texts = [(index.parent / f"{name}.html").read_text(encoding="utf-8") for name in pages]
        assert all(text.rstrip().endswith("</html>") for text in texts)
        return [name for name, text in zip(pages, texts, strict=True) if note in text]

    def forget() -> None:
        """Leave the book that stands, and all the work to be done again."""
        shutil.rmtree(root / "store", ignore_errors=True)
        shutil.rmtree(root / "_build/executed", ignore_errors=True)

    began = time.monotonic()
    assert start().wait() == 0 and waiting() == []
    whole = time.monotonic() - began
    draw, killed, stood = random.Random(0), 0, 0
    for moment in draw.sample(range(10), 10):
        if draw.random() < 0.7:
            forget()
        going = start()
        try:
            going.wait(timeout=(moment + draw.random()) / 10 * whole)
        except subprocess.TimeoutExpired:
            going.kill()
            going.wait()
            killed += 1
        stood += len(waiting())
    assert killed >= 3, f"only {killed} of 10 builds were still going"
    assert stood, "no kill came while a page waited"
    assert start().wait() == 0 and waiting() == []
