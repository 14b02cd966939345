"""The campaign: what was to be computed and how it would be judged, written before, and what came out.

``workflow/campaign.toml`` holds steps, cells and rules, committed before their cells were computed; what each rule
says of what is recorded: :mod:`.rules`.
"""

from __future__ import annotations

import datetime
import math
import statistics
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..judging.statistics import by_init
from ..parameters.fields import drop_off
from ..parameters.notebooks import home
from ..parameters.presets import resolve
from ..results.recorded import Recorded
from ..sections.common.tickets import Row, Tickets
from ..sections.registry import EXPERIMENTS

if TYPE_CHECKING:
    import pandas as pd

FILE = "workflow/campaign.toml"
LEVELS = {4: "59 %", 9: "87 %"}
POINT = 0.01
MAIN = "reduced"  # the preset that all cells vary
RATE = 0.03  # of its inner loops
PAPERS_RATE = "reduced/papers-rate"


@dataclass(frozen=True)
class Step:
    """One question of the campaign.

    Attributes:
        number: Its place in the plan.
        page: The notebook or page that shows it.
        title: The question.
        rules: How its result is read, each a sentence.
        cells: What is computed for it: notebook and preset, as ``distilled-pruning run`` takes them.
        registered: The commit that wrote step and rules, and its date.
        recorded: The cells whose results are recorded.
        setting: Data, network, rates, steps and numbers of initialisations, where the page does not say them.
    """

    number: int
    page: str
    title: str
    rules: tuple[str, ...]
    cells: tuple[str, ...]
    registered: tuple[str, datetime.date]
    recorded: tuple[str, ...]
    setting: str = ""


def read_steps(text: str | None = None) -> list[Step]:
    """Read the campaign's steps, in the order of their numbers.

    Raises:
        InputError: The file is not there or lacks something.
    """
    path = home() / FILE
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8") if text is None else text)["step"]
        lists = ("rules", "cells", "registered", "recorded")
        steps = [Step(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not hold the campaign's steps ({error}): restore it from git") from error
    return sorted(steps, key=lambda step: step.number)


class Cells:
    """What is recorded of the campaign's cells: values of each initialisation, by preset, way and level."""

    def __init__(self, folder: Recorded) -> None:
        self.folder = folder
        self._frames: dict[tuple[str, str], pd.DataFrame | None] = {}
        kept = folder.records(scale="reduced")
        self.records = {(record.figure, str(drop_off(record.parameters))): record for record in kept}

    def frame(self, preset: str, figure: str = "barriers") -> pd.DataFrame | None:
        """Give the rows of one cell, ``None`` where nothing is recorded; read once.

        Args:
            preset: Preset of the figure's notebook, such as ``"reduced/whitened"``.
            figure: Name of the experiment.
        """
        if (preset, figure) not in self._frames:
            self._frames[preset, figure] = self._read(preset, figure)
        return self._frames[preset, figure]

    def _read(self, preset: str, figure: str) -> pd.DataFrame | None:
        import pandas as pd

        notebook = EXPERIMENTS[figure].notebook
        record = self.records.get((figure, str(drop_off(_deciding(preset, notebook)))))
        return None if record is None or not record.frame else pd.DataFrame(self.folder.frame(record))

    def values(
        self, preset: str, method: str, level: int, column: str = "error_rise", rate: float | None = None
    ) -> dict[int, float]:
        """Give the mean of a column over the lines of each initialisation; nothing where nothing is recorded.

        Args:
            preset: Preset of ``s4-stability``, such as ``"reduced/whitened"``; at the papers' rate the one of five
                initialisations counts instead for a way that it has more than three of.
            method: Way the masks were found.
            level: Pruning level.
            column: Column of the frame of barriers.
            rate: Rate of the inner loop, where the preset has several.
        """
        frame = self.frame(self._counting(preset, method))
        if frame is None:
            return {}
        kept = frame[(frame["method"] == method) & (frame["level"] == level) & ~frame["collapsed"].astype(bool)]
        kept = kept if rate is None else kept[kept["rate"] == rate]
        return by_init(kept, column)

    def travelled(self, preset: str, method: str, rate: float, init: int) -> float:
        """Give how far the first inner loop went, in norms of the initial weights; NaN where it is not recorded."""
        (found,) = self._first_loops(preset, method, rate, [init])
        return math.nan if found is None else float(found["distance"] / found["initial_norm"])

    def own_accuracy(self, preset: str, method: str, rate: float) -> float | None:
        """Give how accurate networks are after the first inner loop, on test images, a mean over initialisations.

        Args:
            preset: Preset of ``s4-stability``.
            method: Way the masks were found.
            rate: Rate of the inner loop.

        Returns:
            A share; ``None`` where nothing is recorded.
        """
        inits = self.values(preset, method, min(LEVELS), rate=rate)
        found = [loop["accuracy"] for loop in self._first_loops(preset, method, rate, inits) if loop is not None]
        return statistics.fmean(found) if found else None

    def _first_loops(
        self, preset: str, method: str, rate: float, inits: Iterable[int]
    ) -> list[Mapping[str, Any] | None]:
        """Give the metrics of each initialisation's first inner loop, ``None`` where they are not recorded."""
        tickets = Tickets(resolve("s4-stability", file=preset))
        row = Row(method, rate, tickets.setting(rate))
        masks = [tickets.chain(row, init, 1) for init in inits]
        loops = [None if mask is None else mask.training for mask in masks]
        return [None if loop is None else self.folder.metrics(loop.key) for loop in loops]

    def _counting(self, preset: str, method: str) -> str:
        more = f"{PAPERS_RATE}-more"
        return more if preset == PAPERS_RATE and len(self.values(more, method, max(LEVELS))) > 3 else preset


def read_cells() -> Cells:
    """Give the cells that are recorded with the sources."""
    return Cells(Recorded(home() / "results"))


def _deciding(preset: str, notebook: str) -> Mapping[str, object]:
    from ..parameters.presets import UNCOUNTED

    return {name: value for name, value in resolve(notebook, file=preset).stored.items() if name not in UNCOUNTED}
