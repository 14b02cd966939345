"""Average pooling of 2x2 pixels, and steps with it, against PyTorch's kernel: the same numbers to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from distilled_pruning import models
from distilled_pruning.models import pooling
from torch import Tensor, nn
from torch.nn import functional as F

from .rounds import Comparison, Run, often, random_images, take_turns

__all__ = ["pools"]

WIDTH, BATCH = 16, 32
THEIRS, OURS = "PyTorch's kernel", "ours"


def passed(pool: Callable[[Tensor], Tensor], images: Tensor) -> Run:
    """Pool images forwards and backwards."""
    weights = torch.ones(*images.shape[:2], images.shape[2] // 2, images.shape[3] // 2)
    return often(lambda: torch.autograd.grad(pool(images), images, weights))


def differentiated(net: nn.Module, modules: list[nn.Module], images: Tensor, labels: Tensor) -> Run:
    """Take loss and gradient of a network with some of its poolings replaced."""

    def step() -> None:
        net.zero_grad()
        with pooling.use_quick(modules):
            loss = F.cross_entropy(net(images), labels)
        loss.backward()

    return often(step)


def pools(device: torch.device, rounds: int, sizes: Sequence[int] = (8, 16, 32)) -> Iterator[Comparison]:
    """Time pooling of 32 times 16 feature maps, and gradients of ConvNet-3; nothing on another device than a CPU.

    Args:
        device: Where to compute.
        rounds: Rounds.
        sizes: Sides of the feature maps, the largest that of the network's images too.

    Yields:
        A comparison a size, and one for the network.
    """
    if device.type != "cpu":
        return

    def compare(title: str, theirs: Run, ours: Run) -> Comparison:
        seconds = take_turns({THEIRS: theirs, OURS: ours}, rounds, device)
        return Comparison("pooling", title, (OURS,), (THEIRS,), seconds)

    for size in sizes:
        images = torch.randn(BATCH, WIDTH, size, size, requires_grad=True)
        yield compare(
            f"{size} px, forwards and backwards",
            passed(lambda x: F.avg_pool2d(x, 2), images),
            passed(pooling.pool, images),
        )
    pixels, labels = random_images(BATCH, device, sizes[-1])
    net = models.build("convnet3", width=WIDTH, size=sizes[-1], channels=3, classes=10, seed=0)
    batch = pixels.float() / 255
    yield compare(
        f"loss and gradient of ConvNet-3 of width {WIDTH}",
        differentiated(net, [], batch, labels),
        differentiated(net, pooling.replaceable(net), batch, labels),
    )
