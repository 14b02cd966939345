"""The store: a folder of results, one entry per key, that survives anything and runs nothing.

Layout, all in one file system so that a rename is atomic::

    KEY[:2]/KEY/    a finished entry, see :mod:`.entry`
    tmp/            entries being written
    checkpoints/KEY/  what a running job needs to go on after a stop; removed when its result is saved
    locks/KEY       held while a job runs, so that no two runners do it at once
    quarantine/     damaged entries, kept for a look
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ... import disk, places
from ...errors import InputError, quoted
from ..jobs import Result, checked, is_key
from . import entry
from .entry import Damaged, Entry

if TYPE_CHECKING:
    from ..jobs import Job

__all__ = ["Busy", "Missing", "Result", "Store"]

ENVIRONMENT = "DISTILLED_PRUNING_STORE"
PARTS = ("tmp", "checkpoints", "locks", "quarantine")
log = logging.getLogger(__name__)


class Missing(InputError):
    """A result is not in the store (any more).

    Attributes:
        key: Whose result.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key

    def __reduce__(self) -> tuple[type[Missing], tuple[str, str]]:
        """Travel between processes with both arguments."""
        return type(self), (self.key, str(self))


class Busy(Exception):
    """Another process is doing this job."""


class Fallback(Protocol):
    """A read-only source of results, such as the recorded ones, of which some are without their arrays."""

    def has(self, key: str) -> bool:
        """Whether the complete result is there, arrays included."""
        ...

    def metrics(self, key: str) -> dict[str, Any] | None:
        """Read the metrics alone, with or without arrays beside them; ``None`` where there are none."""
        ...

    def load(self, key: str) -> Result:
        """Read a complete result."""
        ...


