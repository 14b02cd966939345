"""Dataset distillation: small training sets made to stand for large ones, and other people's published ones."""

from __future__ import annotations

from . import published
from .distiller import distill
from .evaluation import Evaluation, Objectives, evaluate, objectives
from .synthetic import Synthetic, decode, mix
from .trajectory import expert

__all__ = [
    "Evaluation",
    "Objectives",
    "Synthetic",
    "decode",
    "distill",
    "evaluate",
    "expert",
    "mix",
    "objectives",
    "published",
]
