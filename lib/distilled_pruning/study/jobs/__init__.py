"""Jobs: what is computed, each named completely by its fields, and how it is done. PyTorch is loaded only then."""

from .base import Context, Data, Job, Network, Result, graph, source_digest
from .chain import Distill, Prune, Source, Train
from .connect import Connect
from .curvature import HessianDiagonal, Spectrum
from .evaluate import Evaluate
from .keys import checked, is_key, key_of
from .landscape import Landscape
from .masks import MaskStatistics
from .membership import MembershipCurvature
from .robustness import CORRUPTIONS, Robustness
from .sizes import macs

__all__ = [
    "CORRUPTIONS",
    "Connect",
    "Context",
    "Data",
    "Distill",
    "Evaluate",
    "HessianDiagonal",
    "Job",
    "Landscape",
    "MaskStatistics",
    "MembershipCurvature",
    "Network",
    "Prune",
    "Result",
    "Robustness",
    "Source",
    "Spectrum",
    "Train",
    "checked",
    "graph",
    "is_key",
    "key_of",
    "macs",
    "source_digest",
]
