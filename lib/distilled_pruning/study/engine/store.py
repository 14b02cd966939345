"""The store: a folder of results that survives anything and runs nothing.

Layout, all in one file system so that a rename is atomic::

    KEY[:2]/KEY.json, KEY[:2]/KEY.safetensors    a finished entry, see :mod:`.entry`
    tmp/            entries being written
    checkpoints/KEY/  what a running job needs to go on after a stop; removed when its result is saved
    locks/KEY       held while a job runs, so that no two runners do it at once
    quarantine/     damaged entries, kept for a look
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import disk, places
from ...errors import InputError, quote
from ..jobs import Result, check_key, is_key
from .entry import BODY, HEAD, Damaged, Entry, pack

if TYPE_CHECKING:
    from ..jobs import Job

ENVIRONMENT = "DISTILLED_PRUNING_STORE"
_PARTS = ("tmp", "checkpoints", "locks", "quarantine")
_log = logging.getLogger(__name__)


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


class Entries:
    """A folder of results by key, read and never written; every read compares checksums.

    Names are built from validated keys only, so nothing reaches outside the folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def path(self, key: str, end: str = HEAD) -> Path:
        """Where a file of an entry is or would be."""
        return self.root / check_key(key)[:2] / f"{key}{end}"

    def entry(self, key: str) -> Entry:
        """Give the entry of a key, to read parts of it."""
        return Entry(self.root / check_key(key)[:2], key)

    def __iter__(self) -> Iterator[str]:
        """List the keys of all entries, sorted; anything else that lies in the folder is left alone.

        Raises:
            InputError: The folder cannot be read, or is none.
        """
        for shard in self.shards():
            names = {path.stem for path in disk.children(shard) if path.suffix in ("", HEAD)}
            yield from sorted(name for name in names if is_key(name) and name[:2] == shard.name)

    def shards(self) -> list[Path]:
        """List the folders that entries lie in; an :class:`InputError` where the store cannot be read."""
        try:
            return sorted(path for path in self.root.iterdir() if len(path.name) == 2)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(
                f"the store {quote(self.root)} cannot be read ({error.strerror or error}): "
                f"give a folder that can with --store or {ENVIRONMENT}"
            ) from error

    def holds(self, key: str) -> bool:
        """Whether anything lies where the entry of a key belongs, whole or not."""
        return self.entry(key).is_there()

    def has(self, key: str) -> bool:
        """Whether a complete, undamaged result is there, arrays included, so that it serves other jobs."""
        if not self.holds(key):
            return False
        try:
            self.load(key)
        except (Damaged, Missing):
            return False
        return True

    def read(self, key: str) -> dict[str, Any]:
        """Read spec, metrics and provenance of an entry, see :meth:`Entry.read`."""
        return self.entry(key).read()

    def load(self, key: str) -> Result:
        """Read a complete result.

        Raises:
            Damaged: It is not there, not complete, or contradicts itself.
        """
        return self.entry(key).load()

    def metrics(self, key: str) -> dict[str, Any] | None:
        """Read the metrics alone, with or without arrays beside them; ``None`` where none are, or damaged ones."""
        if not self.holds(key):
            return None
        try:
            return dict(self.read(key)["metrics"])
        except Damaged as damage:
            self.note_damage(key, str(damage))
            return None

    def arrays(self, key: str) -> dict[str, Any] | None:
        """Read the arrays alone; ``None`` where there is no complete, undamaged result."""
        try:
            return self.load(key).arrays
        except (Damaged, Missing):
            return None

    def provenance(self, key: str) -> dict[str, Any] | None:
        """Read who made a result, where and when; ``None`` where it is not in this folder, or damaged."""
        try:
            return self.entry(key).provenance()
        except Damaged:
            return None

    def note_damage(self, key: str, reason: str) -> None:
        """Leave a damaged entry where it is: somebody else looks after this folder."""


class Busy(Exception):
    """Another process is doing this job."""


