"""The build of the book, and the built book opened in a real browser.

The browser tests look at a small book made of this repository's prose and two notebooks of a few lines, or at the book
whose first page the environment variable ``DISTILLED_PRUNING_BOOK`` names. They skip where there is no Chromium.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import (
    build as book,
    execution,
    fingerprints,
    pages,
    rendering,
    templates,
    values,
    whatif,
)
from distilled_pruning.study.engine import runner
from distilled_pruning.study.judging import ledger
from distilled_pruning.study.judging.verdicts import VERDICTS
from distilled_pruning.study.parameters import notebooks
from jupyter_client.connect import LocalPortCache
from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REPOSITORY = "https://github.com/someone/somewhere"
ROWS = ledger.judge([]).rows()
VALUES = values.gather([], {}, ROWS, ROWS, f"{REPOSITORY}/blob/main/")
FIGURE = """
import matplotlib.pyplot as plt
from IPython.display import HTML, display
plt.plot(range(levels))
plt.show()
display(HTML("<table><tr>" + "<td>a rather wide cell</td>" * 12 + "</tr></table>"))
from io import BytesIO
from PIL import Image
from distilled_pruning.study.book.exhibits import one_line
from distilled_pruning.study.display import Markup, Note, Slides, code
def picture(colour):
    buffer, drawn = BytesIO(), Image.new("RGB", (600, 200), "white")
    drawn.paste(colour, (50, 50, 150, 150))
    drawn.save(buffer, "png")
    return buffer.getvalue()
display(Slides("Sparsity", {"59 % sparse": picture("red"), "87 % sparse": picture("blue")}, 600))
display(Note([("run it", code("papermill notebooks/one.ipynb out.ipynb -p levels 3 -p " + "a-long-name 1 " * 20))]))
display(HTML(one_line(Markup("fig6.csv", "fig6.csv"), "fig6", "distilled-pruning run fig6").html))
"""


def notebook(path: Path, code: str = FIGURE, kernel: str = "python3", language: str = "python") -> None:
    """Write a notebook with an equation, parameters and one cell of code."""
    prose = (
        f"# Page {path.stem}\n\n{{cite:t}}`frankle2020linear`, {{term}}`barrier`\n\n"
        f"```{{math}}\n:label: eq-{path.stem}\n\\tfrac12 + \\sum_i x_i^2\n```\n\nSee {{eq}}`eq-{path.stem}`"
        " and $\\alpha$.\n"
    )
    drawn = {"mystnb": {"image": {"alt": "a rising line"}}, "tags": ["hide-input"]}
    cells = [
        nbformat.v4.new_markdown_cell(prose),
        nbformat.v4.new_code_cell("levels: int = 3  # pruning levels", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code, metadata=drawn),
    ]
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel, "language": language}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)


def small_book(root: Path) -> list[execution.Page]:
    """Lay out a book of this repository's prose and two notebooks; give the notebooks as pages."""
    shutil.copytree(ROOT / "book", root / "book")
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    (root / "_config.yml").write_text(re.sub(r'url: ""', f"url: {REPOSITORY}", config), encoding="utf-8")
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    listed = iter(("one", "two"))
    lines = []
    for line in toc.splitlines():
        if "title:" in line:
            continue
        if "notebooks/" in line and "file:" in line:
            name = next(listed, None)
            line = re.sub(r"notebooks/\S+", f"notebooks/{name}", line) if name else ""
        lines.append(line)
    (root / "_toc.yml").write_text("\n".join(lines), encoding="utf-8")
    for name in ("one", "two"):
        notebook(root / f"notebooks/{name}.ipynb")
    return [page_of(root, name) for name in ("one", "two")]


def page_of(root: Path, name: str, **parameters: Any) -> execution.Page:
    """Describe a notebook of the small book."""
    return execution.Page(name, root / f"notebooks/{name}.ipynb", parameters, ("00" * 16,))


