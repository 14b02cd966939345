"""The page on distilled sets: every cell runs, figures and tables say what the frames hold, claims can fail."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import notebook
from distilled_pruning.study.display import Answer, Picture, Stack, png
from distilled_pruning.study.judging import ledger
from distilled_pruning.study.judging.claims import find
from distilled_pruning.study.judging.verdicts import CONTRADICTED, MIXED, NOT_RUN, REPRODUCED, UNDECIDED, combine
from distilled_pruning.study.parameters.notebooks import source
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.results import papers
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.s2_dataset_distillation import claims as set_claims, experiment as sets, tables
from distilled_pruning.study.sections.s2_dataset_distillation.figures import moments
from distilled_pruning.study.sections.section import Section
from matplotlib.figure import Figure
from PIL import Image
from pretend import fill, run_cell
from test_figures import fits, texts, written

PAGE = "s2-dataset-distillation"
STAMP = "custom: live · dataset digits, width 16"
DRAWN = {"sets": figures.sets, "stopping": figures.stopping, "matching": figures.matching}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> notebook.Page:
    """The page, all results there."""
    found = notebook.start(PAGE, {"store": str(tmp_path_factory.mktemp("store"))})
    fill(found.section)
    return found


def whole(figure: Figure) -> bool:
    """Whether nothing is clipped once the layout is settled, which drawing does."""
    png(figure)
    return fits(figure)


def galleries(page: notebook.Page) -> list[sets.Gallery]:
    return sets.galleries(page.parameters, page.section.store)


def test_every_cell_runs(page: notebook.Page) -> None:
    scope: dict[str, Any] = {}
    said: list[Any] = []
    for cell in nbformat.read(source(PAGE), as_version=4).cells:
        if cell.cell_type == "code":
            said.append(run_cell(cell.source, scope))
            if cell.id == "parameters":
                scope["store"] = page.parameters.store
    (gallery,) = (item for item in said if isinstance(item, Picture))
    assert gallery.name == "gallery" and "before, during and after" in gallery.alt
    drawn = [part for item in said if isinstance(item, Stack) for part in item.parts if isinstance(part, Picture)]
    assert [picture.name for picture in drawn if picture.name not in ("sets", "stopping")] == [
        "own-sets", "matching", "own-stopping",
    ]  # fmt: skip
    (answer,) = (item for item in said if isinstance(item, Answer))
    assert "–" not in str(answer.answer), "a number of the answer was not found"


def test_references_are_the_dense_networks_of_the_other_pages() -> None:
    shared = {job.key for job in Section(resolve("s3-distilled-pruning")).graph}
    own = [job for job in Section(resolve(PAGE)).graph if job.kind == "train"]
    assert own and all(job.key in shared for job in own), "at live scale nothing is trained on real data twice"


def test_the_reduced_set_is_the_one_that_is_pruned_on() -> None:
    made = {job.key for job in Section(resolve(PAGE, file="reduced")).graph if job.kind == "distill"}
    used = {job.key for job in Section(resolve("s3-distilled-pruning", file="reduced")).graph if job.kind == "distill"}
    assert len(made & used) >= 1


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([("distillers", "dm,dmm")], "did you mean 'dm'"),
        ([("distillers", "dm,none.npz")], "is not there"),
        ([("ipcs", "1,200")], "ipc 200 is more than the 137"),
        ([("evaluations", "0")], "at least 1"),
    ],
)
def test_a_mistake_is_one_sentence(pairs: list[tuple[str, str]], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        resolve(PAGE, pairs)


def test_a_published_file_has_one_number_of_images(tmp_path: Path) -> None:
    file = tmp_path / "theirs.npz"
    np.savez(file, images=np.zeros((10, 1, 16, 16), np.float32), labels=np.arange(10))
    with pytest.raises(InputError, match="a published set has one number of images per class"):
        resolve(PAGE, [("distillers", f"dm,{file}")])
    found = resolve(PAGE, [("distillers", f"dm,{file}"), ("ipcs", "1")])
    assert found.distillers == ("dm", str(file)) and "theirs.npz" in found.scale


@pytest.mark.parametrize("name", DRAWN)
def test_figures_are_stamped_whole_and_not_blank(name: str, page: notebook.Page) -> None:
    figure = DRAWN[name](page.frame(name), STAMP)
    picture = np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))
    assert (picture == 255).all(axis=2).mean() < 0.97, "blank"
    assert STAMP in written(figure) and whole(figure)
    assert png(DRAWN[name](page.frame(name), STAMP)) == png(DRAWN[name](page.frame(name), STAMP))


@pytest.mark.parametrize("name", DRAWN)
def test_several_networks_and_one_initialisation_fit_too(name: str, page: notebook.Page) -> None:
    frame = page.frame(name)
    one = frame[frame["init"] == 0] if "init" in frame else frame
    figure = DRAWN[name](pd.concat([one, one.assign(model="resnet10")]), STAMP)
    assert "ResNet-10, digits" in written(figure) and whole(figure)


def test_without_results_all_say_so() -> None:
    nothing = pd.DataFrame()
    for figure in (*(draw(nothing, STAMP) for draw in DRAWN.values()), figures.gallery([], STAMP)):
        assert any("Nothing has been computed" in text.get_text() for text in texts(figure))
    assert tables.sets(nothing).rows == tables.cost(nothing).rows == []
    assert {row[1] for row in tables.compare(nothing, "live").rows} == {"CIFAR-10"}


def test_the_gallery_shows_sets_on_their_way(page: notebook.Page) -> None:
    found = galleries(page)
    assert [(of.of["method"], of.of["ipc"]) for of in found] == [
        (method, ipc) for ipc in (1, 10) for method in ("dm", "dc", "idc", "mtt")
    ]
    figure = figures.gallery(found, STAMP)
    assert {"before", "after 20 % of the iterations", "after"} <= {ax.get_title() for ax in figure.axes}
    assert "IDC ipc 10" in written(figure) and STAMP in written(figure) and whole(figure)


def test_pictures_hold_three_images_of_every_class_and_the_end_is_the_end(page: notebook.Page) -> None:
    of = next(of for of in galleries(page) if of.of == {**of.of, "method": "dm", "ipc": 10})
    before, _, after = moments(of).values()
    assert before.shape == after.shape == (3 * 9 + 1, 10 * 9 + 1, 3)
    last = of.images[of.iterations].reshape(10, 10, 8, 8)[9, 2]
    assert np.abs(after[-9:-1, -9:-1, 0] - 255 * last).max() <= 0.5
    assert before[-9:-1, -9:-1].mean() < after[-9:-1, -9:-1].mean()


def test_a_recorded_set_shows_its_end_alone(page: notebook.Page) -> None:
    of = galleries(page)[0]
    finished = sets.Gallery(of.of, of.classes, of.space, of.iterations, {of.iterations: of.images[300]})
    assert list(moments(finished)) == ["after"]
    assert whole(figures.gallery([finished], STAMP))


def test_published_accuracies_are_marked_where_the_data_are_theirs(page: notebook.Page) -> None:
    frame = page.frame("sets")
    assert "published" not in written(figures.sets(frame, STAMP, papers.distilled()))
    theirs = figures.sets(frame.assign(dataset="cifar10"), STAMP, papers.distilled())
    assert "published" in written(theirs) and whole(theirs)
    bars = [line for line in theirs.axes[0].lines if line.get_marker() == "|"]
    assert sorted(float(line.get_xdata()[0]) for line in bars) == [50.6, 67.5]  # type: ignore[index,call-overload]


def test_the_papers_numbers_are_those_they_print() -> None:
    found = papers.distilled()
    assert [found["cifar10", "idc", ipc] for ipc in (1, 10, 50)] == [50.6, 67.5, 74.5]
    assert [found["cifar10", "idc-i", ipc] for ipc in (1, 10, 50)] == [36.7, 58.3, 69.5]
    assert found["imagenet10", "idc", 10] == 72.8


def test_tables_quote_means_with_intervals(page: notebook.Page, tmp_path: Path) -> None:
    (row,) = [row for row in tables.sets(page.frame("sets")).rows if row[:2] == ["IDC", "10"]]
    assert row[2:5] == ["400", "300", "95.1 ± 0.2"] and row[-1] == "3"  # .95, .951, .952; t(.975, 2) = 4.303
    table = tables.compare(page.frame("sets"), "live", tmp_path)
    assert table.columns[3:] == ["Paper", "This run"], "nothing is recorded in an empty folder: no column of dashes"
    rows = {tuple(row[:3]): row[3:] for row in table.rows}
    assert rows["IDC", "CIFAR-10", "10"] == ["67.5", "–"]
    assert rows["IDC", "digits", "10"] == ["–", "95.1 ± 0.2"]


def test_the_table_of_costs_counts_two_operations_for_each_multiply_accumulate(page: notebook.Page) -> None:
    frame = page.frame("cost").assign(loop_work=5e8, work=1e15, loop_seconds=0.25, seconds=float("nan"), cold=True)
    table = tables.cost(frame)
    assert table.rows[0][:6] == ["DM", "1", "300", "1", "0.25", "2.0 · 10⁶"] and table.rows[0][-1] == "– *"
    assert "start PyTorch" in table.note and "start PyTorch" not in tables.cost(frame.assign(cold=False)).note


def stopping(**gains: float) -> pd.DataFrame:
    """Networks on sets whose accuracy grows by a given amount, a little apart by initialisation."""
    return pd.DataFrame(
        [
            {"dataset": "digits", "model": "convnet3", "method": method, "ipc": 10, "init": init, "share": share,
             "accuracy": 0.9 + 0.001 * init * (share > 0) + gain * share / 100}
            for method, gain in gains.items() for init in range(3) for share in (0, 10, 100)
        ]
    )  # fmt: skip


def evaluations(order: list[float]) -> pd.DataFrame:
    """Sets of rising accuracy with given objectives."""
    return pd.DataFrame(
        [
            {"dataset": "digits", "model": "convnet3", "method": f"m{n}", "ipc": 1, "init": init,
             "accuracy": 0.5 + 0.1 * n, "average": value + 0.01 * init, "supremum": 9 * value}
            for n, value in enumerate(order) for init in range(3)
        ]
    )  # fmt: skip


def tickets(loop: float, ticket: float) -> pd.DataFrame:
    """IMP's and distilled tickets that differ by given amounts of accuracy, in the inner loop and after retraining."""
    rows = []
    for level in (4, 9):
        for method, setting, lost in (("imp", "equal rate", 0), ("distilled", "equal rate", 1), ("dense", "", 0)):
            for init in range(5):
                rows.append(
                    {"dataset": "digits", "model": "convnet3", "method": method, "setting": setting, "level": level,
                     "sparsity": 1 - 0.8**level,
                     "init": init, "loop_accuracy": 0.98 - lost * (loop + 0.001 * init),
                     "accuracy": 0.98 - lost * (ticket + 0.001 * init)}
                )  # fmt: skip
    return pd.DataFrame(rows)


