"""What the distillation papers set for each dataset and number of images per class; no torch in here.

Sources: IDC (Kim et al. 2022) and its code, DC (Zhao et al. 2021), DSA (Zhao & Bilen 2021), DM (Zhao & Bilen 2023),
MTT (Cazenavette et al. 2022). The rows for ``digits`` are ours, small enough for one CPU core.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from ..catalog import DISTILLERS
from ..errors import InputError, unknown
from ..recipe import Recipe

METHODS = DISTILLERS
CORESETS = ("random", "herding", "kcenter")
INITS = ("real", "mix", "noise")
METRICS = ("mse", "l1", "cosine")
SPACES = ("pixel", "normalised")


@dataclass(frozen=True)
class Settings:
    """Everything that decides a distillation besides data and seed.

    Attributes:
        method: One of :data:`METHODS`.
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
        decoded_batch: Most synthetic images per class and matching step.
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
        train_augmentation: Augmentation of those.
        expert_count: MTT: number of expert networks.
        expert_epochs: MTT: epochs of each expert.
        expert_rate: MTT: learning rate of the experts.
        expert_batch: MTT: their batch size.
        span: MTT: expert epochs to be matched, M.
        last_start: MTT: matching starts at an expert epoch below this.
        student_steps: MTT: unrolled student steps, N.
        student_batch: MTT: synthetic images per student step.
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
    train_augmentation: str = ""
    expert_count: int = 100
    expert_epochs: int = 50
    expert_rate: float = 0.01
    expert_batch: int = 256
    span: int = 3
    last_start: int = 25
    student_steps: int = 20
    student_batch: int = 256
    step_size: float = 0.01
    step_size_rate: float = 1e-5

    def __post_init__(self) -> None:
        """Raise :class:`InputError` for settings no distillation could use."""
        for what, value, known in (
            ("distillation method", self.method, METHODS),
            ("initialisation", self.init, INITS),
            ("matching metric", self.metric, METRICS),
            ("image space", self.space, SPACES),
            ("image optimiser", self.optimiser, ("sgd", "adam")),
            ("training data between matching steps", self.train_on, ("real", "synthetic")),
        ):
            if value not in known:
                raise unknown(what, value, known)
        for name in ("ipc", "factor", "inner", "real_batch", "decoded_batch", "train_batch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("iterations", "train_steps", "pretrain"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be at least 0, not {getattr(self, name)}")
        if self.span > self.expert_epochs:
            raise InputError(f"span {self.span} is longer than the experts' {self.expert_epochs} epochs: use fewer")

    def spec(self) -> dict[str, Any]:
        """Give the settings as a JSON-ready dictionary."""
        return asdict(self)


