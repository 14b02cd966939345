"""Pages whose own results nobody has computed yet: what the paper says, the plan, and what larger runs recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...errors import InputError
from ..parameters.cells import markdown, text

RUN, RECORDED = "page.run()", "## Recorded"
NOTE = """```{{note}}
This page waits for results of its own. `make book` computes them, one page after another, and renders the book again
as pages fill; where it was stopped, the same command goes on. The plan above counts from an empty store. Below stands
what larger runs have recorded, where there is such a run. To have this page before the others,

    distilled-pruning run {name}
    make book
```"""


def awaiting(notebook: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Leave out of a notebook its run and what shows its results, and say how to get them.

    Args:
        notebook: The notebook, which computes in a cell ``page.run()`` and has a heading ``## Recorded`` after its
            own results.
        name: Its name.

    Raises:
        InputError: It lacks one of these, or has them the other way round.
    """
    cells = list(notebook["cells"])
    first = place(cells, lambda cell: cell["cell_type"] == "code" and text(cell).strip() == RUN)
    last = place(cells, lambda cell: cell["cell_type"] == "markdown" and text(cell).startswith(RECORDED))
    if not 0 <= first < last:
        raise InputError(f"{name} needs a cell {RUN!r} and, after its results, a cell that begins with {RECORDED!r}")
    note = markdown("awaiting", NOTE.format(name=name))
    return {**notebook, "cells": [*cells[:first], note, *cells[last:]]}


def place(cells: Sequence[Any], wanted: Callable[[Any], bool]) -> int:
    """Give the place of the first cell that is wanted, −1 if there is none."""
    return next((index for index, cell in enumerate(cells) if wanted(cell)), -1)
