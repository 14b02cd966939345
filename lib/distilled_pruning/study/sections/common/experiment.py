"""Experiments: which jobs a figure or table needs, and what their results say, a row of a tidy frame each.

An experiment is one generator of jobs, each with the columns that name it, and one function that reads a job's result
into values. What is to be computed and the frame that shows it follow from both, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ....errors import InputError, show
from ....registry import Registry, blaming, check_call, check_name, with_author
from ...jobs import Job
from .frames import Metrics, Reader

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.fields import Values

_Columns = Mapping[str, Any]
_Plan = Callable[["Values"], Iterable[tuple[Job, _Columns | None]]]
_Read = Callable[[Any, Metrics, Reader], Iterable[_Columns]]


@dataclass(frozen=True)
class Experiment:
    """One figure or table.

    Attributes:
        name: Name on the command line and in the recorded index.
        notebook: The notebook that shows it.
        title: A few words.
        plan: Parameters to jobs, each with the columns that name it; no columns where a job's result stands in the row
            of another job.
        values: A finished job, its metrics and where other results are to the further columns of each of its rows.
        tidy: What else is done to a frame of all rows.
    """

    name: str
    notebook: str
    title: str
    plan: _Plan
    values: _Read
    tidy: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def planned(self, parameters: Values) -> list[tuple[Job, _Columns | None]]:
        """List the jobs, each with its columns.

        Raises:
            InputError: The plan fails, or gives something else.
        """
        what = f"figure {self.name!r}"
        with blaming(what, self.plan):
            made: object = self.plan(parameters)
            found: list[Any] = list(made) if isinstance(made, Iterable) else [made]
            for item in found:
                if not (isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], Job)) or not isinstance(
                    item[1], Mapping | None
                ):
                    raise InputError(
                        f"{with_author(what, self.plan)} gives {show(item)}: let it yield jobs, each with the "
                        "columns that name it, as (job, {...})"
                    )
                assert item[0].key, "a job of somebody's own may fail to name itself"
        return found

    def jobs(self, parameters: Values) -> list[Job]:
        """List the jobs whose results are shown, each once."""
        return list({job.key: job for job, _ in self.planned(parameters)}.values())

    def frame(self, parameters: Values, reader: Reader) -> pd.DataFrame:
        """Give the tidy frame; rows whose results are missing are left out."""
        import pandas as pd

        shown = ((job, columns) for job, columns in self.planned(parameters) if columns is not None)
        with blaming(f"figure {self.name!r}", self.values):
            frame = pd.DataFrame(
                [
                    {**columns, **row, "key": job.key}
                    for job, columns in shown
                    if (found := reader.metrics(job.key)) is not None
                    for row in self.values(job, found, reader)
                ]
            )
        if self.tidy is None or frame.empty:
            return frame
        with blaming(f"figure {self.name!r}", self.tidy):
            return self.tidy(frame)


EXPERIMENTS: Registry[Experiment] = Registry("figure")


def experiment(
    name: str,
    notebook: str,
    title: str,
    values: _Read,
    tidy: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> Callable[[_Plan], _Plan]:
    """Register an experiment, see there: the generator below, which is given back, so that several can share it.

    Raises:
        InputError: The name is taken, or none; a function takes other values.
    """
    check_name("figure", name)
    check_call(f"figure {name!r}", values, "job", "found", "reader")

    def register(plan: _Plan) -> _Plan:
        check_call(f"figure {name!r}", plan, "parameters")
        EXPERIMENTS.add(name, Experiment(name, notebook, title, plan, values, tidy), plan)
        return plan

    return register
