"""Executed notebooks: made by papermill in processes of their own, reused while nothing behind them changed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ... import disk
from ...errors import InputError
from ...exits import FAILED, STOPPED
from ..engine.store import ENVIRONMENT
from . import kernel

_PARTIAL = ".partial"


class BuildError(RuntimeError):
    """The book could not be built although nothing is wrong with the input; one sentence.

    Attributes:
        code: The exit code that says so.
    """

    code = FAILED


class Stopped(BuildError):
    """The book was not built because training was told to stop; the same command goes on."""

    code = STOPPED


@dataclass(frozen=True)
class Page:
    """A notebook of the book.

    Attributes:
        name: Stem of its file.
        source: The notebook without outputs.
        parameters: Values to use instead of those in its parameters cell.
        keys: Keys of the jobs whose results it reads.
        store: Folder of the store it reads; empty for the usual one.
    """

    name: str
    source: Path
    parameters: Mapping[str, Any]
    keys: tuple[str, ...]
    store: str = ""


def check_kernel(source: Path) -> None:
    """Make sure that a notebook is for Python; which of the kernels for it is named there does not matter.

    An editor writes the name of the kernel that was last chosen there; a page is executed by this Python all the same.

    Raises:
        InputError: It is for another language, or the file is not a notebook.
    """
    try:
        metadata = json.loads(source.read_text(encoding="utf-8"))["metadata"]
        spec, about = metadata.get("kernelspec", {}), metadata.get("language_info", {})
        language = str(spec.get("language") or about.get("name") or "python")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{source.name} is not a readable notebook ({error}): restore it or save it again") from error
    if language.lower() not in ("python", "python3", "ipython"):
        raise InputError(f"{source.name} is written in {language}: pages of the book are in Python, so leave it out")


def identity(page: Page, around: str) -> str:
    """Hash all that decides what an executed page shows."""
    named = json.dumps([dict(page.parameters), sorted(page.keys), around], sort_keys=True, default=str)
    return hashlib.sha256(page.source.read_bytes() + named.encode()).hexdigest()


def is_fresh(executed: Path, wanted: str) -> bool:
    """Say whether an executed page is there and shows what would be shown again."""
    note = executed.with_suffix(".json")
    if not (executed.is_file() and note.is_file()):
        return False
    try:
        return bool(json.loads(note.read_text(encoding="utf-8"))["identity"] == wanted)
    except (ValueError, KeyError, TypeError, OSError):
        return False


def execute(source: str, target: str, parameters: dict[str, Any], folder: str, store: str = "") -> tuple[str, str, str]:
    """Execute one notebook in a kernel of its own; meant for a process of its own.

    Args:
        source: The notebook.
        target: Where its executed copy goes; written only when every cell has run.
        parameters: Values for its parameters.
        folder: Working directory.
        store: Folder of the store it reads; empty for the usual one.

    Returns:
        Three empty strings, or name and message of the error and the cell it came from.
    """
    if store:
        os.environ[ENVIRONMENT] = store
    import papermill
    from nbclient.exceptions import DeadKernelError
    from traitlets.config import Config

    parent = os.getppid()

    def make(place: Path) -> None:
        with kernel.surroundings() as reached:
            papermill.execute_notebook(
                _verbatim(source),
                _verbatim(str(place)),
                parameters,
                kernel_name=kernel.NAME,
                cwd=folder,
                progress_bar=False,
                start_timeout=180,
                extra_arguments=["--log-level=CRITICAL"],
                config=Config(KernelManager=reached),
            )
        if os.getppid() != parent:
            raise RuntimeError("whoever asked for the page was killed, and another build may be making it")

    try:
        disk.write_whole({Path(target): make}, Path(target).with_suffix(f".{os.getpid()}{_PARTIAL}"))
    except papermill.PapermillExecutionError as error:
        return error.ename, error.evalue, f"cell {error.exec_count}"
    except DeadKernelError:
        return "DeadKernelError", "its kernel was killed, perhaps for want of memory", ""
    except (RuntimeError, OSError) as error:
        return type(error).__name__, str(error), ""
    return "", "", ""


def _verbatim(path: str) -> str:
    """Write a path so that papermill, which puts parameters in the place of names in braces, takes it as it is."""
    return path.replace("{", "{{").replace("}", "}}")


def execute_all(stale: Mapping[str, Page], build: Path, root: Path, jobs: int, note: Callable[[str], None]) -> None:
    """Execute pages, at most ``jobs`` side by side, each in a process of its own.

    Args:
        stale: Identity to page.
        build: The folder ``_build``.
        root: Working directory of the notebooks.
        jobs: Number of processes.
        note: Receives a line of progress.

    Raises:
        InputError: A notebook stopped because of its parameters.
        BuildError: A cell failed or a process was killed.
    """
    folder = build / "executed"
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"*{_PARTIAL}"):
        disk.remove(leftover)
    for page in stale.values():
        (folder / f"{page.name}.json").unlink(missing_ok=True)
    started = time.monotonic()
    done = 0
    with ProcessPoolExecutor(
        max(1, min(jobs, len(stale))), mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        futures = {
            pool.submit(
                execute,
                str(page.source),
                str(folder / f"{page.name}.ipynb"),
                dict(page.parameters),
                str(root),
                page.store,
            ): (key, page)
            for key, page in stale.items()
        }
        try:
            for future in as_completed(futures):
                key, page = futures[future]
                name, message, cell = future.result()
                if name == InputError.__name__:
                    raise InputError(f"{page.name}: {message}")
                if name:
                    where = f" in {cell}" if cell else ""
                    raise BuildError(f"notebook {page.name} failed{where}: {name}: {' '.join(message.split())}")
                (folder / f"{page.name}.json").write_text(json.dumps({"identity": key}), encoding="utf-8")
                done += 1
                left = (time.monotonic() - started) / done * (len(stale) - done)
                note(f"{page.name} ({done}/{len(stale)}" + (f", about {left:.0f} s left)" if left else ")"))
        except BrokenProcessPool as error:
            raise BuildError("a process that executed a notebook was killed, perhaps for want of memory") from error
        finally:
            pool.shutdown(cancel_futures=True)
