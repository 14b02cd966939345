"""Build the book: train what is missing, execute the notebooks, fill in the prose, render.

Sources are never written to. Everything made lies under ``_build``: ``awaiting/`` holds notebooks without what shows
results that are not there yet, ``executed/`` papermill's copies, ``stage/`` the book as it is rendered, ``html/`` the
result, which replaces an earlier one only when the new one is complete.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InputError, unknown
from . import buildfolder, campaign_rules, deviations, editions, effort, findings, pages, speed
from . import figures as drawn
from .cells import home, read
from .claims import Judgement
from .conclusions import PAGE as CONTROLS
from .contents import FOLDER, contents, notebooks_of
from .execution import BuildError, Page, Stopped, check_kernel, execute_all, identity, is_fresh, surroundings
from .ledger import judge, stamp
from .parameters import LIVE, resolve
from .recorded import Recorded
from .rendering import render, repository, stage
from .section import Section
from .store import ENVIRONMENT, Store
from .whatif import choose

PHASES = ("train what is missing", "execute the notebooks", "render the pages")
HEART = ("s3-distilled-pruning", "s4-stability", "s7-mask-structure")
ALL = "all"


class Phases:
    """Says which phase of a build is on, how long it took last time, and what happens within it."""

    def __init__(self, build: Path) -> None:
        """Remember the folder that keeps the times of the last build."""
        self._file = build / "seconds.json"
        try:
            self._last: dict[str, float] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._last = {}

    @contextmanager
    def phase(self, number: int, detail: str) -> Iterator[None]:
        """Announce phase ``number`` (from 1) and keep the seconds it took."""
        name = PHASES[number - 1]
        last = self._last.get(name)
        expected = f", {last:.0f} s last time" if last is not None else ""
        self.note(f"{number}/{len(PHASES)} {name}: {detail}{expected}")
        started = time.monotonic()
        yield
        self._last[name] = time.monotonic() - started
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._last), encoding="utf-8")

    def note(self, line: str) -> None:
        """Print a line of progress."""
        print(f"book: {line}", file=sys.stderr, flush=True)


def assemble(
    root: Path,
    build: Path,
    wanted: Sequence[Page],
    parts: Mapping[str, str],
    ledger: Sequence[Mapping[str, Any]],
    jobs: int = 1,
    phases: Phases | None = None,
    beside: Mapping[str, str] | None = None,
) -> Path:
    """Execute the pages that are not fresh, then stage and render the book.

    Args:
        root: Folder with ``_toc.yml``, ``_config.yml``, ``book/`` and ``notebooks/``.
        build: Folder for everything made.
        wanted: The notebooks of the book, and the pages beside them.
        parts: Generated parts of the prose by name.
        ledger: Rows of the ledger, published as a file.
        jobs: Notebooks to execute side by side.
        phases: Progress.
        beside: Name of a notebook to the top of the what-if page beside it.

    Returns:
        The book's first page.
    """
    phases = phases or Phases(build)
    around = surroundings(root)
    identities = {identity(page, around): page for page in wanted}
    stale = {key: page for key, page in identities.items() if not is_fresh(build / f"executed/{page.name}.ipynb", key)}
    with phases.phase(2, f"{len(stale)} of {len(wanted)} to execute"):
        if stale:
            execute_all(stale, build, root, jobs, phases.note)
    with phases.phase(3, f"{len(contents(root))} pages"):
        known = notebooks_of(root)
        names = [page.name for page in wanted if page.name in known]
        return render(stage(root, build, names, parts, ledger, beside), build, strict=set(names) == set(known))


def compute(sections: Sequence[Section], jobs: int, budget: float | None, device: str) -> None:
    """Train what the sections show and the store lacks.

    Raises:
        BuildError: A job failed.
        Stopped: The run was stopped before its end.
    """
    from .runner import run

    wanted = {job.key: job for section in sections for job in section.jobs()}
    outcome = run(list(wanted.values()), sections[0].store, jobs_n=jobs, budget=budget, device=device)
    if outcome.failed:
        key, reason = next(iter(outcome.failed.items()))
        raise BuildError(f"{len(outcome.failed)} jobs failed, first {key}: {reason}")
    if outcome.left:
        raise Stopped(f"stopped with {len(outcome.left)} jobs left: run the same command again to go on")


def chosen(known: Sequence[str], asked: Sequence[str], beside: str = "") -> tuple[list[str], list[str]]:
    """Choose the notebooks to show and, among them, those to compute.

    Args:
        known: The notebooks of the book.
        asked: Those to compute and show, and no others; ``all``; or nothing, for all of them with the heart of the book
            computed, the others as far as their results are there.
        beside: Notebook that a what-if page stands beside.

    Raises:
        InputError: There is no such notebook, or ``all`` is not alone.
    """
    if ALL in asked and len(asked) > 1:
        raise InputError(f"{ALL!r} names every notebook: give it alone, or the notebooks without it")
    for name in (*(() if ALL in asked else asked), *([beside] if beside else [])):
        if name not in known:
            raise unknown("notebook of the book", name, known)
    computed = set(known) if ALL in asked else {*(asked or HEART), beside}
    shown = known if ALL in asked or not asked else [name for name in known if name in computed]
    return list(shown), [name for name in shown if name in computed]


def build(
    root: Path,
    *,
    notebooks: Sequence[str] | None = None,
    preset: str | Path | None = None,
    jobs: int = 1,
    budget: float | None = None,
    device: str = "auto",
    recorded: Mapping[str, Judgement] | None = None,
    what_if: tuple[str, Sequence[tuple[str, str]]] | None = None,
) -> Path:
    """Build the book.

    Args:
        root: Folder with ``_toc.yml``; everything made goes to ``_build`` in it.
        notebooks: Notebooks to compute and show, see :func:`chosen`.
        preset: Name of a scale, or a file of parameters that all of them declare; ``live`` by default.
        jobs: Trainings, then notebooks, side by side.
        budget: Seconds of training after which to stop.
        device: Where to train.
        recorded: Judgements on recorded results, for the ledger; by default those of ``results/``.
        what_if: A notebook to show once more under changed parameters, and their names and values.

    Returns:
        The book's first page, ``_build/html/index.html``; the what-if page if there is one.

    Raises:
        InputError: Something asked for does not exist; nothing was trained or written.
        BuildError: A job, a notebook or the rendering failed.
    """
    names, computed = chosen(notebooks_of(root), notebooks or (), what_if[0] if what_if else "")
    sources = {name: root / FOLDER / f"{name}.ipynb" for name in names}
    for path in sources.values():
        check_kernel(path)
    store = Store()
    sections = [Section(resolve(sources[name], file=preset), store) for name in names]
    others = []
    if what_if:
        original = next(section for section in sections if section.name == what_if[0])
        others = [choose(sources[original.name], original, what_if[1], preset)]
    target = root / "_build"
    buildfolder.check(target)
    address = repository(root)
    phases = Phases(target)
    trained = [section for section in sections if section.name in computed]
    with phases.phase(1, f"{len(trained)} notebooks, results in {store.root}"):
        if trained:
            compute([*trained, *(other.section for other in others)], jobs, budget, device)
    waiting = [section for section in sections if section not in trained and not section.complete]
    found = judge(sections, recorded=recorded)
    rows = found.rows()
    asked = judge([s for s in sections if s.name == CONTROLS], recorded=found.recorded).rows()
    beside = {other.original.name: other.head() for other in others}
    os.environ[ENVIRONMENT] = str(store.root)
    prose = parts(sections, sources, rows, asked, address, [section.name for section in waiting])
    with buildfolder.alone(target, phases.note):
        wanted = [page_of(section, sources[section.name]) for section in sections if section not in waiting]
        wanted += [awaiting(section, sources[section.name], target) for section in waiting]
        wanted += [page_of(other.section, other.source, other.name) for other in others]
        index = assemble(root, target, wanted, prose, rows, jobs, phases, beside)
    if waiting:
        phases.note(f"{len(waiting)} of {len(sections)} pages show recorded results alone: PAGES=all computes theirs")
    return index.parent / FOLDER / f"{others[0].name}.html" if others else index


def page_of(section: Section, source: Path, name: str = "") -> Page:
    """Describe a section's page: the parameters that differ from its cell, and all results it reads."""
    live = section.parameters.bases[LIVE]
    changed = {name: value for name, value in section.parameters.items() if value != live[name]}
    return Page(name or section.name, source, changed, tuple(job.key for job in section.graph))


