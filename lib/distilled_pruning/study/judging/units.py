"""How numbers are written: units of what claims measure, signs, and text that stands in Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MINUS = "−"


def plain(value: Any) -> str:
    """Escape what Markdown would read as markup, and keep the text on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|$~])", r"\\\1", " ".join(str(value).split()))


def number(value: float, digits: int = 3, signed: bool = False) -> str:
    """Write a number with a fixed number of decimals and a true minus sign; a zero has no sign."""
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("+-")


@dataclass(frozen=True)
class Unit:
    """How numbers of one kind are written.

    Attributes:
        name: Stands behind the number; empty for none.
        factor: From the number kept to the number written.
        digits: Decimals written, the same for a mean and its interval.
        low: The quantity can be no less; an interval ends there.
        high: The quantity can be no more.
        signed: Whether a plus is written, as for differences.
    """

    name: str
    factor: float = 1.0
    digits: int = 3
    low: float = -math.inf
    high: float = math.inf
    signed: bool = False

    def clip(self, interval: tuple[float, float] | None) -> tuple[float, float] | None:
        """Cut an interval where the quantity ends."""
        return None if interval is None else (max(interval[0], self.low), min(interval[1], self.high))

    def write(self, value: float, interval: Sequence[float] | None, ranged: bool = False) -> str:
        """Write a number with its interval, all with the same decimals, as "+10.7 points [6.3, 15.1]".

        An interval that shows no width is left out. What levels leave open is a range, and written as one.
        """
        ends = [number(self.factor * bound, self.digits) for bound in interval or ()]
        name = f" {self.name}" if self.name else ""
        bounds = f" [{', '.join(ends)}]" if len(set(ends)) > 1 else ""
        if ranged and bounds:
            bounds = f", anywhere from {ends[0]} to {ends[1]}"
        return f"{number(self.factor * value, self.digits, self.signed)}{name}{bounds}"


PLAIN = Unit("")
POINTS = Unit("points", 100, 1, -1, 1, signed=True)
POINTS_APART = Unit("points apart", 100, 1, 0, 1)
PERCENT = Unit("%", 100, 1, 0, 1)
NATS = Unit("nats", 1, 3, signed=True)
TIMES = Unit("times", 1, 2, 0)
TIMES_CHANCE = Unit("times chance", 1, 2, 0)
TIMES_CHANCE_APART = Unit("times chance apart", 1, 2, signed=True)
TIMES_APART = Unit("times IMP's", 1, 3, signed=True)
EXCESS = Unit("of what is possible", 1, 2, -math.inf, 1)
DISTANCE = Unit("of the largest distance", 1, 3, 0, 1)
BASINS = Unit("basins", 1, 0, 1)
WEIGHTS = Unit("weights", 1, 0, 0)
UNITS = {
    unit.name: unit
    for unit in (
        *(PLAIN, POINTS, POINTS_APART, PERCENT, NATS, TIMES, TIMES_CHANCE, TIMES_CHANCE_APART, TIMES_APART),
        *(EXCESS, DISTANCE, BASINS, WEIGHTS),
    )
}
