"""Loss on planes through retrained networks (2503.17905 Fig. 5)."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common import names
from ..common.series import with_series
from ..common.style import INK, NARROW, POINTS, WIDTH, canvas, counted, describe, empty, settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SIDE = 2.0
STEP, HIGHEST = 0.05, 0.5  # nats over the networks: between contour lines, and where the colours end
TICKS = (0, 1)
LETTERS, LETTERS_AN_INCH = "abc", 11


def planes(frame: pd.DataFrame, basins: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw how far the loss lies above that of the three networks of a plane: a row for each initialisation.

    Every plane has the same scale of colours, and contour lines every :data:`STEP` nats, so that a barrier of a tenth
    of a nat shows.

    Args:
        frame: As :func:`..analyses.plane_frame` gives it.
        basins: As :func:`..analyses.basins_frame` gives it; names the networks' places and the number of basins.
        stamp: Scale, for the foot.
        width: In inches; on a phone's, the first initialisation alone is drawn.
    """
    import seaborn as sns

    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    first = frame[frame["orders"] == frame.groupby("key")["orders"].transform("min")]
    found = basins.set_index("key")
    columns = list(dict.fromkeys(zip(first["series"], first["level"], strict=True)))
    wide = width > NARROW
    rows = [(place, init) for place in settings(first) for init in sorted(set(first["init"]))[: None if wide else 1]]
    down, across = (len(rows), len(columns)) if wide else (len(rows) * len(columns), 1)
    side = min(SIDE, (width - 0.6) / across)
    with canvas(1.3 + (side + 0.2) * down, f"{stamp} · {counted(frame)}", width) as figure:
        axes = figure.subplots(down, across, squeeze=False)
        mesh: Any = None
        for ax, (row, column) in zip(axes.flatten(), itertools.product(rows, columns), strict=True):
            place, init = row
            here = first[(first["init"] == init) & (first["series"] == column[0]) & (first["level"] == column[1])]
            here = here[(here["dataset"] == place[0]) & (here["model"] == place[1])]
            here = here[here["key"] == here["key"].iloc[0]] if len(here) else here
            if here.empty:
                ax.set_axis_off()
                continue
            at = found.loc[here["key"].iloc[0]]
            mesh = surface(ax, here, at["coordinates"], sns.color_palette("mako_r", as_cmap=True))
            networks(ax, at["coordinates"])
            named = not wide or row[1] == rows[0][1]
            ax.set_title(title(here, int(at["basins"]), named, int(side * LETTERS_AN_INCH)))
            if column == columns[0] and len(settings(first)) > 1:
                ax.set_ylabel(names.place(place))
        bar = figure.colorbar(mesh, ax=list(axes.flatten()), location="bottom", shrink=0.6, aspect=40, extend="max")
        bar.set_label("training loss above the networks' (nats)")
        describe(figure, *_seen(basins, palette))
    return figure


def _seen(basins: pd.DataFrame, palette: dict[str, str]) -> list[str]:
    """Say how many basins the planes of each way to find masks have."""
    named = with_series(basins)[0]
    parts = []
    for name in palette:
        counts = named[named["series"] == name].groupby("init")["basins"].max()
        parts.append(f"{name}: {', '.join(str(int(count)) for count in counts)}")
    return [
        "Heat maps with contour lines: the loss on the plane through three trainings of one subnetwork.",
        f"Basins on the planes of each initialisation: {'; '.join(parts)}.",
    ]


def title(frame: pd.DataFrame, basins: int, named: bool, room: int) -> str:
    """Say how many basins a plane has; above them name its series and sparsity, on lines with room for so much."""
    row = frame.iloc[0]
    count = f"{basins} basin{'' if basins == 1 else 's'}"
    if not named:
        return count
    share = f", {percent(float(row['sparsity']))}" if row["level"] else ""
    return f"{textwrap.fill(row['series'] + share, room)}\n{count}"


def surface(ax: Any, frame: pd.DataFrame, coordinates: Any, colours: Any) -> Any:
    """Draw a plane's loss over that of its networks as colour and contour lines."""
    import numpy as np

    grid = frame.pivot_table(index="y", columns="x", values="loss")
    grid = grid - _floor(grid, coordinates)
    look: dict[str, Any] = {"vmin": 0, "vmax": HIGHEST, "cmap": colours, "shading": "gouraud", "rasterized": True}
    mesh = ax.pcolormesh(grid.columns, grid.index, grid.clip(lower=0), **look)
    levels = np.arange(-4, round(HIGHEST / STEP) + 1) * STEP
    ax.contour(grid.columns, grid.index, grid, levels=levels, colors=INK, linewidths=0.5, alpha=0.7)
    ends = {"xlim": (grid.columns[0], grid.columns[-1]), "ylim": (grid.index[0], grid.index[-1])}
    ax.set(aspect="equal", xticks=TICKS, yticks=TICKS, **ends)
    ax.grid(visible=False)
    return mesh


def _floor(grid: pd.DataFrame, coordinates: Any) -> float:
    """Mean loss at the networks, read at the nearest points of the grid."""
    import numpy as np

    xs, ys = np.asarray(grid.columns, float), np.asarray(grid.index, float)
    values = grid.to_numpy()
    at = [values[np.abs(ys - y).argmin(), np.abs(xs - x).argmin()] for x, y in coordinates]
    return float(np.mean(at))


def networks(ax: Any, coordinates: Any) -> None:
    """Mark where the networks lie."""
    for letter, (x, y) in zip(LETTERS, coordinates, strict=False):
        ax.plot([x], [y], "o", color="white", markeredgecolor=INK, markersize=6, zorder=5)
        ax.annotate(
            letter,
            (x, y),
            (0, 6),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=POINTS,
            color=INK,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
            zorder=6,
        )