_IDC: dict[str, Any] = {
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
}
_IDC_IMAGENET: dict[str, Any] = {
    "factor": 3,
    "pad": True,
    "iterations": 500,
    "metric": "l1",
    "model": "resnetap10",
    "train_steps": 8,
    "pretrain": 10,
    "train_augmentation": "color+crop+cutmix1",
}
_IDC_RATES = {
    "cifar10": 5e-3,
    "cifar100": 5e-3,
    "svhn": 5e-3,
    "mnist": 1e-4,
    "fashion_mnist": 1e-4,
    "imagenet10": 3e-3,
    "imagenette": 3e-3,
    "imagenet100": 1e-3,
}
_IMAGENETS = ("imagenet10", "imagenet100", "imagenette")
_DC: dict[str, Any] = {
    "iterations": 1000,
    "metric": "cosine",
    "image_rate": 0.1,
    "train_on": "synthetic",
    "train_batch": 256,
    "train_momentum": 0.5,
}
_DC_LOOPS = {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15), 50: (50, 10)}
_PUBLISHED: dict[str, dict[str, Any]] = {
    "idc": _IDC,
    "dc": _DC,
    "dsa": _DC | {"siamese": "mtt-dsa", "train_augmentation": "mtt-dsa"},
    "dm": {"iterations": 20_000, "image_rate": 1.0, "siamese": "mtt-dsa"},
    "mtt": {"iterations": 5000, "image_rate": 1000.0, "train_augmentation": "mtt-dsa"},
    "random": {"space": "pixel"},
    "herding": {"space": "pixel", "pretrain": 10},
    "kcenter": {"space": "pixel", "pretrain": 10},
}
# One step with each fresh network at every ipc: training them in between, as published from ipc 10 on, takes minutes.
_DIGITS_DC: dict[str, Any] = {
    "iterations": 60,
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


def _loops(ipc: int) -> tuple[int, int]:
    """Give DC's matching steps per network and network epochs between them, of the nearest published ipc."""
    return _DC_LOOPS[min(_DC_LOOPS, key=lambda known: abs(known - ipc))]


def resolve(method: str, dataset: str, ipc: int, size: int, classes: int, options: dict[str, Any]) -> Settings:
    """Fill in what the published recipes set for a dataset and ipc.

    Args:
        method: One of :data:`METHODS`.
        dataset: Name of the dataset; an unknown one (a user's own) gets the CIFAR-10 recipe.
        ipc: Stored images per class.
        size: Side of the images in pixels.
        classes: Number of classes.
        options: Fields of :class:`Settings` the user chose; ``None`` means "as published".

    Returns:
        The complete settings.

    Raises:
        InputError: An unknown method or option, or a value no distillation could use.
    """
    if method not in METHODS:
        raise unknown("distillation method", method, METHODS)
    known = [field.name for field in fields(Settings)]
    for name in options:
        if name not in known or name in ("method", "ipc"):
            raise unknown("distillation option", name, known[2:])
    chosen: dict[str, Any] = dict(_PUBLISHED[method])
    if method == "idc":
        chosen |= _IDC_IMAGENET if dataset in _IMAGENETS else {}
        chosen["image_rate"] = _IDC_RATES.get(dataset, 5e-3) * ipc / 10
        if dataset in ("mnist", "fashion_mnist"):
            chosen |= {"metric": "l1", "train_steps": 8}
        if dataset in _IMAGENETS:
            chosen["image_rate"] *= (size / 224) ** 2
        if dataset == "imagenet100":
            chosen |= {"pretrain": 5, "real_batch": 128, "train_rate": 0.1}
    if method in ("dc", "dsa"):
        chosen["inner"], epochs = _loops(ipc)
        chosen["train_steps"] = 0 if ipc == 1 else epochs * -(-classes * ipc // 256)
    if dataset == "digits":
        chosen |= _DIGITS[method]
    chosen |= {name: value for name, value in options.items() if value is not None}
    if options.get("init") is None and (chosen.get("factor", 1) > 1) != (chosen.get("init") == "mix"):
        chosen["init"] = "mix" if chosen.get("factor", 1) > 1 else "real"
    return Settings(method, ipc, **chosen)


def evaluation_recipe(dataset: str, ipc: int, factor: int, classes: int) -> Recipe:
    """Give IDC's recipe for training on a distilled set, also the papers' inner loop (2503.17905 section 4).

    Args:
        dataset: Name of the dataset; a user's own gets the CIFAR-10 recipe, ``digits`` a short one of ours.
        ipc: Stored images per class.
        factor: Tiles along each side.
        classes: Number of classes.
    """
    if dataset == "digits":
        return Recipe(steps=300, batch_size=32, learning_rate=0.1, augmentation="shift2+cutmix")
    if dataset not in _IMAGENETS:
        return Recipe(epochs=1000)
    images = ipc * factor**2
    epochs = next(
        (e for most, e in ((1, 3000), (10, 2000), (50, 1500), (200, 1000), (500, 500)) if images <= most), 300
    )
    if classes < 100:
        return Recipe(epochs=epochs, augmentation="imagenet+cutmix1")
    epochs = epochs * 2 // 300 * 100
    return Recipe(epochs=epochs, learning_rate=0.1, weight_decay=1e-4, batch_size=128, augmentation="imagenet+cutmix1")
