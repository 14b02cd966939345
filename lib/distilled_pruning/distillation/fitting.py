"""Whether data and the settings of a distillation fit each other, before either is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError
from ..models.costs import needs_company
from .settings import Settings

__all__ = ["suit"]

_MATCHING = ("dc", "dsa", "idc")  # methods that pass the images of one class at a time


def suit(
    settings: Settings,
    dataset: str,
    shape: tuple[int, int],
    counts: Sequence[int],
    classes: Sequence[str] = (),
    company: bool | None = None,
) -> None:
    """Raise :class:`InputError` where data and settings do not fit each other.

    ``shape`` is height and width in pixels, ``counts`` the training images of each class; ``company`` says that the
    network cannot be trained on a single image, which otherwise its name tells.
    """
    (height, width), factor = shape, settings.factor
    if factor > min(height, width):
        raise InputError(
            f"factor {factor} is larger than the {width} px images: choose an image_size of at least {factor}, "
            f"in Python also a factor of at most {min(height, width)}"
        )
    if (height % factor or width % factor) and not settings.pad:
        fits = ", ".join(str(f) for f in range(1, min(height, width) // 4 + 1) if not height % f and not width % f)
        raise InputError(
            f"factor {factor} does not divide the {width}x{height} px images of {dataset}: choose an image_size it "
            f"divides, in Python also a factor of {fits}, or pad=True to cut tiles from images padded with grey as IDC "
            "does at 224 px"
        )
    if factor > 1 and settings.init != "mix" and settings.init != "noise":
        raise InputError(f"factor {factor} needs init='mix' (or 'noise'), not {settings.init!r}")
    smallest = min(counts)
    label = list(counts).index(smallest)
    needed = settings.ipc * factor**2
    if needed > smallest and settings.init != "noise":
        product = f"ipc {settings.ipc}" + (f" x factor {factor} squared = {needed}" if factor > 1 else "")
        name = classes[label] if len(classes) else str(label)
        raise InputError(
            f"{product} is more than the {smallest} training images of class {name!r}: "
            + (
                f"use ipc at most {smallest // factor**2}"
                if smallest >= factor**2
                else f"give at least {factor**2} of each class, in Python also a smaller factor"
            )
        )
    if needs_company(settings.model, height, settings.norm or "") if company is None else company:
        _check_company(settings, height, counts)


def _check_company(settings: Settings, size: int, counts: Sequence[int]) -> None:
    """Raise :class:`InputError` where a batch of one image would meet BatchNorm with maps of one pixel."""
    matched = (settings.ipc * settings.factor**2, settings.real_batch, min(counts))
    batch = settings.expert_batch if settings.method == "mtt" else settings.train_batch if settings.pretrain else 0
    left = sum(counts) % batch or batch if batch else 0
    if left == 1 or (settings.method in _MATCHING and 1 in matched):
        raise InputError(
            f"a batch of one image has no variance for the BatchNorm of {settings.model}, whose maps are of one pixel "
            f"at {size} px: use {'a larger ipc' if settings.ipc == 1 else 'another number of images'}, or larger images"
        )
