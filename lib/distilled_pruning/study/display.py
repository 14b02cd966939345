"""What a notebook's cells show: tables and notes, as HTML for the book and as text for a terminal."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Markup:
    """Text that is HTML already."""

    html: str
    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


def markup(value: Any) -> str:
    """Give a value as HTML."""
    return value.html if isinstance(value, Markup) else escape(str(value))


def bound(text: str) -> str:
    """Give text as HTML in which no line ends between a number and its unit, or within an equation."""
    return escape(text).replace(" = ", "&nbsp;=&nbsp;").replace(" %", "&nbsp;%")


@dataclass(frozen=True)
class Table:
    """A small table; the first cell of a row is its heading.

    Attributes:
        columns: Headings.
        rows: Cells; text, or :class:`Markup`.
        note: A line below.
        after: What stands below that.
        caption: What it tabulates.
        kind: CSS classes; a ``ledger`` becomes cards on a phone, anything else scrolls in its own frame.
        folded: Show the caption alone, and the table behind a click.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    after: Note | None = None
    caption: str = ""
    kind: str = "table"
    folded: bool = False

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in self.columns)
        body = "".join(f"<tr>{self._cells(row)}</tr>" for row in self.rows)
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption and not self.folded else ""
        found = f'<table class="{self.kind}">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        if self.kind == "table":
            named = escape(self.caption or f"Table of {', '.join(self.columns)}")
            found = f'<div class="wide" tabindex="0" role="region" aria-label="{named}">{found}</div>'
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        after = self.after._repr_html_() if self.after is not None else ""
        if self.folded:
            many = f"{len(self.rows)} row{'s' if len(self.rows) != 1 else ''}"
            return fold(f"{self.caption or 'All numbers'} ({many})", found + note) + after
        return found + note + after

    def _cells(self, row: Sequence[Any]) -> str:
        """Write a row; cells say their column, for a phone that sets them below each other."""
        first, *others = row
        rest = zip(self.columns[1:], others, strict=True)
        cells = "".join(f'<td data-label="{escape(name)}">{markup(cell)}</td>' for name, cell in rest)
        return f'<th scope="row">{markup(first)}</th>{cells}'

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
class Picture:
    """A figure with its caption, as the book shows it: a drawing for screens, another for phones where there is one.

    Attributes:
        wide: The drawing, as SVG.
        alt: What is seen in it.
        width: In pixels.
        caption: What it is and how it is read; its first words may be set off by :class:`Markup`.
        narrow: The drawing for phones; empty for the same.
        about: One line below the caption.
        name: Anchor to link to.
    """

    wide: bytes
    alt: str
    width: int
    caption: Markup | str = ""
    narrow: bytes = b""
    about: Markup | str = ""
    name: str = ""

    def _repr_html_(self) -> str:
        phone = f'<source media="(max-width: 700px)" srcset="{link(self.narrow)}">' if self.narrow else ""
        image = f'<img class="drawing" src="{link(self.wide)}" alt="{escape(self.alt)}" width="{self.width}">'
        caption = f"<figcaption>{markup(self.caption)}</figcaption>" if str(self.caption) else ""
        about = f'<p class="about">{markup(self.about)}</p>' if str(self.about) else ""
        anchor = f' id="{escape(self.name)}"' if self.name else ""
        return f'<figure class="evidence"{anchor}><picture>{phone}{image}</picture>{caption}{about}</figure>'

    def __repr__(self) -> str:
        return "\n".join(text for text in (self.alt, str(self.caption), str(self.about)) if text)


@dataclass(frozen=True)
class Folded:
    """What is shown behind a click.

    Attributes:
        title: What to click on.
        parts: What opens.
    """

    title: str
    parts: Sequence[Table | Note | Picture]

    def _repr_html_(self) -> str:
        return fold(self.title, "".join(part._repr_html_() for part in self.parts))

    def __repr__(self) -> str:
        return "\n\n".join([self.title, *map(repr, self.parts)])


@dataclass(frozen=True)
class Stack:
    """What a cell shows, one below the other."""

    parts: Sequence[Table | Note | Picture | Answer]

    def _repr_html_(self) -> str:
        return "".join(part._repr_html_() for part in self.parts)

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self.parts))


