"""How findings and judgements are written, the one place for text and for Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .units import Unit
from .verdicts import CONTRADICTED, NOT_RUN, RANGE, REPRODUCED, UNDECIDED, Finding

MINUS = "−"
_CAME_OUT = {REPRODUCED: "holds", CONTRADICTED: "does not hold", UNDECIDED: "undecided", NOT_RUN: "not run"}


def plain(value: Any) -> str:
    """Escape what Markdown would read as markup, and keep the text on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|$~])", r"\\\1", " ".join(str(value).split()))


def number(value: float, digits: int = 3, signed: bool = False) -> str:
    """Write a number with a fixed number of decimals and a true minus sign; a zero has no sign."""
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("+-")


def _quantity(value: float, interval: Sequence[float] | None, unit: Unit, ranged: bool = False) -> str:
    """Write a number in its unit with its interval, all with the same decimals, as "+10.7 points [6.3, 15.1]".

    An interval that shows no width is left out. What levels leave open is a range, and written as one.
    """
    ends = [number(unit.factor * bound, unit.digits) for bound in interval or ()]
    name = f" {unit.name}" if unit.name else ""
    bounds = f" [{', '.join(ends)}]" if len(set(ends)) > 1 else ""
    if ranged and bounds:
        bounds = f", anywhere from {ends[0]} to {ends[1]}"
    return f"{number(unit.factor * value, unit.digits, unit.signed)}{name}{bounds}"


def finding(
    found: Finding | Mapping[str, Any], *, markdown: bool = False, n: int | None = None, verdict: bool = False
) -> str:
    """Write what one setting says about a claim.

    Args:
        found: The finding, or what ``check --json`` prints of it.
        markdown: Escape it for a page.
        n: The number of initialisations that stands beside already; another one is written behind.
        verdict: Write behind what it says of the claim.
    """
    item = found if isinstance(found, Finding) else Finding.from_json(found)
    parts = []
    if item.n:
        if item.values:
            each = ", ".join(number(item.unit.factor * value, item.unit.digits) for value in item.values)
            parts.append(f"{each} {item.unit.name}".rstrip())
        elif math.isfinite(item.value):
            parts.append(_quantity(item.value, item.interval, item.unit, ranged=item.spread == RANGE))
        parts += [f"n = {item.n}"] if item.n != n else []
        parts += ["one set" if item.sets == 1 else f"{item.sets} sets"] if item.sets else []
    parts += [_CAME_OUT.get(item.verdict, item.verdict)] if verdict or not item.n else []
    text = f"{item.setting}: {', '.join(parts)}" if item.setting else ", ".join(parts)
    return plain(text) if markdown else text


def findings(found: Mapping[str, Any], *, markdown: bool = False) -> list[str]:
    """Write the findings a judgement rests on, one a line: a judgement as ``check --json`` prints it."""
    return [
        finding(item, markdown=markdown, n=found["n"]) for item in found["findings"] if item["primary"] and item["n"]
    ]


def beside(found: Mapping[str, Any], *, markdown: bool = False) -> list[str]:
    """Write the findings that turn no verdict, one a line, each with its n and what it says."""
    others = [item for item in found["findings"] if not item["primary"] and item["n"]]
    return [f"beside: {finding(item, markdown=markdown, verdict=True)}" for item in others]


def doubts(found: Mapping[str, Any], *, markdown: bool = False) -> list[str]:
    """Write what speaks against testing a claim, one precondition a line."""
    texts = [f"does not hold: {text}" for text in found["failed"]]
    texts += [f"may not hold: {text}" for text in found["unsure"]]
    return [plain(text) for text in texts] if markdown else texts
