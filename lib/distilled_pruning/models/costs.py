"""Sizes and costs of the networks, by formula: for what is said before PyTorch is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import InputError, unknown

__all__ = [
    "BLOCKS",
    "MODELS",
    "border",
    "check_size",
    "forward_macs",
    "layers",
    "needs_company",
    "papers_width",
    "plan",
    "residual_form",
]

_Layers = Iterator[tuple[int, int]]

_SMALL, _MIDDLE = 64, 128
_STAGES = 4
_WIDE = ("svhn", "mnist", "fashion_mnist")  # small images for which IDC's residual networks are not narrowed
DEPTH = 3
NORM = {"convnet3": "instance", "resnet10": "batch", "resnet18": "batch", "resnetap10": "instance", "alexnet": "none"}
MODELS = tuple(NORM)
BLOCKS = {"resnet10": (1, False), "resnet18": (2, False), "resnetap10": (1, True)}  # a stage, and pooling by averages
_SMALLEST = {"resnetap10": 8, "alexnet": 8}
_ONE_PIXEL = {"resnet10": 8, "resnet18": 8, "resnetap10": 15}  # largest side at which a norm sees maps of one pixel


def residual_form(size: int) -> str:
    """Name the form a residual network takes at an image size (design of IDC, Kim et al. 2022).

    Returns:
        ``"small"`` up to 64 px (CIFAR's: 3x3 stem, no pooling), ``"middle"`` up to 128 px (3x3 stem with pooling),
        ``"large"`` above (7x7 stem with pooling).
    """
    return "small" if size <= _SMALL else "middle" if size <= _MIDDLE else "large"


def border(size: int, channels: int) -> int:
    """Give by how many pixels a ConvNet's or AlexNet's first convolution widens the image on each side.

    DC's, IDC's and MTT's code brings MNIST and Fashion-MNIST, the only grey images it has, to CIFAR's 32 px so.
    """
    return 2 if (size, channels) == (28, 1) else 0


def papers_width(model: str, size: int, dataset: str = "") -> int:
    """Give the channels of the first stage in the papers: 128, of residual networks 32 for CIFAR and 64 for others.

    Datasets that no paper has follow their size: up to 64 px they are taken for CIFAR's kind.
    """
    if model not in MODELS:
        return 0  # a network of somebody's own has its own
    if not model.startswith("resnet"):
        return 128
    return 32 if residual_form(size) == "small" and dataset not in _WIDE else 64


def layers(
    model: str, width: int | None, size: int, channels: int, classes: int, depth: int | None = None
) -> list[tuple[int, int]]:
    """List the convolutions and linear layers of a network, each by its weights and the positions they are used at.

    Args:
        model: A name of :data:`MODELS`.
        width: Channels of the first stage, ``None`` for the papers'.
        size: Image side in pixels.
        channels: Image channels.
        classes: Outputs.
        depth: Blocks of a ConvNet, ``None`` for 3; other networks have theirs.

    Raises:
        InputError: Unknown model.
    """
    if model not in MODELS:
        raise unknown("model", model, MODELS)
    width = width or papers_width(model, size)
    if model in BLOCKS:
        return list(_residual_layers(model, width, size, channels, classes))
    return list(_chain_layers(model, width, size, channels, classes, depth or DEPTH))


def forward_macs(
    model: str, width: int | None, size: int, channels: int, classes: int, depth: int | None = None
) -> int:
    """Count the multiply-accumulates that convolutions and linear layers do for one image; arguments as :func:`layers`.

    Returns:
        Multiply-accumulates; a training step costs three times that per image.
    """
    return sum(weights * places for weights, places in layers(model, width, size, channels, classes, depth))


def check_size(model: str, size: int, norm: str = "", depth: int | None = None) -> None:
    """Raise :class:`InputError` where images are too small for a network."""
    if model == "convnet3" and size < 2 ** (depth or DEPTH):
        raise InputError(
            f"images of {size} px do not survive {depth or DEPTH} poolings: "
            f"use at least {2 ** (depth or DEPTH)} px (image_size), in Python also a smaller depth"
        )
    if size < _SMALLEST.get(model, 1):
        raise InputError(f"images of {size} px are too small for {model}: use at least {_SMALLEST[model]} px")
    if (norm or NORM[model]) == "instance" and size <= _ONE_PIXEL.get(model, 0):
        raise InputError(
            f"instance norm would see maps of one pixel at {size} px: use at least {_ONE_PIXEL[model] + 1} px"
        )


def needs_company(model: str, size: int, norm: str = "") -> bool:
    """Tell whether a network cannot be trained on a single image, whose BatchNorm would see one value a channel."""
    return (norm or NORM.get(model)) == "batch" and size <= _ONE_PIXEL.get(model, 0)


def plan(model: str, width: int, depth: int) -> list[tuple[int, int, bool]]:
    """List the convolutions of a ConvNet or the first paper's AlexNet: channels, kernel, whether pooling follows."""
    if model == "convnet3":
        return [(width, 3, True)] * depth
    wide = width * 3 // 2
    return [(width, 5, True), (wide, 5, True), (2 * width, 3, False), (wide, 3, False), (wide, 3, True)]


def _chain_layers(model: str, width: int, size: int, channels: int, classes: int, depth: int) -> _Layers:
    size += 2 * border(size, channels)
    for after, kernel, pooled in plan(model, width, depth):
        yield kernel**2 * channels * after, size**2
        channels, size = after, size // 2 if pooled else size
    yield channels * size**2 * classes, 1


def _residual_layers(model: str, width: int, size: int, channels: int, classes: int) -> _Layers:
    blocks, averaging = BLOCKS[model]
    form = residual_form(size)
    kernel = 7 if form == "large" else 3
    if form == "large" and not averaging:
        size = -(-size // 2)
    yield kernel**2 * channels * width, size**2
    if form != "small":
        size = size // (4 if form == "large" else 2) if averaging else -(-size // 2)
    before = width
    for stage in range(_STAGES):
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