def verdict(claim: str, **frames: pd.DataFrame) -> str:
    return combine(find(claim).measure(frames))


def test_sets_are_judged_against_their_own_start() -> None:
    assert verdict("sets-beat-start", stopping=stopping(dm=0.05, idc=0.02)) == REPRODUCED
    assert verdict("sets-beat-start", stopping=stopping(dm=0.05, idc=-0.02)) == MIXED
    assert verdict("sets-beat-start", stopping=stopping(dm=-0.02, idc=-0.02)) == CONTRADICTED
    assert verdict("sets-beat-start", stopping=stopping(dm=0.05, idc=0.02, dc=-0.05)) == REPRODUCED, "dc stands beside"
    assert verdict("sets-beat-start", stopping=stopping(dm=0.05)) == UNDECIDED, "idc was not run"
    few = stopping(dm=0.05, idc=0.05)
    assert verdict("sets-beat-start", stopping=few[few["init"] < 2]) == UNDECIDED
    assert verdict("sets-beat-start", stopping=pd.DataFrame()) == NOT_RUN


def test_objectives_are_compared_with_accuracy_by_rank_over_sets() -> None:
    """Five sets in one order have a chance of 1/120 of it; of four, 1/24, which decides nothing."""
    assert verdict("objectives-agree", sets=evaluations([5.0, 4.0, 3.0, 2.9, 0.1])) == REPRODUCED
    assert verdict("objectives-agree", sets=evaluations([0.1, 2.9, 3.0, 4.0, 5.0])) == CONTRADICTED
    assert verdict("objectives-agree", sets=evaluations([4.0, 3.0, 2.9, 0.1])) == UNDECIDED
    assert verdict("objectives-agree", sets=evaluations([3.0, 0.1, 5.0, 2.9, 4.0])) == UNDECIDED
    (first, _) = find("objectives-agree").measure({"sets": evaluations([4.0, 3.0, 1.0])})
    assert first.values == pytest.approx((0.7, 0.6, 0.5)) and (first.n, first.interval) == (3, None)


