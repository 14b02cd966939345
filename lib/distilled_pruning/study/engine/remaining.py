"""How long a run still takes: what was foreseen of its jobs, corrected by what was seen of them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

_LOOK_SECONDS = 2.0  # a job's progress over a shorter time says little of its pace


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
