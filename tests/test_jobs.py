"""Keys: stable, default-omitting, sensitive to every field, parent and digest, and fast."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import pytest
from distilled_pruning.study import jobs
from distilled_pruning.study.jobs import Connect, Data, Distill, Network, Prune, Train, base
from distilled_pruning.training.recipe import Recipe

DIGITS = Data("digits", size=16)
NETWORK = Network("convnet3", 16, seed=0)
RECIPE = Recipe(learning_rate=0.3, epochs=30, batch_size=32, augmentation="shift2+cutmix")


def chain(levels: int, seed: int = 0) -> Prune:
    mask: Prune | None = None
    source = Distill(DIGITS, "dm", 10, width=16, seed=seed)
    for _ in range(levels):
        mask = Prune(replace(NETWORK, seed=seed), DIGITS, source=source, recipe=replace(RECIPE, steps=300), parent=mask)
    assert mask is not None
    return mask


def test_a_new_option_left_at_its_default_changes_no_key() -> None:
    spec = Train(NETWORK, DIGITS, RECIPE).spec()
    assert set(spec["fields"]) == {"network", "source", "recipe"}
    assert spec["fields"]["network"] == {"model": "convnet3", "width": 16}
    assert "optimiser" not in spec["fields"]["recipe"]


def test_keys_that_results_were_kept_under_are_still_theirs() -> None:
    """Written down from results of earlier code; initialisation, norm and permuted labels came as options later."""
    assert Train(NETWORK, DIGITS, RECIPE).key == "64ea9af3defa18123e90671157e67a8d"
    assert chain(2).key == "5bc98c3e227f43b45f635ad91603b1ef"
    assert Distill(DIGITS, "dm", 10, width=16, shuffle_labels=True).key == "22adf128755a73d34a4facb258599a07"


@pytest.mark.parametrize(
    "change",
    [
        {"order_seed": 1},
        {"network": replace(NETWORK, seed=1)},
        {"network": replace(NETWORK, init="kaiming")},
        {"network": replace(NETWORK, norm="batch")},
        {"recipe": replace(RECIPE, weight_decay=0.0)},
        {"source": replace(DIGITS, subset=100)},
        {"mask": chain(1)},
        {"until": 3},
    ],
)
def test_every_field_changes_the_key(change: dict[str, object]) -> None:
    job = Train(NETWORK, DIGITS, RECIPE)
    assert replace(job, **change).key != job.key


def test_another_digest_or_version_is_another_job(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Train(NETWORK, DIGITS, RECIPE).key
    monkeypatch.setattr(Train, "version", 2)
    assert Train(NETWORK, DIGITS, RECIPE).key != key
    monkeypatch.undo()
    monkeypatch.setattr(base, "source_digest", lambda name: "other")
    assert Train(NETWORK, DIGITS, RECIPE).key == key  # data are what they were when first asked about
    assert Train(NETWORK, replace(DIGITS), RECIPE).key != key


def test_a_change_far_up_the_chain_reaches_the_key() -> None:
    assert chain(9).key != chain(9, seed=1).key
    assert chain(9).level == 9 and len(chain(9).chain()) == 9


def test_the_graph_lists_parents_first_and_each_once() -> None:
    mask = chain(3)
    line = Connect(*(Train(NETWORK, DIGITS, RECIPE, order, mask) for order in (0, 1)))
    ordered = jobs.graph([line, line])
    keys = [job.key for job in ordered]
    assert len(set(keys)) == len(keys) == 1 + 3 + 3 + 2 + 1
    assert all(keys.index(parent.key) < keys.index(job.key) for job in ordered for parent in job.parents)
    assert ordered[-1] is line


def test_the_inner_loop_of_a_level_is_the_parents_subnetwork() -> None:
    mask = chain(2)
    assert mask.training is not None and mask.training.mask == mask.parent
    assert mask.training.level == 1
    assert mask.training.steps == 300


def test_a_set_with_permuted_labels_is_made_from_the_set_itself() -> None:
    made = Distill(DIGITS, "dm", 10, width=16, shuffle_labels=True)
    assert made.parents == (replace(made, shuffle_labels=False),) and made.parents[0].parents == ()
    assert made.cost < made.parents[0].cost / 1000


def test_a_key_costs_less_than_a_millisecond() -> None:
    jobs.source_digest("digits")
    levels = chain(33).chain()
    begin = time.perf_counter()
    fresh = [replace(level) for level in levels for _ in range(10)]
    assert len({job.key for job in fresh}) == 33
    assert (time.perf_counter() - begin) / len(fresh) < 1e-3


def test_keys_are_the_same_in_another_process_and_need_no_torch() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "import test_jobs; print(test_jobs.chain(2).key); assert 'torch' not in sys.modules"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code, __file__.rsplit("/", 1)[0]], capture_output=True, text=True, check=True
    )
    assert printed.stdout.split()[-1] == chain(2).key
