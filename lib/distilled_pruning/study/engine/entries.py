"""A folder of results, read: what a local store and the recorded results have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import disk
from ...errors import InputError, quoted
from ..jobs import Result, checked, is_key
from .entry import HEAD, Damaged, Entry

ENVIRONMENT = "DISTILLED_PRUNING_STORE"


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
        """Name the folder; nothing is read yet."""
        self.root = Path(root)

    def path(self, key: str, end: str = HEAD) -> Path:
        """Where a file of an entry is or would be."""
        return self.root / checked(key)[:2] / f"{key}{end}"

    def entry(self, key: str) -> Entry:
        """Give the entry of a key, to read parts of it."""
        return Entry(self.root / checked(key)[:2], key)

    def __iter__(self) -> Iterator[str]:
        """List the keys of all entries, sorted; anything else that lies in the folder is left alone.

        Raises:
            InputError: The folder cannot be read, or is none.
        """
        for shard in self._shards():
            names = {path.stem for path in disk.children(shard) if path.suffix in ("", HEAD)}
            yield from sorted(name for name in names if is_key(name) and name[:2] == shard.name)

    def _shards(self) -> list[Path]:
        try:
            return sorted(path for path in self.root.iterdir() if len(path.name) == 2)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(
                f"the store {quoted(self.root)} cannot be read ({error.strerror or error}): "
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
