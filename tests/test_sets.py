"""Small training sets: which jobs their figures need, what an evaluation measures, and what frames say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distilled_pruning import distillation, training
from distilled_pruning.errors import InputError
from distilled_pruning.study import jobs
from distilled_pruning.study.engine import runner
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Data, Distill, Evaluate, Network, Prune, Train, inputs
from distilled_pruning.study.results.record import record
from distilled_pruning.study.results.recorded import Recorded
from distilled_pruning.study.sections.registry import EXPERIMENTS
from distilled_pruning.study.sections.s2_dataset_distillation import experiment as sets
from distilled_pruning.training.recipe import Recipe
from test_experiments import parsed

DATA = Data("digits", size=16, subset=100)
SHORT = Recipe(learning_rate=0.1, steps=4, batch_size=20)
REFERENCES = tuple(Train(Network("convnet3", 4, seed), DATA, SHORT) for seed in range(2))
MADE = Distill(DATA, "dm", 1, iterations=2, width=4)
COLUMNS = ("accuracies", "losses", "average", "supremum", "real_accuracies", "real_losses")


LIVE = parsed(
    dataset="digits", image_size=16, model="convnet3", width=16, distillers="random,dm", ipcs="1,10", evaluations=2,
    epochs=30, batch_size=32, learning_rate=0.3, augmentation="shift2+cutmix", precision="fp32", compile=False,
    inner_steps=1, inner_learning_rate="0.3", levels=1, measured_levels="0", replicates=2, seeds=2,
)  # fmt: skip


class Reader:
    """Answers for every job, each network with a figure of its own."""

    def __init__(self, wanted: list[jobs.Job], kept: tuple[int, ...] = (300, 0, 30)) -> None:
        self.by_key = {job.key: job for job in jobs.graph(wanted)}
        self.kept = kept

    def metrics(self, key: str) -> dict[str, Any] | None:
        job = self.by_key.get(key)
        if isinstance(job, Evaluate):
            return {**{name: [float(n), n + 1.0] for n, name in enumerate(COLUMNS)}, "images": 10, "steps": 300}
        about = {"history": [3.0, 2.0], "classes": 10, "space": "pixel", "factor": 1}
        return {"set": about} if isinstance(job, Distill) else None

    def arrays(self, key: str) -> dict[str, np.ndarray] | None:
        job = self.by_key.get(key)
        if not isinstance(job, Distill):
            return None
        return {"images": np.ones((10, 1, 16, 16)), **{f"snapshot.{n}": np.full(1, n) for n in self.kept}}

    def provenance(self, key: str) -> dict[str, Any] | None:
        return {"seconds": 30.0, "device": "one core"} if key in self.by_key else None


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    found = Store(Path(tmp_path_factory.mktemp("store")))
    wanted = [Evaluate(MADE, SHORT, REFERENCES, at) for at in (-1, 0, 2)]
    outcome = runner.run(wanted, found, device="cpu")
    assert not outcome.failed, outcome.failed
    return found


def test_an_evaluation_trains_on_the_set_and_compares_with_its_own_reference(store: Store) -> None:
    found = store.load(Evaluate(MADE, SHORT, REFERENCES).key).metrics
    made = store.load(MADE.key)
    split = distillation.Synthetic.unpack(made.metrics["set"], made.arrays).decode()
    ds = inputs.load_data(DATA)
    for n, reference in enumerate(REFERENCES):
        own, real = (inputs.build_network(reference.network, ds) for _ in range(2))
        log = training.train(own, split, SHORT, order_seed=0, test=ds.test, device="cpu")
        real.load_state_dict(inputs.to_tensors(store.load(reference.key).arrays))
        x = ds.test.normalised()
        with torch.no_grad():
            mine, theirs = (
                torch.nn.functional.cross_entropy(net.eval()(x).double(), ds.test.labels, reduction="none")
                for net in (own, real)
            )
        assert found["accuracies"][n] == pytest.approx(log.accuracy, abs=1e-9)
        assert found["average"][n] == pytest.approx(float((mine.mean() - theirs.mean()).abs()), rel=1e-4)
        assert found["supremum"][n] == pytest.approx(float((mine - theirs).abs().max()), rel=1e-4)
        assert found["real_accuracies"][n] == store.load(reference.key).metrics["accuracy"]


def test_a_snapshot_is_what_is_trained_on(store: Store) -> None:
    finished, start, last = (store.load(Evaluate(MADE, SHORT, REFERENCES, at).key).metrics for at in (-1, 0, 2))
    assert last["losses"] == finished["losses"] != start["losses"]


def test_only_optimised_sets_have_snapshots_and_curves() -> None:
    made = [job for _, job in sets.sets_of(LIVE)]
    assert [(job.method, job.ipc) for job in made] == [("random", 1), ("dm", 1), ("random", 10), ("dm", 10)]
    assert sets.snapshots(made[0]) == {} and sets.snapshots(made[1]) == {0: 0, 10: 30, 20: 60, 50: 150, 100: 300}
    finished, snapshots, optimised = (EXPERIMENTS[name].jobs(LIVE) for name in ("sets", "stopping", "matching"))
    assert (len(finished), len(snapshots), len(optimised)) == (4, 5, 2)
    assert all(isinstance(job, Evaluate) and job.source.ipc == 10 for job in snapshots)
    assert snapshots[-1].key == finished[-1].key, "the last snapshot is the finished set"


def test_a_chosen_number_of_iterations_leaves_coresets_alone() -> None:
    random, dm = (job for _, job in sets.sets_of(parsed(**{**LIVE, "ipcs": "1", "distill_iterations": 5})))
    assert (random.iterations, dm.iterations) == (0, 5)


def test_a_method_may_have_a_box_of_its_own() -> None:
    boxed = parsed(**{**LIVE, "ipcs": "1", "distill_iterations": 5, "boxes": "dm:7:8"})
    random, dm = (job for _, job in sets.sets_of(boxed))
    assert (random.iterations, dm.iterations, dm.width) == (0, 7, 8) and random.width == LIVE.width


def test_frames_hold_a_row_for_each_network_with_its_own_figures() -> None:
    frame = EXPERIMENTS["sets"].frame(LIVE, Reader(EXPERIMENTS["sets"].jobs(LIVE)))
    assert len(frame) == 4 * 2 and not frame.isna().any().any()
    assert list(frame["init"][:2]) == [0, 1] and list(frame["accuracy"][:2]) == [0.0, 1.0]
    assert list(frame["supremum"][:2]) == [3.0, 4.0]
    stopping = EXPERIMENTS["stopping"].frame(LIVE, Reader(EXPERIMENTS["stopping"].jobs(LIVE)))
    assert list(stopping["iteration"].unique()) == [0, 30, 60, 150, 300] and set(stopping["method"]) == {"dm"}
    matching = EXPERIMENTS["matching"].frame(LIVE, Reader(EXPERIMENTS["matching"].jobs(LIVE)))
    assert list(matching["loss"]) == [3.0, 2.0] * 2 and list(matching["iteration"]) == [1, 2] * 2


def test_galleries_are_in_the_order_of_iterations() -> None:
    found = sets.galleries(LIVE, Reader(EXPERIMENTS["matching"].jobs(LIVE)))
    assert [(of.of["method"], of.of["ipc"], list(of.images)) for of in found] == [
        ("dm", 1, [0, 30, 300]),
        ("dm", 10, [0, 30, 300]),
    ]
    (recorded, _) = sets.galleries(LIVE, Reader(EXPERIMENTS["matching"].jobs(LIVE), kept=()))
    assert list(recorded.images) == [300], "a recorded set has its finished images alone"


def test_an_iteration_costs_what_the_job_took_over_its_iterations() -> None:
    wanted = EXPERIMENTS["matching"].jobs(LIVE)
    frame = EXPERIMENTS["cost"].frame(LIVE, Reader(wanted))
    assert list(frame["loop_seconds"]) == [0.1, 0.1] and list(frame["seconds"]) == [30.0, 30.0]
    assert list(frame["work"]) == [job.cost for job in wanted]
    assert list(frame["work"] / frame["loop_work"]) == [300, 300]


def test_a_published_file_goes_by_its_name_and_has_no_way_to_show(tmp_path: Path) -> None:
    file = tmp_path / "theirs.npz"
    np.savez(file, images=np.zeros((10, 1, 16, 16), np.float32), labels=np.arange(10))
    parameters = parsed(**{**LIVE, "distillers": f"dm,{file}", "ipcs": "1"})
    (_, theirs) = (made for _, made in sets.sets_of(parameters))
    assert theirs.borrowed and (theirs.method, theirs.ipc, theirs.path) == ("published", 1, str(file))
    frame = EXPERIMENTS["sets"].frame(parameters, Reader(EXPERIMENTS["sets"].jobs(parameters)))
    assert set(frame["method"]) == {"dm", "theirs"}
    assert len(EXPERIMENTS["matching"].jobs(parameters)) == 1 and len(EXPERIMENTS["stopping"].jobs(parameters)) == 5


def test_a_published_set_of_another_size_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "theirs.npz"
    images = np.linspace(0, 1, 2560, dtype=np.float32).reshape(10, 1, 16, 16)
    np.savez(file, images=images, labels=np.arange(10))
    store = Store(tmp_path / "store")
    with pytest.raises(InputError, match="holds 1 images per class, not 2: ask for 1"):
        runner.run([Distill(DATA, "published", 2, path=str(file))], store, device="cpu")
    assert not list(store)


@pytest.mark.parametrize("name", ["sets", "stopping", "matching", "cost"])
def test_missing_results_leave_frames_empty(name: str) -> None:
    assert EXPERIMENTS[name].frame(LIVE, Reader([])).empty


def test_a_recorded_set_is_pruned_on_and_evaluated_but_shows_no_real_image(tmp_path: Path) -> None:
    """What children read of it is what the whole set gave; a snapshot is refused in one sentence."""
    rng = np.random.default_rng(0)
    own = tmp_path / "own.npz"
    np.savez(own, images=rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8), labels=np.arange(40) % 2)
    data = Data(str(own))
    network, made = Network("convnet3", 4), Distill(data, "dm", 1, iterations=1, width=4)
    short = Recipe(steps=2, batch_size=8)
    reference = Train(network, data, short)
    chain = Prune(network, data, source=made, recipe=short, parent=Prune(network, data, source=made, recipe=short))
    children = [chain, Evaluate(made, short, (reference,))]
    whole = Store(tmp_path / "whole")
    assert not runner.run([*children, Evaluate(made, short, (reference,), at=0)], whole, device="cpu").failed

    sealed = Store(tmp_path / "sealed")
    sealed.prepare()
    sealed.save(made, whole.load(made.key), {"commit": "c" * 40, "tree": "d" * 40, "dirty": False, "seconds": 1.0})
    record("matching", "paper", {}, [made], sealed, tmp_path / "results")
    recorded = Recorded(tmp_path / "results")
    assert sorted(recorded.load(made.key).arrays) == ["images", "labels"]

    store = Store(tmp_path / "store", fallback=recorded)
    outcome = runner.run([*children, Evaluate(made, short, (reference,), at=0)], store, device="cpu")
    assert made.key not in outcome.done and not store.holds(made.key)
    assert all(store.load(job.key).metrics == whole.load(job.key).metrics for job in children)
    (reason,) = outcome.failed.values()
    assert "no snapshot of iteration 0 was kept: recorded sets come without" in reason


def test_permuted_labels_belong_to_the_same_images(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = Distill(DATA, "random", 2, seed=1)
    wrong = Distill(DATA, "random", 2, seed=1, shuffle_labels=True)
    outcome = runner.run([wrong], store, device="cpu")
    assert not outcome.failed and store.has(made.key)
    one, other = store.load(made.key), store.load(wrong.key)
    assert np.array_equal(one.arrays["images"], other.arrays["images"])
    assert not np.array_equal(one.arrays["labels"], other.arrays["labels"])
    assert sorted(one.arrays["labels"]) == sorted(other.arrays["labels"])
