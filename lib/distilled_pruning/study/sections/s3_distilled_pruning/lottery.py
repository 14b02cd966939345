"""Where lottery tickets end: up to which sparsity a subnetwork trains to the accuracy of the dense network."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...jobs.ways import WAYS
from ...judging.statistics import by_init, paired
from ...judging.units import PERCENT
from ...judging.verdicts import CONTRADICTED, ENOUGH, NOT_RUN, RANGE, REPRODUCED, UNDECIDED, Finding, interval

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


def gaps(tickets: pd.DataFrame | None, dense: Mapping[int, float]) -> dict[int, list[float]]:
    """Give how much more accurate than its dense network each initialisation is, at the levels that all of them have.

    Args:
        tickets: Rows of one way to find masks.
        dense: Accuracy of the dense network for each initialisation.
    """
    by_level = tickets.groupby("level") if tickets is not None else ()
    found = {int(str(level)): paired(by_init(part, "accuracy"), dense) for level, part in by_level}
    n = max(map(len, found.values()), default=0)
    return {level: values for level, values in found.items() if n and len(values) == n}


def end(tickets: pd.DataFrame | None, dense: Mapping[int, float], margin: float = MARGIN) -> End | None:
    """Find the sparsest tickets.

    The accuracy of each initialisation is compared with that of its own dense network, at levels that all
    initialisations have. Fewer than three rule nothing out and nothing in.

    Args:
        tickets: Rows of one way to find masks, with ``level``, ``init`` and ``accuracy`` in [0, 1].
        dense: Accuracy of the dense network for each initialisation.
        margin: How much less accurate than the dense network a ticket may be.
    """
    whole = gaps(tickets, dense)
    if not whole:
        return None
    n = len(next(iter(whole.values())))
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


def at_most(setting: str, tickets: pd.DataFrame | None, dense: Mapping[int, float], past: Collection[int]) -> Finding:
    """Judge that none of some levels is a ticket; one that not all initialisations have leaves it open."""
    found = end(tickets, dense)
    if found is None or tickets is None:
        return Finding(setting, math.nan, None, 0, NOT_RUN, unit=PERCENT)
    whole = gaps(tickets, dense)
    bounds = {level: interval(whole[level]) for level in past if level in whole} if found.n >= ENOUGH else {}
    surely = [level for level, bound in bounds.items() if bound is not None and bound[0] >= -MARGIN]
    never = [level for level, bound in bounds.items() if bound is not None and bound[1] < -MARGIN]
    verdict = CONTRADICTED if surely else REPRODUCED if set(never) == set(past) else UNDECIDED
    value, ends = sparsity(tickets, found.level), range_of(tickets, found)
    return Finding(setting, value, ends, found.n, verdict, unit=PERCENT, spread=RANGE)
