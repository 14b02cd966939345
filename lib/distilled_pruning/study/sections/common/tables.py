"""Tables: tidy frames as means with intervals over initialisations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from ...display import Markup, Table, percent
from ...judging.units import number
from ...judging.verdicts import interval
from . import naming
from .grouping import init_means

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "Nothing has been computed yet for these parameters."
COLUMNS: Mapping[str, tuple[str, float, int]] = {  # column to heading, factor and decimals
    "accuracy": ("test accuracy (%)", 100, 2),
    "barrier": ("loss barrier", 1, 3),
    "end_accuracy": ("accuracy at the ends (%)", 100, 2),
    "end_loss": ("loss at the ends", 1, 3),
    "error_rise": ("error rise (points)", 100, 2),
    "jaccard": ("shared of either", 1, 3),
    "layered_ratio": ("over chance within layers", 1, 3),
    "maximum": ("highest point", 1, 3),
    "train_loss": ("training loss", 1, 3),
}


def quote(values: Iterable[float], digits: int = 3) -> str:
    """Write the mean of values over initialisations and the half-width of its 95 % interval; a dash for no values.

    A half-width too small to show is left out.
    """
    numbers = [float(value) for value in values]
    if not numbers:
        return "–"
    mean = number(sum(numbers) / len(numbers), digits)
    low, high = interval(numbers) or (0.0, 0.0)
    half = number((high - low) / 2, digits)
    return f"{mean} ± {half}" if float(half) else mean


def write_count(value: float) -> str:
    """Write a whole number, thousands set apart."""
    return f"{value:,.0f}".replace(",", "\u202f")


def name_series(frame: pd.DataFrame, name: Callable[[Mapping[Any, Any]], str]) -> pd.DataFrame:
    """Add the column ``series``, a name for each row; nothing to a frame without rows."""
    return frame.assign(series=[name(row) for row in frame.to_dict("records")])


def leave_out(part: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Leave collapsed tickets out of a mean, unless there are no others, and say so."""
    if "collapsed" not in part or not bool(part["collapsed"].any()):
        return part, ""
    there = part[~part["collapsed"].astype(bool)]
    if there.empty:
        return part, " (collapsed)"
    gone = part["init"].nunique() - there["init"].nunique()
    return there, f" ({gone} of {part['init'].nunique()} collapsed, left out)" if gone else " (one line collapsed)"


def summary(frame: pd.DataFrame, *columns: str, **own: tuple[str, float, int]) -> Table:
    """Summarise a frame by dataset, model, series and level.

    Args:
        frame: A tidy frame with the columns that name a ticket; a column ``series`` is taken as it is.
        columns: Some of :data:`COLUMNS`.
        own: Further ones: column to heading, factor and decimals.
    """
    if frame.empty:
        return Table(["subnetwork"], [], NOTHING)
    if "series" not in frame:
        frame, _ = naming.with_series(frame)
    shown = {**{name: COLUMNS[name] for name in columns}, **own}
    several = frame[["dataset", "model"]].drop_duplicates().shape[0] > 1
    rows = []
    for (dataset, model, series, _), part in frame.groupby(["dataset", "model", "series", "level"], sort=False):
        place = naming.place((dataset, model)) if several else ""
        sparsity = percent(float(part["sparsity"].iloc[0]))
        part, flag = leave_out(part)
        values = [quote([factor * v for v in init_means(part, c)], n) for c, (_, factor, n) in shown.items()]
        rows.append([_head(f"{series}{flag}", place), sparsity, *values, str(part["init"].nunique())])
    headings = [heading for heading, _, _ in shown.values()]
    note = "Mean over initialisations ± half the width of its 95 % interval; n is their number."
    return Table(["mask from", "sparsity", *headings, "n"], rows, note)


def _head(name: str, place: str) -> Markup | str:
    """Head a row by a name and, below it where there are several, a network and its data."""
    if not place:
        return name
    return Markup(f'{escape(name)}<br><span class="scale">{escape(place)}</span>', f"{name} ({place})")


def barriers(frame: pd.DataFrame) -> Table:
    """Summarise how loss and error rise along the line, and what its ends reach."""
    return summary(frame, "barrier", "error_rise", "end_loss", "end_accuracy")


def accuracy(frame: pd.DataFrame) -> Table:
    """Summarise accuracy, and what finding the mask cost, at the levels that every initialisation has."""
    if not frame.empty:
        counts = frame.groupby("level")["init"].transform("nunique")
        frame = frame[counts == counts.max()]
    return summary(frame, "accuracy", "train_loss", points=("images seen for the mask", 1, 0))


def overview(frame: pd.DataFrame) -> Table:
    """Summarise accuracy and stability over IMP's, a row for each set and level."""

    def name(row: Mapping[Any, Any]) -> str:
        times = f" ({number(row['compression'], 0)}×)" if row["compression"] > 1 else ""
        return f"{row['series']}{times}"

    return summary(
        name_series(naming.with_series(frame)[0], name),
        own_accuracy=("after the first inner loop (%)", 100, 1),
        accuracy=COLUMNS["accuracy"],
        barrier=COLUMNS["barrier"],
        accuracy_ratio=("accuracy over IMP's", 1, 3),
        barrier_ratio=("barrier over IMP's", 1, 2),
    )


def basins(frame: pd.DataFrame) -> Table:
    """Summarise basins and loss range of planes, and how far apart two retrainings are."""
    return summary(
        frame,
        basins=("basins", 1, 1),
        loss_range=("loss range near the centre", 1, 3),
        unit=("distance of two retrainings", 1, 2),
    )
