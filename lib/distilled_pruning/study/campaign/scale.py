"""How stability changes with scale, every recorded regime a panel, and what it depends on within the one tried most."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...data.catalog import entitle
from ..jobs.ways import WAYS, colour, label
from ..judging.units import number
from ..judging.verdicts import INSTABILITY_THRESHOLD
from ..results.recorded import Record, Recorded
from ..sections.common import dots, naming
from ..sections.common.grouping import count_inits, error_bar
from ..sections.common.style import NARROW, WIDTH, canvas, describe, empty
from .steps import POINT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_ACROSS = 3  # panels beside each other on a page's width
_PHONE = 1.25  # rows stand further apart where their names stand above them
_VARIED = ("inner_steps", "ipc")  # what tells the rows of one way apart within a regime
_SIZED = ("distilled", "published", "random-real", "easy-real")  # ways whose images are so many a class
_RISE = dots.Measure("error_rise", "rise halfway (points)", limit=INSTABILITY_THRESHOLD / POINT)


def read_regimes(recorded: Recorded) -> pd.DataFrame:
    """Gather all recorded lines between retrainings.

    Returns:
        One row for each way, level and initialisation of a regime: ``regime`` (dataset, network, width, epochs, rate
        and colour space, a line each), ``series`` (the way, with its inner steps, images and rate where a regime has
        several), ``usual`` (whether its steps, images and rate are those of most rows of the regime), ``method``,
        ``level``, ``sparsity``, ``init`` and ``error_rise`` (mean over its lines, in points).
    """
    import pandas as pd

    counts = defaultdict[tuple[str, str], Counter[int | None]](Counter)
    records = [record for record in recorded.records("barriers") if record.frame]
    for record in records:
        for name in _VARIED:
            counts[_name_regime(record), name][record.parameters.get(name)] += 1
    found = []
    for record in records:
        frame = pd.DataFrame(recorded.frame(record))
        frame = frame[~frame["collapsed"].astype(bool)]
        if frame.empty:
            continue
        regime = _name_regime(record)
        usual = {name: counts[regime, name].most_common(1)[0][0] for name in _VARIED}
        rows = frame.to_dict("records")
        varied = [_vary(record, row, usual) for row in rows]
        ways = [_name_way(record, row["method"], notes) for row, notes in zip(rows, varied, strict=True)]
        plain = [not notes for notes in varied]
        frame = frame.assign(regime=regime, series=ways, usual=plain, error_rise=frame["error_rise"] / POINT)
        found.append(frame)
    if not found:
        return pd.DataFrame()
    by = ["regime", "series", "usual", "method", "level", "sparsity", "init"]
    return pd.concat(found, ignore_index=True).groupby(by, as_index=False, sort=False)[["error_rise"]].mean()


def _name_regime(record: Record) -> str:
    given = record.parameters
    space = ", whitened" if given.get("whitened") else ""
    training = f"{given['epochs']} epochs at {given['learning_rate']:g}"
    network = f"{naming.network(given['model'])}\nwidth {given['width']}"
    return f"{entitle(given['dataset'])}{space}\n{network}\n{training}"


def _vary(record: Record, row: Mapping[Any, Any], usual: Mapping[str, int | None]) -> list[str]:
    """Say in what a row differs from its regime's usual setting; dense networks and IMP have no short loop to vary."""
    given, method = record.parameters, row["method"]
    if method in ("dense", "imp"):
        return []
    notes = []
    if given.get("inner_steps") not in (usual["inner_steps"], None):
        notes.append(f"{given['inner_steps']:,} steps")
    if method in _SIZED and given.get("ipc") not in (usual["ipc"], None):
        notes.append(f"{given['ipc']:,} per class")
    if row.get("rate") and row["rate"] != given["learning_rate"]:
        notes.append(f"rate {row['rate']:g}")
    return notes


