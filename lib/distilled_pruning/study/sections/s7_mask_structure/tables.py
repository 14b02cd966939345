"""Tables of curvature by membership and of masks found in two data orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.tables import summary

if TYPE_CHECKING:
    import pandas as pd

    from ...display import Table


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
