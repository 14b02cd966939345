"""What the distillation papers set for each dataset and number of images per class; no torch in here.

Sources: IDC (Kim et al. 2022) and its code at ceac95a, DC (Zhao et al. 2021), DSA (Zhao & Bilen 2021) and DM (Zhao &
Bilen 2023) and their code at 53f63a6, MTT (Cazenavette et al. 2022) and its code at 50dccea. The rows for ``digits``
are ours, small enough for one CPU core.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ..errors import unknown
from ..training.recipe import Recipe
from .methods import DISTILLERS, IDC
from .settings import Settings

_IDC_IMAGENET: dict[str, Any] = {
    "factor": 3,
    "pad": True,
    "iterations": 500,
    "metric": "l1",
    "image_rate": 3e-3,
    "model": "resnetap10",
    "train_steps": 8,
    "pretrain": 10,
    "train_augmentation": "color+crop+cutmix1",
}
_IMAGENETS = ("imagenet10", "imagenet100", "imagenette")
_IDC_SHORT: dict[str, Any] = {"metric": "l1", "train_steps": 8, "image_rate": 1e-4}
# The rates are for 10 images per class of the side below: IDC scales them by the images' number and area.
_IDC_OWN: dict[str, dict[str, Any]] = {
    "svhn": {"train_steps": 8},
    "mnist": _IDC_SHORT,
    "fashion_mnist": _IDC_SHORT,
    "imagenet10": _IDC_IMAGENET,
    "imagenette": _IDC_IMAGENET,
    "imagenet100": _IDC_IMAGENET
    | {
        "image_rate": 1e-3,
        "pretrain": 5,
        "train_steps": 4,
        "train_batch": 128,
        "train_rate": 0.1,
        "train_weight_decay": 1e-4,
    },
}
_IDC_SIDE = {"mnist": 28} | dict.fromkeys(_IMAGENETS, 224)
_DC_LOOPS = {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15), 50: (50, 10)}
_UPRIGHT = ("mnist", "svhn")  # mirrored digits are no digits


def _loops(ipc: int) -> tuple[int, int]:
    """Give DC's matching steps per network and network epochs between them, of the nearest published ipc."""
    return _DC_LOOPS[min(_DC_LOOPS, key=lambda known: abs(known - ipc))]


def resolve(method: str, dataset: str, ipc: int, size: int, classes: int, options: dict[str, Any]) -> Settings:
    """Fill in what the published recipes set for a dataset and ipc.

    Args:
        method: A name of :data:`.methods.DISTILLERS`.
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
    if method not in DISTILLERS:
        raise unknown("distillation method", method, DISTILLERS)
    known = [field.name for field in fields(Settings)]
    for name in DISTILLERS[method].published:
        if name not in known[2:]:
            raise unknown(f"setting of the distiller {method!r}", name, known[2:])
    for name in options:
        if name not in known or name in ("method", "ipc"):
            raise unknown("distillation option", name, known[2:])
    chosen: dict[str, Any] = dict(DISTILLERS[method].published)
    if method == "idc":
        chosen |= _idc(dataset, ipc, size, options.get("factor"))
    if method in ("dc", "dsa"):
        chosen["inner"], epochs = _loops(ipc)
        chosen["train_steps"] = 0 if ipc == 1 else epochs * -(-classes * ipc // 256)
    if method == "dm" and ipc >= 100 and dataset != "cifar100":
        chosen["image_rate"] = 10.0
    if dataset in _UPRIGHT:
        chosen |= {name: "mtt-dsa-noflip" for name, value in chosen.items() if value == "mtt-dsa"}
    if dataset == "digits":
        chosen |= DISTILLERS[method].digits
    chosen |= {name: value for name, value in options.items() if value is not None}
    if options.get("init") is None and (chosen.get("factor", 1) > 1) != (chosen.get("init") == "mix"):
        chosen["init"] = "mix" if chosen.get("factor", 1) > 1 else "real"
    return Settings(method, ipc, **chosen)


def _idc(dataset: str, ipc: int, size: int, factor: int | None) -> dict[str, Any]:
    """Give what IDC sets for a dataset, in its ``misc/reproduce.py`` and ``argument.py``."""
    found = IDC | _IDC_OWN.get(dataset, {})
    factor = factor or found["factor"]
    found["image_rate"] = found["image_rate"] * ipc / 10
    if dataset != "digits":
        found["image_rate"] *= (size / _IDC_SIDE.get(dataset, 32)) ** 2
    if dataset == "mnist" and factor > 1:
        found |= {"siamese": "color+crop", "train_augmentation": "color+crop"}
    if dataset in _IMAGENETS and factor >= 3 and ipc >= 20:
        found["bounded"] = True
    return found


def was_mended(settings: Settings, dataset: str, size: int, classes: int) -> bool:
    """Whether a published recipe was first set otherwise here, so that its results need another name.

    All other recipes give the numbers they gave before, among them IDC's and DM's for CIFAR at up to 50 images a class.
    """
    s = settings
    if s.method == "mtt" and classes * s.ipc * s.factor**2 > 256:
        return True
    if dataset == "digits":
        return False
    if s.method == "dm":
        return dataset in _UPRIGHT or (s.ipc >= 100 and dataset != "cifar100")
    if s.method == "idc":
        changed = dataset in ("svhn", *_IMAGENETS) or (dataset == "mnist" and s.factor > 1)
        return changed or size != _IDC_SIDE.get(dataset, 32)
    return s.method in ("dc", "dsa") or (s.method == "mtt" and dataset in _UPRIGHT)


def evaluation_recipe(dataset: str, ipc: int, factor: int, classes: int) -> Recipe:
    """Give IDC's recipe for training on a distilled set, also the papers' inner loop (2503.17905 section 4)."""
    if dataset == "digits":
        return Recipe(steps=150, batch_size=32, learning_rate=0.1, augmentation="shift2+cutmix")
    if dataset not in _IMAGENETS:
        return Recipe(epochs=1000, augmentation=_evaluation_augmentation(dataset, ipc, factor))
    images = ipc * factor**2
    epochs = next(
        (e for most, e in ((1, 3000), (10, 2000), (50, 1500), (200, 1000), (500, 500)) if images <= most), 300
    )
    if classes < 100:
        return Recipe(epochs=epochs, augmentation="imagenet+cutmix1")
    epochs = epochs * 2 // 300 * 100
    return Recipe(epochs=epochs, learning_rate=0.1, weight_decay=1e-4, batch_size=128, augmentation="imagenet+cutmix1")


def _evaluation_augmentation(dataset: str, ipc: int, factor: int) -> str:
    """Give IDC's augmentation of small images: digits are never mirrored, and not always mixed (its ``test.py``)."""
    if dataset not in _UPRIGHT:
        return Recipe.augmentation
    if dataset == "mnist" and factor > 1:
        return "dsa-noflip"
    if dataset == "svhn" and factor == 1 and ipc == 1:
        return "dsa-noflip+cutout"
    return "dsa-noflip+cutmix"
