"""What the commands do that look after results: keep them with the sources, count, check and remove them."""

from __future__ import annotations

import dataclasses
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ... import disk, places
from ...errors import InputError, quote
from ...exits import DONE, FAILED, STOPPED
from ..jobs import graph
from ..sections.targets import jobs_of, sections_of
from .computing import find_targets, open_notes, print_json

if TYPE_CHECKING:
    from ..engine.maintenance import Waste
    from ..engine.store import Store


def record(options: Namespace) -> int:
    """Keep results with the sources."""
    from ..book.description import describe as written
    from ..parameters.notebooks import home
    from ..results.record import RecordedFirst, is_begun, record as keep
    from ..results.recorded import Recorded

    root = _find_sources()
    recorded = Recorded(home() / "results")
    sections = sections_of(find_targets(options))
    for section in sections:
        _check_store(options, section.store)
    rows = []
    for section in sections:
        names = list(section.experiments)
        if options.partial:
            names = [name for name in names if is_begun(section.jobs(name), section.store, recorded)] or names
        for name in names:
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
            rows.append({"figure": kept.figure, "scale": kept.scale, "keys": kept.keys, "missing": kept.missing})
            if not options.json:
                print(f"{kept.figure}: {len(kept.keys)} results at {kept.scale} scale{left}")
    written(root)
    if options.json:
        print_json(options, {"records": rows})
    return DONE


def describe(options: Namespace) -> int:
    """Write what others' tools read of this copy."""
    from ..book.description import describe as written

    changed = [str(path) for path in written(_find_sources())]
    if options.json:
        print_json(options, {"changed": changed})
    else:
        print("\n".join(changed) or "nothing has changed since it was described")
    return DONE


def _find_sources() -> Path:
    """Give the copy of the book, for a command that writes into it.

    Raises:
        InputError: There is none.
    """
    found = places.checkout()
    if found is None:
        raise InputError("this writes into the sources: run it from a copy of the book")
    return found


def status(options: Namespace) -> int:
    """Say what the store holds."""
    from ..engine.maintenance import count_results

    targets = find_targets(options)
    store = sections_of(targets)[0].store
    wanted = {s.name: [job.key for job in s.graph] for s in sections_of(targets)}
    found = count_results(store, wanted)
    if options.json:
        print_json(options, {"store": str(store.root), **dataclasses.asdict(found)})
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


def _check_store(options: Namespace, store: Store) -> None:
    """Raise :class:`InputError` where a store was named that is not there, for a command that only reads it."""
    if options.store and not disk.exists(store.root):
        raise InputError(f"there is no store {quote(store.root)}: name the folder that holds one")


def verify(options: Namespace) -> int:
    """Compare every result with its checksums."""
    from ..engine.maintenance import verify as look
    from ..engine.store import Store
    from ..parameters.notebooks import home
    from ..results.recorded import Recorded

    store, recorded = Store(options.store), Recorded(home() / "results")
    _check_store(options, store)
    there, kept = sum(1 for _ in store), sum(1 for _ in recorded)
    wrong = {**look(store), **recorded.verify()}
    if options.json:
        print_json(options, {"store": str(store.root), "results": there, "recorded": kept, "wrong": wrong})
        return FAILED if wrong else DONE
    for key, reason in wrong.items():
        print(f"{key}: {reason}")
    counts = f"{there} results in {store.root} and {kept} recorded ones"
    print(f"{len(wrong)} damaged or missing, of {counts}" if wrong else f"all are whole: {counts}")
    return FAILED if wrong else DONE


def gc(options: Namespace) -> int:
    """Remove what nobody needs; what was computed goes only when the user says so."""
    from ..engine.maintenance import find_waste, remove_waste

    targets = find_targets(options)
    store = sections_of(targets)[0].store
    keep = [job.key for job in graph(jobs_of(targets))] if options.targets else None
    found = find_waste(store, keep, quarantine=options.quarantine)
    if options.dry_run:
        _tell(options, store, found, "would remove")
        return DONE
    if found.precious and not options.yes and not _ask(f"remove {found} from {store.root}"):
        print("nothing was removed", file=open_notes(options))
        return STOPPED
    if found.bytes or found.precious or found.leftovers:
        store.prepare()
    _tell(options, store, remove_waste(store, found), "removed")
    return DONE


def _tell(options: Namespace, store: Store, found: Waste, did: str) -> None:
    """Say what of a store went or would go."""
    if options.json:
        kept = {"leftovers": found.leftovers, "unfinished": found.unfinished, "quarantined": found.quarantined}
        listed = {name: [str(path) for path in paths] for name, paths in kept.items()}
        print_json(
            options,
            {"store": str(store.root), "did": did, "results": list(found.results), **listed, "bytes": found.bytes},
        )
    else:
        print(f"{did} {found} from {store.root}")


def _ask(what: str) -> bool:
    """Ask on a terminal whether something may be done.

    Raises:
        InputError: There is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise InputError(f"this would {what}: add --yes if it may, or --dry-run to look")
    print(f"{what[:1].upper()}{what[1:]}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