def assemble(root: Path, wanted: list[execution.Page]) -> Path:
    """Build the small book, with a page beside the first."""
    named = {**VALUES, "notebooks": [page.name for page in wanted]}
    again = execution.Page("one" + whatif.SUFFIX, wanted[0].source, {"levels": 5}, wanted[0].keys)
    head = templates.write(
        ROOT, "parts/what-if.md", {"named": "levels 5", "original": "one", "changes": [], "judged": []}
    )
    return book.assemble(root, root / "_build", [*wanted, again], named, ROWS, jobs=2, beside={"one": head})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """First page of the small book, built as if the library never changed meanwhile."""
    root = tmp_path_factory.mktemp("book")
    wanted = small_book(root)
    before = fingerprints.digest_of([root / "book", root / "notebooks", root / "_toc.yml", root / "_config.yml"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "surroundings", lambda root: "library")
        index = assemble(root, wanted)
        after = fingerprints.digest_of([root / "book", root / "notebooks", root / "_toc.yml", root / "_config.yml"])
        assert before == after, "a build wrote into the sources"
        yield index


def test_values_are_written_for_reading() -> None:
    """Dashes for nothing, three digits, true minus signs, no markup left live."""
    assert pages.show(None) == pages.show("") == pages.show(float("nan")) == "–"
    assert pages.show(-0.012345) == "−0.0123"
    assert pages.show([-0.5, 2]) == "[−0.5, 2]"
    assert pages.show("a|b*c") == r"a\|b\*c"


def test_contents_lists_pages_in_order() -> None:
    """The root comes first, notebooks in between, in the order of the file."""
    listed = notebooks.list_files({"root": "a", "parts": [{"chapters": [{"file": "b", "sections": [{"file": "c"}]}]}]})
    assert listed == ["a", "b", "c"]


def test_a_page_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """A line too many in the list of pages is a mistake with a name."""
    with pytest.raises(InputError, match=r"no _toc\.yml"):
        notebooks.list_pages(tmp_path)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/nowhere\n", encoding="utf-8")
    with pytest.raises(InputError, match="book/nowhere"):
        notebooks.list_pages(tmp_path)


@pytest.mark.parametrize(("text", "message"), [("{", "not a readable notebook"), ('{"cells": []}', "not a readable")])
def test_a_broken_notebook_is_named(tmp_path: Path, text: str, message: str) -> None:
    """A truncated file is an input mistake."""
    path = tmp_path / "page.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        execution.check_kernel(path)


def test_a_notebook_of_another_language_is_named(tmp_path: Path) -> None:
    """The kernel's name is whatever an editor wrote there last; its language must be Python."""
    notebook(tmp_path / "page.ipynb", kernel="conda-env-mine-py")
    execution.check_kernel(tmp_path / "page.ipynb")
    notebook(tmp_path / "page.ipynb", kernel="ir", language="R")
    with pytest.raises(InputError, match=r"page\.ipynb is written in R: pages of the book are in Python"):
        execution.check_kernel(tmp_path / "page.ipynb")


def test_a_build_refuses_before_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown page or one in another language is found while nothing has been written or trained."""
    with pytest.raises(InputError, match=r"unknown notebook.*'s4-stabilty'.*did you mean 's4-stability'"):
        book.build(ROOT, notebooks=["s4-stabilty"])
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: notebooks/one\n", encoding="utf-8")
    notebook(tmp_path / "notebooks/one.ipynb", language="fortran")
    monkeypatch.setattr(runner, "run", lambda *arguments, **more: pytest.fail("trained"))
    with pytest.raises(InputError, match="written in fortran"):
        book.build(tmp_path)
    assert not (tmp_path / "_build").exists()


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        ("git@github.com:some/book.git", "https://github.com/some/book"),
        ("https://github.com/some/book.v2/", "https://github.com/some/book.v2"),
        ("https://example.org/some/book", ""),
        ("/srv/git/book", ""),
    ],
)
def test_buttons_lead_to_where_the_copy_was_cloned_from(tmp_path: Path, origin: str, url: str) -> None:
    for words in (["init", "-q"], ["remote", "add", "origin", origin]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    (tmp_path / "_config.yml").write_bytes((ROOT / "_config.yml").read_bytes())
    found = rendering.settings(tmp_path)
    assert found.get("repository", {}).get("url", "") == url and ("launch_buttons" in found) == bool(url)


def test_without_a_repository_there_is_nothing_to_launch(tmp_path: Path) -> None:
    """The theme fails on buttons that lead nowhere; the settings as committed name no repository."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    given = rendering.settings(tmp_path)
    assert "launch_buttons" not in given and "repository" not in given and rendering.repository(tmp_path) == ""
    assert given["title"] == "Distilled pruning"
    text = (tmp_path / "_config.yml").read_text(encoding="utf-8")
    (tmp_path / "_config.yml").write_text(text.replace('url: ""', f"url: {REPOSITORY}/"), encoding="utf-8")
    assert set(rendering.settings(tmp_path)["launch_buttons"]) >= {"binderhub_url", "colab_url"}
    assert rendering.repository(tmp_path) == f"{REPOSITORY}/blob/main/"


def test_pages_left_out_leave_no_trace() -> None:
    """A book of some of the notebooks lists only those."""
    toc = {"root": "a", "parts": [{"caption": "x", "chapters": [{"file": "b"}, {"file": "c"}]}]}
    assert notebooks.list_files(notebooks.leave_out(toc, ["b"])) == ["a", "c"]


def test_identity_follows_what_decides_a_page(tmp_path: Path) -> None:
    """Notebook, parameters, keys and surroundings each make another page."""
    notebook(tmp_path / "notebooks/one.ipynb")
    page = page_of(tmp_path, "one", levels=3)
    first = execution.identity(page, "library")
    assert first == execution.identity(page_of(tmp_path, "one", levels=3), "library")
    others = [
        execution.identity(page_of(tmp_path, "one", levels=4), "library"),
        execution.identity(page, "another library"),
        execution.identity(execution.Page("one", page.source, page.parameters, ("11" * 16,)), "library"),
    ]
    notebook(tmp_path / "notebooks/one.ipynb", code="print(levels)")
    others.append(execution.identity(page, "library"))
    assert len({first, *others}) == 5


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("1 / 0", execution.BuildError, "notebook one failed in cell 2: ZeroDivisionError: division by zero"),
        (
            "from distilled_pruning.errors import InputError\nraise InputError('ipc 99 is too much')",
            InputError,
            "^one: ipc 99 is too much$",
        ),
        ("import os\nos.kill(os.getpid(), 9)", execution.BuildError, "killed"),
    ],
    ids=["error", "input", "killed"],
)
def test_a_failing_cell_leaves_nothing(tmp_path: Path, code: str, kind: type[Exception], message: str) -> None:
    """One sentence, and no executed copy that a later build could take for complete."""
    notebook(tmp_path / "notebooks/one.ipynb", code=code)
    with pytest.raises(kind, match=message):
        execution.execute_all({"x": page_of(tmp_path, "one")}, tmp_path / "_build", tmp_path, 1, lambda line: None)
    assert not list((tmp_path / "_build").rglob("*.ipynb"))
    assert not list((tmp_path / "_build").rglob("*.json"))


