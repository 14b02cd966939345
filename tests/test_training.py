"""Training: equality with PyTorch's pruning hooks, exact resumption, order seeds, schedules."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from distilled_pruning import models, pruning, training
from distilled_pruning.data import Split
from distilled_pruning.errors import InputError
from distilled_pruning.training import Recipe, Stretch, loop
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune


def split(n: int = 40, size: int = 8, classes: int = 4) -> Split:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % classes
    images = torch.randint(0, 256, (n, 1, size, size), generator=generator, dtype=torch.uint8)
    images[:, 0, 0] = (labels * 60).to(torch.uint8)[:, None]
    return Split(images, labels, mean=(0.5,), std=(0.25,), classes=classes)


def net(seed: int = 0, norm: str | None = None) -> nn.Module:
    return models.build("convnet3", width=4, depth=2, size=8, channels=1, classes=4, seed=seed, norm=norm)


RECIPE = Recipe(learning_rate=0.05, epochs=3, batch_size=16, augmentation="shift1+cutmix")


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_twenty_masked_steps_equal_torch_prune_to_the_last_bit() -> None:
    data = split(20 * 8)
    recipe = Recipe(learning_rate=0.05, epochs=1, batch_size=8, augmentation="", milestones=())
    ours = net().double()
    mask = pruning.magnitude(ours, fraction=0.6)
    theirs = copy.deepcopy(ours)
    modules = dict(theirs.named_modules())
    for name in mask:
        prune.custom_from_mask(modules[name.removesuffix(".weight")], "weight", mask[name])
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, fused=True)
    order = torch.randperm(len(data), generator=loop.make_generator("order", 0, 0))
    for begin in range(0, len(data), 8):
        chosen = order[begin : begin + 8]
        optimiser.zero_grad()
        F.cross_entropy(theirs(data.normalised(chosen).double()), data.labels[chosen]).backward()
        optimiser.step()
    training.train(ours, data, recipe, mask, device="cpu")
    for name, parameter in ours.named_parameters():
        module, _, leaf = name.rpartition(".")
        hidden = dict(modules[module].named_parameters())
        effective = hidden[leaf + "_orig"] * mask[name] if leaf + "_orig" in hidden else hidden[leaf]
        assert torch.equal(parameter, effective), name


@pytest.mark.parametrize("norm", [None, "batch"])
def test_a_stopped_training_continues_to_the_same_bits(norm: str | None) -> None:
    class Stop(Exception):
        pass

    data, whole, parts = split(), net(norm=norm), net(norm=norm)
    recipe = Recipe(learning_rate=0.05, epochs=20, batch_size=16, augmentation="shift1+cutmix")
    mask = pruning.magnitude(whole, fraction=0.5)
    log = training.train(whole, data, recipe, mask, order_seed=3, test=data, device="cpu")
    saved: list[training.State] = []

    def stop(snapshot: loop.Snapshot) -> None:
        saved.append(snapshot())
        if len(saved) == 2:
            raise Stop

    with pytest.raises(Stop):
        training.train(parts, data, recipe, mask, order_seed=3, device="cpu", stretch=Stretch(checkpoint=stop))
    fresh = net(seed=7, norm=norm)
    resumed = training.train(
        fresh, data, recipe, mask, order_seed=3, test=data, device="cpu", stretch=Stretch(state=saved[-1])
    )
    assert same(weights(whole), weights(fresh))
    assert resumed.curve == log.curve
    assert (resumed.loss, resumed.accuracy) == (log.loss, log.accuracy)


def test_order_seed_decides_the_order_and_nothing_else() -> None:
    data = split()
    runs = []
    for order_seed in (0, 0, 1):
        torch.manual_seed(len(runs))
        trained = net()
        training.train(trained, data, RECIPE, order_seed=order_seed, device="cpu")
        runs.append(weights(trained))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_pruned_weights_stay_zero_and_survivors_move() -> None:
    trained = net()
    before = weights(trained)
    mask = pruning.magnitude(trained, fraction=0.5)
    training.train(trained, split(), RECIPE, mask, device="cpu")
    for name, kept in mask.items():
        after = trained.state_dict()[name]
        assert not after[~kept].any()
        assert not torch.equal(after[kept], before[name][kept])


def test_training_learns() -> None:
    trained, data = net(), split()
    log = training.train(
        trained, data, Recipe(learning_rate=0.1, epochs=40, batch_size=8, augmentation=""), test=data, device="cpu"
    )
    assert log.accuracy > 0.9
    assert log.curve[-1]["loss"] < log.curve[0]["loss"]
    assert log.steps == 200 and log.images == 1600


@pytest.mark.parametrize(
    ("recipe", "images", "expected"),
    [
        (Recipe(epochs=300), 50_000, [200 * 782, 250 * 782]),
        (Recipe(epochs=1000), 400, [666 * 7, 833 * 7]),
        (Recipe(epochs=5), 64, [3, 4]),
        (Recipe(steps=300), 100, [200, 250]),
    ],
)
def test_milestones_are_the_papers(recipe: Recipe, images: int, expected: list[int]) -> None:
    assert loop.milestones(recipe, images) == expected


def test_stopping_at_a_true_epoch_keeps_the_long_schedule() -> None:
    """Epoch 1 of a long run equals that run's own epoch 1, not a compressed one-epoch schedule."""
    data, early, states = split(), net(), []
    training.train(early, data, RECIPE, device="cpu", stretch=Stretch(until=3, finish=states.append))
    forked = net()
    training.train(forked, data, RECIPE, device="cpu", stretch=Stretch(state=states[0]))
    whole = net()
    training.train(whole, data, RECIPE, device="cpu")
    assert states[0].step == 3
    assert same(weights(forked), weights(whole))


