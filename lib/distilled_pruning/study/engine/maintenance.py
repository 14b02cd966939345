"""Looking after a store: what is there, whether it is whole, and what can go."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ... import disk
from ..jobs import is_key
from .store import Busy, Missing

if TYPE_CHECKING:
    from .store import Store


@dataclass
class Status:
    """What a store holds.

    Attributes:
        entries: Kind to number of results.
        bytes: Kind to bytes.
        seconds: Kind to seconds of computing.
        figures: Figure to (results there, results wanted).
        unclaimed: Results that belong to none of these figures.
        checkpoints: Jobs that were stopped half-way.
        quarantined: Damaged results that were moved aside.
        damaged: Keys whose provenance cannot be read.
    """

    entries: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    figures: dict[str, tuple[int, int]] = field(default_factory=dict)
    unclaimed: int = 0
    checkpoints: int = 0
    quarantined: int = 0
    damaged: list[str] = field(default_factory=list)


def count_results(store: Store, figures: Mapping[str, Iterable[str]] | None = None) -> Status:
    """Count what a store holds, by kind and for which figures; reads provenance only.

    Args:
        store: The store.
        figures: Figure to the keys it wants, parents included.
    """
    found = Status()
    there = set()
    for key in store:
        there.add(key)
        provenance = store.provenance(key)
        if provenance is None:
            found.damaged.append(key)
            continue
        kind = provenance.get("kind", "unknown")
        found.entries[kind] = found.entries.get(kind, 0) + 1
        size = sum(file["bytes"] for file in provenance["files"].values())
        found.bytes[kind] = found.bytes.get(kind, 0) + size
        found.seconds[kind] = found.seconds.get(kind, 0.0) + provenance.get("seconds", 0.0)
    claimed: set[str] = set()
    for figure, keys in (figures or {}).items():
        wanted = set(keys)
        claimed |= wanted
        found.figures[figure] = (len(wanted & there), len(wanted))
    found.unclaimed = len(there - claimed)
    found.checkpoints = sum(bool(disk.children(folder)) for folder in disk.children(store.root / "checkpoints"))
    found.quarantined = len(disk.children(store.root / "quarantine"))
    return found


def verify(store: Store) -> dict[str, str]:
    """Read everything and compare checksums and keys; damaged results go to quarantine.

    Returns:
        Key to what is wrong with it; empty when all is well.
    """
    wrong = {}
    for key in store:
        try:
            store.load(key)
        except Missing as missing:
            wrong[key] = str(missing.__cause__ or missing)
    return wrong


@dataclass
class Waste:
    """What of a store can go.

    Attributes:
        results: Key of each result that nobody wants, to its kind and the seconds it took.
        unfinished: Checkpoints of jobs that nobody wants and that were stopped half-way.
        leftovers: What dead writers left, and checkpoints of jobs that are done.
        quarantined: What was damaged or strange and moved aside for a look.
        bytes: Disk space of all of it.
    """

    results: dict[str, tuple[str, float]] = field(default_factory=dict)
    unfinished: list[Path] = field(default_factory=list)
    leftovers: list[Path] = field(default_factory=list)
    quarantined: list[Path] = field(default_factory=list)
    bytes: int = 0

    @property
    def precious(self) -> bool:
        """Whether anything of it was computed or kept on purpose: more than what dead processes left."""
        return bool(self.results or self.unfinished or self.quarantined)

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(kind for kind, _ in self.results.values()).items())
        minutes = sum(seconds for _, seconds in self.results.values()) / 60
        details = f" ({kinds}; {minutes:.1f} minutes of computing)" if kinds else ""
        parts = [f"{len(self.results)} results{details}", f"{len(self.leftovers)} leftovers of dead processes"]
        parts += [f"{len(self.unfinished)} jobs stopped half-way"] if self.unfinished else []
        parts += [f"{len(self.quarantined)} damaged ones in quarantine"] if self.quarantined else []
        return f"{', '.join(parts[:-1])} and {parts[-1]}, {self.bytes / 1e6:.1f} MB"


def _add_ancestors(store: Store, keys: Iterable[str]) -> set[str]:
    """Give keys together with those of all results they were made from, as far as the store knows."""
    found: set[str] = set()
    stack = list(keys)
    while stack:
        key = stack.pop()
        if key not in found:
            found.add(key)
            stack.extend((store.provenance(key) or {}).get("parents", ()))
    return found


def find_waste(store: Store, keep: Iterable[str] | None = None, *, quarantine: bool = False) -> Waste:
    """Find what dead processes left and, when told what to keep, the results that nobody wants; nothing is removed.

    Args:
        store: The store.
        keep: Keys to keep, with all results they were made from; ``None`` keeps every result.
        quarantine: Count what is in quarantine too; it is kept otherwise.
    """
    found = Waste()
    kept = None if keep is None else _add_ancestors(store, keep)
    for key in store:
        if kept is not None and key not in kept and _is_free(store, key):
            provenance = store.provenance(key) or {}
            found.results[key] = str(provenance.get("kind", "damaged")), float(provenance.get("seconds", 0.0))
    for path in disk.children(store.root / "tmp"):
        if is_key(_read_key(path)) and _is_free(store, _read_key(path)):
            found.leftovers.append(path)
    for path in disk.children(store.root / "checkpoints"):
        key = _read_key(path)
        unwanted = is_key(key) and kept is not None and key not in kept
        if unwanted and not store.has(key) and disk.children(path) and _is_free(store, key):
            found.unfinished.append(path)
        elif is_key(key) and (unwanted or store.has(key)) and _is_free(store, key):
            found.leftovers.append(path)
    found.quarantined = disk.children(store.root / "quarantine") if quarantine else []
    found.leftovers += [path for path in store.halves() if _is_free(store, path.stem)]
    results = [path for key in found.results for path in store.entry(key).files]
    paths = [*results, *found.unfinished, *found.leftovers, *found.quarantined]
    found.bytes = sum(map(disk.size_of, paths))
    return found


def _read_key(path: Path) -> str:
    """Give the key in the name of a temporary folder, a checkpoint or a lock, if it is one."""
    return path.name.split(".")[0]


def remove_waste(store: Store, found: Waste) -> Waste:
    """Remove what :func:`find_waste` found, but for what a running job holds by now.

    Returns:
        What was removed.
    """
    removed = Waste()
    removed.results = {
        key: facts for key, facts in found.results.items() if _remove(store, key, store.entry(key).files, removed)
    }
    for name in ("unfinished", "leftovers"):
        gone = [path for path in getattr(found, name) if _remove(store, _read_key(path), [path], removed)]
        setattr(removed, name, gone)
    for path in found.quarantined:
        size = disk.size_of(path)
        if disk.remove(path):
            removed.quarantined.append(path)
            removed.bytes += size
    for path in disk.children(store.root / "locks"):
        with contextlib.suppress(Busy):
            if is_key(path.name):
                with store.lock(path.name):
                    pass  # a lock that nobody holds goes when it is given back
    return removed


def _is_free(store: Store, key: str) -> bool:
    """Whether no running job holds a key, as far as one may know."""
    try:
        with store.lock(key):
            return True
    except Busy:
        return False
    except OSError:
        return True


def _remove(store: Store, key: str, paths: Sequence[Path], removed: Waste) -> bool:
    """Remove what belongs to a key, unless a running job holds it; whether it is gone."""
    size = sum(map(disk.size_of, paths))
    try:
        with store.lock(key):
            gone = all(disk.remove(path) for path in paths)  # the file that says "done" first
    except Busy:
        return False
    removed.bytes += size if gone else 0
    return gone
