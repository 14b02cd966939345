"""Recipes are the published ones: what each authors' code sets, stated as facts with the place they were read at.

DC, DSA and DM: VICO-UoE/DatasetCondensation at 53f63a6. IDC: snu-mllab/Efficient-Dataset-Condensation at ceac95a. MTT:
GeorgeCazenavette/mtt-distillation at 50dccea.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distilled_pruning import data, models
from distilled_pruning.augmentation import compose
from distilled_pruning.augmentation.operations import Color, Cutout, Flip, OneOf, Operation, Rotate, Scale, Shift
from distilled_pruning.data import Dataset, Split
from distilled_pruning.distillation import decode, distill, trajectory
from distilled_pruning.distillation.defaults import evaluation_recipe, resolve
from distilled_pruning.distillation.gradient import _Trainer
from distilled_pruning.distillation.problem import Draft, Problem
from distilled_pruning.distillation.settings import Settings
from distilled_pruning.distillation.synthetic import decode_bounded
from distilled_pruning.models import costs
from distilled_pruning.study.jobs import Data, Distill, Network, Prune, Train
from distilled_pruning.training.recipe import Recipe

SIZES = {"cifar10": 32, "cifar100": 32, "svhn": 32, "mnist": 28, "fashion_mnist": 28, "imagenet10": 224}


def settings(method: str, dataset: str, ipc: int = 10, **options: Any) -> Settings:
    classes = 100 if dataset.endswith("100") else 10
    return resolve(method, dataset, ipc, SIZES.get(dataset, 224), classes, options)


def images(size: int, channels: int, count: int, classes: int = 10) -> Dataset:
    """A dataset of noise with equally many images of each class."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, channels, size, size), generator=generator, dtype=torch.uint8)
    split = Split(pixels, torch.arange(count) % classes, (0.5,) * channels, (0.25,) * channels, classes)
    return Dataset("noise", split, split, tuple(map(str, range(classes))), "noise")


def kinds(operations: list[Operation]) -> list[Any]:
    """Name the operations of a pipeline, those of which one is chosen as a set."""
    return [{type(o) for o in op.choices} if isinstance(op, OneOf) else type(op) for op in operations]


# Networks


@pytest.mark.parametrize("model", ["convnet3", "alexnet"])
@pytest.mark.parametrize(("size", "channels", "side"), [(28, 1, 4), (28, 3, 3), (32, 1, 4), (16, 1, 2)])
def test_grey_images_of_28_px_are_widened_to_32(model: str, size: int, channels: int, side: int) -> None:
    """``networks.py`` of DC and MTT, ``models/convnet.py`` of IDC: first padding 3, AlexNet's 4, head for 32 px."""
    net = models.build(model, size=size, channels=channels, classes=10, width=6)
    last = net.get_submodule("head").weight.shape[1] // side**2  # type: ignore[union-attr, operator]
    assert last in (6, 9) and net(torch.zeros(1, channels, size, size)).shape == (1, 10)
    assert costs.forward_macs(model, 6, size, channels, 10) == models.macs(net, size, channels)


def test_the_convnet_for_mnist_has_the_published_parameters() -> None:
    net = models.build("convnet3", size=28, channels=1, classes=10)
    assert sum(parameter.numel() for parameter in net.parameters()) == 317_706
    assert net.get_submodule("head").weight.shape == (10, 2048)
    assert models.build("alexnet", size=28, channels=1, classes=10).get_submodule("head").weight.shape == (10, 3072)


@pytest.mark.parametrize(
    ("dataset", "size", "width"),
    [("cifar10", 32, 32), ("svhn", 32, 64), ("mnist", 28, 64), ("fashion_mnist", 28, 64), ("imagenet10", 224, 64)],
)
def test_only_residual_networks_for_cifar_are_narrow(dataset: str, size: int, width: int) -> None:
    """``models/resnet.py`` of IDC: 32 channels where the dataset's name begins with cifar, else 64."""
    ds = replace(images(size, 1, 10), name=dataset)
    assert costs.papers_width("resnet10", size, dataset) == width
    first = next(m for m in models.build("resnet10", ds).modules() if isinstance(m, torch.nn.Conv2d))
    assert first.out_channels == width


