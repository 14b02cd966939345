"""What the masks of all controls share (beyond the papers)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...display import percent
from ..common import names
from ..common.series import with_series
from ..common.style import POINTS, canvas, describe, empty, settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


SIDES = {"other": "method", "other_rate": "rate", "other_setting": "setting"}
SIDES |= {own: other for other, own in SIDES.items()}
MOST = 2.0  # where the colour ends; two masks by the same score share far more than any others


def kinship(frame: pd.DataFrame, stamp: str = "") -> Figure:
    """Draw shared survivors over chance within layers of every two masks, at the sparsest level.

    Args:
        frame: As :func:`..controls.kinship_frame` gives it.
        stamp: Scale and parameters, for the foot.
    """
    import seaborn as sns

    if frame.empty:
        return empty(stamp)
    frame = frame[frame["level"] == frame["level"].max()]
    places = settings(frame)
    import pandas as pd

    both = pd.concat([frame, frame.rename(columns=SIDES)])
    both, palette = with_series(both, brief=True)
    named, _ = with_series(both.rename(columns=SIDES), brief=True)
    both = both.assign(partner=named["series"].to_numpy())
    side = 0.33 * len(palette) + 2.4
    share = percent(float(frame["sparsity"].iloc[0]))
    n = int(frame["init"].nunique())
    with canvas(side * len(places), f"{stamp} · mean over up to {n} initialisation{'s' * (n > 1)}") as figure:
        axes = figure.subplots(len(places), 1, squeeze=False).flatten()
        for ax, (dataset, model) in zip(axes, places, strict=True):
            here = both[(both["dataset"] == dataset) & (both["model"] == model)]
            grid = here.pivot_table(index="series", columns="partner", values="layered_ratio")
            grid = grid.reindex(index=list(palette), columns=list(palette))
            order = {name: place for place, name in enumerate(palette)}
            hidden = [[order[row] <= order[column] for column in grid.columns] for row in grid.index]
            sns.heatmap(
                grid.iloc[1:, :-1],
                mask=pd.DataFrame(hidden, grid.index, grid.columns).iloc[1:, :-1],
                annot=True,
                fmt=".2f",
                annot_kws={"size": POINTS},
                cmap="vlag",
                center=1,
                vmax=MOST,
                linewidths=0.5,
                cbar_kws={"label": "shared over chance", "shrink": 0.6, "extend": "max"},
                ax=ax,
            )
            place = f"{names.place((dataset, model))}, " if len(places) > 1 else ""
            ax.set(xlabel="", ylabel="")
            ax.set_title(f"{place}{share} sparse", loc="left")
            ax.tick_params(labelsize=POINTS, length=0)
            ax.grid(visible=False)
        most = both.sort_values("layered_ratio").iloc[-1]
        alike = f"Most alike are {most['series']} and {most['partner']}, {most['layered_ratio']:.2f} times chance."
        describe(figure, "A triangle of numbers: what every two masks share over chance within layers.", alike)
    return figure