def test_any_number_of_sets_is_judged() -> None:
    """Fourteen sets have 87 billion orders: some are drawn; equal accuracies say nothing of an order."""
    assert verdict("objectives-agree", sets=evaluations([float(14 - n) for n in range(14)])) == REPRODUCED
    assert verdict("objectives-agree", sets=evaluations([float(n + 1) for n in range(14)])) == CONTRADICTED
    mixed = [1.0, 14.0, 3.0, 12.0, 5.0, 10.0, 7.0, 8.0, 9.0, 6.0, 11.0, 4.0, 13.0, 2.0]
    assert verdict("objectives-agree", sets=evaluations(mixed)) == UNDECIDED
    for k in (6, 14):
        alike = evaluations([float(n + 1) for n in range(k)]).assign(accuracy=0.9)
        assert verdict("objectives-agree", sets=alike) == UNDECIDED


def test_chances_are_counts_of_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against all 720 orders of six values, two of them equal; 500 draws give it within four standard errors."""
    values = [8.0, 5.0, 6.0, 6.0, 1.0, 2.0]
    ranks = [6.0, 3.0, 4.5, 4.5, 1.0, 2.0]
    found, *every = [sum(n * rank for n, rank in enumerate(order)) for order in (ranks, *permutations(ranks))]
    counted = sum(value <= found for value in every) / 720, sum(value >= found for value in every) / 720
    assert set_claims._chances(values) == pytest.approx(counted, abs=1e-12)
    monkeypatch.setattr(set_claims, "DRAWS", 500)
    drawn = set_claims._chances(values)
    assert drawn != counted and drawn == set_claims._chances(values), "the same draws every time"
    for chance, exact in zip(drawn, counted, strict=True):
        assert abs(chance - exact) < 4 * (exact * (1 - exact) / 500) ** 0.5 + 1 / 501


def test_low_accuracy_is_left_behind_where_the_ticket_loses_less_than_half() -> None:
    name = "low-distilled-acc-ok"
    assert verdict(name, fig2=tickets(0.2, 0.01)) == REPRODUCED
    assert verdict(name, fig2=tickets(0.2, 0.098)) == REPRODUCED, "just less than half"
    assert verdict(name, fig2=tickets(0.2, 0.103)) == CONTRADICTED, "just more than half"
    assert verdict(name, fig2=tickets(0.2, 0.01).assign(model="resnet18")) == NOT_RUN
    assert verdict(name, fig2=tickets(0.2, 0.15)) == CONTRADICTED, "the loop falls short, and so does the ticket"
    assert verdict(name, fig2=tickets(-0.2, 0.1)) == CONTRADICTED
    assert verdict(name, fig2=tickets(0.2, 0.01).drop(columns="loop_accuracy")) == NOT_RUN


@pytest.mark.parametrize(("off", "expected"), [(0.019, REPRODUCED), (-0.019, REPRODUCED), (0.021, CONTRADICTED)])
def test_the_accuracies_of_all_three_sizes_are_the_printed_ones_within_two_points(off: float, expected: str) -> None:
    printed = {1: 0.506, 10: 0.675, 50: 0.745}
    rows = [
        {"dataset": "cifar10", "model": "convnet3", "method": "idc", "ipc": ipc, "init": init}
        | {"accuracy": value + off + 1e-5 * init}
        for ipc, value in printed.items() for init in range(3)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    assert verdict("set-accuracy", sets=frame) == expected
    assert verdict("set-accuracy", sets=frame[frame["ipc"] != 50]) == UNDECIDED


def test_the_page_judges_its_claims(page: notebook.Page) -> None:
    assert {claim.id for claim in ledger.claims_of(page.section.experiments)} >= {"sets-beat-start", "objectives-agree"}
    assert "low-distilled-acc-ok" in {claim.id for claim in ledger.claims_of(["fig2"])}
    verdicts = {str(row[0]).partition(" (")[0]: str(row[-1]) for row in page.claims(ours=True).rows}
    beaten = "Training on our distilled sets beats training on the images they began with."
    assert verdicts[beaten].endswith("this run: supported")
    (closer,) = (said for stated, said in verdicts.items() if stated.startswith("The closer a set"))
    assert closer.endswith("this run: supported"), "fourteen sets, too many to count every order"


def test_the_page_imports_no_pytorch_until_something_is_computed(page: notebook.Page) -> None:
    code = (
        "import sys; from distilled_pruning.study.sections import figures; "
        "from distilled_pruning.study.book import notebook; "
        "from distilled_pruning.study.results import papers; "
        "from distilled_pruning.study.sections.s2_dataset_distillation import experiment as sets; "
        "from distilled_pruning.study.sections.s2_dataset_distillation import tables; "
        f"page = notebook.start({PAGE!r}, {{'store': {page.parameters.store!r}}}); "
        "figures.gallery(sets.galleries(page.parameters, page.section.store)); "
        "tables.compare(page.frame('sets'), 'live'); page.claims(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ, timeout=120)
