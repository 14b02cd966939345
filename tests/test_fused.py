"""Fused ConvNet blocks against the plain formulation in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from distilled_pruning import data, models, pruning, training
from distilled_pruning.training import fused, step
from distilled_pruning.training.recipe import Recipe
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune


def network(width: int = 16, size: int = 16, channels: int = 3, **options: object) -> nn.Module:
    return models.build("convnet3", width=width, size=size, channels=channels, classes=10, **options)


def forward(net: nn.Module) -> step.Callable[[Tensor], Tensor]:
    found = fused.forward_of(net)
    assert found is not None
    return found


def loss_and_gradients(net: nn.Module, run: step.Callable[[Tensor], Tensor], images: Tensor) -> list[Tensor]:
    """Give the loss, and its gradients with respect to the images and every parameter."""
    images = images.clone().requires_grad_()
    loss = F.cross_entropy(run(images), torch.arange(len(images)) % 10)
    return [loss.detach(), *torch.autograd.grad(loss, [images, *net.parameters()])]


@pytest.mark.parametrize(
    ("width", "size", "channels", "batch"),
    [(16, 16, 3, 8), (32, 28, 1, 5), (48, 20, 3, 1)],
    ids=["even", "an odd last block", "one image"],
)
def test_loss_and_all_gradients_are_the_plain_networks(width: int, size: int, channels: int, batch: int) -> None:
    """Tolerance: float32 sums over an image's pixels are good to about 1e-6 of the largest; a wrong term is not."""
    generator = torch.Generator().manual_seed(0)
    net = network(width, size, channels)
    for name, parameter in net.named_parameters():
        if "norm" in name:  # of both signs, far from where they start
            parameter.data = torch.randn(parameter.shape, generator=generator)
    images = torch.randn(batch, channels, size, size, generator=generator) + 3
    exact = copy.deepcopy(net).double()
    expected = loss_and_gradients(exact, exact, images.double())
    found = loss_and_gradients(net, forward(net), images)
    names = ["loss", "images", *(name for name, _ in net.named_parameters())]
    for name, ours, theirs in zip(names, found, expected, strict=True):
        largest = 1.0 if name.startswith("conv") and name.endswith("bias") else float(theirs.abs().max())
        assert float((ours - theirs).abs().max()) <= 2e-5 * largest, name


def test_a_blank_image_has_pytorchs_gradients() -> None:
    """All values lie on ReLU's kink, where PyTorch passes nothing on; biases would leave it rounding of either sign."""
    net = network()
    for conv in (net.conv1, net.conv2, net.conv3):
        nn.init.zeros_(conv.bias)
    images = torch.zeros(2, 3, 16, 16)
    for ours, theirs in zip(
        loss_and_gradients(net, forward(net), images), loss_and_gradients(net, net, images), strict=True
    ):
        assert torch.allclose(ours, theirs, atol=1e-7)


def test_what_is_not_a_number_stays_so() -> None:
    net = network()
    images = torch.zeros(2, 3, 16, 16)
    images[0, 0, 0, 0] = torch.nan
    logits = forward(net)(images)
    assert logits[0].isnan().all() and logits[1].isfinite().all()


def test_threads_do_not_change_the_numbers() -> None:
    images = torch.randn(6, 32, 8, 8)
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            inputs = [value.clone().requires_grad_() for value in (images, torch.ones(32), torch.zeros(32))]
            pooled = fused._NormReluPool.apply(inputs[0], None, inputs[1], inputs[2], 1e-5)
            found.append([pooled, *torch.autograd.grad(pooled.square().sum(), inputs)])
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, *found))


def test_a_second_pass_backwards_is_refused() -> None:
    net = network()
    loss = forward(net)(torch.randn(2, 3, 16, 16)).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_only_networks_whose_every_setting_is_known_are_fused() -> None:
    others = [network(8), network(24), network(norm="batch"), network(norm="group"), network(norm="none")]
    others += [network().double(), models.build("resnet10", width=16, size=16, channels=3, classes=10)]
    hooked = network()
    prune.random_unstructured(hooked.conv2, "weight", 0.5)
    for net in [*others, hooked]:
        assert fused.forward_of(net) is None
    for index, change in enumerate(
        (nn.AvgPool2d(2, 1), nn.AvgPool2d(2, ceil_mode=True), nn.MaxPool2d(2), nn.Identity())
    ):
        part = nn.Sequential(nn.Conv2d(3, 16, 3), nn.GroupNorm(16, 16), nn.ReLU(), change)
        assert fused.forward_of(part) is None, index


def test_without_a_compiler_that_works_nothing_is_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    assert fused.library.__wrapped__() is None
    monkeypatch.setenv("CC", "no-such-compiler")
    assert fused.library.__wrapped__() is None
    monkeypatch.delenv("CC")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert fused.library.__wrapped__() is None


def trained(compile: bool, **stretch: object) -> tuple[nn.Module, training.State]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (40, 3, 16, 16), generator=generator, dtype=torch.uint8)
    split = data.Split(images, torch.arange(40) % 10, (0.5,) * 3, (0.25,) * 3, 10)
    net, closing = network(), []
    recipe = Recipe(steps=12, batch_size=16, augmentation="crop+flip", compile=compile)
    mask = pruning.magnitude(net, fraction=0.5)
    training.train(net, split, recipe, mask, device="cpu", stretch=training.Stretch(finish=closing.append, **stretch))
    return net, closing[0]


def test_a_compiled_training_on_a_cpu_is_fused_and_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve steps, of which every third has the epoch's odd batch; float32 rounding grows to about 1e-6 in them."""
    monkeypatch.setattr(step, "_compile_loss", lambda: pytest.fail("torch.compile was used"))
    ours, theirs = trained(True)[0], trained(False)[0]
    for (name, value), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(value, other, atol=2e-5), name
        assert torch.equal(value == 0, other == 0), name


def test_a_compiled_training_continues_to_the_same_bits() -> None:
    whole = trained(True)[1]
    rest = trained(True, state=trained(True, until=5)[1])[1]
    assert all(torch.equal(whole.network[name], rest.network[name]) for name in whole.network)
