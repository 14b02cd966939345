"""How many weights survive pruning."""

from __future__ import annotations

from ..errors import InputError

__all__ = ["check", "survivors"]


def check(fraction: float) -> None:
    """Raise :class:`InputError` unless a fraction is between 0 and 1, both excluded."""
    if not 0 < fraction < 1:
        raise InputError(f"fraction must lie between 0 and 1, both excluded, not {fraction}")


def _advice(total: int, level: int) -> str:
    """Say what would be right where a level cannot be pruned."""
    if level > 1:
        return f"ask for at most {level - 1} levels"
    if total < 2:
        return "choose a larger network"
    digits = len(str(total)) + 1  # so that what is printed is allowed itself
    return f"choose a fraction from {1 / total:.{digits}f} to {1 - 1 / total:.{digits}f}"


def survivors(total: int, levels: int, fraction: float = 0.2) -> int:
    """Count the weights that survive a number of levels, each removing ``round(fraction * survivors)``.

    Args:
        total: Weights at the start.
        levels: Levels of pruning.
        fraction: Share of the survivors that a level removes.

    Raises:
        InputError: A fraction outside (0, 1) or that removes none or all of the weights, or more levels than weights.
    """
    check(fraction)
    left = total
    for level in range(1, levels + 1):
        removed = round(fraction * left)
        if not 0 < removed < left:
            raise InputError(
                f"level {level} cannot remove {100 * fraction:g}% of the {left} weights that are left of {total}, "
                f"since it would remove {'all' if removed else 'none'} of them: {_advice(total, level)}"
            )
        left -= removed
    return left
