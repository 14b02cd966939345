"""Which rows of a frame are meant, what they are grouped by, and the interval over initialisations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...judging.statistics import CONV, Frames, select
from ...judging.verdicts import interval
from . import naming
from .tickets import EQUAL

if TYPE_CHECKING:
    import pandas as pd

NEAR = 0.05  # sparsities that are set beside each other differ by at most so much
_ROWS = {"dense": "", "imp": EQUAL, "distilled": EQUAL}


def first_place(frame: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Rows of a frame's first dataset and model that match."""
    if not frame.empty:
        where = {**{name: frame[name].iloc[0] for name in ("dataset", "model")}, **where}
        for name, wanted in where.items():
            frame = frame[frame[name] == wanted]
    return frame


def init_means(frame: pd.DataFrame, column: str) -> list[float]:
    """Average a column over what shares an initialisation; one value for each that has any."""
    return [] if frame.empty else [float(value) for value in frame.groupby("init")[column].mean().dropna()]


def close(frame: pd.DataFrame, share: float) -> pd.DataFrame:
    """Rows of the level nearest to a sparsity; none where none is near."""
    if frame.empty:
        return frame
    distance = (frame["sparsity"] - share).abs()
    return frame[(distance == distance.min()) & (distance <= NEAR)]


class Place(NamedTuple):
    """The rows of one dataset and network; ``heading`` is its name where a frame has several, else empty."""

    name: str
    heading: str
    rows: pd.DataFrame


def by_place(rows: pd.DataFrame, frame: pd.DataFrame | None = None) -> list[Place]:
    """Part rows by dataset and network.

    Args:
        rows: What is parted.
        frame: Has all datasets and networks that are wanted, in their order; by default the rows themselves.
    """
    among = rows if frame is None else frame
    found = list(dict.fromkeys(zip(among["dataset"], among["model"], strict=True)))
    names = [naming.place(of) for of in found]
    parts = (rows[(rows["dataset"] == dataset) & (rows["model"] == model)] for dataset, model in found)
    return [Place(name, name if len(found) > 1 else "", part) for name, part in zip(names, parts, strict=True)]


def per_init(frame: pd.DataFrame, columns: Sequence[str], by: Sequence[str]) -> pd.DataFrame:
    """Average retrainings or lines of one initialisation: they share its mask, so they are no evidence of their own."""
    keys = ["dataset", "model", "series", "init", *by]
    return frame.groupby(keys, as_index=False, sort=False)[list(columns)].mean()


def range_inits(frame: pd.DataFrame, *apart: str) -> tuple[str, int]:
    """Count the initialisations behind a frame: from the fewest to the most of a network, method and rate, in words.

    Args:
        frame: With ``init``.
        apart: Further columns that tell apart what is drawn.

    Returns:
        Such as ``"3 to 5"``, and the most.
    """
    by = [name for name in ("dataset", "model", "method", "rate", *apart) if name in frame]
    counts = frame.groupby(by)["init"].nunique() if by else [frame["init"].nunique()]
    least, most = int(min(counts)), int(max(counts))
    return str(most) if least == most else f"{least} to {most}", most


def count_inits(frame: pd.DataFrame, *apart: str) -> str:
    """Say how many initialisations stand behind a frame, see :func:`range_inits`."""
    n, most = range_inits(frame, *apart)
    return f"n = {n} initialisation{'s' if most > 1 else ''}"


def error_bar(values: Iterable[float]) -> tuple[float, float]:
    """Give the ends of an error bar: the ledger's interval, or the value itself where there is only one."""
    numbers = [float(value) for value in values]
    mean = sum(numbers) / len(numbers)
    return interval(numbers) or (mean, mean)


def place(frames: Frames, name: str, model: str) -> pd.DataFrame | None:
    """Rows of one dataset and of a claim's network, or of the first network in its place, at the paper's inner rate.

    Whether it is the claim's is a precondition, see :func:`..judging.preconditions.network`.
    """
    frame = select(frames, name)
    if frame is None:
        return None
    there = list(frame["model"])
    model = model if model in there else str(there[0])
    dataset = str(frame.loc[frame["model"] == model, "dataset"].iloc[0])
    return select({name: frame[frame["setting"].isin((EQUAL, ""))]}, name, dataset=dataset, model=model)


def row_of(frames: Frames, name: str, method: str, level: int | None = None) -> pd.DataFrame | None:
    """Rows of a ConvNet-3 found by a method at the paper's inner rate, at one level or at all; none that collapsed."""
    where: dict[str, str | int] = {"model": CONV, "method": method, "setting": _ROWS[method], "collapsed": False}
    return select(frames, name, **where, **({} if level is None else {"level": level}))