def _name_way(record: Record, method: str, varied: Sequence[str]) -> str:
    given, notes = record.parameters, list[str]()
    if method == "mislabelled" and given["distiller"] == "random":
        return "Real images, labels permuted"  # the way's own name speaks of distilled ones
    if method == "published":
        notes.append(naming.published(str(given.get("published", ""))))
    if method == "distilled":
        sets = given.get("sets", 1)
        notes.append(f"{str(given['distiller']).upper()}, {'a set each' if sets > 1 else 'one set'}")
    notes += varied
    name = label(method)
    if any(note.endswith(" steps") for note in varied):
        name = name.removesuffix(", few steps")  # as many as its note says
    return f"{name} ({', '.join(notes)})" if notes else name


def select_common(frame: pd.DataFrame) -> pd.DataFrame:
    """Select what can be followed from one regime to another: ways tried in several, at the usual setting of each."""
    if frame.empty:
        return frame
    several = frame.groupby("method")["regime"].nunique() > 1
    common = frame[frame["usual"] & frame["method"].map(several)]
    return frame if common.empty else common


def select_widest(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the regime in which most ways and settings were tried."""
    return frame if frame.empty else frame[frame["regime"] == _by_ways(frame)[0]]


def draw_scale(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw the rise of the error rate halfway between two retrainings in every regime, the one tried most first.

    Args:
        frame: What :func:`read_regimes` gives.
        stamp: Scale, for the foot.
        width: In inches; on a phone's, regimes stand below each other.
    """
    if frame.empty:
        return empty(stamp)
    regimes = _by_ways(frame)
    order = list(WAYS)
    method = dict(zip(frame["series"], frame["method"], strict=True))
    palette = {name: colour(method[name]) for name in sorted(method, key=lambda name: order.index(method[name]))}
    across = min(_ACROSS, len(regimes)) if width > NARROW else 1
    down = -(-len(regimes) // across)
    phone = width <= NARROW
    beside = [frame[frame["regime"].isin(regimes[first : first + across])] for first in range(0, across * down, across)]
    ways = [{name: shade for name, shade in palette.items() if name in set(panels["series"])} for panels in beside]
    rows = [len(tried) for tried in ways]
    tall = 0.3 + sum((_PHONE if phone else 1) * dots.panel_height(n) + 0.85 for n in rows)
    with canvas(tall, f"{stamp} · {count_inits(frame, 'regime', 'series')}", width) as figure:
        ratios = [n + 1 for n in rows]
        grid = list(figure.subplots(down, across, squeeze=False, sharex=True, height_ratios=ratios).flat)
        for place, (ax, regime) in enumerate(zip(grid, regimes, strict=False)):
            ax.set_xlim(*_reach(frame))
            mine, first = frame[frame["regime"] == regime], place % across == 0
            dots.draw_panel(ax, mine, ways[place // across], _RISE, named=first, numbers=False, every=not phone)
            ax.set_title(regime, loc="left", pad=16)
            ax.tick_params(axis="x", labelbottom=True)
        for ax in grid[len(regimes) :]:
            ax.remove()
        figure.legend(handles=dots.level_entries(frame), loc="outside upper right", ncols=2)
        describe(figure, *_say(frame, regimes))
    return figure


def _by_ways(frame: pd.DataFrame) -> list[str]:
    """List regimes, those with most ways tried first."""
    return list(frame.groupby("regime")["series"].nunique().sort_values(ascending=False, kind="stable").index)


def _say(frame: pd.DataFrame, regimes: Sequence[str]) -> list[str]:
    """Say what is seen, a sentence for each regime."""
    found = ["Rise of the error halfway between two retrainings, in points; below 2 is stable."]
    for regime in regimes:
        sparse = frame[(frame["regime"] == regime) & frame["level"].isin((0, frame["level"].max()))]
        means = sparse.groupby("series", sort=False)["error_rise"].mean()
        values = "; ".join(f"{name} {number(mean, 1)}" for name, mean in means.items())
        found.append(f"{', '.join(regime.splitlines())}, dense or at the highest sparsity: {values}.")
    return found


def _reach(frame: pd.DataFrame) -> tuple[float, float]:
    """Give the ends of an axis on which every interval and every initialisation lies."""
    groups = frame.groupby(["regime", "series", "level"])["error_rise"]
    ends = [end for _, values in groups for end in (*error_bar(list(values)), *values)]
    margin = 0.04 * (max(ends) - min(ends))
    return min(ends) - margin, max(ends) + margin