# Distillation


def test_dsa_trains_its_network_without_momentum_and_weight_decay() -> None:
    """``main.py``: SGD(net.parameters(), lr=0.01). Momentum .5 is of DC's first release, weight decay of neither."""
    assert (settings("dsa", "cifar10").train_momentum, settings("dsa", "cifar10").train_weight_decay) == (0, 0)
    assert (settings("dc", "cifar10").train_momentum, settings("dc", "cifar10").train_weight_decay) == (0.5, 0)
    assert settings("idc", "cifar10").train_weight_decay == 5e-4


def test_dsas_network_makes_plain_gradient_steps() -> None:
    ds = images(8, 1, 60)
    options = {"model": "convnet3", "width": 4, "train_steps": 3, "train_augmentation": "", "siamese": ""}
    problem = Problem(ds, resolve("dsa", "cifar10", 2, 8, 10, options), 0, "cpu")
    net = problem.network(0).double()
    trainer = _Trainer(problem, net, problem.generator("batch", 0), None)
    synthetic = problem.initial()
    trainer.step.run = lambda x, y: type(trainer.step).run(trainer.step, x.double(), y)  # type: ignore[method-assign]
    trainer(synthetic)
    other = problem.network(0).double()
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(other(synthetic.double()), problem.labels)
        for value, slope in zip(other.parameters(), torch.autograd.grad(loss, list(other.parameters())), strict=True):
            value.data -= 0.01 * slope
    for name, value in other.named_parameters():
        # float64; the batch is the whole set in another order
        torch.testing.assert_close(net.get_parameter(name), value, rtol=1e-10, atol=1e-12)


def test_dc_starts_from_noise_and_dsa_from_real_images() -> None:
    """``readme.md``: no ``--init`` for DC, whose default is noise; ``--init real`` for DSA and DM."""
    assert [settings(m, "cifar10").init for m in ("dc", "dsa", "dm", "mtt")] == ["noise", "real", "real", "real"]
    assert settings("dc", "digits").init == "real"  # the rows for digits are ours


def test_dm_steps_ten_times_as_far_on_large_sets() -> None:
    """``readme.md``: ``--lr_img`` 1 to 50 images per class and 10 from 100, of CIFAR-100 always 1."""
    rates = [settings("dm", d, ipc).image_rate for d, ipc in (("cifar10", 50), ("cifar10", 100), ("cifar100", 100))]
    assert rates == [1, 10, 1]


@pytest.mark.parametrize("dataset", ["mnist", "svhn"])
@pytest.mark.parametrize(
    ("method", "fields"),
    [("dsa", ("siamese", "train_augmentation")), ("dm", ("siamese",)), ("mtt", ("train_augmentation",))],
)
def test_digits_are_never_mirrored(dataset: str, method: str, fields: tuple[str, ...]) -> None:
    """``readme.md``: color_crop_cutout_scale_rotate for MNIST and SVHN, with flip for Fashion-MNIST and CIFAR."""
    ds = images(SIZES[dataset], 1, 20)
    everything = {Color, Shift, Cutout, Scale, Rotate}
    for name in fields:
        chosen = compose.pipeline(getattr(settings(method, dataset), name), ds.train)
        assert kinds(chosen.normal) == [everything]
        for other in ("fashion_mnist", "cifar10"):
            chosen = compose.pipeline(getattr(settings(method, other), name), ds.train)
            assert kinds(chosen.normal) == [{*everything, Flip}]


