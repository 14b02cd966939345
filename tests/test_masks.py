"""Masks: counts by hand, chance against SciPy's hypergeometric and by enumeration, KS against SciPy, distances."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import torch
from distilled_pruning import masks, models, pruning
from distilled_pruning.errors import InputError
from distilled_pruning.pruning import Mask
from hypothesis import given, strategies as st
from scipy import stats
from torch import nn


def mask(**layers: str) -> Mask:
    return Mask({name: torch.tensor([letter == "1" for letter in bits]) for name, bits in layers.items()})


def net(seed: int = 0) -> nn.Module:
    return models.build("convnet3", width=8, size=8, channels=1, classes=4, seed=seed)


def test_sparsity_and_collapse_by_layer() -> None:
    one = mask(a="1000", b="0000", c="11")
    assert masks.sparsity(one) == {"a": 0.75, "b": 1.0, "c": 0.0}
    assert masks.collapsed(one) == ["b"]
    assert masks.collapsed(mask(a="10")) == []


def test_overlap_by_hand() -> None:
    found = masks.overlap(mask(a="1100", b="111000"), mask(a="1010", b="110001"))
    assert (found.whole.total, found.whole.a, found.whole.b, found.whole.shared) == (10, 5, 5, 3)
    assert found.whole.expected == 2.5
    assert found.whole.ratio == 1.2
    assert found.whole.jaccard == 3 / 7
    assert found.whole.hamming == 4
    assert found.layered.expected == 2 * 2 / 4 + 3 * 3 / 6
    assert found.layered.shared == 3
    assert [(part.shared, part.expected) for part in found.layers.values()] == [(1, 1.0), (2, 1.5)]


def test_extremes_of_overlap() -> None:
    one, other = mask(a="1100"), mask(a="0011")
    same, apart = masks.overlap(one, one).whole, masks.overlap(one, other).whole
    assert (same.jaccard, same.hamming, same.ratio) == (1.0, 0, 2.0)
    assert (apart.jaccard, apart.hamming, apart.ratio) == (0.0, 4, 0.0)
    nothing = masks.overlap(mask(a="00"), mask(a="00")).whole
    assert math.isnan(nothing.ratio)
    assert math.isnan(nothing.jaccard)
    assert nothing.independent


@given(total=st.integers(1, 400), share_a=st.floats(0, 1), share_b=st.floats(0, 1))
def test_chance_is_the_hypergeometric(total: int, share_a: float, share_b: float) -> None:
    a, b = round(share_a * total), round(share_b * total)
    expected, low, high = masks.chance([(total, a, b)])
    law = stats.hypergeom(total, a, b)
    assert expected == pytest.approx(a * b / total, abs=1e-12)
    assert law.cdf(high) - law.cdf(low - 1) >= 0.95 - 1e-9
    # central: neither end could move inwards and leave at most 2.5 % outside; 1e-9 is the rounding of the sums
    assert law.cdf(low) >= 0.025 - 1e-9
    assert law.sf(high - 1) >= 0.025 - 1e-9
    assert law.cdf(low - 1) <= 0.025 + 1e-9
    assert law.sf(high) <= 0.025 + 1e-9


def test_chance_of_layers_is_the_sum_by_enumeration() -> None:
    draws = [(6, 3, 2), (5, 2, 2)]
    mass: dict[int, float] = {}
    for x, y in itertools.product(range(3), range(3)):
        p = stats.hypergeom(*draws[0]).pmf(x) * stats.hypergeom(*draws[1]).pmf(y)
        mass[x + y] = mass.get(x + y, 0.0) + p
    cumulated = list(itertools.accumulate(mass[k] for k in sorted(mass)))
    low = next(k for k, p in enumerate(cumulated) if p > 0.1)
    high = next(k for k, p in enumerate(cumulated) if p >= 0.9)
    expected, *interval = masks.chance(draws, confidence=0.8)
    assert expected == pytest.approx(sum(k * p for k, p in mass.items()))
    assert interval == [low, high]


def test_chance_at_the_papers_size() -> None:
    law = stats.hypergeom(318_848, 53_494, 53_494)
    expected, low, high = masks.chance([(318_848, 53_494, 53_494)])
    assert expected == pytest.approx(law.mean())
    assert (low, high) == (law.ppf(0.025), law.ppf(0.975))


def test_independent_masks_lie_within_chance_and_equal_ones_do_not() -> None:
    pairs = [
        (pruning.random(net(), fraction=0.6, seed=seed), pruning.random(net(), fraction=0.6, seed=seed + 100))
        for seed in range(60)
    ]
    inside = sum(masks.overlap(*pair).whole.independent for pair in pairs)
    assert inside >= 60 * 0.95 - 4 * (60 * 0.95 * 0.05) ** 0.5  # 4 standard deviations below what is stated
    alike = masks.overlap(pairs[0][0], pairs[0][0])
    assert not alike.whole.independent
    assert not alike.layered.independent


def test_layer_densities_alone_do_not_count_as_agreement() -> None:
    dense = pruning.magnitude(net(), fraction=0.8)
    found = masks.overlap(pruning.shuffled(dense, 1), pruning.shuffled(dense, 2))
    assert found.layered.expected > found.whole.expected
    assert found.layered.independent


@given(
    x=st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=30),
    y=st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=30),
)
def test_ks_is_scipys(x: list[float], y: list[float]) -> None:
    assert masks.ks(torch.tensor(x), torch.tensor(y)) == pytest.approx(
        stats.ks_2samp(x, y, method="asymp").statistic, abs=1e-12
    )


def test_magnitudes_on_both_sides_of_a_mask() -> None:
    weights = {"a": torch.tensor([-3.0, 1.0, 2.0, -0.5]), "a.bias": torch.tensor([9.0])}
    found = masks.magnitudes(weights, mask(a="1010"))
    assert found.kept.tolist() == [3.0, 2.0]
    assert found.pruned.tolist() == [1.0, 0.5]


def test_magnitude_pruning_at_initialisation_parts_magnitudes_fully() -> None:
    dense = net()
    sides = masks.magnitudes(dense.state_dict(), pruning.magnitude(dense, fraction=0.5))
    assert masks.ks(sides.pruned, sides.kept) == 1.0
    chance = masks.magnitudes(dense.state_dict(), pruning.random(dense, fraction=0.5))
    assert masks.ks(chance.pruned, chance.kept) < 1.95 * (2 / len(chance.kept)) ** 0.5  # level 0.001 of the KS test


def test_distance_counts_survivors_only() -> None:
    a = {"a": torch.tensor([3.0, 9.0]), "b": torch.tensor([0.0, 0.0]), "bias": torch.tensor([7.0])}
    b = {"a": torch.tensor([0.0, 5.0]), "b": torch.tensor([4.0, 0.0]), "bias": torch.tensor([1.0])}
    found = masks.distance(a, b, mask(a="10", b="11"))
    assert found.layers == {"a": 3.0, "b": 4.0}
    assert (found.norm, found.summed) == (5.0, 7.0)
    assert found.relative == 5.0 / ((3.0 + 4.0) / 2)
    assert masks.distance(a, a, mask(a="11", b="11")).norm == 0.0
    assert math.isnan(masks.distance(a, b, mask(a="00", b="00")).relative)


def test_statistics_are_plain_and_agree_with_their_parts() -> None:
    dense = net()
    a, b = pruning.magnitude(dense, fraction=0.5), pruning.random(dense, fraction=0.5)
    found = masks.statistics(a, b, dense.state_dict())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["whole"]["shared"] == masks.overlap(a, b).whole.shared
    assert found["sparsity"] == [masks.sparsity(a), masks.sparsity(b)]
    assert found["ks_pruned_kept"][0] == 1.0
    assert found["ks_pruned"] == masks.ks(
        masks.magnitudes(dense.state_dict(), a).pruned, masks.magnitudes(dense.state_dict(), b).pruned
    )


def test_statistics_of_collapsed_layers_are_plain_too() -> None:
    found = masks.statistics(mask(a="1100", b="00"), mask(a="0110", b="00"), {"a": torch.ones(4), "b": torch.ones(2)})
    assert found["collapsed"] == [["b"], ["b"]]
    assert found["layers"]["b"]["ratio"] is None
    json.dumps(found, allow_nan=False)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="masks belong to networks of different shape"):
        masks.overlap(mask(a="10"), mask(a="100"))
    with pytest.raises(InputError, match="masks belong to networks of different shape"):
        masks.overlap(mask(a="10"), mask(b="10"))
    with pytest.raises(InputError, match="weights and mask belong to networks of different shape"):
        masks.magnitudes({"b": torch.ones(2)}, mask(a="10"))
    with pytest.raises(InputError, match="weights and mask belong"):
        masks.distance({"a": torch.ones(2)}, {"a": torch.ones(3)}, mask(a="10"))
    with pytest.raises(InputError, match="no values cannot be compared"):
        masks.ks(torch.ones(0), torch.ones(3))
    with pytest.raises(InputError, match="holds NaN"):
        masks.ks(torch.tensor([1.0, float("nan")]), torch.ones(3))


@pytest.mark.parametrize("draw", [(10, 11, 3), (10, 3, -1), (0, 0, 0)])
def test_survivors_that_cannot_be_have_no_chance(draw: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match=f"of {draw[0]} weights {draw[1]} and {draw[2]} cannot survive"):
        masks.chance([draw])


@pytest.mark.parametrize("confidence", [0, 95, float("nan")])
def test_a_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(InputError, match="confidence must lie between 0 and 1"):
        masks.chance([(10, 5, 3)], confidence)
