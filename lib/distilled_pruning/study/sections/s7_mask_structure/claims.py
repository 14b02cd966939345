"""What the claims on the papers' mechanism measure (2503.17905 sections 4 and 7)."""

from __future__ import annotations

import math

from ...judging.statistics import CONV, LEVELS, Frames, Measure, by_init, paired, select, sparse
from ...judging.verdicts import Finding, negative, within


def sharp_weights(frames: Frames) -> list[Finding]:
    """The dense network's diagonal is larger at weights that IMP alone keeps than at those distilled alone does."""
    findings = []
    for level in LEVELS:
        imp, distilled = (
            by_init(select(frames, "membership", model=CONV, network="dense", level=level, kept_by=group), "mean_abs")
            for group in ("IMP alone", "distilled alone")
        )
        values = [imp[init] / distilled[init] for init in sorted(imp.keys() & distilled.keys())]
        findings.append(within(sparse(select(frames, "membership", model=CONV), level), values, 1.0, math.inf))
    return findings


def order_dependence(frames: Frames) -> list[Finding]:
    """Two data orders of IMP's loop share fewer survivors over chance than two of the distilled loop."""
    findings = []
    for level in LEVELS:
        imp, distilled = (
            by_init(select(frames, "orders", model=CONV, method=method, level=level), "layered_ratio")
            for method in ("imp", "distilled")
        )
        findings.append(negative(sparse(select(frames, "orders", model=CONV), level), paired(imp, distilled)))
    return findings


MEASURES: dict[str, Measure] = {"sharp-weights": sharp_weights, "order-dependence": order_dependence}