def test_residual_is_the_hidden_weights_decay() -> None:
    """The scalar recursion equals SGD on a weight whose gradient is zero (float64: 1e-12 covers rounding)."""
    recipe = Recipe(learning_rate=0.05, epochs=2, batch_size=16, weight_decay=0.01)
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.05, momentum=0.9, weight_decay=0.01)
    drops = loop.milestones(recipe, 40)
    for step in range(recipe.total_steps(40)):
        optimiser.param_groups[0]["lr"] = 0.05 * 0.2 ** sum(step >= drop for drop in drops)
        weight.grad = torch.zeros_like(weight)
        optimiser.step()
    assert math.isclose(loop.residual(recipe, 40), weight.item(), rel_tol=1e-12)


def test_evaluation_is_the_mean_over_images_whatever_the_batch() -> None:
    """Per-image sums in float64; 1e-6 covers float32 convolutions of other batch shapes."""
    data, network = split(23), net(norm="batch")
    whole, parts = (training.evaluate(network, data, batch_size=size) for size in (23, 5))
    network.eval()
    logits = network(data.normalised())
    assert math.isclose(whole[0], F.cross_entropy(logits, data.labels).item(), rel_tol=1e-6)
    assert math.isclose(whole[0], parts[0], rel_tol=1e-6)
    assert whole[1] == parts[1] == int((logits.argmax(1) == data.labels).sum()) / len(data)


def test_bf16_trains_to_similar_loss() -> None:
    """Rounding to 8 bits moves the loss of this tiny run by well under a tenth."""
    data = split()
    recipe = Recipe(learning_rate=0.05, epochs=10, batch_size=16, augmentation="")
    losses = []
    for precision in ("fp32", "bf16"):
        network = net()
        training.train(network, data, Recipe(**{**vars(recipe), "precision": precision}), device="cpu")
        losses.append(training.evaluate(network, data)[0])
        assert all(p.dtype == torch.float32 for p in network.parameters())
    assert losses[0] != losses[1]
    assert abs(losses[0] - losses[1]) < 0.1


def test_mistakes_are_one_sentence() -> None:
    data = split()
    with pytest.raises(InputError, match="diverged"):
        training.train(net(), data, Recipe(learning_rate=1e6, epochs=20, batch_size=8, augmentation=""), device="cpu")
    with pytest.raises(InputError, match="no images"):
        training.train(net(), data.take(torch.arange(0)), RECIPE, device="cpu")
    with pytest.raises(InputError, match="unknown device"):
        training.resolve("gpu7")
    for wrong in ({"learning_rate": 0.0}, {"epochs": 0}, {"steps": 0}, {"batch_size": 0}):
        with pytest.raises(InputError):
            Recipe(**wrong)
    with pytest.raises(InputError, match="did you mean 'sgd'"):
        Recipe(optimiser="sdg")
