"""A network from outside tried on images of nothing, before anything is spent on it."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .. import models
from ..errors import InputError, one_line
from ..models.building import watch_layers
from ..models.networks import Images
from . import graph, structured
from .problem import exact_arithmetic, pose

__all__ = ["Trial", "try_network"]


@dataclass(frozen=True)
class Trial:
    """What is known of a network once it was built and called.

    Attributes:
        layers: Of each convolution and linear layer its weights and the positions they are used at.
        prunable: Weights that pruning may remove.
        entries: All parameters.
        alone: Whether it can be trained on a batch of one image.
        linear: Whether it has a linear layer, which methods that match features cut off.
        uncovered: Why no fast exact method covers its curvature; empty where one does.
    """

    layers: tuple[tuple[int, int], ...]
    prunable: int
    entries: int
    alone: bool
    linear: bool
    uncovered: str


@functools.lru_cache(maxsize=32)
def try_network(name: str, width: int, images: Images, init: str, norm: str, code: str) -> Trial:
    """Build a network twice and call it.

    Raises:
        InputError: It cannot be built, gives other weights when built again, does not take such images, in evaluation
            or in training, has not one output a class, or nothing in it can be pruned.
    """
    first, again = (models.build(name, images, width=width, init=init, norm=norm or None, seed=0) for _ in range(2))
    if any(
        not torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    ):
        raise InputError(f"{name} gives other weights each time it is called: draw them from its seed")
    net = first.eval()
    blank = torch.zeros(2, images.channels, images.size, images.size)
    with watch_layers(net) as layers:
        _call(net, blank, name, images.classes)
    with torch.random.fork_rng(devices=[]):
        _call(copy.deepcopy(net).train(), blank, f"{name}, in training mode,", images.classes)
    return Trial(
        layers=tuple(layers),
        prunable=sum(weight.numel() for weight in models.prunable(net).values()),
        entries=sum(parameter.numel() for parameter in net.parameters()),
        alone=_trains_alone(net, blank[:1]),
        linear=any(isinstance(module, nn.Linear) for module in net.modules()),
        uncovered=_uncovered(net, blank),
    )


def _call(net: nn.Module, blank: Tensor, name: str, classes: int) -> None:
    """Call a network and look at what it returns."""
    shape = "x".join(map(str, blank.shape[1:]))
    try:
        with torch.no_grad():
            logits = net(blank)
    except Exception as error:  # other people's code may fail in any way
        raise InputError(f"{name} does not take images of {shape} ({one_line(error)}): mend it") from error
    if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != len(blank):
        what = f"a tensor of shape {list(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
        raise InputError(f"{name} returns {what} for two images of {shape}: return logits [batch, classes]")
    if logits.shape[1] != classes:
        raise InputError(
            f"{name} returns {logits.shape[1]} values for an image: return one for each of {classes} classes"
        )


def _trains_alone(net: nn.Module, image: Tensor) -> bool:
    """Tell whether a copy in training mode takes a single image; BatchNorm over one value a channel refuses it."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            copy.deepcopy(net).train()(image)
    except Exception:
        return False
    return True


def _uncovered(net: nn.Module, blank: Tensor) -> str:
    """Say why the exact diagonal of the Hessian has no fast method for a network; empty where it has."""
    images = torch.randn(blank.shape, generator=torch.Generator().manual_seed(0))
    try:
        with exact_arithmetic(net):
            problem = pose(net, images, torch.zeros(len(images), dtype=torch.int64))
            structured.verify(graph.read(net), problem)
    except graph.Unsupported as reason:
        return str(reason)
    return ""
