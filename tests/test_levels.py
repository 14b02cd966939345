"""One picture for each sparsity, the slider over them, and the way from a figure to its code."""

from __future__ import annotations

import base64
import inspect
import io
import re

import pandas as pd
import pytest
from distilled_pruning.study.book import notebook, templates, values
from distilled_pruning.study.display import Slides, png
from distilled_pruning.study.parameters.notebooks import home
from distilled_pruning.study.sections import figures
from PIL import Image
from pretend import fill
from test_figures import fits, written

STAMP = "custom: live · dataset digits"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> notebook.Page:
    """The page of stability, all results there."""
    small = {"levels": 3, "measured_levels": "all", "seeds": 3, "store": str(tmp_path_factory.mktemp("store"))}
    found = notebook.start("s4-stability", small)
    fill(found.section)
    return found


def test_every_level_has_a_picture_with_the_same_axes(page: notebook.Page) -> None:
    drawn = figures.fig3_levels(page.frame("fig3"), STAMP)
    assert list(drawn) == ["dense", "20 % sparse (level 1)", "36 % sparse (level 2)", "49 % sparse (level 3)"]
    limits = {(ax.get_ylabel(), ax.get_ylim()) for figure in drawn.values() for ax in figure.axes}
    assert len(limits) == 2
    for name, figure in drawn.items():
        curves = {len(ax.lines) for ax in figure.axes}
        assert curves == {1 if name == "dense" else 4}
        assert STAMP in written(figure) and "n = 3" in written(figure) and fits(figure)
    sizes = {Image.open(io.BytesIO(png(figure))).size for figure in drawn.values()}
    assert len(sizes) == 1, "a page must not jump while the slider moves"


def test_several_networks_fit_and_nothing_is_said_so(page: notebook.Page) -> None:
    frame = page.frame("fig3")
    drawn = figures.fig3_levels(pd.concat([frame, frame.assign(model="resnet10")]), STAMP)
    assert all("ResNet-10, digits" in written(figure) and fits(figure) for figure in drawn.values())
    (nothing,) = figures.fig3_levels(pd.DataFrame(), STAMP).values()
    assert "Nothing has been computed" in written(nothing)


def test_a_slider_carries_its_pictures(page: notebook.Page) -> None:
    slides = page.slide("Sparsity", figures.fig3_levels(page.frame("fig3"), STAMP))
    html = slides._repr_html_()
    shown, kept = html.split("<template>")
    assert shown.count("<img") == 1 and kept.count("<img") == 4 and 'max="3"' in shown
    assert (
        'alt="Sparsity: dense. Loss and accuracy along the line; loss halfway: Dense' in shown
        and "<script" not in html
        and "http" not in html
    )
    sources = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', kept)
    assert len({base64.b64decode(source) for source in sources}) == 4
    assert "<figcaption>Sparsity</figcaption>" in shown
    assert repr(slides).startswith("Sparsity: dense, 20 % sparse (level 1)")


def test_names_in_a_slider_are_text() -> None:
    html = Slides("<b>", {'"a" & b': b"x"}, 10)._repr_html_()
    assert "<b>" not in html and "&quot;a&quot; &amp; b" in html


def test_every_figure_has_its_code() -> None:
    drawn = values.code(dict(inspect.getmembers(figures, inspect.isfunction)))
    text = templates.write(home(), "code.md", {"drawing": drawn, "repository": ""})
    assert all(f"(code-{item.name})=\n## {item.name}\n" in text and f"def {item.name}(" in text for item in drawn)
    assert "`lib/distilled_pruning/study/sections/s4_stability/figures.py`, line" in text
    linked = templates.write(home(), "code.md", {"drawing": drawn, "repository": "https://example.org/blob/main/"})
    path, line = re.findall(r"\(https://example\.org/blob/main/(lib/\S+)#L(\d+)\)", linked)[0]
    source = (home() / path).read_text(encoding="utf-8").splitlines()
    assert source[int(line) - 1].startswith("def ")
