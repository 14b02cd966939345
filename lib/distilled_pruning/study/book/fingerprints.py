"""What a book is made of, hashed: so that nothing is executed or rendered again while nothing behind it changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ... import disk
from ...data.catalog import folder as data_folder
from ..campaign.steps import FILE as CAMPAIGN
from ..engine import machine
from ..parameters.notebooks import FOLDER
from ..sections.section import Section

_NOTE = "html.json"


def digest_of(paths: Iterable[Path]) -> str:
    """Hash names and bytes of files, and of all files below folders; caches, hidden files and backups are left out."""
    total = hashlib.sha256()
    for path in paths:
        files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
        for file in files:
            name = file.relative_to(path.parent)
            if not any(part.startswith((".", "__pycache__")) or part.endswith("~") for part in name.parts):
                total.update(f"{name}\0{file.stat().st_size}\0".encode())
                total.update(file.read_bytes())
    return total.hexdigest()


def surroundings(root: Path) -> str:
    """Hash what every page depends on besides its own notebook: the library, recorded results, campaign, packages."""
    return digest_of([Path(__file__).parents[2], root / "results", root / CAMPAIGN, root / "requirements.lock"])


def of_book(root: Path, sections: Sequence[Section], waiting: Sequence[str], around: str, address: str) -> str:
    """Hash all that a book shows: its sources, parameters and results, and what its estimates of time come from.

    Args:
        root: Folder with ``_toc.yml``.
        sections: The notebooks under their parameters, those on what-if pages too.
        waiting: Notebooks whose results are not there yet.
        around: What every page depends on, see :func:`surroundings`.
        address: Address of the sources on the web.
    """
    sources = [root / name for name in ("_toc.yml", "_config.yml", "book", FOLDER, "benchmarks")]
    shown = [(section.name, dict(section.parameters.stored)) for section in sections]
    stores = {section.store.root: section.store for section in sections}
    kept = [(shard, _listing(shard)) for store in stores.values() for shard in store.shards()]
    here = [machine.processor(), machine.name(), _listing(data_folder()), _listing(data_folder() / "distilled")]
    named = json.dumps([around, address, shown, list(waiting), kept, here], sort_keys=True, default=str)
    return hashlib.sha256((digest_of(sources) + named).encode()).hexdigest()


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    """List names, bytes and times of the last change of what lies in a folder."""
    found = []
    for path in disk.children(folder):
        state = path.lstat()
        found.append((path.name, state.st_size, state.st_mtime_ns))
    return found


def keep(build: Path, fingerprint: str) -> None:
    """Note what the pages that stand were made of."""
    disk.write_whole({build / _NOTE: json.dumps(_standing(build, fingerprint)).encode()})


def stands(build: Path, fingerprint: str) -> bool:
    """Say whether the pages that stand, and what they were made from, are those of this fingerprint."""
    try:
        return bool(json.loads((build / _NOTE).read_text(encoding="utf-8")) == _standing(build, fingerprint))
    except (OSError, ValueError):
        return False


def _standing(build: Path, fingerprint: str) -> dict[str, Any]:
    """Describe what lies in ``_build`` beside a fingerprint: somebody may have removed a part of it."""
    pages = [page.resolve().relative_to(build.resolve()).as_posix() for page in build.glob("html/**/*.html")]
    executed = [page.name for page in disk.children(build / "executed")]
    return {
        "book": fingerprint,
        "pages": sorted(pages),
        "executed": executed,
        "staged": (build / "stage/_toc.yml").exists(),
    }
