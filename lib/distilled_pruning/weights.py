"""The weights of a network by name: which of them pruning may remove, and what they are called where it is wrapped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from .errors import InputError

__all__ = ["everywhere", "prunable", "renamed"]

WRAPPERS = ("module", "_orig_mod")


def prunable(net: nn.Module) -> dict[str, nn.Parameter]:
    """Give the weights that pruning may remove: those of every Conv2d and Linear, the classifier's included.

    Biases and norm parameters are never pruned (both papers).

    Args:
        net: Any network.

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


def renamed(kept: Mapping[str, Tensor], names: Iterable[str]) -> Mapping[str, Tensor]:
    """Give what is said of weights under the names that a network has for them now.

    ``DataParallel`` and ``torch.compile`` put ``module`` and ``_orig_mod`` before the names of what they wrap. What
    fits as it is, or fits in no way, stays as it is.

    Args:
        kept: Tensors by weight name.
        names: Names of the network's weights.
    """
    there = list(names)
    if set(kept) <= set(there):
        return kept
    plain = {_plain(name): name for name in there}
    found = {plain.get(_plain(name), name): values for name, values in kept.items()}
    return found if len(plain) == len(there) and len(found) == len(kept) else kept


def _plain(name: str) -> str:
    """Take the names of wrappers out of a weight's name."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def everywhere(net: nn.Module, kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give what is said of weights under every name they have in ``state_dict``: tied ones have several."""
    names: dict[int, list[str]] = {}
    for name, weight in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(weight), []).append(name)
    others = {same[0]: same for same in names.values()}
    kept = renamed(kept, [name for same in names.values() for name in same])
    return {other: values for name, values in kept.items() for other in others.get(name, [name])}
