"""Rows of tidy frames that claims about the papers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...judging.statistics import CONV, Frames, select
from .tickets import EQUAL

if TYPE_CHECKING:
    import pandas as pd


def place(frames: Frames, name: str, **where: str) -> pd.DataFrame | None:
    """Rows of a frame's first dataset and network, of those that match, at the paper's inner rate."""
    frame = select(frames, name, **where)
    if frame is None:
        return None
    first = {column: frame[column].iloc[0] for column in ("dataset", "model")}
    return select({name: frame[frame["setting"].isin((EQUAL, ""))]}, name, **first)


ROWS = {"dense": "", "imp": EQUAL, "distilled": EQUAL}


def row_of(frames: Frames, name: str, method: str, level: int | None = None) -> pd.DataFrame | None:
    """Rows of a ConvNet-3 found by a method at the paper's inner rate, at one level or at all; none that collapsed."""
    where: dict[str, str | int] = {"model": CONV, "method": method, "setting": ROWS[method], "collapsed": False}
    return select(frames, name, **where, **({} if level is None else {"level": level}))
