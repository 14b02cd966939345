"""Curvature of a network's loss: the exact Hessian diagonal, its summary, trace and extreme eigenvalues.

The loss is the mean softmax cross-entropy over the images given, the parameters are those of ``named_parameters``,
and the mask, if any, is part of the network: masked weights are zero and stay so.

The diagonal of :func:`diagonal` is exact. For networks of convolutions, per-image norms (group, instance), BatchNorm
in evaluation mode, piecewise linear activations, average and max pooling, residual sums and linear layers it costs
hundreds of forward passes in all instead of several for each weight; see :mod:`distilled_pruning.curvature`. The
table of arXiv 2503.17905, section 4.2, is :func:`summary` of it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from .curvature import graph, krylov, loop, structured
from .curvature.krylov import Spectrum, Trace
from .curvature.problem import Problem, exact_arithmetic, pose
from .errors import InputError
from .models.weights import rename

__all__ = [
    "Spectrum",
    "Trace",
    "by_membership",
    "diagonal",
    "gauss_newton_diagonal",
    "sharpness",
    "summary",
    "top_eigenvalues",
    "trace",
]

_COLUMNS = ("min", "max", "mean", "std", "mean_abs", "count")
Progress = Callable[[int, int, dict[str, float]], None]


def diagonal(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    mask: Mapping[str, Tensor] | None = None,
    *,
    fallback_limit: int = 20_000,
    progress: Progress | None = None,
) -> dict[str, Tensor]:
    """Return the exact diagonal of the Hessian.

    A network the fast method does not cover, or only with BatchNorm in training mode, whose images depend on one
    another, goes through one double backward an entry when it is small enough; nothing is ever approximated.

    Args:
        net: Any module from images to logits ``[N, classes]``. It is left as it is, in the mode it is in; frozen
            parameters are treated like the others.
        images: Floats ``[N, C, H, W]``, used as they are but for the network's dtype and device.
        labels: int64 ``[N]``.
        mask: Bool tensors by parameter name; the Hessian is taken at the masked weights. Entries outside are exact
            zeros, and cost nothing.
        fallback_limit: Most unmasked entries the double backward may be used for.
        progress: Called with images (or, in the fallback, entries) done and in all.

    Returns:
        A tensor shaped as the parameter for every name of ``net.named_parameters()``, on the network's device and in
        its dtype. Biases whose effect a norm of single channels removes are exact zeros.

    Raises:
        InputError: For input that is not finite or does not fit together, an empty mask, a network that is neither
            covered nor small enough, or one with a random output.

    Examples:
        >>> from distilled_pruning import hessian
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        >>> images, labels = torch.rand(8, 1, 2, 2), torch.arange(8) % 3
        >>> found = hessian.diagonal(net, images, labels)
        >>> {name: tuple(entries.shape) for name, entries in found.items()}
        {'1.weight': (3, 4), '1.bias': (3,)}
        >>> bool((found["1.bias"] > 0).all())
        True
    """
    with exact_arithmetic(net):
        problem = pose(net, images, labels, mask)
        try:
            return _structured(problem, True, progress)
        except graph.Unsupported as reason:
            free = problem.free
            if free > fallback_limit:
                raise InputError(
                    f"no fast exact method covers {reason}, and {free:,} entries are too many for a double backward"
                    f" each: mask or change the network{_advice(reason)}, in Python also set fallback_limit={free}"
                ) from None
            if isinstance(reason, graph.BatchCoupled):
                warnings.warn(f"double backward for each entry, because of {reason}{_advice(reason)}", stacklevel=2)
            return loop.diagonal(problem, _reporter(progress, free))


def gauss_newton_diagonal(
    net: nn.Module, images: Tensor, labels: Tensor, mask: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Return the exact diagonal of the Gauss-Newton matrix J'AJ, A the curvature of the loss in the logits.

    It is the Hessian's diagonal for networks without per-image norms, such as ReLU networks with BatchNorm in
    evaluation mode, and never negative. It takes and gives what :func:`diagonal` does.

    Raises:
        InputError: As in :func:`diagonal`, and for every network the fast method does not cover.
    """
    with exact_arithmetic(net):
        problem = pose(net, images, labels, mask)
        try:
            return _structured(problem, False)
        except graph.Unsupported as reason:
            raise InputError(f"no exact Gauss-Newton diagonal for {reason}{_advice(reason)}") from None


