"""The algorithm of distilled pruning, drawn (2503.17905 Fig. 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..common.style import COLOURS, FAINT, INK, POINTS, canvas, describe, lighter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REAL, SMALL, NETWORK = COLOURS["imp"], COLOURS["distilled"], COLOURS["dense"]


def fig1(ipc: int = 10, fraction: float = 0.2, levels: int = 9) -> Figure:
    """Draw the algorithm: distil once; train, prune and rewind in a loop; train the ticket on real data.

    Args:
        ipc: Stored images per class.
        fraction: Share of the surviving weights a round removes.
        levels: Rounds of pruning.
    """
    with canvas(3.0, "") as figure:
        ax = figure.subplots()
        ax.set(xlim=(0, 92), ylim=(0, 36))
        ax.axis("off")
        ax.add_patch(_round(25.5, 3.0, 39, 30, lighter(SMALL, 0.9), lighter(SMALL, 0.5), dashed=True))
        ax.text(45, 30.6, f"inner loop, {levels} rounds", ha="center", va="center", fontsize=9.5, color=SMALL)
        box(ax, 2, 21.5, 18, 8.5, "Real data", "all training images", REAL)
        box(ax, 2, 6.5, 18, 8.5, "Distilled data", f"{ipc} images per class", SMALL)
        box(ax, 28, 18.5, 15, 8.5, "Train", "on distilled data", SMALL)
        box(ax, 47, 18.5, 15, 8.5, "Prune", f"smallest {100 * fraction:g} % go", NETWORK)
        box(ax, 37.5, 5.5, 15, 8.5, "Rewind", "the rest to initialisation", NETWORK)
        box(ax, 70, 18.5, 18, 8.5, "Ticket", "initialisation × mask", NETWORK)
        box(ax, 70, 5.5, 18, 8.5, "Train", "on real data, once", REAL)
        arrow(ax, (11, 21.5), (11, 15), "distil once")
        arrow(ax, (20, 11.5), (28, 20.5))
        arrow(ax, (43, 22.75), (47, 22.75))
        arrow(ax, (55.5, 18.5), (51, 14))
        arrow(ax, (39, 14), (34.5, 18.5))
        arrow(ax, (62, 22.75), (70, 22.75))
        arrow(ax, (79, 18.5), (79, 14))
        ax.plot([11, 11, 90.5, 90.5], [30, 34.8, 34.8, 9.75], color=INK, linewidth=1.4)
        arrow(ax, (90.5, 9.75), (88, 9.75))
        describe(
            figure,
            "Diagram. Real data are distilled once; a loop trains on the distilled data, prunes the smallest weights",
            "and rewinds the rest; the resulting ticket is trained once on real data.",
        )
    return figure


def _round(x: float, y: float, width: float, height: float, face: str, edge: str, dashed: bool = False) -> Any:
    """Make a rounded rectangle."""
    from matplotlib.patches import FancyBboxPatch

    return FancyBboxPatch(
        (x, y),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=1.4",
        facecolor=face,
        edgecolor=edge,
        linewidth=1.3,
        linestyle="--" if dashed else "-",
    )


def box(ax: Any, x: float, y: float, width: float, height: float, title: str, text: str, colour: str) -> None:
    """Draw a step: its name, and what it does in a few words."""
    ax.add_patch(_round(x, y, width, height, lighter(colour, 0.82), colour))
    ax.text(x + width / 2, y + 0.64 * height, title, ha="center", va="center", fontsize=9.5, weight="bold", color=INK)
    ax.text(x + width / 2, y + 0.27 * height, text, ha="center", va="center", fontsize=POINTS, color=INK)


def arrow(ax: Any, start: tuple[float, float], end: tuple[float, float], text: str = "") -> None:
    """Draw an arrow, with a word beside it."""
    ax.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.4, "shrinkA": 2, "shrinkB": 2}
    )
    if text:
        ax.text((start[0] + end[0]) / 2 + 1, (start[1] + end[1]) / 2, text, va="center", fontsize=POINTS, color=FAINT)
