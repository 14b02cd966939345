"""Methods of distillation by name: what is published of each, and what does one of its iterations; no torch in here.

Sources as in :mod:`.defaults`, which fills in what depends on dataset and number of images.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..registry import Registry, check_call, check_name

__all__ = ["CORESETS", "DISTILLERS", "IDC", "Method", "distiller"]

S = TypeVar("S", bound=Callable[..., float])


@dataclass(frozen=True)
class Method:
    """A method of distillation.

    Attributes:
        published: The fields of :class:`.settings.Settings` that its paper sets.
        digits: What is set otherwise for ``digits``, small enough for one CPU core.
        step: Does an outer iteration: a function of problem, draft and iteration that returns the matching loss, or the
            module here that has it as ``step``; empty for one that chooses images.
    """

    published: Mapping[str, Any]
    digits: Mapping[str, Any] = field(default_factory=dict)
    step: str | Callable[..., float] = ""

    @property
    def code(self) -> str:
        """Hash of the file that the step stands in, where that is none of the house's."""
        path = inspect.getsourcefile(self.step) if callable(self.step) else None
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:32] if path else ""


DISTILLERS: Registry[Method] = Registry("distiller", ("easy", "published"))  # which jobs choose and read


def distiller(name: str, **published: Any) -> Callable[[S], S]:
    """Add a method of distillation: the function below does an outer iteration.

    It is called with the :class:`.problem.Problem`, the :class:`.problem.Draft` and the iteration, from 0 on, moves the
    draft's images by a step of the draft's optimiser, and returns the matching loss. The file it stands in is part of
    the key of each result.

    Args:
        name: The method's name, which no other may have.
        published: Fields of :class:`.settings.Settings`, as they are without being asked for.

    Raises:
        InputError: The name is taken, or none; the function takes other values.
    """
    check_name(DISTILLERS.what, name)

    def register(step: S) -> S:
        check_call(f"distiller {name!r}", step, "problem", "draft", "iteration")
        DISTILLERS.add(name, Method(published, step=step), step)
        return step

    return register


IDC: dict[str, Any] = {
    "factor": 2,
    "init": "mix",
    "iterations": 2000,
    "inner": 100,
    "metric": "mse",
    "apart": True,
    "space": "pixel",
    "clamp": True,
    "real_batch": 64,
    "siamese": "color+crop+cutout",
    "train_steps": 32,
    "train_augmentation": "color+crop+cutmix",
    "image_rate": 5e-3,
}
_DC: dict[str, Any] = {
    "iterations": 1000,
    "init": "noise",
    "metric": "cosine",
    "image_rate": 0.1,
    "train_on": "synthetic",
    "train_batch": 256,
    "train_momentum": 0.5,
    "train_weight_decay": 0.0,
}
# One step with each fresh network at every ipc: training them in between, as published from ipc 10 on, takes minutes.
_DIGITS_DC: dict[str, Any] = {
    "iterations": 60,
    "init": "real",
    "image_rate": 0.3,
    "real_batch": 64,
    "inner": 1,
    "train_steps": 0,
    "width": 16,
}
_DIGITS: dict[str, dict[str, Any]] = {
    "idc": {
        "iterations": 10,
        "inner": 10,
        "siamese": "shift2",
        "train_steps": 8,
        "train_augmentation": "shift2",
        "width": 16,
    },
    "dc": _DIGITS_DC,
    "dsa": _DIGITS_DC
    | {
        "siamese": "shift2",
        "train_augmentation": "shift2",
    },
    "dm": {
        "iterations": 300,
        "optimiser": "adam",
        "image_rate": 0.02,
        "real_batch": 64,
        "siamese": "shift2",
        "width": 16,
    },
    "mtt": {
        "iterations": 50,
        "image_rate": 20.0,
        "expert_count": 3,
        "expert_epochs": 6,
        "expert_rate": 0.05,
        "expert_batch": 32,
        "span": 2,
        "last_start": 3,
        "student_steps": 10,
        "step_size": 0.05,
        "train_augmentation": "shift2",
        "width": 16,
    },
    "random": {"width": 16},
    "herding": {"pretrain": 2, "train_rate": 0.1, "width": 16},
    "kcenter": {"pretrain": 2, "train_rate": 0.1, "width": 16},
}
_PUBLISHED: dict[str, dict[str, Any]] = {
    "idc": IDC,
    "dc": _DC,
    "dsa": _DC | {"init": "real", "train_momentum": 0.0, "siamese": "mtt-dsa", "train_augmentation": "mtt-dsa"},
    "dm": {"iterations": 20_000, "image_rate": 1.0, "siamese": "mtt-dsa"},
    "mtt": {"iterations": 5000, "image_rate": 1000.0, "train_augmentation": "mtt-dsa"},
    "random": {"space": "pixel"},
    "herding": {"space": "pixel", "pretrain": 10},
    "kcenter": {"space": "pixel", "pretrain": 10},
}
_STEPS = {"idc": "gradient", "dc": "gradient", "dsa": "gradient", "dm": "distribution", "mtt": "trajectory"}
for _name, _published in _PUBLISHED.items():
    DISTILLERS.add(_name, Method(_published, _DIGITS[_name], _STEPS.get(_name, "")))

CORESETS = tuple(name for name, method in DISTILLERS.items() if not method.step)
