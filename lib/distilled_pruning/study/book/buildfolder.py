"""The folder ``_build``: whether it can be written, and that one build at a time is at work in it."""

from __future__ import annotations

import errno
import fcntl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
