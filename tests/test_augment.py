"""Every operation against a per-image reference in NumPy float64; drawing against the stated distributions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from distilled_pruning.augmentation import compose
from distilled_pruning.augmentation.operations import (
    Color,
    CutMix,
    Cutout,
    Flip,
    Noise,
    OneOf,
    Operation,
    Parameters,
    Rotate,
    Scale,
    Shift,
)
from distilled_pruning.augmentation.photographic import Jitter, Lighting, ResizedCrop
from distilled_pruning.data import Split
from distilled_pruning.errors import InputError
from hypothesis import given, strategies as st
from torch import Tensor
from torch.nn import functional as F

N, SIZE = 12, 9
CLOSE = {"rtol": 0, "atol": 2e-5}  # float32 against float64 on values of order 1, a few dozen roundings
Reference = Callable[[np.ndarray, list[np.ndarray]], np.ndarray]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(n: int = N, channels: int = 3, size: int = SIZE) -> Tensor:
    return torch.randn(n, channels, size, size, generator=seeded(1))


def split(channels: int = 3, size: int = SIZE, n: int = N) -> Split:
    images = torch.randint(0, 256, (n, channels, size, size), generator=seeded(2), dtype=torch.uint8)
    return Split(images, torch.arange(n) % 4, (0.4,) * channels, (0.25,) * channels, 4)


def shifted(image: np.ndarray, drawn: list[np.ndarray]) -> np.ndarray:
    (corner,) = drawn
    reach, out = 4, np.zeros_like(image)
    for y in range(SIZE):
        for x in range(SIZE):
            v, u = y + corner[0] - reach, x + corner[1] - reach
            if 0 <= v < SIZE and 0 <= u < SIZE:
                out[:, y, x] = image[:, v, u]
    return out


def flipped(image: np.ndarray, drawn: list[np.ndarray]) -> np.ndarray:
    return image[:, :, ::-1] if drawn[0] else image


def coloured(image: np.ndarray, drawn: list[np.ndarray]) -> np.ndarray:
    brightness, saturation, contrast = drawn[0].astype(np.float64)
    image = image + brightness
    grey = image.mean(0)
    image = np.stack([(channel - grey) * saturation + grey for channel in image])
    return (image - image.mean()) * contrast + image.mean()


def sampled(image: np.ndarray, matrix: np.ndarray, corners: bool) -> np.ndarray:
    out = np.zeros_like(image)
    for i in range(SIZE):
        for j in range(SIZE):
            place = [(2 * k / (SIZE - 1) - 1) if corners else ((2 * k + 1) / SIZE - 1) for k in (j, i)]
            at = matrix.astype(np.float64) @ np.array([*place, 1.0])
            u, v = ((a + 1) * (SIZE - 1) / 2 if corners else ((a + 1) * SIZE - 1) / 2 for a in at)
            for y in (math.floor(v), math.floor(v) + 1):
                for x in (math.floor(u), math.floor(u) + 1):
                    if 0 <= y < SIZE and 0 <= x < SIZE:
                        out[:, i, j] += image[:, y, x] * (1 - abs(v - y)) * (1 - abs(u - x))
    return out


def blanked(image: np.ndarray, drawn: list[np.ndarray]) -> np.ndarray:
    out, side = image.copy(), int(SIZE * 0.5 + 0.5)
    top, left = (int(middle) - side // 2 for middle in drawn[0])
    out[:, max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = 0
    return out


def jittered(image: np.ndarray, drawn: list[np.ndarray]) -> np.ndarray:
    order, amounts = drawn
    for kind in order:
        grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
        target = {0: np.zeros_like(image), 1: np.full_like(image, grey.mean()), 2: np.stack([grey] * 3)}[int(kind)]
        image = image + float(amounts[kind]) * (target - image)
    return image


OPERATIONS: list[tuple[Operation, Reference]] = [
    (Shift(4, SIZE), shifted),
    (Flip(), flipped),
    (Color(), coloured),
    (Scale(False), lambda image, drawn: sampled(image, drawn[0], False)),
    (Scale(True), lambda image, drawn: sampled(image, drawn[0], True)),
    (Rotate(False), lambda image, drawn: sampled(image, drawn[0], False)),
    (Rotate(True), lambda image, drawn: sampled(image, drawn[0], True)),
    (Cutout(SIZE), blanked),
    (Noise(0.1, (3, SIZE, SIZE)), lambda image, drawn: image + drawn[0]),
    (Jitter(), jittered),
    (Lighting(), lambda image, drawn: image + drawn[0][:, None, None]),
]


def name_of(value: object) -> str:
    return "" if callable(value) else type(value).__name__


@pytest.mark.parametrize(("operation", "reference"), OPERATIONS, ids=name_of)
def test_each_operation_does_to_each_image_what_its_reference_does(operation: Operation, reference: Reference) -> None:
    images = normal()
    before = images.clone()
    drawn = operation.draw(N, seeded())
    got = operation.apply(images, drawn)
    for at in range(N):
        wanted = reference(images[at].double().numpy(), [part[at].numpy() for part in drawn])
        np.testing.assert_allclose(got[at].numpy(), wanted, **CLOSE)
    assert torch.equal(images, before)


@pytest.mark.parametrize(("operation", "reference"), OPERATIONS, ids=name_of)
def test_one_draw_serves_every_image_alike(operation: Operation, reference: Reference) -> None:
    images, drawn = normal(), operation.draw(1, seeded(3))
    each = torch.cat([operation.apply(image[None], drawn) for image in images])
    torch.testing.assert_close(operation.apply(images, drawn), each, **CLOSE)


def test_a_resized_crop_is_a_crop_and_a_resize() -> None:
    operation, images = ResizedCrop(SIZE), normal()
    drawn = operation.draw(N, seeded())
    got = operation.apply(images, drawn)
    for at, (top, left, height, width) in enumerate(drawn[0].tolist()):
        box = images[at : at + 1, :, top : top + height, left : left + width].double()
        wanted = F.interpolate(box, (SIZE, SIZE), mode="bilinear", align_corners=False)[0]
        torch.testing.assert_close(got[at].double(), wanted, **CLOSE)


def test_resized_crops_keep_to_area_ratio_and_image() -> None:
    top, left, height, width = ResizedCrop(224).draw(4000, seeded())[0].double().unbind(1)
    assert (top >= 0).all() and (left >= 0).all() and (top + height <= 224).all() and (left + width <= 224).all()
    area, ratio = height * width / 224**2, width / height
    assert area.min() > 0.49 and ratio.min() > 0.74 and ratio.max() < 1.35  # boxes are whole pixels
    assert top.max() > 40 and left.max() > 40


def drawn_matrix(operation: Operation) -> Tensor:
    return operation.draw(4000, seeded())[0]


def test_draws_fill_the_stated_ranges() -> None:
    corners = Shift(2, SIZE).draw(5000, seeded())[0]
    counts = torch.bincount(corners[:, 0] * 5 + corners[:, 1], minlength=25)
    assert counts.min() > 140 and counts.max() < 260  # 200 expected, deviation 14
    assert abs(Flip().draw(4000, seeded())[0].float().mean() - 0.5) < 0.04  # five deviations
    low, high = Color().draw(4000, seeded())[0].aminmax(dim=0)
    torch.testing.assert_close(low, torch.tensor([-0.5, 0.0, 0.5]), atol=0.01, rtol=0)
    torch.testing.assert_close(high, torch.tensor([0.5, 2.0, 1.5]), atol=0.01, rtol=0)
    zoom = drawn_matrix(Scale(False))
    assert 1 / 1.2 <= zoom[:, 0, 0].min() < 0.835 and 1.199 < zoom[:, 1, 1].max() <= 1.2
    assert not torch.allclose(zoom[:, 0, 0], zoom[:, 1, 1])
    turn = drawn_matrix(Rotate(False))
    angle = torch.atan2(turn[:, 1, 0], turn[:, 0, 0]) * 180 / math.pi
    assert -15.001 < angle.min() < -14.9 and 14.9 < angle.max() < 15.001
    middles = Cutout(8).draw(2000, seeded())[0]
    assert (middles.min(), middles.max()) == (0, 8)  # an even square has its middle between pixels
    middles = Cutout(9).draw(2000, seeded())[0]
    assert (middles.min(), middles.max()) == (0, 8)
    order, amounts = Jitter().draw(4000, seeded())
    assert len(order.unique(dim=0)) == 6 and 0.39 < amounts.max() <= 0.4 and -0.4 <= amounts.min() < -0.39


def test_lighting_is_normal_along_the_principal_axes() -> None:
    added = Lighting().draw(20_000, seeded())[0].double()
    covariance = (added.T @ added / len(added)).numpy()
    vectors = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
    wanted = vectors @ np.diag(np.square([0.02175, 0.00188, 0.00045])) @ vectors.T
    np.testing.assert_allclose(covariance, wanted, atol=5e-6)  # three deviations of 20,000 draws


@pytest.mark.parametrize(("spec", "kinds"), [("dsa", 3), ("mtt-dsa", 6)])
def test_dsa_draws_one_geometric_operation_for_each_batch(spec: str, kinds: int) -> None:
    pipeline = compose.pipeline(spec, split())
    one_of = pipeline.normal[-1]
    assert isinstance(one_of, OneOf)
    counts = torch.bincount(torch.cat([pipeline.draw(2, seeded(s)).parameters[-1][0] for s in range(600)]))
    assert len(counts) == kinds
    assert (counts - 600 / kinds).abs().max() < 5 * math.sqrt(600 / kinds)


def test_dsa_is_flip_then_colour_then_geometry() -> None:
    data = split()
    pipeline = compose.pipeline("dsa", data)
    references = [shifted, *[lambda image, drawn: sampled(image, drawn[0], False)] * 2]
    pipeline.normal[-1] = OneOf([Shift(4, SIZE), Scale(False), Rotate(False)])  # the reference shifts by up to 4
    for seed in range(6):
        draw = pipeline.draw(N, seeded(seed))
        got = pipeline.apply(data.images, draw)
        for at, image in enumerate(data.images):
            parts: list[list[np.ndarray]] = [
                [part[at].numpy() for part in parameters]
                for parameters in (*draw.parameters[:2], draw.parameters[2][1:])
            ]
            wanted = (image.double().numpy() / 255 - 0.4) / 0.25
            wanted = coloured(flipped(wanted, parts[0]), parts[1])
            wanted = references[int(draw.parameters[2][0])](wanted, parts[2])
            np.testing.assert_allclose(got[at].numpy(), wanted, rtol=0, atol=1e-4)  # values up to 10


def test_a_crop_reaches_an_eighth_of_the_side() -> None:
    for size, reach in ((32, 4), (16, 2), (224, 28), (8, 1)):
        (operation,) = compose.pipeline("crop", split(size=size, n=4)).normal
        assert isinstance(operation, Shift) and operation.pixels == reach


def test_mixing_pastes_a_box_and_shares_the_label() -> None:
    images, targets = normal(), torch.eye(4)[torch.arange(N) % 4]
    mixed_once = False
    for seed in range(20):
        mix = CutMix(1.0, SIZE).draw(N, seeded(seed))
        x, y = mix.apply(images, targets)
        pasted = 0
        for at in range(N):
            wanted = images[at].clone()
            for row in range(mix.top, mix.bottom):
                for column in range(mix.left, mix.right):
                    wanted[:, row, column] = images[mix.partner[at], :, row, column]
                    pasted += 1
            assert torch.equal(x[at], wanted)
        share = 1 - pasted / N / SIZE**2
        torch.testing.assert_close(y, share * targets + (1 - share) * targets[mix.partner])
        mixed_once |= pasted > 0
    assert mixed_once


@given(st.integers(0, 2**31), st.integers(2, 40))
def test_a_box_lies_in_the_image_and_its_share_is_its_area(seed: int, size: int) -> None:
    mix = CutMix(1.0, size).draw(3, seeded(seed))
    assert 0 <= mix.top <= mix.bottom <= size and 0 <= mix.left <= mix.right <= size
    assert mix.kept == 1 - (mix.bottom - mix.top) * (mix.right - mix.left) / size**2
    assert sorted(mix.partner.tolist()) == [0, 1, 2]


def test_boxes_follow_a_uniform_share_clipped_at_the_border() -> None:
    cutmix = CutMix(1.0, 32)
    generator = seeded()
    kept = np.mean([cutmix.draw(2, generator).kept for _ in range(4000)])
    random = np.random.default_rng(0)
    areas = []
    for _ in range(40_000):
        cut = int(32 * math.sqrt(1 - random.random()))
        spans = [min(c + cut // 2, 32) - max(c - cut // 2, 0) for c in random.integers(0, 32, 2)]
        areas.append(spans[0] * spans[1] / 32**2)
    assert abs(kept - (1 - np.mean(areas))) < 0.015  # four deviations


def test_half_of_the_batches_are_mixed_and_targets_are_always_soft() -> None:
    data = split()
    pipeline, generator = compose.pipeline("cutmix", data), seeded()
    mixed = 0
    for _ in range(400):
        x, y = pipeline(data.images, data.labels, generator)
        assert y.shape == (N, 4) and y.dtype == torch.float32
        torch.testing.assert_close(y.sum(1), torch.ones(N))
        mixed += int(not torch.equal(x, data.normalised()))
    assert 150 < mixed < 230  # half, less the boxes of no area
    x, y = compose.pipeline("", data)(data.images, data.labels, generator)
    assert torch.equal(y, data.labels) and torch.equal(x, data.normalised())


@pytest.mark.parametrize("spec", ["flip+shift2+cutmix", "dsa+cutmix", "mtt-dsa", "imagenet+cutmix1", "noise5+cutout"])
def test_a_batch_depends_on_its_generator_alone(spec: str) -> None:
    data = split()
    pipeline = compose.pipeline(spec, data)
    state = torch.get_rng_state()
    first = pipeline(data.images, data.labels, seeded(5))
    torch.manual_seed(1)
    second = pipeline(data.images, data.labels, seeded(5))
    torch.set_rng_state(state)
    other = pipeline(data.images, data.labels, seeded(6))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert not torch.equal(first[0], other[0])
    assert first[0].dtype == torch.float32 and first[0].shape == data.images.shape


def test_augmenting_leaves_the_global_generator_alone() -> None:
    data = split()
    state = torch.get_rng_state()
    compose.pipeline("imagenet+dsa+cutout+noise3+cutmix", data)(data.images, data.labels, seeded())
    assert torch.equal(torch.get_rng_state(), state)


def test_pixels_are_jittered_before_they_are_normalised() -> None:
    data = split()
    pipeline = compose.pipeline("imagenet", data)
    draw = pipeline.draw(N, seeded())
    images = data.images.float() / 255
    for operation, parameters in zip(pipeline.pixel, draw.parameters, strict=True):
        images = operation.apply(images, parameters)
    torch.testing.assert_close(pipeline.apply(data.images, draw), (images - 0.4) / 0.25)


def test_float_images_are_augmented_as_they_are() -> None:
    data = split()
    floats = Split(data.normalised(), data.labels, (0.0,) * 3, (1.0,) * 3, 4)
    for spec in ("dsa", "shift2+flip"):
        a = compose.pipeline(spec, data)(data.images, data.labels, seeded())[0]
        b = compose.pipeline(spec, floats)(floats.images, floats.labels, seeded())[0]
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("spec", ["color+crop4+cutout", "mtt-dsa", "dsa", "shift2", "flip+scale+rotate"])
def test_siamese_images_share_one_draw_and_the_synthetic_ones_get_gradients(spec: str) -> None:
    base = normal()
    pipeline = compose.pipeline(spec, Split(base, torch.arange(N) % 4, (0.0,) * 3, (1.0,) * 3, 4))
    synthetic = base[:3].clone().requires_grad_()
    direction = torch.randn(base[:3].shape, generator=seeded(9))
    for seed in range(6):
        real, augmented = pipeline.siamese(base, synthetic, seeded(seed))
        torch.testing.assert_close(real[:3], augmented.detach())
        (gradient,) = torch.autograd.grad(augmented.square().sum(), synthetic)
        ends = [pipeline.siamese(base, base[:3] + e * direction, seeded(seed))[1].double() for e in (-1e-2, 1e-2)]
        slope = (ends[1].square().sum() - ends[0].square().sum()) / 2e-2  # exact: the operations are affine
        torch.testing.assert_close((gradient * direction).sum().double(), slope, rtol=1e-3, atol=0.05)


def grey_split() -> Split:
    return split(channels=1)


def plain_split() -> Split:
    return Split(normal(), torch.arange(N) % 4, (0.0,) * 3, (1.0,) * 3, 4)


@pytest.mark.parametrize(
    ("spec", "data", "message"),
    [
        ("flop", split, "unknown augmentation 'flop'.*did you mean 'flip'"),
        ("shift", split, "'shift' needs a number: write shift2 or shift4"),
        ("noise", split, "'noise' needs a number"),
        ("shift9", split, "'shift9' must move by 1 to 8 px"),
        ("crop0", split, "'crop0' must move by 1 to 8 px"),
        ("flip3", split, "unknown augmentation 'flip3'"),
        ("cutmix+flip", split, "'flip' after cutmix: put cutmix last"),
        ("cutmix+cutmix1", split, "put cutmix last, and once"),
        ("flip+imagenet", split, "imagenet, which works on pixels, after others: put it first"),
        ("imagenet", grey_split, "these images are grey"),
        ("imagenet", plain_split, "these images are normalised already"),
    ],
)
def test_a_wrong_specification_is_one_sentence(spec: str, data: Callable[[], Split], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compose.pipeline(spec, data())


def test_matching_cannot_share_cutmix() -> None:
    with pytest.raises(InputError, match="cutmix, which matching cannot share"):
        compose.pipeline("flip+cutmix", plain_split()).siamese(normal(), normal(), seeded())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("spec", ["flip+shift2+cutmix1", "dsa+cutmix1", "mtt-dsa", "imagenet+cutmix1", "cutout+noise5"])
def test_a_gpu_makes_the_same_batch(spec: str) -> None:
    data = split()
    here = compose.pipeline(spec, data)(data.images, data.labels, seeded())
    there = data.to("cuda")
    x, y = compose.pipeline(spec, there)(there.images, there.labels, seeded())
    assert x.device.type == y.device.type == "cuda"
    torch.testing.assert_close(x.cpu(), here[0], rtol=0, atol=1e-4)  # another order of summation, values up to 10
    torch.testing.assert_close(y.cpu(), here[1])


def test_parameters_are_drawn_on_the_cpu() -> None:
    def devices(parameters: Parameters) -> set[str]:
        return {part.device.type for part in parameters}

    draw = compose.pipeline("imagenet+dsa+cutout+noise3", split()).draw(4, seeded())
    assert all(devices(parameters) == {"cpu"} for parameters in draw.parameters)
