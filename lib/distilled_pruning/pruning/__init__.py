"""Pruning: masks, what to remove, and the loop that finds tickets.

Sources: 2503.17905 sections 2.1 and 3 (iterative magnitude pruning, distilled pruning); SNIP (Lee et al. 2019) and
SynFlow (Tanaka et al. 2020), the papers' references for pruning at initialisation; EL2N (Paul et al. 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from ..models.weights import prunable as prunable
    from .criteria import (
        magnitude as magnitude,
        magnitude_layers as magnitude_layers,
        random as random,
        shuffled as shuffled,
        snip as snip,
        synflow as synflow,
    )
    from .mask import Mask as Mask
    from .scores import easiest as easiest, el2n as el2n
    from .sparsity import survivors as survivors
    from .tickets import Ticket as Ticket, iterative as iterative
else:
    __all__, __getattr__, __dir__ = attach(
        __name__,
        {
            "criteria": "magnitude magnitude_layers prunable random shuffled snip synflow",
            "mask": "Mask",
            "scores": "easiest el2n",
            "sparsity": "survivors",
            "tickets": "Ticket iterative",
        },
    )
