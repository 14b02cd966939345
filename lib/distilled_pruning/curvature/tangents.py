"""Directions in parameter space carried forward through a network, and what the norms on their way make of them.

A tangent has the layout ``[D, n, H, W, S]``: directions, images (1 where all images share it), positions, and the
channels of its support, the only ones it moves. Values lie channels last, so that every elementwise operation runs
over contiguous memory and convolutions need no reordering.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .fields import CHANNELWISE, Fields, Norm
from .graph import Step
from .scratch import Scratch
from .tape import convolve, pad

Support = tuple[int, int]
_SMALL_KERNEL = 64


class Carrier:
    """Carries tangents of a range of images forward and sums the curvature they meet.

    Args:
        fields: The fields of the images' tape.
        scratch: Memory for the tangents.
        images: The range of images.
        form: False for the curvature along each direction, ``[D]`` summed over the images; True for the bilinear
            form between all of them, ``[n, D, D]`` for each image, whose quadratic form is the curvature.
    """

    def __init__(self, fields: Fields, scratch: Scratch, images: slice, form: bool = False) -> None:
        self.fields, self.scratch, self.images, self.form = fields, scratch, images, form

    def run(self, start: Step, tangent: Tensor, support: Support) -> Tensor:
        """Carry ``tangent`` from the output of ``start`` to the last norm and return the curvature met."""
        fields = self.fields
        met: Tensor | None = None
        reached: dict[int, tuple[Tensor, Support]] = {start.index: (tangent, support)}
        del tangent
        waiting = {start.index: len(start.users)}
        for step in fields.graph.steps[start.index + 1 :]:
            sources = [source for source in step.inputs if source in reached]
            if not sources:
                continue
            parts = [reached[source] for source in sources]
            for source in sources:
                waiting[source] -= 1
                if waiting[source] <= 0:
                    del reached[source], waiting[source]
            leads = fields.leads[step.index]
            end = step
            if step.kind == "norm":
                norm = fields.norms[step.index]
                bent, result = self.norm(norm, *parts[0], leads)
                met = bent if met is None else met + bent
                end = norm.end
            elif not leads:
                continue
            elif step.kind == "conv":
                result = self.conv(step, *parts[0])
            elif step.kind == "add":
                result = self.add(step, parts)
            else:
                assert step.kind in CHANNELWISE
                part, (low, high) = parts[0]
                result = fields.follow([step], part, slice(low, high), self.images), (low, high)
            del parts
            if leads:
                reached[end.index] = result
                waiting[end.index] = len(end.users)
        assert met is not None
        return met

    def norm(self, norm: Norm, tangent: Tensor, support: Support, leads: bool) -> tuple[Tensor, tuple[Tensor, Support]]:
        """Return the curvature a norm adds, and the tangent after it and its tail."""
        low, high = support
        width = norm.width
        whole = low // width * width, -(-high // width) * width
        tangent = widen(tangent, support, whole)
        low, high = whole
        channels, blocks = slice(low, high), slice(low // width, high // width)
        rate, twist = norm.rate[self.images, blocks], norm.twist[self.images, blocks]
        if self.form:
            mean, nu, bent = self._bend_form(norm, tangent, blocks, rate, twist)
        else:
            unit, pull = norm.normalised[self.images, :, :, channels], norm.pull[self.images, :, :, channels]
            mean = _total(tangent, width) / norm.count
            nu = _total(self.scratch.product("norm", tangent, unit), width) / norm.count
            sigma = _total(self.scratch.product("norm", tangent, pull), width)
            square = _total(self.scratch.product("norm", tangent, tangent), width) / norm.count
            spread = square - mean.square()
            bent = (rate.square() * (nu * (3 * twist * nu - 2 * sigma) - twist * spread)).sum((1, 2))
        if not leads:
            return bent, (tangent, whole)
        gained = self.scratch.product("norm", tangent, norm.gain[self.images, :, :, channels])
        out = self.fields.follow(norm.tail, gained, channels, self.images, self.scratch)
        out = torch.addcmul(out, _spread(mean, width), norm.level[self.images, :, :, channels], value=-1)
        out.addcmul_(_spread(nu, width), norm.shape[self.images, :, :, channels], value=-1)
        return bent, (out, whole)

    def _bend_form(
        self, norm: Norm, tangent: Tensor, blocks: slice, rate: Tensor, twist: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean, nu and the bilinear form; tangents shared by all images are multiplied once."""
        n, width = len(rate), norm.width
        rows = _by_group(tangent, width)
        mean = rows.mean(3)
        rows = rows - mean[..., None]
        fields = norm.columns[blocks][..., self.images]
        if len(rows) == 1:  # one product a group for all images
            seen = (rows[0] @ fields.flatten(2)).unflatten(2, (2, n)).permute(2, 3, 1, 0)
        else:
            seen = (rows @ fields.permute(3, 0, 1, 2).contiguous()).permute(3, 0, 2, 1)
        nu, sigma = seen[0] / norm.count, seen[1]
        left = (rate.square()[:, None] * nu).contiguous()
        right = torch.addcmul(-2 * sigma, nu, twist[:, None], value=3).transpose(1, 2).contiguous()
        bent = left @ right
        stiffness = rate.square() * twist / norm.count
        if len(rows) == 1:
            gram = rows[0] @ rows[0].transpose(1, 2)
            bent -= (stiffness @ gram.flatten(1)).view_as(bent)
        else:
            weighed = (rows * stiffness[..., None, None]).transpose(1, 2).flatten(2)
            bent -= weighed @ rows.transpose(1, 2).flatten(2).transpose(1, 2)
        return mean.permute(2, 0, 1), nu.transpose(0, 1), bent

    def conv(self, step: Step, tangent: Tensor, support: Support) -> tuple[Tensor, Support]:
        """Carry a tangent through a convolution, reading only the channels it moves."""
        module = step.module
        weight = self.fields.tape.own(step, "weight")
        assert weight is not None
        low, high = support
        if module.groups > 1:
            tangent, low, high = widen(tangent, support, (0, module.in_channels)), 0, module.in_channels
        else:
            weight = weight[:, low:high]
        d, n = tangent.shape[:2]
        maps = tangent.flatten(0, 1)
        # For few weights a channel a matrix product over shifted maps is faster than the library's convolution.
        if module.groups == 1 and weight[0].numel() <= _SMALL_KERNEL:
            columns, size = _columns(module, maps, lambda shape: self.scratch.take("columns", shape, maps))
            shape = (d, n, *size, module.out_channels)
            out = self.scratch.take(("conv", step.index), shape, maps)
            torch.mm(columns.T, weight.flatten(1).T, out=out.flatten(0, 3))
            return out, (0, module.out_channels)
        out = convolve(module, maps.permute(0, 3, 1, 2), self.fields.weight(step, low, high)).permute(0, 2, 3, 1)
        return out.reshape(d, n, *out.shape[1:]), (0, module.out_channels)

    def add(self, step: Step, parts: list[tuple[Tensor, Support]]) -> tuple[Tensor, Support]:
        """Add two tangents, or pass the only one on."""
        if step.inputs[0] == step.inputs[1]:
            return 2 * parts[0][0], parts[0][1]
        if len(parts) == 1:
            return parts[0]
        whole = min(low for _, (low, _) in parts), max(high for _, (_, high) in parts)
        first, second = (widen(tangent, support, whole) for tangent, support in parts)
        return first + second, whole


