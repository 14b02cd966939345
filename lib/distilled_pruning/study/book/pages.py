"""Values as Markdown of the MyST kind: numbers, verdicts, and text without live markup."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any


def show(value: Any) -> str:
    """Write a ledger value for a table cell: numbers to three digits, an interval in brackets, a dash for nothing."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}".replace("-", "−")
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f").replace("-", "−")
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {show(item)}" for name, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(show(item) for item in value) + "]"
    return plain(value)


def plain(value: Any) -> str:
    """Escape what Markdown would read as markup, and keep the text on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|$~])", r"\\\1", " ".join(str(value).split()))


def badge(verdict: str) -> str:
    """Give a verdict as a coloured word; the colours are in ``book/assets/book.css``."""
    return f"[{verdict}]{{.verdict .{verdict.replace(' ', '-')}}}"


def measured(found: Mapping[str, Any], value: str) -> list[str]:
    """Write each setting's value with its interval, as Markdown, and its n where that is not the judgement's.

    Args:
        found: A judgement as the ledger has it, with ``interval``, ``counts`` and ``n``.
        value: Which of its items holds the values.
    """
    settings = []
    for part in str(found.get(value) or "").split("; "):
        setting = part.rsplit(": ", 1)[0]
        bounds = (found.get("interval") or {}).get(setting)
        n = (found.get("counts") or {}).get(setting)
        settings.append(
            plain(part).replace("-", "−")
            + (f" {show(bounds)}" if bounds and bounds[0] < bounds[1] else "")
            + (f", n = {n}" if n not in (None, found.get("n")) else "")
        )
    return settings