def test_a_page_needs_no_free_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that start side by side cannot be given the same port; here every port that is offered is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(LocalPortCache, "find_available_port", lambda self, ip: port)
        notebook(tmp_path / "notebooks/one.ipynb", code="print('levels', levels * 2)")
        source, target = tmp_path / "notebooks/one.ipynb", tmp_path / "out.ipynb"
        assert execution.execute(str(source), str(target), {"levels": 4}, str(tmp_path)) == ("", "", "")
    assert "levels 8" in target.read_text(encoding="utf-8")


def test_a_second_build_executes_nothing_and_keeps_the_book_when_it_fails(built: Path) -> None:
    """Fresh pages are reused; a page with a warning fails the build and leaves the last book in place."""
    root = built.parent.parent.parent
    executed = root / "_build/executed/one.ipynb"
    stamp, shown = executed.stat().st_mtime_ns, built.stat().st_mtime_ns
    glossary = root / "book/glossary.md"
    text = glossary.read_text(encoding="utf-8")
    glossary.write_text(text + "\nSee {doc}`nowhere`.\n", encoding="utf-8")
    try:
        with pytest.raises(execution.BuildError, match=r"glossary.md.*nowhere"):
            assemble(root, [page_of(root, "one"), page_of(root, "two")])
    finally:
        glossary.write_text(text, encoding="utf-8")
    assert executed.stat().st_mtime_ns == stamp
    assert built.stat().st_mtime_ns == shown


