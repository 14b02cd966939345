"""What a notebook's cells show: tables and notes, as HTML for the book and as text for a terminal."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Markup:
    """Text that is HTML already."""

    html: str
    text: str

    def __str__(self) -> str:
        return self.text


def markup(value: Any) -> str:
    """Give a value as HTML."""
    return value.html if isinstance(value, Markup) else escape(str(value))


@dataclass(frozen=True)
class Table:
    """A small table.

    Attributes:
        columns: Headings.
        rows: Cells; text, or :class:`Markup`.
        note: A line below.
        after: What stands below that.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    after: Note | None = None

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in self.columns)
        body = "".join(f"<tr>{''.join(f'<td>{markup(cell)}</td>' for cell in row)}</tr>" for row in self.rows)
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        after = self.after._repr_html_() if self.after is not None else ""
        return f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}{after}'

    def __repr__(self) -> str:
        cells = [[str(cell) for cell in row] for row in (self.columns, *self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        return "\n".join([*lines, *([self.note] if self.note else []), *([repr(self.after)] if self.after else [])])


@dataclass(frozen=True)
class Note:
    """Terms and what they are, one a line; what is long lies behind a click.

    Attributes:
        entries: Term and content.
        folded: Heading and content to be opened by a click.
    """

    entries: Sequence[tuple[str, Any]]
    folded: Sequence[tuple[str, Any]] = field(default=())

    def _repr_html_(self) -> str:
        lines = "".join(f"<dt>{escape(term)}</dt><dd>{markup(content)}</dd>" for term, content in self.entries)
        folds = "".join(
            f"<details><summary>{escape(term)}</summary>{markup(content)}</details>" for term, content in self.folded
        )
        return f'<dl class="field-list simple">{lines}</dl>{folds}'

    def __repr__(self) -> str:
        return "\n".join(f"{term}: {content}" for term, content in self.entries)


@dataclass(frozen=True)
class Stack:
    """Tables and notes, one below the other."""

    parts: Sequence[Table | Note]

    def _repr_html_(self) -> str:
        return "".join(part._repr_html_() for part in self.parts)

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self.parts))


@dataclass(frozen=True)
class Slides:
    """Pictures of one kind behind a slider, which works in any browser without a kernel or another file.

    Attributes:
        title: What the slider changes.
        pictures: What each shows, to its PNG; all of one size.
        width: In pixels.
    """

    title: str
    pictures: Mapping[str, bytes]
    width: int

    def _repr_html_(self) -> str:
        shown = [
            f'<img src="data:image/png;base64,{base64.b64encode(content).decode()}" '
            f'alt="{escape(f"{self.title}: {name}")}" data-name="{escape(name)}" width="{self.width}">'
            for name, content in self.pictures.items()
        ]
        first = escape(next(iter(self.pictures)))
        return (
            f'<div class="slides"><label>{escape(self.title)} '
            f'<input type="range" min="0" max="{len(shown) - 1}" value="0" aria-valuetext="{first}" oninput="{SLIDE}">'
            f' <output>{first}</output></label><div class="frame">{shown[0]}</div>'
            f"<template>{''.join(shown)}</template></div>"
        )

    def __repr__(self) -> str:
        return f"{self.title}: {', '.join(self.pictures)}"


SLIDE = (
    "const all = this.closest('.slides'), next = all.querySelector('template').content.children[this.value];"
    "const name = next.dataset.name; all.querySelector('.frame').replaceChildren(next.cloneNode());"
    "all.querySelector('output').textContent = name; this.setAttribute('aria-valuetext', name)"
)


def lines(texts: Sequence[str]) -> Markup:
    """Show texts below each other; a dash where there are none."""
    return Markup("<br>".join(escape(text) for text in texts) or "–", "; ".join(texts) or "–")


def code(text: str) -> Markup:
    """Show a command in a frame of its own, which the book gives a button to copy it; lines break between words."""
    words = " ".join(f"<span>{escape(word)}</span>" for word in text.split(" "))
    return Markup(f'<div class="highlight command"><pre>{words}</pre></div>', text)


def download(name: str, content: str, kind: str = "text/csv") -> Markup:
    """Offer text as a file that needs no server."""
    data = base64.b64encode(content.encode()).decode()
    return Markup(
        f'<a download="{escape(name)}" href="data:{kind};charset=utf-8;base64,{data}">{escape(name)}</a>', name
    )


def percent(share: float) -> str:
    """Write a sparsity in per cent, with as many digits as keep what is left from looking like nothing."""
    digits = 0
    while share < 1 and round(100 * share, digits) >= 100:
        digits += 1
    return f"{100 * share:.{digits}f} %"


def verdict(name: str) -> Markup:
    """Show a verdict as a word in its colour."""
    return Markup(f'<span class="verdict {name.replace(" ", "-")}">{escape(name)}</span>', name)


def png(figure: Figure) -> bytes:
    """Render a figure; the same figure always gives the same bytes, whatever the reader's ``matplotlibrc`` asks for."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
