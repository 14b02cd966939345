"""What measures of claims share: the rows they mean, one value an initialisation, differences and slopes."""

from __future__ import annotations

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


def sparse(frame: pd.DataFrame | None, level: int) -> str:
    """Name a level by the sparsity that its rows hold; by its number where there are none."""
    rows = None if frame is None else frame.loc[frame["level"] == level, "sparsity"]
    return f"level {level}" if rows is None or rows.empty else percent(float(rows.iloc[0]))


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


def rise(frames: Frames, level: int, name: str = "barriers", **where: str) -> list[float]:
    """Error rise of each initialisation at a level; a collapsed ticket never counts as stable."""
    frame = select(frames, name, level=level, **where)
    if frame is None:
        return []
    return list(
        by_init(frame.assign(error_rise=frame["error_rise"].mask(frame["collapsed"], 1.0)), "error_rise").values()
    )


def paired(left: Mapping[int, float], right: Mapping[int, float]) -> list[float]:
    """Differences left - right over the initialisations both have."""
    return [left[init] - right[init] for init in sorted(left.keys() & right.keys())]


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Least-squares slope."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread


def slopes(frame: pd.DataFrame | None, column: str) -> list[float]:
    """Slope of a column over sparsity for each initialisation with at least two levels."""
    if frame is None:
        return []
    found = []
    for _, rows in frame.groupby("init"):
        means = rows.groupby("sparsity")[column].mean()
        if len(means) > 1:
            found.append(slope(list(means.index), list(means)))
    return found
