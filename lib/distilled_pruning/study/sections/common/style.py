"""How figures look: one style, the stamp at the foot, panels for each network, legends, what is said to the blind."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .grouping import Place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FAINT = "#2b2b2b", "#6e6e6e"
POINTS = 9  # the smallest text: 12 pixels at the width of a page
WIDTH, NARROW = 7.2, 3.7  # inches: the width of a page of the book and of a phone, so that nothing is scaled down
PLATE = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}  # behind a name
MARKERS = ("o", "s", "^", "D", "v", "P")
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
        _draw_literally(figure)


def _draw_literally(figure: Figure) -> None:
    """Draw names with a ``$`` as they are; only the powers of ten along a logarithmic axis are mathematics."""
    from matplotlib.text import Text
    from matplotlib.ticker import LogFormatter

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        for minor, formatter in enumerate((axis.get_major_formatter(), axis.get_minor_formatter())):
            for label in axis.get_ticklabels(minor=bool(minor)) if isinstance(formatter, LogFormatter) else ():
                label.set_parse_math(True)


def empty(stamp: str) -> Figure:
    """Draw the figure that says there is nothing to draw yet."""
    with canvas(1.6, stamp) as figure:
        figure.text(0.5, 0.6, "Nothing has been computed yet for these parameters.", ha="center", fontsize=10)
    return figure


def describe(figure: Figure, *sentences: str) -> None:
    """Say what is seen in a figure, for those who do not see it."""
    figure.set_label(" ".join(sentence for sentence in sentences if sentence))


def grid(
    figure: Figure, places: Sequence[Place], across: int, down: int = 1, **look: Any
) -> list[tuple[Sequence[Any], Place]]:
    """Set up panels: for each place rows of its own, given in reading order beside it."""
    axes = figure.subplots(down * len(places), across, squeeze=False, **look)
    return list(zip(axes.reshape(len(places), -1), places, strict=True))


def fold(across: int, width: float) -> tuple[int, int]:
    """Give columns and rows of panels that stand side by side: on a phone's width they stand below each other."""
    return (across, 1) if width > NARROW else (1, across)


def entry(name: str, colour: Any, **look: Any) -> Any:
    """Make an entry of a legend, a line unless ``look`` says otherwise."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, label=name, **look)


def legend(figure: Figure, most: int = 4, entries: Sequence[Any] = (), axes: Sequence[Any] = ()) -> None:
    """Set a legend above a figure, in fewer columns where the names would reach over its edge.

    Args:
        figure: The figure.
        most: Columns at the most.
        entries: What is named; by default what any of the axes shows, each name once.
        axes: By default all of the figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    shown: dict[str, Any] = {}
    for ax in axes or figure.axes:
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            shown.setdefault(name, handle)
    handles = list(entries) or list(shown.values())
    renderer = FigureCanvasAgg(figure).get_renderer()
    for columns in range(min(most, len(handles)), 0, -1):
        found = figure.legend(handles=handles, loc="outside upper center", ncols=columns)
        if columns == 1 or found.get_window_extent(renderer).width <= figure.bbox.width:
            return
        found.remove()
