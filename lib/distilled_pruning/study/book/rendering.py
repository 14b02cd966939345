"""From prose and executed notebooks to HTML: what the book holds, how it is laid out, how it is rendered."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..engine import machine
from ..parameters.notebooks import FOLDER, leave_out, list_pages, notebooks_of, read_contents, read_yaml
from . import editions, hero, templates, whatif
from .execution import BuildError
from .fingerprints import digest_of
from .previews import Preview, of_page

_GITHUB = re.compile(r"github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?$")
_STRAY = (".*", "*~", "#*#")  # of editors, of Jupyter, of file managers


def upstream(root: Path) -> str:
    """Give the address of the GitHub repository that a folder was cloned from, empty where it was not.

    A folder within another repository, such as an unpacked archive, is not that repository's.
    """
    top = machine.git("rev-parse", "--show-toplevel", folder=root)
    if top is None or Path(top).resolve() != root.resolve():
        return ""
    found = _GITHUB.search(machine.git("remote", "get-url", "origin", folder=root) or "")
    return f"https://github.com/{found[1]}" if found else ""


def settings(root: Path) -> dict[str, Any]:
    """Read ``_config.yml``; a repository it leaves open is the one this copy was cloned from.

    Launch buttons, which lead to a repository, are left out where there is none.
    """
    found = read_yaml(root / "_config.yml") or {}
    repository = (found.get("repository") or {}) if isinstance(found, dict) else None
    if not isinstance(repository, dict):
        raise InputError(f"{root / '_config.yml'} must hold 'name: value' lines, the repository too: mend it")
    if url := repository.get("url") or upstream(root):
        found["repository"] = {**repository, "url": url}
    else:
        for name in ("repository", "launch_buttons"):
            found.pop(name, None)
    return found


def repository(root: Path) -> str:
    """Give the address of the sources on the web, empty where there is none."""
    named = settings(root).get("repository", {})
    return f"{named['url'].rstrip('/')}/blob/{named.get('branch', 'main')}/" if named else ""


def stage(
    root: Path,
    build: Path,
    names: Sequence[str],
    values: Mapping[str, Any],
    ledger: Sequence[Mapping[str, Any]],
    beside: Mapping[str, str] | None = None,
) -> Path:
    """Lay out the book to render: prose with its values, executed notebooks, styles, pictures, the ledger as a file.

    Args:
        root: The folder of the sources.
        build: The folder ``_build``.
        names: Notebooks to show; the others are left out of the contents.
        values: What the prose may name, see :func:`.values.gather`.
        ledger: Rows of the ledger.
        beside: Name of a notebook to the top of the what-if page beside it.

    Returns:
        The folder to render.
    """
    import yaml

    beside = beside or {}

    target = build / "stage"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    (target / "_config.yml").write_text(yaml.safe_dump(settings(root), sort_keys=False), encoding="utf-8")
    left_out = [f"{FOLDER}/{name}" for name in notebooks_of(root) if name not in names]
    toc = leave_out(read_contents(root), left_out)
    for name in beside:
        toc = whatif.insert(toc, f"{FOLDER}/{name}", f"{FOLDER}/{name}{whatif.SUFFIX}")
    (target / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")
    left = shutil.ignore_patterns(*_STRAY)
    shutil.copytree(root / "book", target / "book", ignore=left, ignore_dangling_symlinks=True)
    shutil.rmtree(target / "book" / templates.PARTS, ignore_errors=True)
    if (target / "book/assets").is_dir():
        shutil.move(target / "book/assets", target / "_static")
    (target / FOLDER).mkdir()
    previews = {}
    for name in (*names, *(name + whatif.SUFFIX for name in beside)):
        page = json.loads((build / f"executed/{name}.ipynb").read_text(encoding="utf-8"))
        previews[name] = of_page(name, page)
        head = beside.get(name.removesuffix(whatif.SUFFIX)) if name not in names else None
        page = editions.arranged(page if head is None else whatif.adapt(page, head))
        page = editions.unpacked(page, target / editions.PICTURES, f"../{editions.PICTURES}")
        (target / FOLDER / f"{name}.ipynb").write_text(json.dumps(page), encoding="utf-8")
    _draw(target / "_static", values.get("hero"), previews)
    for path in (target / f"{name}.md" for name in list_pages(root)):
        if path.is_file():
            written = templates.write(root, path.name, {**values, "previews": previews})
            up = "../" * len(path.relative_to(target).parent.parts)
            html = editions.unpack(written, target / editions.PICTURES, f"{up}{editions.PICTURES}")
            path.write_text(html, encoding="utf-8")
    rows = json.dumps({"claims": list(ledger)}, indent=2, ensure_ascii=False)
    (target / "book/ledger.json").write_text(rows + "\n", encoding="utf-8")
    return target


def _draw(folder: Path, found: hero.Hero | None, previews: Mapping[str, Preview]) -> None:
    """Write the pictures of the welcome page: the one of all results, and one for the card of each page."""
    pictures = {preview.file: preview.picture for preview in previews.values() if preview.file}
    folder.mkdir(exist_ok=True)
    for name, content in {**pictures, **(hero.files(found) if found is not None else {})}.items():
        (folder / name).write_bytes(content)


def _trim(static: Path) -> None:
    """Remove what no page loads: most of MathJax, maps of scripts and styles, fonts for browsers without WOFF2."""
    kept = ("tex-chtml.js", "output/chtml", "input/tex/extensions")
    mathjax = static / "mathjax"
    for path in static.rglob("*"):
        unused = path.is_relative_to(mathjax) and not path.relative_to(mathjax).as_posix().startswith(kept)
        if path.is_file() and (unused or path.suffix in (".map", ".ttf")):
            path.unlink()


def render(source: Path, build: Path, strict: bool = True, around: str = "") -> Path:
    """Run Jupyter Book on the staged book, unless the pages that stand were made from the same.

    Args:
        source: The staged book.
        build: The folder ``_build``.
        strict: Take warnings for errors; a book with pages left out has references to nowhere.
        around: What rendering depends on besides, hashed.

    Returns:
        The book's first page.

    Raises:
        BuildError: Jupyter Book failed or warned.
    """
    made = build / f"html-{hashlib.sha256(f'{digest_of([source])} {strict} {around}'.encode()).hexdigest()[:16]}"
    if not made.is_dir():
        _typeset(source, build, strict).replace(made)
    show(made, build / "html")
    return build / "html/index.html"


def _typeset(source: Path, build: Path, strict: bool) -> Path:
    """Run Jupyter Book; gives the folder of the pages, as :func:`render`."""
    scratch, log = build / "render", build / "book.log"
    shutil.rmtree(scratch, ignore_errors=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(source)]
    command += ["--path-output", str(scratch), "-q", *(["-W", "-n", "--keep-going"] if strict else [])]
    with log.open("w", encoding="utf-8") as lines:
        status = subprocess.run(command, stdout=lines, stderr=subprocess.STDOUT, check=False).returncode
    made = scratch / "_build/html"
    if status or not (made / "index.html").is_file():
        shown = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
        first = next((line.strip() for line in shown.splitlines() if "WARNING" in line or "rror" in line), "no message")
        raise BuildError(f"Jupyter Book did not accept the pages: {first} (all of it in {log})")
    _trim(made / "_static")
    return made


def show(made: Path, html: Path) -> None:
    """Let ``html`` lead to new pages: one rename of a link, so that a whole book stands there at any moment.

    The pages before stay beside, for whoever is reading them; older ones go.
    """
    before = html.resolve().name
    if before != made.name:
        link = html.with_name("html.next")
        link.unlink(missing_ok=True)
        link.symlink_to(made.name, target_is_directory=True)
        if html.is_dir() and not html.is_symlink():  # as earlier versions left it
            shutil.rmtree(html)
        link.replace(html)
    gone = html.with_name("html.gone")
    shutil.rmtree(gone, ignore_errors=True)
    for other in html.parent.glob("html-*"):
        if other.name not in (made.name, before):
            other.replace(gone)  # never half of a book under a name that says whole
            shutil.rmtree(gone, ignore_errors=True)
