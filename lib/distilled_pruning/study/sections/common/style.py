"""How figures look: colours that a colour-blind reader can tell apart, one style, the stamp at the foot."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...jobs import ways
from ...judging.verdicts import interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

INK, FAINT = "#2b2b2b", "#6e6e6e"
POINTS = 9  # the smallest text: 12 pixels at the width of a page
WIDTH, NARROW = 7.2, 3.7  # inches: the width of a page of the book and of a phone, so that nothing is scaled down
NAMES = {name: ways.label(name) for name in ways.names()}
COLOURS = {name: ways.colour(name) for name in ways.names()}
RC: dict[str, Any] = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": POINTS,
    "ytick.labelsize": POINTS,
    "legend.fontsize": POINTS,
    "legend.frameon": False,
    "grid.color": "#e3e3e3",
    "font.family": "DejaVu Sans",
    "svg.hashsalt": "distilled-pruning",
}


@contextmanager
def canvas(height: float, stamp: str, width: float = WIDTH) -> Iterator[Figure]:
    """Open a figure in the house style, without touching Matplotlib's global state.

    At its foot stand scale and number of initialisations alone; all parameters go into the metadata of the file.

    The reader's own ``matplotlibrc`` has no say: it may ask for TeX, or for colours that mean something else here.

    Args:
        height: In inches, the stamp included.
        stamp: Scale and number of initialisations, for the foot.
        width: In inches.
    """
    import matplotlib as mpl
    import seaborn as sns
    from matplotlib.figure import Figure

    rc: dict[Any, Any] = {**sns.axes_style("whitegrid"), **RC}
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(rc)
        figure = Figure(figsize=(width, height), dpi=144, layout="constrained")
        lines = textwrap.wrap(stamp, int(width * 72 / (POINTS * 0.56)))
        foot = (len(lines) * POINTS * 1.35 + 6) / 72 / height
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.set(rect=(0, foot, 1, 1 - foot))  # type: ignore[call-arg]
        figure.text(0.008, 0.006, "\n".join(lines), fontsize=POINTS, color=FAINT, va="bottom", linespacing=1.3)
        yield figure
        draw_literally(figure)


def draw_literally(figure: Figure) -> None:
    """Draw names with a ``$`` as they are; only the powers of ten along a logarithmic axis are mathematics."""
    from matplotlib.text import Text
    from matplotlib.ticker import LogFormatter

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        for minor, formatter in enumerate((axis.get_major_formatter(), axis.get_minor_formatter())):
            for label in axis.get_ticklabels(minor=bool(minor)) if isinstance(formatter, LogFormatter) else ():
                label.set_parse_math(True)


def student(values: Sequence[float]) -> tuple[float, float]:
    """Give the ends of an error bar: the ledger's interval, or the value itself where there is only one."""
    numbers = [float(value) for value in values]
    mean = sum(numbers) / len(numbers)
    return interval(numbers) or (mean, mean)


def describe(figure: Figure, *sentences: str) -> None:
    """Say what is seen in a figure, for those who do not see it."""
    figure.set_label(" ".join(sentence for sentence in sentences if sentence))


def lighter(colour: str, by: float) -> str:
    """Mix a colour with white, for areas; a series in it would be lost on the page."""
    mixed = (round(int(colour[i : i + 2], 16) * (1 - by) + 255 * by) for i in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def per_init(frame: pd.DataFrame, columns: Sequence[str], by: Sequence[str]) -> pd.DataFrame:
    """Average retrainings or lines of one initialisation: they share its mask, so they are no evidence of their own."""
    keys = ["dataset", "model", "series", "init", *by]
    return frame.groupby(keys, as_index=False, sort=False)[list(columns)].mean()


def spread(frame: pd.DataFrame) -> pd.DataFrame:
    """Move series that share a sparsity apart by a hair, so that their error bars can be told apart."""
    names = [name for name in dict.fromkeys(frame["series"]) if name != NAMES["dense"]]
    shift = {name: 0.9 * (i - (len(names) - 1) / 2) for i, name in enumerate(names)} | {NAMES["dense"]: 0.0}
    return frame.assign(sparsity=frame["sparsity"] + frame["series"].map(shift))


def settings(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """List the datasets and models of a frame in their order."""
    return list(dict.fromkeys(zip(frame["dataset"], frame["model"], strict=True)))


def counted(frame: pd.DataFrame, *apart: str) -> str:
    """Say how many initialisations stand behind a frame: from the fewest to the most of a network, method and rate.

    Args:
        frame: With ``init``.
        apart: Further columns that tell apart what is drawn.
    """
    by = [name for name in ("dataset", "model", "method", "rate", *apart) if name in frame]
    counts = frame.groupby(by)["init"].nunique() if by else [frame["init"].nunique()]
    least, most = int(min(counts)), int(max(counts))
    n = str(most) if least == most else f"{least} to {most}"
    return f"n = {n} initialisation{'s' if most > 1 else ''}"


def empty(stamp: str) -> Figure:
    """Draw the figure that says there is nothing to draw yet."""
    with canvas(1.6, stamp) as figure:
        figure.text(0.5, 0.6, "Nothing has been computed yet for these parameters.", ha="center", fontsize=10)
    return figure
