"""What a book is made of, hashed: so that nothing is executed or rendered again while nothing behind it changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ... import disk
from ...data.catalog import folder as data_folder
from ..campaign.steps import FILE as CAMPAIGN
from ..engine import machine
from ..engine.store import Store

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


def of_book(root: Path, pages: Sequence[str], waiting: Sequence[str], store: Store, address: str) -> str:
    """Hash all that a book shows: its sources, parameters and results, and what its estimates of time come from.

    Args:
        root: Folder with ``_toc.yml``.
        pages: Identities of the notebooks with all their results, see :func:`.execution.identity`.
        waiting: Notebooks whose results are not there yet.
        store: Where results are.
        address: Address of the sources on the web.
    """
    prose = digest_of([root / name for name in ("_toc.yml", "_config.yml", "book", "benchmarks")])
    kept = [_listing(shard) for shard in store.shards()]
    here = [machine.processor(), machine.name(), _listing(data_folder()), _listing(data_folder() / "distilled")]
    named = json.dumps([prose, list(pages), list(waiting), kept, here, address])
    return hashlib.sha256(named.encode()).hexdigest()


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    """List names, bytes and times of the last change of what lies in a folder."""
    found = []
    for path in disk.children(folder):
        with suppress(OSError):  # another process may remove it meanwhile
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
