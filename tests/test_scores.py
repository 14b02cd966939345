"""Scores: SNIP and SynFlow against their definitions, equal sparsity, EL2N in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from distilled_pruning import models, pruning
from distilled_pruning.errors import InputError
from distilled_pruning.pruning import Mask, scores
from torch import Tensor, nn
from torch.nn import functional as F


def build(name: str = "convnet3", **options: Any) -> nn.Module:
    return models.build(name, **{"width": 4, "size": 16, "channels": 2, "classes": 3, **options})


def batch() -> tuple[Tensor, Tensor]:
    return torch.randn(12, 2, 16, 16, generator=torch.Generator().manual_seed(1)), torch.arange(12) % 3


def clone(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize("name", ["convnet3", "resnet10", "alexnet"])
def test_sensitivity_is_the_derivative_by_a_gate(name: str) -> None:
    net, (images, labels) = build(name).double(), batch()
    found = scores.sensitivity(net, images.double(), labels)
    gates = {key: torch.ones_like(w, requires_grad=True) for key, w in pruning.prunable(net).items()}
    gated = {key: w.detach() * gates[key] for key, w in pruning.prunable(net).items()}
    F.cross_entropy(torch.func.functional_call(net, gated, images.double()), labels).backward()
    assert found.keys() == gates.keys()
    for key, gate in gates.items():
        assert gate.grad is not None
        torch.testing.assert_close(found[key], gate.grad.abs(), rtol=1e-9, atol=1e-15)  # float64, another order


def test_snip_keeps_the_most_sensitive() -> None:
    net, (images, labels) = build(), batch()
    mask = pruning.snip(net, images, labels, count=50)
    found = scores.sensitivity(net, images, labels)
    assert mask.survivors == 50
    assert min(found[n][mask[n]].min() for n in mask if mask[n].any()) >= max(
        found[n][~mask[n]].max() for n in mask if not mask[n].all()
    )


@pytest.mark.parametrize("name", ["convnet3", "resnet10"])
def test_scoring_leaves_the_network_alone(name: str) -> None:
    net, (images, labels) = build(name), batch()
    before, state = clone(net), torch.random.get_rng_state()
    pruning.snip(net, images, labels, sparsity=0.5)
    pruning.synflow(net, (2, 16, 16), sparsity=0.5, rounds=3)
    assert net.training
    assert all(torch.equal(tensor, before[key]) for key, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_flow_of_a_linear_chain_is_the_sum_over_paths() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False))
    first, second = torch.randn(3, 2).double(), torch.randn(2, 3).double()
    net[1].weight.data, net[3].weight.data = first.clone(), second.clone()
    flow = scores.Flow(net, (1, 1, 2))(Mask.ones(net))
    # a weight's score is the sum of the absolute products of all paths from input to output that use it
    torch.testing.assert_close(flow["1.weight"], first.abs() * second.abs().sum(0)[:, None])
    torch.testing.assert_close(flow["3.weight"], second.abs() * first.abs().sum(1)[None])


def test_flow_is_conserved_between_layers() -> None:
    net = build(size=16)
    flow = scores.Flow(net, (2, 16, 16))(Mask.ones(net))
    sums = [float(values.sum()) for values in flow.values()]
    assert sums == pytest.approx([sums[0]] * len(sums), rel=1e-9)  # Tanaka et al. 2020, theorem 2; float64


def test_flow_survives_depth_in_float64() -> None:
    net = models.build("resnet18", size=32, channels=3, classes=10, width=16)
    flow = scores.Flow(net, (3, 32, 32))(Mask.ones(net))
    assert all(bool(values.isfinite().all()) and bool((values > 0).all()) for values in flow.values())


def test_synflow_avoids_layer_collapse_where_magnitude_does_not() -> None:
    net = build(width=16)
    net.get_parameter("conv2.weight").data.mul_(0.01)
    count, by_size = 200, None
    while by_size is None or by_size.survivors > count:
        by_size = pruning.magnitude(net, by_size)
    assert not by_size["conv2.weight"].any()
    assert all(bool(kept.any()) for kept in pruning.synflow(net, (2, 16, 16), count=by_size.survivors).values())


def test_synflow_in_one_round_is_one_ranking() -> None:
    net = build()
    mask = pruning.synflow(net, (2, 16, 16), sparsity=0.9, rounds=1)
    flow = scores.Flow(net, (2, 16, 16))(Mask.ones(net))
    assert min(flow[n][mask[n]].min() for n in mask if mask[n].any()) >= max(flow[n][~mask[n]].max() for n in mask)
    assert mask != pruning.synflow(net, (2, 16, 16), sparsity=0.9)


def test_all_masks_of_a_level_have_equal_survivors() -> None:
    net, (images, labels) = build(width=8), batch()
    total = Mask.ones(net).total
    for level in (1, 5, 9):
        count = pruning.survivors(total, level)
        assert pruning.snip(net, images, labels, count=count).survivors == count
        assert pruning.synflow(net, (2, 16, 16), count=count).survivors == count
        sparsity = 1 - count / total
        assert pruning.synflow(net, (2, 16, 16), sparsity=sparsity, rounds=2).survivors == count


def test_masks_of_matched_layers_keep_as_many_in_each_layer_and_there_the_highest_scores() -> None:
    net, (images, labels) = build(width=8), batch()
    like = pruning.magnitude(net, None, 0.7)
    counts = {name: int(kept.sum()) for name, kept in like.items()}
    sensitive = pruning.snip(net, images, labels, like=like)
    found = scores.sensitivity(net, images, labels)
    for name, kept in sensitive.items():
        assert set(found[name].flatten().topk(counts[name]).indices.tolist()) == set(
            kept.flatten().nonzero()[:, 0].tolist()
        )
    for mask in (
        sensitive,
        pruning.synflow(net, (2, 16, 16), like=like),
        pruning.synflow(net, (2, 16, 16), like=like, rounds=1),
    ):
        assert {name: int(kept.sum()) for name, kept in mask.items()} == counts
    with pytest.raises(InputError, match="by one of count, sparsity"):
        pruning.snip(net, images, labels, count=3, like=like)
    with pytest.raises(InputError, match="belongs to another network"):
        pruning.synflow(net, (2, 16, 16), like=Mask({"conv1.weight": like["conv1.weight"]}))


def test_impossible_targets_are_refused() -> None:
    net, (images, labels) = build(), batch()
    for wrong in ({}, {"count": 3, "sparsity": 0.5}):
        with pytest.raises(InputError, match="by one of count, sparsity"):
            pruning.snip(net, images, labels, **wrong)
    for wrong in ({"count": 0}, {"count": 10**6}, {"sparsity": 1.0}, {"sparsity": -0.1}):
        with pytest.raises(InputError, match="weights can survive"):
            pruning.synflow(net, (2, 16, 16), **wrong)
    with pytest.raises(InputError, match="rounds must be at least 1"):
        pruning.synflow(net, (2, 16, 16), count=5, rounds=0)
    net.get_parameter("conv1.weight").data.fill_(float("nan"))
    with pytest.raises(InputError, match="are not finite"):
        pruning.snip(net, images, labels, count=5)
    with pytest.raises(InputError, match="are not finite"):
        pruning.synflow(net, (2, 16, 16), count=5)


def test_el2n_in_closed_form() -> None:
    sure = torch.tensor([[50.0, 0.0], [50.0, 0.0], [0.0, 0.0]])
    labels = torch.tensor([0, 1, 0])
    torch.testing.assert_close(pruning.el2n(sure, labels), torch.tensor([0.0, math.sqrt(2), math.sqrt(0.5)]))
    both = torch.stack([sure, sure.flip(1)])
    middle = math.sqrt(2) / 2
    torch.testing.assert_close(pruning.el2n(both, labels), torch.tensor([middle, middle, math.sqrt(0.5)]))


def test_easiest_are_the_lowest_of_each_class() -> None:
    ranking = torch.tensor([0.3, 0.1, 0.2, 0.1, 0.1])
    labels = torch.tensor([1, 0, 1, 0, 0])
    assert pruning.easiest(ranking, labels, 2).tolist() == [1, 3, 2, 0]
    with pytest.raises(InputError, match="class 1 has 2 images"):
        pruning.easiest(ranking, labels, 3)


def test_el2n_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="do not fit 2 labels"):
        pruning.el2n(torch.zeros(3, 4), torch.tensor([0, 1]))
    with pytest.raises(InputError, match="logits are not finite"):
        pruning.el2n(torch.full((1, 2), float("nan")), torch.tensor([0]))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: pruning.snip(build(), batch()[0][:0], batch()[1][:0], sparsity=0.5), "a batch of no images"),
        (
            lambda: pruning.snip(build(), *batch(), sparsity=math.nan),
            "sparsity must be at least 0 and below 1, .* not nan",
        ),
        (lambda: pruning.synflow(build(), (3, 16, 16), sparsity=0.5), "does not take images of 3x16x16"),
        (lambda: pruning.easiest(torch.rand(5), torch.arange(6) % 2, 1), "for each of the 6 labels"),
        (lambda: pruning.easiest(torch.full((6,), math.nan), torch.arange(6) % 2, 1), "one score, no NaN"),
        (lambda: Mask({"a": torch.ones(3).bool().numpy()}), "the mask of a is of type ndarray: give bool tensors"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()
