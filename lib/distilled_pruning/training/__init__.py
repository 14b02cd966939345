"""Training and evaluation: seeded data order, masks applied after each step, exact continuation from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from .forward import Forward as Forward, resolve as resolve
    from .loop import (
        Log as Log,
        State as State,
        Stretch as Stretch,
        evaluate as evaluate,
        logits as logits,
        train as train,
    )
    from .recipe import Recipe as Recipe
else:
    __all__, __getattr__, __dir__ = attach(
        __name__,
        {"forward": "Forward resolve", "loop": "Log State Stretch evaluate logits train", "recipe": "Recipe"},
    )