def test_a_book_made_from_the_same_is_not_rendered_again(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages that stand are shown once more, also from beside another book; a change in the prose is seen."""
    root, shown = built.parent.parent.parent, built.resolve()
    monkeypatch.setattr(rendering, "_typeset", lambda *arguments: pytest.fail("rendered"))
    wanted = [page_of(root, "one"), page_of(root, "two")]
    monkeypatch.setattr(book, "surroundings", lambda root: "library")
    assert assemble(root, wanted).resolve() == shown
    (root / "_build/html-other").mkdir()
    rendering.show(root / "_build/html-other", root / "_build/html")
    assert assemble(root, wanted).resolve() == shown
    glossary = root / "book/glossary.md"
    text = glossary.read_text(encoding="utf-8")
    glossary.write_text(text + "\nA word.\n", encoding="utf-8")
    try:
        with pytest.raises(pytest.fail.Exception, match="rendered"):
            assemble(root, wanted)
    finally:
        glossary.write_text(text, encoding="utf-8")


def test_a_whole_book_stands_at_any_moment(tmp_path: Path) -> None:
    """Read again and again while other pages take its place; of the old ones the last are kept, and none by halves."""
    html, seen, done = tmp_path / "html", [], threading.Event()
    html.mkdir()  # as earlier versions left it
    (html / "index.html").write_text("older", encoding="utf-8")

    def made(number: int) -> Path:
        folder = tmp_path / f"html-{number}"
        folder.mkdir()
        for name in ("index.html", "search.html"):
            (folder / name).write_text(str(number), encoding="utf-8")
        return folder

    def read() -> None:
        while not done.is_set():
            seen.append((html / "index.html").read_text(encoding="utf-8"))

    rendering.show(made(0), html)
    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 200):
        rendering.show(made(number), html)
        before = len(seen)
        while len(seen) == before and reader.is_alive():
            time.sleep(0)  # two books are kept: no read may last longer than it takes to make two
    done.set()
    reader.join()
    assert len(set(seen)) > 1 and sorted(map(int, seen)) == list(map(int, seen))
    assert {path.name for path in tmp_path.iterdir()} == {"html", "html-198", "html-199"}
    rendering.show(tmp_path / "html-199", html)
    assert (html / "search.html").read_text(encoding="utf-8") == "199"


def test_parameters_reach_the_page(tmp_path: Path) -> None:
    """A value given to the build is injected after the parameters cell."""
    notebook(tmp_path / "notebooks/one.ipynb", code="print('levels', levels * 2)")
    page = page_of(tmp_path, "one", levels=21)
    execution.execute_all({"x": page}, tmp_path / "_build", tmp_path, 1, lambda line: None)
    text = (tmp_path / "_build/executed/one.ipynb").read_text(encoding="utf-8")
    assert "levels 42" in text
    assert "injected-parameters" in text


# The built book in a browser


class Anchors(HTMLParser):
    """Collects the ids of a page and where it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids, links and sources."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif (name == "href" and tag in ("a", "link")) or (name == "src" and tag in ("img", "script")):
                self.links.append(value or "")


@pytest.fixture(scope="module")
def index(request: pytest.FixtureRequest) -> Path:
    """First page of the book to look at."""
    named = os.environ.get("DISTILLED_PRUNING_BOOK")
    return Path(named or request.getfixturevalue("built")).resolve()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def html_pages(index: Path) -> list[Path]:
    """List the pages of a book, without the first, which only leads on."""
    found = [path for path in index.parent.rglob("*.html") if "_static" not in path.parts]
    return sorted(path for path in found if path.name not in ("index.html", "genindex.html", "search.html"))


FAINT = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parse = text => text.match(/[0-9.]+/g).map(Number);
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const behind = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.5) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll('article *')) {
    const text = [...node.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join('');
    if (!text || !node.getClientRects().length || node.closest('mjx-container, svg, .headerlink')) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < (node.closest('pre') ? 3 : 4.5)) found.push(`${contrast.toFixed(1)}: ${text.slice(0, 40)}`);
  }
  return found;
}"""


def watched(browser: Browser, width: int, scheme: Any) -> tuple[Page, list[str]]:
    """Open a tab that writes down every request off the disk, every error on the console and every failed load."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    troubles: list[str] = []

    def request(made: Any) -> None:
        if urlsplit(made.url).scheme not in ("file", "data", "blob"):
            troubles.append(f"request {made.url}")

    page.on("request", request)
    page.on("requestfailed", lambda made: troubles.append(f"failed {made.url}"))
    page.on("pageerror", lambda error: troubles.append(f"error {error}"))
    page.on("console", lambda line: troubles.append(f"console {line.text}") if line.type == "error" else None)
    return page, troubles


