"""Pruning: exact counts, equality with PyTorch's pruning, masks that pack and never grow back, the ticket loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from distilled_pruning import models, pruning, training
from distilled_pruning.data import Dataset, Split
from distilled_pruning.errors import InputError
from distilled_pruning.pruning import Mask
from distilled_pruning.training import Recipe
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from torch.nn.utils import prune

RECIPE = Recipe(learning_rate=0.05, epochs=3, batch_size=16, augmentation="")


def build(seed: int = 0, name: str = "convnet3", **options: Any) -> nn.Module:
    small = {"width": 4, "size": 8, "channels": 1, "classes": 4}
    return models.build(name, **{**small, **options}, seed=seed)


def split(n: int = 40) -> Split:
    labels = torch.arange(n) % 4
    images = torch.randint(0, 256, (n, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images[:, 0, 0] = (labels * 60).to(torch.uint8)[:, None]
    return Split(images, labels, mean=(0.5,), std=(0.25,), classes=4)


def layer_net(*weights: list[float]) -> nn.Module:
    """Chain linear layers of one output with given weights."""
    net = nn.Sequential(*(nn.Linear(len(values), 1) for values in weights))
    for layer, values in zip(net, weights, strict=True):
        layer.weight.data = torch.tensor([values])
    return net


def kept(mask: Mask) -> list[list[bool]]:
    return [tensor.flatten().tolist() for tensor in mask.values()]


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    shapes = draw(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=4), min_size=1, max_size=4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    density = draw(st.floats(0, 1))
    return Mask(
        {f"layer{i}.weight": torch.rand(shape, generator=generator) < density for i, shape in enumerate(shapes)}
    )


@given(masks())
def test_packing_is_exact(mask: Mask) -> None:
    packed = mask.pack()
    again = Mask.unpack(packed)
    assert again == mask
    assert (again.total, again.survivors, list(again)) == (mask.total, mask.survivors, list(mask))
    bits = sum(array.size for name, array in packed.items() if not name.endswith(".shape"))
    assert bits <= mask.total / 8 + len(mask)


def packed_mask() -> dict[str, np.ndarray]:
    return Mask({"a.weight": torch.ones(3, 5, dtype=torch.bool)}).pack()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("a.weight.shape", lambda shape: shape + 1),
        ("a.weight.shape", lambda shape: -shape),
        ("a.weight.shape", lambda shape: shape * 0),
        ("a.weight.shape", lambda shape: shape.astype(float)),
        ("a.weight.shape", lambda shape: np.array([2**40, 2**40])),
        ("a.weight", lambda bits: bits[:1]),
        ("a.weight", lambda bits: np.append(bits, np.uint8(0))),
        ("a.weight", lambda bits: bits | np.uint8(1)),
        ("a.weight", lambda bits: bits.astype(np.int32)),
        ("a.weight", lambda bits: bits[None]),
    ],
)
def test_damaged_packing_is_refused(name: str, damage: Callable[[np.ndarray], np.ndarray]) -> None:
    packed = packed_mask()
    packed[name] = damage(packed[name])
    with pytest.raises(InputError, match=r"packed mask of a\.weight"):
        Mask.unpack(packed)


def test_packing_without_a_part_is_refused() -> None:
    packed = packed_mask()
    del packed["a.weight.shape"]
    with pytest.raises(InputError, match=r"no a\.weight\.shape"):
        Mask.unpack(packed)
    with pytest.raises(InputError, match="at least one layer"):
        Mask.unpack({})
    with pytest.raises(InputError, match=r"mask of a is torch\.float32"):
        Mask({"a": torch.ones(2)})


def test_mask_owns_its_memory_and_compares_by_content() -> None:
    given_tensor = torch.tensor([True, False])
    mask = Mask({"a": given_tensor})
    given_tensor[:] = True
    assert mask.survivors == 1
    assert mask.sparsity == 0.5
    assert mask == Mask({"a": torch.tensor([True, False])})
    assert mask != Mask({"a": torch.tensor([False, True])})
    assert mask != Mask({"b": torch.tensor([True, False])})
    assert repr(mask) == "Mask(1 of 2 weights in 1 layers)"


def test_apply_zeroes_what_is_removed_and_nothing_else() -> None:
    net = build()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    mask = pruning.magnitude(net, fraction=0.5)
    mask.apply(net)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name] * mask[name] if name in mask else before[name])
    with pytest.raises(InputError, match="use a mask of this network"):
        mask.apply(build(width=5))
    with pytest.raises(InputError, match=r"has a layer 'conv1\.weight'"):
        mask.apply(nn.Sequential(nn.Linear(2, 2)))


def test_survivors_are_the_papers() -> None:
    net = models.build("convnet3", size=32, channels=3, classes=10)
    expected = {1: 255_078, 4: 130_600, 8: 53_494, 9: 42_795, 10: 34_236, 20: 3_675, 25: 1_205}
    mask, found = Mask.ones(net), {}
    for level in range(1, 26):
        mask = pruning.magnitude(net, mask)
        found[level] = mask.survivors
        assert mask.survivors == sum(int(layer.sum()) for layer in mask.values())
    assert {level: found[level] for level in expected} == expected
    assert {level: pruning.survivors(318_848, level) for level in found} == found


@pytest.mark.parametrize(("name", "fraction"), [("convnet3", 0.2), ("resnet10", 0.2), ("alexnet", 0.35)])
def test_magnitude_is_pytorchs_global_pruning(name: str, fraction: float) -> None:
    ours = build(name=name, size=16).double()  # float64: no two weights are equal, so ties decide nothing
    theirs = build(name=name, size=16).double()
    modules = [(m, "weight") for m in theirs.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    mask = None
    for _ in range(6):
        mask = pruning.magnitude(ours, mask, fraction)
        prune.global_unstructured(modules, prune.L1Unstructured, amount=fraction)
        named = dict(theirs.named_buffers())
        assert len(mask) == len(modules)
        assert all(torch.equal(mask[weight], named[f"{weight}_mask"].bool()) for weight in mask)


def test_what_may_be_pruned() -> None:
    net = build(name="resnet10", size=16)
    names = list(pruning.prunable(net))
    assert "conv1.weight" in names
    assert "stage2.0.shortcut.conv.weight" in names
    assert names[-1] == "head.weight"
    assert not any("norm" in name or name.endswith("bias") for name in names)
    order = [name for name, _ in net.named_parameters()]
    assert names == sorted(names, key=order.index)


def test_global_and_layerwise_take_the_smallest() -> None:
    net = layer_net([0.1, -0.2, 0.3, -4.0], [5.0, -6.0, 7.0, 8.0])
    assert kept(pruning.magnitude(net, fraction=0.5)) == [[False] * 4, [True] * 4]
    assert kept(pruning.magnitude(net, fraction=0.5, scope="layer")) == [[False, False, True, True]] * 2


def test_ties_go_by_position() -> None:
    net = layer_net([1.0, -1.0, 1.0], [1.0, 0.5, -1.0])
    assert kept(pruning.magnitude(net, fraction=0.5)) == [[False, False, True], [True, False, True]]


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=9), min_size=1, max_size=4),
    fraction=st.floats(0.05, 0.9),
    method=st.sampled_from(["magnitude", "random"]),
)
def test_levels_are_nested_exact_and_smallest(values: list[list[float]], fraction: float, method: str) -> None:
    net, mask = layer_net(*values), None
    left = sum(map(len, values))
    while 0 < round(fraction * left) < left:
        before = Mask.ones(net) if mask is None else mask
        mask = pruning.magnitude(net, mask, fraction) if method == "magnitude" else pruning.random(net, mask, fraction)
        left -= round(fraction * left)
        assert mask.survivors == left
        assert all(not bool((mask[name] & ~before[name]).any()) for name in mask)
        if method == "magnitude":
            weights = pruning.prunable(net)
            gone = torch.cat([weights[name][before[name] & ~mask[name]].abs() for name in mask])
            stays = torch.cat([weights[name][mask[name]].abs() for name in mask])
            assert gone.max() <= stays.min()
    with pytest.raises(InputError, match="cannot remove"):
        pruning.magnitude(net, mask, fraction)


def test_random_masks_are_fresh_per_seed_and_global() -> None:
    net = build(width=16)
    first, again, other = (pruning.random(net, fraction=0.5, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    total = first.total
    shared = sum(int((first[name] & other[name]).sum()) for name in first)
    assert abs(shared / total - 0.25) < 4 * (0.25 * 0.75 / total) ** 0.5  # 4 standard deviations of a coin of 1/4
    densities = [float(layer.double().mean()) for layer in first.values()]
    assert all(
        abs(density - 0.5) < 4 * 0.5 / layer.numel() ** 0.5
        for density, layer in zip(densities, first.values(), strict=True)
    )
    assert len({pruning.random(net, fraction=0.5, seed=seed)["conv1.weight"].sum().item() for seed in range(8)}) > 1


def test_random_chain_is_one_draw() -> None:
    net = layer_net([1.0] * 50, [1.0] * 50)
    chain = pruning.random(net, pruning.random(net, fraction=0.5, seed=3), fraction=0.5, seed=3)
    assert chain == pruning.random(net, fraction=0.75, seed=3)


def test_random_mask_does_not_follow_the_weights_of_its_seed() -> None:
    net = build(width=32, seed=0)
    mask = pruning.random(net, fraction=0.5, seed=0)
    large = pruning.magnitude(net, fraction=0.5)
    shared = sum(int((mask[name] & large[name]).sum()) for name in mask)
    assert abs(shared / mask.total - 0.25) < 4 * (0.25 * 0.75 / mask.total) ** 0.5


def test_shuffling_keeps_the_layers_counts() -> None:
    mask = pruning.magnitude(build(width=16), fraction=0.8)
    first, again, other = (pruning.shuffled(mask, seed) for seed in (0, 0, 1))
    assert first == again
    assert len({str(kept(m)) for m in (mask, first, other)}) == 3
    assert [int(m.sum()) for m in first.values()] == [int(m.sum()) for m in mask.values()]


def test_magnitude_to_given_counts() -> None:
    net = layer_net([0.1, 4.0, -0.3, 0.2], [9.0, 8.0, 7.0])
    like = Mask({"0.weight": torch.tensor([[True, False, False, True]]), "1.weight": torch.zeros(1, 3).bool()})
    assert kept(pruning.magnitude_layers(net, like)) == [[False, True, True, False], [False] * 3]
    big = build(width=16)
    target = pruning.random(big, fraction=0.7)
    found = pruning.magnitude_layers(big, target)
    assert [int(m.sum()) for m in found.values()] == [int(m.sum()) for m in target.values()]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_fraction_must_be_inside(fraction: float) -> None:
    with pytest.raises(InputError, match="fraction must lie between 0 and 1"):
        pruning.magnitude(build(), fraction=fraction)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_must_be_finite(value: float) -> None:
    net = build()
    net.get_parameter("conv2.weight").data[0, 0, 0, 0] = value
    with pytest.raises(InputError, match=r"conv2\.weight holds weights that are not finite"):
        pruning.magnitude(net)


def test_wrong_masks_and_names() -> None:
    net, foreign = build(), pruning.magnitude(build(width=5))
    for use in (pruning.magnitude, pruning.random, pruning.magnitude_layers):
        with pytest.raises(InputError, match="mask belongs to another network"):
            use(net, foreign)
    with pytest.raises(InputError, match="unknown scope"):
        pruning.magnitude(net, scope="row")
    with pytest.raises(InputError, match="ask for at most 2 levels"):
        pruning.survivors(4, 3, 0.25)


def states_equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def masked(state: dict[str, Tensor], mask: Mask) -> dict[str, Tensor]:
    return {name: tensor * mask[name] if name in mask else tensor for name, tensor in state.items()}


def clone(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize("name", ["convnet3", "resnet10"])
def test_iterative_is_the_loop_written_out(name: str) -> None:
    net, init = build(name=name), clone(build(name=name))
    found = list(pruning.iterative(net, split(), RECIPE, levels=3, device="cpu"))
    by_hand, mask = build(name=name), None
    for level, ticket in enumerate(found, 1):
        by_hand.load_state_dict(init)
        log = training.train(by_hand, split(), RECIPE, mask, device="cpu")
        mask = pruning.magnitude(by_hand, mask)
        assert ticket.level == level
        assert ticket.mask == mask
        assert ticket.log.train_loss == log.train_loss
        assert states_equal(ticket.state, masked(init, mask))
    assert states_equal(clone(net), found[-1].state)


def test_what_the_caller_does_with_a_ticket_has_no_effect() -> None:
    plain = [t.mask for t in pruning.iterative(build(), split(), RECIPE, levels=3, device="cpu")]
    net, used = build(), []
    for ticket in pruning.iterative(net, split(), RECIPE, levels=3, device="cpu"):
        used.append(ticket.mask)
        training.train(net, split(), RECIPE, ticket.mask, order_seed=5, device="cpu")
        ticket.state["conv1.weight"].fill_(7.0)
    assert plain == used


def test_rewinding_weights_only_carries_the_rest() -> None:
    init, trained = clone(build(name="resnet10")), build(name="resnet10")
    ticket = next(pruning.iterative(build(name="resnet10"), split(), RECIPE, levels=1, scope="weights", device="cpu"))
    training.train(trained, split(), RECIPE, device="cpu")
    after = clone(trained)
    expected = {name: init[name] if name in ticket.mask else after[name] for name in init}
    assert states_equal(ticket.state, masked(expected, ticket.mask))
    assert not torch.equal(ticket.state["norm1.running_mean"], init["norm1.running_mean"])


def test_rewinding_goes_to_the_true_epoch() -> None:
    early, per_epoch = build(), RECIPE.steps_per_epoch(40)
    training.train(early, split(), RECIPE, device="cpu", stretch=training.Stretch(until=per_epoch))
    start = clone(early)
    first, second = pruning.iterative(build(), split(), RECIPE, levels=2, rewind=1, device="cpu")
    assert states_equal(first.state, masked(start, first.mask))
    assert states_equal(second.state, masked(start, second.mask))
    training.train(early, split(), RECIPE, stretch=training.Stretch(training.State(per_epoch, start, {})), device="cpu")
    assert first.mask == pruning.magnitude(early)
    assert first.log.steps == RECIPE.total_steps(40)


def test_combined_method_starts_from_a_parent() -> None:
    net, init = build(), clone(build())
    parent = pruning.magnitude(net, fraction=0.6)
    (ticket,) = pruning.iterative(net, split(), RECIPE, levels=1, mask=parent, device="cpu")
    assert ticket.mask.survivors == pruning.survivors(parent.survivors, 1)
    assert all(not bool((ticket.mask[name] & ~parent[name]).any()) for name in parent)
    by_hand = build()
    by_hand.load_state_dict(masked(init, parent))
    training.train(by_hand, split(), RECIPE, parent, device="cpu")
    assert ticket.mask == pruning.magnitude(by_hand, parent)


@dataclass(frozen=True)
class Distilled:
    images: int

    def decode(self) -> Split:
        return split(self.images)


def test_source_may_be_a_dataset_or_a_distilled_set() -> None:
    plain = next(pruning.iterative(build(), split(20), RECIPE, levels=1, device="cpu"))
    distilled = next(pruning.iterative(build(), Distilled(20), RECIPE, levels=1, device="cpu"))  # type: ignore[arg-type]
    dataset = Dataset("made", split(20), split(8), ("a", "b", "c", "d"), "")
    whole = next(pruning.iterative(build(), dataset, RECIPE, levels=1, device="cpu"))
    assert plain.mask == distilled.mask == whole.mask


def test_impossible_loops_are_refused_before_any_training() -> None:
    with pytest.raises(InputError, match="ask for at most 11 levels"):
        pruning.iterative(build(width=1), split(), RECIPE, levels=40)
    with pytest.raises(InputError, match="levels must be at least 1"):
        pruning.iterative(build(), split(), RECIPE, levels=0)
    with pytest.raises(InputError, match="cannot rewind to epoch 3: choose one from 0 to 2"):
        pruning.iterative(build(), split(), RECIPE, rewind=3)
    with pytest.raises(InputError, match="cannot rewind to epoch 1: choose one from 0 to 0"):
        pruning.iterative(build(), split(), replace(RECIPE, steps=2), rewind=1)
    with pytest.raises(InputError, match="unknown scope"):
        pruning.iterative(build(), split(), RECIPE, scope="biases")
    with pytest.raises(InputError, match="mask belongs to another network"):
        pruning.iterative(build(), split(), RECIPE, mask=Mask.ones(build(width=5)))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_masks_do_not_depend_on_the_device() -> None:
    on_cpu, on_gpu = build(width=32), build(width=32).cuda()
    mask = pruning.magnitude(on_gpu)
    assert mask == pruning.magnitude(on_cpu)
    mask.apply(on_gpu)
    mask.apply(on_cpu)
    assert states_equal(clone(on_cpu), {name: tensor.cpu() for name, tensor in clone(on_gpu).items()})
