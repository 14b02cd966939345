"""Distilled sets that others published, by IDC, DC or MTT or as ``.npz``; read safely and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from ..data.labels import classes_of, numbers_of
from ..data.npz import values_of
from ..data.split import likeliest
from ..errors import InputError, unknown
from .reading import read
from .synthetic import Synthetic

if TYPE_CHECKING:
    from ..data.split import Dataset, Split

__all__ = ["Home", "check_count", "examine", "load", "smoothness", "space_of"]

_ROUNDING = 0.01  # what a thousand probabilities in float16 may sum to beside 1
_SPACES = ("pixel", "normalised", "zca")


class Home(NamedTuple):
    """What a set must fit: a dataset's name, number of classes, image shape [C, H, W], whitening, and class names."""

    name: str
    classes: int
    shape: tuple[int, ...]
    whitened: bool
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, split: Split, name: str, names: tuple[str, ...] = ()) -> Home:
        """Describe the dataset that a split belongs to."""
        return cls(name, split.classes, tuple(split.images.shape[1:]), split.whitening is not None, names)

    def check(self, what: str, images: Tensor, classes: int, space: str) -> None:
        """Raise :class:`InputError` where a set cannot stand for the dataset."""
        if classes != self.classes:
            raise InputError(
                f"{what} has {classes} classes but {self.name} has {self.classes}: load the matching dataset"
            )
        if images.shape[1:] != self.shape:
            have, want = ("x".join(map(str, shape)) for shape in (images.shape[1:], self.shape))
            raise InputError(
                f"the images of {what} are {have} but those of {self.name} are {want}: load it at that size"
            )
        wanted = space == "zca"
        if wanted != self.whitened:
            raise InputError(
                f"{what} is {_describe(space)} but {self.name} was loaded {'with' if self.whitened else 'without'} ZCA "
                f"whitening, and a network trained in one space fails in the other: set whitened to "
                f"{str(wanted).lower()}, in Python load it with zca={wanted}"
            )


def smoothness(images: Tensor) -> float:
    """Correlate horizontal neighbours in images [n, C, H, W]: about .9 for natural ones, .6 after ZCA whitening."""
    centred = images.double() - images.double().mean((2, 3), keepdim=True)
    return float((centred[..., 1:] * centred[..., :-1]).mean() / centred.square().mean().clamp(min=1e-12))


def space_of(images: Tensor) -> str:
    """Tell from the values in which space images [n, C, H, W] are.

    Pixels lie in [0, 1] up to a margin (IDC clips only once an iteration). Of the others, whitened images (ZCA with
    1e-1 added to the eigenvalues, as MTT does) have a standard deviation below 1 and neighbouring pixels that hardly
    agree; normalised ones have neither.

    Returns:
        ``"pixel"``, ``"normalised"``, ``"zca"``, or ``""`` where the two signs of whitening disagree.
    """
    if images.min() >= -0.25 and images.max() <= 1.25 and 0.02 < images.mean() < 0.98:
        return "pixel"
    signs = float(images.std()) < 0.85, smoothness(images) < 0.72
    return ("zca" if all(signs) else "") if any(signs) else "normalised"


def load(
    path: str | Path,
    labels: str | Path | None = None,
    *,
    ds: Dataset | None = None,
    factor: int = 1,
    space: str = "auto",
) -> Synthetic:
    """Read a distilled set from files of tensors or arrays; nothing in them is ever executed.

    Args:
        path: IDC's ``data.pt`` (a list of images and labels), DC's ``res_*.pt`` (of whose repetitions the first is
            taken), MTT's images file, a ``.npz`` with ``images`` and ``labels``, or a folder that holds one of them
            under its usual name or a file of images for each class.
        labels: MTT's labels file; found beside the images file by its name when not given. Where there is none, ``ds``
            tells how many classes the images are of, one after the other.
        ds: The dataset the set stands for: its shape, classes and space are checked, its normalisation is used.
        factor: Tiles along each side of a stored image (IDC: 2 for CIFAR, 3 for ImageNet; the file does not say).
        space: ``"pixel"``, ``"normalised"`` or ``"zca"``; ``"auto"`` tells from the values.

    Returns:
        The set, sorted by class; labels that are probabilities are kept, and an image counts for its likeliest class.
        Without ``ds``, pixels are normalised with the set's own channel statistics.

    Raises:
        InputError: A file that is missing, unsafe, damaged or of another form; images, labels or a space that cannot
            be, or that do not fit ``ds``.
    """
    home = None if ds is None else Home.of(ds.train, ds.name, ds.classes)
    file, images, targets, classes, space = _open(path, labels, factor, space, home)
    if home is not None:
        home.check(file.name, images, classes, space)
    mean, std = (0.0,) * images.shape[1], (1.0,) * images.shape[1]
    if space == "pixel":
        mean = ds.train.mean if ds is not None else tuple(images.mean((0, 2, 3)).tolist())
        std = ds.train.std if ds is not None else tuple(images.std((0, 2, 3)).clamp(min=1e-6).tolist())
    order = torch.argsort(likeliest(targets), stable=True)
    return Synthetic(
        images=images[order].contiguous(),
        labels=targets[order].contiguous(),
        factor=factor,
        method="published",
        mean=mean,
        std=std,
        classes=classes,
        space=space,
        settings={"file": file.name},
    )


