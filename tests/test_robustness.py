"""Shifted images: attacks against linear models whose optimum is known, corruptions against references image by image.

Attacks are exact in float64; corruptions are float32, so that 1e-6 of the pixels' range is rounding.
"""

from __future__ import annotations

import colorsys
from dataclasses import replace

import numpy as np
import pytest
import torch
from distilled_pruning import models, robustness, training
from distilled_pruning.data.split import Split
from distilled_pruning.data.whitening import Whitening
from distilled_pruning.errors import InputError
from distilled_pruning.robustness import CORRUPTIONS, SEVERITIES, corrupt, fgsm, pgd
from hypothesis import given, settings, strategies as st
from PIL import Image
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 16.0


def split_of(images: Tensor, classes: int = 3, mean: float = 0.4, std: float = 0.2) -> Split:
    channels = images.shape[1]
    return Split(images, torch.arange(len(images)) % classes, (mean,) * channels, (std,) * channels, classes)


def eight_bit(n: int = 6, channels: int = 3, size: int = 8, seed: int = 0) -> Split:
    generator = torch.Generator().manual_seed(seed)
    return split_of(torch.randint(0, 256, (n, channels, size, size), generator=generator).to(torch.uint8))


def linear(features: int, classes: int = 3) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(nn.Flatten(), nn.Linear(features, classes)).double()


def convnet(split: Split, norm: str = "instance") -> nn.Module:
    channels, size = split.images.shape[1:3]
    return models.build("convnet3", width=4, size=size, channels=channels, classes=3, norm=norm, seed=1).double()


def loss(net: nn.Module, split: Split) -> Tensor:
    """Each image's cross-entropy in float64."""
    mean, std = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in (split.mean, split.std))
    images = split.images.double() / (255 if split.images.dtype == torch.uint8 else 1)
    with torch.no_grad():
        return F.cross_entropy(net.eval()((images - mean) / std), split.labels, reduction="none")


def test_one_step_on_a_linear_network_is_the_sign_of_its_known_gradient() -> None:
    split = eight_bit()
    net = linear(3 * 64)
    found = fgsm(net, split, EPSILON, device="cpu")
    weight, bias = net[1].weight.detach(), net[1].bias.detach()
    for image, label, shifted in zip(split.images.double() / 255, split.labels, found.images, strict=True):
        logits = weight @ ((image - 0.4) / 0.2).flatten() + bias
        known = weight.T @ (torch.softmax(logits, 0) - F.one_hot(label, 3)) / 0.2
        expected = (image + EPSILON / 255 * known.sign().view_as(image)).clamp(0, 1)
        assert torch.allclose(shifted, expected, atol=1e-15, rtol=0)


def test_the_gradient_by_pixels_goes_through_the_normalisation() -> None:
    split = eight_bit(n=1, size=8)
    net = convnet(split).eval()
    images = split.images.double() / 255
    found = robustness._gradient(net, split, images, split.labels)
    step = 1e-6
    for index in ((0, 0, 0, 0), (0, 1, 3, 4), (0, 2, 7, 5)):
        ends = []
        for sign in (1, -1):
            moved = images.clone()
            moved[index] += sign * step
            ends.append(float(loss(net, replace(split, images=moved))[0]))
        # central differences: error of order step², and rounding of 1e-16 over the step
        assert float(found[index]) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-8)


def test_ascent_from_anywhere_reaches_the_corner_that_is_best_for_two_classes() -> None:
    """A linear network with two classes has one worst point in the box, whatever the start."""
    split = replace(eight_bit(), labels=torch.tensor([0, 1] * 3), classes=2)
    net = linear(3 * 64, classes=2)
    once = fgsm(net, split, EPSILON, device="cpu").images
    for seed in range(3):
        assert torch.allclose(pgd(net, split, EPSILON, steps=4, seed=seed, device="cpu").images, once, atol=1e-15)


@settings(max_examples=15, deadline=None)
@given(epsilon=st.floats(0.5, 200), steps=st.integers(1, 4), seed=st.integers(0, 5))
def test_attacks_stay_within_radius_and_range(epsilon: float, steps: int, seed: int) -> None:
    split = eight_bit(n=3, seed=seed)
    net = convnet(split)
    clean = split.images.double() / 255
    for found in (fgsm(net, split, epsilon, device="cpu"), pgd(net, split, epsilon, steps, seed, device="cpu")):
        assert float((found.images - clean).abs().max()) <= epsilon / 255 + 1e-12
        assert float(found.images.min()) >= 0 and float(found.images.max()) <= 1
        assert torch.equal(found.labels, split.labels) and found.mean == split.mean and found.std == split.std


