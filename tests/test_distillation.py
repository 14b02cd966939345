"""Distillation: what is matched, how sets are stored, and that a stopped run goes on to the same bits."""

from __future__ import annotations

import dataclasses
import io
import statistics
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from distilled_pruning import data, models
from distilled_pruning.data import whitening
from distilled_pruning.distillation import (
    Synthetic,
    decode,
    distill,
    distribution,
    evaluate,
    gradient,
    mix,
    objectives,
    passes,
    picture as picture_of,
)
from distilled_pruning.distillation.coreset import herding, kcenter
from distilled_pruning.distillation.defaults import evaluation_recipe, resolve
from distilled_pruning.distillation.problem import Problem, embedding
from distilled_pruning.errors import InputError
from distilled_pruning.models import costs
from distilled_pruning.training.recipe import Recipe
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

TINY: dict[str, Any] = {"width": 4, "real_batch": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("digits", size=16)


def saved(state: dict[str, Any]) -> dict[str, Any]:
    """Send a state through a file, as a job's checkpoint does."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


# What is matched


def small_net(seed: int = 0) -> nn.Sequential:
    """A float64 network with every kind of layer that gradients pass through; softplus keeps differences smooth."""
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.GroupNorm(3, 3),
        nn.Softplus(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 3),
    ).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return net


def numpy_distance(real: list[np.ndarray], synthetic: list[np.ndarray], metric: str) -> float:
    """The distances again, from their definitions, in plain loops."""
    total = 0.0
    for r, s in zip(real, synthetic, strict=True):
        if metric == "mse":
            total += float(((r - s) ** 2).sum())
        elif metric == "l1":
            total += float(np.abs(r - s).sum())
        else:
            for unit in range(len(r)):
                a, b = r[unit].ravel(), s[unit].ravel()
                total += 1 - float(a @ b) / (np.sqrt(a @ a) * np.sqrt(b @ b) + 1e-6)
    return total


@pytest.mark.parametrize("metric", ["mse", "l1", "cosine"])
def test_gradient_distance_and_its_gradient_equal_a_float64_reference(metric: str) -> None:
    net = small_net()
    generator = torch.Generator().manual_seed(1)
    real = torch.randn(5, 1, 4, 4, generator=generator, dtype=torch.float64)
    synthetic = torch.randn(2, 1, 4, 4, generator=generator, dtype=torch.float64)
    weights = list(gradient.find_matched(net, metric).values())
    assert len(weights) == (2 if metric == "cosine" else 1)

    def loss(images: Tensor, differentiable: bool = False) -> Tensor:
        wanted = gradient.gradients(net, weights, real, 1)
        return gradient.distance(wanted, gradient.gradients(net, weights, images, 1, differentiable), metric)

    def reference(images: Tensor) -> float:
        return numpy_distance(
            *([g.numpy() for g in gradient.gradients(net, weights, x, 1)] for x in (real, images)), metric
        )

    leaf = synthetic.clone().requires_grad_()
    value = loss(leaf, differentiable=True)
    assert value.item() == pytest.approx(reference(synthetic), rel=1e-12)
    (found,) = torch.autograd.grad(value, [leaf])
    step, expected = 1e-5, torch.zeros_like(synthetic)
    for index in np.ndindex(*synthetic.shape):
        up, down = synthetic.clone(), synthetic.clone()
        up[index] += step
        down[index] -= step
        expected[index] = (reference(up) - reference(down)) / (2 * step)
    # Central differences: error of order step**2 plus rounding 1e-16 / step.
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_gradients_of_one_class_are_those_of_its_mean_cross_entropy() -> None:
    net = small_net()
    images = torch.randn(4, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = gradient.gradients(net, list(net.parameters()), images, 2)
    (-torch.log_softmax(net(images), 1)[:, 2].mean()).backward()
    for a, parameter in zip(found, net.parameters(), strict=True):
        assert torch.allclose(a, parameter.grad, rtol=1e-12, atol=1e-15)


def test_batched_gradients_equal_those_taken_class_by_class() -> None:
    net = small_net()
    weights = gradient.find_matched(net, "cosine")
    images = torch.randn(
        3, 2, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3)
    ).requires_grad_()
    batched = gradient.gradients_of_classes(net, weights, images)
    singly = [gradient.gradients(net, list(weights.values()), images[c], c, differentiable=True) for c in range(3)]
    for position, name in enumerate(weights):
        assert torch.allclose(batched[name], torch.stack([grads[position] for grads in singly]), rtol=1e-12, atol=1e-14)
    (a,) = torch.autograd.grad(sum(g.square().sum() for g in batched.values()), [images])
    (b,) = torch.autograd.grad(sum(g.square().sum() for grads in singly for g in grads), [images])
    assert torch.allclose(a, b, rtol=1e-10, atol=1e-13)


def test_distribution_distance_and_its_gradient_have_their_closed_form() -> None:
    generator = torch.Generator().manual_seed(4)
    real = torch.randn(3, 7, 5, generator=generator, dtype=torch.float64)
    synthetic = torch.randn(3, 2, 5, generator=generator, dtype=torch.float64).requires_grad_()
    value = distribution.distance(real, synthetic)
    gap = synthetic.detach().numpy().mean(1) - real.numpy().mean(1)
    assert value.item() == pytest.approx(float((gap**2).sum()), rel=1e-13)
    value.backward()
    assert synthetic.grad is not None
    assert np.allclose(synthetic.grad.numpy(), np.repeat(2 * gap[:, None] / 2, 2, axis=1), rtol=1e-12)


def test_embedding_is_what_the_classifier_receives(digits: data.Dataset) -> None:
    for name in ("convnet3", "resnet10"):
        net = models.build(name, digits, width=4, seed=0).eval()
        head = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
        images = digits.test.normalised(torch.arange(3))
        logits = net(images)
        features = embedding(net)(images)
        assert torch.equal(head(features.flatten(1)), logits)


# Storage


def loop_decode(images: Tensor, factor: int, classes: int) -> Tensor:
    """Multi-formation once more, tile by tile, from its description."""
    size = images.shape[-1]
    side = -(-size // factor)
    padded = F.pad(images, (0, side * factor - size, 0, side * factor - size), value=0.5)
    out = []
    for of_class in padded.chunk(classes):
        for i in range(factor):
            for j in range(factor):
                tile = of_class[:, :, i * side : (i + 1) * side, j * side : (j + 1) * side]
                out.append(F.interpolate(tile, size=(size, size), mode="bilinear", align_corners=False))
    return torch.cat(out)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(4, 11))
def test_decode_cuts_pads_and_enlarges_tile_by_tile(factor: int, classes: int, ipc: int, size: int) -> None:
    images = torch.rand(classes * ipc, 1, size, size, generator=torch.Generator().manual_seed(size))
    expected = images if factor == 1 else loop_decode(images, factor, classes)
    # Padding shifts by the grey value and back: one rounding.
    assert torch.allclose(decode(images, factor, classes), expected, atol=2e-7)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_mix_lays_tiles_out_as_decode_reads_them(factor: int, classes: int, ipc: int) -> None:
    shades = torch.rand(classes * ipc * factor**2, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    images = shades.expand(-1, 2, 6, 6)
    stored = mix(images, factor, classes)
    assert stored.shape == (classes * ipc, 2, 6, 6)
    assert torch.allclose(decode(stored, factor, classes), images, atol=1e-6)


@pytest.mark.thorough
def test_compiled_distribution_matching_agrees_with_fp32_up_to_bf16_means(digits: data.Dataset) -> None:
    plain, fast = (distill(digits, "dm", 1, iterations=2, **TINY, compile=compile) for compile in (False, True))
    # bf16 has 8 bits: a feature is off by up to 0.4 %, its mean over a class's images by less.
    assert fast.history[0] == pytest.approx(plain.history[0], rel=0.01)
    assert fast.history != plain.history or not distribution._bf16_saves_time(torch.device("cpu"))
    moved = (plain.images - plain.start).norm()
    assert (fast.images - plain.images).norm() < 0.1 * moved


def test_half_precision_is_left_alone_where_a_processor_only_imitates_it(
    digits: data.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.dtype] = []

    def look(net: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
        found = net(images).flatten(1)
        seen.append(found.dtype)
        return found

    monkeypatch.setattr(distribution, "_compile_features", lambda: look)
    for halves, expected in ((False, {torch.float32}), (True, {torch.float32, torch.bfloat16})):
        seen.clear()
        monkeypatch.setattr(distribution, "_bf16_saves_time", lambda device, halves=halves: halves)
        distill(digits, "dm", 1, iterations=1, **TINY, compile=True)
        assert set(seen) == expected


def test_a_set_decodes_into_a_class_sorted_split_with_its_normalisation(digits: data.Dataset) -> None:
    syn = distill(digits, "random", 3, factor=2, seed=1, device="cpu")
    split = syn.decode()
    assert split.images.shape == (10 * 3 * 4, 1, 16, 16)
    assert split.labels.tolist() == [c for c in range(10) for _ in range(12)]
    assert (split.mean, split.std, split.classes) == (tuple(digits.mean), tuple(digits.std), 10)
    assert syn.ipc == 3 and len(syn) == 30


def test_pack_and_unpack_keep_everything(digits: data.Dataset) -> None:
    syn = distill(digits, "dm", 1, iterations=3, **TINY)
    again = Synthetic.unpack(*syn.pack())
    assert torch.equal(again.images, syn.images) and torch.equal(again.labels, syn.labels)
    assert again.pack()[0] == syn.pack()[0]
    assert list(again.snapshots) == list(syn.snapshots)
    assert all(torch.equal(again.snapshots[k], syn.snapshots[k]) for k in syn.snapshots)


def test_the_picture_shows_a_row_per_class(digits: data.Dataset) -> None:
    syn = distill(digits, "random", 2, device="cpu")
    picture = syn.grid()
    assert picture.dtype == np.uint8 and picture.shape == (10 * 17 + 1, 2 * 17 + 1, 3)
    third = picture[2 * 17 + 1 : 3 * 17, 1:17, 0]
    assert np.array_equal(third, (syn.images[4, 0].clamp(0, 1) * 255).round().to(torch.uint8).numpy())
    assert syn.grid(columns=1).shape == (10 * 17 + 1, 18, 3)
    turned = picture_of.grid(syn.images.numpy(), 10, sideways=True)
    assert turned.shape == (2 * 17 + 1, 10 * 17 + 1, 3)
    assert np.array_equal(turned[1:17, 2 * 17 + 1 : 3 * 17, 0], third)


# The loop


def test_random_chooses_the_images_the_others_start_from(digits: data.Dataset) -> None:
    start = distill(digits, "dm", 2, seed=3, iterations=1, **TINY).start
    chosen = distill(digits, "random", 2, seed=3, device="cpu").images
    # The start passed through normalisation and back.
    assert torch.allclose(start, chosen, atol=1e-6)
    real = digits.train.images.float() / (255 if digits.train.images.dtype == torch.uint8 else 1)
    for image, label in zip(chosen, torch.arange(10).repeat_interleave(2), strict=True):
        assert any(torch.equal(image, other) for other in real[digits.train.labels == label])
    assert not torch.equal(chosen, distill(digits, "random", 2, seed=4, device="cpu").images)


SHORT: dict[str, dict[str, Any]] = {
    "dm": {},
    "dc": {"inner": 2, "train_steps": 1, "ipc": 2},
    "dsa": {},
    "idc": {"inner": 2, "train_steps": 2},
    "mtt": {"expert_count": 2, "expert_epochs": 1, "span": 1, "last_start": 1, "student_steps": 2, "expert_batch": 500},
}


@pytest.mark.parametrize("method", SHORT)
def test_a_stopped_run_goes_on_to_the_same_bits(digits: data.Dataset, method: str) -> None:
    options = {**TINY, "ipc": 1, "iterations": 4, "seed": 7, **SHORT[method]}
    states: list[dict[str, Any]] = []
    whole = distill(digits, method, **options, save=lambda state: states.append(saved(state)))
    for stopped in (states[0], states[2]):
        rest = distill(digits, method, **options, state=stopped)
        assert torch.equal(rest.images, whole.images)
        assert rest.history == whole.history and rest.step_size == whole.step_size
        assert list(rest.snapshots) == list(whole.snapshots) == [0, 1, 2, 4]
        assert all(torch.equal(rest.snapshots[k], whole.snapshots[k]) for k in whole.snapshots)
    assert not torch.equal(whole.images, whole.start)
    assert torch.equal(whole.at(4).images, whole.images)


def test_the_state_is_handed_out_before_progress_may_stop_the_run(digits: data.Dataset) -> None:
    kept: list[int] = []

    def stop(done: int, total: int, figures: dict[str, float]) -> None:
        assert total == 5 and figures["loss"] > 0
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(digits, "dm", 1, iterations=5, **TINY, save=lambda state: kept.append(state["done"]), progress=stop)
    assert kept == [1, 2]


def test_a_state_of_other_settings_is_refused(digits: data.Dataset) -> None:
    states: list[dict[str, Any]] = []
    distill(digits, "dm", 1, iterations=1, **TINY, save=lambda state: states.append(saved(state)))
    with pytest.raises(InputError, match="was made with seed 0, not 1"):
        distill(digits, "dm", 1, seed=1, iterations=1, **TINY, state=states[0])


def test_global_randomness_is_neither_read_nor_changed(digits: data.Dataset) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = distill(digits, "idc", 1, iterations=1, inner=2, **TINY)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(distill(digits, "idc", 1, iterations=1, inner=2, **TINY).images, first.images)


def test_batched_and_class_by_class_matching_agree(digits: data.Dataset) -> None:
    options = {**TINY, "iterations": 2, "inner": 2}
    singly, batched = (distill(digits, "dc", 2, batched=b, **options) for b in (False, True))
    assert not torch.equal(singly.images, singly.start)
    # float32 sums in another order; the images moved by about 1e-2.
    assert torch.allclose(singly.images, batched.images, atol=1e-4)


# Coresets


def test_coresets_equal_their_plain_definitions() -> None:
    features = torch.randn(12, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    points = features.numpy()
    chosen: list[int] = []
    for _ in range(6):
        scores = {
            i: np.linalg.norm(points[[*chosen, i]].mean(0) - points.mean(0)) for i in range(12) if i not in chosen
        }
        chosen.append(min(scores, key=lambda i: scores[i]))
    assert herding(features, 6).tolist() == chosen
    chosen = [int(np.linalg.norm(points - points.mean(0), axis=1).argmin())]
    while len(chosen) < 6:
        gaps = [min(np.linalg.norm(points[i] - points[j]) for j in chosen) for i in range(12)]
        chosen.append(int(np.argmax(gaps)))
    assert kcenter(features, 6).tolist() == chosen


@pytest.mark.parametrize("choose", [herding, kcenter])
def test_coresets_choose_no_image_twice_even_among_equals(choose: Any) -> None:
    assert sorted(choose(torch.zeros(5, 2), 5).tolist()) == [0, 1, 2, 3, 4]


def test_coresets_of_a_dataset_are_real_images_of_the_class(digits: data.Dataset) -> None:
    syn = distill(digits, "herding", 2, pretrain=0, width=4, device="cpu")
    real = digits.train.images.float() / (255 if digits.train.images.dtype == torch.uint8 else 1)
    for image, label in zip(syn.images, syn.labels, strict=True):
        assert any(torch.allclose(image, other, atol=1e-6) for other in real[digits.train.labels == label])


# Defaults


@pytest.mark.parametrize(
    ("method", "dataset", "ipc", "size", "expected"),
    [
        ("idc", "cifar10", 1, 32, {"image_rate": 5e-4, "factor": 2, "iterations": 2000, "inner": 100, "metric": "mse"}),
        ("idc", "cifar10", 10, 32, {"image_rate": 5e-3, "init": "mix", "train_steps": 32, "real_batch": 64}),
        ("idc", "cifar100", 50, 32, {"image_rate": 2.5e-2, "apart": True, "clamp": True, "image_momentum": 0.5}),
        ("idc", "imagenet10", 10, 224, {"image_rate": 3e-3, "factor": 3, "metric": "l1", "model": "resnetap10"}),
        ("idc", "imagenet10", 20, 112, {"image_rate": 1.5e-3, "pretrain": 10, "train_steps": 8, "pad": True}),
        ("idc", "mnist", 10, 28, {"image_rate": 1e-4, "metric": "l1"}),
        ("dc", "cifar10", 10, 32, {"inner": 10, "train_steps": 50, "metric": "cosine", "iterations": 1000}),
        ("dsa", "cifar10", 50, 32, {"inner": 50, "train_steps": 20, "image_rate": 0.1, "siamese": "mtt-dsa"}),
        ("dm", "cifar10", 10, 32, {"iterations": 20_000, "image_rate": 1.0, "real_batch": 256}),
        ("mtt", "cifar10", 10, 32, {"iterations": 5000, "image_rate": 1000.0, "span": 3, "student_steps": 20}),
    ],
)
def test_defaults_are_those_published(method: str, dataset: str, ipc: int, size: int, expected: dict[str, Any]) -> None:
    found = resolve(method, dataset, ipc, size, 10, {}).spec()
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_evaluation_epochs_follow_the_number_of_decoded_images() -> None:
    epochs = [
        evaluation_recipe("imagenet10", ipc, f, 10).epochs for ipc, f in ((1, 1), (1, 3), (10, 2), (10, 3), (50, 3))
    ]
    assert epochs == [3000, 2000, 1500, 1000, 500]
    assert evaluation_recipe("imagenet100", 10, 3, 100).epochs == 600
    assert evaluation_recipe("cifar10", 10, 2, 10) == Recipe(epochs=1000)


def test_defaults_are_read_without_torch() -> None:
    code = "import sys, distilled_pruning.distillation.defaults; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Mistakes


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "dmm"}, "did you mean 'dm'"),
        ({"method": "dm", "iteration": 3}, "unknown distillation option 'iteration'"),
        ({"method": "dm", "metric": "l3"}, "unknown matching metric 'l3'"),
        ({"method": "dm", "ipc": 0}, "ipc must be at least 1"),
        (
            {"method": "idc", "factor": 3},
            "factor 3 does not divide the 16x16 px images of digits: choose an image_size",
        ),
        ({"method": "idc", "factor": 17, "pad": True}, "larger than the 16 px images"),
        ({"method": "dm", "factor": 2, "init": "real"}, "needs init='mix'"),
        ({"method": "idc", "factor": 4, "ipc": 20}, r"ipc 20 x factor 4 squared = 320 is more than the \d+ training"),
        ({"method": "dc", "batched": True, "norm": "batch"}, "use norm='instance'"),
        ({"method": "random", "ipc": 500}, r"ipc 500 is more than the \d+ training images of class"),
    ],
)
def test_mistakes_are_said_in_a_sentence(digits: data.Dataset, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        distill(digits, **{"iterations": 1, "device": "cpu", **options})


def test_padding_on_request_cuts_what_does_not_divide(digits: data.Dataset) -> None:
    syn = distill(digits, "idc", 1, factor=3, pad=True, iterations=1, inner=1, **TINY)
    assert syn.images.shape == (10, 1, 16, 16) and len(syn.decode()) == 90


def test_a_diverging_run_says_so(digits: data.Dataset) -> None:
    with pytest.raises(InputError, match=r"set distill_learning_rate below .*, in Python image_rate"):
        distill(digits, "dm", 1, iterations=5, image_rate=1e38, optimiser="sgd", **TINY)


# What a set is good for


def test_evaluate_trains_from_scratch_and_repeats_itself(digits: data.Dataset) -> None:
    syn = distill(digits, "random", 1, device="cpu")
    recipe = Recipe(steps=3, batch_size=10, learning_rate=0.1, augmentation="")
    first = evaluate(syn, digits, 2, width=4, recipe=recipe, device="cpu")
    assert first.accuracies == evaluate(syn, digits, 2, width=4, recipe=recipe, device="cpu").accuracies
    assert len(first.accuracies) == 2 and first.steps == 3 and first.accuracies[0] != first.accuracies[1]
    assert first.accuracy == pytest.approx(statistics.fmean(first.accuracies))


def whitened(ds: data.Dataset) -> data.Dataset:
    """The same data, ZCA-whitened on its training images."""
    pixels = [split.images.float() / 255 for split in (ds.train, ds.test)]
    transform = whitening.fit(pixels[0])
    train, test = (
        dataclasses.replace(split, images=transform.apply(x), mean=(0.0,), std=(1.0,), whitening=transform)
        for split, x in zip((ds.train, ds.test), pixels, strict=True)
    )
    return dataclasses.replace(ds, train=train, test=test)


def test_whitened_data_makes_whitened_sets(digits: data.Dataset) -> None:
    white = whitened(digits)
    syn = distill(white, "dm", 1, iterations=2, **TINY)
    assert syn.space == "zca" and syn.mean == (0.0,) and syn.std == (1.0,)
    own = white.train.normalised()
    assert all((own - image).abs().amax((1, 2, 3)).min() < 1e-6 for image in syn.start)
    assert torch.equal(syn.decode().normalised(), syn.images)
    recipe = Recipe(steps=1, batch_size=10, augmentation="")
    assert len(evaluate(syn, white, 1, recipe=recipe, device="cpu").accuracies) == 1
    with pytest.raises(InputError, match="load it with zca=True"):
        evaluate(syn, digits, 1)


def test_decoding_keeps_labels_when_they_are_permuted(digits: data.Dataset) -> None:
    syn = distill(digits, "random", 2, factor=2, device="cpu")
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    permuted = dataclasses.replace(syn, labels=syn.labels[order]).decode()
    assert torch.equal(permuted.images, syn.decode().images)
    first, second = permuted.labels.reshape(10, 4, 2).unbind(2)
    assert torch.equal(first[:, 0], syn.labels[order][::2]) and torch.equal(second[:, 3], syn.labels[order][1::2])


def test_objectives_are_the_gap_of_the_means_and_the_largest_gap() -> None:
    images = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(6))
    split = data.Split(images, torch.tensor([0, 1, 2, 0, 1, 2]), (0.0,), (1.0,), 3, None)
    a, b = small_net(1), small_net(2)
    found = objectives(a, b, split)
    with torch.no_grad():
        loss = [-torch.log_softmax(net(images.double()), 1)[range(6), split.labels].numpy() for net in (a, b)]
    assert found.average == pytest.approx(abs(loss[0].mean() - loss[1].mean()), rel=1e-12)
    assert found.supremum == pytest.approx(np.abs(loss[0] - loss[1]).max(), rel=1e-12)
    assert found.worst == np.abs(loss[0] - loss[1]).argmax()
    same = objectives(a, a, split)
    assert same.average == same.supremum == 0.0


def test_a_short_distillation_beats_its_own_starting_images(digits: data.Dataset) -> None:
    syn = distill(digits, "dm", 1, iterations=60, width=16, real_batch=32, device="cpu")
    recipe = Recipe(steps=80, batch_size=10, learning_rate=0.1, augmentation="")
    made, start = (evaluate(s, digits, 2, recipe=recipe, device="cpu").accuracy for s in (syn, syn.at(0)))
    assert made > start + 0.03


def test_matching_sees_real_images_of_the_right_class(digits: data.Dataset) -> None:
    problem = Problem(digits, resolve("dm", "digits", 1, 16, 10, {}), 0, "cpu")
    real = problem.real(4, 1000, problem.generator("batch", 0))
    own = digits.train.normalised(torch.nonzero(digits.train.labels == 4).flatten())
    assert real.shape == own.shape
    assert torch.allclose(real.sum(0), own.sum(0), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "ipc"), [("dm", 1), ("dm", 5), ("dc", 1), ("dc", 5)])
def test_sets_beat_their_own_starting_images_over_five_seeds(digits: data.Dataset, method: str, ipc: int) -> None:
    gaps = []
    for seed in range(5):
        syn = distill(digits, method, ipc, seed=seed, device="cpu")
        made, start = (evaluate(s, digits, 2, seed=1000 * seed, device="cpu").accuracy for s in (syn, syn.at(0)))
        gaps.append(made - start)
    # Student's t with four degrees of freedom at 95 %, two-sided.
    assert statistics.fmean(gaps) - 2.776 * statistics.stdev(gaps) / 5**0.5 > 0


# What it costs


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "ipc", "options"),
    [
        ("dm", 10, {}),
        ("dc", 1, {}),
        ("dc", 10, {"inner": 2}),
        ("idc", 10, {"inner": 2}),
        ("mtt", 10, {"expert_count": 1, "expert_epochs": 3}),
    ],
)
def test_operations_by_formula_are_those_that_are_counted(method: str, ipc: int, options: dict[str, Any]) -> None:
    """First layers need no gradient by their input, a sixth of the work here: the formula is at most 15 % high."""
    few = data.load("digits", size=16, subset=500)

    def counted(iterations: int) -> int:
        with FlopCounterMode(display=False) as counter:
            distill(few, method, ipc, iterations=iterations, device="cpu", width=16, **options)
        return counter.get_total_flops() // 2

    one, two = counted(1), counted(2)
    chosen = resolve(method, "digits", ipc, 16, 10, {"width": 16, **options})
    image, images = costs.forward_macs("convnet3", 16, 16, 1, 10), len(few.train)
    assert 0.99 < passes.per_loop(chosen, 10, images) * image / (two - one) < 1.15
    start = 2 * one - two
    assert 0.99 < passes.before(chosen, images) * image / start < 1.15 if start else not passes.before(chosen, images)
