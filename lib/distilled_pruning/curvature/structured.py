"""The exact Hessian diagonal by forward tangents: Gauss-Newton plus the curvature of the norm layers.

Along one weight, convolutions, pools and piecewise linear activations have no second derivative. What is left is
softmax cross-entropy, whose part is the Gauss-Newton diagonal, and the norms, each of which adds a quadratic form in
the tangent of its input. A weight of a convolution moves one channel (or one norm group) of its block, so all weights
of that channel are carried on together: as they are where they are few, or, where they outnumber the positions of the
pooled map, through the bilinear form between those positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from . import gauss_newton
from .directions import Rows, directions, vanishes
from .fields import Fields
from .graph import Graph, Unsupported
from .problem import Problem
from .scratch import Scratch
from .tangents import Carrier
from .tape import Tape, patches, record


@dataclass(frozen=True)
class Budget:
    """Bytes a computation may hold at once.

    Attributes:
        chunk: For all values and derivatives of the images worked on together.
        tangents: For the largest tensor of tangents; small enough for a processor's cache, large on a GPU.
    """

    chunk: int
    tangents: int


def budget(device: torch.device) -> Budget:
    """Return the budget that suits ``device``."""
    return Budget(2**28, 2**22) if device.type == "cpu" else Budget(2**33, 2**30)


def diagonal(
    graph: Graph,
    problem: Problem,
    curved: bool,
    limits: Budget,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Tensor]:
    """Return the diagonal of the mean cross-entropy's Hessian or, unless ``curved``, of its Gauss-Newton matrix.

    Returns:
        A tensor shaped as the parameter for every parameter.

    Raises:
        Unsupported: When a tensor has a shape the derivatives are not written for.
    """
    params, images, labels = problem.params, problem.images, problem.labels
    diag = {name: value.new_zeros(value.shape) for name, value in params.items()}
    chunk = max(1, limits.chunk // _footprint(record(graph, params, images[:1])))
    for start in range(0, len(images), chunk):
        part = slice(start, start + chunk)
        tape = record(graph, params, images[part])
        gauss_newton.accumulate(tape, diag, len(images))
        if curved and graph.norms():
            _add_curvature(tape, labels[part], len(images), diag, problem.keep, limits)
        if progress is not None:
            progress(min(start + chunk, len(images)))
    for step in graph.steps:
        bias = f"{step.name}.bias"
        if step.kind == "conv" and bias in diag and vanishes(graph, step):
            diag[bias].zero_()
    for name, mask in problem.keep.items():
        diag[name] *= mask
    return diag


def verify(graph: Graph, problem: Problem) -> None:
    """Check that the steps repeat what the network computes.

    Raises:
        Unsupported: When they do not, for whatever reason.
    """
    images = problem.images[:2]
    with torch.no_grad():
        theirs, ours = problem.logits(problem.params, images), record(graph, problem.params, images).logits
        if theirs.shape != ours.shape or not bool((theirs - ours).norm() <= 1e-3 * theirs.norm() + 1e-6):
            raise Unsupported("a forward that its traced steps do not repeat")


def _footprint(tape: Tape) -> int:
    """Estimate the bytes one image needs while its derivatives are taken."""
    size = 3 * sum(value.numel() for value in tape.values)
    for step in tape.graph.parametrised():
        if step.kind == "conv":
            seen = patches(step.module, tape.source(step))
            size += 2 * seen.numel() + 4 * seen[0, 0, :, 0].numel() * step.module.out_channels
    return size * tape.logits.element_size()


def _add_curvature(
    tape: Tape, labels: Tensor, total: int, diag: dict[str, Tensor], keep: Mapping[str, Tensor], limits: Budget
) -> None:
    """Add what the norms' second derivatives contribute for the images of ``tape``."""
    graph = tape.graph
    slope = (tape.logits.softmax(1) - torch.nn.functional.one_hot(labels, tape.logits.shape[1])).detach() / total
    norms = graph.norms()
    pulls = tape.pull(slope, [tape.values[norm.index] for norm in norms])
    with torch.no_grad():
        fields = Fields(tape, {norm.index: pull for norm, pull in zip(norms, pulls, strict=True)})
        scratch = Scratch()
        for step in graph.parametrised():
            for rows in directions(fields, scratch, step, diag, keep):
                _carry(fields, scratch, rows, len(labels), limits)


def _carry(fields: Fields, scratch: Scratch, rows: Rows, n: int, limits: Budget) -> None:
    """Carry the directions of one channel on and add the curvature along them to their targets."""
    size, positions = rows.count, rows.height * rows.width
    following = fields.graph.sole_user(rows.end)
    convolved = following is not None and following.kind == "conv" and following.module.groups == 1
    single = rows.support[1] - rows.support[0] == 1
    entry = rows.sample.element_size()
    weight = entry * fields.peak(rows.end)
    if convolved and single and size > positions:
        rows.add(slice(0, size), _by_form(fields, scratch, rows, n, limits, weight))
        return
    span = min(size, max(8, limits.tangents // weight))
    step = max(1, limits.tangents // (weight * span))
    for low in range(0, size, span):
        part = slice(low, low + span)
        for start in range(0, n, step):
            images = slice(start, start + step)
            rows.add(part, Carrier(fields, scratch, images).run(rows.end, rows.make(part, images), rows.support))


def _by_form(fields: Fields, scratch: Scratch, rows: Rows, n: int, limits: Budget, weight: int) -> Tensor:
    """Return the curvature along directions that outnumber the positions they are spread over."""
    positions = rows.height * rows.width
    basis = torch.eye(positions, dtype=rows.sample.dtype, device=rows.sample.device)
    basis = basis.view(positions, 1, rows.height, rows.width, 1)
    lone = sum(norm.index > rows.end.index for norm in fields.graph.norms()) == 1
    step = n if lone else max(1, limits.tangents // (weight * positions))
    total = torch.zeros(rows.count, dtype=basis.dtype, device=basis.device)
    for start in range(0, n, step):
        images = slice(start, min(start + step, n))
        form = Carrier(fields, scratch, images, form=True).run(rows.end, basis, rows.support)
        inner = max(1, limits.tangents // (rows.count * rows.spread * basis.element_size()))
        for low in range(images.start, images.stop, inner):
            few = slice(low, min(low + inner, images.stop))
            spread = rows.make(slice(0, rows.count), few).flatten(2).transpose(0, 1)
            bent = (spread @ form[few.start - images.start : few.stop - images.start]).mul_(spread)
            total += bent.sum((0, 2))
    return total
