"""What more than one page analyses: the curvature of trained networks, and masks beside each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ...jobs import MaskStatistics
from .frames import Metrics, Reader, labels, settings
from .tickets import Row, Tickets

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.fields import Values

COLUMNS = ("min", "max", "mean", "std", "mean_abs", "count")
HESSIAN_IMAGES = 64

Overlap = tuple[Tickets, Row, Row, int, int, MaskStatistics]


def first_trained(parameters: Values) -> Iterator[tuple[Tickets, Row, int, int]]:
    """Every row, initialisation and measured level of all settings."""
    for tickets in settings(parameters):
        for row in tickets.rows:
            for init in tickets.seeds:
                for level in tickets.levels(row, init):
                    yield tickets, row, init, level


def overlaps(parameters: Values) -> Iterator[Overlap]:
    """Every pair of rows that both have a mask, at every measured level."""
    for tickets in settings(parameters):
        masked = [row for row in tickets.rows if row.method != "dense"]
        for (a, b), init in itertools.product(itertools.combinations(masked, 2), tickets.seeds):
            for level in tickets.levels(a, init):
                left, right = tickets.chain(a, init, level), tickets.chain(b, init, level)
                assert left is not None and right is not None
                yield tickets, a, b, init, level, MaskStatistics(left, right)


def pairs(overlaps: Iterable[Overlap]) -> Iterator[tuple[MaskStatistics, dict[str, Any]]]:
    """The jobs that compare two masks, with the columns that name both."""
    for tickets, a, b, init, level, job in overlaps:
        other = {"other": b.method, "other_setting": b.setting, "other_rate": b.rate}
        yield job, labels(tickets, a, level, init, **other)


def sides(overlaps: Iterable[Overlap]) -> Iterator[tuple[MaskStatistics, dict[str, Any]]]:
    """The same jobs once for each mask, with the columns that name it; ``side`` counts the two."""
    for tickets, *rows, init, level, job in overlaps:
        for side, row in enumerate(rows):
            yield job, labels(tickets, row, level, init, side=side)


def overlap_values(job: MaskStatistics, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Shared survivors against chance, whole and within layers, and distances of initial magnitudes (section 4)."""
    whole, layered = found["whole"], found["layered"]
    yield {
        "jaccard": whole["jaccard"],
        "ratio": whole["ratio"],
        "layered_ratio": layered["ratio"],
        **{name: layered[name] for name in ("shared", "expected", "low", "high")},
        **{name: found[name] for name in ("ks_pruned", "ks_kept")},
        "ks_pruned_kept": max(found["ks_pruned_kept"]),
        "layer_gap": max(abs(found["sparsity"][0][n] - found["sparsity"][1][n]) for n in found["sparsity"][0]),
    }


def layer_values(job: MaskStatistics, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Sparsity of every layer under each of two masks (section 7)."""
    for layer in sorted(found["sparsity"][0]):
        yield {"layer": layer, "layer_sparsity": tuple(shares[layer] for shares in found["sparsity"])}


def own_layers(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep of both masks' sparsities that of the mask which a row names, and each mask once."""
    shares = [both[side] for both, side in zip(frame["layer_sparsity"], frame["side"], strict=True)]
    frame = frame.assign(layer_sparsity=shares).drop(columns="side")
    return frame.drop_duplicates([name for name in frame if name not in ("layer_sparsity", "key")], ignore_index=True)


def layer_names(frame: pd.DataFrame) -> list[str]:
    """Layers from input to output: the head comes last, the others are named in order."""
    return sorted(set(frame["layer"]), key=lambda name: (name.startswith("head"), name))
