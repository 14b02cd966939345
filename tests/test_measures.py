"""Claims about planes, curvature and masks: each verdict follows from the numbers, and can be either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.study.judging import claims, judgement
from distilled_pruning.study.judging.claims import find
from distilled_pruning.study.judging.units import number
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
from distilled_pruning.study.results import papers
from test_preconditions import good_frames

NETWORKS = (("dense", 0), ("imp", 4), ("imp", 9), ("distilled", 4), ("distilled", 9))
TICKETS = (
    *((method, "equal rate" if level else "", level) for method, level in NETWORKS),
    ("distilled", "gentle rate", 4),
    ("distilled", "gentle rate", 9),
)
Values = Mapping[tuple[str, int], float]
LAST = (("distilled", 6), ("distilled", 9))


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


OF_THE_TABLE = [claim.id for claim in claims.claims() if claim.frames == ("hessian",)]


@pytest.mark.parametrize("claim", OF_THE_TABLE)
def test_the_papers_own_table_bears_its_claims_out(claim: str) -> None:
    assert verdict(claim, hessian=hessian()) == REPRODUCED
    assert verdict(claim, hessian=hessian(inits=2)) == UNDECIDED


@pytest.mark.parametrize("claim", OF_THE_TABLE)
def test_the_papers_value_is_its_table_in_the_unit_of_ours(claim: str) -> None:
    """The ratios that the rule asks for, of the numbers printed in section 4.2, in the order of the findings."""
    for column, found in {"std": STD, "mean": MEAN, "mean_abs": ABS, "min": MIN, "max": MAX}.items():
        printed = {(method, round(10 * share)): row[column] for (method, share), row in papers.hessian().items()}
        assert list(found.values()) == [printed[at] for at in (("dense", 0), ("imp", 6), ("imp", 9), *LAST)]
    ours = find(claim).findings({"hessian": hessian()})
    assert find(claim).paper_value == f"{', '.join(number(item.value, 2) for item in ours)} times"


@pytest.mark.parametrize(
    ("claim", "column", "at", "value", "expected"),
    [
        ("hess-std-90", "std", ("distilled", 9), 0.0384, REPRODUCED),  # 1.097 times the dense network's .035
        ("hess-std-90", "std", ("distilled", 9), 0.0386, MIXED),  # 1.103 times
        ("hess-std-90", "std", ("distilled", 9), 0.0317, MIXED),  # .906 times, 1/1.1 being .909
        ("hess-mean", "mean", ("imp", 9), 0.0033, REPRODUCED),  # .69 times .0048
        ("hess-mean", "mean", ("imp", 9), 0.0031, MIXED),  # .65 times
        ("imp-sharpens", "mean_abs", ("imp", 4), 0.0068, REPRODUCED),  # above the dense network's .0067
        ("imp-sharpens", "mean_abs", ("imp", 4), 0.0066, MIXED),
    ],
)
def test_both_sides_of_the_edges_of_curvature(
    claim: str, column: str, at: tuple[str, int], value: float, expected: str
) -> None:
    table = {"std": STD, "mean": MEAN, "mean_abs": ABS}[column] | {at: value}
    frame = hessian(**{{"mean_abs": "magnitude"}.get(column, column): table})
    assert verdict(claim, hessian=frame) == expected


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
    deeper = basins([2] * 3, [1] * 3, [2] * 3).replace({"level": {9: 12}})
    deeper = deeper[deeper["level"] == 12]
    whole = pd.concat([basins([2] * 3, [2] * 3, [1] * 3), deeper])
    assert verdict("one-basin", basins=whole) == REPRODUCED, "it is judged at 87 %, not at whatever is sparsest"


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


@pytest.mark.parametrize(("ratio", "expected"), [(1.01, REPRODUCED), (0.99, CONTRADICTED)])
def test_weights_that_imp_alone_keeps_are_sharper_where_their_curvature_is_larger(ratio: float, expected: str) -> None:
    rows = [
        {**ticket("imp", "equal rate", level, init), "network": "dense", "kept_by": by, "mean_abs": value + 1e-4 * init}
        for level in (4, 9) for init in range(3)
        for by, value in (("IMP alone", ratio), ("distilled alone", 1.0), ("both", 9.0))
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    assert verdict("sharp-weights", membership=frame) == expected
    assert verdict("sharp-weights", membership=frame.assign(network="IMP")) == NOT_RUN
    assert verdict("sharp-weights", membership=frame[frame["level"] == 9]) == UNDECIDED


@pytest.mark.parametrize(("imp", "expected"), [(1.19, REPRODUCED), (1.21, CONTRADICTED)])
def test_masks_depend_on_the_order_where_two_share_less_than_distilled_ones_do(imp: float, expected: str) -> None:
    rows = [
        {**ticket(method, "equal rate", level, init), "layered_ratio": value + 1e-4 * init * (method == "imp")}
        for method, value in (("imp", imp), ("distilled", 1.2)) for level in (4, 9) for init in range(3)
    ]  # fmt: skip
    assert verdict("order-dependence", orders=pd.DataFrame(rows)) == expected