def opened(page: Page, path: Path) -> None:
    """Open a page and wait until its equations are set."""
    page.goto(path.as_uri())
    page.wait_for_function("!document.querySelector('.math') || document.querySelector('mjx-container')")
    page.evaluate("window.MathJax && MathJax.startup ? MathJax.startup.promise : null")


@pytest.mark.shown
def test_the_first_page_leads_into_the_book(index: Path, browser: Browser) -> None:
    """Opening ``index.html`` shows the welcome page."""
    page, troubles = watched(browser, 1280, "light")
    page.goto(index.as_uri())
    page.wait_for_url("**/book/welcome.html", wait_until="load")
    assert page.locator("article h1").inner_text().startswith("Does pruning on distilled data")
    assert not troubles


@pytest.mark.shown
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_is_complete(index: Path, browser: Browser, width: int, scheme: str) -> None:
    """Nothing leaves the page, nothing fails, nothing overflows, equations are set, the theme follows the reader."""
    page, troubles = watched(browser, width, scheme)
    for path in html_pages(index):
        opened(page, path)
        name = f"{path.name} at {width} px, {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{name} overflows"
        broken = page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)")
        assert not broken, name
        formulas = page.evaluate("document.querySelectorAll('.math').length")
        assert page.evaluate("document.querySelectorAll('.math mjx-container').length") >= formulas, name
        assert not page.evaluate("document.querySelectorAll('mjx-merror').length"), name
        ink = page.evaluate("getComputedStyle(document.body).color.match(/[0-9.]+/g).slice(0, 3).map(Number)")
        assert (sum(ink) > 3 * 128) == (scheme == "dark"), f"{name}: text colour {ink}"
        assert not page.evaluate(FAINT), f"{name}: text too faint to read (contrast)"
    assert not troubles
    page.close()


@pytest.mark.shown
def test_no_link_is_broken(index: Path) -> None:
    """Every local link, image, style and script exists, and so does every anchor it names."""
    parsed: dict[Path, Anchors] = {}
    for path in index.parent.rglob("*.html"):
        if "_static" not in path.parts:
            parsed[path] = Anchors()
            parsed[path].feed(path.read_text(encoding="utf-8"))
    broken = []
    for path, found in parsed.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.exists() or (anchor and target in parsed and anchor not in parsed[target].ids):
                broken.append(f"{path.name}: {link}")
    assert not broken


@pytest.mark.shown
def test_every_figure_shows_something(index: Path, browser: Browser) -> None:
    """Every image says in words what it shows, and has more than one colour when drawn."""
    from PIL import Image

    page, troubles = watched(browser, 1280, "light")
    seen = 0
    for path in html_pages(index):
        opened(page, path)
        page.evaluate("document.querySelectorAll('article details').forEach(fold => { fold.open = true; })")
        for image in page.locator("article img").all():
            words = image.get_attribute("alt") or ""
            assert words and not re.search(r"\.(png|svg)$", words), f"{path.name}: an image without words"
            colours = Image.open(io.BytesIO(image.screenshot())).convert("RGB").getcolors(1 << 20)
            assert colours is None or len(colours) > 1, f"{path.name}: {words!r} is blank"
            seen += 1
    assert seen
    assert not troubles


