"""What a network must be to be trained on some images, tied weights, and batches of unequal size."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from distilled_pruning import connectivity, landscape, models, pruning, robustness, training
from distilled_pruning.connectivity import Curve, planes
from distilled_pruning.data import Split
from distilled_pruning.distillation import decode, mix
from distilled_pruning.errors import InputError
from distilled_pruning.models import weights
from distilled_pruning.models.suit import suit
from distilled_pruning.training.recipe import Recipe
from torch import Tensor, nn


def split(n: int, size: int = 8, channels: int = 1, classes: int = 3) -> Split:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (n, channels, size, size), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(n) % classes, (0.5,) * channels, (0.25,) * channels, classes)


def resnet(size: int = 8, classes: int = 3, norm: str | None = None) -> nn.Module:
    return models.build("resnet10", width=4, size=size, channels=1, classes=classes, norm=norm)


class Tied(nn.Module):
    """Two layers that are one weight, under two names."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.first, self.second, self.head = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 3)
        self.second.weight = self.first.weight
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 8)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(self.flatten(images)).relu()
        return self.head(self.second(hidden).relu())


@pytest.mark.parametrize("strides", [(64, 1, 8, 1), (1, 4096, 64, 512)])
def test_images_of_a_split_have_the_strides_of_a_fresh_tensor(strides: tuple[int, ...]) -> None:
    """(64, 1, 8, 1) is what ``[:, None]`` leaves behind, and what ended in a corrupted heap."""
    values = torch.randn(8 * 8 * 64)
    images = values.as_strided((64, 1, 8, 8), strides)
    found = Split(images, torch.zeros(64, dtype=torch.int64), (0.0,), (1.0,), 3)
    assert found.images.stride() == (64, 64, 8, 1) and torch.equal(found.images, images)
    assert found.take(torch.arange(5)).images.stride() == found.subset(5).images.stride() == (64, 64, 8, 1)


@pytest.mark.parametrize(("images", "batch_size"), [(65, 64), (9, 8), (8, 1), (1, 64)])
def test_an_image_left_over_is_said_before_the_first_step(images: int, batch_size: int) -> None:
    net = resnet()
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(InputError, match="a batch of one image"):
        training.train(net, split(images), Recipe(epochs=1, batch_size=batch_size, augmentation=""), device="cpu")
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(
    ("net", "size", "recipe"),
    [
        (resnet(), 8, Recipe(steps=1, batch_size=8, augmentation="")),  # over before the ninth image's turn
        (resnet(16), 16, Recipe(epochs=1, batch_size=8, augmentation="")),  # maps of four pixels
        (models.build("convnet3", width=4, size=8, channels=1, classes=3), 8, Recipe(epochs=1, batch_size=8)),
    ],
)
def test_an_image_left_over_is_trained_on_where_it_can_be(net: nn.Module, size: int, recipe: Recipe) -> None:
    assert math.isfinite(training.train(net, split(9, size), recipe, device="cpu").train_loss)


def test_reestimated_statistics_are_weighted_by_images() -> None:
    """The mean of all 501 outputs, in float64; equal weight a batch was off by the last image's share of one half."""
    data, net = split(501), models.build("convnet3", width=4, size=8, channels=1, classes=3, norm="batch").double()
    connectivity.reestimate(net, data)
    outputs = net.conv1(data.normalised().double())  # type: ignore[operator]
    assert torch.allclose(net.norm1.running_mean, outputs.mean((0, 2, 3)), atol=1e-12)  # type: ignore[union-attr,arg-type]
    data = split(30)
    connectivity.reestimate(net, data, batch_size=24)
    parts = [net.conv1(data.normalised(part).double()) for part in (slice(24), slice(24, 30))]  # type: ignore[operator]
    wanted = sum(n / 30 * part.var((0, 2, 3)) for n, part in zip((24, 6), parts, strict=True))
    assert torch.allclose(net.norm1.running_var, wanted, atol=1e-12)  # type: ignore[union-attr,arg-type]


