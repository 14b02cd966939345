"""Which weights to remove: the smallest, random ones, or those of lowest score at initialisation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import InputError, unknown
from ..models.weights import prunable
from ..training.loop import make_generator
from . import scores
from .mask import Mask
from .sparsity import check, survivors

__all__ = ["magnitude", "magnitude_layers", "random", "shuffled", "snip", "survivors", "synflow"]

_SCOPES = ("global", "layer")
_FLOW_ROUNDS = 100


def _drop(ranking: Mapping[str, Tensor], mask: Mask, count: int) -> Mask:
    """Remove the ``count`` survivors of lowest score over all layers; of equal scores the first ones."""
    if count == 0:
        return mask
    flat = torch.cat([ranking[name].detach().cpu()[kept] for name, kept in mask.items()])
    # The count and not a threshold decides: of weights that equal the threshold, only the first ones go.
    threshold = flat.kthvalue(count).values
    keep = flat > threshold
    ties = (flat == threshold).nonzero().squeeze(1)
    keep[ties[count - int((flat < threshold).count_nonzero()) :]] = True
    layers, parts = {}, keep.split([int(kept.count_nonzero()) for kept in mask.values()])
    for (name, kept), part in zip(mask.items(), parts, strict=True):
        layers[name] = kept.clone()
        layers[name][kept] = part
    return Mask(layers)


def fit_mask(net: nn.Module, mask: Mask | None) -> Mask:
    """Give the mask, or a full one for ``None``; raise :class:`InputError` for one of another network."""
    if mask is None:
        return Mask.ones(net)
    weights, mask = prunable(net), mask.on(net)
    if weights.keys() != mask.keys() or any(weights[name].shape != mask[name].shape for name in mask):
        raise InputError("the mask belongs to another network: its layers are not those of this one")
    return mask


def _magnitudes(net: nn.Module) -> dict[str, Tensor]:
    weights = prunable(net)
    for name, weight in weights.items():
        if not bool(weight.isfinite().all()):
            raise InputError(f"{name} holds weights that are not finite: train again with a lower learning rate")
    return {name: weight.detach().abs() for name, weight in weights.items()}


def magnitude(net: nn.Module, mask: Mask | None = None, fraction: float = 0.2, scope: str = "global") -> Mask:
    """Remove the smallest weights (2503.17905 section 2.1), ``round(fraction * survivors)`` of them.

    Args:
        net: Network whose weights are judged; it is not changed.
        mask: Survivors so far, ``None`` for all.
        fraction: Share of the survivors to remove.
        scope: ``"global"`` compares the weights of all layers, as the papers do; ``"layer"`` removes the fraction in
            each layer.

    Returns:
        The survivors' mask. The same weights give the same mask on every device; of equal weights the first ones go.

    Raises:
        InputError: A fraction outside (0, 1), too few survivors, weights that are not finite, another network's mask.

    Examples:
        >>> from distilled_pruning import models, pruning
        >>> net = models.build("convnet3", size=16, channels=1, classes=10, width=16)
        >>> mask = pruning.magnitude(net, fraction=0.2)
        >>> round(mask.sparsity, 3), round(pruning.magnitude(net, mask, fraction=0.2).sparsity, 3)
        (0.2, 0.36)
    """
    check(fraction)
    if scope not in _SCOPES:
        raise unknown("scope", scope, _SCOPES)
    mask, ranking = fit_mask(net, mask), _magnitudes(net)
    left = survivors(mask.survivors, 1, fraction)
    if scope == "global":
        return _drop(ranking, mask, mask.survivors - left)
    layers: dict[str, Tensor] = {}
    for name, kept in mask.items():
        layers |= _drop(ranking, Mask({name: kept}), round(fraction * int(kept.count_nonzero())))
    return Mask(layers)


def magnitude_layers(net: nn.Module, like: Mask) -> Mask:
    """Keep the largest weights of each layer, as many as another mask keeps there.

    On a network at initialisation this is the control that shares a mask's layer densities and nothing else.

    Raises:
        InputError: Weights that are not finite, or a mask of another network.
    """
    like, ranking = fit_mask(net, like), _magnitudes(net)
    return _reach(_goals(like, None, None, like), ranking, Mask.ones(net))


def random(net: nn.Module, mask: Mask | None = None, fraction: float = 0.2, seed: int = 0) -> Mask:
    """Remove survivors at random, in one draw over all layers.

    A seed is one random order of all weights, so that chained levels of one seed are nested and a chain is the same
    as one draw of its sparsity; another seed is another mask.

    Raises:
        InputError: A fraction outside (0, 1), too few survivors, or another network's mask.
    """
    mask = fit_mask(net, mask)
    left = survivors(mask.survivors, 1, fraction)
    generator = make_generator("random mask", seed)
    ranking = {name: torch.rand(kept.shape, generator=generator, dtype=torch.float64) for name, kept in mask.items()}
    return _drop(ranking, mask, mask.survivors - left)


def shuffled(mask: Mask, seed: int = 0) -> Mask:
    """Move the survivors of a mask to random places within their layers."""
    generator = make_generator("shuffled mask", seed)
    return Mask(
        {
            name: kept.flatten()[torch.randperm(kept.numel(), generator=generator)].reshape(kept.shape)
            for name, kept in mask.items()
        }
    )


_Goals = list[tuple[tuple[str, ...], int]]  # layers whose weights compete, and how many of them survive


def _goals(mask: Mask, count: int | None, sparsity: float | None, like: Mask | None) -> _Goals:
    if [count, sparsity, like].count(None) != 2:
        raise InputError("say how many weights survive by one of count, sparsity and a mask to match (like)")
    if like is not None:
        return [((name,), int(kept.count_nonzero())) for name, kept in like.items()]
    if sparsity is not None and not 0 <= sparsity < 1:
        raise InputError(f"sparsity must be at least 0 and below 1, so that weights can survive, not {sparsity}")
    left = round((1 - sparsity) * mask.total) if sparsity is not None else count
    if left is None or not 0 < left <= mask.total:
        raise InputError(f"between 1 and {mask.total} weights can survive, not {left}")
    return [(tuple(mask), left)]


def _reach(goals: _Goals, ranking: Mapping[str, Tensor], mask: Mask, share: float = 1.0) -> Mask:
    """Drop the lowest scores among each goal's layers, a share of the way in the logarithm of the density."""
    layers: dict[str, Tensor] = {}
    for names, left in goals:
        part = Mask({name: mask[name] for name in names})
        keep = round(part.total * (left / part.total) ** share)
        layers |= _drop(ranking, part, part.survivors - keep)
    return Mask(layers)