class Store:
    """Results by key.

    Every read compares checksums; a damaged entry is moved to ``quarantine/`` with a warning and counts as missing.
    Names are built from validated keys only, so nothing reaches outside the folder. Creating one touches no disk.
    """

    def __init__(self, root: str | Path | None = None, fallback: Fallback | None = None) -> None:
        """Name the folder.

        Args:
            root: The folder; by default that of the environment variable ``DISTILLED_PRUNING_STORE``, else ``.store``
                in the copy of the book.
            fallback: Where to look for results the folder lacks (never given at live scale).
        """
        given = root or os.environ.get(ENVIRONMENT)
        self.root = places.named(given) if given else places.usual(".store")
        self.fallback = fallback

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def folder(self, key: str) -> Path:
        """Where the entry of a key is or would be."""
        return self.root / checked(key)[:2] / key

    def prepare(self) -> None:
        """Make sure results can be kept, before any time is spent on them.

        Raises:
            InputError: The folder cannot be written.
        """
        probe = self.root / "tmp" / f"probe.{os.getpid()}"
        try:
            for name in PARTS:
                self.clear(self.root / name)
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"written")
            probe.unlink()
        except OSError as error:
            raise InputError(
                f"the store {quoted(self.root)} cannot be written ({error.strerror or error}): "
                f"give a folder that can with --store or {ENVIRONMENT}"
            ) from error

    def clear(self, path: Path) -> None:
        """Make way for a folder: what lies in its place and is none goes to quarantine."""
        if disk.is_stray(path):
            self.aside(path, "is not a folder, as it should be")

    def has(self, key: str) -> bool:
        """Whether a result is there; only reading it tells whether it is whole."""
        here = disk.exists(self.folder(key) / entry.PROVENANCE)
        return here or (self.fallback is not None and self.fallback.has(key))

    def sound(self, key: str) -> bool:
        """Whether a result is there and whole, but for the content of its arrays; a damaged one goes to quarantine."""
        if not self.holds(key):
            return self.has(key)
        try:
            Entry(self.folder(key), key).check()
        except Damaged as damage:
            self.quarantine(key, str(damage))
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        """List the keys of all entries, sorted; anything else that lies in the folder is left alone.

        Raises:
            InputError: The folder cannot be read, or is none.
        """
        try:
            shards = sorted(self.root.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(
                f"the store {quoted(self.root)} cannot be read ({error.strerror or error}): "
                f"give a folder that can with --store or {ENVIRONMENT}"
            ) from error
        for shard in shards:
            if len(shard.name) == 2:
                names = (path.name for path in disk.children(shard))
                yield from (name for name in names if is_key(name) and name[:2] == shard.name)

    def load(self, key: str) -> Result:
        """Read a whole result, checked.

        Raises:
            Missing: It is not there, or was damaged and is now in quarantine.
        """
        if not self.holds(key):
            if self.fallback is not None and self.fallback.has(key):
                return self.fallback.load(key)
            raise Missing(key, f"no result {key} in {self.root}: run the notebook or the figure that it belongs to")
        try:
            return Entry(self.folder(key), key).load()
        except Damaged as damage:
            self.quarantine(key, str(damage))
            raise Missing(key, f"the result {key} was damaged: {damage}") from damage

    def metrics(self, key: str) -> dict[str, Any] | None:
        """Read the metrics alone, checked; ``None`` where there is no (undamaged) result."""
        if not self.holds(key):
            return self.fallback.metrics(key) if self.fallback is not None else None
        try:
            return Entry(self.folder(key), key).metrics()
        except Damaged as damage:
            self.quarantine(key, str(damage))
            return None

    def arrays(self, key: str) -> dict[str, Any] | None:
        """Read the arrays alone, checked; ``None`` where there is no (undamaged) result."""
        try:
            return self.load(key).arrays
        except Missing:
            return None

    def provenance(self, key: str) -> dict[str, Any] | None:
        """Read who made a result, where and when; ``None`` where it is not in this folder, or damaged."""
        try:
            return Entry(self.folder(key), key).provenance()
        except Damaged:
            return None

    def whole(self, key: str) -> bool:
        """Whether the folder holds an undamaged entry; a damaged one goes to quarantine."""
        try:
            return self.holds(key) and self.load(key) is not None
        except Missing:
            return False

    def holds(self, key: str) -> bool:
        """Whether anything lies where the entry of a key belongs."""
        return disk.lexists(self.folder(key))

    def entry(self, key: str) -> Entry:
        """Give the entry of a key, to read parts of it."""
        return Entry(self.folder(key), key)

    def save(self, job: Job, result: Result, provenance: dict[str, Any]) -> None:
        """Keep a result: all of it or nothing, even through a power cut; an entry already there stays.

        The caller holds the key's lock. The job's checkpoints are removed.

        Raises:
            OSError: The disk is full or fails; nothing is left behind.
        """
        spec = job.spec()
        known = {"kind": job.kind, "version": spec["version"], "parents": [parent.key for parent in job.parents]}
        files = entry.pack(job.key, spec, result, {**known, **provenance})
        self.put(job.key, files)
        shutil.rmtree(self.root / "checkpoints" / job.key, ignore_errors=True)

    def put(self, key: str, files: dict[str, bytes]) -> None:
        """Write the files of an entry under a temporary name and rename it into place."""
        self.sweep(key)
        temporary = self.root / "tmp" / f"{checked(key)}.{os.getpid()}"
        target = self.folder(key)
        try:
            entry.write(temporary, files)
            self.clear(target.parent)
            target.parent.mkdir(exist_ok=True)
            if not self.whole(key):
                temporary.rename(target)
                entry.sync(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def checkpoint(self, key: str) -> Path:
        """Give the folder in which a running job keeps what it needs to go on after a stop."""
        folder = self.root / "checkpoints" / checked(key)
        self.clear(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def quarantine(self, key: str, reason: str) -> None:
        """Move a damaged entry aside and say so."""
        try:
            if (moved := disk.move_aside(self.folder(key), self.root / "quarantine")) is not None:
                log.warning("result %s is damaged (%s): moved to %s, it will be computed again", key, reason, moved)
        except OSError as error:
            log.warning("result %s is damaged (%s) and cannot be moved aside (%s)", key, reason, error.strerror)

    def aside(self, path: Path, reason: str) -> None:
        """Move what does not belong into ``quarantine/`` and say so.

        Raises:
            OSError: It cannot be moved.
        """
        if (moved := disk.move_aside(path, self.root / "quarantine")) is not None:
            log.warning("%s %s: moved to %s", path, reason, moved)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a key for the time a job runs; the lock ends with the process, however it ends.

        Raises:
            Busy: Another process holds it.
        """
        path = self.root / "locks" / checked(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        if disk.is_dir(path):
            self.aside(path, "is a folder where a lock belongs")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                same = os.fstat(descriptor).st_ino == path.stat().st_ino
            except (BlockingIOError, FileNotFoundError):
                same = False
            if not same:
                raise Busy(key)
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def sweep(self, key: str) -> int:
        """Remove what earlier, dead writers of a key left; the caller holds its lock. Returns the number of folders."""
        stale = list((self.root / "tmp").glob(f"{checked(key)}.*"))
        for path in stale:
            disk.remove(path)
        return len(stale)

    def adopt(self, folder: str | Path) -> str:
        """Take in an entry copied from another machine on its own evidence.

        The checksums must hold and the key must follow from the spec.

        Returns:
            The key.

        Raises:
            InputError: The evidence does not hold; the store is unchanged.
        """
        source = Path(folder)
        try:
            found = Entry(source, checked(source.name))
            found.load()
            names = [name for name in entry.SEALED if name in found.provenance()["files"]]
            files = {name: found.content(name) for name in (*names, entry.PROVENANCE)}
        except InputError as refusal:
            raise InputError(f"{source} is refused as a result: {refusal}") from refusal
        try:
            with self.lock(found.key):
                self.put(found.key, files)
        except Busy as busy:
            raise InputError(f"{source} cannot be taken in while its job runs: try again when that is done") from busy
        return found.key

    def discard(self, key: str) -> None:
        """Remove an entry."""
        disk.remove(self.folder(key))
