"""What a forward pass costs, by formula: for estimates made before PyTorch is loaded."""

from __future__ import annotations

from collections.abc import Callable

from .errors import unknown

__all__ = ["border", "forward_macs", "papers_width", "residual_form"]

SMALL, MIDDLE = 64, 128
STAGES = 4
WIDE = ("svhn", "mnist", "fashion_mnist")  # small images for which IDC's residual networks are not narrowed


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
    if not model.startswith("resnet"):
        return 128
    return 32 if residual_form(size) == "small" and dataset not in WIDE else 64


def forward_macs(
    model: str, width: int | None, size: int, channels: int, classes: int, depth: int | None = None
) -> int:
    """Count the multiply-accumulates that convolutions and linear layers do for one image.

    Args:
        model: A name of ``catalog.MODELS``.
        width: Channels of the first stage, ``None`` for the papers'.
        size: Image side in pixels.
        channels: Image channels.
        classes: Outputs.
        depth: Blocks of a ConvNet, ``None`` for 3; other networks have theirs.

    Returns:
        Multiply-accumulates; a training step costs three times that per image.

    Raises:
        InputError: Unknown model.
    """
    if model not in FORMULAS:
        raise unknown("model", model, FORMULAS)
    return FORMULAS[model](width, size, channels, classes, depth)


def _convnet(width: int | None, size: int, channels: int, classes: int, depth: int | None) -> int:
    width = width or 128
    size += 2 * border(size, channels)
    total = 0
    for _ in range(depth or 3):
        total += 9 * channels * width * size**2
        channels, size = width, size // 2
    return total + width * size**2 * classes


def _alexnet(width: int | None, size: int, channels: int, classes: int, _depth: int | None) -> int:
    width = width or 128
    size += 2 * border(size, channels)
    wide = width * 3 // 2
    half, quarter = size // 2, size // 4
    inner = 9 * quarter**2 * (wide * 2 * width + 2 * width * wide + wide * wide)
    return 25 * (channels * width * size**2 + width * wide * half**2) + inner + wide * (size // 8) ** 2 * classes


def _residual(blocks: int, averaging: bool) -> Callable[[int | None, int, int, int, int | None], int]:
    def count(width: int | None, size: int, channels: int, classes: int, _depth: int | None) -> int:
        form = residual_form(size)
        width = width or (32 if form == "small" else 64)
        kernel = 7 if form == "large" else 3
        if form == "large" and not averaging:
            size = -(-size // 2)
        total = kernel**2 * channels * width * size**2
        if form != "small":
            size = size // (4 if form == "large" else 2) if averaging else -(-size // 2)
        before = width
        for stage in range(STAGES):
            after, large = width * 2**stage, size
            if stage:
                size = size // 2 if averaging else -(-size // 2)
                first = large if averaging else size
                total += before * after * (9 * first**2 + first**2)
            else:
                total += 9 * before * after * size**2
            total += 9 * after**2 * size**2 * (2 * blocks - 1)
            before = after
        return total + before * classes

    return count


FORMULAS: dict[str, Callable[[int | None, int, int, int, int | None], int]] = {
    "convnet3": _convnet,
    "resnet10": _residual(1, averaging=False),
    "resnet18": _residual(2, averaging=False),
    "resnetap10": _residual(1, averaging=True),
    "alexnet": _alexnet,
}
