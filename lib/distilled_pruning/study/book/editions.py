"""How a notebook becomes a page: what needs a run stands in one fold, and a page that was not run loses only that."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..parameters.notebooks import TAG, markdown, text

RUN, FOLD, HEADING = "page.run()", "## On your machine", "## "
INJECTED, START = "injected-parameters", "start"
OPENED, CLOSED = '<details class="fold run">\n<summary>Parameters, plan, run and its figures</summary>', "</details>"
NOTE = """Not run in this build. To have this page before the others:

    distilled-pruning run {name}
    make book"""
EMBEDDED = re.compile(
    r'(?<=")data:(text/csv|image/svg\+xml|image/png)(?:;charset=utf-8)?;base64,([A-Za-z0-9+/=]+)(?=")'
)
PICTURES = "_static/pages"  # where a rendered book keeps them
ENDINGS = {"text/csv": "csv", "image/svg+xml": "svg", "image/png": "png"}
DRAWING = re.compile(r'(<picture>.*?<img class="drawing" src="([^"]+)"[^>]*></picture>)')


def awaiting(notebook: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Leave out of a notebook its run and what shows its results, and say how to get them.

    Args:
        notebook: The notebook, which has a section :data:`FOLD`, and computes there in a cell ``page.run()``.
        name: Its name.

    Raises:
        InputError: It lacks one of these, or has them the other way round.
    """
    cells = list(notebook["cells"])
    first, last = section(cells)
    run = place(cells, lambda cell: cell["cell_type"] == "code" and text(cell).strip() == RUN)
    if not 0 <= first < run < last:
        raise InputError(f"{name} needs a section {FOLD!r} and, in it, a cell {RUN!r}")
    return {**notebook, "cells": [*cells[:run], markdown("awaiting", NOTE.format(name=name)), *cells[last:]]}


def section(cells: Sequence[Any]) -> tuple[int, int]:
    """Give the places of the heading of what is the reader's to run, and of the heading after it; −1 without one."""
    first = place(cells, lambda cell: cell["cell_type"] == "markdown" and text(cell).startswith(FOLD))
    after = place(cells[first + 1 :], lambda cell: cell["cell_type"] == "markdown" and text(cell).startswith(HEADING))
    return first, len(cells) if after < 0 else first + 1 + after


def place(cells: Sequence[Any], wanted: Callable[[Any], bool]) -> int:
    """Give the place of the first cell that is wanted, −1 if there is none."""
    return next((index for index, cell in enumerate(cells) if wanted(cell)), -1)


def arranged(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Fold what is the reader's to run, parameters included, which a notebook must begin with, but no page.

    Args:
        notebook: An executed notebook; one without a section :data:`FOLD` is given back as it is.
    """
    cells = list(notebook["cells"])
    if section(cells)[0] < 0:
        return dict(notebook)

    def first(cell: Mapping[str, Any]) -> bool:
        tags = cell["metadata"].get("tags", ())
        return TAG in tags or INJECTED in tags or cell.get("id") == START

    moved, kept = [cell for cell in cells if first(cell)], [cell for cell in cells if not first(cell)]
    begin, end = section(kept)
    inside = [markdown("fold", OPENED), *moved, *kept[begin + 1 : end], markdown("unfold", CLOSED)]
    return {**notebook, "cells": [*kept[: begin + 1], *inside, *kept[end:]]}


def unpacked(notebook: Mapping[str, Any], folder: Path, address: str) -> dict[str, Any]:
    """Write drawings and data that cells carry within their HTML to files, see :func:`unpack`.

    Args:
        notebook: An executed notebook.
        folder: Where the files go.
        address: How the page reaches that folder.
    """
    cells = []
    for cell in notebook["cells"]:
        outputs = []
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "text/html" in data:
                html = unpack("".join(data["text/html"]), folder, address)
                output = {**output, "data": {**data, "text/html": html}}
            outputs.append(output)
        cells.append({**cell, "outputs": outputs} if "outputs" in cell else cell)
    return {**notebook, "cells": cells}


def unpack(html: str, folder: Path, address: str) -> str:
    """Write drawings and data that a page carries within its HTML to files, each once, and let drawings be enlarged.

    Args:
        html: The page, or a part of it.
        folder: Where the files go.
        address: How the page reaches that folder.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def written(found: re.Match[str]) -> str:
        content = base64.b64decode(found[2])
        path = folder / file_name(content, ENDINGS[found[1]])
        path.write_bytes(content)
        return f"{address}/{path.name}"

    return DRAWING.sub(r'<a href="\2" title="Open the figure alone">\1</a>', EMBEDDED.sub(written, html))


def file_name(content: bytes, ending: str) -> str:
    """Name a file by what is in it, so that the same is kept once."""
    return f"{hashlib.sha256(content).hexdigest()[:16]}.{ending}"
