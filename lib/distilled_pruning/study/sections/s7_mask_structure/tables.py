"""Tables of what masks share, of their layers, of curvature by membership and of masks found in two data orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.analyses import layer_names
from ..common.naming import with_series
from ..common.tables import name_series, summary
from .figures import with_pairs

if TYPE_CHECKING:
    import pandas as pd

    from ...display import Table


def overlap(frame: pd.DataFrame) -> Table:
    """Summarise what two masks share, a row for each pair."""
    return summary(
        with_pairs(frame)[0],
        "jaccard",
        ratio=("over chance", 1, 3),
        layered_ratio=("over chance within layers", 1, 3),
        layer_gap=("largest layer gap (points)", 100, 1),
        ks_pruned=("distance, pruned", 1, 3),
        ks_kept=("distance, kept", 1, 3),
        ks_pruned_kept=("pruned from kept", 1, 3),
    )


def layers(frame: pd.DataFrame) -> Table:
    """Summarise the sparsity of layers, a column for each."""
    if frame.empty:
        return summary(frame)
    named = ["dataset", "model", "series", "level", "sparsity", "init"]
    wide = with_series(frame)[0].pivot_table(index=named, columns="layer", values="layer_sparsity", sort=False)
    columns = {name: (f"{name.removesuffix('.weight')} (%)", 100.0, 1) for name in layer_names(frame)}
    return summary(wide.reset_index(), **columns)


def membership(frame: pd.DataFrame) -> Table:
    """Summarise curvature, a row for each network and group of weights."""
    return summary(
        name_series(frame, lambda row: f"{row['network']}, kept by {row['kept_by']}"),
        count=("weights", 1, 0),
        mean_abs=("mean magnitude of the diagonal", 1, 4),
        mean_saliency=("mean of w²h (10⁻⁴)", 1e4, 2),
    )


def orders(frame: pd.DataFrame) -> Table:
    """Summarise what two masks of one way share."""
    return summary(frame, "jaccard", "layered_ratio")
