"""Values as Markdown of the MyST kind: numbers, verdicts, and text without live markup."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..judging.units import plain as plain


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


def badge(verdict: str) -> str:
    """Give a verdict as a coloured word; the colours are in ``book/assets/book.css``."""
    return f"[{verdict}]{{.verdict .{verdict.replace(' ', '-')}}}"
