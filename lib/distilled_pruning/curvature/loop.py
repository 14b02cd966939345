"""The Hessian diagonal by double backward, one entry at a time: exact for any network, and slow."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import InputError
from .problem import Problem


def diagonal(problem: Problem, progress: Callable[[int], None] | None = None) -> dict[str, Tensor]:
    """Differentiate each entry of the gradient once more, with respect to its own tensor.

    Returns:
        A tensor shaped as the parameter for every parameter; masked entries are zero.

    Raises:
        InputError: When the network's output is random, or cannot be differentiated twice.
    """
    _require_determinism(problem)
    leaves = {name: value.clone().requires_grad_() for name, value in problem.params.items()}
    done = 0
    diag = {name: torch.zeros_like(value) for name, value in problem.params.items()}
    try:
        with torch.enable_grad():
            loss = problem.loss(leaves)
        slopes = torch.autograd.grad(loss, list(leaves.values()), create_graph=True, allow_unused=True)
        for (name, leaf), slope in zip(leaves.items(), slopes, strict=True):
            if slope is None or not slope.requires_grad:
                continue
            keep = problem.keep.get(name)
            entries = torch.arange(leaf.numel()) if keep is None else keep.flatten().nonzero()[:, 0]
            flat, out = slope.flatten(), diag[name].view(-1)
            for i in entries.tolist():
                (row,) = torch.autograd.grad(flat[i], leaf, retain_graph=True, allow_unused=True)
                if row is not None:
                    out[i] = row.flatten()[i]
                done += 1
                if progress is not None:
                    progress(done)
    except (RuntimeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the network's loss cannot be differentiated twice: {reason}") from error
    return diag


def _require_determinism(problem: Problem) -> None:
    """Refuse a network whose output depends on random numbers, such as one with dropout in training mode."""
    device = problem.images.device
    with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        first = problem.logits(problem.params)
        torch.manual_seed(1)
        second = problem.logits(problem.params)
    if not torch.allclose(first, second, rtol=1e-3, atol=1e-5):
        raise InputError("the network's output is random, so its loss has no Hessian: call net.eval()")
