"""Names of datasets, and the facts about them that need no pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .. import disk, places
from ..errors import InputError, quote, show, unknown
from ..registry import Registry, check_call, check_name
from .facts import DatasetInfo

A = TypeVar("A", bound=Callable[[], Any])

_TITLES = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "svhn": "SVHN",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "imagenet10": "ImageNet-10",
    "imagenet100": "ImageNet-100",
    "imagenette": "Imagenette",
    "digits": "digits",
}

ENVIRONMENT = "DISTILLED_PRUNING_DATA"
WHITENED = 4096  # values of an image whose covariance can be had


def entitle(dataset: str) -> str:
    """Name a dataset as the papers do; one of the user's goes by its own name."""
    return _TITLES.get(dataset, dataset)


def folder(root: str | Path | None = None) -> Path:
    """Give the folder with the data: ``root``, else what ``DISTILLED_PRUNING_DATA`` names, else the book's ``data``.

    Raises:
        InputError: A file lies there.
    """
    given = root or os.environ.get(ENVIRONMENT)
    found = places.locate(given) if given else places.default("data")
    if disk.is_stray(found):
        raise InputError(
            f"the datasets' folder {quote(found)} is not a folder: name one that is, or is still to be made, "
            f"with {ENVIRONMENT}"
        )
    return found


def find_published(name: str) -> Path:
    """Find a distilled set that others published, by its file's name under ``distilled`` in the folder with the data.

    Raises:
        InputError: It is not there.
    """
    path = folder() / "distilled" / name
    if not disk.is_file(path):
        raise InputError(
            f"the published set {quote(name)} is not in {path.parent}: "
            f"put it there ({ENVIRONMENT} names another folder)"
        )
    return path


_TEN = tuple("0123456789")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
_IMAGENET10 = {
    "n02869837": "bonnet",
    "n01749939": "green mamba",
    "n02488291": "langur",
    "n02107142": "Doberman",
    "n13037406": "gyromitra",
    "n02091831": "Saluki",
    "n04517823": "vacuum",
    "n04589890": "window screen",
    "n03062245": "cocktail shaker",
    "n01773797": "garden spider",
}
_IMAGENETTE = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
_PAPERS_CIFAR = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
_PAPERS_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

DATASETS: Registry[DatasetInfo] = Registry("dataset")
for _item in (
        DatasetInfo(
            "digits", _TEN, 8, 1, (0.3056,), (0.3762,), 1437, 360,
            "e9bd9e79c26ff2370770dd3deabf518e826d62999c0982d664eecc7d484954df", "sklearn",
            counts=(139, 148, 141, 150, 139, 145, 138, 148, 137, 152),
        ),
        DatasetInfo(
            "cifar10", _CIFAR10, 32, 3, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), 50_000, 10_000,
            "626adb247d46525fe528582056b15cb7df38c35ce4678155c8bb18094d23b68c", "torchvision", papers=_PAPERS_CIFAR,
        ),
        DatasetInfo(
            "cifar100", tuple(_CIFAR100.split()), 32, 3,
            (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), 50_000, 10_000,
            "d4f5218ee45957450ce27b7986bba3a3cd3c2582104d84fb8c10ac36dff7a0a2", "torchvision", papers=_PAPERS_CIFAR,
        ),
        DatasetInfo(
            "mnist", _TEN, 28, 1, (0.1307,), (0.3081,), 60_000, 10_000, None, "torchvision",
            counts=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        ),
        DatasetInfo("fashion_mnist", _FASHION, 28, 1, (0.2860,), (0.3530,), 60_000, 10_000, None, "torchvision",
                    papers=((0.2861,), (0.3530,))),
        DatasetInfo(
            "svhn", _TEN, 32, 3, (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970), 73_257, 26_032, None,
            "torchvision", counts=(4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
        ),
        DatasetInfo(
            "imagenet10", tuple(_IMAGENET10.values()), 224, 3, (), (), 13_000, 500, None,
            "folders", wnids=tuple(_IMAGENET10), papers=_PAPERS_IMAGENET,
            folders=("imagenet10", "imagenet", "ILSVRC2012"),
        ),
        DatasetInfo(
            "imagenette", tuple(_IMAGENETTE.values()), 128, 3, (), (), 9_469, 3_925, None,
            "folders", wnids=tuple(_IMAGENETTE), papers=_PAPERS_IMAGENET,
            folders=("imagenette", "imagenette2-320", "imagenette2", "imagenette2-160"),
        ),
):  # fmt: skip
    DATASETS.add(_item.name, _item)


