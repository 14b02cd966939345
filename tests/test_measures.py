"""Claims about planes, curvature and masks: each verdict follows from the numbers, and can be either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.study.judging import claims, judgement
from distilled_pruning.study.judging.claims import find
from distilled_pruning.study.judging.verdicts import (
    CONTRADICTED,
    MIXED,
    NOT_JUDGED,
    NOT_RUN,
    PARTLY,
    REPRODUCED,
    UNDECIDED,
    combine,
)
from test_preconditions import good_frames

NETWORKS = (("dense", 0), ("imp", 4), ("imp", 9), ("distilled", 4), ("distilled", 9))
TICKETS = (
    *((method, "equal rate" if level else "", level) for method, level in NETWORKS),
    ("distilled", "gentle rate", 4),
    ("distilled", "gentle rate", 9),
)
Values = Mapping[tuple[str, int], float]


def values(*given: float) -> Values:
    return dict(zip(NETWORKS, given, strict=True))


# The paper's table, section 4.2: its orderings are what the claims state.
STD = values(0.035, 0.0559, 0.0594, 0.0286, 0.0354)
MEAN = values(0.0048, 0.0051, 0.0035, 0.0047, 0.0037)
ABS = values(0.0067, 0.0087, 0.0060, 0.0061, 0.0053)
MIN = values(-1.847, -3.073, -6.323, -0.982, -2.338)
MAX = values(1.344, 4.51, 6.127, 2.093, 1.73)


def ticket(method: str, setting: str, level: int, init: int) -> dict[str, Any]:
    return {
        "dataset": "digits", "model": "convnet3", "method": method, "setting": setting, "level": level,
        "sparsity": 1 - 0.8**level, "init": init, "collapsed": False,
    }  # fmt: skip


def hessian(
    std: Values = STD,
    mean: Values = MEAN,
    magnitude: Values = ABS,
    low: Values = MIN,
    high: Values = MAX,
    inits: int = 4,
) -> pd.DataFrame:
    """Curvature with given values; initialisations differ by a hair, gentle tickets by far."""
    rows = []
    for method, setting, level in TICKETS:
        for init in range(inits):
            off = 100.0 if setting == "gentle rate" else 1 + 1e-3 * init
            at = (method, level)
            columns = {"std": std, "mean": mean, "mean_abs": magnitude, "min": low, "max": high}
            rows.append(
                {**ticket(method, setting, level, init), **{n: off * found[at] for n, found in columns.items()}}
            )
    return pd.DataFrame(rows)


def basins(dense: list[int], imp: list[int], distilled: list[int], shrink: float = 0.1) -> pd.DataFrame:
    """Planes with given numbers of basins, and distances that shrink with every level."""
    counts = {"dense": dense, "imp": imp, "distilled": distilled}
    return pd.DataFrame(
        [
            {**ticket(method, setting, level, init), "basins": count, "unit": 9 + 0.01 * init - shrink * level}
            for method, setting, level in TICKETS
            if setting != "gentle rate" and level in (0, 9)
            for init, count in enumerate(counts[method])
        ]
    )


def overlap(swapped: bool = False, **changed: float) -> pd.DataFrame:
    """Masks of IMP compared with distilled ones; with the gentle ones they share twice as much."""
    found = {"layered_ratio": 1.02, "layer_gap": 0.03, "ks_pruned": 0.02, **changed}
    rows = []
    for level in (4, 9):
        for init in range(4):
            for setting in ("equal rate", "gentle rate"):
                a, b = ("imp", "equal rate"), ("distilled", setting)
                (method, own), (other, others) = (b, a) if swapped else (a, b)
                off = (1 + 1e-3 * init) * (2 if setting == "gentle rate" else 1)
                named = {**ticket(method, own, level, init), "other": other, "other_setting": others}
                rows.append({**named, **{name: off * value for name, value in found.items()}})
    return pd.DataFrame(rows)


def verdict(claim: str, **frames: pd.DataFrame) -> str:
    """What a claim's own rule says, whatever must hold before it is tested."""
    return combine(find(claim).findings(frames))


def test_every_claim_needs_results() -> None:
    assert {verdict(claim.id) for claim in claims.claims()} == {NOT_RUN}