def trace(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    mask: Mapping[str, Tensor] | None = None,
    *,
    probes: int = 64,
    seed: int = 0,
) -> Trace:
    """Estimate the Hessian's trace by Hutchinson's method, with its standard error.

    Works for any network that can be differentiated twice, on what :func:`diagonal` takes, all images together. Each of
    the ``probes`` is a random sign vector drawn from ``seed``, and costs one product with the Hessian. Where
    :func:`diagonal` is affordable its sum is the exact trace.

    Raises:
        InputError: As in :func:`diagonal`, and for fewer than one probe.
    """
    with exact_arithmetic(net):
        return krylov.hutchinson(pose(net, images, labels, mask), probes, seed)


def top_eigenvalues(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    mask: Mapping[str, Tensor] | None = None,
    *,
    count: int = 5,
    end: str = "largest",
    iterations: int = 100,
    tolerance: float = 1e-4,
    seed: int = 0,
) -> Spectrum:
    """Find extreme eigenvalues of the Hessian by the Lanczos method, with their residuals.

    Args:
        net: Any module from images to logits.
        images: As in :func:`diagonal`; all are worked on together.
        labels: int64 ``[N]``.
        mask: As in :func:`diagonal`; the Hessian is that of the surviving parameters.
        count: Eigenvalues wanted.
        end: ``"largest"``, ``"smallest"`` or ``"magnitude"``.
        iterations: Most products with the Hessian; a residual above the tolerance says that they were too few.
        tolerance: Largest residual wanted, relative to the largest magnitude.
        seed: Of the random start.

    Raises:
        InputError: As in :func:`diagonal`, for an unknown end, and for a count below one or above the iterations.
    """
    with exact_arithmetic(net):
        return krylov.lanczos(pose(net, images, labels, mask), count, end, iterations, tolerance, seed)


def summary(diag: Mapping[str, Tensor], mask: Mapping[str, Tensor] | None = None) -> dict[str, float]:
    """Summarise a diagonal by the columns of the paper's table (2503.17905, section 4.2).

    Args:
        diag: A diagonal by parameter name.
        mask: The mask it was taken under.

    Returns:
        ``min max mean std mean_abs count`` over all entries, masked zeros included, as the authors' script counts;
        the same with the suffix ``_kept`` without masked entries, and with ``_nonzero`` without any exact zero
        either, such as the biases that a norm makes ineffective. Deviations are of the population.

    Raises:
        InputError: When a set of entries is empty, or the mask does not fit.

    Examples:
        >>> from distilled_pruning import hessian
        >>> found = hessian.summary({"weight": torch.tensor([-1.0, 0.0, 4.0])})
        >>> found["min"], found["max"], found["mean"], round(found["mean_abs"], 3)
        (-1.0, 4.0, 1.0, 1.667)
    """
    if not diag:
        raise InputError("the diagonal has no parameter: give what diagonal() returned")
    every = torch.cat([value.detach().flatten() for value in diag.values()]).double().cpu()
    kept = every
    if mask is not None:
        mask = rename(mask, diag)
        for name in mask:
            if name not in diag or mask[name].shape != diag[name].shape:
                raise InputError(f"the mask's {name!r} does not fit the diagonal: give the mask it was taken under")
        parts = [value.detach()[mask[n].to(value.device).bool()] if n in mask else value for n, value in diag.items()]
        kept = torch.cat([part.detach().flatten() for part in parts]).double().cpu()
    sets = {"": every, "_kept": kept, "_nonzero": kept[kept != 0]}
    return {name + suffix: figure for suffix, entries in sets.items() for name, figure in _columns(entries).items()}