def widen(tangent: Tensor, support: Support, whole: Support) -> Tensor:
    """Write the channels of a support out as part of a larger one, with zeros around them."""
    if support == whole:
        return tangent
    return F.pad(tangent, (support[0] - whole[0], whole[1] - support[1]))


def _total(x: Tensor, width: int) -> Tensor:
    """Sum ``[D, n, H, W, S]`` over positions and over the channels of each group: ``[D, n, groups]``."""
    sums = x.flatten(2, 3).sum(2)
    return sums if width == 1 else sums.unflatten(-1, (-1, width)).sum(-1)


def _spread(x: Tensor, width: int) -> Tensor:
    """Repeat ``[D, n, groups]`` for the channels of each group: ``[D, n, 1, 1, S]``."""
    return (x if width == 1 else x.repeat_interleave(width, -1))[:, :, None, None]


def _by_group(x: Tensor, width: int) -> Tensor:
    """Reorder ``[D, n, H, W, S]`` to ``[n, groups, D, entries of the group]``, contiguous."""
    d, n, channels = len(x), x.shape[1], x.shape[-1]
    turned = x.reshape(-1, channels).T.contiguous()  # a plain transpose first: the other orders then move whole maps
    return turned.view(-1, width, d, n, x.shape[2] * x.shape[3]).permute(3, 0, 2, 1, 4).flatten(3).contiguous()


def _columns(
    module: torch.nn.Conv2d, maps: Tensor, out: Callable[[tuple[int, ...]], Tensor]
) -> tuple[Tensor, list[int]]:
    """Stack what each entry of a kernel is multiplied with: ``[S * kernel entries, m * H' * W']``, and H', W'.

    Shifted copies of whole maps, which are faster than unfolding when there are few channels.
    """
    maps = pad(module, maps.permute(0, 3, 1, 2))
    settings = list(zip(maps.shape[2:], module.dilation, module.kernel_size, module.stride, strict=True))
    rows, columns = ((side - gap * (kernel - 1) - 1) // stride + 1 for side, gap, kernel, stride in settings)
    shifts = [
        [slice(i * gap, i * gap + (size - 1) * stride + 1, stride) for i in range(kernel)]
        for (_, gap, kernel, stride), size in zip(settings, (rows, columns), strict=True)
    ]
    parts = [maps[:, s, down, right] for s in range(maps.shape[1]) for down in shifts[0] for right in shifts[1]]
    stacked = torch.stack(parts, out=out((len(parts), *parts[0].shape)))
    return stacked.view(len(parts), -1), [rows, columns]
