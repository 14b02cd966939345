"""Trace and extreme eigenvalues of the Hessian from its products with vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError, unknown
from .problem import Problem

_ENDS = ("largest", "smallest", "magnitude")


@dataclass(frozen=True)
class Trace:
    """An estimate of a trace.

    Attributes:
        value: Mean over the probes.
        error: Its standard error, NaN for a single probe.
        probes: Random vectors used.
    """

    value: float
    error: float
    probes: int


@dataclass(frozen=True)
class Spectrum:
    """Some extreme eigenvalues.

    Attributes:
        values: Ritz values, the wanted end first.
        residuals: For each, the norm of Hv - value v with its unit vector v: an eigenvalue lies that near.
        iterations: Products with the Hessian spent.
    """

    values: tuple[float, ...]
    residuals: tuple[float, ...]
    iterations: int


class _Product:
    """The Hessian of a problem's loss as a linear map on flat vectors, with masked entries held at zero."""

    def __init__(self, problem: Problem) -> None:
        self.leaves = {name: value.clone().requires_grad_() for name, value in problem.params.items()}
        self.kept = torch.cat(
            [
                problem.keep[name].flatten() if name in problem.keep else torch.ones_like(value.flatten()).bool()
                for name, value in problem.params.items()
            ]
        )
        with torch.enable_grad():
            loss = problem.loss(self.leaves)
            slopes = torch.autograd.grad(
                loss, list(self.leaves.values()), create_graph=True, allow_unused=True, materialize_grads=True
            )
            self.slope = torch.cat([slope.flatten() for slope in slopes])

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the product with ``vector``."""
        parts = torch.autograd.grad(
            self.slope,
            list(self.leaves.values()),
            vector * self.kept,
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return torch.cat([part.flatten() for part in parts]) * self.kept

    def random(self, generator: torch.Generator) -> Tensor:
        """Return a vector of random signs, drawn on the CPU."""
        signs = torch.randint(0, 2, (len(self.kept),), generator=generator).to(self.slope) * 2 - 1
        return signs * self.kept


def hutchinson(problem: Problem, probes: int, seed: int) -> Trace:
    """Estimate the trace as the mean of v'Hv over vectors v of random signs (Hutchinson 1990).

    Raises:
        InputError: For fewer than one probe.
    """
    if probes < 1:
        raise InputError(f"probes must be at least 1, not {probes}")
    product, generator = _Product(problem), torch.Generator().manual_seed(seed)
    samples = []
    for _ in range(probes):
        vector = product.random(generator)
        samples.append(float(vector.double() @ product(vector).double()))
    mean = math.fsum(samples) / probes
    if probes == 1:
        return Trace(mean, math.nan, 1)
    variance = math.fsum((sample - mean) ** 2 for sample in samples) / (probes - 1)
    return Trace(mean, math.sqrt(variance / probes), probes)


def lanczos(problem: Problem, count: int, end: str, iterations: int, tolerance: float, seed: int) -> Spectrum:
    """Find extreme eigenvalues by the Lanczos method with full reorthogonalisation.

    Stops when the residuals of all wanted values are below ``tolerance`` times the largest magnitude seen, when the
    space is exhausted, or after ``iterations`` products. An eigenvalue of multiplicity m may be found once only.

    Raises:
        InputError: For an unknown ``end`` or counts below one.
    """
    if end not in _ENDS:
        raise unknown("end of the spectrum", end, _ENDS)
    if count < 1 or iterations < count:
        raise InputError(f"count must be at least 1 and iterations at least count, not {count} and {iterations}")
    product = _Product(problem)
    size = int(product.kept.sum())
    vector = product.random(torch.Generator().manual_seed(seed))
    basis = [vector / vector.norm()]
    alphas: list[float] = []
    betas: list[float] = []
    while True:
        image = product(basis[-1])
        alphas.append(float(basis[-1] @ image))
        block = torch.stack(basis)
        for _ in range(2):  # twice is enough (Kahan and Parlett)
            image = image - block.T @ (block @ image)
        beta = float(image.norm())
        # The small matrix in float64, whatever the network's type: its own rounding should not show in the residuals.
        tridiagonal = torch.diag(torch.tensor(alphas, dtype=torch.float64))
        for i, off in enumerate(betas):
            tridiagonal[i, i + 1] = tridiagonal[i + 1, i] = off
        values, vectors = torch.linalg.eigh(tridiagonal)
        key = {"largest": -values, "smallest": values, "magnitude": -values.abs()}[end]
        chosen = key.argsort()[:count]
        residuals = (vectors[-1, chosen] * beta).abs()
        scale = float(values.abs().max())
        converged = len(chosen) == count and bool((residuals <= tolerance * scale).all())
        exhausted = len(alphas) >= size or beta <= torch.finfo(image.dtype).eps * max(scale, 1e-30)
        if converged or exhausted or len(alphas) >= iterations:
            return Spectrum(tuple(values[chosen].tolist()), tuple(residuals.tolist()), len(alphas))
        betas.append(beta)
        basis.append(image / beta)
