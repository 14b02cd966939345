"""The book as one PDF: its staged pages set as a single one, which a Chromium prints.

``make pdf`` runs it as a program, after ``make book``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ... import places
from ...errors import InputError
from ...exits import DONE, FAILED, WRONG
from .execution import BuildError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
SETTLE_MS = 120_000  # of the browser's own clock, until formulas are set


def browser() -> str:
    """Find a browser that prints without a screen.

    Raises:
        InputError: There is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), str(MAC) if MAC.exists() else None)
    if found is None:
        raise InputError("there is no Chromium, which prints the PDF: install one, or print pages from a browser")
    return found


def single(stage: Path, folder: Path) -> Path:
    """Set all staged pages as one.

    Args:
        stage: The staged book.
        folder: Where to work.

    Returns:
        The page.

    Raises:
        BuildError: Jupyter Book failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(stage)]
    command += ["--path-output", str(folder), "--builder", "singlehtml", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    made = sorted((folder / "_build/singlehtml").rglob("*.html"))
    if done.returncode or not made:
        raise BuildError(f"Jupyter Book did not set the pages as one: {(done.stderr or done.stdout).strip()[-500:]}")
    return max(made, key=lambda path: path.stat().st_size)


def write(build: Path) -> Path:
    """Print the book.

    Args:
        build: The folder ``_build``.

    Returns:
        The PDF, ``book.pdf`` in it.

    Raises:
        InputError: There is no browser, or no book yet.
        BuildError: Setting or printing failed.
    """
    program, stage = browser(), build / "stage"
    if not (stage / "_toc.yml").is_file():
        raise InputError(f"there is no book in {build} to print: run make book first")
    page = single(stage, build / "print")
    target = build / "book.pdf"
    target.unlink(missing_ok=True)
    # Root prints only without the sandbox; the page is our own.
    options = ["--headless", "--disable-gpu", "--no-sandbox", "--no-pdf-header-footer"]
    options += [f"--virtual-time-budget={SETTLE_MS}", f"--print-to-pdf={target}", page.resolve().as_uri()]
    done = subprocess.run([program, *options], capture_output=True, text=True, check=False)
    if done.returncode or not target.is_file():
        raise BuildError(f"{program} did not print the book: {done.stderr.strip()[-500:]}")
    return target


def main() -> int:
    """Print the book of this copy; gives the exit code."""
    try:
        print(write(places.default("_build")))
    except InputError as error:
        print(f"make pdf: {error}", file=sys.stderr)
        return WRONG
    except BuildError as error:
        print(f"make pdf: {error}", file=sys.stderr)
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