def awaiting(section: Section, source: Path, build: Path) -> Page:
    """Describe a section's page while its results are not there: a notebook without the cells that show them."""
    notebook = editions.awaiting(json.loads(source.read_text(encoding="utf-8")), section.name)
    path = build / "awaiting" / source.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    page = page_of(section, path)
    return replace(page, keys=tuple(key for key in page.keys if section.store.has(key)))


def parts(
    sections: Sequence[Section],
    sources: Mapping[str, Path],
    rows: Sequence[Mapping[str, Any]],
    asked: Sequence[Mapping[str, Any]],
    repository: str = "",
    waiting: Sequence[str] = (),
) -> dict[str, str]:
    """Write the generated parts of the prose.

    Args:
        sections: The notebooks under their parameters.
        sources: Name to notebook.
        rows: The ledger.
        asked: The ledger of the page of controls alone, so that every page gives the same answer to its question.
        repository: Address of the sources on the web; empty where there is none.
        waiting: Notebooks whose results are not there yet.
    """
    tables = {
        name: [(field, str(line.value), line.field.help) for field, line in read(path).items()]
        for name, path in sources.items()
    }
    frames = {name: frame for section in sections for name, frame in section.frames().items()}
    figures = {section.name: [item.title for item in section.experiments.values()] for section in sections}
    return {
        "tally": pages.tally(rows),
        "answer": findings.answer(asked),
        "ledger": pages.ledger(rows),
        "findings": findings.run(rows),
        "findings-recorded": findings.recorded(rows),
        "trainings": findings.trainings(Recorded(home() / "results")),
        "controls": findings.controls(rows),
        "campaign": campaign_rules.list_answers(home()),
        "relatives": findings.relatives(rows),
        "pages": pages.pages(list(sources), figures, waiting),
        "parameters": pages.parameters(tables),
        "efforts": pages.efforts(effort.table(sections, sections[0].store) if sections else []),
        "drawing": pages.drawing({name: getattr(drawn, name) for name in drawn.__all__}, repository),
        **deviations.parts(rows, frames, stamp(sections)),
        **speed.parts(home()),
    }
