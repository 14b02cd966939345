"""The book's pages: which there are, where they lie, and what the parameters cell of a notebook declares."""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import disk, places
from ...errors import InputError, quote, unknown
from .fields import FIELDS, Field

FILE = "_toc.yml"
FOLDER = "notebooks"
TAG = "parameters"


def read_contents(root: Path) -> Any:
    """Read the table of contents.

    Raises:
        InputError: There is none, or it is not YAML.
    """
    path = root / FILE
    if not path.is_file():
        raise InputError(f"there is no {FILE} in {root}: run this from the folder of the book or name it")
    stamp = path.stat()
    return _read_contents(path, (stamp.st_mtime_ns, stamp.st_size))


@functools.lru_cache(maxsize=4)
def _read_contents(path: Path, _stamp: tuple[int, int]) -> Any:
    """Read it once; the second argument makes an edited file count as another."""
    return read_yaml(path)


def read_yaml(path: Path) -> Any:
    """Read one of the book's own files.

    Raises:
        InputError: It cannot be read, or is not YAML.
    """
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({said}): mend it or restore it from git") from error


def list_pages(root: Path) -> list[str]:
    """List the book's files in order.

    Raises:
        InputError: As :func:`read_contents`, or a page it names does not exist.
    """
    found = list_files(read_contents(root))
    for name in found:
        if not any((root / (name + ending)).is_file() for ending in (".md", ".ipynb")):
            raise InputError(f"{FILE} names the page {name!r}, but there is no {name}.md and no {name}.ipynb")
    return found


def list_files(node: Any) -> list[str]:
    """List the files that a table of contents names, in order."""
    if isinstance(node, Mapping):
        own = [str(node[key]) for key in ("root", "file") if key in node]
        return own + [name for key in ("parts", "chapters", "sections") for name in list_files(node.get(key))]
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [name for item in node for name in list_files(item)]
    return []


def notebooks_of(root: Path) -> list[str]:
    """List the names of the notebooks in the book, in order."""
    return [Path(name).name for name in list_pages(root) if name.startswith(f"{FOLDER}/")]


def list_stray(root: Path) -> list[str]:
    """List the notebooks that lie beside those of the book and are none of its pages; hidden files are left out."""
    known = list_files(read_contents(root))
    found = (f"{FOLDER}/{path.stem}" for path in (root / FOLDER).glob("[!.]*.ipynb"))
    return sorted(f"{name}.ipynb" for name in found if name not in known)


def leave_out(node: Any, names: Sequence[str]) -> Any:
    """Give a table of contents without some files."""
    if isinstance(node, Mapping):
        return {key: leave_out(value, names) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [
            leave_out(item, names) for item in node if not (isinstance(item, Mapping) and item.get("file") in names)
        ]
    return node


@dataclass(frozen=True)
class _Declared:
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
    pages = [root / f"{name}.ipynb" for name in list_files(read_contents(root)) if name.startswith(f"{FOLDER}/")]
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
        path = places.locate(path.with_suffix(".ipynb"))
        if not disk.is_file(path):
            raise InputError(f"there is no notebook {quote(notebook)}: choose one of {', '.join(notebooks())}")
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


def read(path: Path) -> dict[str, _Declared]:
    """Read what a notebook declares: plain lines ``name: type = value  # help``.

    Raises:
        InputError: The cell holds anything else, or a name or type that :data:`.fields.FIELDS` does not know.
    """
    written = cell(path)
    found: dict[str, _Declared] = {}
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
        found[name] = _Declared(field, field.value(value))
    return found
