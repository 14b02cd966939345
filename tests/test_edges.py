"""Both sides of the edge of every rule: a value just inside, where the claim holds, and one just outside.

Each row is worked out by hand from the claim's rule. What it does not set lies well inside. Rules that count, rank or
choose have tests of their own beside those of their pages.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest
from distilled_pruning.study.judging.claims import claims, find
from distilled_pruning.study.judging.verdicts import CONTRADICTED, MIXED, REPRODUCED, combine
from synthetic import E, Frames, G, set_where, study

C, T, R = "convnet3", "resnet10", "resnet18"
D, S, IMP, N = "distilled", "real-short", "imp", "random-real"
DENSE = {"method": "dense"}
Value = tuple[str, float, dict[str, Any]]  # a column has a value in some rows
BASE: dict[str, list[Value]] = {
    "fig2": [("accuracy", 0.9, {}), ("points", 1.0, {})],
    "barriers": [("error_rise", 0.05, {}), ("barrier", 0.3, {}), ("end_loss", 0.3, {}), ("accuracy", 0.9, {})],
    "controls": [],
    "protocols": [("error_rise", 0.1, {}), ("accuracy", 0.9, {})],
    "overlap": [("layered_ratio", 1.0, {}), ("layer_gap", 0.01, {}), ("ks_pruned", 0.01, {})],
    "fig6": [("accuracy", 0.9, {}), ("barrier", 0.3, {}), ("accuracy_ratio", 0.9, {}), ("own_accuracy", 0.6, {})],
    "fig7": [("accuracy", 0.9, {}), ("points", 1.0, {}), ("points_decoded", 1.0, {}), ("steps", 1.0, {})],
    "first-accuracy": [("accuracy", 0.9, {}), ("accuracy", 0.5, {"method": "random"})],
    "first-stability": [
        ("error_rise", 0.001, {}), ("error_rise", 0.1, {"method": IMP}),
        ("barrier", 0.3, {}), ("barrier", 0.1, {"rewind": 1}),
    ],
    "first-sessions": [("seconds", 1.0, {})],
    "starts": [("barrier", 0.3, {}), ("barrier", 0.5, {"method": "dense"}), ("barrier", 0.5, {"method": IMP})],
}  # fmt: skip
BASE["controls"] = BASE["barriers"]
TIGHT = [
    ("match-imp", "fig2", "accuracy", {"model": R, "method": D}, 0.891, 0.889),
    ("match-imp", "fig2", "accuracy", {"model": R, "method": D}, 0.909, 0.911),
    ("cannot-compete", "fig2", "accuracy", {"model": C, "method": D}, 0.899, 0.901),
    ("points-150x", "fig2", "points", {"model": R, "method": IMP}, 147.1, 146.9),
    ("points-150x", "fig2", "points", {"model": R, "method": IMP}, 152.9, 153.1),
    ("dense-unstable-conv", "barriers", "error_rise", {"model": C, "method": "dense"}, 0.021, 0.019),
    ("dense-unstable-r10", "barriers", "error_rise", {"model": T, "method": "dense"}, 0.021, 0.019),
    ("dense-unstable-r18", "barriers", "error_rise", {"model": R, "method": "dense"}, 0.021, 0.019),
    ("imp-unstable", "barriers", "error_rise", {"model": C, "method": IMP}, 0.021, 0.019),
    ("syn-stable-conv", "barriers", "error_rise", {"model": C, "method": D, "setting": E}, 0.019, 0.021),
    ("syn-stable-r10", "barriers", "error_rise", {"model": T, "method": D, "setting": E}, 0.019, 0.021),
    ("gentle-stable", "barriers", "error_rise", {"model": C, "method": D, "setting": G}, 0.019, 0.021),
    ("syn-more-stable-r18", "barriers", "barrier", {"model": R, "method": D, "setting": E}, 0.299, 0.301),
    ("where-not-how-much", "barriers", "barrier", {"model": C, "method": D, "setting": E}, 0.299, 0.301),
    ("gentle-more-stable", "barriers", "barrier", {"model": C, "method": D, "setting": G}, 0.299, 0.301),
    (
        "stability-grows",
        "barriers",
        "barrier",
        {"model": C, "method": D, "level": 9},
        0.299,
        0.301,
        ("end_loss", 0.5, {"level": 9}),
    ),
    ("negative-barrier", "barriers", "barrier", {"model": T, "method": D, "level": 9}, -0.001, 0.001),
    ("masks-independent", "overlap", "layered_ratio", {}, 1.09, 1.11),
    ("masks-independent", "overlap", "layered_ratio", {}, 0.92, 0.90),
    ("layers-alike", "overlap", "layer_gap", {}, 0.049, 0.051),
    ("init-magnitudes-alike", "overlap", "ks_pruned", {}, 0.049, 0.051),
    ("compression-stability", "fig6", "barrier", {"method": D, "ipc": 1}, 0.299, 0.301),
    (
        "performance-needs-quality",
        "fig6",
        "accuracy_ratio",
        {"ipc": 1},
        0.899,
        0.901,
        ("own_accuracy", 0.5, {"ipc": 1}),
    ),
    (
        "cifar100-weak",
        "fig6",
        "accuracy_ratio",
        {"model": R, "level": 11},
        0.999,
        1.001,
        ("accuracy_ratio", 1.2, {"level": 4}),
    ),
    ("harder-data-worse", "fig6", "accuracy_ratio", {"dataset": "cifar100"}, 0.899, 0.901),
    (
        "architecture-match",
        "fig6",
        "barrier",
        {"model": R, "made_for": C},
        0.301,
        0.299,
        ("accuracy", 0.8, {"made_for": C}),
    ),
    (
        "open-quality",
        "fig6",
        "barrier",
        {"ipc": 1},
        0.301,
        0.299,
        ("own_accuracy", 0.5, {"ipc": 1}),
        ("accuracy", 0.8, {"ipc": 1}),
    ),
    ("syn8-near-k3", "fig7", "accuracy", {"method": "combined"}, 0.891, 0.889),
    ("syn8-near-k3", "fig7", "accuracy", {"method": "combined"}, 0.909, 0.911),
    ("syn8-recovers", "fig7", "accuracy", {"method": D}, 0.899, 0.901),
    ("syn8-cheap", "fig7", "steps", {}, 24.9, 25.1),
    (
        "imp-k0-limit",
        "fig7",
        "accuracy",
        {"method": IMP, "rewind": 0, "level": 11},
        0.894,
        0.896,
        ("accuracy", 0.8, {"method": IMP}),
    ),
    (
        "no-tickets-past-40",
        "fig2",
        "accuracy",
        {"model": R, "level": 5},
        0.894,
        0.896,
        ("accuracy", 0.8, {"model": R}),
        ("accuracy", 0.9, DENSE),
    ),
    ("p-accuracy", "first-accuracy", "accuracy", {"method": D}, 0.871, 0.869),
    ("p-accuracy", "first-accuracy", "accuracy", {"method": D}, 0.929, 0.931),
    ("p-accuracy-100", "first-accuracy", "accuracy", {"method": D}, 0.871, 0.869),
    ("p-stable-at-init", "first-stability", "error_rise", {"method": D}, 0.019, 0.021),
    ("p-ipc-tradeoff", "first-accuracy", "accuracy", {"ipc": 50}, 0.901, 0.899, ("seconds", 2.0, {"ipc": 50})),
    ("p-faster-session", "first-sessions", "seconds", {"method": IMP}, 6.1, 5.9),
    ("p-faster-session", "first-sessions", "seconds", {"method": IMP}, 9.9, 10.1),
    ("p-5x", "first-sessions", "seconds", {"method": IMP}, 6.01, 5.99),  # 10 r / (9 + r) is 4 at r = 6
    ("control-equal-steps", "controls", "error_rise", {"method": S}, 0.069, 0.071),
    ("control-equal-steps", "controls", "accuracy", {"method": S}, 0.891, 0.889),
    ("control-published", "controls", "error_rise", {"method": S}, 0.069, 0.071),
    ("control-published", "controls", "accuracy", {"method": S}, 0.891, 0.889),
    ("control-short-loop", "controls", "barrier", {"method": S}, 0.299, 0.301),
    ("control-short-accuracy", "controls", "accuracy", {"method": S}, 0.891, 0.889),
    ("short-real-stable", "controls", "error_rise", {"method": S}, 0.019, 0.021),
    ("own-set-stable", "controls", "error_rise", {"method": D}, 0.019, 0.021),
    ("published-stable", "controls", "error_rise", {"method": "published"}, 0.019, 0.021),
    ("random-real-stable", "controls", "error_rise", {"method": N}, 0.019, 0.021),
    ("gentle-real-stable", "controls", "error_rise", {"method": S, "setting": G}, 0.019, 0.021),
    ("control-subset", "controls", "barrier", {"method": N}, 0.301, 0.299),
    ("control-random-real", "controls", "barrier", {"method": N}, 0.299, 0.301),
    ("control-images", "controls", "barrier", {"method": N}, 0.301, 0.299),
    ("data-responsible", "controls", "accuracy", {"method": D}, 0.901, 0.899),
    ("control-layers", "controls", "barrier", {"method": "shuffled"}, 0.301, 0.299),
    ("control-equal-loss", "controls", "barrier", {"method": D}, 0.299, 0.301),
    ("mask-bug", "protocols", "error_rise", {"protocol": "unmasked"}, 0.121, 0.119),
    ("mask-bug", "protocols", "error_rise", {"protocol": "unmasked"}, 0.079, 0.081),
    (
        "rewind-scope",
        "protocols",
        "accuracy",
        {"protocol": "weights rewound alone"},
        0.911,
        0.909,
        ("error_rise", 0.5, {"protocol": "weights rewound alone"}),
    ),
    ("bn-reestimated", "protocols", "error_rise", {"protocol": "BatchNorm, statistics re-estimated"}, 0.121, 0.119),
    ("open-init", "starts", "barrier", {"method": IMP}, 0.301, 0.299),
]
ELSEWHERE = {
    "test_claims": ("masks-hold",),
    "test_measures": (
        "one-basin", "distances-shrink", "sharp-weights", "order-dependence", "hess-mean", "hess-std", "hess-std-90",
        "hess-range", "hess-magnitude", "hess-sparser-smoother", "imp-sharpens",
    ),
    "test_measures_controls": ("control-dose", "control-third-loop", "control-magnitude"),
    "test_open_measures": ("open-shift",),
    "test_rewinding": ("stable-from-60", "syn8-beyond"),
    "test_set_pages": ("low-distilled-acc-ok", "set-accuracy", "sets-beat-start", "objectives-agree"),
}  # fmt: skip


@functools.cache
def whole(names: tuple[str, ...]) -> Frames:
    return study(0, names)


def verdict(name: str, *values: Value) -> str:
    """What a claim's own rule says where columns have some values, the later ones before the earlier."""
    claim = find(name)
    frames = {}
    for key, frame in whole(claim.frames).items():
        for column, value, where in [*BASE.get(key, ()), *values]:
            frame = set_where(frame, column, value, **where)
        one = claim.data in set(frame["dataset"])
        frames[key] = frame[frame["dataset"] == claim.data] if one else frame
    return combine(claim.findings(frames))


@pytest.mark.parametrize("row", TIGHT, ids=lambda row: f"{row[0]}-{row[4]}-{row[5]}")
def test_a_claim_holds_just_inside_its_edge_and_not_just_outside(row: Any) -> None:
    name, _, column, where, inside, outside, *also = row
    assert verdict(name, *also, (column, inside, where)) == REPRODUCED
    assert verdict(name, *also, (column, outside, where)) in (CONTRADICTED, MIXED)


def test_every_claim_has_its_edge_tested() -> None:
    tested = {row[0] for row in TIGHT}
    elsewhere = {name for names in ELSEWHERE.values() for name in names}
    assert tested | elsewhere == {claim.id for claim in claims()} and not tested & elsewhere
