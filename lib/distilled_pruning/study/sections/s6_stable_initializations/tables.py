"""Tables of section 6 and of the first paper: tickets, where they end, what masks and trainings cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...display import Table, percent
from ...jobs.ways import WAYS, Kind, kind
from ...judging.statistics import by_init
from ..a_first_paper.claims import costs
from ..common.tables import first, number, quote, summary
from ..s3_distilled_pruning import lottery

if TYPE_CHECKING:
    import pandas as pd

SHARES = (("points", "run_points", "stored images"), ("points_decoded", "run_points", "decoded images"))
STABILITY = {
    "barrier": ("loss barrier", 1.0, 3),
    "maximum": ("highest point", 1.0, 3),
    "error_rise": ("error rise (points)", 100.0, 2),
    "end_accuracy": ("accuracy at the ends (%)", 100.0, 2),
}
NOTHING = "Nothing has been computed yet for these parameters."


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``series``: how a mask was found, in a legend's words."""
    from ..common.series import with_series

    return with_series(frame)[0] if len(frame) else frame


def tickets(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.rewinding.ticket_frame` at levels with tickets of short rounds: accuracy, gap to dense."""
    if not frame.empty:
        keys = ["dataset", "model", "init"]
        dense = frame[frame["level"] == 0].groupby(keys)["accuracy"].mean().rename("dense").reset_index()
        frame = named(frame).merge(dense, on=keys, how="left")
        short = [kind(method) is Kind.SHORT_LOOP for method in frame["method"]]
        shown = {0, *frame.loc[short, "level"]}
        frame = frame[frame["level"].isin(shown if len(shown) > 1 else set(frame["level"]))]
        frame = frame.assign(gap=frame["accuracy"] - frame["dense"])
    columns = {"accuracy": ("test accuracy (%)", 100.0, 2), "gap": ("minus dense (points)", 100.0, 2)}
    return summary(frame, {**columns, "train_loss": ("training loss", 1.0, 3)})


def share(value: float, unknown: bool = False) -> str:
    """Write a sparsity in per cent; beyond the levels, say so."""
    return "beyond the levels" if unknown else percent(value)


def ending(frame: pd.DataFrame, **where: object) -> str:
    """Write the sparsity of the sparsest ticket of a way, and the range its intervals leave; a dash without results."""
    here = first(frame, **where)
    here = lottery.complete(first(frame), here) if len(here) else here
    found = lottery.end(here, by_init(first(frame, level=0), "accuracy")) if len(here) else None
    if found is None:
        return "–"
    low, high = lottery.range_of(here, found)
    return f"{share(lottery.sparsity(here, found.level))} [{share(low)}, {share(high, found.beyond)}]"


def ends(frame: pd.DataFrame) -> Table:
    """Say for each way to find masks how sparse tickets can be (:func:`.lottery.end`)."""
    columns = ["mask from", "sparsest ticket", "surely up to", "at most", "weights left", "n"]
    if frame.empty:
        return Table(columns, [], NOTHING)
    frame = named(first(frame))
    dense = by_init(frame[frame["level"] == 0], "accuracy")
    rows = []
    for series, part in frame[frame["level"] > 0].groupby("series", sort=False):
        part = lottery.complete(frame, part)
        found = lottery.end(part, dense)
        if found is not None:
            low, high = lottery.range_of(part, found)
            mean = lottery.sparsity(part, found.level)
            left = f"{100 * (1 - mean):.1f} %"
            rows.append([str(series), share(mean), share(low), share(high, found.beyond), left, str(found.n)])
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
    frame = named(first(frame))
    frame = frame[frame["level"] > 0]
    rows = []
    for series, part in frame.groupby("series", sort=False):
        levels = [int(part["level"].max())]
        if WAYS[part["method"].iloc[0]].after:
            levels.insert(0, int(part["level"].min()))
        for level in levels:
            cost = part[part["level"] == level].iloc[0]
            shares = [float(cost[c]) / float(cost[run]) for c, run, _ in (*SHARES, ("steps", "run_steps", "steps"))]
            rows.append([str(series), str(level), *(number(value, 2) for value in shares)])
    return Table(columns, rows, "In trainings on all real images for all epochs: exact counts.")


def forks(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.rewinding.fork_frame`, a row for each number of common epochs."""
    if not frame.empty:
        frame = frame.assign(series=[f"{epoch} epochs in common" for epoch in frame["rewind"]])
    return summary(frame, STABILITY)


def stability(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.first_paper.stability_frame`."""
    return summary(named(frame), STABILITY)


def sessions(frame: pd.DataFrame, printed: tuple[float, float]) -> Table:
    """Say what a training inside a round costs, beside the paper's seconds.

    Args:
        frame: As :func:`.first_paper.session_frame` gives it.
        printed: Seconds of a training on real and on distilled data in the paper.
    """
    columns = ["training for", "images seen", "steps", "seconds", "Paper: seconds", "n"]
    if frame.empty:
        return Table(columns, [], NOTHING)
    rows = []
    for series, part in named(first(frame)).groupby("series", sort=False):
        paper = number(printed[0 if part["method"].iloc[0] == "imp" else 1], 0)
        counts = [f"{int(part[name].max()):,}".replace(",", "\u202f") for name in ("images", "steps")]
        rows.append([str(series), *counts, quote(list(costs(part).values()), 2), paper, str(part["init"].nunique())])
    note = (
        "Seconds: median over the rounds of an initialisation, mean over initialisations [95 % interval]; "
        "of trainings that were not interrupted."
    )
    return Table(columns, rows, note)
