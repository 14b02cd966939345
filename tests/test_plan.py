from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study import jobs
from distilled_pruning.study.engine import machine, plan
from distilled_pruning.study.engine.estimate import (
    CALL_SECONDS,
    DEFAULT_BYTES,
    DEFAULT_MEMORY_MB,
    DEFAULT_SECONDS,
    FIRST_SECONDS,
    START_SECONDS,
    Estimate,
    Remaining,
)
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Data, Distill, Evaluate, Network, Result, Train
from distilled_pruning.training.recipe import Recipe
from toyjobs import Toy, chain, perform


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def measured(seconds: float, job: Toy, **more: object) -> dict[str, object]:
    return {"device": machine.name(), "seconds": seconds, "cost": job.cost, "memory_mb": 321, **more}


def test_counts_what_is_cached_missing_and_not_needed(store: Store) -> None:
    a, b = chain("a", 3, 100), chain("b", 2, 100)
    store.save(a[1], Result({}), {})  # so a0 is not needed
    found = plan.plan([a[2], b[1]], store)
    (row,) = found.rows
    assert (row.kind, row.jobs, row.cached, row.missing, row.measured) == ("toy", 5, 1, 3, False)
    assert [step.job.key for step in found.steps] == [a[2].key, b[0].key, b[1].key]
    assert [step.parents for step in found.steps] == [(), (), (b[0].key,)]
    assert (row.memory_mb, row.disk_mb) == (DEFAULT_MEMORY_MB, 3 * DEFAULT_BYTES / 1e6)


def test_planning_writes_nothing(tmp_path: Path) -> None:
    plan.plan([Toy("a")], Store(tmp_path / "store"))
    assert not any(tmp_path.iterdir())


def test_times_are_those_measured_on_this_device(store: Store) -> None:
    quick, slow = Toy("quick", 10), Toy("slow", 10_000)
    store.save(quick, Result({}), measured(0.5, quick))
    store.save(slow, Result({}), measured(2000.0, slow))
    for number in range(8):  # jobs elsewhere and continued ones say nothing
        other = Toy(f"other{number}", 20)
        store.save(
            other, Result({}), measured(1e6, other, **({"device": "abacus"} if number % 2 else {"continued": True}))
        )
    estimate = Estimate.of(store)
    needs = estimate.needs(Toy("new", 20))
    assert needs.measured and needs.memory_mb == 321 and 0 < needs.bytes < 5000
    assert needs.seconds == pytest.approx(20 * 2000.5 / 10_010)  # both are near enough: their times over their costs
    for number in range(8):
        near = Toy(f"near{number}", 20)
        store.save(near, Result({}), measured(3.0, near))
    assert Estimate.of(store).needs(Toy("new", 20)).seconds == pytest.approx(3.0)
    assert Estimate().needs(Toy("new", 20)).seconds == pytest.approx(DEFAULT_SECONDS + 20e6 / 8e9)


