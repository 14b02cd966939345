"""A notebook under one set of parameters: its jobs, its frames, and the store they meet in."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ...errors import InputError, unknown
from ..engine.store import Store
from ..jobs import Job, graph
from ..parameters.notebooks import home
from ..parameters.presets import LIVE, UNCOUNTED, Parameters, bases, resolve, scale_of
from ..results.recorded import Record, Recorded
from . import registry as experiments
from .registry import Experiment

if TYPE_CHECKING:
    import pandas as pd


class Section:
    """One section of a paper as the parameters would have it.

    Attributes:
        parameters: The parameters.
        store: Where results are.
    """

    def __init__(self, parameters: Parameters, store: Store | None = None) -> None:
        """Name the parameters; the store is theirs unless one is given."""
        self.parameters = parameters
        recorded = Recorded(home() / "results") if scale_of(parameters.scale) else None  # live computes for itself
        self.store = store or Store(parameters.get("store") or None, fallback=recorded)
        self._frames: dict[str, pd.DataFrame] = {}

    @property
    def name(self) -> str:
        """The notebook's name."""
        return self.parameters.notebook

    @property
    def scale(self) -> str:
        """The stamp of its parameters."""
        return self.parameters.scale

    @functools.cached_property
    def experiments(self) -> dict[str, Experiment]:
        """Experiments of the notebook by name."""
        return {experiment.name: experiment for experiment in experiments.of_notebook(self.name)}

    def experiment(self, name: str) -> Experiment:
        """Find an experiment of this notebook.

        Raises:
            InputError: It has no such experiment.
        """
        if name not in self.experiments:
            raise unknown(f"figure of {self.name}", name, self.experiments)
        return self.experiments[name]

    def jobs(self, name: str | None = None) -> list[Job]:
        """List the jobs whose results an experiment shows, or all of the notebook's, each once."""
        wanted = self.experiments.values() if name is None else [self.experiment(name)]
        found = {job.key: job for experiment in wanted for job in experiment.jobs(self.parameters)}
        return list(found.values())

    @functools.cached_property
    def graph(self) -> list[Job]:
        """All jobs, parents included and first."""
        return graph(self.jobs())

    @property
    def complete(self) -> bool:
        """Whether the store holds all results that the notebook shows."""
        return all(map(self.store.shows, self.jobs()))

    def frame(self, name: str) -> pd.DataFrame:
        """Give an experiment's frame from what the store holds; read once."""
        if name not in self._frames:
            self._frames[name] = self.experiment(name).frame(self.parameters, self.store)
        return self._frames[name]

    def beside(self, name: str) -> pd.DataFrame:
        """Give the frame of another page's experiment under this page's parameters, from the same store.

        Raises:
            KeyError: There is no such frame under these parameters.
        """
        notebook = experiments.EXPERIMENTS[name].notebook
        known = bases(notebook)
        file = self.parameters.nearest if self.parameters.nearest in known else LIVE
        shared = [(key, value) for key, value in self.deciding.items() if key in known[LIVE]]
        try:
            other = Section(resolve(notebook, shared, None if file == LIVE else file), self.store)
        except InputError as error:
            raise KeyError(name) from error
        return other.frame(name)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Give all frames of the notebook."""
        return {name: self.frame(name) for name in self.experiments}

    def forget(self) -> None:
        """Read frames again the next time."""
        self._frames.clear()

    @property
    def deciding(self) -> dict[str, Any]:
        """The parameters that decide results: all but device and store."""
        return {name: value for name, value in self.parameters.stored.items() if name not in UNCOUNTED}


def preset_of(record: Record) -> str:
    """Name the preset of a recording's scale from which the fewest of its parameters differ.

    What was no parameter yet when it was recorded has the preset's value.
    """
    notebook = experiments.EXPERIMENTS[record.figure].notebook
    fitting = [name for name in bases(notebook) if name.partition("/")[0] == record.scale]
    return min(fitting, key=lambda name: len(resolve(notebook, record.parameters.items(), name).differences(name)))
