"""Images and labels out of the files of a published set, in whatever form; nothing in a file is ever executed."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import archive
from ..data.labels import numbers_of
from ..data.npz import values_of
from ..errors import InputError, quote, some
from .files import locate

__all__ = ["read"]

_NUMBERS: list[Any] = [  # NumPy's, as DC keeps accuracies beside its images
    np.dtype,
    *((np.float64(0).__reduce__()[0], f"numpy.{home}.multiarray.scalar") for home in ("core", "_core")),
    *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8")),
]
_BEFORE_ARCHIVES = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")  # what PyTorch's files began with until 1.6


def read(path: Path, labels: Path | None, known: int | None, names: Sequence[str] = ()) -> tuple[Path, Tensor, Tensor]:
    """Read a set: the file or folder that holds it, its images and its labels.

    Args:
        path: File or folder, as for :func:`.published.load`.
        labels: A file of labels; found beside the images when not given.
        known: Number of classes of the set's dataset, if that is known.
        names: Their names, by which an ``.npz`` may label its images.

    Raises:
        InputError: A file that is missing, unsafe, damaged or of another form.
    """
    held = locate(path)
    file = held[0] if len(held) == 1 else path
    images, targets = _parts(file, held, known) if len(held) > 1 else _read(file, labels, known, names)
    if not isinstance(images, Tensor) or not isinstance(targets, Tensor):
        raise InputError(f"{file.name} must hold tensors of images and labels")
    return file, _plain(file.name, "images", images), _plain(file.name, "labels", targets)


def _plain(name: str, what: str, tensor: Tensor) -> Tensor:
    """Give a tensor's numbers alone, without what they were computed from."""
    cure = ""
    if tensor.is_meta:
        kind, cure = "a meta tensor", "without values: save them from a device that computes"
    elif tensor.layout is not torch.strided:
        kind, cure = f"a {tensor.layout} tensor", f"not a dense one: save {what}.to_dense()"
    elif tensor.is_quantized:
        kind, cure = "a quantised tensor", f"not a plain one: save {what}.dequantize()"
    elif tensor.is_complex():
        kind, cure = f"{tensor.dtype}", f"not real numbers: save {what}.real"
    if cure:
        raise InputError(f"the {what} of {name} are {kind}, {cure}")
    return tensor.detach()


def _parts(folder: Path, files: tuple[Path, ...], known: int | None) -> tuple[Tensor, Tensor]:
    """Read a set that has a file of images for each class."""
    labelled = [file.name for file in files if (beside := _labels_beside(file)) != file and beside.is_file()]
    if labelled:
        raise InputError(
            f"{folder} has {len(files)} files of images and labels beside {labelled[0]}, so they are no parts of "
            "one set: give the file of one set itself"
        )
    parts = [_tensors(file) for file in files]
    if not all(isinstance(part, Tensor) and part.ndim == 4 for part in parts):
        raise InputError(f"the files of images in {folder} must hold a tensor each: give the file of one set itself")
    parts = [_plain(file.name, "images", part) for file, part in zip(files, parts, strict=True)]
    if known is None or len(files) != known:
        which = "whose number of classes is not known" if known is None else f"of {known} classes"
        names = ", ".join(file.name for file in files[:4])
        raise InputError(
            f"{folder} has {len(files)} files of images ({names}{', …' if len(files) > 4 else ''}) for a dataset "
            f"{which}: give one file for each class, or the file of one set itself"
        )
    if len({(part.shape[1:], part.dtype) for part in parts}) > 1:
        raise InputError(
            f"the files of images in {folder} have images of several shapes or types: give those of one set"
        )
    counts = torch.tensor([len(part) for part in parts])
    return torch.cat(parts), torch.arange(known).repeat_interleave(counts)


def _read(file: Path, labels: Path | None, known: int | None, names: Sequence[str]) -> tuple[Any, Any]:
    """Read images and labels, whatever they are."""
    if file.suffix.lower() == ".npz":
        return _arrays(file, names)
    content = _tensors(file)
    if isinstance(content, (list, tuple)) and len(content) == 2:
        return content[0], content[1]
    if isinstance(content, dict) and {"images", "labels"} <= set(content):
        return content["images"], content["labels"]
    if isinstance(content, dict) and isinstance(content.get("data"), list) and content["data"]:
        first = content["data"][0]  # DC keeps the sets of all repetitions in one file
        if isinstance(first, (list, tuple)) and len(first) == 2:
            return first[0], first[1]
    if not isinstance(content, Tensor) or not content.ndim:
        kind = "single number" if isinstance(content, Tensor) else type(content).__name__
        raise InputError(f"{file.name} holds a {kind}: it must hold images and labels, or images")
    beside = labels if labels is not None else _labels_beside(file)
    if (beside == file or not beside.is_file()) and labels is None and known and len(content) % known == 0:
        return content, torch.arange(known).repeat_interleave(len(content) // known)  # class by class, as all are kept
    if beside == file or not beside.is_file():
        raise InputError(f"{file.name} holds images only and {beside.name} is not beside it: give its labels file too")
    return content, _tensors(beside)


def _labels_beside(file: Path) -> Path:
    """Say where the labels of a file of images lie, as MTT names them."""
    return file.with_name(file.name.replace("images", "labels"))


def _arrays(file: Path, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Read an ``.npz``, whose labels may be the names of classes."""
    with archive.opened(file) as held:
        if not {"images", "labels"} <= set(held.files):
            found = some(held.files) or "nothing"
            raise InputError(f"{file.name} holds {found}: it must hold images and labels")
        images, labels = (archive.member(file, held, key) for key in ("images", "labels"))
        images = values_of(file.name, "images", images)
    if labels.dtype.kind not in "biufc":
        labels = _numbered(file.name, numbers_of(file.name, "labels", labels), names)
    elif labels.dtype == np.longdouble:
        labels = labels.astype(np.float64)
    return torch.from_numpy(images), torch.from_numpy(labels)


def _numbered(name: str, words: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Number labels that are names of classes as the dataset does."""
    if not names:
        raise InputError(f"the labels of {name} are words, and no dataset tells their order: give numbers from 0")
    other = sorted({*words.tolist()} - {*names})
    if other:
        raise InputError(
            f"{name} has the label {quote(other[0])}, and the classes of its dataset are {some(names)}: label its "
            "images by these, or by numbers from 0"
        )
    place = {word: number for number, word in enumerate(names)}
    return np.array([place[word] for word in words.tolist()], dtype=np.int64)


def _tensors(file: Path) -> Any:
    """Load a file of tensors, refusing anything else."""
    start = archive.head(file)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_NUMBERS):
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes of another kind raise whatever they happen to say as a pickle
        if not start.startswith(archive.ZIP) and _BEFORE_ARCHIVES not in start:
            raise InputError(f"{file.name} is no PyTorch file {archive.explain(start, 'torch.save')}") from error
        if isinstance(error, pickle.UnpicklingError):
            raise InputError(
                f"{file.name} holds more than tensors and was not opened: save it again as plain tensors"
            ) from error
        raise InputError(f"{file.name} is damaged or no PyTorch file: fetch it again") from error
