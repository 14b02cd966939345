"""Accuracy on shifted test images by family: adversarial examples and common corruptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...jobs import CORRUPTIONS
from .experiment import CLEAN

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CLEAN", "FAMILIES", "by_family"]

FAMILIES = {"adversarial": ("fgsm", "pgd"), "corrupted": CORRUPTIONS}


def by_family(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the mean over each family's shifts and strengths, and what of the clean accuracy it costs.

    Returns:
        A row for each ticket with columns ``clean``, a column for each shift, and for each family its mean and
        ``FAMILY_lost``, the clean accuracy minus that mean.
    """
    named = ["dataset", "model", "method", "setting", "rate", "level", "sparsity", "init", "collapsed"]
    wide = frame.pivot_table(index=named, columns="shift", values="accuracy", sort=False).reset_index()
    for family, shifts in FAMILIES.items():
        wide[family] = wide[list(shifts)].mean(axis=1)
        wide[f"{family}_lost"] = wide[CLEAN] - wide[family]
    return wide