@dataclass(frozen=True)
class Answer:
    """A question whose answer lies behind a click.

    Attributes:
        question: The question.
        answer: The answer.
    """

    question: str
    answer: Markup | str

    def _repr_html_(self) -> str:
        return fold(self.question, f"<p>{markup(self.answer)}</p>")

    def __repr__(self) -> str:
        return f"{self.question}\n{self.answer}"


@dataclass(frozen=True)
class Slides:
    """Pictures of one kind behind a slider, which works in any browser without a kernel or another file.

    Attributes:
        title: What the slider changes.
        pictures: What each shows, to its SVG; all of one size.
        width: In pixels.
        seen: What is seen in each, by its name.
        caption: How they are read.
    """

    title: str
    pictures: Mapping[str, bytes]
    width: int
    seen: Mapping[str, str] = field(default_factory=dict)
    caption: str = ""

    def _repr_html_(self) -> str:
        shown = [
            f'<img src="{link(content)}" alt="{escape(self.seen.get(name, f"{self.title}: {name}"))}" '
            f'data-name="{escape(name)}" width="{self.width}">'
            for name, content in self.pictures.items()
        ]
        first = escape(next(iter(self.pictures)))
        return (
            f'<div class="slides"><label>{escape(self.title)} '
            f'<input type="range" min="0" max="{len(shown) - 1}" value="0" aria-valuetext="{first}" oninput="{_SLIDE}">'
            f' <output>{first}</output></label><figure><div class="frame" aria-live="polite">{shown[0]}</div>'
            f"<figcaption>{escape(self.caption or self.title)}</figcaption></figure>"
            f"<template>{''.join(shown)}</template></div>"
        )

    def __repr__(self) -> str:
        return f"{self.title}: {', '.join(self.pictures)}"


_SLIDE = (
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


def download(name: str, frame: pd.DataFrame) -> Markup:
    """Offer a figure's data as a CSV file that needs no server.

    Args:
        name: Of the file.
        frame: The data; nine digits are all of a float32, which measured numbers are.
    """
    data = base64.b64encode(frame.to_csv(index=False, float_format="%.9g").encode()).decode()
    return Markup(f'<a download="{escape(name)}" href="data:text/csv;charset=utf-8;base64,{data}">Data</a>', name)


def percent(share: float) -> str:
    """Write a sparsity in per cent, with as many digits as keep what is left from looking like nothing."""
    digits = 0
    while share < 1 and round(100 * share, digits) >= 100:
        digits += 1
    return f"{100 * share:.{digits}f} %"


def verdict(name: str, word: str = "") -> Markup:
    """Show a verdict as a word in its colour; as another word where that says more."""
    shown = word or name
    return Markup(f'<span class="verdict {name.replace(" ", "-")}">{escape(shown)}</span>', shown)


def fold(title: str, content: str) -> str:
    """Put HTML behind a click."""
    return f'<details class="fold"><summary>{escape(title)}</summary>{content}</details>'


def link(drawing: bytes) -> str:
    """Give the address of a drawing that needs no file."""
    kind = "png" if drawing.startswith(b"\x89PNG") else "svg+xml"
    return f"data:image/{kind};base64,{base64.b64encode(drawing).decode()}"


_PLACES = re.compile(rb' d="[^"]*"| [xy]="[^"]*"|translate\([^)]*\)')
_FINER = re.compile(rb"(\.\d\d)\d+")  # hundredths of a point


def svg(figure: Figure, about: str = "") -> bytes:
    """Render a figure; the same figure always gives the same bytes, whatever the reader's ``matplotlibrc`` asks for.

    Args:
        figure: The figure.
        about: Parameters and origin, kept in the file's metadata.
    """
    drawn = _render(figure, "svg", {"Date": None, "Creator": None, "Description": about or None})
    drawn = re.sub(rb"\n +", b"\n", drawn)  # a twelfth of a page's bytes is the indentation of letters
    return _PLACES.sub(lambda place: _FINER.sub(rb"\1", place[0]), drawn)  # nor what no screen resolves


def png(figure: Figure) -> bytes:
    """Render a figure in pixels, as :func:`svg` does in lines."""
    return _render(figure, "png", {"Software": None})


def _render(figure: Figure, kind: str, metadata: Mapping[str, str | None]) -> bytes:
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = "distilled-pruning"
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()
