"""The weights of a network by name: which of them pruning may remove, what they are called, and what fits together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from ..errors import InputError

__all__ = ["Weights", "check_alike", "check_fit", "cut", "everywhere", "names_by_weight", "prunable", "rename"]

Weights = Mapping[str, Tensor]
_WRAPPERS = ("module", "_orig_mod")


def prunable(net: nn.Module) -> dict[str, nn.Parameter]:
    """Give the weights that pruning may remove: those of every Conv2d and Linear, the classifier's included.

    Biases and norm parameters are never pruned (both papers).

    Returns:
        Weights by their name in ``named_parameters``, in its order.

    Raises:
        InputError: There is no such weight, or one that is no parameter itself.
    """
    layers = {name: module for name, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    known = {id(weight) for weight in net.parameters()}
    for name, layer in layers.items():
        if id(layer.weight) not in known:
            raise InputError(
                f"the weight of {name or 'the layer'} is computed from others, as by weight_norm, spectral_norm "
                "or torch.nn.utils.prune, so no mask of it can hold: remove that first"
            )
        if isinstance(layer.weight, UninitializedParameter):
            raise InputError(f"the weight of {name or 'the layer'} has no shape yet: call the network once first")
    owned = {id(layer.weight) for layer in layers.values()}
    found = {name: weight for name, weight in net.named_parameters() if id(weight) in owned}
    if not found:
        raise InputError("the network has no Conv2d or Linear layer, so nothing in it can be pruned")
    return found


def rename(kept: Weights, names: Iterable[str]) -> Weights:
    """Give what is said of weights under the names that a network has for them now.

    ``DataParallel`` and ``torch.compile`` put ``module`` and ``_orig_mod`` before the names of what they wrap. What
    fits as it is, or fits in no way, stays as it is.
    """
    there = list(names)
    if set(kept) <= set(there):
        return kept
    plain = {_unwrap(name): name for name in there}
    found = {plain.get(_unwrap(name), name): values for name, values in kept.items()}
    return found if len(plain) == len(there) and len(found) == len(kept) else kept


def _unwrap(name: str) -> str:
    """Take the names of wrappers out of a weight's name."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def names_by_weight(net: nn.Module) -> dict[str, list[str]]:
    """List all names that each weight has in ``state_dict``, by its first one: tied weights have several."""
    names: dict[int, list[str]] = {}
    for name, weight in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(weight), []).append(name)
    return {same[0]: same for same in names.values()}


def everywhere(net: nn.Module, kept: Weights) -> dict[str, Tensor]:
    """Give what is said of weights under every name they have in ``state_dict``."""
    all_names = names_by_weight(net)
    kept = rename(kept, [name for same in all_names.values() for name in same])
    return {other: values for name, values in kept.items() for other in all_names.get(name, [name])}


def check_alike(own: Weights, *others: Weights) -> None:
    """Raise :class:`InputError` unless state dicts have the names and shapes of the first, and finite values."""
    for weights in others:
        if set(weights) != set(own):
            odd = sorted(set(weights) ^ set(own))[0]
            raise InputError(f"the networks do not fit together: {odd!r} is in one and not in the other")
        for name, tensor in weights.items():
            if tensor.shape != own[name].shape:
                raise InputError(
                    f"the networks do not fit together: {name!r} is {tuple(tensor.shape)} in one "
                    f"and {tuple(own[name].shape)} in the other"
                )
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise InputError(f"{name!r} holds values that are not finite: train again with a lower learning rate")


def check_fit(net: nn.Module, *ends: Weights) -> None:
    """Raise :class:`InputError` unless every state dict fits the network, its tied weights too, and is finite."""
    check_alike(net.state_dict(), *ends)
    for end in ends:
        for name, *others in names_by_weight(net).values():
            for other in others:
                if not torch.equal(end[other], end[name]):
                    raise InputError(f"{name!r} and {other!r} are one weight of the network: give both the same values")


def cut(weights: Weights, mask: Weights | None) -> dict[str, Tensor]:
    """Give a state dict with its pruned weights set to zero; the tensors are new where the mask has an entry.

    Raises:
        InputError: The mask is that of another network.
    """
    mask = mask or {}
    for name in mask:
        if name not in weights:
            raise InputError(f"the mask has a layer {name!r} that the network has not: use a mask of this network")
    return {name: t * mask[name].to(t.device) if name in mask else t for name, t in weights.items()}
