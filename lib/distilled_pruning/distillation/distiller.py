"""The outer loop all methods share: start, iterate, keep history and snapshots, stop and go on."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .. import registry
from ..errors import InputError, show
from . import coreset, trajectory
from .defaults import resolve
from .methods import CORESETS, DISTILLERS
from .problem import Draft, Problem
from .synthetic import Synthetic

if TYPE_CHECKING:
    from ..data.split import Dataset

__all__ = ["distill"]

_KEPT = (10, 20, 50, 100)


def distill(
    ds: Dataset,
    method: str = "idc",
    ipc: int = 10,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    state: dict[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
    experts: Sequence[Tensor] | None = None,
    **options: Any,
) -> Synthetic:
    """Make a small training set that stands for a large one (2503.17905 section 2.2).

    What is not given is set as published for the dataset and ipc, see :func:`.defaults.resolve`. All randomness comes
    from ``(seed, iteration)``: a run that is stopped and continued gives the same bits as one that is not.

    Args:
        ds: Dataset to distil; only its training split is read.
        method: ``"idc"``, ``"dc"``, ``"dsa"``, ``"dm"``, ``"mtt"`` or a coreset: ``"random"``, ``"herding"``,
            ``"kcenter"``.
        ipc: Stored images per class.
        seed: Seed of everything random.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or a device.
        state: What ``save`` received, to go on from there.
        save: Called after every outer iteration with all that is needed to go on (tensors, numbers, lists and
            dictionaries, safe for ``torch.save`` and ``weights_only`` loading); valid until it returns.
        progress: Called after every outer iteration with iterations done, iterations in all and the matching loss;
            it may raise to stop.
        experts: MTT: trained experts from :func:`.trajectory.expert`, in order; trained when needed by default.
        **options: Fields of :class:`.settings.Settings`, such as ``factor`` (tiles along each side of a stored image),
            ``iterations``, ``model`` and ``width``.

    Returns:
        The distilled set.

    Raises:
        InputError: Unknown names, data and settings that do not fit each other, or a loss that is not finite.

    Examples:
        >>> from distilled_pruning import data, distillation
        >>> digits = data.load("digits")
        >>> few = distillation.distill(digits, method="dm", ipc=2, iterations=2, width=8, seed=0)
        >>> few.images.shape, few.labels.bincount().tolist() == [2] * 10
        (torch.Size([20, 1, 8, 8]), True)
    """
    size, classes = int(ds.train.images.shape[-1]), ds.train.classes
    settings = resolve(method, ds.name, ipc, size, classes, options)
    problem = Problem(ds, settings, seed, device)
    if method in CORESETS:
        return _synthetic(problem, coreset.select(problem))
    run = _Run(problem, experts, state)
    total = settings.iterations
    for done in range(run.done + 1, total + 1):
        run.advance()
        if save is not None:
            save(run.state())
        if progress is not None:
            progress(done, total, {"loss": run.history[-1]})
    return run.finish()


def _draft(problem: Problem, experts: Sequence[Tensor] | None) -> Draft:
    """Make the images to start from and their optimiser."""
    settings = problem.settings
    images = problem.initial().requires_grad_()
    if settings.optimiser == "adam":
        return Draft(images, torch.optim.Adam([images], lr=settings.image_rate, betas=(0.5, 0.999)))
    groups: list[dict[str, Any]] = [{"params": [images], "lr": settings.image_rate}]
    step_size = None
    if settings.method == "mtt":
        step_size = torch.tensor(settings.step_size, device=images.device, requires_grad=True)
        groups.append({"params": [step_size], "lr": settings.step_size_rate})
        experts = experts if experts is not None else trajectory.Experts(problem)
    return Draft(images, torch.optim.SGD(groups, momentum=settings.image_momentum), step_size, experts)


def _step(method: str) -> Callable[[Problem, Draft, int], float]:
    """Find what does an outer iteration of a method."""
    step = DISTILLERS[method].step
    if callable(step):
        return step
    found: Callable[[Problem, Draft, int], float] = importlib.import_module(f".{step}", __package__).step
    return found


class _Run:
    """A draft with its history and all that is needed to go on from here."""

    def __init__(self, problem: Problem, experts: Sequence[Tensor] | None, state: dict[str, Any] | None) -> None:
        """Start afresh, or where ``state`` stopped."""
        self.problem = problem
        self.draft = _draft(problem, experts)
        self.done = 0
        self.history: list[float] = []
        self.snapshots: dict[int, Tensor] = {0: problem.stored(self.draft.images)}
        self.kept = {-(-percent * problem.settings.iterations // 100) for percent in _KEPT}
        if state is not None:
            self._load(state)

    def _load(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` stopped."""
        wanted = self._identity()
        for name, value in state["identity"].items():
            if wanted.get(name) != value:
                raise InputError(
                    f"the saved state was made with {name} {value!r}, not {wanted.get(name)!r}: "
                    "continue it with the settings it was started with"
                )
        with torch.no_grad():
            self.draft.images.copy_(state["images"])
            if self.draft.step_size is not None:
                self.draft.step_size.fill_(state["step_size"])
        self.draft.optimiser.load_state_dict(state["optimiser"])
        self.done, self.history = state["done"], list(state["history"])
        self.snapshots = dict(state["snapshots"])

    def _identity(self) -> dict[str, Any]:
        """Name what a state belongs to."""
        return {"dataset": self.problem.ds.digest, "seed": self.problem.seed, **self.problem.settings.spec()}

    def state(self) -> dict[str, Any]:
        """Give all that is needed to go on."""
        return {
            "identity": self._identity(),
            "done": self.done,
            "images": self.draft.images.detach(),
            "step_size": self.step_size,
            "optimiser": self.draft.optimiser.state_dict(),
            "history": self.history,
            "snapshots": self.snapshots,
        }

    @property
    def step_size(self) -> float | None:
        """MTT's step size as it is now."""
        return None if self.draft.step_size is None else float(self.draft.step_size.detach())

    def advance(self) -> None:
        """Do one outer iteration."""
        settings = self.problem.settings
        if settings.clamp and self.problem.space == "pixel":
            with torch.no_grad():
                self.draft.images.clamp_(0, 1)
        step, what = _step(settings.method), f"distiller {settings.method!r}"
        with registry.blaming(what, step):
            loss: object = step(self.problem, self.draft, self.done)
        if isinstance(loss, Tensor) and loss.numel() == 1:
            loss = loss.item()
        if not isinstance(loss, int | float | np.floating):
            raise InputError(f"{registry.with_author(what, step)} gives {show(loss)}: let it return the loss, a number")
        self.done += 1
        if not math.isfinite(loss):
            batch = f"distill_batch_size below {settings.expert_batch} or " if settings.method == "mtt" else ""
            raise InputError(
                f"distillation by {settings.method} diverged at iteration {self.done} (matching loss {loss}): set "
                f"{batch}distill_learning_rate below {settings.image_rate:g}, in Python "
                f"{'expert_batch or ' if batch else ''}image_rate"
            )
        self.history.append(float(loss))
        if self.done in self.kept:
            self.snapshots[self.done] = self.problem.stored(self.draft.images)

    def finish(self) -> Synthetic:
        """Give the set as it is now."""
        made = _synthetic(self.problem, self.draft.images)
        return replace(made, history=self.history, snapshots=self.snapshots, step_size=self.step_size)


def _synthetic(problem: Problem, images: Tensor) -> Synthetic:
    """Put images into their stored form."""
    settings = problem.settings
    return Synthetic(
        images=problem.stored(images),
        labels=problem.labels.cpu(),
        factor=settings.factor,
        method=settings.method,
        mean=problem.statistics[0],
        std=problem.statistics[1],
        classes=problem.classes,
        space=problem.space,
        settings=settings.spec(),
    )