def test_more_steps_raise_the_loss_more() -> None:
    split = eight_bit(n=12)
    net = convnet(split)
    training.train(net, split, training.Recipe(learning_rate=0.05, epochs=30, batch_size=12), device="cpu")
    clean, once = loss(net, split).mean(), loss(net, fgsm(net, split, 4, device="cpu")).mean()
    often = loss(net, pgd(net, split, 4, steps=10, device="cpu")).mean()
    assert clean < once < often


def test_attacks_do_not_depend_on_the_batch_and_follow_their_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    split = eight_bit(n=7)
    net = convnet(split)
    whole = pgd(net, split, EPSILON, seed=1, device="cpu").images
    assert not torch.equal(whole, pgd(net, split, EPSILON, seed=2, device="cpu").images)
    monkeypatch.setattr(robustness, "usual_batch", lambda device: 3)
    assert torch.allclose(pgd(net, split, EPSILON, seed=1, device="cpu").images, whole, atol=1e-12)


def test_a_network_is_attacked_in_evaluation_mode_and_left_as_it_was() -> None:
    split = eight_bit()
    net = convnet(split, norm="batch").train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    alone = fgsm(net, split.take(torch.tensor([0])), EPSILON, device="cpu").images
    assert net.training and all(parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(alone[0], fgsm(net, split, EPSILON, device="cpu").images[0])  # no image depends on the others


def test_budgets_are_255ths_of_the_range_of_images_that_are_floats() -> None:
    split = eight_bit()
    images = split.images.double() / 255
    images[0, 0, 0, 0], images[0, 0, 0, 1] = 0, 1
    wide = replace(split, images=3 * images - 1, mean=(3 * 0.4 - 1,) * 3, std=(3 * 0.2,) * 3)
    net = convnet(split)
    plain = fgsm(net, replace(split, images=images), EPSILON, device="cpu").images
    assert torch.allclose(fgsm(net, wide, EPSILON, device="cpu").images, 3 * plain - 1, atol=1e-12)
    noisy, wider = (corrupt(item, "gaussian noise", 3).images for item in (replace(split, images=images), wide))
    assert torch.allclose(wider, 3 * noisy - 1, atol=2e-6)


def test_shifted_images_are_measured_like_clean_ones() -> None:
    """A budget too small to matter changes no figure, so the shifted split is normalised like the clean one."""
    split = eight_bit(n=9)
    net = convnet(split)
    clean = training.evaluate(net, split, device="cpu")
    assert training.evaluate(net, fgsm(net, split, 1e-6, device="cpu"), device="cpu") == pytest.approx(clean, rel=1e-6)


def unit(split: Split) -> np.ndarray:
    return split.images.numpy().astype(np.float64) / 255


def strength(name: str, severity: int) -> float:
    return CORRUPTIONS[name][1][severity - 1]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_noise_is_drawn_once_for_all_images_and_cut_at_the_range(severity: int) -> None:
    split = eight_bit(n=4)
    drawn = torch.randn(split.images.shape, generator=torch.Generator().manual_seed(7)).numpy()
    expected = np.clip(unit(split) + strength("gaussian noise", severity) * drawn, 0, 1)
    assert np.allclose(corrupt(split, "gaussian noise", severity, seed=7).images.numpy(), expected, atol=1e-6)


def test_impulse_noise_turns_its_share_of_values_black_or_white() -> None:
    split = split_of(torch.full((200, 3, 16, 16), 100, dtype=torch.uint8))
    found = corrupt(split, "impulse noise", 5).images
    black, white = float((found == 0).float().mean()), float((found == 1).float().mean())
    expected, count = strength("impulse noise", 5) / 2, found.numel()
    spread = 4 * (expected / count) ** 0.5  # four standard deviations of the binomial share
    assert black == pytest.approx(expected, abs=spread) and white == pytest.approx(expected, abs=spread)
    untouched = found[(found > 0) & (found < 1)]
    assert torch.allclose(untouched, torch.tensor(100 / 255), atol=1e-6)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_blur_is_scipys_image_by_image(severity: int) -> None:
    split = eight_bit(n=2)
    deviation = strength("gaussian blur", severity)
    for image, found in zip(unit(split), corrupt(split, "gaussian blur", severity).images.numpy(), strict=True):
        for channel, blurred in zip(image, found, strict=True):
            expected = ndimage.gaussian_filter(channel, deviation, mode="nearest", truncate=4.0)
            assert np.allclose(blurred, expected, atol=1e-6)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_brightness_raises_the_value_pixel_by_pixel(severity: int) -> None:
    split = eight_bit(n=1, size=4)
    split.images[0, :, 0, 0] = 0
    found = corrupt(split, "brightness", severity).images.numpy()[0]
    image = unit(split)[0]
    for row in range(4):
        for column in range(4):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, row, column])
            expected = colorsys.hsv_to_rgb(hue, saturation, min(1.0, value + strength("brightness", severity)))
            assert np.allclose(found[:, row, column], expected, atol=1e-6)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_contrast_shrinks_each_channel_of_each_image_about_its_mean(severity: int) -> None:
    split = eight_bit(n=2)
    for image, found in zip(unit(split), corrupt(split, "contrast", severity).images.numpy(), strict=True):
        for channel, flat in zip(image, found, strict=True):
            mean = channel.mean()
            assert np.allclose(flat, (channel - mean) * strength("contrast", severity) + mean, atol=1e-6)


