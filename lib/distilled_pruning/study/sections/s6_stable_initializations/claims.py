"""What the claims about lottery tickets and rewinding measure (2503.17905 Figs. 2 and 7, section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...judging.claims import PAPER, SUBMISSION, claim
from ...judging.preconditions import dense_keeps_up, network
from ...judging.statistics import Frames, by_init, paired, sparse, way
from ...judging.units import POINTS, TIMES
from ...judging.verdicts import (
    CONTRADICTED,
    RANGE,
    REPRODUCED,
    UNDECIDED,
    Finding,
    equal,
    positive,
)
from ..common.grouping import place
from ..s3_distilled_pruning import lottery

if TYPE_CHECKING:
    import pandas as pd

TEN = "resnet10"
MANY = 0.9  # the sparsity past which the paper finds no tickets
FEWER = 10.0
SPARSEST = 17 / 25  # the paper's levels 18 to 25 of 25
NEGLIGIBLE = 0.25


@claim(
    "imp-k0-limit",
    paper=PAPER,
    where="section 6, Fig. 7",
    data="imagenet10",
    statement="IMP rewound to initialisation finds no ticket past 90 % (ResNet-10/ImageNet-10).",
    paper_value="90 %",
    rule=(
        "sparsity of the sparsest ticket (mean accuracy at most 0.5 points below dense), with the range "
        "the 95 % intervals leave it; at most 90 %"
    ),
    sizes=True,
    frames=("fig7",),
    preconditions=(network(TEN, "fig7"), dense_keeps_up(TEN, "fig7")),
    of_sets=("distilled",),
)
def imp_k0_limit(frames: Frames) -> list[Finding]:
    """No ticket of IMP from initialisation is sparser than 90 %."""
    return lottery.none_past(frames, "fig7", ("imp",), MANY)


@claim(
    "syn8-beyond",
    paper=PAPER,
    where="section 6, abstract",
    data="imagenet10",
    statement="Eight distilled levels, then IMP, find tickets with 10 times fewer weights.",
    paper_value="10x",
    rule=(
        "weights kept by the sparsest ticket, IMP's over those after distilled levels: at least 10 times,"
        " a level more or less"
    ),
    sizes=True,
    frames=("fig7",),
    preconditions=(network(TEN, "fig7"), dense_keeps_up(TEN, "fig7")),
    of_sets=("distilled",),
)
def beyond(frames: Frames) -> list[Finding]:
    """Weights that the sparsest tickets of IMP keep, over those after eight distilled levels, as far as levels tell."""
    frame = place(frames, "fig7")
    dense = by_init(way(frame, "dense"), "accuracy")
    ways = [way(frame, method) for method in ("imp", "combined")]
    if frame is None or ways[0] is None or ways[1] is None:
        return []
    imp, combined = (lottery.end(lottery.complete(frame, part), dense) for part in ways if part is not None)
    if imp is None or combined is None:
        return []
    kept = [1 - lottery.sparsity(frame, found.level) for found in (imp, combined)]
    (imp_low, imp_high), (low, high) = (lottery.range_of(frame, found) for found in (imp, combined))
    least = (1 - imp_high) / (1 - low)
    most = (1 - imp_low) / (1 - high) if high < 1 else None
    wanted = FEWER * (1 - 0.2)  # a level more or less
    verdict = REPRODUCED if least >= wanted else CONTRADICTED if most is not None and most < wanted else UNDECIDED
    bounds = None if most is None else (least, most)
    return [
        Finding(
            "IMP over combined", kept[0] / kept[1], bounds, min(imp.n, combined.n), verdict, unit=TIMES, spread=RANGE
        )
    ]


def averaged(frame: pd.DataFrame | None, levels: set[int]) -> dict[int, float]:
    """Accuracy of each initialisation, averaged over levels; only of those that have them all."""
    if frame is None or not levels:
        return {}
    part = frame[frame["level"].isin(levels)]
    whole = part.groupby("init")["level"].nunique() == len(levels)
    by_level = part[part["init"].isin(whole[whole].index)].groupby(["init", "level"])["accuracy"].mean()
    return by_init(by_level.reset_index(), "accuracy")


def span(frame: pd.DataFrame | None, levels: set[int]) -> str:
    """Name a range of levels by sparsity."""
    first, last = (sparse(frame, level) for level in (min(levels), max(levels)))
    return first if first == last else f"{first} to {last}"


def common(left: pd.DataFrame | None, right: pd.DataFrame | None, above: float) -> set[int]:
    """Levels above one that both have."""
    if left is None or right is None:
        return set()
    return {int(level) for level in set(left["level"]) & set(right["level"]) if level > above}


@claim(
    "syn8-near-k3",
    paper=PAPER,
    where="Fig. 7",
    data="imagenet10",
    statement="At high sparsity that performs like rewinding to epoch 3.",
    paper_value="about 0",
    rule=(
        "accuracy difference, averaged over levels 18 to 25 of 25, elsewhere over the same share of the "
        "levels, within 1 point"
    ),
    frames=("fig7",),
    preconditions=(network(TEN, "fig7"), dense_keeps_up(TEN, "fig7")),
    of_sets=("distilled",),
)
def near_early(frames: Frames) -> list[Finding]:
    """Accuracy of IMP after distilled levels minus that of IMP from an early epoch, over the sparsest levels."""
    frame = place(frames, "fig7")
    combined, rewound = way(frame, "combined"), way(frame, "imp", early=True)
    last = 0 if frame is None else int(frame["level"].max())
    levels = common(combined, rewound, last * SPARSEST)
    if not levels:
        return []
    return [equal(span(combined, levels), paired(averaged(combined, levels), averaged(rewound, levels)), 0.01, POINTS)]


@claim(
    "syn8-recovers",
    paper=SUBMISSION,
    where="section 5",
    data="imagenet10",
    statement="IMP after distilled levels regains the accuracy lost by them.",
    paper_value="positive",
    rule="paired accuracy difference at equal sparsity, averaged over the levels past the distilled ones, above 0",
    frames=("fig7",),
    preconditions=(network(TEN, "fig7"), dense_keeps_up(TEN, "fig7")),
    of_sets=("distilled",),
)
def recovers(frames: Frames) -> list[Finding]:
    """Accuracy of IMP after distilled levels minus that of distilled pruning alone, past those levels."""
    frame = place(frames, "fig7")
    combined, distilled = way(frame, "combined"), way(frame, "distilled")
    first = 0 if combined is None else int(combined["level"].min())
    levels = common(combined, distilled, first)
    if not levels:
        return []
    return [positive(span(combined, levels), paired(averaged(combined, levels), averaged(distilled, levels)), POINTS)]


@claim(
    "syn8-cheap",
    paper=PAPER,
    where="Fig. 7",
    data="imagenet10",
    statement="Eight distilled levels cost a negligible part of one training.",
    paper_value="negligible",
    rule="stored images, decoded images and steps over those of one real training: at most a quarter",
    sizes=True,
    frames=("fig7",),
    preconditions=(network(TEN, "fig7"),),
    of_sets=("distilled",),
)
def cheap(frames: Frames) -> list[Finding]:
    """Cost of the distilled levels in trainings on real data (exact counts): stored and decoded images, steps."""
    combined = way(place(frames, "fig7"), "combined")
    if combined is None:
        return []
    found = combined[combined["level"] == combined["level"].min()]
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