def test_a_what_if_page_stands_beside_its_original(built: Path, browser: Browser) -> None:
    """It is the next entry of the contents, has the title that says what differs, and its own equation numbers."""
    page, troubles = watched(browser, 1280, "light")
    opened(page, built.parent / "notebooks/one.html")
    entries = [text.strip() for text in page.locator(".bd-sidebar-primary .toctree-l1 > a").all_text_contents()]
    place = entries.index("Page one")
    assert entries[place + 1] == "What if: levels 5"
    opened(page, built.parent / f"notebooks/one{whatif.SUFFIX}.html")
    assert page.locator("article h1").inner_text().startswith("What if: levels 5")
    assert page.locator(f"#equation-eq-one{whatif.SUFFIX}, #eq-one{whatif.SUFFIX}").count() == 1
    assert page.locator("article h1").count() == 1
    assert not troubles


def test_a_slider_shows_one_picture_at_a_time(built: Path, browser: Browser) -> None:
    """By keyboard, without a kernel or another file: picture, its words and the label change together."""
    page, troubles = watched(browser, 390, "dark")
    opened(page, built.parent / "notebooks/one.html")
    slides = page.locator(".slides")
    assert slides.locator("img").get_attribute("alt") == "Sparsity: 59 % sparse"
    first = slides.locator("img").get_attribute("src")
    slides.locator("input").focus()
    page.keyboard.press("ArrowRight")
    assert slides.locator("img").count() == 1 and slides.locator("img").get_attribute("src") != first
    assert slides.locator("img").get_attribute("alt") == "Sparsity: 87 % sparse"
    assert slides.locator("output").inner_text() == slides.locator("input").get_attribute("aria-valuetext")
    page.keyboard.press("ArrowLeft")
    assert slides.locator("img").get_attribute("src") == first
    assert not troubles


def test_pages_can_be_launched_and_their_commands_copied(built: Path, browser: Browser) -> None:
    """Binder and Colab open the notebook itself, from the repository that the settings name; prose has no buttons."""
    page, troubles = watched(browser, 1280, "light")
    opened(page, built.parent / "notebooks/one.html")
    links = page.locator(".dropdown-launch-buttons a").evaluate_all("links => links.map(link => link.href)")
    assert links == [
        "https://mybinder.org/v2/gh/someone/somewhere/main?urlpath=lab/tree/notebooks/one.ipynb",
        "https://colab.research.google.com/github/someone/somewhere/blob/main/notebooks/one.ipynb",
    ]
    assert page.locator(".command button.copybtn").count() == 1
    assert (
        page.locator(".command pre").inner_text().startswith("papermill notebooks/one.ipynb out.ipynb -p levels 3 -p ")
    )
    opened(page, built.parent / f"notebooks/one{whatif.SUFFIX}.html")
    assert not page.locator(".dropdown-launch-buttons").first.is_visible(), "no repository holds this notebook"
    opened(page, built.parent / "book/glossary.html")
    assert page.locator(".dropdown-launch-buttons").count() == 0
    assert not troubles


def test_a_figure_leads_to_the_code_that_drew_it(built: Path, browser: Browser) -> None:
    """One click from the figure to its function, and from there to the file on the web."""
    page, troubles = watched(browser, 1280, "light")
    opened(page, built.parent / "notebooks/one.html")
    page.get_by_role("link", name="Code", exact=True).click()
    page.wait_for_url("**/book/code.html#code-fig6")
    section = page.locator("section:has(> #code-fig6), section#code-fig6").last
    section.locator("summary").click()
    assert "def fig6(" in section.inner_text()
    assert (section.locator("a[href^=https]").get_attribute("href") or "").startswith(f"{REPOSITORY}/blob/main/lib/")
    assert not troubles


@pytest.mark.shown
def test_search_finds_a_word_from_disk(index: Path, browser: Browser) -> None:
    """The search page works without a server."""
    page, _ = watched(browser, 1280, "light")
    page.goto((index.parent / "search.html").as_uri() + "?q=barrier")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert page.locator("#search-results li a").count() >= 1


@pytest.mark.shown
def test_the_ledger_is_published(index: Path) -> None:
    """The rows of the scorecard are a file next to the book."""
    found = list((index.parent / "_downloads").rglob("ledger.json"))
    assert len(found) == 1
    claims = json.loads(found[0].read_text(encoding="utf-8"))["claims"]
    assert claims and all(claim["verdict"] in VERDICTS for claim in claims)
    scorecard = (index.parent / "book/scorecard.html").read_text(encoding="utf-8")
    assert all(f'id="claim-{claim["id"]}"' in scorecard for claim in claims)