def boxed(line: np.ndarray, small: int) -> np.ndarray:
    """Average a line over equal boxes by cutting each value into as many parts as there are boxes, and repeat."""
    size = len(line)
    boxes = np.repeat(line, small).reshape(small, size).mean(axis=1)
    return np.array([boxes[int((place + 0.5) * small / size)] for place in range(size)])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_pixelate_averages_boxes_image_by_image(severity: int) -> None:
    split = eight_bit(n=2, size=16)
    small = int(16 * strength("pixelate", severity))
    for image, found in zip(unit(split), corrupt(split, "pixelate", severity).images.numpy(), strict=True):
        for channel, coarse in zip(image, found, strict=True):
            expected = np.apply_along_axis(boxed, 0, np.apply_along_axis(boxed, 1, channel, small), small)
            assert np.allclose(coarse, expected, atol=1e-6)


def test_pixelate_is_pillows_box_filter_where_boxes_hold_whole_pixels() -> None:
    image = (eight_bit(n=1, channels=1, size=16).images[0, 0].numpy().astype(np.float32)) / 255
    small = Image.fromarray(image).resize((4, 4), Image.Resampling.BOX)
    expected = np.asarray(small.resize((16, 16), Image.Resampling.BOX))
    found = robustness._pixelate(torch.from_numpy(image)[None, None], 0.25, torch.Generator())
    assert np.allclose(found[0, 0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_are_seeded_stay_in_range_and_grow_with_severity(name: str) -> None:
    split = eight_bit(n=8, size=16)
    clean = torch.from_numpy(unit(split)).float()
    distances = []
    for severity in SEVERITIES:
        found = corrupt(split, name, severity, seed=1)
        assert torch.equal(found.images, corrupt(split, name, severity, seed=1).images)
        assert float(found.images.min()) >= 0 and float(found.images.max()) <= 1
        assert found.images.shape == split.images.shape and torch.equal(found.labels, split.labels)
        distances.append(float((found.images - clean).abs().mean()))
    assert distances == sorted(distances) and 0 < distances[0] < distances[-1]


def test_users_mistakes_are_one_sentence() -> None:
    split = eight_bit()
    net = convnet(split)
    eye = torch.eye(192)
    whitened = replace(split, images=split.images.float(), whitening=Whitening(torch.zeros(192), eye, eye))
    with pytest.raises(InputError, match="no pixels to shift"):
        fgsm(net, whitened, EPSILON)
    with pytest.raises(InputError, match="above 0, in 255ths"):
        fgsm(net, split, 0)
    with pytest.raises(InputError, match="at least 1 step"):
        pgd(net, split, EPSILON, steps=0)
    with pytest.raises(InputError, match="from 1 to 5, not 6"):
        corrupt(split, "contrast", 6)
    with pytest.raises(InputError, match="corruption"):
        corrupt(split, "fog", 1)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_finds_the_same_images() -> None:
    split = eight_bit()
    net = convnet(split)
    here = pgd(net, split, EPSILON, device="cpu").images
    there = pgd(net, split, EPSILON, device="cuda").images
    assert torch.allclose(here, there, atol=1e-9)  # float64; signs of gradients that are not near zero agree
