"""A quantity over sparsity: one line a series, intervals over initialisations, a legend for the whole figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .style import spread, student

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LOWEST, HIGHEST = -4, 100


def trend(ax: Any, frame: pd.DataFrame, column: str, palette: Mapping[str, str], label: str) -> None:
    """Draw a column over sparsity.

    Args:
        ax: Axes to draw on.
        frame: One value for each series, initialisation and sparsity (in per cent).
        column: What to draw.
        palette: Series to colour.
        label: What the vertical axis says.
    """
    import seaborn as sns

    sns.lineplot(
        spread(frame),
        x="sparsity",
        y=column,
        hue="series",
        style="series",
        palette=dict(palette),
        hue_order=list(palette),
        style_order=list(palette),
        markers=True,
        dashes=False,
        errorbar=student,
        err_style="bars",
        err_kws={"capsize": 3, "linewidth": 1.2},
        ax=ax,
    )
    ax.set(xlabel="sparsity (%)", ylabel=label, xlim=(LOWEST, HIGHEST))
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()


def legend(figure: Figure, axes: Iterable[Any], most: int = 4, **look: Any) -> None:
    """Name above the figure what any of some axes shows, each once, in as many columns as the names leave room for."""
    entries: dict[str, Any] = {}
    for ax in axes:
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    above(figure, list(entries.values()), most, **look)


def above(figure: Figure, handles: Sequence[Any], most: int, **look: Any) -> None:
    """Set a legend above the figure in at most so many columns, fewer where the names would reach over its edge."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    for columns in range(min(most, len(handles)), 0, -1):
        found = figure.legend(handles=handles, loc="outside upper center", ncols=columns, **look)
        if columns == 1 or found.get_window_extent(renderer).width <= figure.bbox.width:
            return
        found.remove()
