"""The plan: what there is to compute, and what it will take, before anything is spent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..jobs import examine, graph
from .estimate import Estimate, Needs
from .schedule import Schedule, tell_recorded

if TYPE_CHECKING:
    from ..jobs import Job
    from .store import Store

_HEADER = ("job", "planned", "cached", "missing", "minutes", "memory MB", "disk MB")


@dataclass(frozen=True)
class Row:
    """All jobs of one kind.

    Attributes:
        kind: The kind, or ``"all"``.
        jobs: How many belong to the plan.
        cached: How many of them are in the store.
        missing: How many of the others are needed for what was asked for.
        minutes: Time for the missing ones, one after the other.
        memory_mb: Peak memory of the largest missing one.
        disk_mb: Disk for the results of the missing ones.
        measured: Whether the estimates rest on measurements on this device.
    """

    kind: str
    jobs: int
    cached: int
    missing: int
    minutes: float
    memory_mb: int
    disk_mb: float
    measured: bool


@dataclass(frozen=True)
class Step:
    """A missing job.

    Attributes:
        job: The job.
        parents: Keys of the missing jobs that must be done before it.
        needs: What it is expected to take.
        group: Name of the chain it belongs to, whose jobs can only run one after another; its own key otherwise.
        entry: The file that is there when it is done.
    """

    job: Job
    parents: tuple[str, ...]
    needs: Needs
    group: str
    entry: Path


@dataclass(frozen=True)
class Plan:
    """What there is to compute.

    Attributes:
        rows: One for each kind, in the order of the work.
        total: All kinds together.
        steps: The missing jobs, parents first.
        start: Seconds that processes take to start before their first job.
        notes: Sentences on what is left out of one's own data.
    """

    rows: tuple[Row, ...]
    total: Row
    steps: tuple[Step, ...]
    start: float = 0.0
    notes: tuple[str, ...] = ()

    def minutes(self, jobs_n: int = 1) -> float:
        """Estimate the wall time with so many jobs at a time: the start, and never less than the longest chain."""
        ends: dict[str, float] = {}
        for step in self.steps:
            ends[step.job.key] = step.needs.seconds + max((ends[parent] for parent in step.parents), default=0.0)
        start = self.start / 60 if self.steps else 0.0
        return start + max(self.total.minutes / jobs_n, max(ends.values(), default=0.0) / 60)

    def cells(self) -> list[tuple[str, ...]]:
        """Give header, rows and total as text; ``~`` marks times that are rough defaults."""
        rows = [
            (
                row.kind,
                str(row.jobs),
                str(row.cached),
                str(row.missing),
                f"{'' if row.measured or not row.missing else '~'}{row.minutes:.1f}",
                str(row.memory_mb) if row.missing else "–",
                f"{row.disk_mb:.1f}",
            )
            for row in (*self.rows, self.total)
        ]
        return [_HEADER, *rows]

    def __str__(self) -> str:
        cells = self.cells()
        widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADER))]
        lines = ("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells)
        return "\n".join(lines)

    def json(self, command: Callable[[Job], Sequence[str]]) -> dict[str, Any]:
        """Give the plan as JSON, for schedulers of other machines.

        Args:
            command: From a job to the command line that does it.
        """
        return {
            "kinds": [asdict(row) for row in self.rows],
            "total": asdict(self.total),
            "start_minutes": round(self.start / 60, 4),
            "notes": list(self.notes),
            "jobs": [
                {
                    "key": step.job.key,
                    "kind": step.job.kind,
                    "title": step.job.title,
                    "parents": list(step.parents),
                    "cost": step.job.cost,
                    "minutes": round(step.needs.seconds / 60, 4),
                    "memory_mb": step.needs.memory_mb,
                    "disk_mb": round(step.needs.bytes / 1e6, 3),
                    "gpu": step.job.gpu,
                    "group": step.group,
                    "entry": str(step.entry),
                    "command": list(command(step.job)),
                }
                for step in self.steps
            ],
        }


def plan(jobs: Sequence[Job], store: Store, device: str = "auto", whole: Collection[str] = ()) -> Plan:
    """Find what is missing for some jobs, and estimate what it takes on a device.

    Reads the store's provenance, and one's own data, which may turn out unfit; times are those measured for the nearest
    jobs of a kind, where there are any.

    Args:
        jobs: The wanted jobs; what they need is found.
        store: Where results are.
        device: ``"auto"``, ``"cpu"`` or a CUDA device.
        whole: Keys of those wanted with their arrays, recorded or not.

    Raises:
        InputError: A missing job could not be done.
    """
    schedule = Schedule(jobs, store, whole=whole)
    notes = (*examine(schedule.jobs[key] for key in schedule.pending), *tell_recorded(schedule.recorded))
    estimate = Estimate.of(store, device)
    chains = _name_chains(list(schedule.jobs.values()))
    steps = tuple(
        Step(
            job,
            tuple(parent.key for parent in job.parents if parent.key in schedule.pending),
            estimate.needs(job),
            chains.get(key, key),
            store.path(key),
        )
        for key, job in schedule.jobs.items()
        if key in schedule.pending
    )

    def count(name: str, kinds: Collection[str]) -> Row:
        planned = [key for key, job in schedule.jobs.items() if job.kind in kinds]
        needs = [step.needs for step in steps if step.job.kind in kinds]
        return Row(
            name,
            len(planned),
            len(schedule.cached.intersection(planned)),
            len(needs),
            sum(need.seconds for need in needs) / 60,
            max((need.memory_mb for need in needs), default=0),
            sum(need.bytes for need in needs) / 1e6,
            all(need.measured for need in needs),
        )

    kinds = list(dict.fromkeys(job.kind for job in schedule.jobs.values()))
    return Plan(tuple(count(kind, [kind]) for kind in kinds), count("all", kinds), steps, estimate.start, notes)


def _name_chains(jobs: Sequence[Job]) -> dict[str, str]:
    """Name the chain of every job that is a link of one: a pruning level, or the training that leads to it.

    Returns:
        Key to the key of the chain's first pruning level.
    """
    from ..jobs import Prune

    found: dict[str, str] = {}
    for job in jobs:
        if isinstance(job, Prune):
            head = found[job.parent.key] if job.parent is not None and job.parent.key in found else job.key
            found[job.key] = head
            if job.training is not None:
                found.setdefault(job.training.key, head)
    return found


def shard(jobs: Sequence[Job], number: int, count: int) -> list[Job]:
    """Give one machine's part of the wanted jobs: neighbours together, since they share parents, and equal in cost.

    The parts depend on the jobs alone, not on what is in a store, so machines agree on them without talking.

    Args:
        jobs: The wanted jobs.
        number: Which part, from 1.
        count: How many parts.

    Raises:
        InputError: There is no such part.
    """
    if not 1 <= number <= count:
        raise InputError(f"a shard is i/n with i from 1 to n, as in 1/4, not {number}/{count}")
    seen: set[str] = set()
    costs = []
    for job in jobs:
        new = [other for other in graph([job]) if other.key not in seen]
        seen.update(other.key for other in new)
        costs.append(sum(other.cost for other in new))
    total, before, part = sum(costs), 0.0, []
    for job, cost in zip(jobs, costs, strict=True):
        middle = before + cost / 2
        if min(count - 1, int(count * middle / total)) == number - 1:
            part.append(job)
        before += cost
    return part
