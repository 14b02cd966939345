"""Linear mode connectivity: loss and accuracy along the line between two trained networks (2503.17905 section 4)."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from .. import training
from ..errors import InputError
from ..models.suit import suit
from ..models.weights import Weights, check_fit, cut, everywhere
from ..training.forward import PLAIN, Forward
from ..training.recipe import STATISTICS_BATCH

if TYPE_CHECKING:
    from ..data.split import Split
    from ..pruning import Mask

STATISTICS = ("interpolated", "re-estimated")


@dataclass(frozen=True)
class Curve:
    """Figures along a line from network a (alpha 0) to network b (alpha 1).

    Attributes:
        alphas: Positions in [0, 1], ascending, both ends included.
        loss: Mean cross-entropy at each position, nats.
        accuracy: Top-1 accuracy at each position, in [0, 1].
    """

    alphas: tuple[float, ...]
    loss: tuple[float, ...]
    accuracy: tuple[float, ...]


class Barrier(float):
    """The loss barrier of a curve: a number, the midpoint barrier, that carries its companions.

    Attributes:
        midpoint: L(.5) - (L(0) + L(1)) / 2, the number itself.
        maximum: Largest L(a) - ((1 - a) L(0) + a L(1)) over the curve's positions.
        error_rise: The midpoint's error minus the mean error of the ends, in [-1, 1] (Frankle et al. 2020).
        end_loss: Mean loss of the two ends.
        end_accuracy: Mean accuracy of the two ends.
    """

    midpoint: float
    maximum: float
    error_rise: float
    end_loss: float
    end_accuracy: float


def _positions(alphas: int | Sequence[float]) -> tuple[float, ...]:
    """Give the positions along the line: ``alphas`` equal steps, or the given ones."""
    if isinstance(alphas, int):
        if alphas < 2:
            raise InputError(f"alphas must be at least 2 (both ends of the line), not {alphas}")
        return tuple(step / (alphas - 1) for step in range(alphas))
    given = tuple(float(alpha) for alpha in alphas)
    if len(given) < 2 or given[0] != 0 or given[-1] != 1 or not all(a < b for a, b in itertools.pairwise(given)):
        raise InputError("alphas must ascend from 0 to 1, both ends included")
    return given


@torch.no_grad()
def _blend(net: nn.Module, terms: Sequence[tuple[float, Weights]]) -> None:
    """Load the weighted sum of state dicts into a network, in place.

    A weight of exactly 1 among zeros copies that network to the last bit; integer buffers come from the first term.
    """
    lone = [weights for factor, weights in terms if factor != 0]
    single = len(lone) == 1 and any(factor == 1 for factor, _ in terms)
    for name, target in net.state_dict(keep_vars=True).items():
        if single or not target.is_floating_point():
            target.data.copy_((lone[0] if single else terms[0][1])[name])
            continue
        total = torch.zeros_like(target)
        for factor, weights in terms:
            total.add_(weights[name], alpha=factor)
        target.data.copy_(total)


@torch.no_grad()
def reestimate(net: nn.Module, split: Split, batch_size: int = STATISTICS_BATCH) -> None:
    """Replace the running statistics of every BatchNorm layer by averages over clean data.

    A batch counts as much as it has images. A last image left over joins the batch before it: alone it has no variance.

    Raises:
        InputError: The network cannot take the images, a single image where a layer needs several values, or batches of
            none.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, not {batch_size}")
    layers = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    suit(net, split, min(batch_size, len(split)))
    for layer in layers:
        layer.reset_running_stats()
    was_training = net.training
    net.train()
    first = next(net.parameters())
    ends = [*range(batch_size, len(split) - 1, batch_size), len(split)]
    for begin, end in itertools.pairwise([0, *ends]):
        for layer in layers:
            layer.momentum = (end - begin) / end  # makes the running value the mean of all images so far
        net(split.normalised(slice(begin, end)).to(first.device, first.dtype))
    net.train(was_training)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def interpolate(
    net: nn.Module,
    a: Weights,
    b: Weights,
    split: Split,
    alphas: int | Sequence[float] = 11,
    mask: Mask | None = None,
    *,
    statistics: str = "interpolated",
    forward: Forward = PLAIN,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
) -> Curve:
    """Measure loss and accuracy along (1 - alpha) a + alpha b on clean data (2503.17905 section 4, Figs. 3 and 4).

    Weights, biases, norm parameters and BatchNorm statistics are all interpolated. With a mask, both networks are the
    trained *subnetworks*; without one, whatever the state dicts hold is used, which reproduces the authors' scripts
    when the pruned weights still hold decayed initial values.

    Args:
        net: A network of the right shape; a copy is used, the caller's weights are not touched.
        a: State dict at alpha 0.
        b: State dict at alpha 1.
        split: Clean images, training data as in the paper, or test data.
        alphas: Number of equal steps, or the positions themselves.
        mask: The subnetwork's mask.
        statistics: ``"interpolated"`` BatchNorm statistics as the authors, or ``"re-estimated"`` on ``split``.
        forward: How the network is run.
        progress: Called after each position.

    Returns:
        The :class:`Curve`; its ends are exactly the two (sub)networks.

    Raises:
        InputError: Networks of different shape, weights that are not finite, fewer than two alphas.

    Examples:
        >>> from distilled_pruning import connectivity, data, models
        >>> digits = data.load("digits")
        >>> net = models.build("convnet3", digits, width=8)
        >>> a, b = (models.build("convnet3", digits, width=8, seed=seed).state_dict() for seed in (1, 2))
        >>> curve = connectivity.interpolate(net, a, b, digits.test, alphas=3)
        >>> curve.alphas, len(curve.loss)
        ((0.0, 0.5, 1.0), 3)
    """
    if statistics not in STATISTICS:
        raise InputError(f"statistics must be one of {', '.join(STATISTICS)}, not {statistics!r}")
    points = _positions(alphas)
    check_fit(net, a, b)
    place = forward.place(net)
    work = copy.deepcopy(net).to(place).eval()
    if forward.compile:
        work.compile()
    split = split.to(place)
    kept = everywhere(net, mask) if mask is not None else None
    ends = [cut({name: tensor.to(place) for name, tensor in end.items()}, kept) for end in (a, b)]
    figures = []
    for done, alpha in enumerate(points, 1):
        _blend(work, [(1 - alpha, ends[0]), (alpha, ends[1])])
        # A barrier is a difference to the ends, so these must be the trained networks to the last bit.
        if alpha in (0, 1) and any(not torch.equal(t, ends[int(alpha)][n]) for n, t in work.state_dict().items()):
            raise AssertionError("an end of the line is not the trained network")
        if statistics == "re-estimated":
            reestimate(work, split, forward.batch_size or STATISTICS_BATCH)
        with forward.cast(place):
            figures.append(training.evaluate(work, split, forward.batch_size))
        if progress is not None:
            progress(done, len(points), {"loss": figures[-1][0]})
    losses, accuracies = zip(*figures, strict=True)
    return Curve(points, losses, accuracies)


