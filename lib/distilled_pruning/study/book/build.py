"""Build the book: render it as it stands, then compute page by page and render it again as pages fill.

Sources are never written to. Everything made lies under ``_build``: ``awaiting/`` holds notebooks without what shows
results that are not there yet, ``executed/`` papermill's copies, ``stage/`` the book as it is rendered, ``html/`` the
result, which replaces an earlier one only when the new one is complete.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from ...errors import unknown
from ..engine.runner import duration
from ..engine.store import ENVIRONMENT, Store
from ..judging.judgement import Judgement
from ..judging.ledger import judge
from ..parameters.notebooks import FOLDER, list_pages, notebooks_of
from ..parameters.presets import LIVE, resolve
from ..sections.section import Section
from . import buildfolder, editions, fingerprints
from .buildfolder import Phases
from .conclusions import PAGE as CONTROLS
from .execution import BuildError, Page, Stopped, check_kernel, execute_all, identity, is_fresh
from .fingerprints import surroundings
from .rendering import render, repository, stage
from .values import gather
from .whatif import WhatIf, choose

_EXECUTE, _RENDER = "execute the notebooks", "render the pages"
FIRST = ("s3-distilled-pruning", "s4-stability", "s7-mask-structure")  # the pages that readers want most
_SOON_SECONDS = 60.0  # a filled page waits so long for the next, to be rendered together


def assemble(
    root: Path,
    build: Path,
    wanted: Sequence[Page],
    values: Mapping[str, Any],
    ledger: Sequence[Mapping[str, Any]],
    jobs: int = 1,
    phases: Phases | None = None,
    beside: Mapping[str, str] | None = None,
    around: str = "",
) -> Path:
    """Execute the pages that are not fresh, then stage and render the book.

    Args:
        root: Folder with ``_toc.yml``, ``_config.yml``, ``book/`` and ``notebooks/``.
        build: Folder for everything made.
        wanted: The notebooks of the book, and the pages beside them.
        values: What the prose may name.
        ledger: Rows of the ledger, published as a file.
        jobs: Notebooks to execute side by side.
        phases: Progress.
        beside: Name of a notebook to the top of the what-if page beside it.
        around: What every page depends on besides, hashed; found out where it is not given.

    Returns:
        The book's first page.
    """
    phases = phases or Phases(build)
    around = around or surroundings(root)
    identities = {identity(page, around): page for page in wanted}
    stale = {key: page for key, page in identities.items() if not is_fresh(build / f"executed/{page.name}.ipynb", key)}
    with phases.phase(_EXECUTE, f"{len(stale)} of {len(wanted)} to execute"):
        if stale:
            execute_all(stale, build, build.parent, jobs, phases.note)
    with phases.phase(_RENDER, f"{len(list_pages(root))} pages"):
        known = notebooks_of(root)
        names = [page.name for page in wanted if page.name in known]
        staged = stage(root, build, names, values, ledger, beside)
        return render(staged, build, strict=set(names) == set(known), around=around)


def chosen(known: Sequence[str], asked: Sequence[str], beside: str = "") -> tuple[list[str], list[str]]:
    """Choose the notebooks to show and, among them, those to compute, the most wanted first.

    Args:
        known: The notebooks of the book.
        asked: Those to compute and show, and no others; or nothing, for all of them.
        beside: Notebook that a what-if page stands beside; where no others are asked for, it alone is computed.

    Raises:
        InputError: There is no such notebook.
    """
    for name in (*asked, *([beside] if beside else [])):
        if name not in known:
            raise unknown("notebook of the book", name, known)
    computed = {*asked, beside} if asked or beside else set(known)
    shown = [name for name in known if name in computed] if asked else list(known)
    first = [name for name in FIRST if name in computed]
    return shown, [*first, *(name for name in shown if name in computed and name not in first)]


class Book:
    """Some notebooks under their parameters, rendered as they stand, as often as wanted.

    A page whose results are all there shows them; any other what larger runs have recorded, and that it waits.
    """

    def __init__(
        self,
        root: Path,
        sections: Sequence[Section],
        others: Sequence[WhatIf],
        jobs: int,
        recorded: Mapping[str, Judgement] | None,
        folder: Path | None = None,
        stream: TextIO | None = None,
    ) -> None:
        """Name what it is made of; nothing is read yet. Everything made goes to ``folder``, ``_build`` by default."""
        self.root, self.build, self.jobs, self.recorded = root, folder or root / "_build", jobs, recorded
        self.sections, self.others = sections, others
        self.sources = {section.name: root / FOLDER / f"{section.name}.ipynb" for section in sections}
        self.phases, self.stream = Phases(self.build, stream), stream

    @property
    def waiting(self) -> list[str]:
        """Notebooks whose own results are not all there."""
        return [section.name for section in self.sections if not section.complete]

    def render(self) -> Path:
        """Execute what is not fresh, fill in the prose, render; gives the book's first page."""
        with buildfolder.alone(self.build, self.phases.note):
            return self._render()

    def _render(self) -> Path:
        """Render while no other build is at work, unless the pages that stand were made from the same."""
        waiting, around, address = self.waiting, surroundings(self.root), repository(self.root)
        others = [other for other in self.others if other.section.complete]
        own = [_describe(section, self.sources[section.name]) for section in self.sections]
        more = [_describe(other.section, other.source, other.name) for other in others]
        store = self.sections[0].store if self.sections else Store()
        identities = [identity(page, around) for page in (*own, *more)]
        made_from = fingerprints.of_book(self.root, identities, waiting, store, address)
        if self.recorded is None and fingerprints.stands(self.build, made_from):
            self.phases.note("nothing behind the pages has changed since they were rendered")
            return self.build / "html/index.html"
        nothing = Store(self.build / "awaiting/store")
        read_from = [Section(s.parameters, nothing) if s.name in waiting else s for s in self.sections]
        found = judge(read_from, recorded=self.recorded)
        rows = found.rows()
        asked = judge([s for s in read_from if s.name == CONTROLS], recorded=found.recorded).rows()
        wanted = [
            awaiting(section, self.sources[section.name], nothing) if section.name in waiting else page
            for section, page in zip(self.sections, own, strict=True)
        ]
        prose = gather(self.sections, self.sources, rows, asked, address, waiting)
        beside = {other.original.name: other.head() for other in others}
        index = assemble(self.root, self.build, [*wanted, *more], prose, rows, self.jobs, self.phases, beside, around)
        if self.recorded is None:
            fingerprints.keep(self.build, made_from)
        return index

    def fill(self, queue: Sequence[Section], budget: float | None, device: str) -> None:
        """Compute what sections lack, one after the other, and render the book again as they fill.

        Args:
            queue: The sections, the most wanted first.
            budget: Seconds of training after which to stop.
            device: Where to train.

        Raises:
            BuildError: Jobs failed; what could be computed is in the book.
            Stopped: A signal or the end of the budget; the book stands, and the same command goes on.
        """
        from ..engine.runner import run

        spent, failed = 0.0, dict[str, str]()
        shown, since = self.waiting, math.inf  # what the book says, and when a page filled that it lacks
        for place, section in enumerate(queue, 1):
            if time.monotonic() + self.seconds([section]) > since + _SOON_SECONDS:
                self.render()
                shown, since = self.waiting, math.inf
            left = f"about {duration(self.seconds(queue[place - 1 :]))} left for all"
            self.phases.note(f"page {place} of {len(queue)} to compute: {section.name}, {left}")
            more = None if budget is None else max(budget - spent, 0.0)
            outcome = run(
                section.jobs(), section.store, jobs_n=self.jobs, budget=more, device=device, stream=self.stream
            )
            section.forget()
            spent += outcome.seconds
            failed |= outcome.failed
            if outcome.stopped:
                break
            if self.waiting != shown:
                since = min(since, time.monotonic())
        if outcome.stopped != "signal" and (self.waiting != shown or self.others):
            self.render()
        if failed:
            key, reason = next(iter(failed.items()))
            raise BuildError(f"{len(failed)} jobs failed, first {key}: {reason}")
        if outcome.stopped:
            raise Stopped(f"stopped while {len(self.waiting)} pages wait: run the same command again to go on")

    def seconds(self, sections: Sequence[Section]) -> float:
        """Estimate how long it takes to compute what some sections lack."""
        from ..engine.plan import plan

        jobs = {job.key: job for section in sections for job in section.jobs()}
        return 60 * plan(list(jobs.values()), sections[0].store).minutes(self.jobs)


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
    folder: Path | None = None,
    stream: TextIO | None = None,
) -> Path:
    """Render the book with what there is, then compute what its pages lack and render it again as they fill.

    Args:
        root: Folder with ``_toc.yml``.
        notebooks: Notebooks to compute and show, see :func:`chosen`.
        preset: Name of a scale, or a file of parameters that all of them declare; ``live`` by default.
        jobs: Trainings, then notebooks, side by side.
        budget: Seconds of training after which to stop.
        device: Where to train.
        recorded: Judgements on recorded results, for the ledger; by default those of ``results/``.
        what_if: A notebook to show once more under changed parameters, and their names and values.
        folder: Where everything made goes; by default ``_build`` in ``root``.
        stream: Where to say how far it is; by default standard error.

    Returns:
        The book's first page, ``_build/html/index.html``; the what-if page if there is one.

    Raises:
        InputError: Something asked for does not exist; nothing was trained or written.
        BuildError: A job, a notebook or the rendering failed.
    """
    names, computed = chosen(notebooks_of(root), notebooks or (), what_if[0] if what_if else "")
    for name in names:
        check_kernel(root / FOLDER / f"{name}.ipynb")
    store = Store()
    sections = {name: Section(resolve(root / FOLDER / f"{name}.ipynb", file=preset), store) for name in names}
    others = []
    if what_if:
        original = sections[what_if[0]]
        others = [choose(root / FOLDER / f"{original.name}.ipynb", original, what_if[1], preset)]
    for section in (*sections.values(), *(other.section for other in others)):
        for job in section.jobs():
            store.sound(job.key)  # a damaged result is missing from here on
    os.environ[ENVIRONMENT] = str(store.root)
    buildfolder.check(folder or root / "_build")
    book = Book(root, list(sections.values()), others, jobs, recorded, folder, stream)
    began = time.monotonic()
    index = book.render()
    queue = [sections[name] for name in computed] + [other.section for other in others]
    queue = [section for section in queue if not section.complete]
    if queue:
        opened = f"the book stands after {time.monotonic() - began:.0f} s, open {index}"
        book.phases.note(f"{opened}: {len(queue)} pages wait for results of their own and fill from here on")
        book.fill(queue, budget, device)
    return index.parent / FOLDER / f"{others[0].name}.html" if others else index


def _describe(section: Section, source: Path, name: str = "") -> Page:
    """Describe a section's page: the parameters that differ from its cell, and all results it reads."""
    live, given = section.parameters.bases[LIVE], section.parameters
    changed = {name: value for name, value in given.stored.items() if given[name] != live[name]}
    return Page(name or section.name, source, changed, tuple(job.key for job in section.graph))


def awaiting(section: Section, source: Path, nothing: Store) -> Page:
    """Describe a section's page while its results are not there: a notebook without the cells that show them.

    Args:
        section: The section.
        source: Its notebook.
        nothing: An empty store, so that the page shows none of its results rather than some.
    """
    notebook = editions.awaiting(json.loads(source.read_text(encoding="utf-8")), section.name)
    path = nothing.root.parent / source.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return replace(_describe(section, path), keys=(), store=str(nothing.root))
