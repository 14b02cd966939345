"""Section 5: ratios over IMP, the claims that follow from them, the figure and the page."""

from __future__ import annotations

import io
import itertools
import math
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import exhibits, notebook
from distilled_pruning.study.display import Answer, Picture, Stack, png
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Distill, Train
from distilled_pruning.study.judging.claims import find
from distilled_pruning.study.judging.verdicts import CONTRADICTED, NOT_RUN, REPRODUCED, UNDECIDED, combine
from distilled_pruning.study.parameters.notebooks import source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.common import tables
from distilled_pruning.study.sections.common.tickets import EQUAL, GENTLE
from distilled_pruning.study.sections.registry import EXPERIMENTS
from distilled_pruning.study.sections.s5_overview import experiment as overview, figures as drawing
from distilled_pruning.study.sections.section import Section
from PIL import Image
from pretend import fill, run_cell
from test_figures import fits, texts, written

S5 = "s5-overview"
STAMP = "custom: live · dataset digits, width 16"


def line(method: str, ipc: int, init: int, barrier: float, accuracy: float, **columns: Any) -> dict[str, Any]:
    """One row of the frame before its ratios."""
    return {
        "dataset": "digits", "model": "convnet3", "method": method, "setting": EQUAL, "rate": 0.3, "level": 4,
        "sparsity": 1 - 0.8**4, "init": init, "made_for": "convnet3" if ipc else "", "ipc": ipc, "pair": "0-1",
        "compression": 140 / ipc if ipc else 1.0, "own_accuracy": 0.5 + 0.04 * ipc, "barrier": barrier,
        "accuracy": accuracy, "collapsed": False, **columns,
    }  # fmt: skip


def study(small: float, large: float, less: float = 0.8, more: float = 0.9, inits: int = 4, **columns: Any) -> Any:
    """Barriers of sets of 1 and of 10 images a class, ``small`` and ``large``, with accuracies; IMP at .4 and .9.

    At 59 and 87 % alike.
    """
    rows = []
    for init, level in itertools.product(range(inits), (4, 9)):
        off, at = 1 + 0.02 * init, {"level": level, "sparsity": 1 - 0.8**level}
        of_imp = {k: v for k, v in columns.items() if k in ("dataset", "model")}
        rows += [
            line("imp", 0, init, 0.4 * off, 0.9, **of_imp, **at),
            line("distilled", 1, init, small * off, less + 0.001 * init, **columns, **at),
            line("distilled", 10, init, large * off, more + 0.001 * init, **columns, **at),
        ]
    return overview.with_ratios(pd.DataFrame(rows)).assign(sets=inits)


def verdict(name: str, *frames: pd.DataFrame) -> str:
    return combine(find(name).findings({"fig6": pd.concat(frames)}))


def test_ratios_are_over_imp() -> None:
    """Accuracy over that of the same initialisation; barrier over the mean, which is 0.4 * 1.03 here."""
    frame = study(0.1, 0.2)
    distilled = frame[frame["method"] == "distilled"]
    assert list(distilled["accuracy_ratio"]) == pytest.approx(list(distilled["accuracy"] / 0.9))
    assert list(distilled["barrier_ratio"]) == pytest.approx(list(distilled["barrier"] / (0.4 * 1.03)))
    imp = frame[frame["method"] == "imp"]
    assert imp["barrier_ratio"].mean() == pytest.approx(1) and set(imp["accuracy_ratio"]) == {1.0}


def test_there_is_no_ratio_over_no_barrier(tmp_path: Path) -> None:
    """IMP without a barrier, or collapsed, gives no number rather than a wild one."""
    frame = study(0.1, 0.2)
    flat = overview.with_ratios(frame.assign(barrier=frame["barrier"].where(frame["method"] != "imp", -0.01)))
    assert flat["barrier_ratio"].isna().all() and flat["accuracy_ratio"].notna().all()
    gone = overview.with_ratios(frame.assign(collapsed=frame["method"] == "imp"))
    assert gone["accuracy_ratio"].isna().all()
    assert verdict("compression-stability", flat) == NOT_RUN
    assert EXPERIMENTS["fig6"].frame(resolve(S5), Store(tmp_path)).empty


