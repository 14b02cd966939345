"""The pages on landscape, Hessian and masks: every cell runs, figures draw what the frames say, all is stamped."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import notebook
from distilled_pruning.study.display import Answer, Picture, Stack, png
from distilled_pruning.study.jobs import Distill, HessianDiagonal, Landscape, Train
from distilled_pruning.study.parameters.notebooks import source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections import figures, registry as experiments
from distilled_pruning.study.sections.common import tables
from distilled_pruning.study.sections.s4_2_hessian import figures as curvature, tables as hessian_tables
from distilled_pruning.study.sections.s7_mask_structure import (
    experiment as structure,
    figures as masks,
    tables as mask_tables,
)
from distilled_pruning.study.sections.section import Section
from PIL import Image
from pretend import fill, run_cell
from test_figures import fits, texts

PAGES = ("s4-1-loss-landscape", "s4-2-hessian", "s7-mask-structure")
STAMP = "custom: live · dataset digits, width 16"
DRAWN = {
    "planes": ("s4-1-loss-landscape", "planes"),
    "hessian": ("s4-2-hessian", "hessian"),
    "sharpness": ("s4-2-hessian", "hessian"),
    "histograms": ("s4-2-hessian", "histograms"),
    "layers": ("s7-mask-structure", "layers"),
    "overlap": ("s7-mask-structure", "overlap"),
    "membership": ("s7-mask-structure", "membership"),
}
SMALLER = ("seeds", "levels", "measured_levels", "resolution", "store")
Pages = dict[str, notebook.Page]


def opened(name: str, store: Path, **changes: Any) -> notebook.Page:
    small = {
        "seeds": 3,
        "levels": 4,
        "measured_levels": "0,4",
        **({"resolution": 9} if "4-1" in name else {}),
        **changes,
    }
    found = notebook.start(name, {**small, "store": str(store)})
    fill(found.section)
    return found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """The pages, all results there."""
    store = tmp_path_factory.mktemp("store")
    return {name: opened(name, store) for name in PAGES}


def draw(pages: Pages, name: str, **changes: Any) -> Any:
    notebook_name, frame = DRAWN[name]
    given = [pages[notebook_name].frame(frame).assign(**changes)]
    if name == "planes":
        given.append(pages[notebook_name].frame("basins"))
    return getattr(figures, name)(*given, STAMP)


@pytest.mark.thorough
@pytest.mark.parametrize("name", PAGES)
def test_every_cell_runs(name: str, pages: Pages) -> None:
    scope: dict[str, Any] = {}
    said: list[Any] = []
    for cell in nbformat.read(source(name), as_version=4).cells:
        if cell.cell_type != "code":
            continue
        said.append(run_cell(cell.source, scope))
        if cell.id == "parameters":
            scope.update({n: v for n, v in pages[name].parameters.items() if n in SMALLER})
    drawn = [part for item in said if isinstance(item, Stack) for part in item.parts if isinstance(part, Picture)]
    own = [picture for picture in drawn if picture.name.startswith("own-")]
    assert len(own) == sum(notebook_name == name for notebook_name, _ in DRAWN.values())
    answers = [item for item in said if isinstance(item, Answer)]
    assert answers and all("–" not in str(item.answer) for item in answers), "a number of an answer was not found"


@pytest.mark.parametrize("scale", ["live", "reduced", "paper"])
@pytest.mark.parametrize("name", PAGES)
def test_trainings_are_those_of_the_stability_page(name: str, scale: str) -> None:
    shared = {job.key for job in Section(resolve("s4-stability", file=scale)).graph}
    own = [job for job in Section(resolve(name, file=scale)).graph if job.key not in shared]
    added = {type(job) for job in own} - {Landscape, HessianDiagonal}
    if name == "s4-1-loss-landscape":
        assert {job.order_seed for job in own if isinstance(job, Train)} == {2}
    elif name == "s7-mask-structure":
        assert {job.order_seed for job in own if isinstance(job, Train)} == {structure.OTHER_ORDER}
    else:
        assert Train not in added


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scale", ["reduced", "paper"])
def test_presets_are_scales_of_their_own(name: str, scale: str) -> None:
    found = resolve(name, file=scale)
    assert found.scale == scale and found.dataset == ("cifar10",)


def test_a_plane_needs_three_networks() -> None:
    with pytest.raises(InputError, match="three retrainings"):
        resolve("s4-1-loss-landscape", [("replicates", "2")])
    more = experiments.EXPERIMENTS["planes"].jobs(resolve("s4-1-loss-landscape", [("replicates", "4")]))
    assert len({job.key for job in more}) == 4 * 4, "dense, IMP and two distilled tickets, four ways to choose three"


@pytest.mark.parametrize("name", DRAWN)
def test_figures_are_stamped_whole_and_not_blank(name: str, pages: Pages) -> None:
    figure = draw(pages, name)
    picture = np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))
    assert (picture == 255).all(axis=2).mean() < 0.97, "blank"
    assert picture[0, 0].tolist() == [255, 255, 255], "no opaque ground: axis labels vanish in dark mode"
    written = " ".join(" ".join(text.get_text() for text in texts(figure)).split())
    assert STAMP in written and "n = 3" in written
    assert fits(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_several_networks_and_one_initialisation_fit_too(name: str, pages: Pages) -> None:
    notebook_name, frame_name = DRAWN[name]
    frame = pages[notebook_name].frame(frame_name)
    one = frame[frame["init"] == 0]
    basins = [pages[notebook_name].frame("basins")] if name == "planes" else []
    again = one.assign(model="resnet10", key=one["key"] + "x")
    more = [pd.concat([part, part.assign(key=part["key"] + "x")]) for part in basins]
    figure = getattr(figures, name)(pd.concat([one, again]), *more, STAMP)
    written = " ".join(text.get_text() for text in texts(figure))
    assert "ResNet-10, digits" in written and "n = 1" in written
    assert fits(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_without_results_all_say_so(name: str, pages: Pages) -> None:
    nothing = pd.DataFrame()
    figure = figures.planes(nothing, nothing, STAMP) if name == "planes" else getattr(figures, name)(nothing, STAMP)
    assert any("Nothing has been computed" in text.get_text() for text in texts(figure))
    for table in (
        tables.basins,
        hessian_tables.hessian,
        hessian_tables.sharpness,
        mask_tables.layers,
        mask_tables.overlap,
    ):
        assert "Nothing has been computed" in table(nothing).note


def test_planes_show_every_initialisation_with_its_basins(pages: Pages) -> None:
    figure = draw(pages, "planes")
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles[0] == "Dense\n2 basins" and titles[1] == "IMP, 59 %\n2 basins"
    assert len(titles) == 3 * 4, "a row for each initialisation, a column for each way"
    assert titles[4:6] == ["2 basins", "2 basins"] and titles[-1] == "1 basin"
    assert "Dense: 2, 2, 2; IMP: 2, 2, 2" in figure.get_label()
    phone = figures.planes(
        pages["s4-1-loss-landscape"].frame("planes"), pages["s4-1-loss-landscape"].frame("basins"), STAMP, 3.7
    )
    assert len([ax for ax in phone.axes if ax.get_title()]) == 4 and fits(phone)


def test_a_barrier_of_a_tenth_of_a_nat_crosses_a_contour_line(pages: Pages) -> None:
    """Two networks at loss 0 and a pass of 0.1 nats between them: two lines lie on the way, whatever the base."""
    xs = np.linspace(-0.5, 1.5, 21)
    rows = [
        {"dataset": "digits", "model": "convnet3", "method": "dense", "setting": "", "rate": 0.0, "level": 0,
         "sparsity": 0.0, "init": 0, "orders": "0,1,2", "key": "k", "x": x, "y": y,
         "loss": 1.3 + 0.1 * np.sin(np.pi * min(max(x, 0.0), 1.0)) ** 2 + 0.2 * y**2}
        for x in xs for y in xs
    ]  # fmt: skip
    basins = pd.DataFrame([{**rows[0], "basins": 2, "coordinates": [[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]]}])
    figure = figures.planes(pd.DataFrame(rows), basins, STAMP)
    (lines,) = (found for found in figure.axes[0].collections if hasattr(found, "levels"))
    heights = [
        level
        for level, path in zip(lines.levels, lines.get_paths(), strict=True)
        if any(abs(y) < 0.02 and 0 < x < 0.5 for x, y in path.vertices)
    ]
    assert len(heights) == 2 and heights[1] - heights[0] == pytest.approx(0.05)


def test_a_collapsed_ticket_is_not_drawn_as_smooth(pages: Pages) -> None:
    frame = pages["s4-2-hessian"].frame("hessian")
    figure = draw(pages, "hessian", collapsed=frame["method"] == "imp")
    heights, before = (
        [float(x) for ax in drawn.axes for line in ax.lines for x in np.ravel(line.get_xdata())]
        for drawn in (figure, draw(pages, "hessian"))
    )
    imp = 1000 * frame[frame["method"] == "imp"].groupby("level")["std"].mean().iloc[-1]
    assert any(y == pytest.approx(imp) for y in before) and not any(y == pytest.approx(imp) for y in heights)


def test_tails_are_shares_beyond_a_size() -> None:
    """Of ten entries three are above 0.1, one of them above 1, and two below -0.1; the rest is too small to show."""
    bins = [(-1.0, -0.1, 0.2), (-0.1, 0.0, 0.0), (0.0, 1e-6, 0.5), (0.1, 1.0, 0.2), (1.0, 10.0, 0.1)]
    named = {"dataset": "digits", "model": "convnet3", "series": "IMP", "level": 4}
    frame = pd.DataFrame(
        [{**named, "init": i, "low": low, "high": high, "share": share} for i in range(2) for low, high, share in bins]
    )
    found = {(row["side"], row["size"]): row["share"] for row in curvature.tails(frame).to_dict("records")}
    assert found == {(-1, 0.1): pytest.approx(0.2), (1, 0.1): pytest.approx(0.3), (1, 1.0): pytest.approx(0.1)}


def test_layers_run_from_input_to_output() -> None:
    names = ["head.weight", "stage1.0.conv1.weight", "conv1.weight"]
    assert masks.layer_names(pd.DataFrame({"layer": names})) == [names[2], names[1], names[0]]


def test_a_pair_names_the_rate_only_where_a_method_has_several(pages: Pages) -> None:
    frame = pages["s7-mask-structure"].frame("overlap")
    _, pairs = masks.with_pairs(frame)
    assert list(pairs)[:2] == ["IMP – Distilled, equal rate", "IMP – Distilled, gentle rate"]
    equal = frame[(frame["method"] == "imp") & (frame["other_setting"] == "equal rate")]
    assert list(masks.with_pairs(equal)[1]) == ["IMP – Distilled"]
    assert len({row[0] for row in mask_tables.overlap(frame).rows}) == 3


def test_pages_and_figures_import_no_pytorch_until_something_is_computed(pages: Pages) -> None:
    code = (
        "import sys; from distilled_pruning.study.sections import figures; "
        "from distilled_pruning.study.book import notebook; "
        "from distilled_pruning.study.results import papers; papers.hessian(); "
        "from distilled_pruning.study.sections.s4_2_hessian import tables; "
        f"page = notebook.start('s4-2-hessian', {{'seeds': 3, 'store': {pages['s4-2-hessian'].parameters.store!r}}}); "
        "tables.compare(page.frame('hessian'), 'live'); page.claims(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ, timeout=120)


def test_curvature_by_membership_is_of_one_initialisations_masks_in_two_networks(pages: Pages) -> None:
    page = pages["s7-mask-structure"]
    points = list(structure.points(page.parameters))
    assert {columns["network"] for _, columns in points} == {"dense", "IMP"}
    for job, columns in points:
        init, level, name = (columns[key] for key in ("init", "level", "network"))
        assert job.a.network == job.b.network == job.trained.network and job.a.network.seed == init
        assert job.a.level == job.b.level == level and job.trained.level == (level if name == "IMP" else 0)
        assert isinstance(job.b.source, Distill) and not isinstance(job.a.source, Distill)
    frame = page.frame("membership")
    assert len(frame) == 4 * len(points) and (frame["mean_abs"] > 0).all()


def test_masks_of_two_orders_share_everything_but_the_order(pages: Pages) -> None:
    twins = list(structure.twins(pages["s7-mask-structure"].parameters))
    assert {columns["method"] for _, columns in twins} == {"imp", "distilled"}
    for job, _ in twins:
        pairs = zip(job.a.chain(), job.b.chain(), strict=True)
        assert all(a != b and replace(a, parent=b.parent, order_seed=b.order_seed) == b for a, b in pairs)
