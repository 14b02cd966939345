"""What the claims about lottery tickets and rewinding measure (2503.17905 Figs. 2 and 7, section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...judging.statistics import CONV, Frames, Measure, by_init, paired, place, select, sparse, way
from ...judging.verdicts import (
    CONTRADICTED,
    INSTABILITY_THRESHOLD,
    REPRODUCED,
    UNDECIDED,
    Finding,
    equal,
    positive,
    within,
)
from ..common.tickets import EQUAL
from ..s3_distilled_pruning import claims as lottery

if TYPE_CHECKING:
    import pandas as pd

FEW, MANY = 0.4, 0.9  # the sparsities past which the paper finds no tickets in Figs. 2 and 7
FEWER = 10.0
SPARSEST = 17 / 25  # the paper's levels 18 to 25 of 25
NEGLIGIBLE = 0.25
FROM = (3, 5)  # level 4, about 60 %, and its neighbours


def no_tickets_past(name: str, methods: tuple[str, ...], limit: float, **where: str) -> Measure:
    """No ticket of any of the methods is sparser than a limit; on rows that match, where the claim names a network."""

    def measure(frames: Frames) -> list[Finding]:
        frame = place(frames, name, **where)
        dense = by_init(way(frame, "dense"), "accuracy")
        found = (lottery.at_most(method, way(frame, method), dense, limit) for method in methods)
        return [finding for finding in found if finding is not None]

    return measure


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
    return [Finding("IMP over combined", kept[0] / kept[1], bounds, min(imp.n, combined.n), verdict)]


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


def near_early(frames: Frames) -> list[Finding]:
    """Accuracy of IMP after distilled levels minus that of IMP from an early epoch, over the sparsest levels."""
    frame = place(frames, "fig7")
    combined, rewound = way(frame, "combined"), way(frame, "imp", early=True)
    last = 0 if frame is None else int(frame["level"].max())
    levels = common(combined, rewound, last * SPARSEST)
    if not levels:
        return []
    return [equal(span(combined, levels), paired(averaged(combined, levels), averaged(rewound, levels)), 0.01)]


def recovers(frames: Frames) -> list[Finding]:
    """Accuracy of IMP after distilled levels minus that of distilled pruning alone, past those levels."""
    frame = place(frames, "fig7")
    combined, distilled = way(frame, "combined"), way(frame, "distilled")
    first = 0 if combined is None else int(combined["level"].min())
    levels = common(combined, distilled, first)
    if not levels:
        return []
    return [positive(span(combined, levels), paired(averaged(combined, levels), averaged(distilled, levels)))]


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
        findings.append(Finding(name, share, (share, share), int(found["init"].nunique()), verdict))
    return findings


def stable_from(frames: Frames) -> list[Finding]:
    """First sparsity at which distilled tickets are stable: that of the means, and between which it surely lies."""
    frame = select(frames, "barriers", method="distilled", setting=EQUAL, model=CONV)
    if frame is None:
        return []
    frame = frame.assign(error_rise=frame["error_rise"].mask(frame["collapsed"], 1.0))
    levels, bounds, means, counts = [], [], [], []
    for level, part in frame.groupby("level"):
        rises = list(by_init(part, "error_rise").values())
        finding = within("", rises, float("-inf"), INSTABILITY_THRESHOLD)
        levels.append(int(str(level)))
        means.append(finding.value < INSTABILITY_THRESHOLD)
        bounds.append((finding.verdict != CONTRADICTED, finding.verdict == REPRODUCED))
        counts.append(len(rises))
    shares = [lottery.sparsity(frame, level) for level in levels]
    low, mean, high = (
        next((share for share, holds in zip(shares, holding, strict=True) if holds), 1.0)
        for holding in ([may for may, _ in bounds], means, [sure for _, sure in bounds])
    )
    wanted = tuple(1 - 0.8**level for level in FROM)
    verdict = UNDECIDED
    if wanted[0] <= low and high <= wanted[1]:
        verdict = REPRODUCED
    elif high < wanted[0] or low > wanted[1]:
        verdict = CONTRADICTED
    return [Finding("stable from", mean, (low, high), min(counts), verdict)]


MEASURES: dict[str, Measure] = {
    "no-tickets-past-40": no_tickets_past("fig2", ("imp", "distilled"), FEW, model="resnet18"),
    "imp-k0-limit": no_tickets_past("fig7", ("imp",), MANY),
    "syn8-beyond": beyond,
    "syn8-near-k3": near_early,
    "syn8-recovers": recovers,
    "syn8-cheap": cheap,
    "stable-from-60": stable_from,
}