def test_of_equally_near_jobs_all_count(store: Store) -> None:
    """Not the slowest: these are what a larger job than all measured ones would find next to it."""
    for number in range(20):
        near = Toy(f"near{number}", 10)
        store.save(near, Result({}), measured(1.0 + number // 10, near))
    estimate = Estimate.of(store)
    assert [estimate.needs(Toy("new", size)).seconds for size in (5, 10, 20)] == pytest.approx([0.75, 1.5, 3.0])


def test_the_first_job_of_a_process_counts_only_without_others(store: Store) -> None:
    first, later = Toy("first", 10), Toy("later", 10)
    store.save(first, Result({}), measured(60.0, first, cold=True))
    assert Estimate.of(store).needs(Toy("new", 10)).seconds == pytest.approx(60)
    store.save(later, Result({}), measured(1.0, later, cold=False))
    assert Estimate.of(store).needs(Toy("new", 10)).seconds == pytest.approx(1)


def test_the_start_is_what_first_jobs_took_longer(store: Store) -> None:
    assert Estimate.of(store).start == START_SECONDS + FIRST_SECONDS
    for number, seconds in enumerate((3.0, 23.0, 43.0, 33.0)):
        job = Toy(f"job{number}", 20)
        store.save(job, Result({}), measured(seconds, job, cold=number > 0))
    assert Estimate.of(store).start == pytest.approx(START_SECONDS + 30.0)
    assert plan.plan([Toy("new", 20)], store).minutes() == pytest.approx((START_SECONDS + 33.0) / 60)
    assert plan.plan([Toy("job0", 20)], store).minutes() == 0


def test_a_job_of_quite_another_size_says_nothing(store: Store) -> None:
    """A coreset chosen in a second must not make a distillation look like a year."""
    estimate = Estimate.of(store, "cpu")
    estimate.measured = {}
    estimate.observe({"kind": "toy", "cost": 1e6, "seconds": 1.0, "files": {}})
    near, far = (estimate.needs(SimpleNamespace(kind="toy", cost=cost, calls=0)) for cost in (2e6, 2e10))
    assert near.measured and near.seconds == 2.0
    assert not far.measured and far.seconds < 60


def own(folder: Path) -> Data:
    """Some images of a user's own, too small to be any work."""
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    labels = np.arange(60) % 3
    np.savez(folder / "own.npz", images=images, labels=labels, test_images=images, test_labels=labels)
    return Data(str(folder / "own.npz"))


@pytest.mark.parametrize(("method", "calls"), [("dm", 3), ("dsa", 9), ("mtt", 4 * 20)])
def test_distilling_few_small_images_takes_its_calls(tmp_path: Path, method: str, calls: int) -> None:
    """20,000 iterations are no less than 20,000 starts of the network for each class, though the images are nothing."""
    job = Distill(own(tmp_path), method, 1, iterations=20_000, width=4)
    assert job.calls >= 20_000 * calls
    assert Estimate(device="cpu").needs(job).seconds >= 20_000 * calls * CALL_SECONDS


def test_batches_of_one_image_take_as_many_steps(tmp_path: Path) -> None:
    network, data = Network("convnet3", 4), own(tmp_path)
    one, whole = (Train(network, data, Recipe(epochs=10, batch_size=size)) for size in (1, 60))
    assert one.cost == whole.cost and (one.calls, whole.calls) == (10 * data.images, 10)
    evaluated = Evaluate(Distill(data, "random", 16), one.recipe, (whole, whole))
    assert evaluated.calls == 2 * one.calls
    estimate = Estimate(device="cpu")
    assert estimate.needs(one).seconds - estimate.needs(whole).seconds == pytest.approx(
        10 * (data.images - 1) * CALL_SECONDS
    )


def test_what_was_measured_counts_calls_too(store: Store, tmp_path: Path) -> None:
    """So that many steps on few images teach what few steps on many take, and the other way round."""
    network, data = Network("convnet3", 4), own(tmp_path)
    one, whole = (Train(network, data, Recipe(epochs=10, batch_size=size)) for size in (1, 60))
    plain = Estimate()
    size = plain.size(one.cost, one.calls)
    store.save(one, Result({}), measured(3 * size, one, calls=one.calls))
    assert Estimate.of(store).needs(whole).seconds == pytest.approx(3 * plain.size(whole.cost, whole.calls))


def test_attempts_note_the_calls(store: Store) -> None:
    run([Toy("a")], store, perform=perform, stream=io.StringIO())
    assert store.entry(Toy("a").key).provenance()["calls"] == 0


class Clock:
    """A clock that is set by hand."""

    time = 0.0

    def __call__(self) -> float:
        return self.time


def test_the_time_left_follows_the_progress_seen() -> None:
    """A first job, foreseen to take a second and a hundred times slower, and another of its kind behind it."""
    clock = Clock()
    remaining = Remaining(clock=clock)
    remaining.foresee({"a": ("distill", 1.0), "b": ("distill", 1.0), "c": ("train", 1.0)})
    assert remaining.seconds("abc") == pytest.approx(3)
    remaining.see("a", 0, 100)
    clock.time = 10.0
    remaining.see("a", 10, 100)
    assert remaining.seconds("a") == pytest.approx(90)
    assert remaining.seconds("ab") == pytest.approx(190)
    assert remaining.seconds("abc") == pytest.approx(290)  # of another kind nothing else is known
    remaining.end("a", 100.0)
    remaining.end("c", 2.0)
    assert remaining.seconds("b") == pytest.approx(100)


def test_a_job_that_goes_on_is_as_fast_as_it_is_now() -> None:
    """Nine tenths were done in an earlier run; and a look of a moment says nothing yet."""
    clock = Clock()
    remaining = Remaining(2, clock=clock)
    remaining.foresee({"a": ("train", 50.0), "b": ("train", 50.0)})
    remaining.see("a", 90, 100)
    clock.time = 0.5
    remaining.see("a", 91, 100)
    assert remaining.seconds("a") == pytest.approx(4.5)
    clock.time = 5.0
    remaining.see("a", 95, 100)
    assert remaining.seconds("a") == pytest.approx(5)
    assert remaining.seconds("ab") == pytest.approx((5 + 100) / 2)
    remaining.see("b", 0, 10)
    clock.time = 15.0
    remaining.see("b", 1, 10)
    assert remaining.seconds("ab") == pytest.approx(90)  # what runs already is not shared out


def test_several_jobs_at_a_time_are_never_faster_than_the_longest_chain(store: Store) -> None:
    known = Toy("known", 100)
    store.save(known, Result({}), measured(60.0, known))
    found = plan.plan([*chain("a", 4, 100), *chain("b", 2, 100)], store)
    assert found.start == START_SECONDS + FIRST_SECONDS
    assert [found.minutes(n) - found.start / 60 for n in (1, 2, 3)] == pytest.approx([6, 4, 4])


def test_the_table_says_which_times_are_guesses(store: Store) -> None:
    text = str(plan.plan(chain("a", 2, 100), store))
    assert text.splitlines()[0].split() == [
        "job",
        "planned",
        "cached",
        "missing",
        "minutes",
        "memory",
        "MB",
        "disk",
        "MB",
    ]
    assert text.splitlines()[-1].split()[:4] == ["all", "2", "0", "2"] and "~" in text.splitlines()[1]


def test_json_lists_every_missing_job_with_its_command(store: Store) -> None:
    a = chain("a", 2, 100)
    found = json.loads(json.dumps(plan.plan(a, store).json(lambda job: ["distilled-pruning", "run", job.key])))
    assert found["total"]["missing"] == 2 and [row["kind"] for row in found["kinds"]] == ["toy"]
    assert found["jobs"][1] == {
        "key": a[1].key,
        "kind": "toy",
        "title": "toy a1",
        "parents": [a[0].key],
        "cost": 1e8,
        "minutes": pytest.approx((DEFAULT_SECONDS + 1e8 / 8e9) / 60, abs=1e-4),
        "memory_mb": DEFAULT_MEMORY_MB,
        "disk_mb": 1.0,
        "gpu": True,
        "group": a[1].key,
        "entry": str(store.path(a[1].key)),
        "command": ["distilled-pruning", "run", a[1].key],
    }


def test_shards_cover_everything_once_and_share_the_work() -> None:
    wanted = [job for name in "abcdef" for job in chain(name, 3, 10)[-1:]]
    for count in (1, 2, 3, 6):
        parts = [plan.shard(wanted, number, count) for number in range(1, count + 1)]
        assert [job for part in parts for job in part] == wanted
        assert {len(part) for part in parts} == {6 // count}
    assert [len(plan.shard(wanted[:1], number, 3)) for number in (1, 2, 3)] == [0, 1, 0]
    with pytest.raises(InputError, match="not 5/4"):
        plan.shard(wanted, 5, 4)


@pytest.mark.thorough
def test_ten_thousand_jobs_are_planned_within_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    store = Store(tmp_path / "store")
    wanted = [job for number in range(1000) for job in chain(f"{number}-", 10)]
    for job in wanted:
        store.save(job, Result({}), measured(1.0, job))
    wanted = [job for number in range(1000) for job in chain(f"{number}-", 10)]  # keys not yet computed
    began = time.process_time()  # a machine busy with other things says nothing about this code
    found = plan.plan(wanted, store)
    assert time.process_time() - began < 5
    assert (found.total.cached, found.total.missing) == (10_000, 0)
    began = time.process_time()
    assert run(wanted, store, perform=perform).done == []
    assert time.process_time() - began < 10
    assert len(jobs.graph(wanted)) == 10_000
