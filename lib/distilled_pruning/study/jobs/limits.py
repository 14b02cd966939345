"""How large networks are for some images, and what is refused before anything is done.

Sizes follow from a formula, or are measured where the network is somebody's own. What a job of some kind would be
refused for, it says itself, by what stands here; the plan and the run ask all that are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...augmentation import notation
from ...data import catalog
from ...errors import InputError
from ...models import costs, networks
from .base import Data, Job, Network

if TYPE_CHECKING:
    from ...curvature.trial import Trial
    from ...training.recipe import Recipe

_OR_ALL = ("subset", "line_images", "plane_images", "shift_images")


def trial(network: Network, data: Data) -> Trial:
    """What is known of somebody's own network; it is built and called for that, once a process.

    Raises:
        InputError: It is none that can be trained and pruned on such images.
    """
    from ...curvature.trial import try_network

    info = data.info
    images = networks.Images(data.called, data.pixels, info.channels, len(info.classes))
    return try_network(network.model, network.width, images, network.init, network.norm, networks.digest(network.model))


def _layers(network: Network, data: Data) -> Sequence[tuple[int, int]]:
    """List convolutions and linear layers, each by its weights and the positions they are used at in one image."""
    if networks.is_own(network.model):
        return trial(network, data).layers
    info = data.info
    return costs.layers(
        network.model, network.width, data.pixels, info.channels, len(info.classes), network.depth or None
    )


def macs(network: Network, data: Data) -> int:
    """Forward multiply-accumulates of one image."""
    return sum(weights * places for weights, places in _layers(network, data))


def prunable(network: Network, data: Data) -> int:
    """Count the weights that pruning may remove."""
    if networks.is_own(network.model):
        return trial(network, data).prunable
    return sum(weights for weights, _ in _layers(network, data))


def widened(model: str, data: Data) -> bool:
    """Whether a network's first convolution widens the images, as it did not before its first revision."""
    return model in ("convnet3", "alexnet") and costs.border(data.pixels, data.info.channels) > 0


def check_size(network: Network, data: Data) -> None:
    """Raise :class:`InputError` where no such network can be built for such images."""
    if networks.is_own(network.model):
        trial(network, data)
    else:
        costs.check_size(network.model, data.pixels, network.norm, network.depth or None)


def needs_company(network: Network, data: Data) -> bool:
    """Tell whether a network cannot be trained on a single image."""
    if networks.is_own(network.model):
        return not trial(network, data).alone
    return costs.needs_company(network.model, data.pixels, network.norm)


def check_training(network: Network, recipe: Recipe, data: Data, images: int) -> None:
    """Raise :class:`InputError` where a network cannot be trained on so many images by a recipe."""
    check_size(network, data)
    notation.check(recipe.augmentation, data.pixels, data.info.channels, data.zca)
    if recipe.smallest_batch(images) == 1 and needs_company(network, data):
        raise InputError(
            f"{images} images in batches of {recipe.batch_size} leave a batch of one, which has no variance for the "
            f"BatchNorm of {network.model} at {data.pixels} px: choose another batch_size or number of images, "
            "or an image_size of at least 16"
        )


def check_draw(name: str, wanted: int, available: int, data: Data) -> None:
    """Raise :class:`InputError` unless as many images as the parameter ``name`` says can be drawn by class."""
    classes = len(data.info.classes)
    if not classes <= wanted <= available:
        or_all = ", or 0 for all" if name in _OR_ALL else ""
        raise InputError(
            f"{name} must be from {classes} (one a class) to the {available} images there are{or_all}, not {wanted}"
        )


def _check_preparation(data: Data) -> None:
    """Raise :class:`InputError` where a dataset cannot be brought to the form that is asked for."""
    if data.subset:
        check_draw("subset", data.subset, data.info.train, data)
    values = data.info.channels * data.pixels**2
    if data.zca and values > catalog.WHITENED:
        raise InputError(
            f"ZCA whitening needs the covariance of all {values} values of an image: "
            f"use images of at most {catalog.WHITENED}, such as 3 x 32 x 32"
        )


def examine(jobs: Iterable[Job], *, fetch: bool = False) -> tuple[str, ...]:
    """Hold missing jobs against their data; one's own data are read, and kept for the jobs where they are decoded.

    Args:
        jobs: Jobs whose results are missing.
        fetch: Have named datasets fetched where they are not on this machine, before anything else is spent.

    Returns:
        Sentences that say what is left out of one's own data.

    Raises:
        InputError: A job could not be done; for images that cannot be read, all of them are named. A dataset cannot be
            fetched.
    """
    datasets = dict.fromkeys(data for job in jobs if (data := job.check()) is not None)
    for data in datasets:
        _check_preparation(data)
    sizes = dict.fromkeys((data.name, data.pixels) for data in datasets)
    if fetch:
        from ...data import loading

        for name in dict.fromkeys(name for name, _ in sizes if name in catalog.DATASETS):
            loading.fetch(name)
    return tuple(dict.fromkeys(note for name, size in sizes for note in catalog.examine(name, size)))
