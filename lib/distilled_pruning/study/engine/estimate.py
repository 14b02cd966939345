"""What a job will take, and what is left of a run: from jobs of the same kind and size measured on this device.

A job's size is the time it would take by the defaults below, and where jobs of its kind were measured, that time is
corrected by how much longer or shorter than their sizes those took.
"""

from __future__ import annotations

import bisect
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from . import machine

if TYPE_CHECKING:
    from ..jobs import Job
    from .store import Store

_NEIGHBOURS = 8
_ALIKE = math.log(1000)  # jobs of a kind whose sizes differ by more say nothing of each other's speed
# Before anything of a kind was measured here: multiply-accumulates a second of small convolutional networks in float32,
# on one CPU thread and on a data-centre GPU, a fixed time for every job, a process with PyTorch, a small network.
_DEFAULT_CPU, _DEFAULT_GPU, DEFAULT_SECONDS = 8e9, 1e12, 0.05
# A training step of a ConvNet on next to no images: Python and the start of some 150 operations, on a CPU as on a GPU.
CALL_SECONDS = 0.003
DEFAULT_MEMORY_MB, DEFAULT_BYTES = 2000, 1_000_000
# Before a process's first job: Python and PyTorch start. Within it: what a first training loads, and the data.
START_SECONDS, FIRST_SECONDS = 8.0, 8.0
_LOOK_SECONDS = 2.0  # a job's progress over a shorter time says little of its pace


class _Measured(NamedTuple):
    """What one finished job took; ordered by the logarithm of its size."""

    place: float
    size: float
    seconds: float
    memory_mb: int
    bytes: int


@dataclass(frozen=True)
class Needs:
    """What one job is expected to take.

    Attributes:
        seconds: Wall time.
        memory_mb: Peak resident memory.
        bytes: Size of its result on disk.
        measured: Whether jobs of its kind were measured on this device, else these are rough defaults.
    """

    seconds: float
    memory_mb: int
    bytes: int
    measured: bool