def dataset(name: str, classes: Sequence[str], size: int, channels: int, train: int, test: int) -> Callable[[A], A]:
    """Add a dataset: the function below makes its :class:`.sources.Arrays`, the same ones at every call.

    Args:
        name: Its name, which no other dataset may have.
        classes: Class names in label order.
        size: Side of the images in pixels.
        channels: 1 or 3.
        train: Number of training images.
        test: Number of test images.

    Raises:
        InputError: The name is taken, or none; a value is none that a dataset can have; the function takes values.
    """
    check_name("dataset", name)
    if isinstance(classes, str) or len(set(classes)) < 2 or not all(isinstance(item, str) for item in classes):
        raise InputError(f"classes of the dataset {name!r} must be the names of two or more, not {show(classes)}")
    for what, value in (("size", size), ("channels", channels), ("train", train), ("test", test)):
        if not isinstance(value, int) or value < 1 or (what == "channels" and value not in (1, 3)):
            right = "1 or 3" if what == "channels" else "a whole number of at least 1"
            raise InputError(f"{what} of the dataset {name!r} must be {right}, not {show(value)}")

    def register(arrays: A) -> A:
        check_call(f"dataset {name!r}", arrays)
        info = DatasetInfo(name, tuple(classes), size, channels, (), (), train, test, None, "function", arrays=arrays)
        DATASETS.add(name, info, arrays)
        return arrays

    return register


def info(name: str) -> DatasetInfo:
    """Give the facts about a dataset; of a path, only headers, labels and file names are read.

    Args:
        name: A name of :data:`DATASETS`, or the path of an ``.npz`` file or of a folder of class folders.

    Raises:
        InputError: Neither a known name nor a path that can be read.
    """
    if name in DATASETS:
        known = DATASETS[name]
        if known.arrays is None:
            return known
        from . import functions

        return functions.count(known)
    path = disk.expand(name)
    if path.suffix.lower() == ".npz" and disk.is_file(path):
        from . import npz

        return npz.info(path)
    if disk.is_dir(path):
        from . import folders

        return folders.info(path)
    raise not_found(name)


def examine(name: str, size: int) -> tuple[str, ...]:
    """Read every image of one's own data, and say what is left out of them; of the named datasets, which are not here.

    Args:
        name: As for :func:`info`.
        size: Side to decode class folders to, where the images are kept for those who train on them.

    Returns:
        A sentence for what is left out, or is still to be fetched.

    Raises:
        InputError: Images that cannot be read, all of them named, or that nothing can be learnt from.
    """
    path = Path(name).expanduser()
    if name in DATASETS:
        from . import official

        here = (folder() / f"{name}.npz").is_file() or official.present(name, folder())
        if DATASETS[name].kind != "torchvision" or here:
            return ()
        return (f"{name} is not in {folder()}: a run fetches it, and so does `distilled-pruning data fetch {name}`",)
    if path.is_dir():
        from . import decoding, folders

        return decoding.examine(folders.listing(path), size)
    from . import npz, sources

    sources.check(name, npz.read(path))
    return npz.notes(path)


def short_name(name: str) -> str:
    """Give the name that recipes know a dataset by: of a path the last part, unless that is another dataset's name."""
    last = Path(name).name
    return name if last in DATASETS else last


def not_found(name: str) -> InputError:
    """Build the error for a dataset that is neither a known name nor a file or folder that is there."""
    path = disk.expand(name)
    right = "give an .npz file or a folder of class folders"
    if disk.exists(path):
        return InputError(f"{quote(name)} is not a dataset: {right}")
    if disk.is_link(path):
        return InputError(f"{quote(name)} is a link that leads to nothing: {right}")
    if "/" in name or Path(name).suffix.lower() in (".npz", ".npy"):
        return InputError(f"{quote(name)} is not there: {right} that is")
    return unknown("dataset", name, DATASETS)
