"""One picture for each sparsity, drawn alike, to be looked at one after the other (2503.17905 Fig. 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...display import percent
from ..common import names
from ..common.series import with_series
from ..common.style import NAMES, canvas, counted, describe, empty, per_init, settings
from ..common.trends import above
from .figures import curve

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PANEL = 2.7
ROOM, TOLERANCE = 1.06, 1e-6


def fig3_levels(frame: pd.DataFrame, stamp: str = "") -> dict[str, Figure]:
    """Draw loss and accuracy along the line, all ways to find masks in one panel, once for every sparsity.

    The axes are the same in all pictures, and the dense network is in each; in the first it is alone.

    Args:
        frame: As :func:`..experiments.fig3_frame` gives it.
        stamp: Scale and parameters, for the foot.

    Returns:
        What each picture shows, to the picture, from the densest on.
    """
    if frame.empty:
        return {"nothing yet": empty(stamp)}
    frame, palette = with_series(frame.assign(accuracy=100 * frame["accuracy"]))
    means = per_init(frame, ["loss", "accuracy"], ["level", "sparsity", "alpha"])
    split = "training" if frame["split"].iloc[0] == "train" else "test"
    shares = dict(sorted(dict(zip(frame["level"], frame["sparsity"], strict=True)).items()))
    text = f"{stamp} · {counted(frame)}"
    top, bottom = ROOM * float(means["loss"].max()), float(means["accuracy"].min())
    limits = {"loss": (0.0, top), "accuracy": (bottom - (ROOM - 1) * (100 - bottom), 100.0)}
    labels = {"loss": f"{split} loss (nats)", "accuracy": f"{split} accuracy (%)"}
    return {
        f"{percent(share)} sparse (level {level})" if level else "dense": picture(
            means[means["level"].isin((0, level))], palette, limits, labels, text
        )
        for level, share in shares.items()
    }


def picture(
    means: pd.DataFrame,
    palette: dict[str, str],
    limits: dict[str, tuple[float, float]],
    labels: dict[str, str],
    text: str,
) -> Figure:
    """Draw one sparsity: a row for each dataset and network, loss on the left, accuracy on the right."""
    rows = settings(means)
    with canvas(1.1 + PANEL * len(rows), text) as figure:
        axes = figure.subplots(len(rows), 2, squeeze=False, sharex=True)
        for line, (dataset, model) in zip(axes, rows, strict=True):
            here = means[(means["dataset"] == dataset) & (means["model"] == model)]
            for ax, column in zip(line, labels, strict=True):
                for name, colour in palette.items():
                    part = here[here["series"] == name]
                    if len(part):
                        curve(ax, part, column, colour)
                ax.set(xlabel="position α along the line", ylabel=labels[column], xlim=(0, 1), ylim=limits[column])
                ax.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
            if len(rows) > 1:
                line[0].set_title(names.place((dataset, model)), loc="left")
        named = [entry(name, colour) for name, colour in palette.items()]
        above(figure, named, 3)
        middle = means[(means["alpha"] - 0.5).abs() < TOLERANCE].groupby("series", sort=False)["loss"].mean()
        parts = [f"{name} {value:.2f}" for name, value in middle.items()]
        describe(figure, f"Loss and accuracy along the line; loss halfway: {'; '.join(parts)} nats.")
    return figure


def entry(name: str, colour: str) -> Any:
    """One legend entry."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, linestyle="--" if name == NAMES["dense"] else "-", label=name)
