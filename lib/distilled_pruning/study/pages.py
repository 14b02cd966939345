"""The parts of the book's prose pages that are written by code: the ledger, its tally, the lists of pages and parameters.

A page names such a part in a line of its own, ``<!-- generated: NAME -->``; :func:`fill` puts it there. Everything is
Markdown of the MyST kind. Nothing here reads a file or imports PyTorch.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import InputError
from .verdicts import CONTRADICTED, NOT_RUN, PARTLY, REPRODUCED, UNDECIDED, VERDICTS

BADGES = {
    REPRODUCED: "success",
    PARTLY: "warning",
    CONTRADICTED: "danger",
    UNDECIDED: "secondary",
    NOT_RUN: "light",
}
PAPERS = {"A": "arXiv 2503.17905", "I": "Its ICLR 2024 submission", "P": "arXiv 2307.03364"}
_MARK = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)


def fill(text: str, parts: Mapping[str, str]) -> str:
    """Replace every ``<!-- generated: NAME -->`` line by its part.

    Raises:
        InputError: A page names a part that does not exist.
    """

    def part(found: re.Match[str]) -> str:
        if found[1] not in parts:
            raise InputError(f"a page asks for the generated part {found[1]!r}: choose one of {', '.join(parts)}")
        return parts[found[1]]

    return _MARK.sub(part, text)


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
    """Give a verdict as a coloured word."""
    return f"{{bdg-{BADGES.get(verdict, 'light')}}}`{verdict}`"


def tally(rows: Iterable[Mapping[str, Any]]) -> str:
    """Count the verdicts: one tile each, zero included."""
    counts = Counter(str(row["verdict"]) for row in rows)
    tiles = "\n".join(
        f":::{{grid-item}}\n:class: tally\n**{counts[verdict]}** {badge(verdict)}\n:::" for verdict in VERDICTS
    )
    return f"::::{{grid}} 2 3 5 5\n:gutter: 2\n{tiles}\n::::"


def ledger(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the ledger, one table for each paper, each claim with an anchor ``claim-ID``.

    Args:
        rows: Rows as ``distilled-pruning check --json`` prints them.
    """
    if not rows:
        return "No claim is judged yet."
    parts = []
    for paper in dict.fromkeys(str(row["paper"]) for row in rows):
        lines = [
            f"### {PAPERS.get(paper, paper)}",
            "",
            "::::{list-table}",
            ":header-rows: 1",
            ":class: ledger",
            "",
            "* - Claim\n  - Paper\n  - Recorded\n  - This run\n  - Seeds\n  - Verdict",
        ]
        for row in rows:
            if str(row["paper"]) == paper:
                lines.append(_claim(row))
        parts.append("\n".join([*lines, "::::"]))
    return "\n\n".join(parts)


def _claim(row: Mapping[str, Any]) -> str:
    """Write one row of the ledger."""
    interval = f" {show(row['interval'])}" if row.get("interval") else ""
    scale = f" {plain(row['scale'])}" if row.get("scale") else ""
    cells = (
        f"{plain(row['statement'])} [{plain(row['where'])} · `{row['id']}`]{{#claim-{row['id']} .where}}",
        show(row.get("paper_value")),
        show(row.get("recorded")),
        show(row.get("this_run")) + interval,
        show(row.get("n")) + scale,
        badge(str(row["verdict"])),
    )
    return "* - " + "\n  - ".join(cells)


def pages(names: Iterable[str], figures: Mapping[str, Sequence[str]]) -> str:
    """List the notebooks of the book, each with the figures it shows.

    Args:
        names: Notebook names in the order of the book.
        figures: Notebook name to titles of its figures.
    """
    lines = [
        f"- {{doc}}`../notebooks/{name}`" + (f": {'; '.join(_lower(t) for t in titles)}" if titles else "")
        for name in names
        for titles in [figures.get(name, ())]
    ]
    return "\n".join(lines) or "No notebook is part of this book."


def _lower(title: str) -> str:
    """Start a title in lower case, unless it starts with a name in capitals."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def parameters(tables: Mapping[str, Sequence[tuple[str, str, str]]]) -> str:
    """List every notebook's parameters behind a click.

    Args:
        tables: Notebook name to rows of parameter, default and help.
    """
    parts = []
    for name, rows in tables.items():
        lines = [f":::{{dropdown}} {name}", "| parameter | default | meaning |", "|---|---|---|"]
        lines += [f"| `{parameter}` | `{default}` | {plain(text)} |" for parameter, default, text in rows]
        parts.append("\n".join([*lines, ":::"]))
    return "\n\n".join(parts) or "No notebook is part of this book."
