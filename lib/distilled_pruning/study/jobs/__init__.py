"""Jobs: what is computed, each named completely by its fields, and how it is done. PyTorch is loaded only then."""

from .base import Context, Data, Job, Network, Result, check_key, graph, is_key, key_of, source_digest
from .chain import Prune, Train
from .connect import Connect
from .curvature import HessianDiagonal, MembershipCurvature, Spectrum
from .distill import Distill, Source
from .evaluate import Evaluate
from .landscape import Landscape
from .limits import examine, macs
from .masks import MaskStatistics
from .robustness import CORRUPTIONS, Robustness

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
    "check_key",
    "examine",
    "graph",
    "is_key",
    "key_of",
    "macs",
    "source_digest",
]
