"""Comparing masks: where they prune, how much they share against chance, and how large the pruned weights were.

Sources: 2503.17905 sections 4 and 7, which say that masks of one initialisation are nearly independent while their
layers' sparsities and the initial magnitudes of what they prune agree; no code of it is published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import InputError
from .pruning import Mask

__all__ = [
    "Distance",
    "Magnitudes",
    "Overlap",
    "Shared",
    "chance",
    "collapsed",
    "distance",
    "ks",
    "magnitudes",
    "overlap",
    "sparsity",
    "statistics",
]

_CONFIDENCE = 0.95
_SPREAD = 12.0


def sparsity(mask: Mask) -> dict[str, float]:
    """Share of the weights that are removed, in [0, 1], by layer."""
    return {name: 1 - int(kept.count_nonzero()) / kept.numel() for name, kept in mask.items()}


def collapsed(mask: Mask) -> list[str]:
    """Name the layers without survivors; such a network is constant but for biases and shortcuts."""
    return [name for name, kept in mask.items() if not bool(kept.any())]


def chance(draws: Sequence[tuple[int, int, int]], confidence: float = _CONFIDENCE) -> tuple[float, int, int]:
    """Give the number of shared survivors to expect of independent masks, and its central interval.

    Of ``total`` weights two independent masks with ``a`` and ``b`` survivors share a hypergeometric number. Draws are
    independent of each other; their sum's distribution is convolved exactly (to 12 standard deviations).

    Args:
        draws: ``(total, a, b)``, one for each part that is drawn on its own: the whole mask, or every layer.
        confidence: Probability of the interval, at least.

    Returns:
        Expected number, lower and upper end of the interval (both included).

    Raises:
        InputError: More survivors than weights, no weight at all, or a confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise InputError(f"confidence must lie between 0 and 1, as .95, not {confidence}")
    expected, start, mass = 0.0, 0, np.ones(1)
    for total, a, b in draws:
        if not (total > 0 and 0 <= a <= total and 0 <= b <= total):
            raise InputError(f"of {total} weights {a} and {b} cannot survive: give (total, a, b) with a and b to total")
        mean = a * b / total
        variance = mean * (1 - a / total) * (total - b) / max(total - 1, 1)
        reach = _SPREAD * variance**0.5 + _SPREAD
        low, high = max(0, a + b - total, int(mean - reach)), min(a, b, int(mean + reach) + 1)
        expected, start, mass = expected + mean, start + low, np.convolve(mass, _hypergeometric(total, a, b, low, high))
    cumulated = np.cumsum(mass / mass.sum())
    tail = (1 - confidence) / 2
    lower = int(np.searchsorted(cumulated, tail, side="right"))
    upper = int(np.searchsorted(cumulated, 1 - tail, side="left"))
    return expected, start + min(lower, len(mass) - 1), start + min(upper, len(mass) - 1)


def _hypergeometric(total: int, a: int, b: int, low: int, high: int) -> np.ndarray:
    """Probabilities of sharing ``low`` to ``high`` weights, up to a common factor."""
    k = np.arange(low, high, dtype=np.float64)
    with np.errstate(divide="ignore"):
        steps = np.log(a - k) + np.log(b - k) - np.log(k + 1) - np.log(total - a - b + k + 1)
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    return np.exp(logs - logs.max())


@dataclass(frozen=True)
class Shared:
    """How many survivors two masks have in common.

    Attributes:
        total: Weights.
        a: Survivors of the first mask.
        b: Survivors of the second mask.
        shared: Survivors of both.
        expected: What independent masks share on average.
        low: Lower end of the 95 % interval of what independent masks share.
        high: Its upper end.
    """

    total: int
    a: int
    b: int
    shared: int
    expected: float
    low: int
    high: int

    @property
    def ratio(self) -> float:
        """Shared over expected survivors: 1 for independent masks; NaN where nothing is expected."""
        return self.shared / self.expected if self.expected else float("nan")

    @property
    def independent(self) -> bool:
        """Whether the masks share no more and no less than independent ones would in 95 of 100 cases."""
        return self.low <= self.shared <= self.high

    @property
    def jaccard(self) -> float:
        """Shared survivors over the survivors of either, in [0, 1]; NaN where there are none."""
        union = self.a + self.b - self.shared
        return self.shared / union if union else float("nan")

    @property
    def hamming(self) -> int:
        """Weights that one mask keeps and the other removes."""
        return self.a + self.b - 2 * self.shared


@dataclass(frozen=True)
class Overlap:
    """What two masks have in common, against two notions of chance.

    Attributes:
        whole: Against masks of the same sparsity drawn over all layers at once.
        layered: Against masks with the same survivors in each layer, so that agreeing layer densities do not count.
        layers: Each layer by itself.
    """

    whole: Shared
    layered: Shared
    layers: dict[str, Shared]


def _same_shapes(a: Mapping[str, Tensor], b: Mapping[str, Tensor], what: str) -> None:
    if a.keys() != b.keys() or any(a[name].shape != b[name].shape for name in a):
        raise InputError(f"the {what} belong to networks of different shape: compare those of one network")


def overlap(a: Mask, b: Mask) -> Overlap:
    """Count what two masks share.

    Raises:
        InputError: Masks of networks of different shape.

    Examples:
        >>> from distilled_pruning import masks, models, pruning
        >>> net, other = (models.build("convnet3", size=16, channels=1, classes=10, width=16, seed=s) for s in (0, 1))
        >>> found = masks.overlap(pruning.magnitude(net, fraction=0.5), pruning.magnitude(other, fraction=0.5))
        >>> found.whole.low <= found.whole.shared <= found.whole.high
        True
    """
    _same_shapes(a, b, "masks")
    counts = {
        name: (kept.numel(), int(kept.count_nonzero()), int(b[name].count_nonzero()), int((kept & b[name]).sum()))
        for name, kept in a.items()
    }
    total, of_a, of_b, shared = (sum(column) for column in zip(*counts.values(), strict=True))
    return Overlap(
        whole=Shared(total, of_a, of_b, shared, *chance([(total, of_a, of_b)])),
        layered=Shared(total, of_a, of_b, shared, *chance([count[:3] for count in counts.values()])),
        layers={name: Shared(*count, *chance([count[:3]])) for name, count in counts.items()},
    )


