"""How large a network is for some images: by formula, or measured where it is somebody's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ... import costs, networks
from .base import Data, Network

if TYPE_CHECKING:
    from ...trial import Trial


def trial(network: Network, data: Data) -> Trial:
    """What is known of somebody's own network; it is built and called for that, once a process.

    Raises:
        InputError: It is none that can be trained and pruned on such images.
    """
    from ...trial import tried

    info = data.info
    images = networks.Images(data.called, data.pixels, info.channels, len(info.classes))
    return tried(network.model, network.width, images, network.init, network.norm, networks.digest(network.model))


def layers(network: Network, data: Data) -> Sequence[tuple[int, int]]:
    """List convolutions and linear layers, each by its weights and the positions they are used at in one image."""
    if networks.is_own(network.model):
        return trial(network, data).layers
    info = data.info
    return costs.layers(
        network.model, network.width, data.pixels, info.channels, len(info.classes), network.depth or None
    )


def macs(network: Network, data: Data) -> int:
    """Forward multiply-accumulates of one image."""
    return sum(weights * places for weights, places in layers(network, data))


def widened(model: str, data: Data) -> bool:
    """Whether a network's first convolution widens the images, as it did not before its first revision."""
    return model in ("convnet3", "alexnet") and costs.border(data.pixels, data.info.channels) > 0