@pytest.mark.parametrize(
    ("small", "large", "expected"), [(0.1, 0.2, REPRODUCED), (0.2, 0.1, CONTRADICTED), (0.2, 0.2, UNDECIDED)]
)
def test_compression_is_judged_by_two_sizes(small: float, large: float, expected: str) -> None:
    """A set of 1 image a class compresses ten times as much as one of 10."""
    frame = study(small, large)
    if expected == UNDECIDED:
        frame["barrier"] += 0.04 * (-1) ** frame["init"] * (frame["ipc"] == 1)
    assert verdict("compression-stability", frame) == expected
    assert verdict("compression-stability", frame[frame["ipc"] != 1]) == NOT_RUN
    assert verdict("compression-stability", frame.assign(setting=GENTLE)) == NOT_RUN


def test_the_unit_of_a_claim_about_sets_is_the_set() -> None:
    """Four initialisations on one set of each size are one value, on two sets two; none said is one."""
    one = find("compression-stability").findings({"fig6": study(0.1, 0.2).assign(sets=1)})
    unsaid = find("compression-stability").findings({"fig6": study(0.1, 0.2).drop(columns="sets")})
    two = find("compression-stability").findings({"fig6": study(0.1, 0.2).assign(sets=2)})
    assert [item[0].n for item in (one, unsaid, two)] == [1, 1, 2] and one[0].verdict == UNDECIDED
    assert one[0].value == pytest.approx(-0.1 / 0.4), "the ratio is over IMP on the same initialisations"


def test_a_barrier_is_compared_over_imps_on_the_same_initialisation() -> None:
    """.1 with 1 image a class and .2 with 10, over IMP's .4 on the same initialisation: -.25, the same on each."""
    found = find("compression-stability").findings({"fig6": study(0.1, 0.2)})
    assert [(item.setting, item.n, item.primary) for item in found] == [("59 %", 4, True), ("87 %", 4, True)]
    assert found[0].value == pytest.approx(-0.1 / 0.4)


@pytest.mark.parametrize("name", ["compression-stability", "performance-needs-quality"])
def test_a_larger_set_and_another_network_stand_beside(name: str) -> None:
    """Sets of 50 images a class, with the opposite order, and those of another network turn no verdict."""
    frame = study(0.1, 0.2)
    more = study(0.3, 0.05, less=0.9, more=0.5)
    more = more[more["ipc"] != 0].assign(ipc=lambda f: f["ipc"].map({1: 50, 10: 100}), compression=2.0)
    others = study(0.2, 0.1, less=0.9, more=0.8, model="resnet10", made_for="resnet10")
    assert verdict(name, frame) == verdict(name, frame, more, others) == REPRODUCED
    found = find(name).findings({"fig6": pd.concat([frame, more, others])})
    assert [item.setting for item in found if item.primary] == ["59 %", "87 %"]
    assert "digits, resnet10, 59 %, ipc 1 and 10" in [item.setting for item in found if not item.primary]
    assert verdict(name, frame[frame["level"] == 4]) == UNDECIDED, "87 % was not run"


def test_accuracy_follows_the_quality_of_the_set() -> None:
    assert verdict("performance-needs-quality", study(0.1, 0.2, less=0.8, more=0.9)) == REPRODUCED
    assert verdict("performance-needs-quality", study(0.1, 0.2, less=0.9, more=0.8)) == CONTRADICTED


def test_a_collapsed_ticket_is_no_evidence() -> None:
    frame = study(0.1, 0.2)
    assert verdict("compression-stability", frame.assign(collapsed=frame["ipc"] == 1)) == NOT_RUN


def test_architectures_are_compared_within_a_network() -> None:
    """Another's sets have twice the barrier and less accuracy: the claim holds; the reverse contradicts it."""
    own = study(0.1, 0.1, model="resnet18", made_for="resnet18")
    foreign = study(0.2, 0.2, less=0.7, more=0.8, model="resnet18")
    assert verdict("architecture-match", own) == NOT_RUN
    assert verdict("architecture-match", own, foreign[foreign["method"] != "imp"]) == REPRODUCED
    swapped = [part.replace({"made_for": {"convnet3": "resnet18", "resnet18": "convnet3"}}) for part in (own, foreign)]
    assert verdict("architecture-match", *swapped) == CONTRADICTED
    beside = study(0.1, 0.1), study(0.2, 0.2, less=0.7, more=0.8, made_for="resnet10")
    assert verdict("architecture-match", *beside) == NOT_RUN, "a ConvNet-3 stands beside"