@pytest.mark.parametrize(
    ("dataset", "options", "expected"),
    [
        ("cifar10", {}, {"image_rate": 5e-3, "train_steps": 32, "metric": "mse", "bounded": False}),
        ("svhn", {}, {"image_rate": 5e-3, "train_steps": 8, "metric": "mse", "siamese": "color+crop+cutout"}),
        ("svhn", {"factor": 1}, {"train_augmentation": "color+crop+cutmix"}),
        ("mnist", {}, {"image_rate": 1e-4, "metric": "l1", "train_steps": 8, "siamese": "color+crop"}),
        ("mnist", {}, {"train_augmentation": "color+crop"}),
        ("mnist", {"factor": 1}, {"siamese": "color+crop+cutout", "train_augmentation": "color+crop+cutmix"}),
        ("fashion_mnist", {}, {"image_rate": 1e-4 * (28 / 32) ** 2, "metric": "l1", "train_steps": 8}),
        ("fashion_mnist", {}, {"siamese": "color+crop+cutout", "train_augmentation": "color+crop+cutmix"}),
        ("imagenet10", {}, {"image_rate": 3e-3, "train_steps": 8, "train_batch": 64, "train_weight_decay": 5e-4}),
        ("imagenet100", {}, {"image_rate": 1e-3, "pretrain": 5, "train_steps": 4, "train_batch": 128}),
        ("imagenet100", {}, {"train_weight_decay": 1e-4, "train_rate": 0.1, "real_batch": 64}),
    ],
)
def test_idcs_settings_are_those_that_reproduce_its_sets(
    dataset: str, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    """``misc/reproduce.py`` and ``argument.py``; ImageNet-100's class batches of 64 in ``ClassPartMemDataLoader``."""
    found = settings("idc", dataset, **options).spec()
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_idcs_image_rate_grows_with_the_area() -> None:
    """``argument.py``, ``tune_lr_img``: relative to 224 px for ImageNet, 28 for MNIST and 32 for all others."""
    rates = [resolve("idc", d, 10, s, 10, {}).image_rate for d, s in (("cifar10", 16), ("mnist", 56), ("own", 64))]
    assert rates == pytest.approx([5e-3 / 4, 4e-4, 2e-2])


@pytest.mark.parametrize(
    ("dataset", "ipc", "factor", "expected"),
    [
        ("cifar10", 10, 2, [Flip, Color, {Shift, Scale, Rotate}, 0.5]),
        ("fashion_mnist", 10, 2, [Flip, Color, {Shift, Scale, Rotate}, 0.5]),
        ("svhn", 10, 2, [Color, {Shift, Scale, Rotate}, 0.5]),
        ("svhn", 1, 2, [Color, {Shift, Scale, Rotate}, 0.5]),
        ("svhn", 10, 1, [Color, {Shift, Scale, Rotate}, 0.5]),
        ("svhn", 1, 1, [Color, {Shift, Scale, Rotate}, Cutout, None]),
        ("mnist", 10, 1, [Color, {Shift, Scale, Rotate}, 0.5]),
        ("mnist", 10, 2, [Color, {Shift, Scale, Rotate}, None]),
    ],
)
def test_evaluation_augments_as_idc_does(dataset: str, ipc: int, factor: int, expected: list[Any]) -> None:
    """``argument.py`` and ``test.py``: no flip for digits, no CutMix for tiled MNIST and for one SVHN image a class."""
    recipe = evaluation_recipe(dataset, ipc, factor, 10)
    made = compose.pipeline(recipe.augmentation, images(32, 1, 20).train)
    assert [*kinds(made.normal), made.cutmix and made.cutmix.probability] == expected
    assert recipe == Recipe(epochs=1000, augmentation=recipe.augmentation)


@pytest.mark.parametrize("ipc", [20, 50, 128, 200])
def test_large_imagenet_sets_are_decoded_within_a_bound(ipc: int) -> None:
    """``misc/reproduce.py`` and ``condense.py``: decode_type bound from factor 3 and 20 images per class on."""
    assert settings("idc", "imagenet10", 20).bounded and not settings("idc", "imagenet10", 10).bounded
    assert not settings("idc", "imagenet10", 20, factor=2).bounded and not settings("idc", "cifar10", 50).bounded
    stored = torch.rand(ipc, 1, 6, 6, generator=torch.Generator().manual_seed(ipc))
    three = max(128 - ipc, 0) // 9
    two = min(max(128 - 9 * three - (ipc - three), 0) // 4, ipc - three)
    parts = (stored[:three], 3), (stored[three : three + two], 2), (stored[three + two :], 1)
    expected = torch.cat([decode(part, factor, 1) for part, factor in parts if len(part)])
    assert torch.equal(decode_bounded(stored, 3, 128), expected)
    assert len(expected) == max(ipc, 9 * three + 4 * two + ipc - three - two) and (ipc > 128 or len(expected) <= 128)


def test_a_pretrained_network_keeps_its_momentum() -> None:
    """``condense.py``: one optimiser for the epochs before matching and for the steps in between."""
    ds = images(8, 1, 40)
    problem = Problem(ds, resolve("idc", "own", 1, 8, 10, {"width": 2, "factor": 1, "pretrain": 1}), 0, "cpu")
    net, seen = problem.network(0), []
    from distilled_pruning.training import Stretch, train

    train(net, ds.train, problem.recipe(epochs=1), device="cpu", stretch=Stretch(finish=seen.append))
    fresh = _Trainer(problem, net, problem.generator("batch", 0), None).step.optimiser
    kept = _Trainer(problem, net, problem.generator("batch", 0), seen[0]).step.optimiser
    assert not fresh.state and len(kept.state) == len(list(net.parameters()))
    assert all(value["momentum_buffer"].abs().sum() > 0 for value in kept.state.values())


# Batches


def batches(monkeypatch: pytest.MonkeyPatch, ipc: int, steps: int, **options: Any) -> list[list[int]]:
    """Give the batches of one MTT student, images by their number."""
    ds = images(8, 1, 10 * ipc)
    problem = Problem(ds, resolve("mtt", "noise", ipc, 8, 10, {"student_steps": steps, "width": 1, "last_start": 1,
                      "span": 1, "train_augmentation": "", **options}), 0, "cpu")  # fmt: skip
    stored = problem.initial()
    stored[:, 0, 0, 0] = torch.arange(len(stored), dtype=torch.float32)
    stored.requires_grad_()
    rate = torch.tensor(0.1, requires_grad=True)
    expert = torch.stack([trajectory.flatten(problem.network(i)) for i in range(2)])
    seen: list[list[int]] = []

    def unroll(net: Any, start: torch.Tensor, given: Any, size: torch.Tensor) -> torch.Tensor:
        seen.extend(x[:, 0, 0, 0].round().int().tolist() for x, _ in given)
        return start + size * sum(x.sum() for x, _ in given)

    monkeypatch.setattr(trajectory, "unroll", unroll)
    trajectory.step(problem, Draft(stored, torch.optim.SGD([stored, rate], lr=0.0), rate, [expert]), 0)
    return seen


def test_mtts_student_sees_the_whole_set_in_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """``distill.py``: ``--batch_syn`` is the number of classes times the images of each where it is not given."""
    found = batches(monkeypatch, 30, 3)
    assert [sorted(batch) for batch in found] == [list(range(300))] * 3
    assert found[0] != found[1]


def test_mtts_student_keeps_the_remainder_of_its_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """``distill.py``: a permutation is split and its parts are popped from the end, so that the rest comes first."""
    found = batches(monkeypatch, 5, 5, student_batch=20)
    assert [len(batch) for batch in found] == [10, 20, 20, 10, 20]
    assert sorted(itertools.chain(*found[:3])) == list(range(50))


def test_networks_are_trained_on_sets_by_whole_epochs() -> None:
    """``main.py`` of DC: a data loader of 256 images, whose last batch of an epoch is smaller."""
    ds = images(4, 1, 600)
    s = resolve("dsa", "noise", 50, 4, 10, {"width": 1, "model": "convnet3"})
    assert s.train_steps == 20  # ten epochs of 500 images
    problem = Problem(ds, replace(s, model="convnet3"), 0, "cpu")
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 10))
    trainer = _Trainer(problem, net, problem.generator("batch", 0), None)
    first, second, third = (trainer._next(256, 500).tolist() for _ in range(3))
    assert (len(first), len(second), len(third)) == (256, 244, 256)
    assert sorted(first + second) == list(range(500))


