"""Tables of layers, of masks beside each other, of curvature by membership, and of masks found in two data orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.series import with_series
from ..common.tables import summary
from .figures import layer_names, with_pairs

if TYPE_CHECKING:
    import pandas as pd

    from ...display import Table


def layers(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.analyses.layer_frame`: a column for each layer."""
    if frame.empty:
        return summary(frame, {})
    if "series" not in frame:
        frame, _ = with_series(frame)
    named = ["dataset", "model", "series", "level", "sparsity", "init"]
    wide = frame.pivot_table(index=named, columns="layer", values="layer_sparsity", sort=False).reset_index()
    columns = {name: (f"{name.removesuffix('.weight')} (%)", 100.0, 1) for name in layer_names(frame)}
    return summary(wide, columns)


def overlap(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.analyses.overlap_frame`, a row for each pair of masks."""
    if not frame.empty:
        frame, _ = with_pairs(frame)
    return summary(
        frame,
        {
            "jaccard": ("shared of either", 1, 3),
            "ratio": ("over chance", 1, 3),
            "layered_ratio": ("over chance within layers", 1, 3),
            "layer_gap": ("largest layer gap (points)", 100, 1),
            "ks_pruned": ("distance, pruned", 1, 3),
            "ks_kept": ("distance, kept", 1, 3),
            "ks_pruned_kept": ("pruned from kept", 1, 3),
        },
    )


def membership(frame: pd.DataFrame) -> Table:
    """Summarise :func:`..mechanism.membership_frame`, a row for each network and group of weights."""
    if not frame.empty:
        pairs = zip(frame["network"], frame["kept_by"], strict=True)
        frame = frame.assign(series=[f"{network}, kept by {group}" for network, group in pairs])
    return summary(
        frame,
        {
            "count": ("weights", 1, 0),
            "mean_abs": ("mean magnitude of the diagonal", 1, 4),
            "mean_saliency": ("mean of w²h (10⁻⁴)", 1e4, 2),
        },
    )


def orders(frame: pd.DataFrame) -> Table:
    """Summarise :func:`..mechanism.order_frame`."""
    return summary(frame, {"jaccard": ("shared of either", 1, 3), "layered_ratio": ("over chance within layers", 1, 3)})