def test_a_claim_about_cifar100_is_judged_by_nothing_else() -> None:
    def at(level: int, accuracy: float, **columns: Any) -> pd.DataFrame:
        return study(0.1, 0.2, accuracy, accuracy, **columns).assign(level=level)

    place = {"dataset": "cifar100", "model": "resnet18"}
    assert verdict("cifar100-weak", at(4, 0.85, **place), at(11, 0.6, **place)) == REPRODUCED
    assert verdict("cifar100-weak", at(4, 0.92, **place), at(11, 0.95, **place)) == CONTRADICTED
    assert verdict("cifar100-weak", at(4, 0.85), at(11, 0.6)) == NOT_RUN
    assert verdict("cifar100-weak", at(4, 0.8, dataset="cifar100"), at(11, 0.6, dataset="cifar100")) == NOT_RUN


def test_datasets_are_judged_apart_and_named() -> None:
    both = pd.concat([study(0.1, 0.2), study(0.2, 0.1, dataset="mnist")])
    found = find("compression-stability").findings({"fig6": both})
    assert [(f.setting, f.verdict, f.primary) for f in found if "59" in f.setting] == [
        ("59 %", REPRODUCED, True),
        ("mnist, convnet3, 59 %, ipc 1 and 10", CONTRADICTED, False),
    ]


@pytest.mark.parametrize(("hard", "expected"), [(0.8, REPRODUCED), (0.9, CONTRADICTED), (0.85, UNDECIDED)])
def test_harder_data_does_worse_when_its_ratio_to_imp_is_lower(hard: float, expected: str) -> None:
    """CIFAR-10 at .85 over IMP's .9, CIFAR-100 below, above or alike."""
    easy = study(0.1, 0.2, 0.85, 0.85, dataset="cifar10")
    other = study(0.1, 0.2, hard, hard, dataset="cifar100")
    other["accuracy_ratio"] += 0.002 * (-1) ** other["init"]
    assert verdict("harder-data-worse", easy, other) == expected
    assert verdict("harder-data-worse", easy) == NOT_RUN


def test_live_adds_one_size_to_the_stability_page() -> None:
    shared = {job.key for job in Section(resolve("s4-stability")).graph}
    new = [job for job in Section(resolve(S5)).graph if job.key not in shared]
    assert {job.ipc for job in new if isinstance(job, Distill)} == {1}
    retrained = [job for job in new if isinstance(job, Train) and job.source == job.data]
    assert len(retrained) == 12, "three initialisations, two levels, two retrainings, at one rate"


@pytest.mark.parametrize("scale", ["reduced", "paper"])
def test_presets_share_the_sets_of_the_stability_page(scale: str) -> None:
    found = resolve(S5, file=scale)
    shared = {job.key for job in Section(resolve("s4-stability", file=scale)).graph}
    ours = Section(found).graph
    assert found.scale == scale
    assert any(isinstance(job, Distill) and job.key in shared for job in ours)
    assert {job.key for job in ours if isinstance(job, Train) and job.key in shared}


def test_passes_over_a_set_become_steps() -> None:
    """As the authors do: 1000 passes over 400 decoded images in batches of 64 are 7000 steps."""
    tickets = overview.settings(resolve(S5, file="paper"))[0]
    assert [tickets.on(ipc).inner_steps for ipc in (1, 10, 50)] == [1000, 7000, 32000]
    assert overview.settings(resolve(S5, [("inner_steps", 300)]))[0].on(1).inner_steps == 300


@pytest.mark.parametrize(("made_for", "expected"), [("", "resnet10"), ("convnet3", "convnet3")])
def test_a_stability_page_can_name_the_network_of_its_sets(made_for: str, expected: str) -> None:
    section = Section(resolve("s4-stability", [("model", "resnet10"), ("distill_model", made_for)]))
    assert {job.model for job in section.graph if isinstance(job, Distill)} == {expected}


