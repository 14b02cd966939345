"""The claims on masks: what two share, and which weights carry the sharpness (2503.17905 sections 4 and 7)."""

from __future__ import annotations

import functools
import math

from ...judging.claims import PAPER, claim
from ...judging.preconditions import dense_keeps_up, of_the_paper
from ...judging.statistics import CONV, LEVELS, Frames, by_init, paired, ratios, select, sparse
from ...judging.units import DISTANCE, POINTS_APART, TIMES, TIMES_CHANCE, TIMES_CHANCE_APART, Unit
from ...judging.verdicts import Finding, negative, within
from ..common.tickets import EQUAL

CHANCE = 1.1
LAYER_MARGIN = 0.05
MAGNITUDE_MARGIN = 0.05

of_masks = functools.partial(
    claim,
    paper=PAPER,
    where="section 4",
    data="cifar10",
    frames=("overlap",),
    preconditions=(dense_keeps_up(CONV, "fig2"), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)


def _compared(frames: Frames, column: str, low: float, high: float, unit: Unit) -> list[Finding]:
    """Judge that a comparison of IMP's mask with the distilled one of the same initialisation lies between bounds."""
    findings = []
    for level in LEVELS:
        where: dict[str, str | int] = {"model": CONV, "level": level}
        frame = select(frames, "overlap", method="imp", other="distilled", other_setting=EQUAL, **where)
        if frame is None:
            frame = select(frames, "overlap", method="distilled", setting=EQUAL, other="imp", **where)
        findings.append(within(sparse(frame, level), list(by_init(frame, column).values()), low, high, unit))
    return findings


@of_masks(
    "sharp-weights",
    where="sections 4, 7",
    statement="It is postulated that the weights which IMP keeps and distilled pruning removes sharpen the loss.",
    rule=(
        "mean magnitude of the Hessian's diagonal in the dense network, at weights that IMP alone keeps "
        "over that at weights that distilled pruning alone keeps, above 1 at 59 and 87 %"
    ),
    frames=("membership",),
)
def sharp_weights(frames: Frames) -> list[Finding]:
    """The dense network's diagonal is larger at weights that IMP alone keeps than at those distilled alone does."""
    findings = []
    for level in LEVELS:
        imp, distilled = (
            by_init(select(frames, "membership", model=CONV, network="dense", level=level, kept_by=group), "mean_abs")
            for group in ("IMP alone", "distilled alone")
        )
        name = sparse(select(frames, "membership", model=CONV), level)
        findings.append(within(name, ratios(imp, distilled), 1.0, math.inf, TIMES))
    return findings


@of_masks(
    "order-dependence",
    statement="What IMP's subnetworks keep depends on the order of the images, since they are not stable.",
    rule=(
        "survivors that masks of two data orders share, over chance within layers: IMP's minus distilled "
        "pruning's, paired by initialisation, below 0 at 59 and 87 %"
    ),
    frames=("orders",),
)
def order_dependence(frames: Frames) -> list[Finding]:
    """Two data orders of IMP's loop share fewer survivors over chance than two of the distilled loop."""
    findings = []
    for level in LEVELS:
        imp, distilled = (
            by_init(select(frames, "orders", model=CONV, method=method, level=level), "layered_ratio")
            for method in ("imp", "distilled")
        )
        name = sparse(select(frames, "orders", model=CONV), level)
        findings.append(negative(name, paired(imp, distilled), TIMES_CHANCE_APART))
    return findings


@of_masks(
    "masks-independent",
    statement="Masks of IMP and distilled pruning from one initialisation are nearly independent.",
    paper_value="about 1 times chance",
    rule="shared survivors over chance within layers, at 59 and 87 %, at most 1.1 and at least 1/1.1",
)
def masks_independent(frames: Frames) -> list[Finding]:
    """IMP's and distilled masks share about as many survivors as chance would."""
    return _compared(frames, "layered_ratio", 1 / CHANCE, CHANCE, TIMES_CHANCE)


@of_masks(
    "layers-alike",
    where="section 7",
    statement="Masks of IMP and distilled pruning leave extremely similar shares of each layer.",
    paper_value="about 0 points apart",
    rule="largest difference over layers at most 5 points at 59 and 87 %",
)
def layers_alike(frames: Frames) -> list[Finding]:
    """No layer's sparsity differs by more than the margin."""
    return _compared(frames, "layer_gap", -math.inf, LAYER_MARGIN, POINTS_APART)


@of_masks(
    "init-magnitudes-alike",
    statement=(
        "The weights that IMP prunes and those that distilled pruning does began with the same distribution of "
        "magnitudes."
    ),
    paper_value="the same: 0",
    rule="Kolmogorov–Smirnov distance at most .05 at 59 and 87 %",
)
def init_magnitudes_alike(frames: Frames) -> list[Finding]:
    """Pruned weights began alike in both."""
    return _compared(frames, "ks_pruned", -math.inf, MAGNITUDE_MARGIN, DISTANCE)
