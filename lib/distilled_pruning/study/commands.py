"""What each command of :mod:`distilled_pruning.cli` does: from parsed arguments to an exit code."""

from __future__ import annotations

import dataclasses
import json
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from ..errors import InputError, unknown
from .ledger import Ledger, judge, judge_recorded
from .notebook import workers
from .targets import Target, find, jobs_of, sections_of

if TYPE_CHECKING:
    from .runner import Outcome


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
    """Print JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def plan(options: Namespace) -> int:
    """Say what a run would compute."""
    from .plan import plan as make

    targets = chosen(options)
    device = one(targets, "device", "auto")
    found = make(jobs_of(targets), sections_of(targets)[0].store, device)
    if options.json:
        extra = [word for pair in options.pairs for word in ("-p", *pair)]
        extra += ["-f", options.file] if options.file else []
        extra += [
            word
            for name in ("store", "device")
            if getattr(options, name)
            for word in (f"--{name}", getattr(options, name))
        ]
        write(found.json(lambda key: ["distilled-pruning", "run", key, "--jobs", "1", *extra]))
    else:
        side = options_jobs(None, device)
        print(found)
        print(f"about {found.minutes(side):.1f} minutes with {side} at a time")
        for section in sections_of(targets):
            print(f"{section.name}: {section.parameters.scale}")
    return 0


def options_jobs(given: int | None, device: str) -> int:
    """Give the number of jobs side by side."""
    return given or workers(device)


def run(options: Namespace) -> int:
    """Compute what is missing."""
    from .plan import shard
    from .runner import run as start

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
    report(outcome, len(jobs))
    return outcome.code


def report(outcome: Outcome, total: int) -> None:
    """Say how a run ended."""
    if outcome.failed:
        text = f"{len(outcome.failed)} jobs failed, {len(outcome.left)} are left"
    elif outcome.left:
        text = f"stopped ({outcome.stopped}), {len(outcome.left)} jobs are left: the same command continues"
    elif outcome.done:
        text = f"done: {len(outcome.done)} jobs in {outcome.seconds:.0f} s"
    else:
        text = f"nothing to do: all {total} results are in the store"
    print(text, file=sys.stderr)


def repeat(options: Namespace) -> int:
    """Do recorded work again from nothing and say where its numbers land."""
    from .repeat import afresh, landings
    from .runner import run as start
    from .store import Store

    targets = chosen(options)
    store, device = Store(options.store), one(targets, "device", "auto")
    sections, jobs = afresh(targets, store), jobs_of(targets)
    outcome = start(jobs, store, jobs_n=options_jobs(options.jobs, device), budget=options.budget, device=device)
    report(outcome, len(jobs))
    if outcome.failed or outcome.left:
        return 1
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
    return 0 if all(known) else 1


def ledger(options: Namespace) -> Ledger:
    """Judge the claims of the chosen notebooks, all of them when none is named."""
    targets = chosen(options)
    make = judge_recorded if options.recorded else judge
    return make(sections_of(targets), everything=not options.targets)


def check(options: Namespace) -> int:
    """Judge the claims, and make sure that what is recorded is whole."""
    from .cells import home
    from .recorded import Recorded

    found = ledger(options)
    rows = found.rows()
    damaged = Recorded(home() / "results").verify()
    problems = [*found.problems, *(f"recorded result {name}: {reason}" for name, reason in damaged.items())]
    if options.json:
        write({"claims": rows})
    else:
        width = max((len(row["id"]) for row in rows), default=0)
        for row in rows:
            value = f"  {row['this_run']}  (n = {row['n']})" if row["this_run"] else ""
            print(f"{row['verdict']:<13} {row['id']:<{width}}{value}")
        print(f"{len(rows)} claims, scale {rows[0]['scale']}" if rows else "no claim is judged by these notebooks")
    for problem in problems:
        print(f"distilled-pruning: {problem}", file=sys.stderr)
    return 1 if problems else 0


def book(options: Namespace) -> int:
    """Build the book."""
    from .book import build
    from .cells import home
    from .execution import BuildError

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
        return 1
    print(page)
    return 0


def status(options: Namespace) -> int:
    """Say what the store holds."""
    from .upkeep import status as look

    targets = chosen(options)
    store = sections_of(targets)[0].store
    wanted = {s.name: [job.key for job in s.graph] for s in sections_of(targets)}
    found = look(store, wanted)
    if options.json:
        write({"store": str(store.root), **dataclasses.asdict(found)})
        return 0
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
    return 0


def verify(options: Namespace) -> int:
    """Compare every result with its checksums."""
    from .cells import home
    from .recorded import Recorded
    from .store import Store
    from .upkeep import verify as look

    wrong = {**look(Store(options.store)), **Recorded(home() / "results").verify()}
    for key, reason in wrong.items():
        print(f"{key}: {reason}")
    print(f"{len(wrong)} damaged" if wrong else "all results are whole")
    return 1 if wrong else 0


def gc(options: Namespace) -> int:
    """Remove what nobody needs."""
    from .upkeep import gc as clean

    targets = chosen(options)
    keep = [job.key for target in targets for job in target.jobs] if options.targets else None
    found = clean(sections_of(targets)[0].store, keep, dry=options.dry_run)
    verb = "would remove" if options.dry_run else "removed"
    print(f"{verb} {len(found.entries)} results and {len(found.leftovers)} leftovers, {found.bytes / 1e6:.1f} MB")
    return 0


def data(options: Namespace) -> int:
    """List, fetch or verify datasets."""
    from . import datasets

    return datasets.command(options.action, options.names, options.json)


def bench(options: Namespace) -> int:
    """Measure how fast this machine trains, or what themes name."""
    from . import bench as measure

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
    return 0


def bench_themes(options: Namespace) -> int:
    """Time themes beside their peers, and hold the ratios against a kept run where one is named."""
    from pathlib import Path

    from . import speed
    from .bench import measure
    from .store import Store

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
        return 0
    lines = speed.agreement(found, kept)
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if any(line.startswith(speed.OUTSIDE) for line in lines) else 0


def record(options: Namespace) -> int:
    """Keep results with the sources."""
    from .cells import home
    from .record import record as keep

    for section in sections_of(chosen(options)):
        for name in section.experiments:
            frame = {str(column): values for column, values in section.frame(name).to_dict("list").items()}
            scale, jobs = section.parameters.scale, section.jobs(name)
            kept = keep(
                name,
                scale,
                section.deciding,
                jobs,
                section.store,
                home() / "results",
                partial=options.partial,
                frame=frame,
            )
            left = f", {kept.missing} missing" if kept.missing else ""
            print(f"{kept.figure}: {len(kept.keys)} results at {kept.scale} scale{left}")
    return 0
