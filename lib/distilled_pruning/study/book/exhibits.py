"""What was recorded of a figure at a larger scale, shown on a page of any scale; or what it would take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from .. import display
from ..display import Note, Table
from ..parameters.cells import home
from ..parameters.presets import Parameters, bases, dataset_name, listed, resolve, stamped
from ..results.recorded import Record, Recorded
from ..sections.common import comparison
from ..sections.registry import EXPERIMENTS
from ..sections.section import Section

if TYPE_CHECKING:
    import pandas as pd

    from ..engine.store import Store

Tabulate = Callable[["pd.DataFrame"], Table]


@dataclasses.dataclass(frozen=True)
class Exhibit:
    """The recorded frames behind one figure.

    Attributes:
        scale: Scale they were recorded at.
        frames: One for each experiment the figure takes; the first has rows, the others may have none.
        records: The recordings behind the first, the largest first.
        devices: What they were computed on.
    """

    scale: str
    frames: tuple[pd.DataFrame, ...]
    records: tuple[Record, ...]
    devices: tuple[str, ...]

    @property
    def stamp(self) -> str:
        """Scale and parameters, for the foot of the figure; of further recordings what differs."""
        first, *others = map(self._shown, self.records)
        aside = ({n: v for n, v in other.items() if v != first.get(n)} for other in others)
        return "; ".join([stamped(f"recorded, {self.scale}", first), *(listed(changed) for changed in aside)])

    def _shown(self, record: Record) -> dict[str, Any]:
        """Give the parameters of a recording without datasets that have no rows yet."""
        given, frame = record.parameters, self.frames[0]
        if "dataset" not in given or "dataset" not in frame:
            return given
        there = [name for name in given["dataset"].split(",") if dataset_name(name) in set(frame["dataset"])]
        return {**given, "dataset": ",".join(there) or given["dataset"]}

    def note(self) -> Note:
        """Say how complete it is and where it comes from, and offer its data."""
        frame, figure = self.frames[0], self.records[0].figure
        done, missing = sum(len(r.keys) for r in self.records), sum(r.missing for r in self.records)
        took = f"{sum(r.seconds for r in self.records) / 3600:.1f} hours of computing on {', '.join(self.devices)}"
        complete = f"{done} of {done + missing} results"
        entries: list[tuple[str, Any]] = [("recorded", f"{self.scale} scale, {complete}, {took}")]
        if {"dataset", "model", "method", "init"} <= set(frame):
            networks = list(frame.groupby(["dataset", "model"], sort=False))
            for (dataset, model), rows in networks:
                of = f", {model} on {dataset}" if len(networks) > 1 else ""
                entries.append((f"initialisations{of}", counted(rows)))
        csv = display.download(f"{figure}-{self.scale}.csv", frame.to_csv(index=False))
        commits = ", ".join(dict.fromkeys(commit[:10] for record in self.records for commit in record.code))
        entries += [("code", commits), ("data behind this figure", csv)]
        return Note(entries + [("run it", command(figure, preset_of(record))) for record in self.records])


def counted(frame: pd.DataFrame) -> str:
    """Say of how many initialisations each method has rows, from the fewest to the most of a rate and size of set."""
    from ..sections.common.style import NAMES

    parts = []
    for method, rows in frame.groupby("method", sort=False):
        by = [name for name in ("rate", "ipc") if name in rows]
        counts = rows.groupby(by)["init"].nunique() if by else [rows["init"].nunique()]
        few, most = min(counts), max(counts)
        parts.append(f"{NAMES.get(str(method), str(method).upper())} {most if few == most else f'{few} to {most}'}")
    return ", ".join(parts)


def preset_of(record: Record) -> str:
    """Name the preset of a recording's scale from which the fewest of its parameters differ.

    What was no parameter yet when it was recorded has the preset's value.
    """
    notebook = EXPERIMENTS[record.figure].notebook
    names = [name for name in bases(notebook) if name.partition("/")[0] == record.scale]
    return min(names, key=lambda name: len(resolve(notebook, record.parameters.items(), name).differences(name)))


def command(figure: str, preset: str) -> display.Markup:
    """The command that computes a figure at a scale or a variant of it."""
    return display.code(f"distilled-pruning run {figure} -f {preset}")


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
    records = tuple(record for record, _ in folder.parts(names[0], scale))
    devices = {str(folder.read(key)["provenance"]["device"]) for record in records for key in record.keys}
    return Exhibit(scale, (frame, *others), records, tuple(sorted(devices)))


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
