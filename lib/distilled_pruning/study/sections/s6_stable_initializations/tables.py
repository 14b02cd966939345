"""Tables of section 6: tickets, where they end, and what their masks cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...display import Table, percent
from ...jobs.ways import WAYS, Kind, kind
from ...judging.statistics import by_init
from ...judging.units import number
from ..common.grouping import first_place
from ..common.naming import with_series
from ..common.tables import COLUMNS, NOTHING, name_series, summary
from ..s3_distilled_pruning import lottery

if TYPE_CHECKING:
    import pandas as pd

_COSTS = {"points": "run_points", "points_decoded": "run_points", "steps": "run_steps"}


def tickets(frame: pd.DataFrame) -> Table:
    """Summarise levels with tickets of short rounds: accuracy, gap to dense."""
    if not frame.empty:
        keys = ["dataset", "model", "init"]
        dense = frame[frame["level"] == 0].groupby(keys)["accuracy"].mean().rename("dense").reset_index()
        frame = with_series(frame)[0].merge(dense, on=keys, how="left")
        short = [kind(method) is Kind.SHORT_LOOP for method in frame["method"]]
        shown = {0, *frame.loc[short, "level"]}
        frame = frame[frame["level"].isin(shown if len(shown) > 1 else set(frame["level"]))]
        frame = frame.assign(gap=frame["accuracy"] - frame["dense"])
    return summary(frame, "accuracy", gap=("minus dense (points)", 100, 2), train_loss=COLUMNS["train_loss"])


def _write(value: float, unknown: bool = False) -> str:
    """Write a sparsity in per cent; beyond the levels, say so."""
    return "beyond the levels" if unknown else percent(value)


def ending(frame: pd.DataFrame, **where: object) -> str:
    """Write the sparsity of the sparsest ticket of a way, and the range its intervals leave; a dash without results."""
    here = first_place(frame, **where)
    here = lottery.complete(first_place(frame), here) if len(here) else here
    found = lottery.end(here, by_init(first_place(frame, level=0), "accuracy")) if len(here) else None
    if found is None:
        return "–"
    low, high = lottery.range_of(here, found)
    return f"{_write(lottery.sparsity(here, found.level))} [{_write(low)}, {_write(high, found.beyond)}]"


def ends(frame: pd.DataFrame) -> Table:
    """Say for each way to find masks how sparse tickets can be (:func:`.lottery.end`)."""
    columns = ["mask from", "sparsest ticket", "surely up to", "at most", "weights left", "n"]
    if frame.empty:
        return Table(columns, [], NOTHING)
    frame, _ = with_series(first_place(frame))
    dense = by_init(frame[frame["level"] == 0], "accuracy")
    rows = []
    for series, part in frame[frame["level"] > 0].groupby("series", sort=False):
        part = lottery.complete(frame, part)
        found = lottery.end(part, dense)
        if found is not None:
            low, high = lottery.range_of(part, found)
            mean = lottery.sparsity(part, found.level)
            left = f"{100 * (1 - mean):.1f} %"
            rows.append([str(series), _write(mean), _write(low), _write(high, found.beyond), left, str(found.n)])
    note = (
        f"A ticket is at most {100 * lottery.MARGIN:g} points less accurate than the dense network, on average over "
        "initialisations; surely so, or at most there, where the 95 % interval says so. n: initialisations."
    )
    return Table(columns, rows, note)


def masks(frame: pd.DataFrame) -> Table:
    """Say what finding the masks of the sparsest level cost, in trainings of the dense network on real data."""
    columns = ["mask from", "level", "stored images", "decoded images", "steps"]
    if frame.empty:
        return Table(columns, [], NOTHING)
    frame, _ = with_series(first_place(frame))
    rows = []
    for series, part in frame[frame["level"] > 0].groupby("series", sort=False):
        early = [int(part["level"].min())] if WAYS[part["method"].iloc[0]].after else []
        for level in [*early, int(part["level"].max())]:
            cost = part[part["level"] == level].iloc[0]
            shares = [float(cost[name]) / float(cost[run]) for name, run in _COSTS.items()]
            rows.append([str(series), str(level), *(number(value, 2) for value in shares)])
    return Table(columns, rows, "In trainings on all real images for all epochs: exact counts.")


def forks(frame: pd.DataFrame) -> Table:
    """Summarise stability, a row for each number of common epochs."""
    named = name_series(frame, lambda row: f"{row['rewind']} epochs in common")
    return summary(named, "barrier", "maximum", "error_rise", "end_accuracy")