# What a reader must find, on the pages of the book that is looked at

LOOK_UP = {"api", "scorecard", "deviations", "glossary", "bibliography", "code", "how-fast"}
SCREEN, WORDS, LONGEST = 900, 20_000, 12_000
UNREACHED = """() => [...document.querySelectorAll('article *')]
  .filter(node => !node.closest('mjx-container, pre') && node.tabIndex < 0)
  .filter(node => ['auto', 'scroll'].includes(getComputedStyle(node).overflowX))
  .filter(node => node.scrollWidth > node.clientWidth + 1)
  .map(node => `${node.tagName}.${node.className}`)"""
CUT = """() => [...document.querySelectorAll('article *')].filter(node => {
  if (node.getBoundingClientRect().right <= innerWidth + 1 || !node.getBoundingClientRect().width) return false;
  for (let at = node.parentElement; at.tagName !== 'MAIN'; at = at.parentElement)
    if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX)) return false;
  return true;
}).map(node => `${node.tagName}.${node.className}`)"""


def whole() -> bool:
    """Whether the book that is looked at is this repository's own."""
    return bool(os.environ.get("DISTILLED_PRUNING_BOOK"))


@pytest.mark.shown
@pytest.mark.parametrize("width", [1280, 390])
def test_a_result_page_begins_with_its_answer_and_its_best_evidence(index: Path, browser: Browser, width: int) -> None:
    page, _ = watched(browser, width, "light")
    for path in html_pages(index):
        if path.parent.name != "notebooks" or path.stem.endswith(whatif.SUFFIX):
            continue
        opened(page, path)
        answer, figure = page.locator(".answer"), page.locator("figure.evidence")
        assert not whole() or answer.count(), f"{path.name} has no answer"
        recorded = answer.count() and "not run" not in answer.first.inner_text()
        assert not whole() or not recorded or figure.count(), f"{path.name} has no evidence"
        if answer.count() and figure.count():
            box, drawn = answer.first.bounding_box(), figure.first.bounding_box()
            assert box and box["y"] + box["height"] <= SCREEN, f"{path.name} at {width} px: the verdict comes late"
            assert drawn and drawn["y"] <= 1.5 * SCREEN, f"{path.name} at {width} px: the evidence comes late"
            assert figure.first.locator("figcaption").inner_text().strip()


@pytest.mark.shown
def test_the_book_is_short_enough_to_read(index: Path, browser: Browser) -> None:
    page, _ = watched(browser, 1280, "light")
    total = 0
    for path in html_pages(index):
        if path.stem not in LOOK_UP:
            opened(page, path)
            words = page.locator("article").inner_text().split()
            total += sum(any(letter.isalpha() for letter in word) for word in words)
    assert total <= WORDS


@pytest.mark.shown
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_long_with_its_folds_closed(index: Path, browser: Browser, width: int) -> None:
    page, _ = watched(browser, width, "light")
    for path in html_pages(index):
        opened(page, path)
        height = page.evaluate("document.documentElement.scrollHeight")
        assert height <= LONGEST, f"{path.name} is {height} px long at a width of {width}"


@pytest.mark.shown
@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_wide_scrolls_in_a_frame_that_the_keyboard_reaches(index: Path, browser: Browser, width: int) -> None:
    page, _ = watched(browser, width, "light")
    for path in html_pages(index):
        opened(page, path)
        page.evaluate("document.querySelectorAll('article details').forEach(fold => { fold.open = true; })")
        assert not page.evaluate(UNREACHED), f"{path.name} at {width} px"
        assert not page.evaluate(CUT), f"{path.name} at {width} px: cut off"


@pytest.mark.shown
def test_figures_have_a_caption_and_no_automatic_number(index: Path, browser: Browser) -> None:
    page, _ = watched(browser, 1280, "light")
    for path in html_pages(index):
        opened(page, path)
        for figure in page.locator("article figure:has(img)").all():
            caption = figure.locator("figcaption").text_content() or ""  # that of a folded figure too
            assert caption.strip(), f"{path.name}: a figure without a caption"
        assert not page.locator("article .caption-number").count(), f"{path.name}: a number of its own"