def _layers(weights: Mapping[str, Tensor], mask: Mask) -> dict[str, Tensor]:
    found = {name: weights[name].detach().cpu() for name in mask if name in weights}
    _same_shapes(found, mask, "weights and mask")
    return found


@dataclass(frozen=True)
class Magnitudes:
    """Absolute initial weights on both sides of a mask, over all layers.

    Attributes:
        pruned: Those of removed weights, [total - survivors].
        kept: Those of survivors, [survivors].
    """

    pruned: Tensor
    kept: Tensor


def magnitudes(weights: Mapping[str, Tensor], mask: Mask) -> Magnitudes:
    """Part the absolute values of weights, such as those of a dense initialisation, by a mask.

    Args:
        weights: Weights by name; a ``state_dict`` may be given as it is.
        mask: Mask of the same network.

    Raises:
        InputError: A layer of the mask is missing among the weights or shaped otherwise.
    """
    sizes = {name: layer.abs() for name, layer in _layers(weights, mask).items()}
    return Magnitudes(
        pruned=torch.cat([sizes[name][~kept] for name, kept in mask.items()]),
        kept=torch.cat([sizes[name][kept] for name, kept in mask.items()]),
    )


def ks(x: Tensor, y: Tensor) -> float:
    """Kolmogorov–Smirnov distance: the largest gap between two samples' distribution functions, in [0, 1].

    Masks of one initialisation prune many of the same weights, so the usual p-value, which takes the samples for
    independent, does not apply and is not given.

    Args:
        x: First sample [n].
        y: Second sample [m].

    Raises:
        InputError: An empty sample, or one that holds NaN.
    """
    if not len(x) or not len(y):
        raise InputError("a distribution of no values cannot be compared: use masks that remove and keep some weights")
    if bool(x.isnan().any()) or bool(y.isnan().any()):
        raise InputError("a sample that holds NaN cannot be compared: use weights whose training has not diverged")
    x, y = x.sort().values, y.sort().values
    points = torch.cat([x, y])
    below_x = torch.searchsorted(x, points, right=True).double() / len(x)
    below_y = torch.searchsorted(y, points, right=True).double() / len(y)
    return float((below_x - below_y).abs().max())


@dataclass(frozen=True)
class Distance:
    """How far two networks' weights lie apart.

    Attributes:
        norm: L2 norm of the difference of all masked weights.
        relative: ``norm`` over the mean of the two networks' own norms; NaN where both are zero.
        summed: Sum over layers of the layer's L2 norm, as the authors' script adds them up.
        layers: L2 norm by layer.
    """

    norm: float
    relative: float
    summed: float
    layers: dict[str, float]


def distance(a: Mapping[str, Tensor], b: Mapping[str, Tensor], mask: Mask) -> Distance:
    """Measure the L2 distance of two networks over the weights that survive.

    Args:
        a: Weights by name of the first network; a ``state_dict`` may be given as it is.
        b: The same of the second network.
        mask: Survivors to compare; ``Mask.ones(net)`` for all weights.

    Raises:
        InputError: A layer of the mask is missing or shaped otherwise.
    """
    left, right = ({n: layer.double() * mask[n] for n, layer in _layers(side, mask).items()} for side in (a, b))
    layers = {name: float((left[name] - right[name]).norm()) for name in mask}
    norm = sum(value**2 for value in layers.values()) ** 0.5
    own = [sum(float(w.square().sum()) for w in side.values()) ** 0.5 for side in (left, right)]
    return Distance(norm, 2 * norm / sum(own) if sum(own) else float("nan"), sum(layers.values()), layers)


def statistics(a: Mask, b: Mask, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Compare two masks of one initialisation, as plain numbers ready to be stored.

    Args:
        a: First mask.
        b: Second mask.
        weights: The dense network at initialisation, by name.

    Returns:
        ``sparsity`` by layer and ``collapsed`` layers of both masks; under ``whole``, ``layered`` and each of
        ``layers`` the fields of :class:`Shared` that compare (``None`` where undefined); KS distances of initial
        magnitudes between what both prune (``ks_pruned``), what both keep (``ks_kept``), and what each prunes and
        keeps (``ks_pruned_kept``).

    Raises:
        InputError: Masks or weights of different shape.
    """
    found = overlap(a, b)
    sides = magnitudes(weights, a), magnitudes(weights, b)

    def row(part: Shared) -> dict[str, Any]:
        return {
            "shared": part.shared,
            "expected": part.expected,
            "low": part.low,
            "high": part.high,
            "ratio": part.ratio if part.expected else None,
            "jaccard": part.jaccard if part.a or part.b else None,
            "hamming": part.hamming,
        }

    return {
        "sparsity": [sparsity(a), sparsity(b)],
        "collapsed": [collapsed(a), collapsed(b)],
        "whole": row(found.whole),
        "layered": row(found.layered),
        "layers": {name: row(part) for name, part in found.layers.items()},
        "ks_pruned": ks(sides[0].pruned, sides[1].pruned),
        "ks_kept": ks(sides[0].kept, sides[1].kept),
        "ks_pruned_kept": [ks(side.pruned, side.kept) for side in sides],
    }
