"""Where lottery tickets end: up to which sparsity a subnetwork trains to the accuracy of the dense network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...jobs.ways import WAYS
from ...judging.statistics import Frames, by_init, paired, way
from ...judging.units import PERCENT
from ...judging.verdicts import CONTRADICTED, ENOUGH, RANGE, REPRODUCED, UNDECIDED, Finding, interval
from ..common.grouping import place

if TYPE_CHECKING:
    import pandas as pd

MARGIN = 0.005
_UNKNOWN = (-math.inf, math.inf)


@dataclass(frozen=True)
class End:
    """The sparsest tickets of one way to find masks; level 0 where not even the first round gives one.

    Attributes:
        level: Last level whose mean accuracy is within the margin of the dense network's.
        surely: Last level that is a ticket by the rule: the whole 95 % interval is.
        maybe: Last level that cannot be ruled out: some of the interval is.
        last: Sparsest level that was trained.
        n: Initialisations behind each level.
    """

    level: int
    surely: int
    maybe: int
    last: int
    n: int

    @property
    def beyond(self) -> bool:
        """Whether tickets may go on where the levels stop."""
        return self.maybe == self.last


def end(tickets: pd.DataFrame | None, dense: Mapping[int, float], margin: float = MARGIN) -> End | None:
    """Find the sparsest tickets.

    The accuracy of each initialisation is compared with that of its own dense network, at levels that all
    initialisations have. Fewer than three rule nothing out and nothing in.

    Args:
        tickets: Rows of one way to find masks, with ``level``, ``init`` and ``accuracy`` in [0, 1].
        dense: Accuracy of the dense network for each initialisation.
        margin: How much less accurate than the dense network a ticket may be.
    """
    by_level = tickets.groupby("level") if tickets is not None else ()
    gaps = {int(str(level)): paired(by_init(part, "accuracy"), dense) for level, part in by_level}
    n = max(map(len, gaps.values()), default=0)
    if n == 0:
        return None
    whole = {level: found for level, found in gaps.items() if len(found) == n}
    bounds = {level: (interval(found) if n >= ENOUGH else None) or _UNKNOWN for level, found in whole.items()}
    return End(
        level=max((level for level, found in whole.items() if sum(found) / n >= -margin), default=0),
        surely=max((level for level, (low, _) in bounds.items() if low >= -margin), default=0),
        maybe=max((level for level, (_, high) in bounds.items() if high >= -margin), default=0),
        last=max(whole),
        n=n,
    )


def complete(frame: pd.DataFrame, tickets: pd.DataFrame) -> pd.DataFrame:
    """Add to tickets of a way that goes on after another those of its first levels, which are the other's.

    Args:
        frame: Rows of all ways of one dataset and network.
        tickets: Rows of one way.
    """
    after = "" if tickets.empty else WAYS[tickets["method"].iloc[0]].after
    if not after:
        return tickets
    import pandas as pd

    earlier = frame[(frame["method"] == after) & (frame["level"] < tickets["level"].min())]
    return pd.concat([earlier[earlier["rate"] == tickets["rate"].iloc[0]], tickets])


def sparsity(frame: pd.DataFrame, level: int) -> float:
    """Sparsity of a level of a frame, 0 for the dense network."""
    found = frame.loc[frame["level"] == level, "sparsity"]
    return 0.0 if level == 0 else float(found.iloc[0])


def range_of(frame: pd.DataFrame, found: End) -> tuple[float, float]:
    """Sparsity up to which there surely are tickets, and up to which there may be: 1 where the levels do not say."""
    return sparsity(frame, found.surely), 1.0 if found.beyond else sparsity(frame, found.maybe)


def at_most(setting: str, frame: pd.DataFrame | None, dense: Mapping[int, float], limit: float) -> Finding | None:
    """Judge that there are no tickets beyond a sparsity; ``None`` where nothing was trained."""
    found = end(frame, dense)
    if found is None or frame is None:
        return None
    low, high = range_of(frame, found)
    verdict = REPRODUCED if high <= limit else CONTRADICTED if low > limit else UNDECIDED
    return Finding(setting, sparsity(frame, found.level), (low, high), found.n, verdict, unit=PERCENT, spread=RANGE)


def none_past(frames: Frames, name: str, methods: tuple[str, ...], limit: float, **where: str) -> list[Finding]:
    """Judge that no ticket of some ways is sparser than a limit; on rows that match, where a claim names a network."""
    frame = place(frames, name, **where)
    dense = by_init(way(frame, "dense"), "accuracy")
    found = (at_most(method, way(frame, method), dense, limit) for method in methods)
    return [finding for finding in found if finding is not None]
