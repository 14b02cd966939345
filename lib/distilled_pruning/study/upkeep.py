"""Looking after a store: what is there, whether it is whole, and what can go."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .jobs import is_key
from .store import Busy, Missing

if TYPE_CHECKING:
    from .store import Store


def size_of(folder: Path) -> int:
    """Add up the bytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


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


def status(store: Store, figures: Mapping[str, Iterable[str]] | None = None) -> Status:
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
    found.checkpoints = sum(any(folder.iterdir()) for folder in children(store.root / "checkpoints"))
    found.quarantined = len(children(store.root / "quarantine"))
    return found


def children(folder: Path) -> list[Path]:
    """List a folder, empty where there is none."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


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
class Removed:
    """What :func:`gc` removed, or would.

    Attributes:
        entries: Keys of results.
        leftovers: Temporary folders, checkpoints and quarantined entries that nobody needs.
        bytes: Disk space.
    """

    entries: list[str] = field(default_factory=list)
    leftovers: list[Path] = field(default_factory=list)
    bytes: int = 0


def ancestors(store: Store, keys: Iterable[str]) -> set[str]:
    """Give keys together with those of all results they were made from, as far as the store knows."""
    found: set[str] = set()
    stack = list(keys)
    while stack:
        key = stack.pop()
        if key not in found:
            found.add(key)
            stack.extend((store.provenance(key) or {}).get("parents", ()))
    return found


def gc(store: Store, keep: Iterable[str] | None = None, *, dry: bool = False) -> Removed:
    """Remove what dead processes left, and the results nobody wants.

    Everything that a running job holds stays, whatever ``keep`` says.

    Args:
        store: The store.
        keep: Keys to keep, with all results they were made from; ``None`` keeps every result.
        dry: Only say what would go.
    """
    removed = Removed()
    kept = None if keep is None else ancestors(store, keep)
    unwanted = [] if kept is None else [key for key in store if key not in kept]
    for key, path in [(key, store.folder(key)) for key in unwanted] + leftovers(store, kept):
        try:
            with store.lock(key):
                removed.bytes += size_of(path)
                if path == store.folder(key):
                    removed.entries.append(key)
                else:
                    removed.leftovers.append(path)
                if not dry:
                    shutil.rmtree(path, ignore_errors=True)
        except Busy:
            continue
    for path in children(store.root / "locks"):
        with contextlib.suppress(Busy), store.lock(path.name):
            pass  # a lock that nobody holds goes when it is given back
    return removed


def leftovers(store: Store, kept: set[str] | None) -> list[tuple[str, Path]]:
    """List what may lie around of results that are there or unwanted, each with its key."""
    found = []
    for name in ("tmp", "quarantine", "checkpoints"):
        for path in children(store.root / name):
            key = path.name.split(".")[0]
            wanted = name == "checkpoints" and not store.has(key) and (kept is None or key in kept)
            if is_key(key) and not wanted:
                found.append((key, path))
    return found