# Names of results


CIFAR, DIGITS = Data("cifar10", normalisation="papers"), Data("digits", size=16)


@pytest.mark.parametrize(
    "job",
    [
        *(Distill(CIFAR, method, 10) for method in ("idc", "dm", "mtt", "random", "herding", "kcenter")),
        *(Distill(DIGITS, m, 10) for m in ("idc", "dc", "dsa", "dm", "mtt", "random", "herding", "kcenter")),
        Distill(Data("mnist"), "random", 10),
        Distill(Data("mnist"), "idc", 10, factor=1, model="resnet10"),
        Train(Network("convnet3", 16), CIFAR, Recipe()),
        Train(Network("convnet3", 16), DIGITS, Recipe()),
        Train(Network("resnet10", 16), Data("mnist"), Recipe()),
        Prune(Network("convnet3", 16), CIFAR, "random"),
    ],
)
def test_results_whose_numbers_stay_keep_their_names(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distilled_pruning.study.jobs.base.source_digest", lambda name: name)
    assert job.spec()["version"] == 1


@pytest.mark.parametrize(
    "job",
    [
        Distill(CIFAR, "dsa", 10),
        Distill(CIFAR, "dc", 10),
        Distill(CIFAR, "mtt", 50),
        Distill(CIFAR, "dm", 100),
        Distill(DIGITS, "mtt", 30),
        *(Distill(Data("svhn"), method, 10) for method in ("idc", "dsa", "dm", "mtt")),
        *(Distill(Data("mnist"), method, 10, model="resnet10") for method in ("idc", "dsa", "dm", "mtt")),
        *(Distill(Data("mnist"), method, 10) for method in ("idc", "herding")),
        Distill(Data("fashion_mnist"), "idc", 10),
        Distill(Data("imagenet10", normalisation="papers"), "idc", 10, model="resnetap10", width=64),
        Train(Network("convnet3", 16), Data("mnist"), Recipe()),
        Train(Network("alexnet", 16), Data("fashion_mnist"), Recipe()),
        Train(Network("convnet3", 16), Data("digits", size=28), Recipe()),
        Prune(Network("convnet3", 16), Data("mnist"), "random"),
    ],
)
def test_results_whose_numbers_changed_have_new_names(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distilled_pruning.study.jobs.base.source_digest", lambda name: name)
    assert job.spec()["version"] == 2
    assert job.key != type("Old", (type(job),), {"revision": 0})(**vars_of(job)).key


def vars_of(job: Any) -> dict[str, Any]:
    return {field.name: getattr(job, field.name) for field in dataclasses.fields(job)}


# One's own data


def test_a_folder_with_a_known_name_is_still_ones_own(tmp_path: Path) -> None:
    """Names of results follow from content, so the same images have the same recipe under every name."""
    from PIL import Image

    found = []
    for name in ("mnist", "mine"):
        for part in ("train", "test"):
            for label in ("a", "b"):
                (tmp_path / name / part / label).mkdir(parents=True)
                for index in range(6):
                    pixels = np.random.default_rng(index).integers(0, 256, (8, 8), dtype=np.uint8)
                    Image.fromarray(pixels).save(tmp_path / name / part / label / f"{index}.png")
        path = str(tmp_path / name)
        ds = data.load(path)
        made = distill(ds, "dm", 1, iterations=1, width=2, device="cpu")
        job = Distill(Data(path), "dm", 1, iterations=1, width=2)
        assert job.settings is not None and job.settings.siamese == made.settings["siamese"] == "mtt-dsa"
        found.append((job.key, made.images))
    assert found[0][0] == found[1][0] and torch.equal(found[0][1], found[1][1])