def test_an_image_left_over_joins_the_batch_before_it_in_reestimation() -> None:
    net = resnet()
    connectivity.reestimate(net, split(9), batch_size=8)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in net.state_dict().values())
    with pytest.raises(InputError, match="a batch of one image"):
        connectivity.reestimate(net, split(1))


def test_a_line_is_measured_with_as_many_images_as_leave_one_over() -> None:
    ends = [resnet().state_dict() for _ in range(2)]
    curve = connectivity.interpolate(resnet(), *ends, split(501), 2, statistics="re-estimated")
    assert all(math.isfinite(loss) for loss in curve.loss)


def test_snip_says_that_one_image_is_too_few() -> None:
    data = split(1)
    with pytest.raises(InputError, match="give it a batch that fits"):
        pruning.snip(resnet(), data.normalised(), data.labels, sparsity=0.5)


@pytest.mark.parametrize("classes", [2, 4])
def test_another_number_of_outputs_is_one_sentence_everywhere(classes: int) -> None:
    net, data, recipe = resnet(16, classes), split(12, 16), Recipe(steps=1, augmentation="")
    calls = {
        "train": lambda: training.train(net, data, recipe, device="cpu"),
        "iterative": lambda: list(pruning.iterative(net, data, recipe, 1, device="cpu")),
        "evaluate": lambda: training.evaluate(net, data),
        "logits": lambda: training.logits(net, data, "cpu"),
        "interpolate": lambda: connectivity.interpolate(net, net.state_dict(), net.state_dict(), data),
        "reestimate": lambda: connectivity.reestimate(net, data),
    }
    for name, call in calls.items():
        with pytest.raises(InputError, match="one output for each class"):
            call()
            pytest.fail(name)


@pytest.mark.parametrize("data", [split(4, 16, channels=3), split(4, 32)])
def test_images_that_a_network_does_not_take_are_one_sentence(data: Split) -> None:
    net = models.build("convnet3", width=4, size=16, channels=1, classes=3)
    with pytest.raises(InputError, match="build it for these images"):
        suit(net, data)


def test_a_line_between_masked_networks_of_tied_weights() -> None:
    data, nets = split(24), [Tied(0), Tied(1)]
    mask = pruning.magnitude(nets[0], fraction=0.8)
    curve = connectivity.interpolate(nets[0], nets[0].state_dict(), nets[1].state_dict(), data, 3, mask)
    for net, loss in zip(nets, (curve.loss[0], curve.loss[-1]), strict=True):
        mask.apply(net)
        assert training.evaluate(net, data)[0] == loss


def test_one_weight_under_two_names_has_one_value() -> None:
    net = Tied(0)
    other = {**net.state_dict(), "second.weight": net.second.weight.detach() + 1}
    with pytest.raises(InputError, match="one weight of the network"):
        connectivity.interpolate(net, net.state_dict(), other, split(6), 2)


def test_a_plane_of_masked_networks_of_tied_weights() -> None:
    data, nets = split(24), [Tied(seed) for seed in range(3)]
    mask = pruning.magnitude(nets[0], fraction=0.8)
    plane = landscape.plane(*(net.state_dict() for net in nets))
    grid = landscape.evaluate(nets[0], plane, data, 2, mask, start=None, margin=0.0)
    masked = planes.mask_plane(plane, weights.everywhere(nets[0], mask))
    x, y = grid.points[0]
    with torch.no_grad():
        state = {name: masked.networks[0][name] + x * masked.axes[0][name] + y * masked.axes[1][name] for name in
                 masked.axes[0]}  # fmt: skip
    net = Tied(0)
    net.load_state_dict(state)
    assert bool((net.first.weight[~mask["first.weight"]] == 0).all())
    assert math.isclose(training.evaluate(net, data)[0], float(grid.loss[0]), rel_tol=1e-5)


