"""Which job can run next: the graph of missing jobs, and what happened to each."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from ..jobs import Job, graph

if TYPE_CHECKING:
    from .store import Store

_ATTEMPTS = 2


def tell_recorded(count: int) -> list[str]:
    """Say how many jobs nobody does since they are recorded; nothing where there are none."""
    return [f"{count} are taken as recorded: `distilled-pruning repeat` does them again"] if count else []


class Schedule:
    """Missing jobs in the order in which they can run.

    Attributes:
        jobs: All jobs of the graph by key, parents first.
        pending: Keys of missing jobs, those running included.
        failed: Key to reason.
        running: Keys of the jobs that were taken and did not come back.
        cached: Keys of the jobs that are there, as far as figures show them.
        recorded: How many of those are not in the store, only among the recorded results.
    """

    def __init__(
        self, targets: Sequence[Job], store: Store, longest_first: bool = False, whole: Collection[str] = ()
    ) -> None:
        """Find what is missing.

        Args:
            targets: The wanted jobs.
            store: Where results are.
            longest_first: Start with the jobs most work waits for, which keeps several workers busy to the end;
                otherwise the order of the targets holds.
            whole: Keys of targets that are missing until their arrays are there too; of others figures show metrics
                alone where those are recorded and their arrays are not.
        """
        self._store = store
        self.jobs = {job.key: job for job in graph(list(targets))}
        self._wanted, self._whole = [job.key for job in targets], whole
        self._extra: dict[str, set[str]] = {}
        self.failed: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self.running: set[str] = set()
        self._rank = self._tails() if longest_first else {key: float(index) for index, key in enumerate(self.jobs)}
        self._refresh()
        self.cached = {key for key, job in self.jobs.items() if key not in self.pending and store.shows(job)}
        self.recorded = sum(not store.entry(key).is_done() for key in self.cached)

    def _tails(self) -> dict[str, float]:
        """Rank jobs by the costliest chain of work that begins with each."""
        tails = dict.fromkeys(self.jobs, 0.0)
        for key, job in reversed(self.jobs.items()):
            tails[key] += job.cost
            for parent in self._parents(key):
                tails[parent] = max(tails[parent], tails[key])
        return {key: -tail for key, tail in tails.items()}

    def _parents(self, key: str) -> set[str]:
        return {parent.key for parent in self.jobs[key].parents} | self._extra.get(key, set())

    def _refresh(self) -> None:
        self.pending: set[str] = set()
        stack = [key for key in self._wanted if key in self._whole or not self._store.shows(self.jobs[key])]
        while stack:
            key = stack.pop()
            if key not in self.pending and not self._store.has(key):
                self.pending.add(key)
                stack.extend(self._parents(key))
        self._sorter = TopologicalSorter[str]()
        for key in self.pending | self.running:  # what runs waits for nothing, whatever went missing since it began
            self._sorter.add(key, *(() if key in self.running else self._parents(key) & self.pending))
        self._sorter.prepare()
        self._ready: list[tuple[float, str]] = []
        self._let_start()

    def _let_start(self) -> None:
        """Put those jobs into the queue that wait for nothing any more."""
        for key in self._sorter.get_ready():
            if key not in self.running and key not in self.failed:
                heapq.heappush(self._ready, (self._rank[key], key))

    def next(self) -> Job | None:
        """Take the next job that can run."""
        while self._ready:
            key = heapq.heappop(self._ready)[1]
            if key in self.pending and key not in self.running:  # one that was busy elsewhere may be there twice
                self.running.add(key)
                return self.jobs[key]
        return None

    def put_back(self, key: str) -> None:
        """Return a job that was taken and not done."""
        self.running.discard(key)
        heapq.heappush(self._ready, (self._rank[key], key))

    def done(self, key: str) -> None:
        """Note a finished job, which may let others start."""
        self.running.discard(key)
        self.pending.discard(key)
        self._sorter.done(key)
        self._let_start()

    def fail(self, key: str, reason: str) -> None:
        """Note a failure; what depends on the job never starts."""
        self.running.discard(key)
        self.failed[key] = reason

    def retry(self, key: str, reason: str) -> None:
        """Give a job another attempt, unless it had its share."""
        self._attempts[key] = self._attempts.get(key, 0) + 1
        if self._attempts[key] < _ATTEMPTS:
            self.put_back(key)
        else:
            self.fail(key, reason)

    def require(self, key: str, parent: str) -> None:
        """Note that a job found a result missing or damaged that was thought to be there: both are to be done."""
        self.running.discard(key)
        self._attempts[key] = self._attempts.get(key, 0) + 1
        if parent not in self.jobs or self._attempts[key] > len(self.jobs):
            self.fail(key, f"it needs the result {parent}, which none of the planned jobs makes")
            return
        self._extra.setdefault(key, set()).add(parent)
        self._refresh()

    def left(self) -> list[str]:
        """Keys of the jobs still to do, parents first, failed ones not included."""
        return [key for key in self.jobs if key in self.pending and key not in self.failed]
