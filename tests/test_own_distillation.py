"""Distillation of one's own images: rate, length and batches are parameters, and MTT can be made to work by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from distilled_pruning import cli
from distilled_pruning.errors import InputError
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Data, Distill, examine
from distilled_pruning.study.parameters.notebooks import notebooks
from distilled_pruning.study.parameters.presets import LIVE, bases, resolve
from distilled_pruning.study.sections.common.tickets import Tickets
from PIL import Image


def bands(root: Path, each: int = 30) -> str:
    """Draw coloured pictures that are no digits: bands that lie, stand or lean, on noise."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:12, :12]
    for name, along in (("lean", x + y), ("lie", 1.4 * y), ("stand", 1.4 * x)):
        (root / name).mkdir(parents=True)
        for number in range(each):
            on = np.sin(along * 1.1 + random.uniform(0, 6.3))[..., None] > 0
            values = random.uniform(0, 90, 3) + random.normal(0, 25, (12, 12, 3)) + on * random.uniform(70, 160, 3)
            Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(root / name / f"{number}.png")
    return str(root)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("page", notebooks())
def test_every_page_that_distils_takes_rate_length_and_batch(page: str) -> None:
    names = {"distill_iterations": 7, "distill_learning_rate": 3.5, "distill_batch_size": 48}
    assert names.keys() <= bases(page)[LIVE].keys()
    made = Tickets(resolve(page, names.items())).make_set("dm", 1)
    assert (made.iterations, made.image_rate, made.real_batch) == (7, 3.5, 48)
    chosen = Tickets(resolve(page, names.items())).make_set("herding", 1)
    assert (chosen.iterations, chosen.image_rate, chosen.real_batch) == (0, 0, 0)  # nothing is optimised


def test_a_method_may_have_a_rate_of_its_own() -> None:
    tickets = Tickets(
        resolve("s2-dataset-distillation", [("boxes", "mtt:40:8:25.5,dc:9:4"), ("distill_learning_rate", 2)])
    )
    found = [
        (made.iterations, made.width, made.image_rate)
        for made in (tickets.make_set(name, 1) for name in ("mtt", "dc", "dm"))
    ]
    assert found == [(40, 8, 25.5), (9, 4, 2.0), (0, 16, 2.0)]
    for wrong in ("mtt:40:8:x", "mtt:40:8:-1", "mtt:40:8:1:1", "mtt:40"):
        with pytest.raises(InputError):
            resolve("s2-dataset-distillation", [("boxes", wrong)])


def test_what_is_published_keeps_its_key_and_what_is_chosen_has_another() -> None:
    digits = Data("digits")
    keys = {Distill(digits, "mtt", 1, **options).key for options in ({}, {"image_rate": 0.0}, {"real_batch": 0})}
    assert len(keys) == 1
    keys |= {Distill(digits, "mtt", 1, **options).key for options in ({"image_rate": 2.0}, {"real_batch": 16})}
    assert len(keys) == 3
    settings = Distill(digits, "mtt", 1, image_rate=2.0, real_batch=16).settings
    assert settings is not None and (settings.image_rate, settings.expert_batch) == (2.0, 16)
    settings = Distill(digits, "dm", 1, real_batch=16).settings
    assert settings is not None and (settings.real_batch, settings.expert_batch) == (16, 256)


def test_mtt_that_would_diverge_is_refused_by_the_plan_with_what_to_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-p", "dataset", bands(tmp_path / "bands"), "-p", "model", "convnet3", "-p", "distillers", "mtt"]
    words = ["plan", "s2-dataset-distillation", *words, "-p", "ipcs", "2", "--store", str(tmp_path / "store")]
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert "on 72 images an expert of mtt takes 3 steps in the 3 epochs that a student has 20 steps to match" in said
    assert "set distill_batch_size to at most 10" in said and said.count("\n") == 1
    assert cli.main([*words, "-p", "distill_batch_size", "10"]) == 0


@pytest.mark.slow
def test_mtt_learns_from_images_that_are_no_digits(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    data = Data(bands(tmp_path / "bands"), size=8)
    job = Distill(data, "mtt", 2, iterations=10, width=4, image_rate=100.0, real_batch=8)
    assert examine([job]) == ()
    outcome = run([job], store, jobs_n=1)
    assert not outcome.failed and not outcome.left
    made = store.metrics(job.key)["set"]
    assert (made["settings"]["image_rate"], made["settings"]["expert_batch"]) == (100.0, 8)
    history = np.array(made["history"])
    assert np.isfinite(history).all() and len(history) == 10
    assert history[-4:].mean() < min(1, history[:4].mean())  # students come nearer than they started
    assert made["step_size"] > 0
