"""The loop of training, pruning and rewinding that finds tickets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from .. import training
from ..data.split import Dataset, Split
from ..errors import InputError, unknown
from ..models.weights import everywhere
from .criteria import fit_mask, magnitude, survivors
from .mask import Mask

if TYPE_CHECKING:
    from ..distillation.synthetic import Synthetic
    from ..training.loop import Log
    from ..training.recipe import Recipe

__all__ = ["Ticket", "iterative"]

_REWINDS = ("all", "weights")


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
    **options: Any,
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
        **options: ``order_seed``, ``test``, ``device`` and ``progress`` of every training, see :func:`.training.train`.

    Returns:
        An iterator over the tickets of levels 1 to ``levels``.

    Raises:
        InputError: More levels than weights, a fraction outside (0, 1), an epoch that the recipe does not have, or
            another network's mask; said at once, before any training.

    Examples:
        >>> from distilled_pruning import data, models, pruning, training
        >>> digits = data.load("digits")
        >>> net = models.build("convnet3", digits, width=8, seed=0)
        >>> recipe = training.Recipe(learning_rate=0.1, batch_size=64, steps=3)
        >>> for ticket in pruning.iterative(net, digits, recipe, levels=2):
        ...     print(ticket.level, f"{ticket.mask.sparsity:.2f}")
        1 0.20
        2 0.36
    """
    if scope not in _REWINDS:
        raise unknown("scope", scope, _REWINDS)
    if levels < 1:
        raise InputError(f"levels must be at least 1, not {levels}")
    survivors(fit_mask(net, mask).survivors, levels, fraction)
    split = _split(source)
    first = rewind * recipe.steps_per_epoch(len(split))
    if not 0 <= first < recipe.total_steps(len(split)):
        raise InputError(
            f"cannot rewind to epoch {rewind}: choose one from 0 to "
            f"{(recipe.total_steps(len(split)) - 1) // recipe.steps_per_epoch(len(split))}"
        )
    return _tickets(net, split, recipe, mask, [fraction] * levels, first, scope == "all", options)


def _split(source: Split | Dataset | Synthetic) -> Split:
    if isinstance(source, Split):
        return source
    return source.train if isinstance(source, Dataset) else source.decode()


def _tickets(
    net: nn.Module,
    split: Split,
    recipe: Recipe,
    mask: Mask | None,
    fractions: Sequence[float],
    first: int,
    whole: bool,
    options: dict[str, Any],
) -> Iterator[Ticket]:
    """Do the levels, one for each fraction, from step ``first`` on; rewind the whole network or its weights alone."""
    if first:
        training.train(net, split, recipe, stretch=training.Stretch(until=first), **options)
    if mask is not None:
        mask.apply(net)
    target = _copy(net)
    state = target
    for level, fraction in enumerate(fractions, 1):
        stretch = training.Stretch(training.State(first, state, {}))
        log = training.train(net, split, recipe, mask, stretch=stretch, **options)
        mask = magnitude(net, mask, fraction)
        kept = target if whole else {name: target[name] for name in everywhere(net, mask)}
        net.load_state_dict({**_copy(net), **kept})
        mask.apply(net)
        state = _copy(net)
        yield Ticket(level, mask, _copy(net), log)


def _copy(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in net.state_dict().items()}
