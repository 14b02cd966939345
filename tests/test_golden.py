"""A few steps of every kind of job, against numbers kept in golden.json.

When one fails after a deliberate change of numerics, raise the ``version`` of that kind in its file under
``study/jobs/``, so that no old result passes for a new one, and write the new numbers with
``python tests/test_golden.py``.

Tolerance: 1 % relative. Two float32 convolution kernels of another machine differ by about 1e-6 a step and these runs
take at most 20 steps; a changed draw, schedule, normalisation or mask moves the figures by far more. What is counted
jumps where its loss or score hardly moves, so an accuracy may differ by three test images of 360 and a number of
weights by one.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from distilled_pruning.study import jobs
from distilled_pruning.study.engine import runner
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import (
    Connect,
    Data,
    Distill,
    Evaluate,
    HessianDiagonal,
    Job,
    Landscape,
    MaskStatistics,
    MembershipCurvature,
    Network,
    Prune,
    Robustness,
    Spectrum,
    Train,
)
from distilled_pruning.training.recipe import Recipe

KEPT = Path(__file__).with_name("golden.json")
RELATIVE, ABSOLUTE = 1e-2, 1e-4
IMAGES, WEIGHTS = 3.5 / 360, 1.0

DATA = Data("digits", size=16, subset=100)
NETWORK = Network("convnet3", 4, seed=1)
RECIPE = Recipe(learning_rate=0.1, epochs=4, batch_size=25, augmentation="shift2+flip+cutmix")
SETS = {
    method: Distill(DATA, method, 1, iterations=2, width=4, seed=2)
    for method in ("dm", "dc", "idc", "random", "herding", "kcenter")
}
MASK = Prune(NETWORK, DATA, source=DATA, recipe=RECIPE, fraction=0.5, order_seed=9)
OTHER = Prune(
    NETWORK, DATA, source=SETS["dm"], recipe=Recipe(learning_rate=0.1, steps=10, augmentation="dsa"), fraction=0.5
)
ENDS = [Train(NETWORK, DATA, RECIPE, order, MASK) for order in range(3)]

JOBS: dict[str, Job] = {
    **{f"distill-{method}": job for method, job in SETS.items()},
    "train": ENDS[0],
    "train-resnet": Train(Network("resnet10", 4), DATA, RECIPE),
    "train-adam": Train(NETWORK, DATA, Recipe(optimiser="adam", learning_rate=1e-3, epochs=4, augmentation="mtt-dsa")),
    "prune": MASK,
    "prune-distilled": OTHER,
    "prune-snip": Prune(NETWORK, DATA, "snip", levels=4),
    "prune-synflow": Prune(NETWORK, DATA, "synflow", levels=4),
    "evaluate": Evaluate(SETS["dm"], OTHER.recipe or RECIPE, (Train(NETWORK, DATA, RECIPE),), at=0),
    "connect": Connect(ENDS[0], ENDS[1], alphas=3),
    "hessian": HessianDiagonal(ENDS[0], images=20),
    "robustness": Robustness(ENDS[0], epsilons=(8,), severities=(5,), steps=2),
    "spectrum": Spectrum(ENDS[0], images=20, probes=2, eigenvalues=1),
    "landscape": Landscape(*ENDS, resolution=3, images=50),
    "masks": MaskStatistics(MASK, OTHER),
    "membership": MembershipCurvature(ENDS[0], MASK, OTHER, images=20),
}


def figures(job: Job, store: Store) -> dict[str, float]:
    """Boil a result down to a few numbers that any change of its numerics moves."""
    result = store.load(job.key)
    found: dict[str, float] = {}

    def walk(name: str, value: Any) -> None:
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, int | float):
            found[name] = float(value)
        elif isinstance(value, dict):
            for key, item in value.items():
                walk(f"{name}.{key}", item)
        elif isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
            found[name] = math.fsum(value)

    for name in ("accuracy", "loss", "train_loss", "distance", "survivors", "layers", "barrier", "summary", "trace",
                 "eigenvalues", "loss_range", "whole", "ks_pruned", "groups", "accuracies", "losses", "average",
                 "supremum", "real_accuracies"):  # fmt: skip
        walk(name, result.metrics.get(name))
    if isinstance(job, Robustness):  # not accuracies: one image of 360 more is already too much for the tolerance
        found = {f"{row['shift']}.{row['strength']}": row["loss"] for row in result.metrics["shifts"]}
    if isinstance(job, Distill):
        images = result.arrays["images"].astype(float)
        start = result.arrays.get("snapshot.0", images).astype(float)
        moved = float(((images - start) ** 2).mean() ** 0.5)
        found = {"mean": float(images.mean()), "first": float(images[0].mean()), "moved": moved}
        history = result.metrics["set"]["history"]
        if job.method == "idc":  # before its second loss come 100 rounds of training, enough for rounding to tell
            history = history[:1]
        found |= {f"history.{step}": loss for step, loss in enumerate(history)}
    return found


def compute(folder: str | Path) -> dict[str, Any]:
    """Run every golden job."""
    store = Store(Path(folder))
    outcome = runner.run(list(JOBS.values()), store, device="cpu")
    assert not outcome.failed, outcome.failed
    return {name: {"version": job.version, "figures": figures(job, store)} for name, job in JOBS.items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return compute(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("name", JOBS)
def test_numbers_change_only_with_a_new_version(name: str, found: dict[str, Any]) -> None:
    kept = json.loads(KEPT.read_text())[name]
    assert kept["version"] == found[name]["version"], "write golden.json again, see the module's docstring"
    assert kept["figures"].keys() == found[name]["figures"].keys()
    for figure, value in found[name]["figures"].items():
        assert math.isclose(value, kept["figures"][figure], rel_tol=RELATIVE, abs_tol=allowed(figure)), figure


def allowed(figure: str) -> float:
    if figure in {"accuracy", "accuracies", "real_accuracies"}:
        return IMAGES
    counted = figure.startswith("layers.") and figure.endswith(("weight", ".shared", ".hamming"))
    return WEIGHTS if counted else ABSOLUTE


def test_every_kind_has_a_golden_job() -> None:
    below = {*Job.__subclasses__(), *(kind for base in Job.__subclasses__() for kind in base.__subclasses__())}
    named = {kind for kind in below if "kind" in vars(kind) and kind.__module__.startswith(jobs.__name__)}
    assert {type(job) for job in JOBS.values()} == named


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        KEPT.write_text(json.dumps(compute(folder), indent=1) + "\n")
