"""The folder ``_build``: whether it can be written, that one build at a time is at work in it, and how far that is."""

from __future__ import annotations

import errno
import fcntl
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ...errors import InputError

REFUSED = {
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY")
}


def refusal(build: Path, error: OSError) -> InputError:
    """Build the error for a folder that cannot be written."""
    said = f"{error.strerror or error}: {error.filename}" if error.filename else error.strerror or error
    return InputError(
        f"the book cannot be written into {build} ({said}): get leave to write there, make room, or remove {build}"
    )


def check(build: Path) -> None:
    """Make sure that pages can be written, before any time is spent on them.

    Raises:
        InputError: They cannot.
    """
    for folder in (build, *(build / name for name in ("executed", "awaiting", "stage", "render", "html"))):
        try:
            if folder == build or folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            error.filename = str(folder)
            raise refusal(build, error) from error


@contextmanager
def alone(build: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder while pages are executed and rendered; a second build waits for the first.

    Args:
        build: The folder.
        note: Receives a line about the wait.

    Raises:
        InputError: Something in it cannot be written.
    """
    try:
        with (build / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note(f"another build is at work in {build}: waiting for its end")
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError:
                pass  # a file system without locks
            yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        raise refusal(build, error) from error


class Phases:
    """Says which phase of a build is on, how long it took last time, and what happens within it."""

    def __init__(self, build: Path, stream: TextIO | None = None) -> None:
        """Remember the folder that keeps the times of the last build; by default, report on standard error."""
        self._stream = stream
        self._file = build / "seconds.json"
        try:
            self._last: dict[str, float] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._last = {}

    @contextmanager
    def phase(self, name: str, detail: str) -> Iterator[None]:
        """Announce a phase and keep the seconds it took."""
        last = self._last.get(name)
        expected = f", {last:.0f} s last time" if last is not None else ""
        self.note(f"{name}: {detail}{expected}")
        started = time.monotonic()
        yield
        self._last[name] = time.monotonic() - started
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._last), encoding="utf-8")

    def note(self, line: str) -> None:
        """Print a line of progress."""
        print(f"book: {line}", file=self._stream or sys.stderr, flush=True)
