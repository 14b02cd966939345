"""Which jobs the controls are made of: what is shown on which initialisation, equal sparsity, ways of measuring."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distilled_pruning import models, robustness
from distilled_pruning.errors import InputError
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import CORRUPTIONS, Connect, Prune
from distilled_pruning.study.jobs.ways import Kind, kind
from distilled_pruning.study.parameters import fields
from distilled_pruning.study.parameters.presets import Parameters, resolve
from distilled_pruning.study.sections import registry as experiments
from distilled_pruning.study.sections.b_controls import experiment as controls
from distilled_pruning.study.sections.b_controls.experiment import (
    BATCHED,
    HERE,
    LARGER,
    PARTIAL,
    REBATCHED,
    REESTIMATED,
    SHORTER,
    SLOWER,
    UNMASKED,
)
from distilled_pruning.study.sections.common.tickets import Row, Tickets

TINY = {"width": 4, "ipc": 1, "distiller": "random", "levels": 2, "measured_levels": "2", "epochs": 1, "inner_steps": 2}


@dataclass(frozen=True)
class Planned:
    """A job of an experiment, and what its columns say of it."""

    job: Any
    columns: Mapping[str, Any]

    @property
    def row(self) -> Row:
        return Row(*(self.columns[name] for name in ("method", "rate", "setting")))

    @property
    def init(self) -> int:
        return int(self.columns["init"])

    @property
    def level(self) -> int:
        return int(self.columns["level"])


def planned(name: str, parameters: Parameters) -> list[Planned]:
    found = experiments.EXPERIMENTS[name].plan(parameters)
    return [Planned(job, columns) for job, columns in found if columns is not None]


lines, doses = functools.partial(planned, "controls"), functools.partial(planned, "dose")


def page(**changes: object) -> Parameters:
    """Parameters of the page of controls."""
    return resolve("b-controls", list(changes.items()))


def test_all_masks_of_a_level_keep_the_same_number_of_weights(tmp_path: Path) -> None:
    parameters = page(**TINY, seeds=1, subset=100, batch_size=50)
    found = lines(parameters)
    masks = [line.job.a.mask for line in found if line.level]
    assert {line.row.method for line in found} == set(parameters.methods)
    store = Store(tmp_path)
    outcome = run([mask for mask in masks if mask is not None], store)
    assert not outcome.failed and not outcome.left
    counts = [store.metrics(mask.key)["survivors"] for mask in masks if mask is not None]  # type: ignore[index]
    assert len(counts) == len(found) - 1 and max(counts) - min(counts) <= 1


def test_a_published_set_is_one_more_way_to_find_a_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by what its file holds, wherever that lies; without a file, one sentence says where to put it."""
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path))
    (tmp_path / "distilled").mkdir()
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (10, 16, 16, 1), dtype=np.uint8), np.arange(10)
    np.savez(tmp_path / "distilled/theirs.npz", images=images, labels=labels)
    named = {**TINY, "methods": "dense,published", "published": "theirs.npz", "seeds": 1, "subset": 100}
    found = lines(page(**named))
    assert [(line.row.method, line.level, line.row.setting) for line in found] == [
        ("dense", 0, ""),
        ("published", 2, "gentle rate"),
    ]
    store = Store(tmp_path / "store")
    outcome = run([line.job for line in found], store)
    assert not outcome.failed and not outcome.left
    keys = [line.job.key for line in found]
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str((tmp_path / "distilled").rename(tmp_path / "moved")))
    with pytest.raises(InputError, match=r"theirs\.npz' is not in .*\(DISTILLED_PRUNING_DATA names another"):
        lines(page(**named))
    (tmp_path / "moved/distilled").mkdir()
    (tmp_path / "moved/theirs.npz").rename(tmp_path / "moved/distilled/theirs.npz")
    assert [line.job.key for line in lines(page(**named))] == keys
    with pytest.raises(InputError, match="no published set is named: set published to a file"):
        lines(page(**{**named, "published": ""}))
    with pytest.raises(InputError, match=r"published must be the name of a \.npz or \.pt file"):
        page(published="../theirs.npz")


def test_the_live_page_repeats_what_the_question_hangs_on_and_the_rest_once_at_the_gentlest_rate() -> None:
    found: dict[str, list[tuple[int, float]]] = {}
    for line in lines(page()):
        found.setdefault(line.row.method, []).append((line.init, line.row.rate))
    for method in ("distilled", "real-short"):
        assert found[method] == [(init, rate) for rate in (0.3, 0.1) for init in range(3)]
    for method in ("imp", "dense"):
        assert [init for init, _ in found[method]] == [0, 1, 2]
    assert found["random-real"] == found["easy-real"] == found["mislabelled"] == [(0, 0.1)]
    once = ("snip", "synflow", "random", "magnitude", "magnitude-layers", "shuffled")
    assert all(len(found[method]) == 1 for method in once)
    assert len(doses(page())) == 7


