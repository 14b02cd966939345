"""What each command of :mod:`distilled_pruning.cli` does: from parsed arguments to an exit code."""

from __future__ import annotations

import dataclasses
import json
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from .. import disk, places
from ..errors import InputError, quoted, unknown
from ..exits import DONE, FAILED, STOPPED
from ..signals import tell
from .engine import machine as hardware
from .jobs import graph
from .sections.targets import Target, command, find, jobs_of, sections_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .engine.runner import Outcome
    from .engine.store import Store
    from .jobs import Job
    from .judging.ledger import Ledger


def chosen(options: Namespace) -> list[Target]:
    """Find the targets of a command; ``--store`` and ``--device`` are parameters like others."""
    pairs = [(name, value) for name, value in options.pairs]
    pairs += [(name, getattr(options, name)) for name in ("store", "device") if getattr(options, name)]
    return find(options.targets, pairs, options.file)


def one(targets: list[Target], name: str, default: str = "") -> str:
    """Give a parameter that all targets share."""
    values = {str(section.parameters.get(name, default)) for section in sections_of(targets)}
    if len(values) > 1:
        raise InputError(f"{name} differs between the targets ({', '.join(sorted(values))}): give one with --{name}")
    return values.pop() if values else default


def write(value: Any) -> None:
    """Print JSON, with the letters themselves where the terminal knows them all."""
    known = str(getattr(sys.stdout, "encoding", "")).lower().replace("-", "") == "utf8"
    print(json.dumps(value, indent=2, ensure_ascii=not known))


def plan(options: Namespace) -> int:
    """Say what a run would compute."""
    from .engine.estimate import spelled
    from .engine.plan import plan as make

    targets = chosen(options)
    device = one(targets, "device", "auto")
    found = make(jobs_of(targets), sections_of(targets)[0].store, device)
    if options.json:
        lines: dict[str, Callable[[Job], list[str]]] = {}
        for target in targets:
            line = command(target.section)
            lines |= {job.key: line for job in graph(list(target.jobs)) if job.key not in lines}
        write(found.json(lambda job: lines[job.key](job)))
    else:
        side = options_jobs(None, device)
        print(found)
        print(f"about {spelled(found.minutes(side))} with {side} at a time, the start of processes included")
        for note in found.notes:
            print(note)
        for section in sections_of(targets):
            print(f"{section.name}: {section.parameters.scale}")
    return DONE


def options_jobs(given: int | None, device: str) -> int:
    """Give the number of jobs side by side."""
    return given or hardware.workers(device)


def run(options: Namespace) -> int:
    """Compute what is missing."""
    from .engine.plan import shard
    from .engine.runner import run as start

    targets = chosen(options)
    device = one(targets, "device", "auto")
    jobs = jobs_of(targets)
    if options.shard:
        jobs = shard(jobs, *options.shard)
    outcome = start(
        jobs,
        sections_of(targets)[0].store,
        jobs_n=options_jobs(options.jobs, device),
        budget=options.budget,
        device=device,
    )
    report(outcome, jobs)
    return outcome.code


def report(outcome: Outcome, jobs: Sequence[Job]) -> None:
    """Say how a run of some jobs ended."""
    if outcome.failed:
        text = f"{len(outcome.failed)} jobs failed, {len(outcome.left)} are left"
    elif outcome.left:
        text = f"stopped ({outcome.stopped}), {len(outcome.left)} jobs are left: the same command continues"
    elif outcome.done:
        text = f"done: {len(outcome.done)} jobs in {outcome.seconds:.0f} s"
    elif jobs:
        text = f"nothing to do: none of {len(graph(list(jobs)))} jobs is missing"
    else:
        text = "nothing to do: this part of the work is empty, since there are more parts than jobs"
    tell(text)


def repeat(options: Namespace) -> int:
    """Do recorded work again from nothing and say where its numbers land."""
    from .engine.runner import run as start
    from .engine.store import Store
    from .results.repeat import afresh, landings

    options.store = options.store or str(places.usual(".again"))
    targets = chosen(options)
    store, device = Store(options.store), one(targets, "device", "auto")
    sections, jobs = afresh(targets, store), jobs_of(targets)
    outcome = start(jobs, store, jobs_n=options_jobs(options.jobs, device), budget=options.budget, device=device)
    report(outcome, jobs)
    if outcome.code != DONE:
        return outcome.code
    found = landings(sections, {job.key for job in jobs})
    if options.json:
        write({"landings": [{**dataclasses.asdict(item), "inside": item.inside} for item in found]})
    else:
        for item in found:
            print(item)
    known = [item.inside for item in found if item.inside is not None]
    print(
        f"{sum(known)} of {len(known)} numbers land where they were recorded; "
        f"{len(found) - len(known)} were recorded without an interval",
        file=sys.stderr,
    )
    return DONE if all(known) else FAILED