class Estimate:
    """Expectations for one device.

    Attributes:
        start: Seconds a process takes before its first job is as fast as others.
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = machine.name(device)
        self.default = _DEFAULT_CPU if self.device == machine.processor() else _DEFAULT_GPU
        self.measured: dict[str, list[_Measured]] = {}
        self.start = START_SECONDS + FIRST_SECONDS

    @classmethod
    def of(cls, store: Store, device: str = "auto") -> Estimate:
        """Calibrate with what the store's entries took on this device.

        Jobs that were continued do not count; the first of a process only where there are no others of its kind.
        """
        estimate = cls(device)
        cold = []
        for key in store:
            provenance = store.provenance(key) or {}
            if provenance.get("device") != estimate.device or provenance.get("continued") or "cost" not in provenance:
                continue
            if provenance.get("cold"):
                cold.append(provenance)
            else:
                estimate.observe(provenance)
        warm = set(estimate.measured)
        first = [
            provenance["seconds"] - estimate.expected(provenance["kind"], estimate.size_of(provenance)).seconds
            for provenance in cold
            if provenance["kind"] in warm
        ]
        if first:
            estimate.start = START_SECONDS + max(0.0, statistics.median(first))
        for provenance in cold:
            if provenance["kind"] not in warm:
                estimate.observe(provenance)
        return estimate

    def observe(self, provenance: Mapping[str, Any]) -> None:
        """Add a measurement."""
        size = self.size_of(provenance)
        stored = sum(file["bytes"] for file in provenance["files"].values())
        measured = _Measured(math.log(size), size, provenance["seconds"], provenance.get("memory_mb", 0), stored)
        bisect.insort(self.measured.setdefault(provenance["kind"], []), measured)

    def size(self, cost: float, calls: float) -> float:
        """Give the seconds that so many multiply-accumulates in so many calls take by the defaults."""
        return max(cost, 1.0) / self.default + calls * CALL_SECONDS

    def size_of(self, provenance: Mapping[str, Any]) -> float:
        """Give the size of a job that was done; results from before calls were noted count their work alone."""
        return self.size(float(provenance["cost"]), float(provenance.get("calls", 0)))

    def needs(self, job: Job) -> Needs:
        """Estimate a job by the measured jobs of its kind nearest in size, all that are equally near included."""
        return self.expected(job.kind, self.size(job.cost, job.calls))

    def expected(self, kind: str, size: float) -> Needs:
        """Estimate a job by its kind and its size, see :meth:`size`."""
        place = math.log(size)
        measured = [other for other in self.measured.get(kind, ()) if abs(other.place - place) < _ALIKE]
        if not measured:
            return Needs(DEFAULT_SECONDS + size, DEFAULT_MEMORY_MB, DEFAULT_BYTES, False)
        distances = sorted(abs(other.place - place) for other in measured)
        near = [other for other in measured if abs(other.place - place) <= distances[:_NEIGHBOURS][-1]]
        seconds = size * sum(other.seconds for other in near) / sum(other.size for other in near)
        return Needs(seconds, max(other.memory_mb for other in near), max(other.bytes for other in near), True)


def write_minutes(minutes: float) -> str:
    """Write a time in the unit that suits it."""
    hours = minutes / 60
    long = f"{hours / 24:,.0f} days" if hours >= 72 else f"{hours:.0f} hours"
    return f"{minutes:.1f} minutes" if minutes < 90 else long.replace(",", "\u202f")


@dataclass
class _Seen:
    """Progress of a running job, from its first word to its last; one that goes on does not begin with nothing."""

    began: float
    first: float
    at: float
    share: float

    @property
    def whole(self) -> float | None:
        """Seconds that all of the job takes at this pace, ``None`` before that shows."""
        seconds, share = self.at - self.began, self.share - self.first
        return seconds / share if share > 0 and seconds >= _LOOK_SECONDS else None


class Remaining:
    """Seconds left of a run.

    A kind of job is taken to be as much slower or faster than foreseen as those of it were that are done, and as those
    that run are by their own progress; a kind that nothing was seen of, as all others together.
    """

    def __init__(self, side_by_side: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing foreseen.

        Args:
            side_by_side: Jobs at a time.
            clock: Gives the time in seconds.
        """
        self._side_by_side, self._clock = side_by_side, clock
        self._kinds: dict[str, str] = {}
        self._foreseen: dict[str, float] = {}
        self._seen: dict[str, _Seen] = {}
        self._done: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)

    def foresee(self, seconds: Mapping[str, tuple[str, float]]) -> None:
        """Say of which kind jobs are and how long they are thought to take, by key."""
        self._kinds |= {key: kind for key, (kind, _) in seconds.items()}
        self._foreseen |= {key: expected for key, (_, expected) in seconds.items()}

    def see(self, key: str, done: float, total: float) -> None:
        """Note how far a running job is."""
        now, share = self._clock(), min(1.0, done / max(total, 1))
        seen = self._seen.setdefault(key, _Seen(now, share, now, share))
        if share < seen.share:  # it counts anew, as after a first phase
            self._seen[key] = _Seen(now, share, now, share)
        else:
            seen.at, seen.share = now, share

    def end(self, key: str, seconds: float | None = None) -> None:
        """Note that a job runs no more; with the seconds it took, where these say something of others."""
        self._seen.pop(key, None)
        if seconds is not None and key in self._foreseen:
            self._done[self._kinds[key]].append((seconds, self._foreseen[key]))

    def seconds(self, pending: Iterable[str]) -> float:
        """Estimate the seconds until all of these jobs are done, running ones included."""
        pace, left = self._paces(), {}
        overall = pace.pop("")
        for key in pending:
            expected = self._foreseen.get(key, 0.0) * pace.get(self._kinds.get(key, ""), overall)
            seen = self._seen.get(key)
            left[key] = expected if seen is None else (1 - seen.share) * (seen.whole or expected)
        # What runs already is not divided any further: the rest may be done beside it.
        return max(sum(left.values()) / self._side_by_side, max((left.get(key, 0.0) for key in self._seen), default=0))

    def _paces(self) -> dict[str, float]:
        """Seconds taken by seconds foreseen, for each kind that something was seen of and, as ``""``, for all."""
        pairs = {kind: list(done) for kind, done in self._done.items()}
        for key, seen in self._seen.items():
            if seen.whole is not None and key in self._foreseen:
                pairs.setdefault(self._kinds[key], []).append((seen.whole, self._foreseen[key]))
        sums = {kind: (sum(took for took, _ in rows), sum(said for _, said in rows)) for kind, rows in pairs.items()}
        sums[""] = sum(took for took, _ in sums.values()), sum(said for _, said in sums.values())
        return {kind: took / said if said else 1.0 for kind, (took, said) in sums.items()}
