"""Loss on planes through retrained networks (2503.17905 Fig. 5)."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common.grouping import by_place, count_inits
from ..common.naming import with_series
from ..common.style import INK, NARROW, POINTS, WIDTH, canvas, describe, empty

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_SIDE = 2.0
_STEP, _HIGHEST = 0.05, 0.5  # nats over the networks: between contour lines, and where the colours end
_TICKS = (0, 1)
_LETTERS, _LETTERS_AN_INCH = "abc", 11


def planes(frame: pd.DataFrame, basins: pd.DataFrame, stamp: str = "", width: float = WIDTH) -> Figure:
    """Draw how far the loss lies above that of the three networks of a plane: a row for each initialisation.

    Every plane has the same scale of colours, and contour lines every :data:`_STEP` nats, so that a barrier of a tenth
    of a nat shows. On a phone's width the first initialisation alone is drawn.
    """
    import seaborn as sns

    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    first = frame[frame["orders"] == frame.groupby("key")["orders"].transform("min")]
    found = basins.set_index("key")
    columns = list(dict.fromkeys(zip(first["series"], first["level"], strict=True)))
    wide, places = width > NARROW, by_place(first)
    inits = sorted(set(first["init"]))[: None if wide else 1]
    rows = [(place, init) for place in places for init in inits]
    down, across = (len(rows), len(columns)) if wide else (len(rows) * len(columns), 1)
    side = min(_SIDE, (width - 0.6) / across)
    with canvas(1.3 + (side + 0.2) * down, f"{stamp} · {count_inits(frame)}", width) as figure:
        axes = figure.subplots(down, across, squeeze=False).flatten()
        mesh: Any = None
        for ax, ((place, init), column) in zip(axes, itertools.product(rows, columns), strict=True):
            here = place.rows[(place.rows["init"] == init) & (place.rows["series"] == column[0])]
            here = here[here["level"] == column[1]]
            if here.empty:
                ax.set_axis_off()
                continue
            here = here[here["key"] == here["key"].iloc[0]]
            at = found.loc[here["key"].iloc[0]]
            mesh = _draw_surface(ax, here, at["coordinates"], sns.color_palette("mako_r", as_cmap=True))
            _mark_networks(ax, at["coordinates"])
            ax.set_title(_title(here, int(at["basins"]), not wide or init == inits[0], int(side * _LETTERS_AN_INCH)))
            if column == columns[0] and place.heading:
                ax.set_ylabel(place.heading)
        bar = figure.colorbar(mesh, ax=list(axes), location="bottom", shrink=0.6, aspect=40, extend="max")
        bar.set_label("training loss above the networks' (nats)")
        counts = with_series(basins)[0].groupby(["series", "init"])["basins"].max().astype(int).astype(str)
        parts = [f"{name}: {', '.join(counts[name])}" for name in palette]
        describe(
            figure,
            "Heat maps with contour lines: the loss on the plane through three trainings of one subnetwork.",
            f"Basins on the planes of each initialisation: {'; '.join(parts)}.",
        )
    return figure


def _title(frame: pd.DataFrame, basins: int, named: bool, room: int) -> str:
    """Say how many basins a plane has; above them name its series and sparsity, on lines with room for so much."""
    row = frame.iloc[0]
    count = f"{basins} basin{'' if basins == 1 else 's'}"
    if not named:
        return count
    share = f", {percent(float(row['sparsity']))}" if row["level"] else ""
    return f"{textwrap.fill(row['series'] + share, room)}\n{count}"


def _draw_surface(ax: Any, frame: pd.DataFrame, coordinates: Any, colours: Any) -> Any:
    """Draw a plane's loss over that of its networks as colour and contour lines."""
    import numpy as np

    grid = frame.pivot_table(index="y", columns="x", values="loss")
    grid = grid - _floor(grid, coordinates)
    look: dict[str, Any] = {"vmin": 0, "vmax": _HIGHEST, "cmap": colours, "shading": "gouraud", "rasterized": True}
    mesh = ax.pcolormesh(grid.columns, grid.index, grid.clip(lower=0), **look)
    levels = np.arange(-4, round(_HIGHEST / _STEP) + 1) * _STEP
    ax.contour(grid.columns, grid.index, grid, levels=levels, colors=INK, linewidths=0.5, alpha=0.7)
    ends = {"xlim": (grid.columns[0], grid.columns[-1]), "ylim": (grid.index[0], grid.index[-1])}
    ax.set(aspect="equal", xticks=_TICKS, yticks=_TICKS, **ends)
    ax.grid(visible=False)
    return mesh


def _floor(grid: pd.DataFrame, coordinates: Any) -> float:
    """Mean loss at the networks, read at the nearest points of the grid."""
    import numpy as np

    xs, ys = np.asarray(grid.columns, float), np.asarray(grid.index, float)
    values = grid.to_numpy()
    return float(np.mean([values[np.abs(ys - y).argmin(), np.abs(xs - x).argmin()] for x, y in coordinates]))


def _mark_networks(ax: Any, coordinates: Any) -> None:
    """Mark where the networks lie."""
    for letter, (x, y) in zip(_LETTERS, coordinates, strict=False):
        ax.plot([x], [y], "o", color="white", markeredgecolor=INK, markersize=6, zorder=5)
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
        look = {"textcoords": "offset points", "ha": "center", "va": "bottom", "fontsize": POINTS, "color": INK}
        ax.annotate(letter, (x, y), (0, 6), bbox=box, zorder=6, **look)
