"""Pruning: which weights to remove, and the loop of training, pruning and rewinding.

Sources: 2503.17905 sections 2.1 and 3 (iterative magnitude pruning, distilled pruning); SNIP (Lee et al. 2019) and
SynFlow (Tanaka et al. 2020) as references that prune at initialisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from . import scores
from .errors import InputError, unknown
from .mask import Mask
from .models import prunable

if TYPE_CHECKING:
    from .data import Dataset, Split
    from .distillation.synthetic import Synthetic
    from .recipe import Recipe
    from .training import Log

__all__ = [
    "Mask",
    "Ticket",
    "iterative",
    "magnitude",
    "magnitude_layers",
    "prunable",
    "random",
    "shuffled",
    "snip",
    "survivors",
    "synflow",
]

SCOPES = ("global", "layer")
REWINDS = ("all", "weights")
FLOW_ROUNDS = 100


def check(fraction: float) -> None:
    """Raise :class:`InputError` unless a fraction is between 0 and 1, both excluded."""
    if not 0 < fraction < 1:
        raise InputError(f"fraction must lie between 0 and 1, both excluded, not {fraction}")


def survivors(total: int, levels: int, fraction: float = 0.2) -> int:
    """Count the weights that survive a number of levels, each removing ``round(fraction * survivors)``.

    Args:
        total: Weights at the start.
        levels: Levels of pruning.
        fraction: Share of the survivors that a level removes.

    Raises:
        InputError: A fraction outside (0, 1), or more levels than weights.
    """
    check(fraction)
    left = total
    for level in range(1, levels + 1):
        removed = round(fraction * left)
        if not 0 < removed < left:
            raise InputError(
                f"level {level} cannot remove {fraction:.0%} of the {left} weights that are left of {total}: "
                f"ask for at most {level - 1} levels"
            )
        left -= removed
    return left


def drop(ranking: Mapping[str, Tensor], mask: Mask, count: int) -> Mask:
    """Remove the ``count`` survivors of lowest score over all layers; of equal scores the first ones.

    Args:
        ranking: Scores by weight name, shaped like the weights.
        mask: Survivors so far; no other weight comes back.
        count: How many to remove.
    """
    if count == 0:
        return mask
    flat = torch.cat([ranking[name].detach().cpu()[kept] for name, kept in mask.items()])
    threshold = flat.kthvalue(count).values
    keep = flat > threshold
    ties = (flat == threshold).nonzero().squeeze(1)
    keep[ties[count - int((flat < threshold).count_nonzero()) :]] = True
    layers, parts = {}, keep.split([int(kept.count_nonzero()) for kept in mask.values()])
    for (name, kept), part in zip(mask.items(), parts, strict=True):
        layers[name] = kept.clone()
        layers[name][kept] = part
    return Mask(layers)


def _magnitudes(net: nn.Module, mask: Mask) -> dict[str, Tensor]:
    weights = prunable(net)
    if weights.keys() != mask.keys() or any(weights[name].shape != mask[name].shape for name in mask):
        raise InputError("the mask belongs to another network: its layers are not those of this one")
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
    """
    check(fraction)
    if scope not in SCOPES:
        raise unknown("scope", scope, SCOPES)
    mask = Mask.ones(net) if mask is None else mask
    ranking = _magnitudes(net, mask)
    left = survivors(mask.survivors, 1, fraction)
    if scope == "global":
        return drop(ranking, mask, mask.survivors - left)
    layers: dict[str, Tensor] = {}
    for name, kept in mask.items():
        layers |= drop(ranking, Mask({name: kept}), round(fraction * int(kept.count_nonzero())))
    return Mask(layers)


