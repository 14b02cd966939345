"""Dataset distillation: small training sets made to stand for large ones, and other people's published ones."""

from __future__ import annotations

from .distiller import distill
from .synthetic import Synthetic, decode, mix

__all__ = ["Synthetic", "decode", "distill", "mix"]
