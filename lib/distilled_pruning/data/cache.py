"""What can be made again: the user's cache, files that appear whole or not at all, and digests that are remembered."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from .. import disk, places
from ..errors import InputError

CACHE = "DISTILLED_PRUNING_CACHE"
SMALL = 64 * 2**20
SETTLED_SECONDS = 2.0
NAMED = 20
SPECIAL = "a pipe, a device or a socket, and a regular file is needed"


def cache_folder() -> Path:
    """Give the folder for what can be made again: ``DISTILLED_PRUNING_CACHE``, else the user's cache."""
    given = os.environ.get(CACHE)
    if given:
        return places.locate(given)
    user = Path(os.environ.get("XDG_CACHE_HOME") or disk.expand("~/.cache"))
    return user / places.NAME if user.is_absolute() else places.default("_build") / "cache"  # not every user has a home


def digest(
    files: Sequence[tuple[str, Path]], mark: Callable[[bytes], str] | None = None, *, fresh: bool = False
) -> str:
    """Hash files under the labels given; a file labelled ``""`` by its bytes alone.

    Another file can have the name, size and time of one before it (``cp -p``, ``touch -r``). So the content is read
    each time, up to :data:`SMALL` bytes in all. Of more the digest is remembered as long as also the files' inodes and
    the times of their last change stay, which nobody can set. It is not remembered where a file has just changed, since
    what follows within a tick of the clock would not show.

    Args:
        files: Label and file, in the order that counts.
        mark: Says of a file's bytes what else decides how it is read; nothing where it says nothing.
        fresh: Read the files even if their digest is remembered.

    Raises:
        InputError: Files that cannot be read, all of them named.
    """
    stamp, size, newest = hashlib.sha256(b"marked\n" if mark is not None else b""), 0, 0
    problems: list[tuple[Path, str]] = []
    for label, file in files:
        try:
            facts = file.stat()
        except OSError as error:
            problems.append((file, error.strerror or str(error)))
            continue
        if not stat.S_ISREG(facts.st_mode):
            problems.append((file, SPECIAL))
            continue
        identity = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        stamp.update(_encode(f"{label} {file} {identity}\n"))
        size, newest = size + facts.st_size, max(newest, facts.st_mtime_ns, facts.st_ctime_ns)
    refuse("cannot be read", problems)
    settled = time.time_ns() - newest > SETTLED_SECONDS * 1e9 and size > SMALL
    memory = cache_folder() / "digests" / stamp.hexdigest()
    if settled and not fresh and memory.is_file() and len(known := memory.read_text()) == 64:
        return known
    content = hashlib.sha256()
    for label, file in files:
        try:
            data = file.read_bytes()
        except OSError as error:
            problems.append((file, error.strerror or str(error)))
            continue
        content.update(_encode(f"{label} {len(data)}\n") if label else b"")
        content.update(data)
        content.update(_encode(mark(data)) if mark is not None else b"")
    refuse("cannot be read", problems)
    if settled:
        with suppress(OSError):
            disk.write_whole({memory: content.hexdigest().encode()})
    return content.hexdigest()


def _encode(text: str) -> bytes:
    """Encode file names, which need not be UTF-8 where the system takes any bytes."""
    return text.encode(errors="surrogateescape")


def refuse(what: str, problems: Iterable[tuple[Path, str]]) -> None:
    """Raise :class:`InputError` that names every file with a problem, if there is one."""
    found = list(problems)
    if not found:
        return
    if len(found) == 1:
        raise InputError(f"{found[0][0]} {what} ({found[0][1]}): replace it or take it away")
    folder = Path(os.path.commonpath([file.parent for file, _ in found]))
    named = [f"{file.relative_to(folder)} ({reason})" for file, reason in found[:NAMED]]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    verb = what.replace("is not a", "are not").replace("image", "images") if "image" in what else what
    raise InputError(f"{len(found)} files in {folder} {verb}: {', '.join(named)}{more}; replace them or take them away")
