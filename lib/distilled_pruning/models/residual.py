"""Residual networks of basic blocks, by stride or by average pooling (IDC, Kim et al. 2022), and their norm layers."""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import Tensor, nn

from .costs import residual_form

__all__ = ["Block", "ResNet", "chain", "normalisation"]

_GROUPS = 4


def normalisation(norm: str, channels: int) -> nn.Module | None:
    """Make a norm layer: instance norm is GroupNorm with a group for each channel, as IDC has it."""
    match norm:
        case "batch":
            return nn.BatchNorm2d(channels)
        case "instance":
            return nn.GroupNorm(channels, channels)
        case "group":
            return nn.GroupNorm(math.gcd(_GROUPS, channels), channels)
    return None


def chain(layers: list[tuple[str, nn.Module | None]]) -> nn.Sequential:
    """Chain named layers, leaving out those that are ``None``."""
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers if layer is not None))


class Block(nn.Module):
    """Two 3x3 convolutions with norms around a shortcut; halves the image by stride, or by average pooling.

    With ``norm="none"`` the convolutions have biases.
    """

    def __init__(self, before: int, after: int, norm: str, halve: bool, averaging: bool) -> None:
        """Make a block from ``before`` to ``after`` channels."""
        super().__init__()
        stride, bias = (2 if halve and not averaging else 1), norm == "none"
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=bias)
        self.norm1 = normalisation(norm, after) or nn.Identity()
        self.relu1 = nn.ReLU()
        self.pool = nn.AvgPool2d(2) if halve and averaging else nn.Identity()
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=bias)
        self.norm2 = normalisation(norm, after) or nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if halve or before != after:
            self.shortcut = chain(
                [
                    ("conv", nn.Conv2d(before, after, 1, stride=stride, bias=bias)),
                    ("pool", nn.AvgPool2d(2) if halve and averaging else None),
                    ("norm", normalisation(norm, after)),
                ]
            )
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, before, H, W] to [B, after, H', W']."""
        out = self.pool(self.relu1(self.norm1(self.conv1(x))))
        return self.relu2(self.norm2(self.conv2(out)) + self.shortcut(x))


class ResNet(nn.Sequential):
    """A residual network of basic blocks, four stages with doubling channels, and global average pooling.

    Its form follows the image size, see :func:`.costs.residual_form`. With ``averaging`` it is IDC's
    ResNetAP: every stride becomes stride 1 followed by average pooling.
    """

    def __init__(
        self, blocks: int, width: int, size: int, channels: int, classes: int, norm: str, averaging: bool
    ) -> None:
        """Make a network with ``blocks`` blocks a stage."""
        form = residual_form(size)
        kernel = 7 if form == "large" else 3
        stride = 2 if form == "large" and not averaging else 1
        pool: nn.Module | None = None
        if form != "small" and averaging:
            pool = nn.AvgPool2d(4 if form == "large" else 2)
        elif form != "small":
            pool = nn.MaxPool2d(3, stride=2, padding=1)
        layers: list[tuple[str, nn.Module | None]] = [
            ("conv1", nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=norm == "none")),
            ("norm1", normalisation(norm, width)),
            ("relu1", nn.ReLU()),
            ("pool1", pool),
        ]
        before = width
        for stage in range(4):
            after = width * 2**stage
            members = [
                Block(before if index == 0 else after, after, norm, halve=stage > 0 and index == 0, averaging=averaging)
                for index in range(blocks)
            ]
            layers.append((f"stage{stage + 1}", nn.Sequential(*members)))
            before = after
        layers += [("pool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("head", nn.Linear(before, classes))]
        super().__init__(OrderedDict((name, layer) for name, layer in layers if layer is not None))
