"""Loss along the line over sparsity as a surface (2503.17905 Fig. 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import names
from ..common.series import with_series
from ..common.style import COLOURS, INK, POINTS, canvas, describe, empty, per_init, settings
from .figures import panels, with_dense

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SIDE, ACROSS = 3.1, 2
ANGLE = {"elev": 24, "azim": -58}


def fig3_surfaces(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw a surface for each way to find masks: loss over position and sparsity, mean over initialisations.

    The dense network is the slice at sparsity 0. Slices that were measured are drawn as lines; between them the surface
    is straight.

    Args:
        frame: As :func:`..experiments.fig3_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    import numpy as np
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    if frame.empty:
        return empty(stamp)
    frame, palette = with_series(frame)
    rows, columns = settings(frame), panels(frame, palette)
    across = min(len(columns), ACROSS)
    down = -(-len(columns) // across)
    means = per_init(frame, ["loss"], ["level", "sparsity", "alpha"])
    top = float(means.groupby(["dataset", "model", "series", "level", "alpha"])["loss"].mean().max())
    split = "training" if frame["split"].iloc[0] == "train" else "test"
    n = int(frame["init"].nunique())
    text = f"{stamp} · mean over {n} initialisation{'s' if n > 1 else ''}"
    with canvas(0.5 + SIDE * down * len(rows), text) as figure:
        for index, (dataset, model) in enumerate(rows):
            here = means[(means["dataset"] == dataset) & (means["model"] == model)]
            for column, name in enumerate(columns):
                position = index * down * across + column + 1
                ax = figure.add_subplot(down * len(rows), across, position, projection="3d")
                grid = with_dense(here, name).pivot_table(index="sparsity", columns="alpha", values="loss")
                alphas, shares = np.meshgrid(grid.columns, 100 * np.asarray(grid.index))
                if len(grid) > 1:
                    ax.plot_surface(
                        alphas,
                        shares,
                        grid.to_numpy(),
                        cmap=sns.color_palette("crest", as_cmap=True),
                        vmin=0,
                        vmax=top,
                        alpha=0.75,
                        linewidth=0,
                        rcount=200,
                        ccount=200,
                    )
                for share, losses in zip(shares[:, 0], grid.to_numpy(), strict=True):
                    colour = COLOURS["dense"] if share == 0 else INK
                    ax.plot(grid.columns, np.full(len(losses), share), losses, color=colour, linewidth=1.1)
                ax.set(xlabel="position α", ylabel="sparsity (%)", zlim=(0, 1.05 * top))
                ax.set_zlabel(f"{split} loss (nats)", labelpad=2)
                ax.set_title(name if len(rows) == 1 else f"{name}\n{names.place((dataset, model))}", y=1.0)
                ax.tick_params(labelsize=POINTS, pad=0)
                ax.yaxis.set_major_locator(MaxNLocator(5))
                ax.view_init(**ANGLE)
                ax.set_box_aspect((1, 1, 0.8), zoom=0.8)
        describe(figure, f"Surfaces of the loss over position and sparsity; the highest is at {top:.2f} nats.")
    return figure
