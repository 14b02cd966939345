"""Values of a tape that tangents are multiplied with, channels last: ``[n, H, W, C]``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from .graph import Graph, Step
from .scratch import Scratch
from .tape import Tape, groups, normalise, pooling

CHANNELWISE = ("act", "scale", "pool", "maxpool", "same")


@dataclass(eq=False)
class Norm:
    """What a normalisation over each image's own groups does to tangents and to the loss.

    With n the normalised values of a group of ``count`` entries, r its inverse deviation, s the loss's derivative in
    n, and, for a tangent d of the input, nu = mean(n d), m = mean(d^2) - mean(d)^2:

        tangent of the output   r (d - mean(d) - n nu)
        curvature of the loss   r^2 (nu (3 tau nu - 2 s.(d - mean(d))) - tau m),   tau = s.n

    Attributes:
        count: Entries of a group, positions times channels.
        width: Channels of a group.
        normalised: n, ``[n, H, W, C]``.
        pull: s minus its mean over the group, ``[n, H, W, C]``.
        rate: r, ``[n, groups]``.
        twist: tau, ``[n, groups]``.
        factor: r times the affine weight, ``[n, 1, 1, C]``.
        gain: ``factor`` times the slopes of the pointwise steps that follow, ``[n, H, W, C]``.
        shift: The tangent after the tail of the affine bias, ``[n, H', W', C]``.
        stretch: The tangent after the tail of the affine weight, ``[n, H', W', C]``.
        level: ``factor * shift``, what the tail makes of r.
        shape: ``factor * stretch``, what the tail makes of r n.
        tail: The steps after those pointwise ones, linear and channel by channel.
        end: The step whose output has been reached after the tail.
    """

    count: int
    width: int
    normalised: Tensor
    pull: Tensor
    rate: Tensor
    twist: Tensor
    factor: Tensor
    gain: Tensor
    shift: Tensor
    stretch: Tensor
    level: Tensor
    shape: Tensor
    tail: list[Step]
    end: Step

    @cached_property
    def columns(self) -> Tensor:
        """``normalised`` and ``pull`` by group, ``[groups, count, 2, n]``, as products with tangents take them."""
        both = torch.stack([self.normalised, self.pull]).flatten(2, 3)
        return both.unflatten(3, (-1, self.width)).permute(3, 4, 2, 0, 1).flatten(1, 2).contiguous()


class Fields:
    """The fields of all steps that tangents pass through on their way to a norm."""

    def __init__(self, tape: Tape, pulls: dict[int, Tensor]) -> None:
        """Compute them; ``pulls`` are the loss's slopes in the norms' outputs ``[n, C, H, W]``, affine part too."""
        self.tape = tape
        self.graph: Graph = tape.graph
        self.leads = self.graph.leads()
        self.slopes: dict[int, Tensor] = {}
        self.choices: dict[int, Tensor] = {}
        self._weights: dict[tuple[int, int, int], Tensor] = {}
        for step in self.graph.steps:
            if self.leads[step.index] and step.kind == "act":
                self.slopes[step.index] = last(_slope(tape, step))
            elif self.leads[step.index] and step.kind == "scale":
                self.slopes[step.index] = _scale(tape, step)
            elif self.leads[step.index] and step.kind == "maxpool":
                indices = F.max_pool2d(tape.source(step), **pooling(step.module), return_indices=True)[1]
                self.choices[step.index] = last(indices)
        self.norms = {step.index: self._norm(step, pulls[step.index]) for step in self.graph.norms()}

    def weight(self, step: Step, low: int, high: int) -> Tensor:
        """Return the weight of a convolution for a range of its input channels, channels last in memory."""
        if (step.index, low, high) not in self._weights:
            weight = self.tape.own(step, "weight")
            assert weight is not None
            part = weight if step.module.groups > 1 else weight[:, low:high]
            self._weights[step.index, low, high] = part.contiguous(memory_format=torch.channels_last)
        return self._weights[step.index, low, high]

    def peak(self, start: Step) -> int:
        """Return the entries an image has in the largest value that tangents of ``start`` can reach."""
        steps = [step for step in self.graph.steps[start.index + 1 :] if self.leads[step.index] or step.kind == "norm"]
        return max(self.tape.values[step.index][0].numel() for step in steps)

    def _norm(self, step: Step, pull: Tensor) -> Norm:
        tape, module = self.tape, step.module
        x = tape.source(step)
        count = groups(module)
        weight = tape.own(step, "weight")
        grouped = x.reshape(len(x), count, -1)
        rate = (grouped.var(-1, correction=0) + module.eps).rsqrt()
        unit = normalise(tape, step)
        if weight is not None:
            pull = pull * weight.view(-1, 1, 1)
        slope = pull.reshape(len(x), count, -1)
        twist = (slope * unit.reshape_as(slope)).sum(-1)
        centred = (slope - slope.mean(-1, keepdim=True)).view_as(x)
        width = x.shape[1] // count
        factor = rate.repeat_interleave(width, 1)[:, None, None, :]
        if weight is not None:
            factor = factor * weight
        tail, end = self.tail(step) if self.leads[step.index] else ([], step)
        slopes = torch.ones_like(last(x))
        while tail and tail[0].kind in ("act", "scale", "same"):
            if tail[0].kind != "same":
                slopes = slopes * self.slopes[tail[0].index]
            tail = tail[1:]
        unit = last(unit)
        shift, stretch = self.follow(tail, slopes[None])[0], self.follow(tail, (slopes * unit)[None])[0]
        return Norm(
            count=grouped.shape[-1],
            width=width,
            normalised=unit,
            pull=last(centred),
            rate=rate,
            twist=twist,
            factor=factor,
            gain=factor * slopes,
            shift=shift,
            stretch=stretch,
            level=factor * shift,
            shape=factor * stretch,
            tail=tail,
            end=end,
        )

    def tail(self, step: Step) -> tuple[list[Step], Step]:
        """Return the channel-by-channel steps that alone read one another after ``step``, and the last of them."""
        steps: list[Step] = []
        following = self.graph.sole_user(step)
        while following is not None and following.kind in CHANNELWISE and self.leads[following.index]:
            steps.append(following)
            step, following = following, self.graph.sole_user(following)
        return steps, step

    def follow(
        self,
        steps: list[Step],
        tangent: Tensor,
        channels: slice = slice(None),
        images: slice = slice(None),
        scratch: Scratch | None = None,
    ) -> Tensor:
        """Carry tangents ``[D, n, H, W, S]`` of some channels through channel-by-channel steps."""
        for step in steps:
            if step.kind == "act":
                tangent = tangent * self.slopes[step.index][images, :, :, channels]
            elif step.kind == "scale":
                tangent = tangent * self.slopes[step.index][:, :, :, channels]
            elif step.kind == "pool":
                tangent = _pool(step, tangent, scratch or Scratch())
            elif step.kind == "maxpool":
                chosen = self.choices[step.index][images, :, :, channels]
                source = tangent.flatten(2, 3).expand(-1, len(chosen), -1, -1)
                index = chosen.flatten(1, 2)[None].expand(len(tangent), -1, -1, -1)
                tangent = source.gather(2, index).view(len(tangent), *chosen.shape)
        return tangent


def last(x: Tensor) -> Tensor:
    """Move the channels of ``[n, C, H, W]`` last, in memory too."""
    return x.permute(0, 2, 3, 1).contiguous()


def _slope(tape: Tape, step: Step) -> Tensor:
    """Return the derivative of an activation at each of its inputs."""
    assert step.call is not None
    with torch.enable_grad():
        x = tape.source(step).requires_grad_()
        return torch.autograd.grad(step.call(x).sum(), x)[0]


def _scale(tape: Tape, step: Step) -> Tensor:
    """Return the factors of a normalisation by fixed statistics, ``[1, 1, 1, C]``."""
    factor = (step.module.running_var + step.module.eps).rsqrt()
    weight = tape.own(step, "weight")
    return (factor if weight is None else factor * weight)[None, None, None]


def _pool(step: Step, tangent: Tensor, scratch: Scratch) -> Tensor:
    """Apply a linear pooling to ``[D, n, H, W, S]``; plain average windows as sums of contiguous rows."""
    d, n, height, width, channels = tangent.shape
    window = _window(step)
    if window is None:
        assert step.call is not None
        out = step.call(tangent.reshape(d * n, height, width, channels).permute(0, 3, 1, 2))
        return out.permute(0, 2, 3, 1).reshape(d, n, *out.shape[2:], channels)
    k, rows, columns = window, height // window, width // window
    split = tangent[:, :, : rows * k, : columns * k].reshape(d, n, rows, k, columns * k, channels)
    summed = split[:, :, :, 0]
    rows_sum = scratch.take("rows", summed.shape, summed)
    for i in range(1, k):
        summed = torch.add(summed, split[:, :, :, i], out=rows_sum)
    if channels == 1:  # rows too short for vectors: a product with the window's indicator instead
        eye = torch.eye(columns, dtype=tangent.dtype, device=tangent.device)
        spread = eye.repeat_interleave(k, 0) / k**2
        return (summed.reshape(-1, columns * k) @ spread).view(d, n, rows, columns, 1)
    split = summed.unflatten(3, (columns, k))
    total = split[..., 0, :] / k**2
    for i in range(1, k):
        total.add_(split[..., i, :], alpha=1 / k**2)
    return total


def _window(step: Step) -> int | None:
    """Return the side of a plain average pooling's square window, ``None`` for any other pooling."""
    module = step.module
    if type(module) is not torch.nn.AvgPool2d or module.ceil_mode or module.divisor_override is not None:
        return None
    sides = {int(side) for size in (module.kernel_size, module.stride) for side in _pair(size)}
    return sides.pop() if len(sides) == 1 and set(_pair(module.padding)) == {0} else None


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