def test_imp_is_the_largest_dose_of_all_real_images() -> None:
    parameters = page()
    *_, full = doses(parameters)
    (line,) = (line for line in lines(parameters) if line.row.method == "imp" and line.init == 0)
    assert full.row.method == "imp" and full.columns["steps"] == Tickets(parameters).outer.total_steps(1437)
    assert full.job.key == line.job.key
    assert {line.row.method for line in doses(page(methods="distilled"))} == set(controls.DOSED)


def test_a_first_rate_alone_on_every_initialisation_is_that_of_the_papers() -> None:
    main = "dense,imp,distilled,random-real,real-short"
    some = page(main_methods=main)
    found = [(line.init, line.row.rate) for line in lines(some) if line.row.method == "random-real"]
    assert found == [(0, 0.3), (1, 0.3), (2, 0.3), (0, 0.1)] and some.learning_rate == 0.3
    every = page(main_methods=main, rated_methods="distilled,real-short,random-real")
    assert len([line for line in lines(every) if line.row.method == "random-real"]) == 6


def test_masks_are_likened_to_the_gentlest_distilled_one() -> None:
    tickets = Tickets(page())
    for row in (row for row in tickets.rows if kind(row.method) is Kind.MATCHED):
        mask = tickets.chain(row, 0, 9)
        assert mask is not None and mask.like is not None and mask.like.recipe is not None
        assert mask.like.recipe.learning_rate == 0.1


def test_masks_are_likened_to_the_way_that_is_named() -> None:
    tickets = Tickets(page(like="real-short", methods="shuffled,snip-layers"))
    for row in tickets.rows:
        mask = tickets.chain(row, 0, 9)
        assert mask is not None and mask.like is not None
        assert mask.like.source == tickets.data and mask.levels == 0 and mask.level == 9


def test_every_two_masks_of_an_initialisation_are_compared_once_and_distilled_with_magnitude_on_all() -> None:
    pairs = list(controls.comparisons(page()))
    for init in range(3):
        compared = [frozenset((a, b)) for _, a, b, seed, _, _ in pairs if seed == init]
        assert len(set(compared)) == len(compared)
        shown = {line.row for line in lines(page()) if line.init == init and line.level}
        wanted = {frozenset((a, b)) for a in shown for b in shown if a != b}
        others = set(compared) - wanted
        assert wanted <= set(compared)
        assert all({row.method for row in pair} == {"distilled", "magnitude"} for pair in others)
        assert len(others) == (0 if init == 0 else 2)


def test_the_curvature_of_every_ticket_is_that_of_its_first_retraining() -> None:
    first = {line.job.a.key for line in lines(page()) if line.job.a.order_seed == 0}
    diagonals = planned("curvatures", page())
    assert {line.job.trained.key for line in diagonals} == first and len(diagonals) == len(first)
    assert all(line.job.images == 64 for line in diagonals)


def ways(**changes: object) -> dict[tuple[str, float], set[str]]:
    """Ways in which each ticket is measured."""
    found: dict[tuple[str, float], set[str]] = {}
    for line in planned("protocols", page(**changes)):
        found.setdefault((line.row.method, line.row.rate), set()).add(line.columns["protocol"])
    return found


TRAINED = {SHORTER, SLOWER, LARGER}


def test_each_ticket_is_measured_in_the_ways_that_mean_something_for_it() -> None:
    assert ways() == {
        ("dense", 0.0): {HERE, *TRAINED, BATCHED, REBATCHED},
        ("imp", 0.3): {HERE, UNMASKED},
        ("distilled", 0.3): {HERE, UNMASKED, PARTIAL},
        ("distilled", 0.1): {HERE, UNMASKED},
    }
    found = ways(model="resnet10")
    assert all(REESTIMATED in names for names in found.values())
    assert found["dense", 0.0] == {HERE, REESTIMATED, *TRAINED}


def test_ways_with_trainings_of_their_own_are_run_on_as_many_initialisations_as_asked() -> None:
    for seeds in (1, 2):
        found = [(line.init, line.columns["protocol"]) for line in planned("protocols", page(protocol_seeds=seeds))]
        assert sum(name == PARTIAL for _, name in found) == sum(name == SLOWER for _, name in found) == seeds
        assert max(init for init, name in found if name == UNMASKED) == 2


def lines_of(method: str, rate: float, **changes: object) -> dict[str, Connect]:
    """Lines of a ticket of the first initialisation by way."""
    return {
        line.columns["protocol"]: line.job
        for line in planned("protocols", page(**changes))
        if (line.row.method, line.row.rate, line.init) == (method, rate, 0)
    }


