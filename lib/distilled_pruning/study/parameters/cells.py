"""Notebooks and what they declare: where they lie, and the lines of their parameters cell."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import disk, places
from ...errors import InputError, quoted, unknown
from .contents import FOLDER, contents_of, table
from .fields import FIELDS, Field

TAG = "parameters"


@dataclass(frozen=True)
class Declared:
    """One line of a notebook's parameters cell."""

    field: Field
    value: Any


def home() -> Path:
    """Give the folder with the pages and the recorded results at work, see :func:`.places.sources`.

    Raises:
        InputError: There is none.
    """
    found = places.sources()
    if found is None:
        raise InputError(
            "neither this folder nor one above is a copy of the book, and this installation holds none: "
            "run this from a copy, or install the wheel that is built from one, as the page Run it yourself says"
        )
    return found


def notebooks() -> list[str]:
    """List the names of the book's notebooks; whatever else lies in their folder is left alone."""
    root = home()
    pages = [root / f"{name}.ipynb" for name in contents_of(table(root)) if name.startswith(f"{FOLDER}/")]
    return sorted(path.stem for path in pages if path.is_file())


def text(cell: Mapping[str, Any]) -> str:
    """Give a cell's text."""
    return "".join(cell["source"])


def markdown(name: str, source: str) -> dict[str, Any]:
    """Make a cell of prose.

    Args:
        name: The cell's id.
        source: Its text.
    """
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def source(notebook: str | Path) -> Path:
    """Find a notebook by name or by path.

    Raises:
        InputError: There is none.
    """
    path = Path(notebook)
    if path.suffix == ".ipynb" or len(path.parts) > 1:
        path = places.named(path.with_suffix(".ipynb"))
        if not disk.is_file(path):
            raise InputError(f"there is no notebook {quoted(notebook)}: choose one of {', '.join(notebooks())}")
        return path
    if str(notebook) not in notebooks():
        raise unknown("notebook", str(notebook), notebooks())
    return home() / FOLDER / f"{notebook}.ipynb"


def cell(path: Path) -> str:
    """Give the text of a notebook's parameters cell."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        tagged = [text(item) for item in content["cells"] if TAG in item["metadata"].get("tags", ())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path.name} is not a readable notebook ({error}): restore it or save it again") from error
    if len(tagged) != 1:
        raise InputError(f"{path.name} must have one cell tagged {TAG!r}, not {len(tagged)}")
    return tagged[0]


def read(path: Path) -> dict[str, Declared]:
    """Read what a notebook declares: plain lines ``name: type = value  # help``.

    Raises:
        InputError: The cell holds anything else, or a name or type that :data:`.fields.FIELDS` does not know.
    """
    written = cell(path)
    found: dict[str, Declared] = {}
    try:
        statements = ast.parse(written).body
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 1)
        raise InputError(f"line {line} of the parameters cell of {path.name} is not Python") from error
    for line in statements:
        if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None):
            raise InputError(f"line {line.lineno} of the parameters cell of {path.name} must read 'name: type = value'")
        name, kind = line.target.id, ast.unparse(line.annotation)
        field = FIELDS.get(name)
        if field is None:
            raise unknown("parameter", name, FIELDS)
        if kind != field.type.__name__:
            raise InputError(f"{name} in {path.name} must be declared as {field.type.__name__}, not {kind}")
        try:
            value = ast.literal_eval(line.value)
        except (ValueError, TypeError):
            raise InputError(f"{name} in {path.name} must be a plain value, not {ast.unparse(line.value)}") from None
        found[name] = Declared(field, field.value(value))
    return found
