"""Dataset distillation: small training sets made to stand for large ones, and other people's published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from . import published as published
    from .distiller import distill as distill
    from .evaluation import (
        Evaluation as Evaluation,
        Objectives as Objectives,
        evaluate as evaluate,
        objectives as objectives,
    )
    from .synthetic import Synthetic as Synthetic, decode as decode, mix as mix
    from .trajectory import expert as expert
else:
    __all__, __getattr__, __dir__ = attach(
        __name__,
        {
            "distiller": "distill",
            "evaluation": "Evaluation Objectives evaluate objectives",
            "published": "",
            "synthetic": "Synthetic decode mix",
            "trajectory": "expert",
        },
    )
