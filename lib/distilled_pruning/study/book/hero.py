"""The picture on the welcome page: how stable each kind of subnetwork is, from the best recorded results."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.catalog import entitle
from ..jobs.ways import colour
from ..judging.units import MINUS
from ..judging.verdicts import INSTABILITY_THRESHOLD, interval
from ..results.recorded import Record, Recorded
from ..sections.common import comparison, naming
from ..sections.common.dots import mark
from ..sections.common.grouping import init_means
from ..sections.common.style import FAINT, INK, PLATE, RC
from ..sections.common.tickets import EQUAL, GENTLE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE = "barriers"
LEVEL = 9
POINTS = 100.0
ROWS = (
    ("dense", "", "Dense network"),
    ("imp", EQUAL, "IMP: full training each round"),
    ("random-real", EQUAL, "{images} random real images"),
    ("distilled", EQUAL, "{images} distilled images (DM): the papers’ rate"),
    ("distilled", GENTLE, "the same at a third of the rate"),
    ("published", EQUAL, "a published distilled set"),
    ("real-short", EQUAL, "all real images, as few steps: our control"),
)
BAND, EDGE = "#e8f5f2", "#00664f"


@dataclass(frozen=True)
class Dot:
    """One row of the picture, in points of the error rate.

    Attributes:
        name: What was pruned on.
        method: Way the masks were found, which has a colour.
        rises: Rise of the error halfway between two retrainings, one for each initialisation.
    """

    name: str
    method: str
    rises: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over initialisations."""
        return sum(self.rises) / len(self.rises)

    @property
    def bounds(self) -> tuple[float, float]:
        """95 % interval of the mean, the mean itself where there is but one initialisation."""
        return interval(self.rises) or (self.mean, self.mean)

    @property
    def text(self) -> str:
        """Mean and interval in words."""
        low, high = self.bounds
        return f"{self.mean:.1f} [{low:.1f}, {high:.1f}]".replace("-", MINUS)


@dataclass(frozen=True)
class Hero:
    """What the picture shows.

    Attributes:
        dots: Its rows, dense first.
        record: The recording they come from.
        sparsity: Of the pruned networks.
    """

    dots: tuple[Dot, ...]
    record: Record
    sparsity: float

    @property
    def alt(self) -> str:
        """Say what is seen."""
        rows = "; ".join(f"{dot.name}: {dot.text}" for dot in self.dots)
        return f"Rise of the error halfway between two trainings, in points; below 2 is stable. {rows}."

    @property
    def about(self) -> str:
        """Name network and data."""
        of = comparison.PAPERS
        return f"{naming.network(of['model'])} on {entitle(of['dataset'])}"

    @property
    def counts(self) -> str:
        """Say on how many initialisations the rows rest."""
        usual = max(len(dot.rises) for dot in self.dots)
        other = [f"{len(dot.rises)} for {_short(dot.name)}" for dot in self.dots if len(dot.rises) != usual]
        return "; ".join([f"n = {usual} initialisations", *other])


def find(root: Path) -> Hero | None:
    """Read what the picture shows from the largest recording of ConvNet-3 on CIFAR-10, ``None`` where there is none.

    Args:
        root: Folder of recorded results.

    Raises:
        InputError: What is recorded cannot be read.
    """
    found = comparison.find_recorded(FIGURE, root, **comparison.PAPERS)
    if found is None:
        return None
    scale, frame = found
    record = next(
        record
        for record, part in Recorded(root).parts(FIGURE, scale)
        if all(value in set(part[name]) for name, value in comparison.PAPERS.items())
    )
    words = {"images": 10 * record.parameters["ipc"]}
    dots = []
    for method, setting, name in ROWS:
        rises = _rises(frame, method, setting)
        if rises:
            dots.append(Dot(name.format(**words), method, rises))
    sparse = frame[frame["level"] == LEVEL]["sparsity"]
    return Hero(tuple(dots), record, float(sparse.iloc[0])) if dots and len(sparse) else None


