"""Build the book: train what is missing, execute the notebooks, fill in the prose, render.

Sources are never written to. Everything made lies under ``_build``: ``executed/`` holds papermill's copies, ``stage/``
the book as it is rendered, ``html/`` the result, which replaces an earlier one only when the new one is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ..errors import InputError
from . import pages

FOLDER = "notebooks"
PHASES = ("train what is missing", "execute the notebooks", "render the pages")
STOPPED = "InputError"


class BuildError(RuntimeError):
    """The book could not be built although nothing is wrong with the input; one sentence."""


@dataclass(frozen=True)
class Page:
    """A notebook of the book.

    Attributes:
        name: Stem of its file.
        source: The notebook without outputs.
        parameters: Values to use instead of those in its parameters cell.
        keys: Keys of the jobs whose results it reads.
    """

    name: str
    source: Path
    parameters: Mapping[str, Any]
    keys: tuple[str, ...]


def contents(root: Path) -> list[str]:
    """List the book's files in order, as ``_toc.yml`` names them.

    Raises:
        InputError: There is no readable ``_toc.yml``, or a page it names does not exist.
    """
    import yaml

    path = root / "_toc.yml"
    if not path.is_file():
        raise InputError(f"there is no _toc.yml in {root}: run this from the folder of the book or name it")
    found = contents_of(yaml.safe_load(path.read_text(encoding="utf-8")))
    for name in found:
        if not any((root / (name + ending)).is_file() for ending in (".md", ".ipynb")):
            raise InputError(f"_toc.yml names the page {name!r}, but there is no {name}.md and no {name}.ipynb")
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


def check_kernel(source: Path) -> None:
    """Make sure that the kernel a notebook asks for is installed.

    Raises:
        InputError: It is not, or the file is not a notebook.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    try:
        metadata = json.loads(source.read_text(encoding="utf-8"))["metadata"]
        name = metadata.get("kernelspec", {}).get("name", "python3")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{source.name} is not a readable notebook ({error}): restore it or save it again") from error
    known = KernelSpecManager().find_kernel_specs()
    if name not in known:
        raise InputError(
            f"{source.name} asks for the kernel {name!r}, which is not installed here: "
            f"choose one of {', '.join(sorted(known)) or 'none (install ipykernel)'}"
        )


def digest_of(paths: Iterable[Path]) -> str:
    """Hash the names and bytes of files, and of all files below folders; caches of Python are left out."""
    total = hashlib.sha256()
    for path in paths:
        files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
        for file in files:
            if "__pycache__" not in file.parts:
                total.update(f"{file.relative_to(path.parent)}\0{file.stat().st_size}\0".encode())
                total.update(file.read_bytes())
    return total.hexdigest()


def surroundings(root: Path) -> str:
    """Hash what every page depends on besides its own notebook: the library, the recorded results, the packages."""
    return digest_of([Path(__file__).parent.parent, root / "results", root / "requirements.lock"])


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
    except (ValueError, KeyError):
        return False


