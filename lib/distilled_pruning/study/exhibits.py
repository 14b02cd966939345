"""What was recorded of a figure at a larger scale, shown on a page of any scale; or what it would take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from . import comparison, display
from .display import Note, Table
from .parameters import Parameters, home, resolve, stamped
from .recorded import Record, Recorded
from .section import Section

if TYPE_CHECKING:
    import pandas as pd

    from .store import Store

Tabulate = Callable[["pd.DataFrame"], Table]


@dataclasses.dataclass(frozen=True)
class Exhibit:
    """The recorded frames behind one figure.

    Attributes:
        scale: Scale they were recorded at.
        frames: One for each experiment the figure takes; the first has rows, the others may have none.
        record: The most complete recording of the first.
        devices: What it was computed on.
    """

    scale: str
    frames: tuple[pd.DataFrame, ...]
    record: Record
    devices: tuple[str, ...]

    @property
    def stamp(self) -> str:
        """Scale and parameters, for the foot of the figure."""
        return stamped(f"recorded, {self.scale}", self.record.parameters)

    def note(self) -> Note:
        """Say how complete it is and where it comes from, and offer its data."""
        from .figures.style import NAMES

        r, frame = self.record, self.frames[0]
        total = len(r.keys) + r.missing
        took = f"{r.seconds / 3600:.1f} hours of computing on {', '.join(self.devices)}"
        entries: list[tuple[str, Any]] = [("recorded", f"{self.scale} scale, {len(r.keys)} of {total} results, {took}")]
        if {"method", "init"} <= set(frame):
            counts = frame.groupby("method", sort=False)["init"].nunique()
            each = (f"{NAMES.get(str(method), str(method).upper())} {n}" for method, n in counts.items())
            entries.append(("initialisations", ", ".join(each)))
        csv = display.download(f"{r.figure}-{self.scale}.csv", frame.to_csv(index=False))
        commits = ", ".join(commit[:10] for commit in r.code)
        entries += [("code", commits), ("data behind this figure", csv), ("run it", command(r.figure, self.scale))]
        return Note(entries)


def command(figure: str, scale: str) -> display.Markup:
    """The command that computes a figure at a scale."""
    return display.code(f"distilled-pruning run {figure} -f {scale}")


def find(names: Sequence[str], root: Path | None = None) -> Exhibit | None:
    """Find the recording of a figure at the largest scale that has one, ``None`` where there is none.

    Args:
        names: Experiments the figure takes, the one it cannot do without first.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: What is recorded cannot be read.
    """
    largest = comparison.recorded(names[0], root)
    if largest is None:
        return None
    scale, frame = largest
    folder = Recorded(root or home() / "results")
    others = (folder.table(name, scale) for name in names[1:])
    record = min((r for r in folder.records(names[0], scale) if r.frame), key=lambda r: r.missing)
    devices = {str(folder.read(key)["provenance"]["device"]) for key in record.keys}
    return Exhibit(scale, (frame, *others), record, tuple(sorted(devices)))


def absent(figure: str, parameters: Parameters, store: Store) -> Note:
    """Say that nothing is recorded of a figure, how it is computed at the next larger scale, and what that takes."""
    from .effort import UNKNOWN, scales, told

    entries: list[tuple[str, Any]] = [("recorded", f"nothing yet of {figure}")]
    if scale := next(iter(scales(parameters)), ""):
        entries.append(("run it", command(figure, scale)))
        try:
            takes = told(Section(resolve(parameters.notebook, file=scale), store))
        except InputError:
            takes = UNKNOWN
        entries.append(("the page takes", takes))
    return Note(entries)


def tabled(table: Tabulate | None, found: Exhibit) -> Table | Note:
    """Set a table of the first frame above the note, where there is a table."""
    return found.note() if table is None else dataclasses.replace(table(found.frames[0]), after=found.note())
