"""How stability changes with scale: every recorded regime a panel, with all ways to find masks tried in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..judging.verdicts import INSTABILITY_THRESHOLD
from ..results.recorded import Record, Recorded
from ..sections.common.style import COLOURS, FAINT, INK, NAMES, canvas, empty, student
from .steps import POINT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.21  # inches
MODELS = {"convnet3": "ConvNet-3", "resnet10": "ResNet-10", "resnet18": "ResNet-18", "alexnet": "AlexNet"}


def read_regimes(recorded: Recorded) -> pd.DataFrame:
    """Gather all recorded lines between retrainings.

    Returns:
        One row for each way, level and initialisation of a regime: ``regime`` (dataset, network, width, epochs, rate
        and colour space, a line each), ``way`` (with its inner steps and rate where a regime has several),
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
        frame = frame.assign(regime=_name_regime(record), way=ways, error_rise=frame["error_rise"] / POINT)
        found.append(frame)
    if not found:
        return pd.DataFrame()
    by = ["regime", "way", "method", "level", "sparsity", "init"]
    return pd.concat(found, ignore_index=True).groupby(by, as_index=False, sort=False)[["error_rise"]].mean()


def _name_regime(record: Record) -> str:
    given = record.parameters
    space = ", whitened" if given.get("whitened") else ""
    network = f"{MODELS.get(given['model'], given['model'])}, width {given['width']}"
    return f"{given['dataset']}{space}\n{network}\n{given['epochs']} epochs at {given['learning_rate']:g}"


def _name_way(record: Record, row: Mapping[Any, Any], usual: int | None) -> str:
    given, method = record.parameters, row["method"]
    name = NAMES[method]
    if method in ("dense", "imp"):
        return name
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
    return f"{name} ({', '.join(notes)})" if notes else name


def draw_scale(frame: pd.DataFrame, stamp: str) -> Figure:
    """Draw the rise of the error rate halfway between two retrainings in every regime.

    Args:
        frame: What :func:`read_regimes` gives.
        stamp: Scale and numbers of initialisations, for the foot.
    """
    if frame.empty:
        return empty(stamp)
    order = list(NAMES)
    regimes = list(frame.groupby("regime")["way"].nunique().sort_values(ascending=False, kind="stable").index)
    ways = sorted(dict.fromkeys(zip(frame["way"], frame["method"], strict=True)), key=lambda way: order.index(way[1]))
    with canvas(ROW * len(ways) + 1.5, stamp) as figure:
        axes = figure.subplots(1, len(regimes), squeeze=False, sharex=True, sharey=True)[0]
        for ax, name in zip(axes, regimes, strict=True):
            _draw_regime(ax, frame[frame["regime"] == name], ways)
            ax.set_title(name, loc="left", fontsize=9)
            ax.set_xlabel("rise halfway (points)")
        axes[0].set_yticks(range(len(ways)), [name for name, _ in ways])
        axes[0].set_ylim(len(ways) - 0.5, -0.5)
        for fill, label in (("white", "lower sparsity (59 %; dense 0 %)"), (INK, "higher sparsity (87 %)")):
            axes[0].plot([], [], "o", color=INK, mfc=fill, label=label)
        figure.legend(loc="outside upper right", ncols=2, fontsize=9)
    return figure


def _draw_regime(ax: Axes, frame: pd.DataFrame, ways: Sequence[tuple[str, str]]) -> None:
    """Draw one regime: a row for each way, open dots at the lower sparsity, full ones at the higher."""
    last = max(frame["level"])
    for y, (name, method) in enumerate(ways):
        for level, rows in frame[frame["way"] == name].groupby("level"):
            shift = 0.0 if not level else 0.16 if level == last else -0.16
            fill, values = COLOURS[method] if level == last else "white", list(rows["error_rise"])
            ax.plot(student(values), [y + shift] * 2, color=COLOURS[method], lw=1.4, solid_capstyle="butt")
            ax.plot(sum(values) / len(values), y + shift, "o", ms=5, color=COLOURS[method], mfc=fill, mew=1.3)
    ax.axvline(100 * INSTABILITY_THRESHOLD, color=FAINT, lw=1, ls=(0, (4, 3)))
    ax.grid(visible=False, axis="y")
