"""What networks, datasets and distillation methods are called in text and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NETWORKS = {
    "convnet3": "ConvNet-3",
    "convnet4": "ConvNet-4",
    "resnet10": "ResNet-10",
    "resnet18": "ResNet-18",
    "resnet20": "ResNet-20",
    "alexnet": "AlexNet",
    "vgg11": "VGG-11",
}
DATASETS = {
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


def network(name: str) -> str:
    """Name a network as the papers do; one of the user's goes by its own name."""
    return NETWORKS.get(name, name)


def dataset(name: str) -> str:
    """Name a dataset as the papers do; one of the user's goes by its own name."""
    return DATASETS.get(name, name)


def place(of: tuple[object, object]) -> str:
    """Name a dataset and a network, as the heading of a row of panels."""
    return f"{network(str(of[1]))}, {dataset(str(of[0]))}"


def regime(parameters: Mapping[str, Any], papers: Mapping[str, Any] | None = None) -> list[str]:
    """Say in a few words what was trained on what, and for how long.

    Args:
        parameters: Of a notebook.
        papers: Those of the papers' own scale, named in brackets where they differ.
    """
    given, theirs = dict(parameters), dict(papers or {})

    def beside(name: str) -> str:
        other = theirs.get(name)
        return f" (paper {other})" if other not in (None, 0, "", given.get(name)) else ""

    said = [", ".join(dataset(name) for name in str(given.get("dataset", "")).split(",") if name)]
    model = " and ".join(network(name) for name in str(given.get("model", "")).split(",") if name)
    said.append(model + (f" of width {given['width']}{beside('width')}" if given.get("width") else ""))
    if given.get("epochs"):
        said.append(f"{given['epochs']} epochs{beside('epochs')}")
    if given.get("distiller"):
        made = str(given["distiller"])
        other = str(theirs.get("distiller", ""))
        paper = f" (paper {other.upper()})" if other and other != made else ""
        short = made.upper() if made.isalnum() and len(made) < 6 else made.rpartition("/")[2]
        ipc = str(given.get("ipc") or given.get("ipcs", "")).replace(",", " or ")
        said.append(f"distilled with {short}{paper}, {ipc} image{'' if ipc == '1' else 's'} a class")
    return [text for text in said if text]
