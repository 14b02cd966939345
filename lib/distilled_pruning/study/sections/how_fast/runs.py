"""Measured runs: their reading, their ratios, and whether two of one machine agree; imports no PyTorch."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ....errors import InputError

COSTS = "costs"
ALL_THEMES = ("training", "hessian", "lines", "planes", "distillation", "pooling", COSTS)
MEASURED = "benchmarks/measured.json"
PRODUCT = "matrix product"
HALF_PRODUCT = f"{PRODUCT}, bf16"
WITHIN, OUTSIDE, BESIDE = "within", "OUTSIDE", "beside"
_COMMAND = "distilled-pruning bench --all --json"

Comparison = Mapping[str, Any]


class Pair(NamedTuple):
    """A variant of ours beside a peer: how many times as fast it is, round by round."""

    found: Comparison
    ours: str
    peer: str
    ratios: list[float]


class Held(NamedTuple):
    """A pair held against an earlier run: the ratios of that one, and what follows."""

    pair: Pair
    before: list[float]
    verdict: str


def load(path: Path) -> dict[str, Any]:
    """Read a measured run.

    Raises:
        InputError: It is missing or not what ``bench --json`` prints.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found["about"]["device"], found["about"]["threads"], found["comparisons"], found[COSTS]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a measured run: write it with {_COMMAND} > {MEASURED}") from error
    return found


def name_machine(measured: Mapping[str, Any]) -> str:
    """Name the processor that a run was measured on, and its threads: ratios belong to both."""
    about = measured["about"]
    threads = "one thread" if about["threads"] == 1 else f"{about['threads']} threads"
    return f"{about['device']}, {threads}"


def compare(found: Comparison, peer: str, ours: str) -> list[float]:
    """Give how many times as long a peer takes, round by round."""
    return [a / b for a, b in zip(found["seconds"][peer], found["seconds"][ours], strict=True)]


def list_pairs(measured: Mapping[str, Any]) -> Iterator[Pair]:
    """Give every comparison of a variant of ours with a peer, and its ratios."""
    for found in measured["comparisons"]:
        for ours in found["ours"]:
            for peer in found["peers"]:
                if peer in found["seconds"]:
                    yield Pair(found, ours, peer, compare(found, peer, ours))


def share_of_product(found: Comparison, name: str) -> float:
    """Give the median share of the matrix product's rate, of the same precision, that a variant reaches."""
    product = HALF_PRODUCT if name.startswith("bf16") else PRODUCT
    rates = [
        found["macs"][name] / own * of / found["macs"][product]
        for own, of in zip(found["seconds"][name], found["seconds"][product], strict=True)
    ]
    return statistics.median(rates)


def best_rate(measured: Mapping[str, Any]) -> float:
    """Give the multiply-accumulates a second of a float32 matrix product, the best of the run.

    Raises:
        InputError: The run timed none.
    """
    rates = [
        found["macs"][PRODUCT] / min(found["seconds"][PRODUCT])
        for found in measured["comparisons"]
        if PRODUCT in found["seconds"]
    ]
    if not rates:
        raise InputError("the measured run has no matrix product: time training, or all")
    return max(rates)


def add_rounds(measured: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Add the rounds of a second run on the same machine to those of the same comparisons in a first one."""
    added = {found["title"]: found["seconds"] for found in more["comparisons"]}
    comparisons = []
    for found in measured["comparisons"]:
        extra = added.get(found["title"], {})
        seconds = {name: [*times, *extra.get(name, ())] for name, times in found["seconds"].items()}
        comparisons.append({**found, "seconds": seconds})
    spent = round(measured["about"]["seconds"] + more["about"]["seconds"], 1)
    return {**measured, "about": {**measured["about"], "seconds": spent}, "comparisons": comparisons}


def hold(new: Mapping[str, Any], kept: Mapping[str, Any]) -> list[Held]:
    """Judge of every ratio in both runs whether the spreads over the rounds meet, where one machine ran both.

    Ratios belong to a machine: those of another one stand beside and are not judged.
    """
    same = name_machine(new) == name_machine(kept)
    earlier = {(found["title"], ours, peer): ratios for found, ours, peer, ratios in list_pairs(kept)}
    held = []
    for pair in list_pairs(new):
        before = earlier.get((pair.found["title"], pair.ours, pair.peer))
        if before is not None:
            inside = min(pair.ratios) <= max(before) and min(before) <= max(pair.ratios)
            held.append(Held(pair, before, BESIDE if not same else WITHIN if inside else OUTSIDE))
    return held