def test_a_way_of_measuring_changes_one_thing() -> None:
    found = lines_of("distilled", 0.3)
    here, unmasked, partial = found[HERE], found[UNMASKED], found[PARTIAL]
    assert (unmasked.a, unmasked.b, unmasked.masked) == (here.a, here.b, False)
    assert partial.masked and partial.a.rewind == partial.b.rewind == "weights"
    kept, changed = here.a.mask, partial.a.mask
    assert isinstance(kept, Prune) and isinstance(changed, Prune)
    assert changed.chain()[0] == kept.chain()[0]  # before the first pruning there is nothing to rewind
    assert all(mask.rewind == "weights" for mask in changed.chain()[1:])
    assert [mask.source for mask in changed.chain()] == [mask.source for mask in kept.chain()]


def test_a_way_of_training_changes_one_thing_for_both_ends() -> None:
    found = lines_of("dense", 0.0, epochs=25, batch_size=32)
    here = found[HERE]
    recipe = here.a.recipe
    expected = {
        SHORTER: replace(recipe, epochs=8),
        SLOWER: replace(recipe, learning_rate=recipe.learning_rate / 3),
        LARGER: replace(recipe, batch_size=128),
    }
    for name, wanted in expected.items():
        assert found[name] == replace(here, a=replace(here.a, recipe=wanted), b=replace(here.b, recipe=wanted))
    network = replace(here.a.network, norm="batch")
    assert found[BATCHED] == replace(here, a=replace(here.a, network=network), b=replace(here.b, network=network))
    assert found[REBATCHED] == replace(found[BATCHED], statistics="re-estimated")


def test_robustness_is_asked_of_the_papers_tickets_and_two_controls() -> None:
    found = planned("shifts", page(epsilons="16,4", severities="5,1", shift_images=100))
    methods = {(line.row.method, line.row.rate) for line in found}
    assert methods == {("dense", 0), ("imp", 0.3), ("random", 0)} | {
        (method, rate) for method in ("distilled", "real-short") for rate in (0.3, 0.1)
    }
    jobs = [line.job for line in found]
    assert all((job.epsilons, job.severities, job.images) == ((4, 16), (1, 5), 100) for job in jobs)
    assert all(job.trained.order_seed == 0 for job in jobs)
    assert sum(line.row.method == "random" for line in found) == 1


def test_what_a_shift_costs_is_the_clean_accuracy_minus_the_mean_over_its_family() -> None:
    accuracies = {("clean", 0): 0.9, ("fgsm", 4): 0.8, ("fgsm", 16): 0.4, ("pgd", 4): 0.6, ("pgd", 16): 0.2}
    accuracies |= {(name, 1): 0.9 - 0.01 * place for place, name in enumerate(CORRUPTIONS)}
    named = {"dataset": "digits", "model": "convnet3", "method": "imp", "setting": "", "rate": 0.0}
    named |= {"level": 9, "sparsity": 0.87, "init": 0, "collapsed": False}
    rows = [named | {"shift": name, "strength": n, "accuracy": value} for (name, n), value in accuracies.items()]
    (row,) = controls.by_family(pd.DataFrame(rows)).to_dict("records")
    assert row["fgsm"] == pytest.approx(0.6) and row["pgd"] == pytest.approx(0.4)
    assert row["adversarial_lost"] == pytest.approx(0.9 - 0.5)
    assert row["corrupted_lost"] == pytest.approx(0.01 * 15 / 6)


def test_other_initial_weights_change_the_network_alone() -> None:
    parameters = page(inits=",".join(models.INITS))
    found = {(line.columns["start"], line.row.method): line.job for line in planned("starts", parameters)}
    assert set(found) == {(start, method) for start in models.INITS for method in ("dense", "distilled")}
    shown = {(line.row, line.init): line.job for line in lines(parameters)}
    assert found["default", "distilled"] == next(
        job for (row, init), job in shown.items() if (row.method, row.rate, init) == ("distilled", 0.1, 0)
    )
    for start in ("kaiming", "xavier"):
        job, papers = found[start, "distilled"], found["default", "distilled"]
        assert job.a.network == replace(papers.a.network, init=start)
        assert isinstance(job.a.mask, Prune) and isinstance(papers.a.mask, Prune)
        assert [mask.source for mask in job.a.mask.chain()] == [mask.source for mask in papers.a.mask.chain()]
        assert all(mask.network.init == start for mask in job.a.mask.chain())


def test_lists_that_need_no_pytorch_are_those_of_the_library() -> None:
    assert fields.INITS == models.INITS and tuple(robustness.CORRUPTIONS) == CORRUPTIONS


NAMES = ["controls", "curvatures", "dose", "kinship", "anatomy", "shifts", "starts", "protocols"]


@pytest.mark.parametrize("name", NAMES)
def test_frames_without_results_are_empty(name: str, tmp_path: Path) -> None:
    assert experiments.EXPERIMENTS[name].frame(page(), Store(tmp_path)).empty
