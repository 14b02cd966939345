"""Recorded results once more: done again from nothing, and held against the interval that was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .cells import home
from .recorded import Recorded, scale_of
from .section import Section
from .store import Store
from .tables import by_init
from .verdicts import interval

if TYPE_CHECKING:
    import pandas as pd

    from .targets import Target

NAMING = (
    "dataset", "model", "method", "setting", "rate", "level", "ipc", "rewind", "steps", "made_for", "made_by", "start",
    "protocol", "against", "shift", "strength", "share", "alpha", "x", "y",
)  # fmt: skip
MEASURES = ("accuracy", "loss", "barrier", "error_rise", "end_loss", "mean_abs", "std")


@dataclass(frozen=True)
class Landing:
    """Where a number fell when its job was done again.

    Attributes:
        figure: Name of the experiment that shows it.
        ticket: Columns that say what was measured, to their values.
        init: Its initialisation.
        measure: Column of the number.
        value: The number.
        interval: 95 % interval that was recorded for the mean over initialisations; ``None`` below two of them.
        n: Initialisations recorded.
    """

    figure: str
    ticket: dict[str, Any]
    init: int
    measure: str
    value: float
    interval: tuple[float, float] | None
    n: int

    @property
    def inside(self) -> bool | None:
        """Whether the number lies in the interval; ``None`` where there is no interval."""
        return None if self.interval is None else self.interval[0] <= self.value <= self.interval[1]

    def __str__(self) -> str:
        """Write one line."""
        named = ((name, f"{value:g}" if isinstance(value, float) else value) for name, value in self.ticket.items())
        about = ", ".join(f"{name} {value}" for name, value in named if value != "")
        word = {None: "?", True: "inside", False: "OUTSIDE"}[self.inside]
        bounds = "[{:.4g}, {:.4g}]".format(*self.interval) if self.interval is not None else "no interval"
        place = f"{self.figure}, {about}, init {self.init}"
        return f"{word:>7}  {place}: {self.measure} {self.value:.4g} in {bounds}, n = {self.n}"


def afresh(targets: Sequence[Target], store: Store, root: Path | None = None) -> list[Section]:
    """Give the sections of targets with a store of their own, which recorded results do not fill.

    Args:
        targets: What is to be done again.
        store: Where.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: A section is at live scale, of which nothing is recorded, or none of the wanted results is recorded.
    """
    folder = Recorded(root or home() / "results")
    found: dict[str, Section] = {}
    for target in targets:
        parameters = target.section.parameters
        if scale_of(parameters.scale) is None:
            raise InputError(f"nothing is recorded of {parameters.scale} scale: add -f reduced or -f paper")
        found.setdefault(parameters.notebook, Section(parameters, store))
    if not any(folder.path(job.key).exists() for target in targets for job in target.jobs):
        raise InputError("none of these results is recorded: name some that results/index.json lists")
    return list(found.values())


def landings(sections: Iterable[Section], keys: set[str], root: Path | None = None) -> list[Landing]:
    """Hold what was done again against what is recorded.

    Args:
        sections: As :func:`afresh` gives them, their jobs done.
        keys: Keys of the jobs that were wanted; rows of others are left out.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: No figure has recorded numbers of these results, or what is recorded cannot be read.
    """
    folder = Recorded(root or home() / "results")
    found = [
        landing
        for section in sections
        for name in section.experiments
        for landing in compared(
            name, section.frame(name), folder.table(name, scale_of(section.parameters.scale) or ""), keys
        )
    ]
    if not found:
        raise InputError(
            "no figure has recorded numbers of these results: name those of a figure that results/index.json lists"
        )
    return found


def compared(figure: str, frame: pd.DataFrame, kept: pd.DataFrame, keys: set[str]) -> Iterator[Landing]:
    """Compare the rows of one figure with those recorded of the same tickets."""
    if frame.empty or kept.empty or "key" not in frame:
        return
    named = [name for name in NAMING if name in frame and name in kept]
    for row in frame[frame["key"].isin(keys)].to_dict("records"):
        ticket = {name: row[name] for name in named}
        alike = kept
        for name, value in ticket.items():
            alike = alike[alike[name] == value]
        if alike.empty or "init" not in alike:
            continue
        for measure in (name for name in MEASURES if name in frame and name in kept):
            before = by_init(alike, measure)
            yield Landing(figure, ticket, int(row["init"]), measure, float(row[measure]), interval(before), len(before))
