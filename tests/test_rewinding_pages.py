"""The pages on section 6 and on the first paper: every cell runs, figures draw what frames say, all is stamped."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import notebook
from distilled_pruning.study.display import Answer, Picture, Stack, png
from distilled_pruning.study.parameters.notebooks import source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.results import papers
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.a_first_paper import experiment as first_paper, tables as first_tables
from distilled_pruning.study.sections.common.naming import with_series
from distilled_pruning.study.sections.common.tickets import Tickets
from distilled_pruning.study.sections.s6_stable_initializations import experiment, tables
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from pretend import fill, run_cell
from test_figures import fits, texts, written

S6, FIRST = "s6-stable-initializations", "a-first-paper"
STAMP = "custom: live · dataset digits, width 16"
DRAWN = {
    "fig7": (S6, "fig7"),
    "forks": (S6, "forks"),
    "first_accuracy": (FIRST, "first-accuracy"),
    "first_sessions": (FIRST, "first-sessions"),
    "first_stability": (FIRST, "first-stability"),
}
SMALLER = {
    S6: {
        "levels": 4, "measured_levels": "4", "distilled_levels": 2, "common_epochs": "0,3", "seeds": 3,
        "epochs": 25, "rewind": 3, "inner_steps": 300,
    },
    FIRST: {"levels": 4, "measured_levels": "4", "seeds": 3},
}  # fmt: skip
LOGS = pd.DataFrame(papers.curves())
Pages = dict[str, notebook.Page]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """The pages, all results there."""
    store = str(tmp_path_factory.mktemp("store"))
    found = {name: notebook.start(name, {**smaller, "store": store}) for name, smaller in SMALLER.items()}
    for page in found.values():
        fill(page.section)
    return found


def draw(name: str, frame: pd.DataFrame) -> Figure:
    """Draw a figure of a frame."""
    more = {"first_accuracy": [LOGS], "first_sessions": [papers.sessions()]}.get(name, [])
    figure: Figure = getattr(figures, name)(frame, *more, STAMP)
    return figure


def frame_of(pages: Pages, name: str) -> pd.DataFrame:
    """The frame behind a figure."""
    page, frame = DRAWN[name]
    return pages[page].frame(frame)


@pytest.mark.thorough
@pytest.mark.parametrize("name", SMALLER)
def test_every_cell_runs(name: str, pages: Pages) -> None:
    scope: dict[str, Any] = {}
    said: list[Any] = []
    for cell in nbformat.read(source(name), as_version=4).cells:
        if cell.cell_type == "code":
            said.append(run_cell(cell.source, scope))
            if cell.id == "parameters":
                scope.update({**SMALLER[name], "store": pages[name].parameters.store})
    drawn = [part for item in said if isinstance(item, Stack) for part in item.parts if isinstance(part, Picture)]
    own = [picture for picture in drawn if picture.name.startswith("own-")]
    assert len(own) == sum(page == name for page, _ in DRAWN.values())
    answers = [item for item in said if isinstance(item, Answer)]
    assert answers and all("–" not in str(item.answer) for item in answers), "a number of an answer was not found"


def test_short_rounds_on_all_images_may_come_first_too() -> None:
    """Eight short rounds on real images, then IMP from the mask that they left."""
    tickets = Tickets(resolve(S6, {"first_rounds": "distilled,real-short", "levels": 9}.items()))
    rows = experiment.rows_of(tickets)
    assert [row.method for row in rows] == ["imp", "imp", "distilled", "combined", "real-short", "short-combined"]
    last = tickets.chain(rows[-1], 0, 9)
    assert last is not None and last.parent == tickets.chain(rows[-2], 0, 8), "goes on from the mask of short rounds"
    assert last.recipe == tickets.outer and last.source == tickets.data
    assert last.parent is not None and last.parent.recipe == tickets.inner(0.3) and last.parent.source == tickets.data
    with pytest.raises(InputError, match="unknown method 'imp'"):
        resolve(S6, [("first_rounds", "imp")])


def test_the_first_papers_published_set_takes_the_place_of_our_own(tmp_path: Path) -> None:
    found = first_paper.FirstPaper(
        resolve(FIRST, {"published": "mtt.npz", "whitened": True}.items()), "digits", "alexnet"
    )
    assert found.data.zca and found.data.normalisation == "dataset"
    with pytest.raises(InputError, match=r"'mtt\.npz' is not in"):
        found.distilled_set(0)
    assert first_paper.FirstPaper(resolve(FIRST), "digits", "alexnet").distilled_set(0).method == "dm"


@pytest.mark.parametrize("scale", ["reduced", "paper"])
@pytest.mark.parametrize("name", SMALLER)
def test_presets_are_scales_of_their_own(name: str, scale: str) -> None:
    assert resolve(name, file=scale).scale == scale


@pytest.mark.parametrize("name", DRAWN)
def test_figures_are_stamped_whole_and_not_blank(name: str, pages: Pages) -> None:
    figure = draw(name, frame_of(pages, name))
    picture = np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))
    assert (picture == 255).all(axis=2).mean() < 0.97, "blank"
    assert picture[0, 0].tolist() == [255, 255, 255], "no opaque ground: axis labels vanish in dark mode"
    said = written(figure)
    assert STAMP in said and ("n = 3" in said or name == "forks")
    assert fits(figure)
    assert png(draw(name, frame_of(pages, name))) == png(draw(name, frame_of(pages, name)))


@pytest.mark.parametrize("name", DRAWN)
def test_several_networks_and_one_initialisation_fit_too(name: str, pages: Pages) -> None:
    one = frame_of(pages, name)
    one = one[one["init"] == 0]
    figure = draw(name, pd.concat([one, one.assign(model="resnet10", key=one["key"] + "x")]))
    assert png(figure) and "n = 1" in written(figure) and fits(figure)
    assert "ResNet-10, digits" in written(figure) or name == "first_sessions"


@pytest.mark.parametrize("name", DRAWN)
def test_without_results_all_say_so(name: str) -> None:
    nothing = pd.DataFrame()
    assert any("Nothing has been computed" in text.get_text() for text in texts(draw(name, nothing)))
    for table in (tables.tickets, tables.ends, tables.masks, tables.forks, first_tables.stability):
        assert "Nothing has been computed" in table(nothing).note
    assert "Nothing has been computed" in first_tables.sessions(nothing, papers.sessions()).note
    assert tables.ending(nothing, method="imp") == "–"


def test_levels_stand_at_equal_distances(pages: Pages) -> None:
    figure = draw("fig7", frame_of(pages, "fig7"))
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    imp = next(line for line in figure.axes[0].lines if line.get_label() == "IMP")
    xs = np.log(np.asarray(imp.get_xdata(), dtype=float))
    np.testing.assert_allclose(np.diff(xs), np.log(0.8), rtol=1e-9)


def test_a_ticket_that_may_go_on_gets_an_arrow(pages: Pages) -> None:
    """Pretended tickets lose a tenth of a point a level: within the margin to the end."""
    strip = draw("fig7", frame_of(pages, "fig7")).axes[1]
    assert sum(line.get_marker() == ">" for line in strip.lines) == 4
    ended = frame_of(pages, "fig7")
    ended = ended.assign(accuracy=ended["accuracy"] - 0.1 * (ended["level"] == 4))
    strip = draw("fig7", ended).axes[1]
    assert sum(line.get_marker() == ">" for line in strip.lines) == 1, "too few initialisations rule nothing out"


def test_tables_say_where_tickets_end(pages: Pages) -> None:
    frame = frame_of(pages, "fig7")
    ended = frame.assign(accuracy=frame["accuracy"] - 0.1 * (frame["level"] > 2))
    rows = {row[0]: row[1:] for row in tables.ends(ended).rows}
    assert rows["IMP"] == ["36 %", "36 %", "36 %", "64.0 %", "3"]
    assert rows["IMP from epoch 3"] == ["36 %", "0 %", "beyond the levels", "64.0 %", "1"]
    assert tables.ending(ended, method="imp", rewind=0) == "36 % [36 %, 36 %]"
    assert tables.ending(frame, method="imp", rewind=0) == "59 % [59 %, beyond the levels]"


def test_masks_cost_what_their_rounds_saw(pages: Pages) -> None:
    rows = {(row[0], row[1]): row[2:] for row in tables.masks(frame_of(pages, "fig7")).rows}
    assert rows["IMP", "4"] == ["4.00", "4.00", "4.00"]
    assert rows["IMP from epoch 3", "4"] == ["3.52", "3.52", "3.52"], "22 of 25 epochs a round"
    assert rows["Distilled to 36 %, then IMP", "2"][2] == "0.53", "two rounds of 300 of 1,125 steps"


def test_collapsed_tickets_are_not_drawn(pages: Pages) -> None:
    frame = frame_of(pages, "first_stability")
    names = {
        text.get_text()
        for text in draw("first_stability", frame.assign(collapsed=frame["method"] == "imp")).legends[0].get_texts()
    }
    assert "Dense" in names and not [name for name in names if name.startswith("IMP")]
    forks = frame_of(pages, "forks")
    flagged = draw("forks", forks.assign(collapsed=forks["rewind"] == 3)).axes[0].lines[0]
    assert list(np.asarray(flagged.get_xdata(), dtype=float)) == [0]


def test_names_say_what_tells_ways_apart(pages: Pages) -> None:
    named, palette = with_series(frame_of(pages, "first_accuracy"))
    assert list(palette) == [
        "Dense", "IMP", "IMP from epoch 1", "Distilled, 10 images per class", "Distilled, 1 image per class", "Random",
    ]  # fmt: skip
    assert len(set(palette.values())) == len(palette) and not named["series"].isna().any()
    twice = frame_of(pages, "fig7")
    gentle = twice[twice["method"] == "distilled"].assign(rate=0.1, setting="gentle rate")
    _, palette = with_series(pd.concat([twice, gentle]))
    assert {"Distilled, equal rate", "Distilled, gentle rate"} <= set(palette)


def test_this_run_stands_before_the_logs_in_the_same_colours(pages: Pages) -> None:
    figure = draw("first_accuracy", frame_of(pages, "first_accuracy"))
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [
        "Ours\nAlexNet, digits",
        "Authors’ logs\nAlexNet, CIFAR-10",
        "Authors’ logs\nConvNet-3, CIFAR-100",
    ]
    colours = [
        {line.get_label(): line.get_color() for line in ax.lines if line.get_marker() == "^"} for ax in figure.axes
    ]
    assert colours[0]["IMP from epoch 1"] == colours[1]["IMP from epoch 1"] == colours[2]["IMP from epoch 1"]


def test_logs_need_no_run() -> None:
    assert first_tables.logs(pd.DataFrame(), "live", levels=(4,)).rows