@pytest.mark.shown
def test_figures_are_not_dimmed_by_night(index: Path, browser: Browser) -> None:
    page, _ = watched(browser, 1280, "dark")
    for path in html_pages(index):
        opened(page, path)
        dimmed = page.locator("article img").evaluate_all("all => all.map(i => getComputedStyle(i).filter)")
        assert set(dimmed) <= {"none"}, path.name


def verdicts(page: Page, path: Path) -> dict[str, str]:
    """Verdicts a page gives to claims, by the claim that the row or the card links to."""
    opened(page, path)
    rows = page.locator("tr:has(a[href*='#claim-']):has(.verdict)").all()
    links = [(row.locator("a[href*='#claim-']").first.get_attribute("href") or "", row) for row in rows]
    return {link.partition("#claim-")[2]: row.locator(".verdict").first.inner_text() for link, row in links}


@pytest.mark.shown
def test_pages_agree_on_the_answer_and_on_every_verdict(index: Path, browser: Browser) -> None:
    """Welcome, findings, scorecard, and the pages of the claims."""
    page, _ = watched(browser, 1280, "light")
    books = index.parent / "book"
    opened(page, books / "scorecard.html")
    rows = page.locator("tr.claim").all()
    judged = {
        (row.locator("th").get_attribute("id") or "").removeprefix("claim-"): (
            row.locator(".statement").inner_text(),
            row.locator("td .verdict").first.inner_text(),
        )
        for row in rows
    }
    assert len(judged) == len(rows)
    said = verdicts(page, books / "findings.html")
    assert len(said) >= 8 and all(judged[name][1] == verdict for name, verdict in said.items())
    answer = page.locator("article blockquote").first.inner_text().strip()
    opened(page, books / "welcome.html")
    assert answer and page.locator(".sd-card", has_text=answer).count() == 1
    by_statement = dict(judged.values())
    for tile in page.locator(".tile:has(.verdict)").all():
        statement = tile.locator("span:not(.where, .verdict, .blank, .quiet)").inner_text()
        assert by_statement[statement] == tile.locator(".verdict").inner_text()
    if whole():
        opened(page, index.parent / "notebooks/b-controls.html")
        assert answer.replace("’", "'") in page.locator("article").inner_text().replace("’", "'")


@pytest.mark.shown
def test_the_scorecard_is_filtered_by_keyboard_without_scripts(index: Path, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": SCREEN})
    page = context.new_page()
    page.goto((index.parent / "book/scorecard.html").as_uri())
    rows = page.locator("tr.claim")
    everything = rows.count()
    page.locator("#f-all").focus()
    seen = 0
    for kind in ("yes", "mixed", "no", "open", "not-run"):
        page.keyboard.press("ArrowDown")
        assert page.locator(f"#f-{kind}").is_checked()
        shown = page.locator("tr.claim:visible").count()
        assert shown == page.locator(f"tr.claim.is-{kind}").count()
        seen += shown
    assert seen == everything > 0
    context.close()


@pytest.mark.shown
def test_every_fold_opens_by_keyboard(index: Path, browser: Browser) -> None:
    page, _ = watched(browser, 390, "light")
    for path in html_pages(index):
        opened(page, path)
        for fold in page.locator("article details:not(details details) > summary").all()[:12]:
            before = fold.evaluate("summary => summary.parentElement.open")
            fold.focus()
            page.keyboard.press("Enter")
            assert fold.evaluate("summary => summary.parentElement.open") != before, path.name


@pytest.mark.shown
def test_papers_and_their_code_are_one_click_from_every_page(index: Path) -> None:
    wanted = (
        "arxiv.org/abs/2503.17905",
        "arxiv.org/abs/2307.03364",
        "SyntheticDataForIMP",
        "distilled-pruning",
        "snu-mllab",
    )
    for path in html_pages(index):
        found = Anchors()
        found.feed(path.read_text(encoding="utf-8"))
        outside = [link for link in found.links if link.startswith("https://")]
        assert all(any(part in link for link in outside) for part in wanted), path.name


@pytest.mark.shown
def test_the_book_is_light_enough(index: Path) -> None:
    files = [path for path in index.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 25e6
    heavy = [path.name for path in files if path.suffix == ".html" and path.stat().st_size > 1e6]
    assert not heavy