def barrier(curve: Curve) -> Barrier:
    """Compute the loss barrier of a curve, at its midpoint and at its highest point.

    The midpoint is read by linear interpolation where alpha .5 is not among the positions.

    Raises:
        InputError: Positions that do not ascend from 0 to 1, or not one loss and one accuracy for each.

    Examples:
        >>> from distilled_pruning import connectivity
        >>> found = connectivity.barrier(connectivity.Curve((0.0, 0.5, 1.0), (0.1, 0.7, 0.3), (0.97, 0.8, 0.93)))
        >>> f"{found:.2f} {found.error_rise:.2f} {found.end_accuracy:.2f}"
        '0.50 0.15 0.95'
    """
    first, last = 0, len(_positions(curve.alphas)) - 1
    if not len(curve.loss) == len(curve.accuracy) == len(curve.alphas):
        raise InputError("a curve needs one loss and one accuracy at each of its positions")

    def at_half(values: Sequence[float]) -> float:
        right = next(index for index, alpha in enumerate(curve.alphas) if alpha >= 0.5)
        if curve.alphas[right] == 0.5:
            return values[right]
        left = right - 1
        share = (0.5 - curve.alphas[left]) / (curve.alphas[right] - curve.alphas[left])
        return (1 - share) * values[left] + share * values[right]

    end_loss = (curve.loss[first] + curve.loss[last]) / 2
    end_accuracy = (curve.accuracy[first] + curve.accuracy[last]) / 2
    result = Barrier(at_half(curve.loss) - end_loss)
    result.midpoint = float(result)
    result.maximum = max(
        loss - ((1 - alpha) * curve.loss[first] + alpha * curve.loss[last])
        for alpha, loss in zip(curve.alphas, curve.loss, strict=True)
    )
    result.error_rise = end_accuracy - at_half(curve.accuracy)
    result.end_loss, result.end_accuracy = end_loss, end_accuracy
    return result


def pairs(
    net: nn.Module,
    replicates: Sequence[Weights],
    split: Split,
    alphas: int | Sequence[float] = 11,
    mask: Mask | None = None,
    **options: object,
) -> Iterator[tuple[int, int, Curve]]:
    """Interpolate between all pairs of n replicates of one ticket; yields ``(i, j, curve)`` with i < j."""
    for (i, a), (j, b) in itertools.combinations(enumerate(replicates), 2):
        yield i, j, interpolate(net, a, b, split, alphas, mask, **options)  # type: ignore[arg-type]


def instability(
    net: nn.Module,
    split: Split,
    recipe: training.Recipe,
    epochs: Sequence[int],
    *,
    mask: Mask | None = None,
    order_seeds: tuple[int, int] = (0, 1),
    common_seed: int = 4,
    alphas: int | Sequence[float] = 11,
    device: str | torch.device = "auto",
) -> Iterator[tuple[int, Curve]]:
    """Train k common epochs, then two data orders to the end, and interpolate (Frankle et al. 2020).

    The schedule is the full run's throughout: the copies go on from epoch k with momentum and rate as they are.

    Args:
        net: Network at initialisation; not changed.
        split: Training data.
        recipe: The full run; ``epochs`` counts in its epochs.
        epochs: Values of k, 0 for two orders from the start.
        mask: Subnetwork to train.
        order_seeds: Data orders of the two copies after the split.
        common_seed: Data order of the common part.
        alphas: As for :func:`interpolate`.
        device: Where to train.

    Yields:
        ``(k, curve)`` on clean training data.

    Raises:
        InputError: An epoch that the run does not have.
    """
    per_epoch, end = recipe.steps_per_epoch(len(split)), recipe.total_steps(len(split))
    outside = [k for k in epochs if not 0 <= k * per_epoch <= end]
    if outside:
        raise InputError(f"epochs must lie between 0 and the run's end, not {outside[0]}")
    for k in epochs:
        ends = []
        common = copy.deepcopy(net)
        states: list[training.State] = []
        if k > 0:
            stretch = training.Stretch(until=k * per_epoch, finish=states.append)
            training.train(common, split, recipe, mask, common_seed, device=device, stretch=stretch)
        for order_seed in order_seeds:
            copied = copy.deepcopy(net)
            stretch = training.Stretch(state=states[0] if states else None)
            training.train(copied, split, recipe, mask, order_seed, device=device, stretch=stretch)
            ends.append(copied.state_dict())
        yield k, interpolate(copied, ends[0], ends[1], split, alphas, mask)
