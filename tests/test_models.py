"""Models: the papers' parameter counts and costs, structure against torchvision, seeds, initialisation, wrong input."""

from __future__ import annotations

import math
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from distilled_pruning import models
from distilled_pruning.errors import InputError
from distilled_pruning.models import costs, residual
from torch import Tensor, nn
from torch.nn import functional as F


def build(name: str = "convnet3", **options: Any) -> nn.Module:
    return models.build(name, **{"size": 16, "channels": 3, "classes": 10, "width": 8, **options})


@pytest.mark.parametrize(
    ("name", "size", "classes", "parameters", "prunable", "million_macs"),
    [
        ("convnet3", 32, 10, 320_010, 318_848, 50.7),
        ("convnet3", 32, 100, 504_420, 503_168, 50.9),
        ("resnet10", 32, 10, 1_228_970, 1_226_080, 63.8),
        ("resnet10", 32, 100, 1_252_100, 1_249_120, 63.8),
        ("resnet18", 32, 10, 2_797_610, 2_792_800, 139.3),
        ("resnet18", 32, 100, 2_820_740, 2_815_840, 139.3),
        ("resnet10", 224, 10, 4_910_922, 4_905_152, 888.7),
        ("resnet18", 224, 10, 11_181_642, 11_172_032, 1813.6),
        ("resnet10", 224, 100, 4_957_092, 4_951_232, 888.8),
        ("resnet18", 224, 100, 11_227_812, 11_218_112, 1813.6),
        ("resnetap10", 224, 10, 4_910_922, 4_905_152, 1820.8),
        ("alexnet", 32, 10, 1_872_202, 1_871_232, 245.0),
        ("alexnet", 32, 100, 2_148_772, 2_147_712, 245.3),
    ],
)
def test_sizes_and_costs_are_the_papers(
    name: str, size: int, classes: int, parameters: int, prunable: int, million_macs: float
) -> None:
    net = models.build(name, size=size, channels=3, classes=classes)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters
    assert sum(weight.numel() for weight in models.prunable(net).values()) == prunable
    assert round(models.macs(net, size, 3) / 1e6, 1) == million_macs


@pytest.mark.parametrize("size", [8, 15, 16, 30, 64, 65, 99, 128, 129, 150])
@pytest.mark.parametrize("name", costs.MODELS)
def test_formula_counts_what_a_forward_pass_does(name: str, size: int) -> None:
    net = build(name, size=size, channels=2, classes=7, width=6, norm="batch")
    assert costs.forward_macs(name, 6, size, 2, 7) == models.macs(net, size, 2)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_formula_counts_depth(depth: int) -> None:
    assert costs.forward_macs("convnet3", 8, 16, 3, 10, depth) == models.macs(build(depth=depth), 16, 3)