def magnitude_layers(net: nn.Module, like: Mask) -> Mask:
    """Keep the largest weights of each layer, as many as another mask keeps there.

    On a network at initialisation this is the control that shares a mask's layer densities and nothing else.

    Raises:
        InputError: Weights that are not finite, or a mask of another network.
    """
    ranking = _magnitudes(net, like)
    layers: dict[str, Tensor] = {}
    for name, kept in like.items():
        layers |= drop(ranking, Mask({name: torch.ones_like(kept)}), int((~kept).count_nonzero()))
    return Mask(layers)


def random(net: nn.Module, mask: Mask | None = None, fraction: float = 0.2, seed: int = 0) -> Mask:
    """Remove survivors at random, in one draw over all layers.

    A seed is one random order of all weights, so that chained levels of one seed are nested and a chain is the same
    as one draw of its sparsity; another seed is another mask.

    Raises:
        InputError: A fraction outside (0, 1), or too few survivors.
    """
    mask = Mask.ones(net) if mask is None else mask
    left = survivors(mask.survivors, 1, fraction)
    generator = _seeded("random mask", seed)
    ranking = {name: torch.rand(kept.shape, generator=generator, dtype=torch.float64) for name, kept in mask.items()}
    return drop(ranking, mask, mask.survivors - left)


def shuffled(mask: Mask, seed: int = 0) -> Mask:
    """Move the survivors of a mask to random places within their layers."""
    generator = _seeded("shuffled mask", seed)
    return Mask(
        {
            name: kept.flatten()[torch.randperm(kept.numel(), generator=generator)].reshape(kept.shape)
            for name, kept in mask.items()
        }
    )


def _seeded(*parts: object) -> torch.Generator:
    from .training import seeded

    return seeded(*parts)


def _target(total: int, count: int | None, sparsity: float | None) -> int:
    if (count is None) == (sparsity is None):
        raise InputError("say either how many weights survive (count) or the sparsity, one of the two")
    left = round((1 - sparsity) * total) if sparsity is not None else count
    if left is None or not 0 < left <= total:
        raise InputError(f"between 1 and {total} weights can survive, not {left}")
    return left


def snip(
    net: nn.Module, images: Tensor, labels: Tensor, count: int | None = None, sparsity: float | None = None
) -> Mask:
    """Keep the weights of highest connection sensitivity ``|g * w|`` on one batch, in one shot (Lee et al. 2019).

    Args:
        net: Network at initialisation; it is not changed.
        images: Normalised images [B, C, H, W].
        labels: Labels int64 [B].
        count: How many weights survive, or
        sparsity: the share that is removed.

    Raises:
        InputError: Neither or both of ``count`` and ``sparsity``, one that cannot be, or gradients that are not finite.
    """
    mask = Mask.ones(net)
    left = _target(mask.total, count, sparsity)
    return drop(scores.sensitivity(net, images, labels), mask, mask.total - left)


def synflow(
    net: nn.Module,
    shape: tuple[int, ...],
    count: int | None = None,
    sparsity: float | None = None,
    rounds: int = FLOW_ROUNDS,
) -> Mask:
    """Keep the weights of highest synaptic flow (Tanaka et al. 2020, algorithm 1), without data.

    The density falls exponentially over the rounds, and the scores are computed anew in each.

    Args:
        net: Network at initialisation; it is not changed.
        shape: Shape of one image, (C, H, W).
        count: How many weights survive, or
        sparsity: the share that is removed.
        rounds: Rounds of scoring and pruning; 100 as published.

    Raises:
        InputError: Neither or both of ``count`` and ``sparsity``, one that cannot be, or scores that are not finite.
    """
    mask = Mask.ones(net)
    left = _target(mask.total, count, sparsity)
    flow = scores.Flow(net, shape)
    for done in range(1, rounds + 1):
        keep = round(mask.total * (left / mask.total) ** (done / rounds))
        mask = drop(flow(mask), mask, mask.survivors - keep)
    return mask