def sharpness(net: nn.Module, diag: Mapping[str, Tensor], mask: Mapping[str, Tensor] | None = None) -> float:
    """Return the sum of w^2 h over all parameters w with diagonal entries h.

    Unlike the diagonal it does not change when the weights before a norm, or of two layers with a ReLU between them,
    are scaled without changing the network's function.

    Args:
        net: The network the diagonal was taken of.
        diag: Its diagonal by parameter name.
        mask: The mask it was taken under.

    Raises:
        InputError: When a parameter has no entry in the diagonal.
    """
    total = []
    mask = rename(mask, diag) if mask is not None else None
    for name, parameter in net.named_parameters():
        if name not in diag or diag[name].shape != parameter.shape:
            raise InputError(f"the diagonal does not fit the network: no entry for the parameter {name!r}")
        weight = parameter.detach().double()
        if mask is not None and name in mask:
            weight = weight * mask[name].to(weight.device)
        total.append(float((weight.square() * diag[name].detach().to(weight)).sum()))
    return math.fsum(total)


def by_membership(
    net: nn.Module, diag: Mapping[str, Tensor], a: Mapping[str, Tensor], b: Mapping[str, Tensor]
) -> dict[str, dict[str, float]]:
    """Sum up a diagonal apart for the weights that both masks keep, one of them alone, or neither.

    2503.17905 sections 4 and 7 suppose that IMP keeps weights that sharpen the loss and distilled pruning removes them.

    Args:
        net: The network the diagonal was taken of.
        diag: Its diagonal by parameter name.
        a: A mask: bool tensors by parameter name.
        b: Another mask of the same network.

    Returns:
        For ``"both"``, ``"a"`` (alone), ``"b"`` (alone) and ``"neither"``: ``count``, the mean of the entries'
        magnitude ``mean_abs``, and of ``w^2 h`` over the weights w, ``mean_saliency``; NaN where there is no weight.

    Raises:
        InputError: When the masks are of different networks, or do not fit the diagonal.
    """
    weights = dict(net.named_parameters())
    a, b = rename(a, weights), rename(b, weights)
    if not a or a.keys() != b.keys() or any(a[n].shape != b[n].shape or n not in diag or n not in weights for n in a):
        raise InputError("the masks and the diagonal belong to different networks: give those of one")
    entries, products, kept = [], [], []
    for name in a:
        h = diag[name].detach().double().flatten().cpu()
        entries.append(h)
        products.append(weights[name].detach().double().flatten().cpu().square() * h)
        kept.append(a[name].flatten().cpu().bool().int() + 2 * b[name].flatten().cpu().bool().int())
    h, product, member = torch.cat(entries), torch.cat(products), torch.cat(kept)
    found = {}
    for name, code in (("both", 3), ("a", 1), ("b", 2), ("neither", 0)):
        part = member == code
        figures = {"mean_abs": float(h[part].abs().mean()), "mean_saliency": float(product[part].mean())}
        found[name] = {"count": float(part.sum()), **figures}
    return found


def _structured(problem: Problem, curved: bool, progress: Progress | None = None) -> dict[str, Tensor]:
    steps = graph.read(problem.net)
    structured.verify(steps, problem)
    report = _reporter(progress, len(problem.images))
    return structured.diagonal(steps, problem, curved, structured.budget(problem.images.device), report)


def _reporter(progress: Progress | None, total: int) -> Callable[[int], None] | None:
    return None if progress is None else lambda done: progress(done, total, {})


def _advice(reason: graph.Unsupported) -> str:
    return " (net.eval() uses its running statistics)" if isinstance(reason, graph.BatchCoupled) else ""


def _columns(entries: Tensor) -> dict[str, float]:
    if not len(entries):
        return dict.fromkeys(_COLUMNS, math.nan) | {"count": 0}
    figures = (entries.min(), entries.max(), entries.mean(), entries.std(correction=0), entries.abs().mean())
    return dict(zip(_COLUMNS, (*map(float, figures), len(entries)), strict=True))
