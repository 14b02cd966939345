"""Quick average pooling against PyTorch's own."""

from __future__ import annotations

import copy

import pytest
import torch
from distilled_pruning.models import pooling
from torch import nn
from torch.nn import functional as F


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(2, 2), (16, 16), (4, 6), (5, 6), (7, 7)])
def test_values_and_gradients_are_pytorchs_to_the_last_bit(size: tuple[int, int], dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(3, 4, *size, generator=generator, dtype=dtype).mul_(1e3).requires_grad_()
    ours, theirs = pooling.pool(images), F.avg_pool2d(images, 2)
    assert torch.equal(ours, theirs)
    weights = torch.randn(theirs.shape, generator=generator, dtype=dtype)
    assert torch.equal(*(torch.autograd.grad((out * weights).sum(), images)[0] for out in (ours, theirs)))


def test_views_and_other_layouts_are_pooled_alike() -> None:
    whole = torch.randn(4, 6, 8, 8)
    for images in (whole[1:, 2:5], whole.transpose(2, 3), whole.to(memory_format=torch.channels_last)):
        assert torch.equal(pooling.pool(images), F.avg_pool2d(images, 2))


def test_second_derivatives_pass_through() -> None:
    images = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(pooling.pool, images)


def test_half_precision_is_left_to_pytorch() -> None:
    """Its kernel sums in float32 there."""
    images = torch.randn(2, 3, 8, 8).bfloat16()
    assert torch.equal(pooling.pool(images), F.avg_pool2d(images, 2))


def test_only_plain_poolings_of_two_by_two_are_replaced_and_only_within() -> None:
    others = [nn.AvgPool2d(3), nn.AvgPool2d(2, 1), nn.AvgPool2d(2, padding=1), nn.AvgPool2d(2, divisor_override=3)]
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.AvgPool2d(2), nn.AvgPool2d((2, 2)), nn.MaxPool2d(2), *others)
    found = pooling.replaceable(net)
    assert found == [net[1], net[2]]
    before = copy.deepcopy(net[1].__dict__)
    with pytest.raises(ZeroDivisionError), pooling.use_quick(found):
        assert net[1].forward is pooling.pool and net[3].forward is not pooling.pool
        raise ZeroDivisionError
    assert net[1].__dict__.keys() == before.keys()
    assert pooling.replaceable(nn.Sequential(nn.AvgPool2d(2))) == []