class Store(Entries):
    """Results by key, kept as jobs are done.

    Every read compares checksums; a damaged entry is moved to ``quarantine/`` with a warning and counts as missing.
    Creating one touches no disk.
    """

    def __init__(self, root: str | Path | None = None, fallback: Entries | None = None) -> None:
        """Name the folder.

        Args:
            root: The folder; by default that of the environment variable ``DISTILLED_PRUNING_STORE``, else ``.store``
                in the copy of the book.
            fallback: Where to look for results the folder lacks (never given at live scale).
        """
        named = root or os.environ.get(ENVIRONMENT)
        super().__init__(places.locate(named) if named else places.default(".store"))
        self.fallback = fallback

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def prepare(self) -> None:
        """Make sure results can be kept, before any time is spent on them.

        Raises:
            InputError: The folder cannot be written.
        """
        probe = self.root / "tmp" / f"probe.{os.getpid()}"
        try:
            for name in _PARTS:
                self._make_way(self.root / name)
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"written")
            probe.unlink()
        except OSError as error:
            raise InputError(
                f"the store {quote(self.root)} cannot be written ({error.strerror or error}): "
                f"give a folder that can with --store or {ENVIRONMENT}"
            ) from error

    def has(self, key: str) -> bool:
        """Whether a result is there; only reading it tells whether it is whole."""
        return self.entry(key).is_done() or (self.fallback is not None and self.fallback.has(key))

    def shows(self, job: Job) -> bool:
        """Whether what a figure shows of a job is there: recorded metrics do where its arrays only serve other jobs."""
        return self.has(job.key) or (
            job.passing and self.fallback is not None and self.fallback.metrics(job.key) is not None
        )

    def origin(self, job: Job) -> dict[str, Any] | None:
        """Read who made what figures show of a job, be it in the fallback; ``None`` where it is missing."""
        if self.fallback is None or self.entry(job.key).is_done():
            return self.provenance(job.key)
        return self.fallback.provenance(job.key) if self.shows(job) else None

    def sound(self, key: str) -> bool:
        """Whether a result is there and whole, but for the content of its arrays; a damaged one goes to quarantine."""
        if not self.holds(key):
            return self.has(key)
        try:
            self.entry(key).check()
        except Damaged as damage:
            self.note_damage(key, str(damage))
            return False
        return True

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
            return super().load(key)
        except Damaged as damage:
            self.note_damage(key, str(damage))
            raise Missing(key, f"the result {key} was damaged: {damage}") from damage

    def metrics(self, key: str) -> dict[str, Any] | None:
        """Read the metrics alone, checked; ``None`` where there is no (undamaged) result."""
        if self.fallback is not None and not self.holds(key):
            return self.fallback.metrics(key)
        return super().metrics(key)

    def save(self, job: Job, result: Result, provenance: dict[str, Any]) -> None:
        """Keep a result: all of it or nothing, even through a power cut; an entry already there stays.

        The caller holds the key's lock. The job's checkpoints are removed.

        Raises:
            OSError: The disk is full or fails; nothing is left behind.
        """
        spec = job.spec()
        known = {"kind": job.kind, "version": spec["version"], "parents": [parent.key for parent in job.parents]}
        self._put(job.key, pack(job.key, spec, result, {**known, **provenance}))
        shutil.rmtree(self.root / "checkpoints" / job.key, ignore_errors=True)

    def _put(self, key: str, files: Mapping[str, bytes]) -> None:
        self._sweep(key)
        self._make_way(self.path(key).parent)
        with suppress(Missing):
            if self.holds(key) and self.load(key):
                return
        place = self.root / "tmp" / f"{check_key(key)}.{os.getpid()}"
        disk.write_whole({self.path(key, end): content for end, content in files.items()}, place)

    def _sweep(self, key: str) -> None:
        """Remove what earlier, dead writers of a key left; the caller holds its lock."""
        for path in (self.root / "tmp").glob(f"{check_key(key)}.*"):
            disk.remove(path)

    def _make_way(self, path: Path) -> None:
        """Let a folder be made: what lies in its place and is none goes to quarantine."""
        if disk.is_stray(path):
            self._put_aside(path, "is not a folder, as it should be")

    def checkpoint(self, key: str) -> Path:
        """Give the folder in which a running job keeps what it needs to go on after a stop."""
        folder = self.root / "checkpoints" / check_key(key)
        self._make_way(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def note_damage(self, key: str, reason: str) -> None:
        """Move a damaged entry to ``quarantine/`` and say so."""
        try:
            moved = disk.move_aside(self.entry(key).read_files, self.root / "quarantine", key)
            if moved is not None:
                _log.warning("result %s is damaged (%s): moved to %s, it will be computed again", key, reason, moved)
        except OSError as error:
            _log.warning("result %s is damaged (%s) and cannot be moved aside (%s)", key, reason, error.strerror)

    def _put_aside(self, path: Path, reason: str) -> None:
        """Move what does not belong into ``quarantine/`` and say so.

        Raises:
            OSError: It cannot be moved.
        """
        if (moved := disk.move_aside([path], self.root / "quarantine", path.name)) is not None:
            _log.warning("%s %s: moved to %s", path, reason, moved)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a key for the time a job runs; the lock ends with the process, however it ends.

        Raises:
            Busy: Another process holds it.
        """
        from filelock import FileLock, Timeout  # only who works with a store waits for its import

        path = self.root / "locks" / check_key(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        if disk.is_dir(path):
            self._put_aside(path, "is a folder where a lock belongs")
        lock = FileLock(path, blocking=False)
        try:
            lock.acquire()
        except Timeout as held:
            raise Busy(key) from held
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # before the release: whoever opened it meanwhile sees that it has no name
            lock.release()

    def halves(self) -> list[Path]:
        """List the arrays of results of which the rest was never written, as a kill at that moment leaves them."""
        bodies = [path for shard in self.shards() for path in disk.children(shard) if path.suffix == BODY]
        return [path for path in bodies if is_key(path.stem) and not self.path(path.stem).exists()]

    def discard(self, key: str) -> None:
        """Remove an entry."""
        for path in self.entry(key).files:
            disk.remove(path)
