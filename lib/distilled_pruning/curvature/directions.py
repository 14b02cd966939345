"""The directions of single parameters, a channel at a time, as tangents of the block they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .fields import Fields, Norm
from .graph import Graph, Step
from .scratch import Scratch
from .tangents import Support, widen
from .tape import groups, normalise, patches

Target = tuple[Tensor, Tensor]


@dataclass(eq=False)
class Rows:
    """The directions of one channel.

    Attributes:
        targets: Where the curvature goes: flat views of the diagonal, and the entries in them.
        make: Returns the tangents ``[D, n, H, W, S]`` of a range of directions and images at the output of ``end``.
        height: H.
        width: W.
        spread: Positions of the largest map that making one tangent needs.
        support: The channels they move.
        end: The step whose output they are tangents of.
        sample: Any tensor of the computation's dtype and device.
    """

    targets: list[Target]
    make: Callable[[slice, slice], Tensor]
    height: int
    width: int
    spread: int
    support: Support
    end: Step
    sample: Tensor

    @property
    def count(self) -> int:
        """D, the number of directions."""
        return sum(len(entries) for _, entries in self.targets)

    def add(self, part: slice, curvature: Tensor) -> None:
        """Add the curvature along a range of the directions to its entries of the diagonal."""
        flat = torch.zeros(self.count, dtype=curvature.dtype, device=curvature.device)
        flat[part] = curvature
        for target, entries in self.targets:
            target.index_add_(0, entries, flat[: len(entries)])
            flat = flat[len(entries) :]


def _own_norm(graph: Graph, step: Step) -> Step | None:
    """Return the norm that alone reads ``step``, if there is one."""
    following = graph.sole_user(step) if step.kind == "conv" else None
    return following if following is not None and following.kind == "norm" else None


def vanishes(graph: Graph, conv: Step) -> bool:
    """Tell whether a norm of single channels takes every effect of the convolution's bias away."""
    norm = _own_norm(graph, conv)
    return norm is not None and groups(norm.module) == conv.module.out_channels


def directions(
    fields: Fields, scratch: Scratch, step: Step, diag: dict[str, Tensor], keep: Mapping[str, Tensor]
) -> Iterator[Rows]:
    """Yield the directions of the step's parameters that reach a norm downstream.

    A convolution that a norm alone reads is taken together with that norm and what follows it channel by channel; the
    curvature its weights meet in that norm has a closed form, which is added here.
    """
    graph = fields.graph
    if step.kind == "conv":
        norm = _own_norm(graph, step)
        if norm is not None or fields.leads[step.index]:
            yield from _Block(fields, scratch, step, norm, diag, keep).rows()
    elif step.kind in ("norm", "scale") and _own_norm(graph, graph.steps[step.inputs[0]]) is not step:
        yield from _affine(fields, step, diag)


def _affine(fields: Fields, step: Step, diag: dict[str, Tensor]) -> Iterator[Rows]:
    """Yield the directions of a norm's or a scale's weight and bias."""
    if not fields.leads[step.index]:
        return
    unit = normalise(fields.tape, step).permute(0, 2, 3, 1)
    stretch, shift, end = unit, torch.ones_like(unit), step
    if step.kind == "norm":
        norm = fields.norms[step.index]
        stretch, shift, end = norm.stretch, norm.shift, norm.end
    names = [f"{step.name}.weight", f"{step.name}.bias"]
    known = [(diag[name], tangent) for name, tangent in zip(names, (stretch, shift), strict=True) if name in diag]
    if not known:
        return
    both = torch.stack([tangent for _, tangent in known])
    height, width = both.shape[2:4]

    def maker(o: int) -> Callable[[slice, slice], Tensor]:
        return lambda part, images: both[part, images, :, :, o : o + 1]

    for o in range(both.shape[-1]):
        entry = torch.tensor([o], device=both.device)
        yield Rows(
            [(target, entry) for target, _ in known],
            maker(o),
            height,
            width,
            height * width,
            (o, o + 1),
            end,
            both,
        )


