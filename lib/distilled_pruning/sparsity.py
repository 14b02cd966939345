"""How many weights survive pruning."""

from __future__ import annotations

from .errors import InputError

__all__ = ["check", "survivors"]


def check(fraction: float) -> None:
    """Raise :class:`InputError` unless a fraction is between 0 and 1, both excluded."""
    if not 0 < fraction < 1:
        raise InputError(f"fraction must lie between 0 and 1, both excluded, not {fraction}")


def survivors(total: int, levels: int, fraction: float = 0.2) -> int:
    """Count the weights that survive a number of levels, each removing ``round(fraction * survivors)``.

    Args:
        total: Weights at the start.
        levels: Levels of pruning.
        fraction: Share of the survivors that a level removes.

    Raises:
        InputError: A fraction outside (0, 1), or more levels than weights.
    """
    check(fraction)
    left = total
    for level in range(1, levels + 1):
        removed = round(fraction * left)
        if not 0 < removed < left:
            raise InputError(
                f"level {level} cannot remove {fraction:.0%} of the {left} weights that are left of {total}: "
                f"ask for at most {level - 1} levels"
            )
        left -= removed
    return left
