"""Recorded results once more: done again from nothing, and held against the intervals that were recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .engine.store import Store
from .judging.verdicts import expect_interval
from .parameters.notebooks import home
from .parameters.presets import scale_of
from .results.recorded import Recorded
from .sections.common.grouping import init_means
from .sections.section import Section

if TYPE_CHECKING:
    import pandas as pd

    from .sections.targets import Target

_NAMING = (
    "dataset", "model", "method", "setting", "rate", "level", "ipc", "rewind", "steps", "made_for", "made_by", "start",
    "protocol", "against", "shift", "strength", "share", "alpha", "x", "y",
)  # fmt: skip
_MEASURES = ("accuracy", "loss", "barrier", "error_rise", "end_loss", "mean_abs", "std")


@dataclass(frozen=True)
class Landing:
    """Where a number fell when its jobs were done again.

    Attributes:
        figure: Name of the experiment that shows it.
        ticket: Columns that say what was measured, to their values.
        inits: Initialisations that were done again.
        measure: Column of the number.
        value: Its mean over them.
        recorded: What the same initialisations gave when they were recorded; ``None`` where they were not all.
        interval: Where 95 % of such means lie by what was recorded: the interval of the mean once all recorded
            initialisations were done again, a wider one for fewer; ``None`` below two recorded ones.
        n: Initialisations recorded.
    """

    figure: str
    ticket: dict[str, Any]
    inits: tuple[int, ...]
    measure: str
    value: float
    recorded: float | None
    interval: tuple[float, float] | None
    n: int

    @property
    def inside(self) -> bool | None:
        """Whether the number lies in the interval; ``None`` where there is no interval."""
        return None if self.interval is None else self.interval[0] <= self.value <= self.interval[1]

    def __str__(self) -> str:
        named = ((name, f"{value:g}" if isinstance(value, float) else value) for name, value in self.ticket.items())
        about = ", ".join(f"{name} {value}" for name, value in named if value != "")
        word = {None: "?", True: "inside", False: "OUTSIDE"}[self.inside]
        bounds = "[{:.4g}, {:.4g}]".format(*self.interval) if self.interval is not None else "no interval"
        before = "not recorded" if self.recorded is None else f"recorded {self.recorded:.4g}"
        place = f"{self.figure}, {about}, {'inits' if len(self.inits) > 1 else 'init'} {_write_spans(self.inits)}"
        return f"{word:>7}  {place}: {self.measure} {self.value:.4g} in {bounds}, {before}, n = {self.n}"


def start_afresh(targets: Sequence[Target], store: Store, root: Path | None = None) -> list[Section]:
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


def find_landings(sections: Iterable[Section], keys: set[str], root: Path | None = None) -> list[Landing]:
    """Hold what was done again against what is recorded.

    Args:
        sections: As :func:`start_afresh` gives them, their jobs done.
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
        for landing in _compare(
            name, section.frame(name), folder.table(name, scale_of(section.parameters.scale) or ""), keys
        )
    ]
    if not found:
        raise InputError(
            "no figure has recorded numbers of these results: name those of a figure that results/index.json lists"
        )
    return found


def _compare(figure: str, frame: pd.DataFrame, kept: pd.DataFrame, keys: set[str]) -> Iterator[Landing]:
    """Compare the rows of one figure with those recorded of the same tickets, means over initialisations."""
    if frame.empty or kept.empty or "key" not in frame or "init" not in kept:
        return
    named = [name for name in _NAMING if name in frame and name in kept]
    done = frame[frame["key"].isin(keys)]
    for values, rows in done.groupby(named, sort=False):
        ticket = dict(zip(named, values, strict=True))
        alike = kept
        for name, value in ticket.items():
            alike = alike[alike[name] == value]
        for measure in (name for name in _MEASURES if name in frame and name in kept):
            again = rows.dropna(subset=measure)
            before = alike.dropna(subset=measure)
            if again.empty or before.empty:
                continue
            inits = tuple(sorted(int(init) for init in again["init"].unique()))
            same = init_means(before[before["init"].isin(inits)], measure)
            numbers = init_means(before, measure)
            yield Landing(
                figure,
                ticket,
                inits,
                measure,
                value=fmean(init_means(again, measure)),
                recorded=fmean(same) if len(same) == len(inits) else None,
                interval=expect_interval(numbers, len(inits), others=len(same) < len(numbers)),
                n=len(numbers),
            )


def _write_spans(numbers: Sequence[int]) -> str:
    """Write sorted numbers, neighbours joined: ``"0 to 2, 4"``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs)
