"""Recording: promote the small results behind a figure from a store to ``results/``, where git keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import disk
from ...errors import InputError
from ..engine.entry import (
    ARRAYS,
    BODY,
    KEPT,
    Damaged,
    dump,
    dump_lines,
    keep_metrics,
    pack_arrays,
    sha256,
    unpack_arrays,
)
from ..engine.store import Entries
from ..jobs import graph
from ..parameters.presets import PRESETS
from .recorded import EVER, FRAMES, INDEX, Record, Recorded, Shown, write_index

if TYPE_CHECKING:
    from ..engine.store import Store
    from ..jobs import Job


@dataclass(frozen=True)
class Limits:
    """How much is kept.

    Attributes:
        array_bytes: Largest arrays to keep, in bytes of one result.
        always: Kinds whose arrays are kept whatever their size: masks and distilled images; images that were chosen
            from a dataset or published by others are never kept, nor are those that distillation began with.
        shown: Kinds whose arrays are kept only where the figure shows them itself: distilled sets take megabytes, and
            minutes to be made again.
        total_bytes: Largest size of the whole folder.
    """

    array_bytes: int = 64 * 1024
    always: tuple[str, ...] = ("distill", "prune")
    shown: tuple[str, ...] = ("distill",)
    total_bytes: int = 40_000_000


@dataclass
class _Behind:
    """What a figure was made from: commits, datasets, time, and the keys that are needed to tell."""

    code: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)
    seconds: float = 0.0

    def add(self, job: Job, whole: Mapping[str, Any]) -> None:
        """Add one result.

        Raises:
            InputError: It was made by code that is not committed.
        """
        provenance = whole["provenance"]
        if provenance.get("commit") is None or provenance.get("dirty"):
            raise InputError(
                f"the result {job.key} ({job.title}) was made by code that is not committed: commit, "
                "and run it from a clean checkout, as in a git worktree"
            )
        self.code[provenance["commit"]] = provenance["tree"]
        self.data.update(digests(whole["spec"]))
        self.seconds += provenance["seconds"]
        self.needed.update((job.key, *provenance["parents"]))


def record(
    figure: str,
    scale: str,
    parameters: Mapping[str, Any],
    jobs: Sequence[Job],
    store: Store,
    root: str | Path,
    *,
    partial: bool = False,
    frame: Mapping[str, Sequence[Any]] | None = None,
    limits: Limits = Limits(),
) -> Record:
    """Promote the results behind a figure.

    A recording of the same figure, scale and parameters, or of all the results of another and more, takes its place
    in the index. A single result that is recorded stays what it is, and none is dropped, unless it was one of these
    very parameters and as many of another version take its place. Metrics of everything the figure was made from go
    along, arrays only where they are small and a figure shows them or a job that is still missing needs them.

    Args:
        figure: Name of the experiment.
        scale: The stamp that follows from the parameters.
        parameters: Those that decide results.
        jobs: The jobs whose results the figure shows, in the experiment's order.
        store: Where they are.
        root: The folder of recorded results.
        partial: Record what there is, be it only work behind missing results, from which another machine can go on.
        frame: The figure's tidy frame by column, ``frame.to_dict("list")``.
        limits: How much is kept.

    Returns:
        The entry of the index.

    Raises:
        InputError: The scale is live, results are missing or were made by code that is not committed, the folder would
            grow too large, or a recorded result would go; nothing is written.
    """
    recorded = Recorded(root)
    missing = [job for job in jobs if not store.sound(job.key) and not recorded.holds(job.key)]
    _refuse(figure, scale, jobs, missing, partial, not missing or is_begun(jobs, store, recorded))
    everything = graph(list(jobs))
    reader = RecordedFirst(recorded, store)
    found = {job.key: reader.read(job.key) for job in everything}
    awaited = _list_awaited(missing, found)
    there = [(job, whole) for job in everything if (whole := found[job.key]) is not None]  # of others nobody had need
    behind = _Behind()
    for job, whole in there:
        behind.add(job, whole)
    files = _pack(there, reader, awaited, {job.key for job in jobs}, limits)
    framed: tuple[str, str] | tuple[()] = ()
    if frame is not None and len(missing) < len(jobs):
        content = dump_lines({name: list(values) for name, values in frame.items()})
        name = f"{figure}-{scale}-{sha256(dump(dict(parameters)))[:8]}.json"
        framed, files[recorded.root / FRAMES / name] = (name, sha256(content)), content
    absent = {job.key for job in missing}
    new = Record(
        figure,
        scale,
        dict(parameters),
        keys=tuple(job.key for job in jobs if job.key not in absent),
        data=dict(sorted(behind.data.items())),
        frame=framed,
        code=behind.code,
        seconds=round(behind.seconds, 1),
        missing=len(absent),
        behind=tuple(sorted(awaited)),
    )
    _write(recorded, new, files, behind.needed, limits.total_bytes)
    return new


def is_begun(jobs: Sequence[Job], store: Store, recorded: Recorded) -> bool:
    """Say whether any result behind a figure is there, so that there is something to record."""
    return any(store.sound(job.key) or recorded.holds(job.key) for job in graph(list(jobs)))


def _refuse(figure: str, scale: str, jobs: Sequence[Job], missing: Sequence[Job], partial: bool, begun: bool) -> None:
    """Raise :class:`InputError` where there is nothing to record at this scale, or not all that there should be."""
    if scale not in PRESETS:
        raise InputError(f"results at scale {scale!r} are not recorded: choose one of {', '.join(PRESETS)}")
    if missing and not (partial and begun):
        advice = ", or record --partial" if begun else ""
        raise InputError(f"{len(missing)} of {len(jobs)} results behind {figure} are missing: run it first{advice}")


def _pack(
    there: Sequence[tuple[Job, dict[str, Any]]],
    reader: RecordedFirst,
    awaited: set[str],
    own: set[str],
    limits: Limits,
) -> dict[Path, bytes]:
    """Make the files of those results that are not recorded yet; ``own`` are the keys that the figure itself shows."""
    recorded, store = reader.recorded, reader.store
    files: dict[Path, bytes] = {}
    for job, whole in there:
        here = store.read(job.key) if store.holds(job.key) else None
        if here is None or here["provenance"]["seal"] != whole["provenance"]["seal"]:
            continue  # recorded before, of another run or not here any more
        size = whole["provenance"]["files"].get(ARRAYS, {"bytes": 0})["bytes"]
        small = size <= limits.array_bytes or job.kind in limits.always
        unseen = job.passing or (job.kind in limits.shown and job.key not in own)
        serves = not unseen or job.key in awaited
        packed = store.entry(job.key).packed(here) if small and serves and not job.borrowed else None
        kept = keep_metrics(whole, job.unrecorded)
        if packed is not None:
            files[recorded.path(job.key, BODY)], arrays = _keep_own(job, packed)
            kept |= {KEPT: {**kept.get(KEPT, {}), **arrays}} if arrays else {}
        files[recorded.path(job.key)] = dump_lines(kept)
    return files


def _write(recorded: Recorded, new: Record, files: dict[Path, bytes], needed: set[str], most: int) -> None:
    """Write a new record with its files, and remove those that no record needs any more.

    Raises:
        InputError: The folder would grow too large, or a recorded result would go.
    """
    records = [old for old in recorded.records() if not _contains(new, old)] + [new]
    files[recorded.root / INDEX] = write_index(records)
    shown = sorted(_list_ever(recorded, new, records))
    files[recorded.root / EVER] = "".join(f"{' '.join(row)}\n" for row in shown).encode()
    stale = _list_orphans(recorded, records, needed)
    size = sum(map(len, files.values())) + sum(
        path.stat().st_size for path in recorded.root.rglob("*") if path.is_file() and path not in {*files, *stale}
    )
    if size > most:
        raise InputError(
            f"recorded results would take {size / 1e6:.1f} MB, more than {most / 1e6:.0f} MB: "
            "record fewer seeds or arrays"
        )
    disk.write_whole(files)
    for path in stale:
        path.unlink()


def _list_awaited(missing: Sequence[Job], found: Mapping[str, Any]) -> set[str]:
    """Give the keys of the finished results from which missing ones are to be made."""
    waited: set[str] = set()
    seen: set[str] = set()
    stack = list(missing)
    while stack:
        job = stack.pop()
        if job.key not in seen:
            seen.add(job.key)
            for parent in job.parents:
                if found[parent.key] is None:
                    stack.append(parent)
                else:
                    waited.add(parent.key)
    return waited


def _keep_own(job: Job, content: bytes) -> tuple[bytes, dict[str, Any]]:
    """Leave out the arrays that hold other people's images.

    Returns:
        What may be kept of a file of arrays, and names and checksum of that; both as they were if nothing is left out.
    """
    arrays = unpack_arrays(content)
    mine = {name: array for name, array in arrays.items() if not job.lent(name)}
    if len(mine) == len(arrays):
        return content, {}
    kept = pack_arrays(mine)
    return kept, {"arrays": sorted(mine), "sha256": sha256(kept)}


class RecordedFirst:
    """Reads a result from what was recorded before, else from a store: what :func:`record` would keep."""

    def __init__(self, recorded: Recorded, store: Store) -> None:
        self.recorded, self.store = recorded, store

    def _of(self, key: str) -> Entries:
        return self.recorded if self.recorded.holds(key) else self.store

    def read(self, key: str) -> dict[str, Any] | None:
        """Read spec, metrics and provenance with its seal; ``None`` where there is no result.

        Raises:
            InputError: The result is damaged.
        """
        try:
            return self._of(key).read(key) if self._of(key).holds(key) else None
        except Damaged as damage:
            raise InputError(f"the result {key} is damaged ({damage}): run it again") from damage

    def metrics(self, key: str) -> dict[str, Any] | None:
        """Read the metrics alone."""
        found = self.read(key)
        return None if found is None else dict(found["metrics"])

    def arrays(self, key: str) -> dict[str, Any] | None:
        """Read the arrays alone; ``None`` where they were not kept."""
        return self._of(key).arrays(key)

    def provenance(self, key: str) -> dict[str, Any] | None:
        """Read who made it, where and when."""
        found = self.read(key)
        return None if found is None else dict(found["provenance"])


def digests(spec: Any) -> Iterator[tuple[str, str]]:
    """List the datasets a spec names, each with its digest; one that is only a file goes by its digest."""
    if isinstance(spec, dict):
        if isinstance(spec.get("digest"), str):
            yield str(spec.get("name", spec["digest"][:8])), spec["digest"]
        for value in spec.values():
            yield from digests(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from digests(value)


def _contains(new: Record, old: Record) -> bool:
    """Say whether a recording makes another one superfluous: it is the same, or has all its results and more."""
    same = new.figure == old.figure and new.scale == old.scale
    return new.name == old.name or (same and set() < set(old.keys) < set(new.keys))


def _list_ever(recorded: Recorded, new: Record, records: Sequence[Record]) -> set[Shown]:
    """List every result ever recorded, those about to be written included.

    Raises:
        InputError: One of them would no longer be shown by any record.
    """
    before = recorded.records()
    known = recorded.ever().union(*(record.shown for record in before))
    there = set[Shown]().union(*(record.shown for record in records))
    same = [old for old in before if old.name == new.name and len(old.keys) <= len(new.keys)]
    replaced = set[Shown]().union(*(old.shown for old in same)) - there
    if gone := known - there - replaced:
        figure, scale, _ = min(gone)
        raise InputError(
            f"{len(gone)} recorded results, first of {figure} at {scale} scale, would be shown no more: "
            "record what contains them, so that no result is taken back"
        )
    return (known - replaced) | there


def _list_orphans(recorded: Recorded, records: Sequence[Record], needed: set[str]) -> list[Path]:
    """List files in the folder that no record needs any more, nor any result about to be written."""
    named = {key for record in records for key in (*record.keys, *record.behind)}
    needed = needed | recorded.closure(needed | named)
    frames = {record.frame[0] for record in records if record.frame}
    found = [path for key in recorded if key not in needed for path in recorded.entry(key).files]
    found += [path for path in (recorded.root / FRAMES).glob("*.json") if path.name not in frames]
    return [path for path in found if path.exists()]
