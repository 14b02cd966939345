"""The papers' networks and anybody's own: built, initialised, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from .building import (
        INITS as INITS,
        NORMS as NORMS,
        Shape as Shape,
        build as build,
        initialise as initialise,
        macs as macs,
    )
    from .networks import Images as Images, network as network
    from .weights import prunable as prunable
else:
    __all__, __getattr__, __dir__ = attach(
        __name__,
        {
            "building": "INITS NORMS Shape build initialise macs",
            "networks": "Images network",
            "weights": "prunable",
        },
    )
