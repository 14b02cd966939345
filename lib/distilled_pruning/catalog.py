"""Names and facts, readable without PyTorch: datasets, networks, ways to distil and ways to find a mask."""

from __future__ import annotations

from dataclasses import dataclass

MODELS = ("convnet3", "resnet10", "resnet18", "resnetap10", "alexnet")
DISTILLERS = ("idc", "dc", "dsa", "dm", "mtt", "random", "herding", "kcenter")
METHODS = (
    "dense",
    "imp",
    "distilled",
    "random-real",
    "real-short",
    "magnitude",
    "magnitude-layers",
    "random",
    "shuffled",
    "easy-real",
    "snip",
    "synflow",
)


@dataclass(frozen=True)
class DatasetInfo:
    """Facts of a dataset."""

    name: str
    classes: tuple[str, ...]
    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: int
    test: int
    digest: str | None
    kind: str


CIFAR_NORMALISATION = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
PAPERS = {"cifar10": CIFAR_NORMALISATION, "cifar100": CIFAR_NORMALISATION}
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
DATASETS: dict[str, DatasetInfo] = {
    "digits": DatasetInfo(
        "digits",
        tuple("0123456789"),
        8,
        1,
        (0.3057,),
        (0.3763,),
        1437,
        360,
        "e9bd9e79c26ff2370770dd3deabf518e826d62999c0982d664eecc7d484954df",
        "sklearn",
    ),
    "cifar10": DatasetInfo(
        "cifar10",
        CIFAR10,
        32,
        3,
        (0.4914, 0.4822, 0.4465),
        (0.2470, 0.2435, 0.2616),
        50_000,
        10_000,
        "626adb247d46525fe528582056b15cb7df38c35ce4678155c8bb18094d23b68c",
        "torchvision",
    ),
}


def info(name: str) -> DatasetInfo:
    """Give the facts of a dataset."""
    from .errors import unknown

    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS)
    return DATASETS[name]
