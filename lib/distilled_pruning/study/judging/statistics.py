"""What measures of claims share: the rows they mean, one value an initialisation, differences, ratios and slopes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..display import percent
from .verdicts import Finding

if TYPE_CHECKING:
    import pandas as pd

Frames = Mapping[str, "pd.DataFrame"]
Measure = Callable[[Frames], list[Finding]]
LEVELS = (4, 9)
CONV = "convnet3"
HOME = "cifar10"
NOTHING = math.nan


def select(frames: Frames, name: str, **where: str | int | bool) -> pd.DataFrame | None:
    """Rows of a frame that match, ``None`` where there are none."""
    frame = frames.get(name)
    if frame is None or frame.empty:
        return None
    for column, wanted in where.items():
        if column not in frame:
            return None
        frame = frame[frame[column] == wanted]
    return None if frame.empty else frame


def home(frames: Frames, name: str) -> str:
    """Name the dataset a claim about several rests on: CIFAR-10, or the first there is in its place."""
    frame = frames.get(name)
    there = [] if frame is None or frame.empty else list(frame["dataset"])
    return HOME if HOME in there or not there else str(there[0])


def sparse(frame: pd.DataFrame | None, level: int) -> str:
    """Name a level by the sparsity that its rows hold; by its number where there are none."""
    rows = None if frame is None else frame.loc[frame["level"] == level, "sparsity"]
    return f"level {level}" if rows is None or rows.empty else percent(float(rows.iloc[0]))


def last_level(frame: pd.DataFrame) -> int:
    """Give the last level that was to be run, at least 1; where a frame does not say, the last that it has."""
    return max(1, int(frame["last" if "last" in frame else "level"].max()))


def spoken(method: str) -> str:
    """Name a way to find masks within a sentence, where a hyphen would be read as a minus."""
    return "IMP" if method == "imp" else method.replace("-", " ")


def way(frame: pd.DataFrame | None, method: str, early: bool = False) -> pd.DataFrame | None:
    """Rows of a way to find masks: from initialisation, or from an early epoch."""
    if frame is None:
        return None
    found = frame[frame["method"] == method]
    if "rewind" in found:
        found = found[(found["rewind"] > 0) == early]
    return None if found.empty else found


def by_init(frame: pd.DataFrame | None, column: str) -> dict[int, float]:
    """Mean of a column for each initialisation."""
    if frame is None:
        return {}
    means = frame.groupby("init")[column].mean()
    return {int(init): float(mean) for init, mean in zip(means.index, means, strict=True)}


def rise(frames: Frames, level: int, name: str = "barriers", lost: float = 1.0, **where: str) -> list[float]:
    """Error rise of each initialisation at a level.

    Args:
        frames: With the frame.
        level: Pruning level.
        name: Which frame.
        lost: What a collapsed ticket counts as: wholly unstable, or :data:`NOTHING` where that would bear a claim out.
        where: What other columns are.
    """
    frame = select(frames, name, level=level, **where)
    if frame is None:
        return []
    collapsed = frame["collapsed"].astype(bool)
    return list(by_init(frame.assign(error_rise=frame["error_rise"].mask(collapsed, lost)), "error_rise").values())


def paired(left: Mapping[int, float], right: Mapping[int, float]) -> list[float]:
    """Differences left - right over the initialisations both have."""
    return [left[init] - right[init] for init in sorted(left.keys() & right.keys())]


def ratios(left: Mapping[int, float], right: Mapping[int, float]) -> list[float]:
    """Ratios left / right over the initialisations both have, but where the right one is zero."""
    return [left[init] / right[init] for init in sorted(left.keys() & right.keys()) if right[init]]


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Least-squares slope."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
