"""The claims about lottery tickets and rewinding (2503.17905 Fig. 7, section 6)."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import TYPE_CHECKING

from ...judging.claims import PAPER, SUBMISSION, claim
from ...judging.preconditions import dense_keeps_up, network
from ...judging.statistics import Frames, by_init, last_level, paired, sparse, spoken, way
from ...judging.units import POINTS, TIMES
from ...judging.verdicts import CONTRADICTED, RANGE, REPRODUCED, UNDECIDED, Finding, equal, positive
from ..common.grouping import place
from ..s3_distilled_pruning import lottery

if TYPE_CHECKING:
    import pandas as pd

TEN = "resnet10"
PAPERS_LEVELS = range(1, 26)
PAST_NINETY = range(11, 26)  # the levels of Fig. 7 past 90 % sparsity
FEWER = 10.0
SPARSEST = 17 / 25  # the paper's levels 18 to 25 of 25
DISTILLED = 8  # levels before IMP takes over
NEGLIGIBLE = 0.25
MARGIN = 0.01

of_figure_7 = functools.partial(
    claim,
    paper=PAPER,
    where="section 6, Fig. 7",
    data="imagenet10",
    frames=("fig7",),
    preconditions=(network(TEN, "fig7"), dense_keeps_up(TEN, "fig7")),
    of_sets=("distilled", "combined"),
)


@of_figure_7(
    "imp-k0-limit",
    statement="IMP rewound to initialisation finds no ticket past 90 % (ResNet-10/ImageNet-10).",
    paper_value="90 %",
    rule=(
        "accuracy of levels 11 to 25 (91 to 99.6 % sparse) more than 0.5 points below the dense network's, all of each "
        "95 % interval; shown is the sparsest ticket by its mean, with the range that intervals leave"
    ),
    sizes=True,
    of_sets=(),
)
def imp_k0_limit(frames: Frames) -> list[Finding]:
    """No ticket of IMP from initialisation is sparser than 90 %."""
    frame = place(frames, "fig7", TEN)
    if frame is None:
        return []
    return [lottery.at_most(spoken("imp"), way(frame, "imp"), by_init(way(frame, "dense"), "accuracy"), PAST_NINETY)]


@of_figure_7(
    "syn8-beyond",
    where="section 6, abstract",
    statement="Eight distilled levels, then IMP, find tickets with 10 times fewer weights than IMP alone.",
    paper_value="10 times",
    rule=(
        "weights kept by the sparsest ticket, IMP's over those after distilled levels: at least 10 times, a level more "
        "or less; all 25 levels measured"
    ),
    sizes=True,
)
def beyond(frames: Frames) -> list[Finding]:
    """Weights that the sparsest tickets of IMP keep, over those after eight distilled levels, as far as levels tell."""
    frame = place(frames, "fig7", TEN)
    dense = by_init(way(frame, "dense"), "accuracy")
    parts = [way(frame, method) for method in ("imp", "combined")]
    if frame is None or parts[0] is None or parts[1] is None:
        return []
    tickets = [lottery.complete(frame, part) for part in parts if part is not None]
    imp, combined = (lottery.end(part, dense) for part in tickets)
    if imp is None or combined is None:
        return []
    kept = [1 - lottery.sparsity(frame, found.level) for found in (imp, combined)]
    (imp_low, imp_high), (low, high) = (lottery.range_of(frame, found) for found in (imp, combined))
    least = (1 - imp_high) / (1 - low)
    most = (1 - imp_low) / (1 - high) if high < 1 else None
    wanted = FEWER * (1 - 0.2)  # a level more or less
    verdict = REPRODUCED if least >= wanted else CONTRADICTED if most is not None and most < wanted else UNDECIDED
    if not all(set(PAPERS_LEVELS) <= set(lottery.gaps(part, dense)) for part in tickets):
        verdict = UNDECIDED
    bounds, n = None if most is None else (least, most), min(imp.n, combined.n)
    return [Finding("IMP over combined", kept[0] / kept[1], bounds, n, verdict, unit=TIMES, spread=RANGE)]


def averaged(frame: pd.DataFrame | None, levels: Collection[int]) -> dict[int, float]:
    """Accuracy of each initialisation, averaged over levels; only of those that have them all."""
    if frame is None:
        return {}
    part = frame[frame["level"].isin(levels)]
    whole = part.groupby("init")["level"].nunique() == len(levels)
    by_level = part[part["init"].isin(whole[whole].index)].groupby(["init", "level"])["accuracy"].mean()
    return by_init(by_level.reset_index(), "accuracy")


@of_figure_7(
    "syn8-near-k3",
    where="Fig. 7",
    statement="At high sparsity IMP after eight distilled levels performs like IMP rewound to epoch 3.",
    paper_value="about 0 points",
    rule=(
        "accuracy difference, averaged over levels 18 to 25 of 25, elsewhere over the same share of the "
        "levels, within 1 point"
    ),
)
def near_early(frames: Frames) -> list[Finding]:
    """Accuracy of IMP after distilled levels minus that of IMP from an early epoch, over the sparsest levels."""
    frame = place(frames, "fig7", TEN)
    if frame is None:
        return []
    last = last_level(frame)
    levels = range(int(SPARSEST * last) + 1, last + 1)
    sides = (averaged(part, levels) for part in (way(frame, "combined"), way(frame, "imp", early=True)))
    shares = dict.fromkeys(sparse(frame, level) for level in (levels[0], levels[-1]))
    return [equal(" to ".join(shares), paired(*sides), MARGIN, POINTS)]


@of_figure_7(
    "syn8-recovers",
    paper=SUBMISSION,
    where="section 5",
    statement="IMP after eight distilled levels regains the accuracy that distilled pruning alone loses.",
    paper_value="above 0",
    rule=(
        "paired accuracy difference at equal sparsity, IMP after distilled levels minus distilled pruning alone, "
        "averaged over the first and the last level that differ, above 0"
    ),
)
def recovers(frames: Frames) -> list[Finding]:
    """Accuracy of IMP after distilled levels minus that of distilled pruning alone, past those levels."""
    frame = place(frames, "fig7", TEN)
    if frame is None:
        return []
    levels = tuple(dict.fromkeys((DISTILLED + 1, last_level(frame))))
    sides = (averaged(way(frame, method), levels) for method in ("combined", "distilled"))
    return [positive(" and ".join(sparse(frame, level) for level in levels), paired(*sides), POINTS)]


@of_figure_7(
    "syn8-cheap",
    where="Fig. 7",
    statement="Eight distilled levels cost a negligible part of one training.",
    paper_value="negligible",
    rule="stored images, decoded images and steps over those of one real training: at most a quarter; exact counts",
    sizes=True,
    preconditions=(network(TEN, "fig7"),),
)
def cheap(frames: Frames) -> list[Finding]:
    """Cost of the distilled levels in trainings on real data (exact counts): stored and decoded images, steps."""
    combined = way(place(frames, "fig7", TEN), "combined")
    found = None if combined is None else combined[combined["level"] == DISTILLED]
    if found is None or found.empty:
        return []
    findings = []
    for column, run, name in (
        ("points", "run_points", "stored images"),
        ("points_decoded", "run_points", "decoded images"),
        ("steps", "run_steps", "steps"),
    ):
        share = float((found[column] / found[run]).max())
        verdict = REPRODUCED if share <= NEGLIGIBLE else CONTRADICTED
        findings.append(Finding(name, share, (share, share), int(found["init"].nunique()), verdict, unit=TIMES))
    return findings
