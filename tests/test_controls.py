"""Which jobs the controls are made of: what is shown on which initialisation, equal sparsity, ways of measuring."""

from __future__ import annotations

from pathlib import Path

import pytest
from distilled_pruning.study import controls, experiments, protocols
from distilled_pruning.study.kinds import Connect, Prune
from distilled_pruning.study.parameters import Parameters, resolve
from distilled_pruning.study.protocols import HERE, PARTIAL, REESTIMATED, UNMASKED
from distilled_pruning.study.runner import run
from distilled_pruning.study.store import Store
from distilled_pruning.study.tickets import LIKENESSES, Tickets

TINY = {"width": 4, "ipc": 1, "distiller": "random", "levels": 2, "measured_levels": "2", "epochs": 1, "inner_steps": 2}


def page(**changes: object) -> Parameters:
    """Parameters of the page of controls."""
    return resolve("b-controls", list(changes.items()))


def test_all_masks_of_a_level_keep_the_same_number_of_weights(tmp_path: Path) -> None:
    parameters = page(**TINY, seeds=1, subset=100, batch_size=50)
    lines = controls.lines(parameters)
    masks = [line.job.a.mask for line in lines if line.level]
    assert {line.row.method for line in lines} == set(parameters.methods.split(","))
    store = Store(tmp_path)
    outcome = run([mask for mask in masks if mask is not None], store)
    assert not outcome.failed and not outcome.left
    counts = [store.metrics(mask.key)["survivors"] for mask in masks if mask is not None]  # type: ignore[index]
    assert len(counts) == len(lines) - 1 and max(counts) - min(counts) <= 1


def test_the_live_page_repeats_what_the_question_hangs_on_and_the_rest_once_at_the_gentlest_rate() -> None:
    found: dict[str, list[tuple[int, float]]] = {}
    for line in controls.lines(page()):
        found.setdefault(line.row.method, []).append((line.init, line.row.rate))
    both = [(init, rate) for rate in (0.3, 0.1) for init in range(3)]
    for method in ("distilled", "random-real", "real-short"):
        assert found[method] == both
    for method in ("imp", "dense", "magnitude", "shuffled"):
        assert [init for init, _ in found[method]] == [0, 1, 2]
    assert found["easy-real"] == found["mislabelled"] == [(0, 0.1)]
    assert all(len(found[method]) == 1 for method in ("snip", "synflow", "random", "magnitude-layers"))
    assert len(controls.doses(page())) == 6


def test_masks_are_likened_to_the_gentlest_distilled_one() -> None:
    tickets = Tickets(page())
    for row in (row for row in tickets.rows if row.method in LIKENESSES):
        mask = tickets.chain(row, 0, 9)
        assert mask is not None and mask.like is not None and mask.like.recipe is not None
        assert mask.like.recipe.learning_rate == 0.1


def test_every_two_masks_are_compared_once_and_magnitude_on_every_initialisation() -> None:
    pairs = controls.compared(page())
    first = {(a, b) for _, a, b, init, _, _ in pairs if init == 0}
    masks = {row for pair in first for row in pair}
    assert len(first) == len(masks) * (len(masks) - 1) / 2
    others = [{a.method, b.method} for _, a, b, init, _, _ in pairs if init > 0]
    assert len(others) == 2 * 2 and all(pair == {"distilled", "magnitude"} for pair in others)


def ways(**changes: object) -> dict[tuple[str, float], set[str]]:
    """Ways in which each ticket is measured."""
    found: dict[tuple[str, float], set[str]] = {}
    for _, row, _, _, _, name, _ in protocols.variants(page(**changes)):
        found.setdefault((row.method, row.rate), set()).add(name)
    return found


def test_each_ticket_is_measured_in_the_ways_that_mean_something_for_it() -> None:
    assert ways() == {
        ("dense", 0.0): {HERE},
        ("imp", 0.3): {HERE, UNMASKED},
        ("distilled", 0.3): {HERE, UNMASKED, PARTIAL},
        ("distilled", 0.1): {HERE, UNMASKED},
    }
    assert all(REESTIMATED in found for found in ways(model="resnet10").values())


def test_a_way_of_measuring_changes_one_thing() -> None:
    found: dict[str, Connect] = {}
    for _, row, init, _, _, name, job in protocols.variants(page()):
        if (row.method, row.rate, init) == ("distilled", 0.3, 0):
            found[name] = job
    here, unmasked, partial = found[HERE], found[UNMASKED], found[PARTIAL]
    assert (unmasked.a, unmasked.b, unmasked.masked) == (here.a, here.b, False)
    assert partial.masked and partial.a.rewind == partial.b.rewind == "weights"
    kept, changed = here.a.mask, partial.a.mask
    assert isinstance(kept, Prune) and isinstance(changed, Prune)
    assert changed.chain()[0] == kept.chain()[0]  # before the first pruning there is nothing to rewind
    assert all(mask.rewind == "weights" for mask in changed.chain()[1:])
    assert [mask.source for mask in changed.chain()] == [mask.source for mask in kept.chain()]


@pytest.mark.parametrize("name", ["controls", "dose", "kinship", "protocols"])
def test_frames_without_results_are_empty(name: str, tmp_path: Path) -> None:
    assert experiments.EXPERIMENTS[name].frame(page(), Store(tmp_path)).empty
