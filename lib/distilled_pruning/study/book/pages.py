"""The parts of the prose pages that are written by code: ledger, tally, lists of pages and of parameters.

A page names such a part in a line of its own, ``<!-- generated: NAME -->``; :func:`fill` puts it there. Everything is
Markdown of the MyST kind. Nothing here reads a file or imports PyTorch.
"""

from __future__ import annotations

import inspect
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...errors import InputError
from ..judging import wording
from ..judging.verdicts import NOT_RUN, VERDICTS
from ..judging.wording import plain as plain

UNRUN = (
    "Pages marked so wait for results of their own and show what larger runs have recorded, where there is such a run. "
    "`make book` computes them one after another and renders the book again; stopped, it goes on when called again."
)
_MARK = re.compile(r"^<!-- generated: ([a-z0-9-]+) -->$", re.MULTILINE)


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


def badge(verdict: str) -> str:
    """Give a verdict as a coloured word; the colours are in ``book/assets/book.css``."""
    return f"[{verdict}]{{.verdict .{verdict.replace(' ', '-')}}}"


def tally(rows: Sequence[Mapping[str, Any]]) -> str:
    """Count the verdicts on recorded results and on those of this run: one tile each, zero included."""
    recorded = [row["recorded"]["verdict"] if isinstance(row.get("recorded"), Mapping) else NOT_RUN for row in rows]
    return "\n\n".join(
        f"{title}\n\n:::{{div}} tallies\n{tiles(verdicts)}\n:::"
        for title, verdicts in (
            ("Recorded, from larger runs:", recorded),
            ("This run:", [str(row["verdict"]) for row in rows]),
        )
    )


def tiles(verdicts: Iterable[str]) -> str:
    """Write how often each verdict occurs, as a list."""
    counts = Counter(verdicts)
    return "\n".join(f"- **{counts[verdict]}** {badge(verdict)}" for verdict in VERDICTS)


def ledger(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the ledger, one table for each text that makes claims, each claim with an anchor ``claim-ID``.

    Claims that were run come first.

    Args:
        rows: Rows as ``distilled-pruning check --json`` prints them.
    """
    if not rows:
        return "No claim is judged yet."
    parts = []
    ordered = sorted(rows, key=lambda row: row["verdict"] == NOT_RUN)
    for paper in dict.fromkeys(str(row["paper"]) for row in rows):
        lines = [
            f"### Claims of {plain(paper)}",
            "",
            "::::{list-table}",
            ":header-rows: 1",
            ":class: ledger",
            "",
            "* - Claim\n  - Paper\n  - Recorded\n  - This run\n  - Verdict",
            *(_claim(row) for row in ordered if str(row["paper"]) == paper),
            "::::",
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _claim(row: Mapping[str, Any]) -> str:
    """Write one row of the ledger."""
    about = f"`{row['id']}` · {plain(row['where'])}" + (f" · {plain(ruled(row))}" if row.get("rule") else "")
    cells = (
        f"{plain(row['statement'])} [{about}]{{#claim-{row['id']} .where}}",
        show(row.get("paper_value")),
        _judged(row["recorded"], verdict=True),
        _judged(row["this_run"], verdict=False),
        badge(str(row["verdict"])),
    )
    return "* - " + "\n  - ".join(cells)


def _judged(found: Mapping[str, Any] | None, verdict: bool) -> str:
    """Write a cell: every setting's value with its interval, then n, scale and data, then what was judged beside."""
    if found is None:
        return "–"
    about = [f"n = {show(found['n'])}", *(plain(found[name]) for name in ("scale", "data") if found[name])]
    named = [plain(found["verdict"])] if verdict else []
    return "<br>".join([*wording.findings(found, markdown=True), ", ".join(about), *named, *aside(found)])


def ruled(row: Mapping[str, Any]) -> str:
    """Write a claim's rule, the settings that its verdict rests on, and what must hold before it is tested."""
    needs = "; ".join(row.get("preconditions") or ())
    parts = (row["rule"], row.get("primary") and f"primary: {row['primary']}", needs and f"tested only where {needs}")
    return "; ".join(part for part in parts if part)


def aside(found: Mapping[str, Any]) -> list[str]:
    """Write the lines below a verdict: what was judged beside, and which preconditions do not hold."""
    return [*wording.beside(found, markdown=True), *wording.doubts(found, markdown=True)]


def pages(names: Iterable[str], figures: Mapping[str, Sequence[str]], waiting: Sequence[str] = ()) -> str:
    """List the notebooks of the book, each with the figures it shows.

    Args:
        names: Notebook names in the order of the book.
        figures: Notebook name to titles of its figures.
        waiting: Those whose own results are not there yet.
    """
    lines = [
        f"- {{doc}}`../notebooks/{name}`"
        + (f": {'; '.join(_lower(t) for t in titles)}" if titles else "")
        + (" *(not computed yet)*" if name in waiting else "")
        for name in names
        for titles in [figures.get(name, ())]
    ]
    if waiting:
        lines += ["", UNRUN]
    return "\n".join(lines) or "No notebook is part of this book."


def _lower(title: str) -> str:
    """Start a title in lower case, unless it starts with a name in capitals."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def efforts(rows: Iterable[Sequence[str]]) -> str:
    """List what every page takes, and the command that takes it to the next larger scale.

    Args:
        rows: As :func:`.effort.table` gives them.
    """
    lines = ["::::{list-table}", ":header-rows: 1", "", "* - page\n  - takes\n  - at the next scale\n  - takes there"]
    for name, own, scale, larger, command in rows:
        lines.append(
            f"* - `{name}`\n  - {plain(own)}\n  - `{command}`\n  - {plain(larger)} ({scale})"
            if scale
            else f"* - `{name}`\n  - {plain(own)}\n  - –\n  - –"
        )
    return "\n".join([*lines, "::::"]) if len(lines) > 4 else "No notebook is part of this book."


def drawing(functions: Mapping[str, Callable[..., Any]], repository: str = "") -> str:
    """Show the code of the functions that draw, each under a label ``code-NAME``.

    Args:
        functions: Name to function.
        repository: Address of the folder of sources on the web, with a closing slash; empty where there is none.
    """
    parts = []
    for name, function in functions.items():
        lines, first = inspect.getsourcelines(function)
        path = "lib/" + function.__module__.replace(".", "/") + ".py"
        where = f"[{path}]({repository}{path}#L{first})" if repository else f"`{path}`, line {first}"
        parts.append(f"(code-{name})=\n## {name}\n\n{where}\n\n```python\n{''.join(lines)}```")
    return "\n\n".join(parts)


def parameters(tables: Mapping[str, Sequence[tuple[str, str, str]]]) -> str:
    """List every notebook's parameters behind a click.

    Args:
        tables: Notebook name to rows of parameter, default and help.
    """
    parts = []
    for name, rows in tables.items():
        lines = [f":::{{dropdown}} {name}", "| parameter | default | meaning |", "|---|---|---|"]
        lines += [
            f"| `{parameter}` | {f'`{default}`' if default else '–'} | {plain(text)} |"
            for parameter, default, text in rows
        ]
        parts.append("\n".join([*lines, ":::"]))
    return "\n\n".join(parts) or "No notebook is part of this book."
