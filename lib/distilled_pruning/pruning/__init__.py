"""Pruning: masks, what to remove, and the loop that finds tickets.

Sources: 2503.17905 sections 2.1 and 3 (iterative magnitude pruning, distilled pruning); SNIP (Lee et al. 2019) and
SynFlow (Tanaka et al. 2020), the papers' references for pruning at initialisation; EL2N (Paul et al. 2021).
"""

from __future__ import annotations

from ..models import prunable
from .criteria import magnitude, magnitude_layers, random, shuffled, snip, survivors, synflow
from .mask import Mask
from .scores import easiest, el2n
from .tickets import Ticket, iterative

__all__ = [
    "Mask",
    "Ticket",
    "easiest",
    "el2n",
    "iterative",
    "magnitude",
    "magnitude_layers",
    "prunable",
    "random",
    "shuffled",
    "snip",
    "survivors",
    "synflow",
]