def snip(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    count: int | None = None,
    sparsity: float | None = None,
    like: Mask | None = None,
) -> Mask:
    """Keep the weights of highest connection sensitivity ``|g * w|`` on one batch, in one shot (Lee et al. 2019).

    Args:
        net: Network at initialisation; it is not changed.
        images: Normalised images [B, C, H, W].
        labels: Labels int64 [B].
        count: How many weights survive, or
        sparsity: the share that is removed, or
        like: a mask that says how many survive in each layer.

    Raises:
        InputError: Not one of ``count``, ``sparsity`` and ``like``, one that cannot be, or gradients that are not
            finite.
    """
    mask = Mask.ones(net)
    goals = _goals(mask, count, sparsity, like and fit_mask(net, like))
    return _reach(goals, scores.sensitivity(net, images, labels), mask)


def synflow(
    net: nn.Module,
    shape: tuple[int, ...],
    count: int | None = None,
    sparsity: float | None = None,
    rounds: int = _FLOW_ROUNDS,
    like: Mask | None = None,
) -> Mask:
    """Keep the weights of highest synaptic flow (Tanaka et al. 2020, algorithm 1), without data.

    The density falls exponentially over the rounds, and the scores are computed anew in each.

    Args:
        net: Network at initialisation; it is not changed.
        shape: Shape of one image, (C, H, W).
        count: How many weights survive, or
        sparsity: the share that is removed.
        rounds: Rounds of scoring and pruning; 100 as published.
        like: Mask that says how many weights survive in each layer, in place of ``count`` or ``sparsity``; the density
            of each layer then falls exponentially.

    Raises:
        InputError: Not one of ``count``, ``sparsity`` and ``like``, one that cannot be, or scores that are not finite.
    """
    mask = Mask.ones(net)
    goals = _goals(mask, count, sparsity, like and fit_mask(net, like))
    if rounds < 1:
        raise InputError(f"rounds must be at least 1, not {rounds}")
    flow = scores.Flow(net, shape)
    for done in range(1, rounds + 1):
        mask = _reach(goals, flow(mask), mask, done / rounds)
    return mask
