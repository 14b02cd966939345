"""Tables: tidy frames of :mod:`.experiments` as means with intervals over initialisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from ...display import Markup, Table, percent
from ...judging.units import MINUS as MINUS
from ...judging.units import number as number
from ...judging.verdicts import interval
from . import names

if TYPE_CHECKING:
    import pandas as pd


def quote(values: Sequence[float], digits: int = 3) -> str:
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


def first(frame: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Rows of a frame's first dataset and model that match."""
    if not frame.empty:
        where = {**{name: frame[name].iloc[0] for name in ("dataset", "model")}, **where}
        for name, wanted in where.items():
            frame = frame[frame[name] == wanted]
    return frame


def by_init(frame: pd.DataFrame, column: str) -> list[float]:
    """Average a column over what shares an initialisation; one value for each that has any."""
    return [] if frame.empty else [float(value) for value in frame.groupby("init")[column].mean().dropna()]


def standing(part: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Leave collapsed tickets out of a mean, unless there are no others, and say so."""
    if "collapsed" not in part or not bool(part["collapsed"].any()):
        return part, ""
    there = part[~part["collapsed"].astype(bool)]
    if there.empty:
        return part, " (collapsed)"
    gone = part["init"].nunique() - there["init"].nunique()
    return there, f" ({gone} of {part['init'].nunique()} collapsed, left out)" if gone else " (one line collapsed)"


def headed(name: str, place: str) -> Markup | str:
    """Head a row by a name and, below it where there are several, a network and its data."""
    if not place:
        return name
    return Markup(f'{escape(name)}<br><span class="scale">{escape(place)}</span>', f"{name} ({place})")


def summary(frame: pd.DataFrame, columns: Mapping[str, tuple[str, float, int]]) -> Table:
    """Summarise a frame by dataset, model, series and level.

    Args:
        frame: A tidy frame with the columns that name a ticket; a column ``series`` is taken as it is.
        columns: Column to heading, factor and decimals.
    """
    from .series import with_series

    if frame.empty:
        return Table(["subnetwork"], [], "Nothing has been computed yet for these parameters.")
    if "series" not in frame:
        frame, _ = with_series(frame)
    several = frame[["dataset", "model"]].drop_duplicates().shape[0] > 1
    rows = []
    for (dataset, model, series, _), part in frame.groupby(["dataset", "model", "series", "level"], sort=False):
        at = names.place((dataset, model)) if several else ""
        sparsity = percent(float(part["sparsity"].iloc[0]))
        part, flag = standing(part)
        values = [quote([factor * v for v in by_init(part, c)], n) for c, (_, factor, n) in columns.items()]
        rows.append([headed(f"{series}{flag}", at), sparsity, *values, str(part["init"].nunique())])
    headings = [heading for heading, _, _ in columns.values()]
    note = "Mean over initialisations ± half the width of its 95 % interval; n is their number."
    return Table(["mask from", "sparsity", *headings, "n"], rows, note)


def barriers(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.experiments.barriers_frame`."""
    return summary(
        frame,
        {
            "barrier": ("loss barrier", 1, 3),
            "error_rise": ("error rise (points)", 100, 2),
            "end_loss": ("loss at the ends", 1, 3),
            "end_accuracy": ("accuracy at the ends (%)", 100, 2),
        },
    )


def accuracy(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.experiments.fig2_frame` at the levels that every initialisation has."""
    if not frame.empty:
        counts = frame.groupby("level")["init"].transform("nunique")
        frame = frame[counts == counts.max()]
    return summary(
        frame,
        {
            "accuracy": ("test accuracy (%)", 100, 2),
            "train_loss": ("training loss", 1, 3),
            "points": ("images seen for the mask", 1, 0),
        },
    )


def overview(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.overview.overview_frame`, a row for each set and level."""
    if not frame.empty:
        from .series import with_series

        frame, _ = with_series(frame)
        times = [f" ({number(value, 0)}×)" if value > 1 else "" for value in frame["compression"]]
        frame = frame.assign(series=frame["series"] + times)
    return summary(
        frame,
        {
            "own_accuracy": ("after the first inner loop (%)", 100, 1),
            "accuracy": ("test accuracy (%)", 100, 2),
            "barrier": ("loss barrier", 1, 3),
            "accuracy_ratio": ("accuracy over IMP's", 1, 3),
            "barrier_ratio": ("barrier over IMP's", 1, 2),
        },
    )


def basins(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.analyses.basins_frame`."""
    return summary(
        frame,
        {
            "basins": ("basins", 1, 1),
            "loss_range": ("loss range near the centre", 1, 3),
            "unit": ("distance of two retrainings", 1, 2),
        },
    )


def hessian(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.analyses.hessian_frame`: the diagonal with and without its zeros."""
    return summary(
        frame,
        {
            "std": ("deviation, all", 1, 4),
            "std_kept": ("deviation, unmasked", 1, 4),
            "std_nonzero": ("deviation, no zeros", 1, 4),
            "mean_abs": ("magnitude, all", 1, 4),
            "mean_abs_kept": ("magnitude, unmasked", 1, 4),
            "mean_abs_nonzero": ("magnitude, no zeros", 1, 4),
        },
    )


def sharpness(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.analyses.hessian_frame`: what stands beside the diagonal."""
    return summary(
        frame,
        {
            "min": ("smallest entry", 1, 3),
            "max": ("largest entry", 1, 3),
            "sum": ("trace, exact", 1, 2),
            "trace": ("trace, estimated", 1, 2),
            "top": ("largest eigenvalue", 1, 2),
            "sharpness": ("scale-invariant sharpness", 1, 2),
        },
    )