@pytest.mark.parametrize("claim", ["hess-std", "hess-range", "hess-magnitude", "hess-sparser-smoother"])
def test_the_papers_own_table_bears_its_claims_out(claim: str) -> None:
    assert verdict(claim, hessian=hessian()) == REPRODUCED
    assert verdict(claim, hessian=hessian(inits=2)) == UNDECIDED


def test_curvature_that_is_the_other_way_round_contradicts() -> None:
    turned = {at: 0.1 - value for at, value in STD.items()}
    assert verdict("hess-std", hessian=hessian(std=turned)) == CONTRADICTED
    assert verdict("hess-magnitude", hessian=hessian(magnitude={a: 0.02 - v for a, v in ABS.items()})) == CONTRADICTED
    assert verdict("hess-sparser-smoother", hessian=hessian(magnitude=STD | {("distilled", 9): 0.03})) == CONTRADICTED
    half = STD | {("imp", 9): 0.01}
    assert verdict("hess-std", hessian=hessian(std=half)) == MIXED
    none, turned = dict.fromkeys(MAX, 0.0), {at: 20 - (value - MIN[at]) for at, value in MAX.items()}
    assert verdict("hess-range", hessian=hessian(low=none, high=turned)) == CONTRADICTED


def test_sizes_of_the_means_are_judged_at_the_papers_scale_alone() -> None:
    frames = {"hessian": hessian()}
    for scale, expected in (("reduced", NOT_JUDGED), ("paper", REPRODUCED)):
        (found,) = judgement.judge(frames, scale, {"hess-mean"}, around=good_frames())
        assert found.verdict == expected
    far = {at: (1 if at[0] == "dense" else 2) * value for at, value in MEAN.items()}
    far[("imp", 9)] = far[("distilled", 9)] = 0.02
    assert verdict("hess-mean", hessian=hessian(mean=far)) == CONTRADICTED


def test_basins_are_counted_up_to_two() -> None:
    assert verdict("one-basin", basins=basins([2, 3, 3], [2, 2, 3], [1, 1, 1])) == REPRODUCED
    assert verdict("one-basin", basins=basins([1, 1, 1], [1, 1, 1], [3, 2, 3])) == CONTRADICTED
    assert verdict("one-basin", basins=basins([2, 3, 3], [2, 2, 3], [1, 2, 1])) == PARTLY
    assert verdict("one-basin", basins=basins([3], [3], [1])) == UNDECIDED


def test_distances_start_from_the_dense_network_and_count_the_weights_that_are_left() -> None:
    """At level 9 .366 times the length is as close by weight: 9 to .9 is closer, 9 to 8.1 is not, though it is less."""
    counts = ([2] * 3,) * 3
    assert verdict("distances-shrink", basins=basins(*counts, shrink=0.9)) == REPRODUCED
    assert verdict("distances-shrink", basins=basins(*counts, shrink=0.1)) == CONTRADICTED
    planes = basins(*counts)
    assert verdict("distances-shrink", basins=planes[planes["method"] != "dense"]) == NOT_RUN


def test_a_collapsed_ticket_is_no_evidence_of_flatness() -> None:
    gone = hessian()
    gone["collapsed"] = (gone["method"] == "distilled") & (gone["level"] == 4)
    assert verdict("hess-std", hessian=gone) == UNDECIDED, "a primary setting that is not there decides nothing"
    assert verdict("one-basin", basins=basins([2] * 3, [2] * 3, [1] * 3).assign(collapsed=True)) == NOT_RUN


@pytest.mark.parametrize(
    ("claim", "column", "beyond"),
    [
        ("masks-independent", "layered_ratio", 1.3),
        ("masks-independent", "layered_ratio", 0.7),
        ("layers-alike", "layer_gap", 0.08),
        ("init-magnitudes-alike", "ks_pruned", 0.2),
    ],
)
def test_masks_are_alike_within_a_margin(claim: str, column: str, beyond: float) -> None:
    for swapped in (False, True):
        assert verdict(claim, overlap=overlap(swapped)) == REPRODUCED
        assert verdict(claim, overlap=overlap(swapped, **{column: beyond})) == CONTRADICTED
