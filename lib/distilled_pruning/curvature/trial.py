"""A network from outside tried on images of nothing, before anything is spent on it."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import models
from ..errors import FOREIGN, InputError, one_line
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
    """Build a network twice, call it and differentiate it.

    Raises:
        InputError: It cannot be built, is the same or gives other weights when built again, keeps more than tensors,
            does not take such images, in evaluation or in training, has not one finite output a class, cannot be
            trained, or nothing in it can be pruned.
    """
    first, again = (models.build(name, images, width=width, init=init, norm=norm or None, seed=0) for _ in range(2))
    _compare(name, first, again)
    net = first.eval()
    noise = torch.randn(2, images.channels, images.size, images.size, generator=torch.Generator().manual_seed(0))
    with watch_layers(net) as layers, torch.no_grad():
        logits = _call(net, noise, name, images.classes)
    if not logits.isfinite().all():
        raise InputError(f"{name} returns NaN or infinite values for images of noise: mend it")
    with torch.random.fork_rng(devices=[]):
        _differentiate(copy.deepcopy(net).train(), noise, f"{name}, in training mode,", images.classes)
    return Trial(
        layers=tuple(layers),
        prunable=sum(weight.numel() for weight in models.prunable(net).values()),
        entries=sum(parameter.numel() for parameter in net.parameters()),
        alone=_trains_alone(net, noise[:1]),
        linear=any(isinstance(module, nn.Linear) for module in net.modules()),
        uncovered=_uncovered(net, noise),
    )


def _compare(name: str, first: nn.Module, again: nn.Module) -> None:
    """Refuse a function whose two networks share weights or differ in them."""
    one, other = first.state_dict(), again.state_dict()
    odd = [key for key, value in one.items() if not isinstance(value, Tensor)]
    if odd:
        raise InputError(f"{name} keeps more than tensors in its state ({odd[0]}): have it keep tensors alone")
    if {weight.data_ptr() for weight in first.parameters()} & {weight.data_ptr() for weight in again.parameters()}:
        raise InputError(f"{name} returns the same weights each time it is called, trained or not: make new ones")
    if one.keys() != other.keys() or any(not torch.equal(value, other[key]) for key, value in one.items()):
        raise InputError(f"{name} gives other weights each time it is called: draw them from its seed")


def _differentiate(net: nn.Module, images: Tensor, name: str, classes: int) -> None:
    """Take a gradient as training does."""
    logits = _call(net, images, name, classes)
    if not logits.requires_grad:
        raise InputError(f"{name} returns what has no gradient: leave out detach() and requires_grad_(False)")
    try:
        F.cross_entropy(logits, torch.zeros(len(images), dtype=torch.int64)).backward()
    except FOREIGN as error:
        raise InputError(f"{name} has no gradient ({one_line(error)}): mend it") from error


def _call(net: nn.Module, images: Tensor, name: str, classes: int) -> Tensor:
    """Call a network and look at what it returns."""
    shape = "x".join(map(str, images.shape[1:]))
    try:
        logits = net(images)
    except FOREIGN as error:
        raise InputError(f"{name} does not take images of {shape} ({one_line(error)}): mend it") from error
    if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != len(images):
        what = f"a tensor of shape {list(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
        raise InputError(f"{name} returns {what} for two images of {shape}: return logits [batch, classes]")
    if logits.shape[1] != classes:
        raise InputError(
            f"{name} returns {logits.shape[1]} values for an image: return one for each of {classes} classes"
        )
    return logits


def _trains_alone(net: nn.Module, image: Tensor) -> bool:
    """Tell whether a copy in training mode takes a single image; BatchNorm over one value a channel refuses it."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            copy.deepcopy(net).train()(image)
    except FOREIGN:
        return False
    return True


def _uncovered(net: nn.Module, images: Tensor) -> str:
    """Say why the exact diagonal of the Hessian has no fast method for a network; empty where it has."""
    try:
        with exact_arithmetic(net):
            problem = pose(net, images, torch.zeros(len(images), dtype=torch.int64))
            structured.verify(graph.read(net), problem)
    except graph.Unsupported as reason:
        return str(reason)
    return ""
