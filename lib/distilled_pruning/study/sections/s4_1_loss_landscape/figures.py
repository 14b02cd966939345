"""Loss on planes through retrained networks (2503.17905 Fig. 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common.series import with_series
from ..common.style import INK, POINTS, canvas, empty, settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SIDE = 3.4
FLOOR = 1e-3
STEPS = 6
TICKS = (-0.5, 0, 0.5, 1, 1.5)
LETTERS = "abc"


def planes(frame: pd.DataFrame, basins: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw the loss on the first plane of every ticket of the first initialisation, with its networks.

    Args:
        frame: As :func:`..analyses.plane_frame` gives it.
        basins: As :func:`..analyses.basins_frame` gives it; names the networks' places and the number of basins.
        stamp: Scale and parameters, for the foot.
    """
    import seaborn as sns
    from matplotlib.colors import LogNorm

    if frame.empty:
        return empty(stamp)
    frame, _ = with_series(frame)
    first = frame[(frame["init"] == frame["init"].min()) & (frame["orders"] == frame["orders"].min())]
    found = basins.set_index("key")
    keys = list(dict.fromkeys(first["key"]))
    several = len(settings(frame)) > 1
    across = 3 if len(keys) == 3 else min(2, len(keys))
    down = -(-len(keys) // across)
    losses = first["loss"][first["loss"] > 0]
    norm = LogNorm(max(FLOOR, float(losses.min())), float(losses.quantile(0.995)), clip=True)
    text = f"{stamp} · first of n = {frame['init'].nunique()} initialisations"
    side = SIDE * 2 / across
    with canvas(1.6 + (side + 0.2) * down, text.removesuffix("s") if frame["init"].nunique() == 1 else text) as figure:
        axes = figure.subplots(down, across, squeeze=False).flatten()
        for ax in axes[len(keys) :]:
            ax.set_axis_off()
        for place, (ax, key) in enumerate(zip(axes, keys, strict=False)):
            here = first[first["key"] == key]
            mesh = surface(ax, here, norm, sns.color_palette("mako", as_cmap=True))
            networks(ax, found.loc[key, "coordinates"])
            ax.set_title(title(here, int(found.loc[key, "basins"]), several))
            ax.set(xlabel="x" if place + across >= len(keys) else "", ylabel="" if place % across else "y")
        bar = figure.colorbar(mesh, ax=list(axes), location="bottom", shrink=0.6, aspect=40, extend="both")
        bar.set_label("training loss (nats), logarithmic")
    return figure


def title(frame: pd.DataFrame, basins: int, several: bool) -> str:
    """Name a plane: its series, sparsity and basins, and what it is a plane of where there are several."""
    row = frame.iloc[0]
    share = f", {percent(float(row['sparsity']))} sparse" if row["level"] else ""
    place = f"{row['model']} on {row['dataset']}\n" if several else ""
    return f"{place}{row['series']}\n{basins} basin{'s' * (basins != 1)}{share}"


def surface(ax: Any, frame: pd.DataFrame, norm: Any, colours: Any) -> Any:
    """Draw a plane's loss as colour and contour lines."""
    import numpy as np

    grid = frame.pivot_table(index="y", columns="x", values="loss").clip(lower=norm.vmin)
    mesh = ax.pcolormesh(grid.columns, grid.index, grid, norm=norm, cmap=colours, shading="gouraud", rasterized=True)
    low, high = (int(np.floor(STEPS * np.log10(value))) for value in (norm.vmin, norm.vmax))
    levels = 10 ** (np.arange(low, high + 2) / STEPS)
    ax.contour(grid.columns, grid.index, grid, levels=levels, colors="white", linewidths=0.6, alpha=0.65)
    ends = {"xlim": (grid.columns[0], grid.columns[-1]), "ylim": (grid.index[0], grid.index[-1])}
    ax.set(aspect="equal", xticks=TICKS, yticks=TICKS, **ends)
    ax.grid(visible=False)
    return mesh


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
