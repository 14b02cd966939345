"""Recorded results: what is kept in git, read without PyTorch, without data, and without computing a key.

Layout of ``results/``::

    index.json              figure, scale and parameters to keys; see :class:`Record`
    ever.txt                figure, scale and key of every result that was ever recorded; none of them may go
    KEY[:2]/KEY.json        spec, metrics and provenance of one result, as the store sealed them; where not all was
                            kept, which arrays were, and checksums of arrays and metrics
    KEY[:2]/KEY.safetensors its arrays, where they are small
    frames/NAME.json        the tidy frame behind a figure, by column
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import disk
from ...errors import InputError
from ..engine.entry import Damaged, dump, read_json, sha256
from ..engine.store import Entries
from ..parameters.fields import drop_off
from ..parameters.presets import PRESETS

if TYPE_CHECKING:
    import pandas as pd

INDEX, FRAMES, EVER = "index.json", "frames", "ever.txt"
_TUPLES = ("keys", "frame", "behind")
_BESIDE = ("methods", "published", "seeds", "dense_seeds")  # what recordings of one comparison may differ in
_RATE = "inner_learning_rate"  # and this where rows name it


Shown = tuple[str, str, str]  # figure, scale and key of a result


@dataclass(frozen=True)
class Record:
    """One figure recorded under one set of parameters.

    Attributes:
        figure: Name of the experiment.
        scale: ``"reduced"`` or ``"paper"``.
        parameters: Those that decide results.
        keys: Keys of the results it shows, in the experiment's order.
        data: Name of every dataset behind it, to the digest of its source.
        frame: File of its tidy frame under ``frames/``, and the SHA-256 of that; empty where none was given.
        code: Commits it was computed at, each with the tree hash of ``lib/``.
        seconds: Computing time behind it, of all results it was made from.
        missing: Number of results it would also show and that were not there yet.
        behind: Keys of the finished results that those are to be made from.
    """

    figure: str
    scale: str
    parameters: dict[str, Any]
    keys: tuple[str, ...]
    data: dict[str, str]
    frame: tuple[str, str] | tuple[()]
    code: dict[str, str]
    seconds: float
    missing: int = 0
    behind: tuple[str, ...] = ()

    @property
    def name(self) -> tuple[str, str, str]:
        """What distinguishes records: figure, scale and parameters, but for those that are off, as a new one is."""
        return self.figure, self.scale, json.dumps(drop_off(self.parameters), sort_keys=True)

    @property
    def shown(self) -> set[Shown]:
        """The results it shows."""
        return {(self.figure, self.scale, key) for key in self.keys}

    def differing(self, digests: Mapping[str, str]) -> list[str]:
        """Name the datasets whose source here has another digest than the one recorded."""
        return [name for name, digest in self.data.items() if digests.get(name, digest) != digest]


class Recorded(Entries):
    """The recorded results, ``results/`` of the repository: entries like those of a store, an index, and frames."""

    def records(self, figure: str | None = None, scale: str | None = None) -> list[Record]:
        """List what is recorded, paper scale first.

        Raises:
            InputError: The index cannot be read.
        """
        path = self.root / INDEX
        if not disk.lexists(path):
            return []
        try:
            rows = json.loads(path.read_bytes())["records"]
            found = [Record(**{**row, **{name: tuple(row.get(name, ())) for name in _TUPLES}}) for row in rows]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError) as error:
            raise InputError(f"{path} is not an index of recorded results ({error}): restore it from git") from error
        wanted = [r for r in found if figure in (None, r.figure) and scale in (None, r.scale)]
        return sorted(wanted, key=lambda record: -PRESETS.index(record.scale) if record.scale in PRESETS else 1)

    def ever(self) -> set[Shown]:
        """Give every result that was ever recorded, as far as this folder knows.

        Raises:
            InputError: The list cannot be read.
        """
        path = self.root / EVER
        found = [tuple(line.split()) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
        if not all(len(row) == 3 for row in found):
            raise InputError(f"{path} is not a list of figures, scales and keys: restore it from git")
        return {(figure, scale, key) for figure, scale, key in found}

    def frame(self, record: Record) -> dict[str, list[Any]]:
        """Read the tidy frame behind a figure, by column.

        Raises:
            InputError: It was not recorded, or is damaged.
        """
        if not record.frame:
            raise InputError(f"no frame was recorded for {record.figure} at {record.scale} scale: record it again")
        name, digest = record.frame
        path = self.root / FRAMES / Path(name).name
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        if sha256(content) != digest:
            raise InputError(f"{path} is missing or damaged: restore it from git")
        return read_json(content, name)

    def parts(self, figure: str, scale: str) -> list[tuple[Record, pd.DataFrame]]:
        """Give the recordings of a figure at a scale, each with its rows, the largest first.

        Where several hold the same dataset and network, the one with the most results counts, of equal ones that with
        the fewest missing, then the one that took the most computing: their settings may differ, so they are never
        mixed, and what is recorded of another setting on fewer tickets does not displace what verdicts rest on. Only
        what has the same settings and other methods, or the same methods at other inner rates, is set beside it.

        Raises:
            InputError: A frame is damaged.
        """
        import pandas as pd

        parts: list[tuple[Record, pd.DataFrame]] = []
        held: dict[tuple[Any, ...], tuple[dict[str, Any], set[tuple[Any, ...]]]] = {}
        for record in sorted(self.records(figure, scale), key=lambda r: (-len(r.keys), r.missing, -r.seconds)):
            if not record.frame:
                continue
            frame = pd.DataFrame(self.frame(record))
            place = [name for name in ("dataset", "model") if name in frame]
            named = list(zip(*(frame[name] for name in place), strict=True)) or [()] * len(frame)
            ways = list(zip(*(frame[name] for name in ("method", "rate") if name in frame), strict=True)) or named
            beside = (*_BESIDE, _RATE) if "rate" in frame else _BESIDE
            settings = {name: value for name, value in drop_off(record.parameters).items() if name not in beside}
            free = [
                name not in held or (held[name][0] == settings and way not in held[name][1])
                for name, way in zip(named, ways, strict=True)
            ]
            for name, way in itertools.compress(zip(named, ways, strict=True), free):
                held.setdefault(name, (settings, set()))[1].add(way)
            if any(free):
                parts.append((record, frame[free]))
        return parts

    def table(self, figure: str, scale: str) -> pd.DataFrame:
        """Give all that was recorded of a figure at a scale, one dataset and network below the other.

        Raises:
            InputError: A frame is damaged.
        """
        import pandas as pd

        frames = [frame for _, frame in self.parts(figure, scale)]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def verify(self, figures: Collection[str] | None = None) -> dict[str, str]:
        """Check entries and frames, and that the index names nothing that is not there.

        Args:
            figures: Check what these show; everything by default.

        Returns:
            Key or file name to what is wrong with it; arrays that were left out are not wrong.
        """
        records = [record for record in self.records() if figures is None or record.figure in figures]
        there = set[Shown]().union(*(record.shown for record in records))
        gone = {item for item in self.ever() - there if figures is None or item[0] in figures}
        wrong = {key: f"{figure} at {scale} scale showed it and does no more" for figure, scale, key in gone}
        shown = dict.fromkeys(key for record in records for key in record.keys if self.path(key).exists())
        for key in self if figures is None else shown:
            try:
                entry = self.entry(key)
                found = entry.read()
                if entry.body.exists():
                    entry.packed(found)
            except Damaged as damage:
                wrong[key] = str(damage)
        for record in records:
            absent = f"{record.figure} at {record.scale} scale names it and it is not there: restore it from git"
            wrong.update({key: absent for key in record.keys if not self.path(key).exists()})
            if record.frame:
                try:
                    self.frame(record)
                except InputError as error:
                    wrong[record.frame[0]] = str(error)
        return wrong

    def closure(self, keys: Iterable[str]) -> set[str]:
        """Give keys together with those of all recorded results they were made from."""
        found: set[str] = set()
        stack = list(keys)
        while stack:
            key = stack.pop()
            if key not in found and self.path(key).exists():
                found.add(key)
                stack.extend(self.read(key)["provenance"]["parents"])
        return found


def write_index(records: Iterable[Record]) -> bytes:
    """Write the index, sorted, so that recording the same again changes nothing."""
    return dump({"records": [asdict(record) for record in sorted(records, key=lambda record: record.name)]})
