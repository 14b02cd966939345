"""Trajectory matching: the unrolled gradient is exact, and experts are ordinary trainings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from distilled_pruning import data, models, training
from distilled_pruning.distillation import distill, expert, trajectory
from distilled_pruning.distillation.defaults import resolve
from distilled_pruning.distillation.problem import Problem
from torch import Tensor, nn
from torch.nn import functional as F

EXPERT: dict[str, Any] = {"width": 2, "expert_batch": 200, "device": "cpu"}


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("digits", size=16)


def smooth_net() -> nn.Sequential:
    """A float64 network without kinks, so that finite differences are exact to their order."""
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.GroupNorm(2, 2), nn.Softplus(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return net.double()


def numpy_students(
    images: np.ndarray, step_size: float, labels: list[int], start: np.ndarray, steps: int
) -> np.ndarray:
    """Gradient descent of a softmax regression with bias, written out by hand."""
    count, size = images.shape
    weight, bias = start[: 3 * size].reshape(3, size).copy(), start[3 * size :].copy()
    for _ in range(steps):
        logits = images @ weight.T + bias
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        shares[range(count), labels] -= 1
        weight -= step_size * shares.T @ images / count
        bias -= step_size * shares.mean(0)
    return np.concatenate([weight.ravel(), bias])


def test_unrolled_students_equal_descent_written_by_hand() -> None:
    generator = torch.Generator().manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).double()
    images = torch.randn(5, 1, 2, 2, generator=generator, dtype=torch.float64)
    start = torch.randn(15, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1])
    student = trajectory.unroll(net, start, [(images, labels)] * 6, torch.tensor(0.3, dtype=torch.float64))
    expected = numpy_students(images.flatten(1).numpy(), 0.3, labels.tolist(), start.numpy(), 6)
    assert np.allclose(student.detach().numpy(), expected, rtol=1e-13, atol=1e-14)


def test_unrolled_students_equal_an_ordinary_optimiser() -> None:
    generator = torch.Generator().manual_seed(2)
    net = smooth_net()
    start = trajectory.flatten(net)
    batches = [
        (torch.randn(4, 1, 4, 4, generator=generator, dtype=torch.float64), torch.tensor([0, 1, 2, 1]))
        for _ in range(5)
    ]
    student = trajectory.unroll(net, start, batches, torch.tensor(0.2, dtype=torch.float64))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.2)
    for images, labels in batches:
        optimiser.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        optimiser.step()
    assert torch.allclose(student, trajectory.flatten(net), rtol=1e-12, atol=1e-14)


def test_unrolled_gradients_of_images_and_step_size_are_exact() -> None:
    net = smooth_net()
    generator = torch.Generator().manual_seed(3)
    start = trajectory.flatten(net)
    target = start + torch.randn(start.shape, generator=generator, dtype=torch.float64) * 0.1
    images = torch.randn(3, 1, 4, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2])

    def loss(x: Tensor, size: Tensor) -> Tensor:
        batches = [(x[index], labels[index]) for index in ([0, 1], [2, 0], [1, 2], [0, 2])]
        return trajectory.distance(trajectory.unroll(net, start, batches, size), target, start)

    size = torch.tensor(0.3, dtype=torch.float64)
    leaf, leaf_size = images.clone().requires_grad_(), size.clone().requires_grad_()
    by_image, by_size = torch.autograd.grad(loss(leaf, leaf_size), [leaf, leaf_size])
    step = 1e-5

    def slope(up: tuple[Tensor, Tensor], down: tuple[Tensor, Tensor]) -> float:
        return (loss(*up).item() - loss(*down).item()) / (2 * step)

    assert by_size.item() == pytest.approx(slope((images, size + step), (images, size - step)), rel=1e-7)
    expected = torch.zeros_like(images)
    for index in np.ndindex(*images.shape):
        nudge = torch.zeros_like(images)
        nudge[index] = step
        expected[index] = slope((images + nudge, size), (images - nudge, size))
    # Central differences: error of order step**2 plus rounding 1e-16 / step.
    assert torch.allclose(by_image, expected, rtol=1e-6, atol=1e-9)
    assert by_image.abs().min() > 1e-7


def test_distance_is_one_for_a_student_that_stayed_and_zero_for_one_that_arrived() -> None:
    start, target = torch.zeros(4), torch.tensor([1.0, 2.0, 0.0, -1.0])
    assert trajectory.distance(start, target, start) == 1
    assert trajectory.distance(target, target, start) == 0
    assert trajectory.distance(-target, target, start) == 4


def test_flatten_and_unflatten_are_inverse(digits: data.Dataset) -> None:
    net = models.build("convnet3", digits, width=3, seed=0)
    parts = trajectory.unflatten(net, trajectory.flatten(net))
    assert all(torch.equal(parts[name], parameter) for name, parameter in net.named_parameters())


def test_an_expert_is_one_training_cut_into_epochs(digits: data.Dataset) -> None:
    path = expert(digits, 1, seed=5, expert_epochs=3, span=1, **EXPERT)
    settings = resolve("mtt", "digits", 1, 16, 10, {"expert_epochs": 3, "span": 1, "width": 2, "expert_batch": 200})
    problem = Problem(digits, settings, 5, "cpu")
    net = problem.network(1)
    assert torch.equal(path[0], trajectory.flatten(net))
    recipe = problem.recipe(
        learning_rate=settings.expert_rate, momentum=0.0, weight_decay=0.0, epochs=3, batch_size=200
    )
    training.train(net, digits.train, recipe, order_seed=problem.generator("expert", 1).initial_seed(), device="cpu")
    assert torch.equal(path[3], trajectory.flatten(net))
    assert not torch.equal(path[0], expert(digits, 0, seed=5, expert_epochs=1, span=1, **EXPERT)[0])


def test_given_experts_are_used_as_if_trained_on_the_way(digits: data.Dataset) -> None:
    options = {**EXPERT, "expert_epochs": 1, "span": 1, "last_start": 1, "expert_count": 2}
    experts = [expert(digits, index, **options) for index in range(2)]
    run = {**options, "iterations": 2, "student_steps": 2}
    given, trained = distill(digits, "mtt", 1, **run, experts=experts), distill(digits, "mtt", 1, **run)
    assert torch.equal(given.images, trained.images)
    assert given.step_size is not None and given.step_size == trained.step_size != run.get("step_size", 0.05)


def test_matching_lowers_the_distance_left(digits: data.Dataset) -> None:
    options = {"expert_epochs": 1, "span": 1, "last_start": 1, "expert_count": 1, "student_steps": 5, "width": 8}
    syn = distill(digits, "mtt", 1, iterations=25, image_rate=100.0, device="cpu", **options)
    assert min(syn.history[-5:]) < syn.history[0] - 0.02
