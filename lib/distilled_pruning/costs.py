"""Sizes and costs of the networks, by formula: for what is said before PyTorch is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .errors import InputError, unknown
from .networks import is_own

__all__ = ["border", "check_size", "forward_macs", "needs_company", "papers_width", "prunable_weights", "residual_form"]

Layers = Iterator[tuple[int, int]]

SMALL, MIDDLE = 64, 128
STAGES = 4
WIDE = ("svhn", "mnist", "fashion_mnist")  # small images for which IDC's residual networks are not narrowed
DEPTH = 3
NORM = {"convnet3": "instance", "resnet10": "batch", "resnet18": "batch", "resnetap10": "instance", "alexnet": "none"}
SMALLEST = {"resnetap10": 8, "alexnet": 8}
ONE_PIXEL = {"resnet10": 8, "resnet18": 8, "resnetap10": 15}  # largest side at which a norm sees maps of one pixel


def residual_form(size: int) -> str:
    """Name the form a residual network takes at an image size (design of IDC, Kim et al. 2022).

    Args:
        size: Image side in pixels.

    Returns:
        ``"small"`` up to 64 px (CIFAR's: 3x3 stem, no pooling), ``"middle"`` up to 128 px (3x3 stem with pooling),
        ``"large"`` above (7x7 stem with pooling).
    """
    return "small" if size <= SMALL else "middle" if size <= MIDDLE else "large"


def border(size: int, channels: int) -> int:
    """Give by how many pixels a ConvNet's or AlexNet's first convolution widens the image on each side.

    DC's, IDC's and MTT's code brings MNIST and Fashion-MNIST, the only grey images it has, to CIFAR's 32 px so.

    Args:
        size: Image side in pixels.
        channels: Image channels.
    """
    return 2 if (size, channels) == (28, 1) else 0


def papers_width(model: str, size: int, dataset: str = "") -> int:
    """Give the channels of the first stage in the papers: 128, of residual networks 32 for CIFAR and 64 for others.

    Datasets that no paper has follow their size: up to 64 px they are taken for CIFAR's kind.

    Args:
        model: A name of ``catalog.MODELS``.
        size: Image side in pixels.
        dataset: Name of the dataset.
    """
    if is_own(model):
        return 0  # a network of somebody's own has its own
    if not model.startswith("resnet"):
        return 128
    return 32 if residual_form(size) == "small" and dataset not in WIDE else 64


def layers(
    model: str, width: int | None, size: int, channels: int, classes: int, depth: int | None = None
) -> list[tuple[int, int]]:
    """List the convolutions and linear layers of a network, each by its weights and the positions they are used at.

    Args:
        model: A name of ``catalog.MODELS``.
        width: Channels of the first stage, ``None`` for the papers'.
        size: Image side in pixels.
        channels: Image channels.
        classes: Outputs.
        depth: Blocks of a ConvNet, ``None`` for 3; other networks have theirs.

    Raises:
        InputError: Unknown model.
    """
    if model not in FORMULAS:
        raise unknown("model", model, FORMULAS)
    return list(FORMULAS[model](width or papers_width(model, size), size, channels, classes, depth or DEPTH))


def forward_macs(
    model: str, width: int | None, size: int, channels: int, classes: int, depth: int | None = None
) -> int:
    """Count the multiply-accumulates that convolutions and linear layers do for one image; arguments as :func:`layers`.

    Returns:
        Multiply-accumulates; a training step costs three times that per image.
    """
    return sum(weights * places for weights, places in layers(model, width, size, channels, classes, depth))


def prunable_weights(
    model: str, width: int | None, size: int, channels: int, classes: int, depth: int | None = None
) -> int:
    """Count the weights that pruning may remove; arguments as :func:`layers`."""
    return sum(weights for weights, _ in layers(model, width, size, channels, classes, depth))


def check_size(model: str, size: int, norm: str = "", depth: int | None = None) -> None:
    """Raise :class:`InputError` where images are too small for a network.

    Args:
        model: A name of ``catalog.MODELS``.
        size: Image side in pixels.
        norm: Its norm, ``""`` for its own.
        depth: As for :func:`layers`.
    """
    if model == "convnet3" and size < 2 ** (depth or DEPTH):
        raise InputError(
            f"images of {size} px do not survive {depth or DEPTH} poolings: "
            f"use at least {2 ** (depth or DEPTH)} px (image_size), in Python also a smaller depth"
        )
    if size < SMALLEST.get(model, 1):
        raise InputError(f"images of {size} px are too small for {model}: use at least {SMALLEST[model]} px")
    if (norm or NORM[model]) == "instance" and size <= ONE_PIXEL.get(model, 0):
        raise InputError(
            f"instance norm would see maps of one pixel at {size} px: use at least {ONE_PIXEL[model] + 1} px"
        )


def needs_company(model: str, size: int, norm: str = "") -> bool:
    """Tell whether a network cannot be trained on a single image, whose BatchNorm would see one value a channel."""
    return (norm or NORM.get(model)) == "batch" and size <= ONE_PIXEL.get(model, 0)


def _convnet(width: int, size: int, channels: int, classes: int, depth: int) -> Layers:
    size += 2 * border(size, channels)
    for _ in range(depth):
        yield 9 * channels * width, size**2
        channels, size = width, size // 2
    yield width * size**2 * classes, 1


def _alexnet(width: int, size: int, channels: int, classes: int, _depth: int) -> Layers:
    size += 2 * border(size, channels)
    wide = width * 3 // 2
    yield 25 * channels * width, size**2
    yield 25 * width * wide, (size // 2) ** 2
    for before, after in ((wide, 2 * width), (2 * width, wide), (wide, wide)):
        yield 9 * before * after, (size // 4) ** 2
    yield wide * (size // 8) ** 2 * classes, 1


def _residual(blocks: int, averaging: bool) -> Callable[[int, int, int, int, int], Layers]:
    def layers(width: int, size: int, channels: int, classes: int, _depth: int) -> Layers:
        form = residual_form(size)
        kernel = 7 if form == "large" else 3
        if form == "large" and not averaging:
            size = -(-size // 2)
        yield kernel**2 * channels * width, size**2
        if form != "small":
            size = size // (4 if form == "large" else 2) if averaging else -(-size // 2)
        before = width
        for stage in range(STAGES):
            after, large = width * 2**stage, size
            if stage:
                size = size // 2 if averaging else -(-size // 2)
                first = large if averaging else size
                yield before * after * 9, first**2
                yield before * after, first**2
            else:
                yield 9 * before * after, size**2
            for _ in range(2 * blocks - 1):
                yield 9 * after**2, size**2
            before = after
        yield before * classes, 1

    return layers


FORMULAS: dict[str, Callable[[int, int, int, int, int], Layers]] = {
    "convnet3": _convnet,
    "resnet10": _residual(1, averaging=False),
    "resnet18": _residual(2, averaging=False),
    "resnetap10": _residual(1, averaging=True),
    "alexnet": _alexnet,
}
