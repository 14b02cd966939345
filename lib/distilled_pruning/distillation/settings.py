"""Settings of a distillation, by name; no torch in here."""

from __future__ import annotations

import numbers
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import InputError, show, unknown
from .methods import DISTILLERS

_INITS = ("real", "mix", "noise")
_METRICS = ("mse", "l1", "cosine")
_SPACES = ("pixel", "normalised")
_KINDS: dict[str, tuple[type, str]] = {
    "int": (numbers.Integral, "a whole number"),
    "float": (numbers.Real, "a number"),
    "bool": (bool, "true or false"),
    "str": (str, "text"),
}


@dataclass(frozen=True)
class Settings:
    """Everything that decides a distillation besides data and seed.

    Attributes:
        method: A name of :data:`.methods.DISTILLERS`.
        ipc: Stored images per class.
        factor: Multi-formation factor f: a stored image holds f x f tiles, each one training image (IDC section 4.1).
        iterations: Outer iterations; each starts with a fresh network (MTT: a fresh expert segment).
        init: ``"real"`` images, a ``"mix"`` of f x f shrunken real images, or ``"noise"``.
        pad: Allow a factor that does not divide the image side; tiles are then cut from the image padded with grey on
            the right and bottom, as IDC does for 224 px and f = 3.
        model: Network of :func:`distilled_pruning.models.build`.
        width: Its width, ``None`` for the papers'.
        norm: Its normalisation, ``None`` for the network's own.
        optimiser: Of the images: ``"sgd"`` or ``"adam"`` (betas .5 and .999).
        image_rate: Learning rate of the images in ``space``.
        image_momentum: Momentum of SGD on the images.
        space: Values the image optimiser works on: ``"pixel"`` (in [0, 1]) or ``"normalised"``.
        clamp: Clip pixels to [0, 1] at the start of each outer iteration.
        real_batch: Real images per class and matching step.
        compile: DM: compile the networks with ``torch.compile`` and take the features of the real images, of which only
            class means are wanted, in bf16 where the device has it.
        decoded_batch: Most synthetic images per class and matching step; of more, as many are drawn.
        bounded: Decode no more than ``decoded_batch`` images per class in matching steps, the first stored images with
            ``factor`` and the others with smaller factors, and draw none.
        siamese: Augmentation drawn once and shared by real and synthetic images.
        metric: Distance between gradients: ``"mse"`` (sum of squares), ``"l1"`` or ``"cosine"`` (per output unit).
        inner: Matching steps per outer iteration.
        apart: Update the images after each class rather than after all of them (IDC).
        batched: Differentiate all classes in one pass; faster on a GPU, slower on a CPU. With ``apart`` the gradients
            of all classes are then taken before the first update, and rounding differs, so it is part of the settings.
        pretrain: Epochs on real data before matching starts, or before a coreset looks at features.
        train_on: What the network trains on between matching steps: ``"real"`` or ``"synthetic"``.
        train_steps: Network steps after each matching step.
        train_batch: Batch size of those.
        train_rate: Learning rate of those.
        train_momentum: Momentum of those.
        train_weight_decay: Weight decay of those.
        train_augmentation: Augmentation of those.
        expert_count: MTT: number of expert networks.
        expert_epochs: MTT: epochs of each expert.
        expert_rate: MTT: learning rate of the experts.
        expert_batch: MTT: their batch size.
        span: MTT: expert epochs to be matched, M.
        last_start: MTT: matching starts at an expert epoch below this.
        student_steps: MTT: unrolled student steps, N.
        student_batch: MTT: synthetic images per student step, 0 for all of them.
        step_size: MTT: initial student step size.
        step_size_rate: MTT: learning rate of the step size.
    """

    method: str
    ipc: int
    factor: int = 1
    iterations: int = 0
    init: str = "real"
    pad: bool = False
    model: str = "convnet3"
    width: int | None = None
    norm: str | None = None
    optimiser: str = "sgd"
    image_rate: float = 1.0
    image_momentum: float = 0.5
    space: str = "normalised"
    clamp: bool = False
    real_batch: int = 256
    compile: bool = False
    decoded_batch: int = 128
    bounded: bool = False
    siamese: str = ""
    metric: str = "mse"
    inner: int = 1
    apart: bool = False
    batched: bool = False
    pretrain: int = 0
    train_on: str = "real"
    train_steps: int = 0
    train_batch: int = 64
    train_rate: float = 0.01
    train_momentum: float = 0.9
    train_weight_decay: float = 5e-4
    train_augmentation: str = ""
    expert_count: int = 100
    expert_epochs: int = 50
    expert_rate: float = 0.01
    expert_batch: int = 256
    span: int = 3
    last_start: int = 25
    student_steps: int = 20
    student_batch: int = 0
    step_size: float = 0.01
    step_size_rate: float = 1e-5

    def __post_init__(self) -> None:
        """Raise :class:`InputError` for settings no distillation could use."""
        for item in fields(self):
            value, (name, _, absent) = getattr(self, item.name), str(item.type).partition(" | ")
            kind, words = _KINDS[name]
            if not isinstance(value, kind) and not (absent and value is None):
                raise InputError(f"{item.name} of the distiller {self.method!r} must be {words}, not {show(value)}")
        for what, value, known in (
            ("distillation method", self.method, DISTILLERS),
            ("initialisation", self.init, _INITS),
            ("matching metric", self.metric, _METRICS),
            ("image space", self.space, _SPACES),
            ("image optimiser", self.optimiser, ("sgd", "adam")),
            ("training data between matching steps", self.train_on, ("real", "synthetic")),
        ):
            if value not in known:
                raise unknown(what, value, known)
        for name in ("ipc", "factor", "inner", "real_batch", "decoded_batch", "train_batch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("iterations", "train_steps", "pretrain", "student_batch"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be at least 0, not {getattr(self, name)}")
        if self.span > self.expert_epochs:
            raise InputError(f"span {self.span} is longer than the experts' {self.expert_epochs} epochs: use fewer")

    def spec(self) -> dict[str, Any]:
        """Give the settings as a JSON-ready dictionary."""
        return asdict(self)