def examine(path: str | Path, home: Home, ipc: int, factor: int = 1) -> None:
    """Read a set and hold it against what is known of its dataset, whose images are not needed for that.

    Raises:
        InputError: As :func:`load`, or for another number of images.
    """
    file, images, _, classes, space = _open(path, None, factor, "auto", home)
    home.check(file.name, images, classes, space)
    check_count(len(images) // classes, ipc)


def check_count(found: int, ipc: int) -> None:
    """Raise :class:`InputError` where a set holds another number of images per class than is asked for."""
    if found != ipc:
        raise InputError(f"the published set holds {found} images per class, not {ipc}: ask for {found}")


def _open(
    path: str | Path, labels: str | Path | None, factor: int, space: str, home: Home | None
) -> tuple[Path, Tensor, Tensor, int, str]:
    """Read and check a set for itself: its file, images, labels, number of classes and space."""
    if space not in ("auto", *_SPACES):
        raise unknown("image space", space, ("auto", *_SPACES))
    file, images, targets = read(
        Path(path), None if labels is None else Path(labels), home and home.classes, home.names if home else ()
    )
    images, targets, classes = _check(file.name, images, targets)
    found = "pixel" if images.dtype == torch.uint8 else space_of(images.float())
    images = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    if not found and space == "auto":
        raise InputError(
            f"the values of {file.name} do not tell whether they are normalised or ZCA-whitened (standard deviation "
            f"{float(images.std()):.2f}, neighbour correlation {smoothness(images):.2f}): "
            "save it as pixels in [0, 1], in Python also pass space='normalised' or space='zca'"
        )
    if space != "auto" and found and space != found:
        raise InputError(
            f"{file.name} looks {_describe(found)}, not {_describe(space)} (values {float(images.min()):.2f} to "
            f"{float(images.max()):.2f}, neighbour correlation {smoothness(images):.2f}): use space={found!r} or 'auto'"
        )
    space = found or space
    if factor < 1 or factor > min(images.shape[-2:]):
        raise InputError(f"factor must be from 1 to the image side {min(images.shape[-2:])}, not {factor}")
    return file, images, targets, classes, space


def _check(name: str, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, int]:
    """Check form and content; give images NCHW, labels int64 or probabilities, and the number of classes."""
    images = _check_images(name, images)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and len(labels) == len(images):
        labels = _probabilities(name, labels)
        if not bool((labels == labels.round()).all()):
            if len(labels) % labels.shape[1]:
                raise InputError(
                    f"{name} has {len(labels)} images for {labels.shape[1]} classes: they must have equally many"
                )
            empty = set(range(labels.shape[1])) - set(likeliest(labels).tolist())
            if empty:  # learned labels may tip an image over to another class, and leave a class all the same
                raise InputError(f"no image of {name} is likeliest of class {min(empty)}: give each class images")
            return images, labels, labels.shape[1]
        labels = labels.argmax(1)
    if labels.ndim != 1 or len(labels) != len(images):
        raise InputError(
            f"{name} has labels of shape {tuple(labels.shape)} for {len(images)} images: one class each is needed"
        )
    if not len(labels):
        raise InputError(f"{name} must hold at least one image of each class")
    plain = (labels.float() if labels.is_floating_point() and labels.itemsize < 4 else labels).numpy()
    numbers, classes, _ = classes_of(name, numbers_of(name, "labels", plain), ())
    labels = torch.from_numpy(numbers)
    _check_even(name, labels, len(classes))
    return images, labels, len(classes)


def _check_images(name: str, images: Tensor) -> Tensor:
    """Check form and values of images; give them uint8 or float32 [N, C, H, W]."""
    if images.ndim != 4:
        raise InputError(
            f"the images of {name} have shape {tuple(images.shape)}: it must be [images, channels, height, width]"
        )
    if images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.permute(0, 3, 1, 2).contiguous()
    if images.shape[1] not in (1, 3):
        raise InputError(f"the images of {name} have {images.shape[1]} channels: they must have 1 or 3")
    images = (
        images.float() if images.is_floating_point() else torch.from_numpy(values_of(name, "images", images.numpy()))
    )
    if images.is_floating_point() and not bool(images.isfinite().all()):
        raise InputError(f"the images of {name} hold values that are not finite in 32 bits: fetch the file again")
    if len(images) > 1 and bool((images == images[:1]).all()):
        raise InputError(f"the images of {name} are all alike, so they tell no class from another: give others")
    return images


def _check_even(name: str, labels: Tensor, classes: int) -> None:
    """Raise :class:`InputError` where classes have not equally many images."""
    counts = torch.bincount(labels, minlength=classes)
    if int(counts.min()) != int(counts.max()):
        raise InputError(
            f"the classes of {name} have from {int(counts.min())} to {int(counts.max())} images: "
            "they must have equally many"
        )


def _probabilities(name: str, labels: Tensor) -> Tensor:
    """Check that labels [images, classes] are probabilities, and have them sum to 1."""
    labels = labels.float()
    sums = labels.sum(1, keepdim=True)
    if not bool((labels >= 0).all() and ((sums - 1).abs() < _ROUNDING).all()):
        raise InputError(
            f"the labels of {name}, {labels.shape[1]} values an image, are no probabilities: save labels.softmax(1) in "
            "their place if they are logits, or else labels.argmax(1)"
        )
    return labels / sums


def _describe(space: str) -> str:
    """Name a space in words."""
    return {"pixel": "like pixels in [0, 1]", "normalised": "normalised", "zca": "ZCA-whitened"}[space]
