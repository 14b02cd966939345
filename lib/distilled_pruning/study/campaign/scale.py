"""How stability changes with scale: every recorded regime a panel, with all ways to find masks tried in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..judging.verdicts import INSTABILITY_THRESHOLD
from ..results.recorded import Record, Recorded
from ..sections.common import dots, names
from ..sections.common.style import canvas, empty, student
from ..sections.common.ways import WAYS, colour, label
from .steps import POINT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

RISE = dots.Measure("error_rise", "rise halfway (points)", limit=INSTABILITY_THRESHOLD / POINT)


def read_regimes(recorded: Recorded) -> pd.DataFrame:
    """Gather all recorded lines between retrainings.

    Returns:
        One row for each way, level and initialisation of a regime: ``regime`` (dataset, network, width, epochs, rate
        and colour space, a line each), ``series`` (the way, with its inner steps and rate where a regime has several),
        ``method``, ``level``, ``sparsity``, ``init`` and ``error_rise`` (mean over its lines, in points).
    """
    import pandas as pd

    steps = Counter(record.parameters.get("inner_steps") for record in recorded.records("barriers", "reduced"))
    usual = steps.most_common(1)[0][0] if steps else None
    found = []
    for record in recorded.records("barriers"):
        frame = pd.DataFrame(recorded.frame(record))
        frame = frame[~frame["collapsed"].astype(bool)]
        if frame.empty:
            continue
        ways = [_name_way(record, row, usual) for row in frame.to_dict("records")]
        frame = frame.assign(regime=_name_regime(record), series=ways, error_rise=frame["error_rise"] / POINT)
        found.append(frame)
    if not found:
        return pd.DataFrame()
    by = ["regime", "series", "method", "level", "sparsity", "init"]
    return pd.concat(found, ignore_index=True).groupby(by, as_index=False, sort=False)[["error_rise"]].mean()


def _name_regime(record: Record) -> str:
    given = record.parameters
    space = ", whitened" if given.get("whitened") else ""
    network = f"{names.network(given['model'])}, width {given['width']}"
    training = f"{given['epochs']} epochs at {given['learning_rate']:g}"
    return f"{names.dataset(given['dataset'])}{space}\n{network}\n{training}"


def _name_way(record: Record, row: Mapping[Any, Any], usual: int | None) -> str:
    given, method = record.parameters, row["method"]
    if method in ("dense", "imp"):
        return label(method)
    notes = []
    if method == "published":
        notes.append("MTT" if "mtt" in str(given.get("published")).lower() else "DC")
    if method == "distilled":
        sets = given.get("sets", 1)
        notes.append(f"{str(given['distiller']).upper()}, {'a set each' if sets > 1 else 'one set'}")
    if given.get("inner_steps") not in (usual, None):
        notes.append(f"{given['inner_steps']:,} steps")
    if row.get("rate") and row["rate"] != given["learning_rate"]:
        notes.append(f"rate {row['rate']:g}")
    return f"{label(method)} ({', '.join(notes)})" if notes else label(method)


def draw_scale(frame: pd.DataFrame, stamp: str) -> Figure:
    """Draw the rise of the error rate halfway between two retrainings in every regime, the one tried most first.

    Args:
        frame: What :func:`read_regimes` gives.
        stamp: Scale and numbers of initialisations, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    regimes = list(frame.groupby("regime")["series"].nunique().sort_values(ascending=False, kind="stable").index)
    order = list(WAYS)
    tried = dict(zip(frame["series"], frame["method"], strict=True))
    palette = {name: colour(tried[name]) for name in sorted(tried, key=lambda name: order.index(tried[name]))}
    with canvas(dots.height(len(palette)) + 0.8, stamp) as figure:
        axes = figure.subplots(1, len(regimes), squeeze=False, sharex=True)[0]
        axes[0].set_xlim(*_reach(frame))
        for ax, name in zip(axes, regimes, strict=True):
            mine = frame[frame["regime"] == name]
            dots.panel(ax, mine, palette, RISE, named=ax is axes[0], numbers=False, every=True)
            ax.set_title(name, loc="left", pad=16)
        figure.legend(handles=dots.keys(frame), loc="outside upper right", ncols=2)
    return figure


def _reach(frame: pd.DataFrame) -> tuple[float, float]:
    """Give the ends of an axis on which every interval and every initialisation lies."""
    groups = frame.groupby(["regime", "series", "level"])["error_rise"]
    ends = [end for _, values in groups for end in (*student(list(values)), *values)]
    margin = 0.04 * (max(ends) - min(ends))
    return min(ends) - margin, max(ends) + margin
