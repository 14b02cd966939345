"""Whether a network suits some images, found out before anything is spent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..data.split import Split, likeliest
from ..errors import InputError

__all__ = ["suit"]


@torch.no_grad()
def suit(net: nn.Module, split: Split, batch: int | None = None) -> None:
    """Try a network on one image, before anything is spent on all; ``batch`` is the smallest it will be trained on.

    Raises:
        InputError: There are no images, or labels that are no class; it does not take such images, has not one output a
            class, or has BatchNorm that a batch of one image gives a single value a channel.
    """
    if len(split) == 0:
        raise InputError("the data have no images: give at least one")
    classes = likeliest(split.labels)
    low, high = int(classes.min()), int(classes.max())
    if low < 0 or high >= split.classes:
        raise InputError(f"labels must be 0 to {split.classes - 1} for {split.classes} classes, not {low} to {high}")
    first, was_training = next(net.parameters()), net.training
    image = split.normalised(slice(0, 1)).to(first.device, first.dtype)
    lonely = False

    def look(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal lonely
        lonely = lonely or inputs[0].numel() == inputs[0].shape[1]

    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    hooks = [module.register_forward_pre_hook(look) for module in norms]
    net.eval()
    try:
        found = net(image)
    except RuntimeError as error:
        shape = "x".join(map(str, image.shape[1:]))
        raise InputError(f"the network does not take images of {shape}: build it for these images ({error})") from error
    finally:
        net.train(was_training)
        for hook in hooks:
            hook.remove()
    if found.shape != (1, split.classes):
        raise InputError(
            f"the network gives {list(found.shape[1:])} values for an image and the images have {split.classes} "
            "classes: build it with one output for each class"
        )
    if lonely and batch == 1:
        raise InputError(
            "a batch of one image has no variance for BatchNorm, whose maps are of one pixel here: choose a batch size "
            "that leaves no image over, or larger images"
        )
