"""Linear mode connectivity: exact ends, analytic barriers, masked and unmasked lines, BatchNorm statistics."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from distilled_pruning import connectivity, models, pruning, training
from distilled_pruning.connectivity import Curve
from distilled_pruning.data import Split
from distilled_pruning.errors import InputError
from distilled_pruning.models import weights
from distilled_pruning.training import Forward
from torch import nn


def split(n: int = 24) -> Split:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (n, 1, 8, 8), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(n) % 3, mean=(0.5,), std=(0.25,), classes=3)


def build(seed: int, norm: str | None = None) -> nn.Module:
    return models.build("convnet3", width=4, depth=2, size=8, channels=1, classes=3, seed=seed, norm=norm)


@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize("sparse", [False, True])
def test_both_ends_are_the_two_trained_subnetworks(norm: str | None, sparse: bool) -> None:
    """Not to a tolerance: the loss at the ends is the very number that evaluation of the trained network gives."""
    data, start = split(), build(0, norm)
    mask = pruning.magnitude(start, fraction=0.6) if sparse else None
    recipe = training.Recipe(epochs=2, batch_size=8, augmentation="")
    trained = []
    for order_seed in (0, 1):
        network = build(0, norm)
        training.train(network, data, recipe, mask, order_seed, device="cpu")
        trained.append(network)
    curve = connectivity.interpolate(start, trained[0].state_dict(), trained[1].state_dict(), data, 5, mask)
    assert (curve.loss[0], curve.accuracy[0]) == training.evaluate(trained[0], data)
    assert (curve.loss[-1], curve.accuracy[-1]) == training.evaluate(trained[1], data)


def test_the_midpoint_is_the_network_of_mean_weights() -> None:
    data, a, b = split(), build(0).double(), build(1).double()
    middle = copy.deepcopy(a)
    with torch.no_grad():
        for target, one, other in zip(middle.parameters(), a.parameters(), b.parameters(), strict=True):
            target.copy_((one + other) / 2)
    curve = connectivity.interpolate(a, a.state_dict(), b.state_dict(), data, 3)
    assert math.isclose(curve.loss[1], training.evaluate(middle, data)[0], rel_tol=1e-12)


def test_a_mask_switches_hidden_weights_off() -> None:
    """The authors' scripts interpolated with pruned weights switched on; with the mask they must not matter."""
    data, network = split(), build(0)
    mask = pruning.magnitude(network, fraction=0.8)
    hidden = network.state_dict()
    clean = weights.cut(hidden, mask)
    with_mask = connectivity.interpolate(network, hidden, hidden, data, 2, mask)
    assert with_mask == connectivity.interpolate(network, clean, clean, data, 2)
    assert with_mask != connectivity.interpolate(network, hidden, hidden, data, 2)


def test_barrier_of_a_known_curve() -> None:
    barrier = connectivity.barrier(Curve((0, 0.25, 0.5, 1.0), (1.0, 4.0, 3.0, 2.0), (0.8, 0.5, 0.6, 0.9)))
    assert float(barrier) == barrier.midpoint == 1.5
    assert barrier.maximum == 4.0 - 1.25
    assert math.isclose(barrier.error_rise, 0.85 - 0.6)
    assert barrier.end_loss == 1.5 and math.isclose(barrier.end_accuracy, 0.85)


def test_barrier_without_a_midpoint_reads_between() -> None:
    barrier = connectivity.barrier(Curve((0, 0.25, 1.0), (0.0, 3.0, 0.0), (1.0, 1.0, 1.0)))
    assert math.isclose(barrier, 2.0)


def test_a_linear_model_under_a_convex_loss_has_no_barrier() -> None:
    """Cross-entropy is convex in the weights of a linear classifier, so no point lies above the chord."""
    data = split()
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).double()
    other = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).double()
    curve = connectivity.interpolate(network, network.state_dict(), other.state_dict(), data, 11)
    assert connectivity.barrier(curve).maximum <= 1e-12
    assert float(connectivity.barrier(curve)) < 0


def test_reestimated_statistics_are_those_of_the_data() -> None:
    """Averages of batch statistics against one pass over all data: 1e-5 is float32 rounding of equal batches."""
    data = split()
    network = build(0, "batch")
    connectivity.reestimate(network, data, batch_size=24)
    layer = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    outputs = next(module for module in network.modules() if isinstance(module, nn.Conv2d))(data.normalised())
    assert torch.allclose(layer.running_mean, outputs.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(layer.running_var, outputs.var((0, 2, 3)), rtol=1e-5)
    assert layer.momentum == 0.1


def test_reestimation_changes_a_batchnorm_line_and_no_other() -> None:
    data = split()
    for norm, changes in (("batch", True), (None, False)):
        a, b = build(0, norm), build(1, norm)
        plain, fresh = (
            connectivity.interpolate(a, a.state_dict(), b.state_dict(), data, 3, statistics=statistics)
            for statistics in connectivity.STATISTICS
        )
        assert (plain != fresh) == changes


def test_all_pairs_of_replicates() -> None:
    data, networks = split(), [build(seed) for seed in range(3)]
    found = list(connectivity.pairs(networks[0], [n.state_dict() for n in networks], data, 3))
    assert [(i, j) for i, j, _ in found] == [(0, 1), (0, 2), (1, 2)]
    assert found[0][2].loss[0] == found[1][2].loss[0]


def test_instability_falls_with_common_training() -> None:
    """Copies that share the whole run are one network: the barrier is exactly zero there, and is not before."""
    data = split(48)
    recipe = training.Recipe(learning_rate=0.1, epochs=4, batch_size=8, augmentation="shift1")
    curves = dict(connectivity.instability(build(0), data, recipe, (0, 4), alphas=3, device="cpu"))
    assert float(connectivity.barrier(curves[4])) == 0
    assert curves[0].loss[0] != curves[0].loss[-1]


def test_mistakes_are_one_sentence() -> None:
    data, network = split(), build(0)
    state = network.state_dict()
    other = models.build("convnet3", width=5, depth=2, size=8, channels=1, classes=3).state_dict()
    broken = {name: tensor.clone() for name, tensor in state.items()}
    next(iter(broken.values())).view(-1)[0] = float("nan")
    for ends, alphas, message in (
        ((state, other), 3, "do not fit"),
        ((state, {}), 3, "do not fit"),
        ((state, broken), 3, "not finite"),
        ((state, state), 1, "at least 2"),
        ((state, state), (0.5, 1.0), "ascend from 0 to 1"),
        ((state, state), (0, math.nan, 1), "ascend from 0 to 1"),
    ):
        with pytest.raises(InputError, match=message):
            connectivity.interpolate(network, *ends, data, alphas)


def test_bf16_rounds_the_figures_and_leaves_the_weights() -> None:
    """Eight bits of mantissa: each activation is off by up to 0.4 %, the loss near ln 3 by a few such steps."""
    a, b = build(0).state_dict(), build(1).state_dict()
    before = {name: tensor.clone() for name, tensor in a.items()}
    exact, rounded = (
        connectivity.interpolate(build(2), a, b, split(), 3, forward=Forward(precision=p)) for p in ("fp32", "bf16")
    )
    assert rounded.loss != exact.loss
    assert rounded.loss == pytest.approx(exact.loss, rel=0.03)
    assert all(torch.equal(a[name], before[name]) for name in a)
    with pytest.raises(InputError, match="fp16"):
        Forward(precision="fp16")
