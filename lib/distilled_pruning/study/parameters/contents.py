"""The book's table of contents, ``_toc.yml``: which pages there are, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError

FOLDER = "notebooks"
FILE = "_toc.yml"


def table(root: Path) -> Any:
    """Read the table of contents.

    Raises:
        InputError: There is none, or it is not YAML.
    """
    path = root / FILE
    if not path.is_file():
        raise InputError(f"there is no {FILE} in {root}: run this from the folder of the book or name it")
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


def contents(root: Path) -> list[str]:
    """List the book's files in order.

    Raises:
        InputError: As :func:`table`, or a page it names does not exist.
    """
    found = contents_of(table(root))
    for name in found:
        if not any((root / (name + ending)).is_file() for ending in (".md", ".ipynb")):
            raise InputError(f"{FILE} names the page {name!r}, but there is no {name}.md and no {name}.ipynb")
    return found


def contents_of(node: Any) -> list[str]:
    """List the files that a table of contents names, in order."""
    if isinstance(node, Mapping):
        own = [str(node[key]) for key in ("root", "file") if key in node]
        return own + [name for key in ("parts", "chapters", "sections") for name in contents_of(node.get(key))]
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [name for item in node for name in contents_of(item)]
    return []


def notebooks_of(root: Path) -> list[str]:
    """List the names of the notebooks in the book, in order."""
    return [Path(name).name for name in contents(root) if name.startswith(f"{FOLDER}/")]


def stray(root: Path) -> list[str]:
    """List the notebooks that lie beside those of the book and are none of its pages; hidden files are left out."""
    known = contents_of(table(root))
    found = (f"{FOLDER}/{path.stem}" for path in (root / FOLDER).glob("[!.]*.ipynb"))
    return sorted(f"{name}.ipynb" for name in found if name not in known)


def without(node: Any, left_out: Sequence[str]) -> Any:
    """Give a table of contents without some files."""
    if isinstance(node, Mapping):
        return {key: without(value, left_out) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [
            without(item, left_out) for item in node if not (isinstance(item, Mapping) and item.get("file") in left_out)
        ]
    return node