def _rises(frame: pd.DataFrame, method: str, setting: str) -> tuple[float, ...]:
    level = 0 if method == "dense" else LEVEL
    rows = frame[(frame["method"] == method) & (frame["setting"] == setting) & (frame["level"] == level)]
    rows = rows[~rows["collapsed"].astype(bool)]
    return tuple(POINTS * rise for rise in init_means(rows, "error_rise"))


@contextmanager
def house_style(more: dict[str, Any]) -> Iterator[None]:
    """Draw in the house style, whatever the reader's own ``matplotlibrc`` asks for."""
    import matplotlib as mpl

    rc: dict[Any, Any] = {**RC, **more}
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(rc)
        yield


def draw(dots: Sequence[Dot], narrow: bool = False) -> Figure:
    """Draw a dot for each row with its interval and every initialisation.

    Args:
        dots: The rows, the first on top.
        narrow: For a phone: names stand above their rows instead of beside them.
    """
    from matplotlib.figure import Figure

    height = (0.6 if narrow else 0.38) * len(dots) + 0.75
    with house_style({"font.size": 10, "xtick.labelsize": 10}):
        figure = Figure(figsize=(3.7 if narrow else 7.4, height), dpi=144)
        ax = figure.add_axes((0.03, 0.55 / height, 0.94, 1 - 0.6 / height) if narrow else _beside(height))
        low = min(0.0, *(dot.bounds[0] for dot in dots)) - 2
        high = max(max(*dot.bounds, *dot.rises) for dot in dots) + 1.5
        edge = POINTS * INSTABILITY_THRESHOLD
        ax.set_xlim(low, high)
        ax.set_ylim(len(dots) - 0.45, -1.05 if narrow else -0.85)
        ax.axvspan(low, edge, color=BAND, lw=0)
        ax.axvline(edge, color=INK, lw=1, ls=":", zorder=1)
        top = -0.85 if narrow else -0.6
        ax.text(edge - 0.3, top, "stable", ha="right", va="center", color=EDGE, weight="bold")
        ax.text(edge + 0.3, top, "unstable", ha="left", va="center", color=INK)
        for place, dot in enumerate(dots):
            _row(ax, place, dot, narrow)
        ax.set_xlabel(
            f"{'error rise' if narrow else 'rise of the error'} halfway between two trainings (points)", fontsize=9.5
        )
        ax.set_yticks([])
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        for side in ("left", "right", "top"):
            ax.spines[side].set_visible(False)
    return figure


def _beside(height: float) -> tuple[float, float, float, float]:
    """Give the box of the wide drawing, which leaves room for names at its left and numbers at its right."""
    return (0.42, 0.55 / height, 0.4, 1 - 0.6 / height)


def _row(ax: Axes, place: int, dot: Dot, narrow: bool) -> None:
    """Draw one row: interval, every initialisation, mean, name and numbers."""
    each = {"marker": "o", "markersize": 4, "alpha": 0.45, "markeredgewidth": 0}
    mean = {"markersize": 9, "markeredgecolor": "white", "markeredgewidth": 0.8}
    bar = {"linewidth": 3, "solid_capstyle": "butt"}
    mark(ax, place, dot.rises, colour(dot.method), bar=bar, each=each, mean=mean)
    across = ax.get_yaxis_transform()
    if narrow:
        for x, side, text in ((0.99, "right", dot.text), (0.01, "left", _short(dot.name))):
            above = ax.text(x, place - 0.4, text, transform=across, ha=side, va="center", fontsize=9.5, color=INK)
            above.set(bbox=PLATE, zorder=1.5)
    else:
        ax.text(-0.02, place, dot.name, transform=across, ha="right", va="center", color=INK)
        ax.text(1.02, place, dot.text, transform=across, ha="left", va="center", color=FAINT)


def _short(name: str) -> str:
    """Give a name without what explains it."""
    return name.split(":")[0].split(",")[0]


def svg(figure: Figure) -> bytes:
    """Write a figure as SVG; the same figure always gives the same bytes."""
    buffer = io.BytesIO()
    with house_style({}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def files(found: Hero) -> dict[str, bytes]:
    """Draw both pictures: file name to content."""
    return {"hero.svg": svg(draw(found.dots)), "hero-narrow.svg": svg(draw(found.dots, narrow=True))}