def ledger(options: Namespace) -> Ledger:
    """Judge the claims of the chosen notebooks, all of them when none is named."""
    from .judging.ledger import judge, judge_recorded

    if options.recorded and (options.pairs or options.file):
        raise InputError("recorded results are judged at the scales they were recorded at: leave out -p and -f")
    targets = chosen(options)
    make = judge_recorded if options.recorded else judge
    return make(sections_of(targets), everything=not options.targets)


def check(options: Namespace) -> int:
    """Judge the claims, and make sure that what is recorded of their figures is whole."""
    from .judging.ledger import frames_of
    from .judging.verdicts import NOT_RUN
    from .parameters.cells import home
    from .results.recorded import Recorded

    found = ledger(options)
    rows = found.rows()
    figures = None if not options.targets else {name for item in found.judgements for name in frames_of(item.claim)}
    damaged = Recorded(home() / "results").verify(figures)
    problems = [*found.problems, *(f"recorded result {name}: {reason}" for name, reason in damaged.items())]
    if rows and not problems and all(row["verdict"] == NOT_RUN for row in rows):
        first = "record" if options.recorded else "run"
        problems.append(f"no result that these claims rest on is there: {first} some first")
    if options.json:
        write({"claims": rows})
    else:
        from .judging.preconditions import doubted

        width = max((len(row["id"]) for row in rows), default=0)
        words = max((len(row["verdict"]) for row in rows), default=0)
        for row in rows:
            value = f"  {row['this_run']}  (n = {row['n']})" if row["this_run"] else ""
            doubts = "".join(f"; {text}" for text in doubted(row["failed"], row["unsure"]))
            print(f"{row['verdict']:<{words}} {row['id']:<{width}}{value}{doubts}")
        print(f"{len(rows)} claims, scale {rows[0]['scale']}" if rows else "no claim is judged by these notebooks")
    for problem in problems:
        print(f"distilled-pruning: {problem}", file=sys.stderr)
    return FAILED if problems else DONE


def book(options: Namespace) -> int:
    """Build the book."""
    from .book.build import build
    from .book.execution import BuildError
    from .parameters.cells import home

    if options.pairs and not options.what_if:
        raise InputError("-p changes the page beside a notebook: name the notebook with --what-if")
    if options.what_if and not options.pairs:
        raise InputError(f"say what changes beside {options.what_if}, as in -p ipc 1")
    try:
        page = build(
            home(),
            notebooks=options.notebooks or None,
            preset=options.file,
            jobs=options_jobs(options.jobs, options.device),
            budget=options.budget,
            device=options.device,
            what_if=(options.what_if, options.pairs) if options.what_if else None,
        )
    except BuildError as error:
        print(f"distilled-pruning: {error}", file=sys.stderr)
        return error.code
    print(page)
    return DONE


def status(options: Namespace) -> int:
    """Say what the store holds."""
    from .engine.upkeep import status as look

    targets = chosen(options)
    store = sections_of(targets)[0].store
    wanted = {s.name: [job.key for job in s.graph] for s in sections_of(targets)}
    found = look(store, wanted)
    if options.json:
        write({"store": str(store.root), **dataclasses.asdict(found)})
        return DONE
    print(f"store {store.root}")
    for kind, number in found.entries.items():
        size, minutes = found.bytes[kind] / 1e6, found.seconds[kind] / 60
        print(f"  {kind:<10} {number:>6} results  {size:>9.1f} MB  {minutes:>8.1f} min")
    for name, (there, total) in found.figures.items():
        print(f"  {name}: {there} of {total} results are there")
    print(
        f"  {found.unclaimed} belong to none of these; {found.checkpoints} jobs stopped half-way; "
        f"{found.quarantined + len(found.damaged)} damaged"
    )
    return DONE


def needed(options: Namespace, store: Store) -> None:
    """Raise :class:`InputError` where a store was named that is not there, for a command that only reads it."""
    if options.store and not disk.exists(store.root):
        raise InputError(f"there is no store {quoted(store.root)}: name the folder that holds one")


