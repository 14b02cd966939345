"""What the commands do that compute: plan, run, judge, repeat and time; what all commands share."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ... import places
from ...errors import InputError, unknown
from ...exits import DONE, FAILED
from ...signals import tell
from ..engine import machine
from ..engine.schedule import tell_recorded
from ..jobs import graph
from ..sections.targets import Target, command, find, jobs_of, keys_of_whole, sections_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..engine.runner import Outcome
    from ..jobs import Job
    from ..judging.ledger import Ledger
    from ..sections.how_fast.runs import Held


GREEN, YELLOW, RED = 32, 33, 31  # colours of a terminal


def find_targets(options: Namespace) -> list[Target]:
    """Find the targets of a command; ``--store`` and ``--device`` are parameters like others."""
    pairs = [(name, value) for name, value in options.pairs]
    pairs += [(name, getattr(options, name)) for name in ("store", "device") if getattr(options, name)]
    return find(options.targets, pairs, options.file)


def _shared_value(targets: list[Target], name: str, default: str = "") -> str:
    values = {str(section.parameters.get(name, default)) for section in sections_of(targets)}
    if len(values) > 1:
        raise InputError(f"{name} differs between the targets ({', '.join(sorted(values))}): give one with --{name}")
    return values.pop() if values else default


def print_json(options: Namespace, value: Any) -> None:
    """Print JSON, with the letters themselves where the terminal knows them all."""
    known = str(getattr(options.results, "encoding", "")).lower().replace("-", "") == "utf8"
    print(json.dumps(value, indent=2, ensure_ascii=not known), file=options.results)


def open_notes(options: Namespace) -> TextIO:
    """Give where to say what is going on: standard error, or nowhere with ``--quiet``; what is wrong is always said."""
    return Path(os.devnull).open("w", encoding="utf-8") if options.quiet else sys.stderr


def _is_coloured(stream: TextIO) -> bool:
    """Say whether a stream shows colours: a terminal that can, unless ``NO_COLOR`` (no-color.org) is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: int | None, stream: TextIO | None = None) -> str:
    """Colour a word where the stream, by default standard output, shows it."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and _is_coloured(stream or sys.stdout) else text


def plan(options: Namespace) -> int:
    """Say what a run would compute."""
    from ..engine.estimate import write_minutes
    from ..engine.plan import plan as make

    targets = find_targets(options)
    device = _shared_value(targets, "device", "auto")
    found = make(jobs_of(targets), sections_of(targets)[0].store, device, keys_of_whole(targets))
    if options.json:
        lines: dict[str, Callable[[Job], list[str]]] = {}
        for target in targets:
            line = command(target.section)
            lines |= {job.key: line for job in graph(list(target.jobs)) if job.key not in lines}
        print_json(options, found.json(lambda job: lines[job.key](job)))
    else:
        side = machine.workers(device)
        print(found)
        print(f"about {write_minutes(found.minutes(side))} with {side} at a time, the start of processes included")
        for note in found.notes:
            print(note)
        for section in sections_of(targets):
            print(f"{section.name}: {section.parameters.scale}")
    return DONE


def run(options: Namespace) -> int:
    """Compute what is missing."""
    from ..engine.plan import shard
    from ..engine.runner import run as start

    targets = find_targets(options)
    device = _shared_value(targets, "device", "auto")
    jobs = jobs_of(targets)
    if options.shard:
        jobs = shard(jobs, *options.shard)
    outcome = start(
        jobs,
        sections_of(targets)[0].store,
        jobs_n=options.jobs or machine.workers(device),
        budget=options.budget,
        device=device,
        whole=keys_of_whole(targets),
        stream=open_notes(options),
    )
    if options.json:
        print_json(options, dataclasses.asdict(outcome))
    _report(outcome, jobs, open_notes(options))
    return outcome.code


def _report(outcome: Outcome, jobs: Sequence[Job], stream: TextIO) -> None:
    """Say how a run of some jobs ended; that some failed also where nobody wants to hear of progress."""
    if outcome.failed:
        text = f"{len(outcome.failed)} jobs failed, {len(outcome.left)} are left"
    elif outcome.left:
        text = f"stopped ({outcome.stopped}), {len(outcome.left)} jobs are left: the same command continues"
    elif outcome.done:
        text = f"done: {len(outcome.done)} jobs in {outcome.seconds:.0f} s"
    elif jobs:
        nothing = f"nothing to do: none of {len(graph(list(jobs)))} jobs is missing"
        text = "; ".join([nothing, *tell_recorded(outcome.recorded)])
    else:
        text = "nothing to do: this part of the work is empty, since there are more parts than jobs"
    tell(text, sys.stderr if outcome.failed else stream)


def repeat(options: Namespace) -> int:
    """Do recorded work again from nothing and say where its numbers land."""
    from ..engine.runner import run as start
    from ..engine.store import Store
    from ..repeat import find_landings, start_afresh

    options.store = options.store or str(places.default(".again"))
    targets = find_targets(options)
    store, device = Store(options.store), _shared_value(targets, "device", "auto")
    sections, jobs = start_afresh(targets, store), jobs_of(targets)
    side, stream = options.jobs or machine.workers(device), open_notes(options)
    outcome = start(jobs, store, jobs_n=side, budget=options.budget, device=device, stream=stream)
    _report(outcome, jobs, stream)
    if outcome.code != DONE:
        return outcome.code
    found = find_landings(sections, {job.key for job in jobs})
    if options.json:
        print_json(options, {"landings": [{**dataclasses.asdict(item), "inside": item.inside} for item in found]})
    else:
        for item in found:
            print(item)
    known = [item.inside for item in found if item.inside is not None]
    print(
        f"{sum(known)} of {len(known)} numbers land where they were recorded; "
        f"{len(found) - len(known)} were recorded without an interval",
        file=stream,
    )
    return DONE if all(known) else FAILED


def _judge(options: Namespace) -> Ledger:
    """Judge the claims of the chosen notebooks, all of them when none is named."""
    from ..judging.claims import check_frames
    from ..judging.ledger import judge, judge_recorded
    from ..sections.registry import EXPERIMENTS

    if options.recorded and (options.pairs or options.file):
        raise InputError("recorded results are judged at the scales they were recorded at: leave out -p and -f")
    targets = find_targets(options)
    if not options.recorded:
        for section in sections_of(targets):
            next(iter(section.store), None)  # raises where the folder cannot be read
    check_frames(EXPERIMENTS)
    make = judge_recorded if options.recorded else judge
    return make(sections_of(targets), everything=not options.targets)


def check(options: Namespace) -> int:
    """Judge the claims, and make sure that what is recorded of their figures is whole."""
    from ..judging.judgement import write_doubts, write_findings
    from ..judging.verdicts import CONTRADICTED, MIXED, NOT_RUN, PARTLY, REFUTED, REPRODUCED, SUPPORTED
    from ..parameters.notebooks import home
    from ..results.recorded import Recorded

    colours = {REPRODUCED: GREEN, SUPPORTED: GREEN, PARTLY: YELLOW, MIXED: YELLOW, CONTRADICTED: RED, REFUTED: RED}
    found = _judge(options)
    if options.accept:
        from ..judging.expectations import accept

        if all(item.verdict == NOT_RUN for item in found.judgements):
            raise InputError("none of these claims has a result to accept: run some first")
        found = dataclasses.replace(found, problems=())
        print(f"{accept(found.scales)} holds what is expected from now on", file=sys.stderr)
    rows = found.rows()
    figures = None if not options.targets else {name for item in found.judgements for name in item.claim.frames}
    damaged = Recorded(home() / "results").verify(figures)
    problems = [*found.problems, *(f"recorded result {name}: {reason}" for name, reason in damaged.items())]
    if rows and not problems and all(row["verdict"] == NOT_RUN for row in rows):
        first = "record" if options.recorded else "run"
        problems.append(f"no result that these claims rest on is there: {first} some first")
    if options.json:
        print_json(options, {"claims": rows})
    else:
        width = max((len(row["id"]) for row in rows), default=0)
        words = max((len(row["word"]) for row in rows), default=0)
        for row in rows:
            run = row["this_run"]
            value = f"  {'; '.join(write_findings(run))}  (n = {run['n']})" if run and run["n"] else ""
            doubts = "".join(f"; {text}" for text in write_doubts(row))
            verdict = paint(f"{row['word']:<{words}}", colours.get(row["verdict"]))
            print(f"{verdict} {row['id']:<{width}}{value}{doubts}")
        print(f"{len(rows)} claims, scale {rows[0]['scale']}" if rows else "no claim is judged by these notebooks")
    for problem in problems:
        print(f"distilled-pruning: {problem}", file=sys.stderr)
    return FAILED if problems else DONE


def book(options: Namespace) -> int:
    """Build the book."""
    from ..book.build import build
    from ..book.execution import BuildError
    from ..parameters.notebooks import home

    if options.pairs and not options.what_if:
        raise InputError("-p changes the page beside a notebook: name the notebook with --what-if")
    if options.what_if and not options.pairs:
        raise InputError(f"say what changes beside {options.what_if}, as in -p ipc 1")
    try:
        page = build(
            home(),
            notebooks=options.notebooks or None,
            preset=options.file,
            jobs=options.jobs or machine.workers(options.device),
            budget=options.budget,
            device=options.device,
            what_if=(options.what_if, options.pairs) if options.what_if else None,
            folder=places.default("_build"),
            stream=open_notes(options),
        )
    except BuildError as error:
        print(f"distilled-pruning: {error}", file=sys.stderr)
        return error.code
    print(page)
    return DONE


def bench(options: Namespace) -> int:
    """Measure how fast this machine trains, or what themes name."""
    from ..sections.how_fast import measure as measure

    machine.check(options.device)
    if options.all or options.themes:
        return _bench_themes(options)
    if options.against or options.rounds:
        raise InputError("--rounds and --against are for themes: name some, or give --all")
    found = measure.training(options.device)
    if options.json:
        print_json(options, found)
    else:
        for name, value in found.items():
            print(f"{name}: {value}")
    return DONE


def _bench_themes(options: Namespace) -> int:
    """Time themes beside their peers, and hold the ratios against a kept run where one is named."""
    from ..engine.store import Store
    from ..sections.how_fast import page, runs
    from ..sections.how_fast.measure import measure

    for name in options.themes:
        if name not in runs.ALL_THEMES:
            raise unknown("theme", name, runs.ALL_THEMES)
    kept = runs.load(Path(options.against)) if options.against else None

    def time_themes(themes: Sequence[str]) -> dict[str, Any]:
        store = Store(options.store)
        return measure(themes, options.device, options.rounds, store, lambda line: say(f"bench: {line}"))

    def say(line: str) -> None:
        print(line, file=open_notes(options), flush=True)

    found = time_themes(runs.ALL_THEMES if options.all else options.themes)
    if kept is not None and (missed := _list_missed(runs.hold(found, kept))):
        say(f"bench: {', '.join(missed)} once more, where a ratio lies outside: few rounds miss by chance")
        found = runs.add_rounds(found, time_themes(missed))
    if options.json:
        print_json(options, found)
    else:
        print(page.text(found))
    if kept is None:
        return DONE
    here, there = runs.name_machine(found), runs.name_machine(kept)
    if here != there:
        print(
            f"bench: {options.against} was measured on {there}; this run on {here}: ratios belong to a machine, so "
            "none is judged",
            file=sys.stderr,
        )
    for line in page.agreement(found, kept):
        print(line, file=sys.stderr if line.startswith(runs.OUTSIDE) else open_notes(options))
    return FAILED if _list_missed(runs.hold(found, kept)) else DONE


def _list_missed(held: Sequence[Held]) -> list[str]:
    """Give the themes of which a ratio lies outside the spread of the kept run."""
    from ..sections.how_fast.runs import OUTSIDE

    return list(dict.fromkeys(one.pair.found["theme"] for one in held if one.verdict == OUTSIDE))