@pytest.mark.parametrize("scope", ["all", "weights"])
def test_tied_weights_are_rewound(scope: str) -> None:
    net, start = Tied(0), Tied(0)
    recipe = Recipe(steps=3, learning_rate=0.1, augmentation="")
    for ticket in pruning.iterative(net, split(24), recipe, 2, 0.5, scope=scope, device="cpu"):
        wanted = start.first.weight * ticket.mask["first.weight"]
        for name in ("first.weight", "second.weight"):
            assert torch.equal(ticket.state[name], wanted)


ALL, NONE = split(9), split(9).take(torch.arange(0))
STRAY, IGNORED = (replace(ALL, labels=ALL.labels + shift) for shift in (1, -100))
PLAIN = Recipe(epochs=1, augmentation="")


def convnet(seed: int = 0) -> nn.Module:
    return models.build("convnet3", width=4, size=8, channels=1, classes=3, seed=seed)


def plane() -> landscape.Plane:
    return landscape.plane(*(convnet(seed).state_dict() for seed in (1, 2, 3)))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: training.evaluate(convnet(), NONE), "the data have no images"),
        (lambda: training.evaluate(convnet(), STRAY), "labels must be 0 to 2 for 3 classes, not 1 to 3"),
        (lambda: training.evaluate(convnet(), IGNORED), "labels must be 0 to 2 for 3 classes, not -100 to -98"),
        (lambda: training.evaluate(convnet(), ALL, batch_size=-1), "batch_size must be at least 1, not -1"),
        (lambda: training.train(convnet(), STRAY, PLAIN, device="cpu"), "labels must be 0 to 2"),
        (lambda: landscape.evaluate(convnet(), plane(), NONE, resolution=2), "the data have no images"),
        (lambda: landscape.evaluate(convnet(), plane(), split(9, 16), resolution=2), "does not take images of 1x16x16"),
        (lambda: landscape.evaluate(convnet(), plane(), ALL, 2, margin=math.nan), "margin must be a finite number"),
        (lambda: landscape.evaluate(convnet(), plane(), ALL, 2, margin=-5), "margin must be a finite number"),
        (lambda: robustness.fgsm(convnet(), NONE, 8, "cpu"), "the data have no images"),
        (lambda: robustness.fgsm(convnet(), split(9, 16), 8, "cpu"), "does not take images of 1x16x16"),
        (
            lambda: robustness.corrupt(replace(ALL, images=torch.ones(9, 1, 8, 8)), "contrast", 1),
            "one value everywhere",
        ),
        (lambda: connectivity.reestimate(resnet(), ALL, 0), "batch_size must be at least 1, not 0"),
        (lambda: connectivity.barrier(Curve((0.0,), (1.0,), (1.0,))), "alphas must ascend from 0 to 1"),
        (lambda: connectivity.barrier(Curve((0.0, 1.0), (1.0,), (1.0, 1.0))), "one loss and one accuracy at each"),
        (lambda: next(connectivity.instability(convnet(), ALL, PLAIN, [-1])), "between 0 and the run's end, not -1"),
        (lambda: next(connectivity.instability(convnet(), ALL, PLAIN, [2])), "between 0 and the run's end, not 2"),
        (lambda: Recipe(weight_decay=-1), "weight_decay must be at least 0, not -1"),
        (lambda: Recipe(momentum=math.nan), "momentum must be at least 0, not nan"),
        (lambda: Recipe(steps=2.5), "steps must be a whole number, not"),  # type: ignore[arg-type]
        (
            lambda: decode(torch.rand(5, 1, 8, 8), 2, 2),
            "5 images cannot be as many of each class",
        ),
        (lambda: decode(torch.rand(4, 1, 8, 8), 0, 2), "factor and classes must be at least 1, not 0 and 2"),
        (lambda: mix(torch.rand(12, 1, 8, 8), 2, 2), "of each class: give a multiple of 8"),
    ],
)
def test_what_has_no_meaning_is_refused_in_one_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()


def test_test_data_that_do_not_suit_are_refused_before_the_first_step() -> None:
    net = convnet()
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(InputError, match="the data have no images"):
        training.train(net, ALL, PLAIN, test=NONE, device="cpu")
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