def execute(source: str, target: str, parameters: dict[str, Any], folder: str) -> tuple[str, str, str]:
    """Execute one notebook in a kernel of its own; meant for a process of its own.

    Args:
        source: The notebook.
        target: Where its executed copy goes; written only when every cell has run.
        parameters: Values for its parameters.
        folder: Working directory.

    Returns:
        Three empty strings, or name and message of the error and the cell it came from.
    """
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    import papermill
    from nbclient.exceptions import DeadKernelError

    partial = Path(target).with_suffix(".partial.ipynb")
    try:
        papermill.execute_notebook(
            source,
            str(partial),
            parameters,
            cwd=folder,
            progress_bar=False,
            start_timeout=180,
            extra_arguments=["--log-level=CRITICAL"],
        )
    except papermill.PapermillExecutionError as error:
        return error.ename, error.evalue, f"cell {error.exec_count}"
    except DeadKernelError:
        return "DeadKernelError", "its kernel was killed, perhaps for want of memory", ""
    except RuntimeError as error:
        return type(error).__name__, str(error), ""
    else:
        partial.replace(target)
        return "", "", ""
    finally:
        partial.unlink(missing_ok=True)


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
    started = time.monotonic()
    done = 0
    with ProcessPoolExecutor(
        max(1, min(jobs, len(stale))), mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        futures = {
            pool.submit(
                execute, str(page.source), str(folder / f"{page.name}.ipynb"), dict(page.parameters), str(root)
            ): (key, page)
            for key, page in stale.items()
        }
        try:
            for future in as_completed(futures):
                key, page = futures[future]
                name, message, cell = future.result()
                if name == STOPPED:
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


def stage(root: Path, build: Path, parts: Mapping[str, str], ledger: Sequence[Mapping[str, Any]]) -> Path:
    """Lay out the book to render: prose with its generated parts, executed notebooks, styles, the ledger as a file."""
    target = build / "stage"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy2(root / name, target / name)
    shutil.copytree(root / "book", target / "book")
    for path in (target / "book").rglob("*.md"):
        path.write_text(pages.fill(path.read_text(encoding="utf-8"), parts), encoding="utf-8")
    if (target / "book/assets").is_dir():
        shutil.move(target / "book/assets", target / "_static")
    (target / FOLDER).mkdir()
    for name in notebooks_of(root):
        shutil.copy2(build / "executed" / f"{name}.ipynb", target / FOLDER)
    text = json.dumps({"claims": list(ledger)}, indent=2, ensure_ascii=False)
    (target / "book/ledger.json").write_text(text + "\n", encoding="utf-8")
    return target


def render(source: Path, build: Path) -> Path:
    """Run Jupyter Book on the staged book, warnings being errors; the new pages replace the old ones in one move.

    Returns:
        The book's first page.

    Raises:
        BuildError: Jupyter Book failed or warned.
    """
    scratch, log = build / "render", build / "book.log"
    shutil.rmtree(scratch, ignore_errors=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(source)]
    command += ["--path-output", str(scratch), "-W", "-n", "--keep-going", "-q"]
    with log.open("w", encoding="utf-8") as lines:
        status = subprocess.run(command, stdout=lines, stderr=subprocess.STDOUT, check=False).returncode
    made = scratch / "_build/html"
    if status or not (made / "index.html").is_file():
        text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
        first = next((line.strip() for line in text.splitlines() if "WARNING" in line or "rror" in line), "no message")
        raise BuildError(f"Jupyter Book did not accept the pages: {first} (all of it in {log})")
    html, old = build / "html", build / "html.old"
    shutil.rmtree(old, ignore_errors=True)
    if html.exists():
        html.replace(old)
    made.replace(html)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(scratch, ignore_errors=True)
    return html / "index.html"


class Phases:
    """Says which phase of a build is on, how long it took last time, and what happens within it."""

    def __init__(self, build: Path) -> None:
        """Remember the folder that keeps the times of the last build."""
        self._file = build / "seconds.json"
        try:
            self._last: dict[str, float] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._last = {}

    @contextmanager
    def phase(self, number: int, detail: str) -> Iterator[None]:
        """Announce phase ``number`` (from 1) and keep the seconds it took."""
        name = PHASES[number - 1]
        last = self._last.get(name)
        expected = f", {last:.0f} s last time" if last is not None else ""
        self.note(f"{number}/{len(PHASES)} {name}: {detail}{expected}")
        started = time.monotonic()
        yield
        self._last[name] = time.monotonic() - started
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._last), encoding="utf-8")

    def note(self, line: str) -> None:
        """Print a line of progress."""
        print(f"book: {line}", file=sys.stderr, flush=True)


def assemble(
    root: Path,
    build: Path,
    wanted: Sequence[Page],
    parts: Mapping[str, str],
    ledger: Sequence[Mapping[str, Any]],
    jobs: int = 1,
    phases: Phases | None = None,
) -> Path:
    """Execute the pages that are not fresh, then stage and render the book.

    Args:
        root: Folder with ``_toc.yml``, ``_config.yml``, ``book/`` and ``notebooks/``.
        build: Folder for everything made.
        wanted: The notebooks of the book.
        parts: Generated parts of the prose by name.
        ledger: Rows of the ledger, published as a file.
        jobs: Notebooks to execute side by side.
        phases: Progress.

    Returns:
        The book's first page.
    """
    phases = phases or Phases(build)
    around = surroundings(root)
    identities = {identity(page, around): page for page in wanted}
    stale = {key: page for key, page in identities.items() if not is_fresh(build / f"executed/{page.name}.ipynb", key)}
    with phases.phase(2, f"{len(stale)} of {len(wanted)} to execute"):
        if stale:
            execute_all(stale, build, root, jobs, phases.note)
    with phases.phase(3, f"{len(contents(root))} pages"):
        return render(stage(root, build, parts, ledger), build)
