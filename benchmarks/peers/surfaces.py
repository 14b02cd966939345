"""Lines between networks and planes through them, against plain loops with resident data.

The loops blend state dicts at each position, load the sum and evaluate it, with images normalised once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from distilled_pruning import connectivity, landscape, models
from distilled_pruning.data.split import Split
from distilled_pruning.models import costs
from distilled_pruning.models.weights import Weights
from distilled_pruning.training.forward import Forward
from torch import nn

from .rounds import Comparison, Run, can_compile, often, products, random_images, take_turns

__all__ = ["lines", "planes"]

SIZE, IMAGES, POSITIONS, SIDE = 32, 400, 11, 3
LOOP_BATCH = 100
LOOP = "plain loop"
WIDTHS = (32,)


def mean_loss(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Evaluate a network batch by batch."""
    total = 0.0
    for begin in range(0, len(images), LOOP_BATCH):
        part = slice(begin, begin + LOOP_BATCH)
        total += float(nn.functional.cross_entropy(net(images[part]), labels[part], reduction="sum"))
    return total / len(images)


@torch.no_grad()
def plain_line(net: nn.Module, a: Weights, b: Weights, data: Split) -> list[float]:
    """Evaluate positions one after the other, as one would at first."""
    images, losses = data.normalised(), []
    net.eval()
    for alpha in torch.linspace(0, 1, POSITIONS).tolist():
        net.load_state_dict({name: (1 - alpha) * a[name] + alpha * b[name] for name in a})
        losses.append(mean_loss(net, images, data.labels))
    return losses


@torch.no_grad()
def plain_plane(net: nn.Module, plane: landscape.Plane, points: np.ndarray, data: Split) -> list[float]:
    """Evaluate points one after the other, as one would at first."""
    origin, (first, second) = plane.networks[0], plane.axes
    images, losses = data.normalised(), []
    net.eval()
    for x, y in points.tolist():
        net.load_state_dict({n: t + x * first[n] + y * second[n] if n in first else t for n, t in origin.items()})
        losses.append(mean_loss(net, images, data.labels))
    return losses


def variants(device: torch.device) -> dict[str, Forward]:
    """Give the library's ways by name."""
    compiled = {"fp32, compiled": Forward(compile=True), "bf16, compiled": Forward(precision="bf16", compile=True)}
    return {"fp32": Forward(), "bf16": Forward(precision="bf16"), **(compiled if can_compile(device) else {})}


def setting(width: int, device: torch.device) -> tuple[list[nn.Module], Split]:
    """Build three networks and the images to look at."""
    nets = [models.build("convnet3", width=width, size=SIZE, channels=3, classes=10, seed=s) for s in range(3)]
    split = Split(*random_images(IMAGES, device), (0.5,) * 3, (0.25,) * 3, 10)
    return [net.to(device) for net in nets], split


def compare(
    theme: str, width: int, places: int, loop: Run, ours: dict[str, Run], rounds: int, device: torch.device
) -> Comparison:
    """Time a loop and the library's ways to do the same."""
    runs, macs = products(device, "fp32", "bf16")
    names = (LOOP, *ours)
    work = float(places) * IMAGES * costs.forward_macs("convnet3", width, SIZE, 3, 10)
    return Comparison(
        theme,
        f"{places} {'positions' if theme == 'lines' else 'points'}, ConvNet-3 of width {width}",
        tuple(ours),
        (LOOP,),
        take_turns({**runs, LOOP: loop, **ours}, rounds, device),
        macs | dict.fromkeys(names, work),
        images=places * IMAGES,
    )


def lines(device: torch.device, rounds: int, widths: Sequence[int] = WIDTHS) -> Iterator[Comparison]:
    """Time lines of eleven positions on 400 images of 32 px; yields a comparison a width."""
    for width in widths:
        nets, data = setting(width, device)
        a, b = ({name: t.clone() for name, t in net.state_dict().items()} for net in nets[:2])

        def line(forward: Forward, net: nn.Module = nets[2], a: Weights = a, b: Weights = b, data: Split = data) -> Run:
            return often(lambda: connectivity.interpolate(net, a, b, data, POSITIONS, forward=forward))

        loop = often(lambda net=nets[0], a=a, b=b, data=data: plain_line(net, a, b, data))  # type: ignore[misc]
        ours = {name: line(forward) for name, forward in variants(device).items()}
        yield compare("lines", width, POSITIONS, loop, ours, rounds, device)


def planes(device: torch.device, rounds: int, widths: Sequence[int] = WIDTHS) -> Iterator[Comparison]:
    """Time planes of nine points on 400 images of 32 px; yields a comparison a width."""
    for width in widths:
        nets, data = setting(width, device)
        flat = landscape.plane(*(net.state_dict() for net in nets))
        points = landscape.evaluate(nets[0], flat, data.take(torch.arange(1)), SIDE).points
        net = models.build("convnet3", width=width, size=SIZE, channels=3, classes=10, seed=3).to(device)

        def grid(forward: Forward, net: nn.Module = net, flat: landscape.Plane = flat, data: Split = data) -> Run:
            return often(lambda: landscape.evaluate(net, flat, data, SIDE, forward=forward))

        loop = often(lambda net=nets[0], flat=flat, points=points, data=data: plain_plane(net, flat, points, data))  # type: ignore[misc]
        ours = {name: grid(forward) for name, forward in variants(device).items()}
        yield compare("planes", width, SIDE**2, loop, ours, rounds, device)
