"""What figures and tables call networks, datasets and series, and the colour of each series."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from ....data.catalog import entitle
from ...display import percent
from ...jobs.ways import WAYS, label
from .tickets import EQUAL

if TYPE_CHECKING:
    import pandas as pd

_NETWORKS = {
    "convnet3": "ConvNet-3",
    "convnet4": "ConvNet-4",
    "resnet10": "ResNet-10",
    "resnet18": "ResNet-18",
    "resnet20": "ResNet-20",
    "alexnet": "AlexNet",
    "vgg11": "VGG-11",
}
_MAKERS = {"MTT": {"mtt", "tm"}, "IDC": {"idc"}, "DC": {"dc", "res"}, "DSA": {"dsa"}, "DM": {"dm"}}
CONTRAST = 3.0  # of marks and lines to the white page (WCAG 2.2, 1.4.11)
_DARKER, _DARKEST, _PALE = 0.4, 0.75, 0.02
DISTINCT = ("#009e73", "#7b3294", "#a6761d", "#c51b7d", "#2f8a82", "#5f5f5f", "#7f7f7f")  # where shades are too many


def network(name: str) -> str:
    """Name a network as the papers do; one of the user's goes by its own name."""
    return _NETWORKS.get(name, name)


def published(file: str) -> str:
    """Name a published set by how it was made, as far as its file's name says; else by that name."""
    name = PurePath(file).stem
    words = name.lower().replace("-", "_").split("_")
    return next((made for made, signs in _MAKERS.items() if not signs.isdisjoint(words)), name)


def place(of: tuple[object, object]) -> str:
    """Name a dataset and a network, as the heading of a row of panels."""
    return f"{network(str(of[1]))}, {entitle(str(of[0]))}"


def enumerate_values(values: pd.Series, form: str = "{:.1f}", apart: str = "; ") -> str:
    """Name each value of a series by its index, as a figure's description does."""
    return apart.join(f"{name} {form.format(value)}" for name, value in values.items())


class _Variant(NamedTuple):
    """What tells one series of a way from another; a frame that lacks a column has its default."""

    method: str
    rewind: int = 0
    ipc: int = 0
    made_for: str = ""
    setting: str = ""
    rate: float = 0.0


def with_series(frame: pd.DataFrame, brief: bool = False) -> tuple[pd.DataFrame, dict[str, str]]:
    """Add the column ``series``: the way, and what tells it from the frame's other series of the same way.

    Args:
        frame: Rows with ``method``, and whatever else tells them apart: ``rewind``, ``ipc``, ``made_for``, ``setting``
            and ``rate``.
        brief: Name a rate by its number alone, where there is little room.

    Returns:
        The frame, and series to colour in the order of :data:`.ways.WAYS`, whatever that of the rows. Among the series
        of one way, weights that are never rewound, larger sets and a rate equal to the retraining's come first, and
        the first has the way's own colour.
    """
    if frame.empty:
        return frame, {}
    defaults = _Variant._field_defaults
    columns = [frame[name] if name in frame else [defaults[name]] * len(frame) for name in _Variant._fields]
    rows = [_Variant(*row) for row in zip(*columns, strict=True)]
    variants: dict[str, list[_Variant]] = {}
    for row in sorted(dict.fromkeys(rows), key=_rank):
        variants.setdefault(row.method, []).append(row)
    palette: dict[str, str] = {}
    named: dict[_Variant, str] = {}
    for method, members in variants.items():
        first = percent(float(frame.loc[frame["method"] == method, "sparsity"].min())) if WAYS[method].after else ""
        titles = {row: _name(row, members, brief, first) for row in members}
        named |= titles
        distinct = list(dict.fromkeys(titles.values()))
        palette |= dict(zip(distinct, shades(WAYS[method].colour, len(distinct)), strict=True))
    return frame.assign(series=[named[row] for row in rows]), palette


def _rank(row: _Variant) -> tuple[Any, ...]:
    """Give the place of a series; equal ones stay in the order of the rows."""
    return list(WAYS).index(row.method), row.rewind, -row.ipc, row.setting not in (EQUAL, "")


def _name(row: _Variant, members: list[_Variant], brief: bool, first: str) -> str:
    """Name a series by its way, by the first sparsity of one that goes on after another, and by what differs."""
    way = WAYS[row.method]
    name = f"{label(way.after)} to {first}, then IMP" if way.after else way.label
    if row.rewind:
        name += f" from epoch {row.rewind}"
    if row.ipc:
        name += f", {row.ipc} image{'s' if row.ipc > 1 else ''} per class"
    if len({member.made_for for member in members}) > 1:
        name += f", made for {row.made_for}"
    rates = {member.rate for member in members}
    if len(rates) > 1 and brief:
        return f"{name}, {row.rate:g}"
    if len(rates) > 1:
        alike = {member.rate for member in members if member.setting == row.setting}
        name += f", {row.setting or 'rate'}" + (f" ({row.rate:g})" if len(alike) > 1 else "")
    return name


def shades(colour: str, several: int) -> list[str]:
    """List colours for the series of one way: its own, a darker and a lighter one; distinct ones if there are more."""
    own = [colour, mix(colour, "#000000", _DARKER), _lighten(colour)]
    if several <= len(own):
        return own[:several]
    others = [other for other in DISTINCT if other != colour]
    return [colour, *(others[n % len(others)] for n in range(several - 1))]


def _lighten(colour: str) -> str:
    """Lighten a colour as far as its contrast to white allows; darken one that is too pale for that."""
    steps = (mix(colour, "#ffffff", _PALE * n) for n in range(int(1 / _PALE)))
    allowed = [shade for shade in steps if contrast(shade) >= CONTRAST]
    return allowed[-1] if len(allowed) > 1 / _PALE / 10 else mix(colour, "#000000", _DARKEST)


def mix(colour: str, other: str, by: float) -> str:
    """Mix a colour with a share of another."""
    parts = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(own * (1 - by) + added * by):02x}" for own, added in parts)


def contrast(colour: str) -> float:
    """Give a colour's contrast ratio to white, from 1 to 21 (WCAG 2.2)."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
