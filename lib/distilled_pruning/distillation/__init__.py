"""Dataset distillation: small training sets made to stand for large ones, and other people's published ones.

Names are imported when first used, so that :mod:`.defaults` and :mod:`.settings` can be read without PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {
    "distill": "distiller",
    "Evaluation": "evaluation",
    "Objectives": "evaluation",
    "evaluate": "evaluation",
    "objectives": "evaluation",
    "Synthetic": "synthetic",
    "decode": "synthetic",
    "mix": "synthetic",
    "expert": "trajectory",
}


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return [*globals(), *_HOMES, "published"]


def __getattr__(name: str) -> Any:
    """Import a public name from the module that holds it."""
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if name == "published":
        return importlib.import_module(".published", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
