"""A network, a batch and a mask, checked, as every curvature computation takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import InputError, unknown
from ..models.weights import rename
from ..training.forward import twice_differentiable


@dataclass(frozen=True, eq=False)
class Problem:
    """The mean cross-entropy of a network on some images, as a function of its parameters.

    Attributes:
        net: The network; it is never changed.
        params: Values of its parameters by name, detached, with masked weights set to zero.
        images: ``[N, ...]`` in the dtype and on the device of the parameters.
        labels: int64 ``[N]``.
        keep: bool tensors by parameter name, True where an entry may move; unnamed parameters move freely.
    """

    net: nn.Module
    params: dict[str, Tensor]
    images: Tensor
    labels: Tensor
    keep: dict[str, Tensor]

    @property
    def free(self) -> int:
        """Number of entries that are not masked."""
        return sum(int(self.keep[n].sum()) if n in self.keep else p.numel() for n, p in self.params.items())

    def logits(self, params: Mapping[str, Tensor], images: Tensor | None = None) -> Tensor:
        """Run the network with other parameter values; its buffers are not updated."""
        buffers = {name: buffer.clone() for name, buffer in self.net.named_buffers()}
        given = self.images if images is None else images
        result = torch.func.functional_call(self.net, {**buffers, **params}, (given,))
        if not isinstance(result, Tensor) or result.dim() != 2 or len(result) != len(given):
            raise InputError("the network must return logits of shape [images, classes], one row an image")
        return result

    def loss(self, params: Mapping[str, Tensor]) -> Tensor:
        """Return the mean cross-entropy."""
        return nn.functional.cross_entropy(self.logits(params), self.labels)


def pose(net: nn.Module, images: Tensor, labels: Tensor, mask: Mapping[str, Tensor] | None = None) -> Problem:
    """Check the input of a curvature computation.

    Raises:
        InputError: For weights or images that are not finite, images that are not floats or that the network does not
            take, labels that do not fit, a mask that is empty or names no parameter, a network without parameters.
    """
    named = dict(net.named_parameters())
    if not named:
        raise InputError("the network has no parameters")
    dtypes = {p.dtype for p in named.values()}
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        found = ", ".join(sorted(str(dtype) for dtype in dtypes))
        raise InputError(f"the parameters must all be float32 or all float64, not {found}: call net.float()")
    if not images.is_floating_point():
        raise InputError(f"images must be normalised floats, not {images.dtype}: give for example split.normalised()")
    if labels.dim() != 1 or labels.is_floating_point() or len(labels) != len(images) or len(images) == 0:
        raise InputError(f"give one integer label an image: {len(images)} images, labels {tuple(labels.shape)}")
    for name, parameter in named.items():
        if not bool(parameter.isfinite().all()):
            raise InputError(
                f"the parameter {name!r} holds values that are not finite: train or load the network again"
            )
    if not bool(images.isfinite().all()):
        raise InputError("the images hold values that are not finite")
    keep = _keep(mask, named)
    params = {name: p.detach() * keep[name] if name in keep else p.detach() for name, p in named.items()}
    first = next(iter(params.values()))
    seen, wanted = images.detach().to(first), labels.to(first.device, torch.int64)
    if seen.is_inference():  # made in inference mode, and autograd saves no such tensors
        seen, wanted = seen.clone(), wanted.clone()
    problem = Problem(net, params, seen, wanted, keep)
    _check_labels(problem)
    return problem


def _keep(mask: Mapping[str, Tensor] | None, named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if mask is None:
        return {}
    keep = {}
    mask = rename(mask, named)
    for name in mask:
        if name not in named:
            raise unknown("parameter in the mask", name, named)
        if mask[name].shape != named[name].shape:
            shapes = f"{tuple(mask[name].shape)} where the network has {tuple(named[name].shape)}"
            raise InputError(f"the mask of {name!r} has shape {shapes}")
        keep[name] = mask[name].to(named[name].device).bool()
    if not any(bool(kept.any()) for kept in keep.values()):
        raise InputError("the mask is empty, it keeps no weight: give None for a dense network")
    return keep


def _check_labels(problem: Problem) -> None:
    try:
        with torch.no_grad():
            classes = problem.logits(problem.params, problem.images[:2]).shape[1]
    except RuntimeError as error:
        shape = "x".join(map(str, problem.images.shape[1:]))
        raise InputError(f"the network does not take images of {shape}: build it for these images ({error})") from error
    low, high = int(problem.labels.min()), int(problem.labels.max())
    if low < 0 or high >= classes:
        raise InputError(f"labels must be 0 to {classes - 1} for {classes} logits, not {low} to {high}")


@contextmanager
def exact_arithmetic(net: nn.Module) -> Iterator[None]:
    """Differentiate in full precision on the network's device, whatever modes the caller has set, and twice."""
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    precision, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn
    torch.set_float32_matmul_precision("highest")
    try:
        with (
            torch.inference_mode(False),
            torch.autocast(device.type, enabled=False),
            twice_differentiable(),
            cudnn.flags(
                enabled=cudnn.enabled,
                benchmark=cudnn.benchmark,
                deterministic=cudnn.deterministic,
                allow_tf32=False,
            ),
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