class _Block:
    """A convolution with the norm that alone reads it, or without one."""

    def __init__(
        self,
        fields: Fields,
        scratch: Scratch,
        conv: Step,
        norm: Step | None,
        diag: dict[str, Tensor],
        keep: Mapping[str, Tensor],
    ) -> None:
        self.fields, self.scratch, self.conv, self.diag = fields, scratch, conv, diag
        self.norm: Norm | None = None if norm is None else fields.norms[norm.index]
        self.end = conv if self.norm is None else self.norm.end
        self.norm_step = norm
        self.leads = fields.leads[(norm or conv).index]
        self.mask = keep.get(f"{conv.name}.weight")
        seen = patches(conv.module, fields.tape.source(conv))
        self.entries = seen.shape[2]
        self.bias = diag.get(f"{conv.name}.bias")
        if self.bias is not None and self.norm is not None and self.norm.width == 1:
            self.bias = None
        if self.bias is not None:
            seen = torch.cat([seen, seen.new_ones(*seen.shape[:2], 1, seen.shape[3])], 2)
        self.shape = fields.tape.values[conv.index].shape[2:]
        if self.norm is not None:
            self._close(seen, self.norm)
        self.seen = seen.permute(1, 2, 0, 3).contiguous() if self.leads else seen

    def _close(self, seen: Tensor, norm: Norm) -> None:
        """Add the curvature that the block's own norm gives its weights, and keep what their tangents need."""
        n, split = seen.shape[:2]
        unit, pull = (
            x.flatten(1, 2).unflatten(2, (split, -1)).permute(0, 2, 3, 1) for x in (norm.normalised, norm.pull)
        )
        nu = unit @ seen.transpose(2, 3) / norm.count
        sigma = pull @ seen.transpose(2, 3)
        rate, twist = (x.repeat_interleave(norm.width, 1).view(n, split, -1, 1) for x in (norm.rate, norm.twist))
        mean, share = seen.mean(3), 1 / norm.width
        spread = seen.var(3, correction=0) * share + mean.square() * (share * (1 - share))
        self.mean, self.nu = (mean * share).permute(1, 2, 0), nu.permute(1, 2, 3, 0)
        bent = rate.square() * (nu * (3 * twist * nu - 2 * sigma) - twist * spread[:, :, None])
        summed = bent.sum(0).flatten(0, 1)
        weight = self.diag[f"{self.conv.name}.weight"]
        weight += summed[:, : self.entries].reshape(weight.shape)
        if self.bias is not None:
            self.bias += summed[:, self.entries]

    def rows(self) -> Iterator[Rows]:
        """Yield the directions of each channel that are not masked."""
        if not self.leads:
            return
        module = self.conv.module
        weight = self.diag[f"{self.conv.name}.weight"]
        affine = self._affine()
        device = weight.device
        extra = [] if self.bias is None else [self.entries]
        for o in range(module.out_channels):
            kept = torch.arange(self.entries, device=device)
            if self.mask is not None:
                kept = kept[self.mask[o].flatten()]
            index = torch.cat([kept, torch.tensor(extra, dtype=torch.long, device=device)])
            entry = torch.tensor([o], device=device)
            targets: list[Target] = [(weight[o].view(-1), kept)]
            if self.bias is not None:
                targets.append((self.bias, entry))
            targets += [(target, entry) for target, _ in affine]
            support = (o, o + 1)
            height, width = self.shape
            if self.norm is not None:
                low = o // self.norm.width * self.norm.width
                support = (low, low + self.norm.width)
                height, width = self.norm.shift.shape[1:3]
            rows = Rows(
                targets,
                self._maker(o, index, support, [t for _, t in affine]),
                height,
                width,
                self.shape[0] * self.shape[1],
                support,
                self.end,
                weight,
            )
            if rows.count:
                yield rows

    def _affine(self) -> list[tuple[Tensor, Tensor]]:
        """Return the diagonal and the tangents of the norm's weight and bias, where it has them."""
        if self.norm is None or self.norm_step is None:
            return []
        names = [f"{self.norm_step.name}.weight", f"{self.norm_step.name}.bias"]
        tangents = (self.norm.stretch, self.norm.shift)
        return [(self.diag[name], t) for name, t in zip(names, tangents, strict=True) if name in self.diag]

    def _maker(self, o: int, index: Tensor, support: Support, affine: list[Tensor]) -> Callable[[slice, slice], Tensor]:
        split = o // (self.conv.module.out_channels // self.conv.module.groups)

        def make(part: slice, images: slice) -> Tensor:
            chosen = index[part]
            seen = self.seen[split, :, images]
            whole = len(chosen) == len(seen)
            tangent = (seen if whole else seen[chosen]).unflatten(2, self.shape)[..., None]
            if self.norm is not None:
                tangent = self._through(tangent, self.norm, o, chosen, support, images)
            first = max(0, part.start - len(index))
            more = affine[first : max(0, part.stop - len(index))]
            extra = [widen(t[None, images, :, :, o : o + 1], (o, o + 1), support) for t in more]
            return torch.cat([tangent, *extra]) if extra else tangent

        return make

    def _through(self, tangent: Tensor, norm: Norm, o: int, chosen: Tensor, support: Support, images: slice) -> Tensor:
        """Take tangents of the convolution's channel ``o`` through the norm and its tail."""
        own, group = slice(o, o + 1), slice(*support)
        outs = self.conv.module.out_channels // self.conv.module.groups
        tangent = self.scratch.product("block", tangent, norm.gain[images, :, :, own])
        tangent = self.fields.follow(norm.tail, tangent, own, images, self.scratch)
        tangent = widen(tangent, (o, o + 1), support)
        mean = self.mean[o // outs][chosen][:, images, None, None, None]
        nu = self.nu[o // outs, o % outs][chosen][:, images, None, None, None]
        tangent = torch.addcmul(tangent, mean, norm.level[images, :, :, group], value=-1)
        return tangent.addcmul_(nu, norm.shape[images, :, :, group], value=-1)