def verify(options: Namespace) -> int:
    """Compare every result with its checksums."""
    from .engine.store import Store
    from .engine.upkeep import verify as look
    from .parameters.cells import home
    from .results.recorded import Recorded

    store, recorded = Store(options.store), Recorded(home() / "results")
    needed(options, store)
    there, kept = sum(1 for _ in store), sum(1 for _ in recorded)
    wrong = {**look(store), **recorded.verify()}
    for key, reason in wrong.items():
        print(f"{key}: {reason}")
    counts = f"{there} results in {store.root} and {kept} recorded ones"
    print(f"{len(wrong)} damaged or missing, of {counts}" if wrong else f"all are whole: {counts}")
    return FAILED if wrong else DONE


def gc(options: Namespace) -> int:
    """Remove what nobody needs; what was computed goes only when the user says so."""
    from .engine.upkeep import gc as clean
    from .engine.upkeep import waste

    targets = chosen(options)
    store = sections_of(targets)[0].store
    keep = [job.key for job in graph(jobs_of(targets))] if options.targets else None
    found = waste(store, keep, quarantine=options.quarantine)
    if options.dry_run:
        print(f"would remove {found} from {store.root}")
        return DONE
    if found.precious and not options.yes and not agreed(f"remove {found} from {store.root}"):
        print("nothing was removed", file=sys.stderr)
        return STOPPED
    if found.bytes or found.precious or found.leftovers:
        store.prepare()
    print(f"removed {clean(store, found)} from {store.root}")
    return DONE


def agreed(what: str) -> bool:
    """Ask on a terminal whether something may be done.

    Raises:
        InputError: There is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise InputError(f"this would {what}: add --yes if it may, or --dry-run to look")
    print(f"{what[:1].upper()}{what[1:]}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def data(options: Namespace) -> int:
    """List, fetch or verify datasets."""
    from . import datasets

    return datasets.command(options.action, options.names, options.json)


def bench(options: Namespace) -> int:
    """Measure how fast this machine trains, or what themes name."""
    from .speed import measure as measure

    hardware.check(options.device)
    if options.all or options.themes:
        return bench_themes(options)
    if options.against or options.rounds:
        raise InputError("--rounds and --against are for themes: name some, or give --all")
    found = measure.training(options.device)
    if options.json:
        write(found)
    else:
        for name, value in found.items():
            print(f"{name}: {value}")
    return DONE


def bench_themes(options: Namespace) -> int:
    """Time themes beside their peers, and hold the ratios against a kept run where one is named."""
    from pathlib import Path

    from .engine.store import Store
    from .speed import page as speed
    from .speed.measure import measure

    for name in options.themes:
        if name not in speed.ALL_THEMES:
            raise unknown("theme", name, speed.ALL_THEMES)
    kept = speed.load(Path(options.against)) if options.against else None
    found = measure(
        speed.ALL_THEMES if options.all else options.themes,
        options.device,
        options.rounds,
        Store(options.store),
        lambda line: print(f"bench: {line}", file=sys.stderr, flush=True),
    )
    if options.json:
        write(found)
    else:
        print(speed.text(found))
    if kept is None:
        return DONE
    lines = speed.agreement(found, kept)
    for line in lines:
        print(line, file=sys.stderr)
    return FAILED if any(line.startswith(speed.OUTSIDE) for line in lines) else DONE


def record(options: Namespace) -> int:
    """Keep results with the sources."""
    from .parameters.cells import home
    from .results.record import RecordedFirst
    from .results.record import record as keep
    from .results.recorded import Recorded

    recorded = Recorded(home() / "results")
    sections = sections_of(chosen(options))
    for section in sections:
        needed(options, section.store)
    for section in sections:
        for name in section.experiments:
            frame = section.experiment(name).frame(section.parameters, RecordedFirst(recorded, section.store))
            scale, jobs = section.parameters.scale, section.jobs(name)
            kept = keep(
                name,
                scale,
                section.deciding,
                jobs,
                section.store,
                recorded.root,
                partial=options.partial,
                frame={str(column): values for column, values in frame.to_dict("list").items()},
            )
            left = f", {kept.missing} missing" if kept.missing else ""
            print(f"{kept.figure}: {len(kept.keys)} results at {kept.scale} scale{left}")
    return DONE