def test_sets_can_be_made_for_another_network() -> None:
    changes = [("distill_models", "own,resnet10"), ("ipcs", "2"), ("model", "convnet3,resnet10")]
    compared = [(t.model, t.made_for) for t, row in overview.comparisons(resolve(S5, changes)) if row.method != "imp"]
    pairs = [("convnet3", "convnet3"), ("convnet3", "resnet10"), ("resnet10", "resnet10")]
    assert compared == [pair for pair in pairs for _ in range(2)], "two rates each"


def test_wrong_sizes_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ipc 500 is more than the 137 training images"):
        resolve(S5, [("ipcs", "1,500")])
    (tmp_path / "set.npz").touch()
    with pytest.raises(InputError, match="one number of images per class"):
        resolve(S5, [("distiller", str(tmp_path / "set.npz"))])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> notebook.Page:
    """The page, all results there."""
    found = notebook.start(S5, {"levels": 4, "measured_levels": "2,4", "store": str(tmp_path_factory.mktemp("store"))})
    fill(found.section)
    return found


def test_every_cell_runs(page: notebook.Page) -> None:
    scope: dict[str, Any] = {}
    said: list[Any] = []
    for cell in nbformat.read(source(S5), as_version=4).cells:
        if cell.cell_type == "code":
            said.append(run_cell(cell.source, scope))
        if cell.get("id") == "parameters":
            scope.update({name: page.parameters[name] for name in ("levels", "measured_levels", "store")})
    (answer,) = (item for item in said if isinstance(item, Answer))
    assert "–" not in str(answer.answer), "a number of the answer was not found"
    drawn = [part for item in said if isinstance(item, Stack) for part in item.parts if isinstance(part, Picture)]
    assert [picture.name for picture in drawn] == ["fig6", "own-fig6"]


def test_the_frame_names_sets_and_their_compression(page: notebook.Page) -> None:
    frame = page.frame("fig6")
    found = frame[["method", "ipc", "setting", "compression"]].drop_duplicates().to_dict("split")["data"]
    assert found == [
        ["imp", 0, EQUAL, 1.0],
        ["distilled", 10, EQUAL, pytest.approx(14.37)],
        ["distilled", 10, GENTLE, pytest.approx(14.37)],
        ["distilled", 1, EQUAL, pytest.approx(143.7)],
    ]
    assert (frame["compression_decoded"] <= frame["compression"]).all()
    assert len(tables.overview(frame).rows) == 8


def test_the_figure_shows_sizes_and_imp(page: notebook.Page) -> None:
    figure = figures.fig6(page.frame("fig6"), STAMP)
    said = written(figure)
    assert all(
        part in said
        for part in (STAMP, "n = 3", "IMP (1×)", "Distilled, 1 image per class, equal rate (144×)", "59 % sparse")
    )
    assert fits(figure)
    picture = np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))
    assert (picture == 255).all(axis=2).mean() < 0.97, "blank"
    assert drawing.area(1000) - drawing.area(100) == pytest.approx(
        drawing.area(10) - drawing.area(1)
    ) and math.isfinite(drawing.area(0.5))


def test_a_size_of_fewer_initialisations_is_told(page: notebook.Page) -> None:
    frame = page.frame("fig6")
    fewer = frame[(frame["ipc"] != 1) | (frame["init"] == 0)]
    assert exhibits.counted(fewer) == "IMP 3, Distilled 1 to 3"
    assert "n = 1 to 3 initialisations" in written(figures.fig6(fewer, STAMP))


def test_several_places_fit_and_nothing_is_said_so(page: notebook.Page) -> None:
    frame = page.frame("fig6")
    figure = figures.fig6(pd.concat([frame, frame.assign(model="resnet10", dataset="mnist")]), STAMP)
    assert any("resnet10 on mnist: Distilled, 10 images per class" in text.get_text() for text in texts(figure))
    assert fits(figure)
    for nothing in (pd.DataFrame(), frame[frame["method"] == "imp"]):
        assert any("Nothing has been computed" in text.get_text() for text in texts(figures.fig6(nothing, STAMP)))