def test_estimates_need_no_pytorch() -> None:
    code = "import sys, distilled_pruning.models.costs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_counting_leaves_the_network_alone() -> None:
    net = build()
    before = net.state_dict()
    models.macs(net, 16, 3)
    assert net.training
    assert all(
        not module._forward_hooks and not module.weight.is_meta for module in net if isinstance(module, nn.Conv2d)
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_all_models_of_the_catalogue_are_built() -> None:
    assert costs.MODELS == ("convnet3", "resnet10", "resnet18", "resnetap10", "alexnet")
    for name in costs.MODELS:
        assert isinstance(build(name), nn.Module)


def test_convnet_is_a_plain_named_chain() -> None:
    net = build(depth=2)
    assert type(net) is nn.Sequential
    blocks = [f"{layer}{index}" for index in (1, 2) for layer in ("conv", "norm", "relu", "pool")]
    assert [name for name, _ in net.named_children()] == [*blocks, "flatten", "head"]


def test_convnet_computes_the_papers_function() -> None:
    net = build(depth=2, classes=5).double()
    state = {name: tensor + 0.1 for name, tensor in net.state_dict().items()}
    net.load_state_dict(state)
    x = images = torch.randn(3, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for index in (1, 2):
        x = F.conv2d(x, state[f"conv{index}.weight"], state[f"conv{index}.bias"], padding=1)
        x = F.instance_norm(x, weight=state[f"norm{index}.weight"], bias=state[f"norm{index}.bias"])
        x = F.avg_pool2d(x.relu(), 2)
    expected = F.linear(x.flatten(1), state["head.weight"], state["head.bias"])
    torch.testing.assert_close(net(images), expected, rtol=1e-10, atol=1e-10)  # float64, sums in another order


def test_large_resnet_is_torchvisions() -> None:
    from torchvision.models import resnet18

    ours = models.build("resnet18", size=130, channels=3, classes=10, width=64, seed=1).eval()
    theirs = resnet18(num_classes=10).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    images = torch.randn(1, 3, 130, 130, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)  # float32 through 18 layers


def stage_sides(name: str, size: int) -> list[int]:
    net = build(name, size=size, width=4)
    x, sides = torch.randn(1, 3, size, size), []
    net.eval()
    for layer, module in net.named_children():
        x = module(x)
        if layer.startswith("stage"):
            sides.append(x.shape[-1])
    return sides


@pytest.mark.parametrize(
    ("name", "size", "sides"),
    [
        ("resnet10", 32, [32, 16, 8, 4]),
        ("resnet18", 64, [64, 32, 16, 8]),
        ("resnet10", 96, [48, 24, 12, 6]),
        ("resnet10", 224, [56, 28, 14, 7]),
        ("resnetap10", 32, [32, 16, 8, 4]),
        ("resnetap10", 96, [48, 24, 12, 6]),
        ("resnetap10", 224, [56, 28, 14, 7]),
    ],
)
def test_residual_form_follows_the_image_size(name: str, size: int, sides: list[int]) -> None:
    assert stage_sides(name, size) == sides


def test_averaging_pools_between_the_convolutions_and_after_the_shortcut() -> None:
    block = residual.ResNet(1, 4, 16, 3, 10, "none", averaging=True).get_submodule("stage2.0").double()
    x = torch.randn(2, 4, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    p = dict(block.named_parameters())
    out = F.avg_pool2d(F.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=1).relu(), 2)
    out = F.conv2d(out, p["conv2.weight"], p["conv2.bias"], padding=1)
    around = F.avg_pool2d(F.conv2d(x, p["shortcut.conv.weight"], p["shortcut.conv.bias"]), 2)
    torch.testing.assert_close(block(x), (out + around).relu(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", models.NORMS)
@pytest.mark.parametrize("name", costs.MODELS)
def test_every_norm_goes_with_every_model(name: str, norm: str) -> None:
    net = build(name, norm=norm)
    kinds = {type(module) for module in net.modules() if isinstance(module, nn.GroupNorm | nn.BatchNorm2d)}
    assert kinds == {"batch": {nn.BatchNorm2d}, "none": set()}.get(norm, {nn.GroupNorm})
    groups = {(m.num_groups, m.num_channels) for m in net.modules() if isinstance(m, nn.GroupNorm)}
    assert all(count == (channels if norm == "instance" else 4) for count, channels in groups)
    logits = net(torch.randn(2, 3, 16, 16))
    assert logits.shape == (2, 10)
    assert bool(logits.isfinite().all())


@pytest.mark.parametrize(
    ("name", "norm"), [("convnet3", "instance"), ("resnet10", "batch"), ("resnetap10", "instance"), ("alexnet", "none")]
)
def test_usual_norm_is_the_papers(name: str, norm: str) -> None:
    assert build(name).state_dict().keys() == build(name, norm=norm).state_dict().keys()
    assert str(build(name)) == str(build(name, norm=norm))


@pytest.mark.parametrize("name", costs.MODELS)
def test_width_scales_all_layers(name: str) -> None:
    narrow, wide = (models.prunable(build(name, width=width)) for width in (4, 8))
    assert all(wide[key].shape[0] == 2 * narrow[key].shape[0] for key in narrow if key != "head.weight")


def same(a: nn.Module, b: nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("name", costs.MODELS)
def test_seed_alone_decides_the_weights(name: str) -> None:
    before = torch.random.get_rng_state()
    first = build(name, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(7)
    with torch.device("meta"):  # stands for any default device
        second = build(name, seed=3)
    assert same(first, second)
    assert all(p.device.type == "cpu" for p in second.parameters())
    other = models.prunable(build(name, seed=4))
    assert all(not torch.equal(weight, other[key]) for key, weight in models.prunable(first).items())


def test_default_initialisation_is_pytorchs_own() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        conv, head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8 * 64, 10)
    state = build(depth=1, seed=5).state_dict()
    for name, layer in (("conv1", conv), ("head", head)):
        assert torch.equal(state[f"{name}.weight"], layer.weight)
        assert torch.equal(state[f"{name}.bias"], layer.bias)


def spread(weight: Tensor) -> float:
    return float(weight.detach().double().square().mean().sqrt())


@pytest.mark.parametrize(
    ("name", "init", "layer", "expected"),
    [
        ("convnet3", "default", "conv2.weight", 1 / math.sqrt(3 * 9 * 64)),
        ("convnet3", "kaiming", "conv2.weight", math.sqrt(2 / (9 * 64))),
        ("convnet3", "xavier", "conv2.weight", math.sqrt(2 / (2 * 9 * 64))),
        ("resnet10", "default", "stage2.0.conv1.weight", math.sqrt(2 / (9 * 128))),
        ("resnet10", "default", "stage2.0.shortcut.conv.weight", math.sqrt(2 / 128)),
        ("resnet10", "default", "head.weight", 1 / math.sqrt(3 * 512)),
        ("resnet10", "kaiming", "stage2.0.conv1.weight", math.sqrt(2 / (9 * 64))),
        ("alexnet", "default", "conv3.weight", 1 / math.sqrt(3 * 9 * 96)),
        ("alexnet", "xavier", "head.weight", math.sqrt(2 / (96 * 4 + 10))),
    ],
)
def test_weights_have_the_stated_spread(name: str, init: str, layer: str, expected: float) -> None:
    weight = build(name, width=64, init=init).get_parameter(layer)
    # the spread of n normal draws is known to 1 / sqrt(2n); 4.5 of these, and n is at least 3,840
    assert spread(weight) == pytest.approx(expected, rel=4.5 / math.sqrt(2 * weight.numel()))


@pytest.mark.parametrize("init", ["kaiming", "xavier"])
def test_other_initialisations_have_no_biases(init: str) -> None:
    net = build(init=init)
    assert all(not bool(p.any()) for name, p in net.named_parameters() if name.endswith("bias"))


def test_norm_layers_start_empty() -> None:
    state = build("resnet10").state_dict()
    starts = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0}
    for name, tensor in state.items():
        layer, _, leaf = name.rpartition(".")
        if "norm" in layer.rpartition(".")[2]:
            assert bool((tensor == starts[leaf]).all())


def test_dataset_gives_the_shape_and_arguments_override_it() -> None:
    ds = SimpleNamespace(size=8, channels=1, classes=("a", "b", "c"))
    assert models.build("convnet3", ds, width=4)(torch.zeros(1, 1, 8, 8)).shape == (1, 3)
    assert models.build("convnet3", ds, width=4, size=16, classes=5)(torch.zeros(1, 1, 16, 16)).shape == (1, 5)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("convnet4", {}, "unknown model 'convnet4'.*'convnet3'"),
        ("convnet3", {"norm": "layer"}, "unknown norm"),
        ("convnet3", {"init": "zero"}, "unknown init"),
        ("convnet3", {"size": 7}, "do not survive 3 poolings: use at least 8 px"),
        ("convnet3", {"depth": 5}, "do not survive 5 poolings: use at least 32 px"),
        ("convnet3", {"depth": 0}, "depth of the network must be at least 1"),
        ("convnet3", {"width": 0}, "width of the network must be at least 1"),
        ("convnet3", {"classes": 0}, "classes of the network must be at least 1"),
        ("convnet3", {"size": None}, "size of the network is not known"),
        ("resnet10", {"depth": 3}, "depth is an option of convnet3"),
        ("resnet10", {"norm": "instance", "size": 8}, "maps of one pixel at 8 px: use at least 9 px"),
        ("resnetap10", {"size": 15}, "maps of one pixel at 15 px: use at least 16 px"),
        ("resnetap10", {"size": 7, "norm": "batch"}, "too small for resnetap10: use at least 8 px"),
        ("alexnet", {"size": 7}, "too small for alexnet: use at least 8 px"),
    ],
)
def test_wrong_input_is_said_in_a_sentence(name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build(name, **options)


def test_smallest_instance_norm_sizes_work() -> None:
    for name, size in (("resnet10", 9), ("resnetap10", 16), ("convnet3", 8)):
        logits = build(name, norm="instance", size=size)(torch.randn(1, 3, size, size))
        assert bool(logits.isfinite().all())


def test_unknown_layers_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"no initialisation is known for a layer of type PReLU: .* set inits to default"
    ):
        models.initialise(nn.Sequential(nn.Linear(2, 2), nn.PReLU()), seed=0)
    with pytest.raises(InputError, match="no Conv2d or Linear"):
        models.prunable(nn.Sequential(nn.ReLU()))
    with pytest.raises(InputError, match="unknown model"):
        costs.forward_macs("vgg", None, 32, 3, 10)