@dataclass(frozen=True)
class Ticket:
    """A subnetwork found by one level of pruning.

    Attributes:
        level: Levels of pruning so far, from 1.
        mask: Its survivors.
        state: The rewound, masked network (``state_dict``, on the CPU), ready to be trained.
        log: What the training reported whose weights the mask was chosen by.
    """

    level: int
    mask: Mask
    state: dict[str, Tensor]
    log: Log


def iterative(
    net: nn.Module,
    source: Split | Dataset | Synthetic,
    recipe: Recipe,
    levels: int = 10,
    fraction: float = 0.2,
    rewind: int = 0,
    *,
    scope: str = "all",
    mask: Mask | None = None,
    layerwise: bool = False,
    order_seed: int = 0,
    test: Split | None = None,
    device: str | torch.device = "auto",
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
) -> Iterator[Ticket]:
    """Train, prune, rewind, again and again (2503.17905 section 3; distilled pruning where the source is distilled).

    At each ticket ``net`` holds the ticket itself; what the caller does with it has no effect on the next level.
    Every level's training starts with fresh momentum and has the same data order.

    Args:
        net: Network at initialisation.
        source: What the inner loop trains on: a split, a dataset (its training split) or a distilled set (decoded).
        recipe: How it trains.
        levels: Levels of pruning.
        fraction: Share of the survivors that a level removes.
        rewind: Epoch k to rewind to: the state after k epochs of this very recipe on the dense network; trainings then
            go on from there in its schedule. 0 is the initialisation.
        scope: ``"all"`` rewinds everything; ``"weights"`` only what can be pruned, so that biases, norm parameters and
            BatchNorm statistics are carried from level to level and into the ticket, as in the authors' scripts.
        mask: Survivors to start from, as for the papers' combined method (distilled pruning, then IMP); the dense
            network that is rewound to is masked with it.
        layerwise: Remove the fraction in each layer, not over all.
        order_seed: Seed of data order and augmentation.
        test: Clean data for the figures in each log.
        device: Where to train.
        progress: Passed on to each training.

    Returns:
        An iterator over the tickets of levels 1 to ``levels``.

    Raises:
        InputError: More levels than weights, a fraction outside (0, 1), an epoch that the recipe does not have.
    """
    if scope not in REWINDS:
        raise unknown("scope", scope, REWINDS)
    if levels < 1:
        raise InputError(f"levels must be at least 1, not {levels}")
    survivors((Mask.ones(net) if mask is None else mask).survivors, levels, fraction)
    split = source.decode() if hasattr(source, "decode") else getattr(source, "train", source)
    first = rewind * recipe.steps_per_epoch(len(split))
    if not 0 <= first < recipe.total_steps(len(split)):
        raise InputError(
            f"cannot rewind to epoch {rewind}: choose one from 0 to "
            f"{(recipe.total_steps(len(split)) - 1) // recipe.steps_per_epoch(len(split))}"
        )
    options = {"order_seed": order_seed, "device": device, "progress": progress}
    return _levels(net, split, recipe, levels, fraction, first, scope, mask, layerwise, test, options)


def _levels(
    net: nn.Module,
    split: Split,
    recipe: Recipe,
    levels: int,
    fraction: float,
    first: int,
    scope: str,
    mask: Mask | None,
    layerwise: bool,
    test: Split | None,
    options: dict[str, Any],
) -> Iterator[Ticket]:
    from . import training

    if first:
        training.train(net, split, recipe, until=first, **options)
    if mask is not None:
        mask.apply(net)
    target = _copy(net)
    state = target
    for level in range(1, levels + 1):
        log = training.train(net, split, recipe, mask, test=test, state=training.State(first, state, {}), **options)
        mask = magnitude(net, mask, fraction, "layer" if layerwise else "global")
        kept = target if scope == "all" else {name: target[name] for name in mask}
        net.load_state_dict({**_copy(net), **kept})
        mask.apply(net)
        state = _copy(net)
        yield Ticket(level, mask, dict(state), log)


def _copy(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in net.state_dict().items()}
