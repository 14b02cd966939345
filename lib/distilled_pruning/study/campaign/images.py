"""How stable subnetworks are over the number of images that the short loop saw that found their masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..jobs.ways import colour
from ..judging.units import number
from ..sections.common.dots import THRESHOLD
from ..sections.common.grouping import count_inits
from ..sections.common.lines import draw_means, set_ticks
from ..sections.common.style import INK, WIDTH, canvas, describe, empty, fold, legend
from .steps import LEVELS, MAIN, POINT, RATE, Cells

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Source(NamedTuple):
    """Images of a short loop: how many, and which preset and way of *Stability* trained on them."""

    images: int
    preset: str
    method: str


REAL, DM, IDC = "Real images", "Distilled images (DM)", "Distilled images (IDC)"
SOURCES = {
    REAL: (
        Source(100, MAIN, "random-real"),
        Source(400, "reduced/real-400", "random-real"),
        Source(2_000, "reduced/real-2000", "random-real"),
        Source(10_000, "reduced/real-10000", "random-real"),
        Source(32_000, MAIN, "real-short"),  # 500 batches of 64, none twice
    ),
    DM: (Source(100, "reduced/own-sets", "distilled"),),
    IDC: (Source(400, "reduced/idc", "distilled"),),  # four images from each of 100 stored
}
_LOOKS = {REAL: ("real-short", "o"), DM: ("distilled", "s"), IDC: ("distilled", "D")}


def read_images(cells: Cells) -> pd.DataFrame:
    """Gather stability by number of images.

    Returns:
        One row for each source, level and initialisation that is recorded: ``series``, ``images``, ``level``, ``init``,
        ``error_rise`` (points) and ``barrier`` (nats), means over its lines.
    """
    import pandas as pd

    rows = []
    for series, sources in SOURCES.items():
        for images, preset, method in sources:
            for level in LEVELS:
                rises = cells.values(preset, method, level, rate=RATE)
                barriers = cells.values(preset, method, level, "barrier", rate=RATE)
                where = {"series": series, "images": images, "level": level}
                rows += [
                    {**where, "init": init, "error_rise": rise / POINT, "barrier": barriers[init]}
                    for init, rise in rises.items()
                ]
    return pd.DataFrame(rows)


def draw_images(frame: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw the rise of the error halfway between two retrainings over the number of images of the short loop.

    Args:
        frame: What :func:`read_images` gives.
        stamp: Scale, for the foot.
        width: In inches; on a phone's, levels stand below each other.
    """
    if frame.empty:
        return empty(stamp)
    across, down = fold(len(LEVELS), width)
    foot = f"{stamp} · {count_inits(frame, 'series', 'images', 'level')}"
    with canvas(1.0 + 2.6 * down, foot, width) as figure:
        panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flat
        said = ["Rise of the error halfway, in points, over the number of images on a logarithmic axis."]
        for ax, (level, share) in zip(panels, LEVELS.items(), strict=True):
            here = frame[frame["level"] == level]
            for series, part in here.groupby("series", sort=False):
                groups = dict(iter(part.groupby("images")["error_rise"]))
                way, marker = _LOOKS[str(series)]
                look = {"marker": marker, "markersize": 6, "label": series}
                draw_means(ax, groups, colour(way), look, bar=1.4)
                ax.plot(part["images"], part["error_rise"], ".", color=colour(way), markersize=4, alpha=0.55)
                means = ", ".join(f"{n:,}: {number(values.mean(), 1)}" for n, values in groups.items())
                said.append(f"{share} sparse, {series}: {means}.")
            ax.axhline(THRESHOLD, color=INK, linestyle=":", linewidth=1.2)
            ax.set(xscale="log", xlabel="images that the short loop sees", ylabel="error rise halfway (points)")
            ax.set_title(f"{share} sparse", loc="left")
            set_ticks(ax, sorted(set(frame["images"])))
            ax.label_outer()
        legend(figure, 3)
        describe(figure, *said)
    return figure
