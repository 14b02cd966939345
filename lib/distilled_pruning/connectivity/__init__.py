"""Linear mode connectivity: lines between trained networks, and the planes and basins of loss landscapes.

Sources: 2503.17905 section 4; :mod:`distilled_pruning.landscape` is the face of planes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from .lines import (
        STATISTICS as STATISTICS,
        Barrier as Barrier,
        Curve as Curve,
        barrier as barrier,
        instability as instability,
        interpolate as interpolate,
        pairs as pairs,
        reestimate as reestimate,
    )
else:
    __all__, __getattr__, __dir__ = attach(
        __name__, {"lines": "STATISTICS Barrier Curve barrier instability interpolate pairs reestimate"}
    )
