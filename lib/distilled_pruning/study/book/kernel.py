"""What a kernel that executes a page finds around it: this Python, short paths, nothing of the user's own set-up."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET_BYTES = 103  # of a socket's path, the ending zero left out: macOS takes fewest
SOCKET_NAME = "/kernel-12345678/kernel-ipc-5"
NAME = "python3"
SPEC = {
    "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "The Python of this book",
    "language": "python",
}


def short_folder() -> str | None:
    """Give the folder for a kernel's sockets, ``None`` where paths in every folder at hand would be too long.

    Raises:
        OSError: No temporary file can be written.
    """
    places = (tempfile.gettempdir(), "/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR", ""))
    short = (place for place in places if place and len(os.fsencode(place + SOCKET_NAME)) <= SOCKET_BYTES)
    return next((place for place in short if os.access(place, os.W_OK | os.X_OK)), None)


@contextmanager
def surroundings() -> Iterator[dict[str, str]]:
    """Set up a folder for one kernel, lead this process to it for a while, and give how the kernel is reached.

    Ports are chosen before the kernel binds them, and kernels that start side by side may choose the same: so sockets
    are files where their paths are short enough.

    Raises:
        OSError: No temporary file can be written.
    """
    short = short_folder()
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="kernel-", dir=short, ignore_cleanup_errors=True) as folder:
        try:
            os.environ.update(variables(Path(folder)))
            os.environ.pop("PYTHONSTARTUP", None)
            yield {"transport": "ipc" if short else "tcp", "connection_file": f"{folder}/kernel.json"}
        finally:
            os.environ.clear()
            os.environ.update(before)


def variables(folder: Path) -> dict[str, str]:
    """Write what a kernel needs into a folder and give the environment variables that lead there.

    The kernel named :data:`NAME` is this Python, whatever others are installed under that name; the user's start-up
    files, profile and drawing window stay out of the page.
    """
    spec = folder / "jupyter" / "kernels" / NAME / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps(SPEC), encoding="utf-8")
    others = os.environ.get("JUPYTER_PATH")
    return {
        "JUPYTER_PATH": os.pathsep.join([str(folder / "jupyter"), *([others] if others else [])]),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLBACKEND": "agg",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
