"""Outer iterations of distillation beside their floor: their multiply-accumulates at the rate of a matrix product.

The authors' code is not ours to run here, so there is no peer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from distilled_pruning import data
from distilled_pruning.distillation import distill, trajectory
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from .rounds import Comparison, Run, clock, products, take_turns

__all__ = ["METHODS", "iterations"]

METHODS: Mapping[str, dict[str, Any]] = {
    "dc": {},
    "dm": {},
    "idc": {"inner": 2},
    "mtt": {"expert_count": 1},
}
EXPERT_SEED = 0


def outer(ds: data.Dataset, method: str, ipc: int, device: torch.device, options: Mapping[str, Any]) -> Run:
    """Return what does outer iterations and says how long they took, the first one, in which things start, left out."""

    def run(times: int) -> float:
        marks: list[float] = []
        distill(
            ds,
            method,
            ipc,
            iterations=times + 1,
            device=device,
            progress=lambda done, total, figures: marks.append(clock(device)),
            **options,
        )
        return marks[-1] - marks[0]

    return run


def counted(ds: data.Dataset, method: str, ipc: int, device: torch.device, options: Mapping[str, Any]) -> float:
    """Count the multiply-accumulates of one outer iteration: two less one."""
    totals = []
    for count in (1, 2):
        with FlopCounterMode(display=False) as counter:
            distill(ds, method, ipc, iterations=count, device=device, **options)
        totals.append(counter.get_total_flops())
    return (totals[1] - totals[0]) / 2


def experts(ds: data.Dataset, device: torch.device, options: Mapping[str, Any]) -> list[Tensor]:
    """Train the experts that trajectories are matched to."""
    count = int(options["expert_count"])
    return [trajectory.expert(ds, index, EXPERT_SEED, device=device, **options) for index in range(count)]


def iterations(
    device: torch.device, rounds: int, ipc: int = 10, methods: Mapping[str, Mapping[str, Any]] = METHODS
) -> Iterator[Comparison]:
    """Time outer iterations on digits of 16 px with ConvNet-3 of width 16; yields one comparison.

    Args:
        device: Where to compute.
        rounds: Rounds.
        ipc: Stored images a class.
        methods: Method to the settings that differ from those for digits.
    """
    ds = data.load("digits", size=16)
    runs, macs = products(device)
    for method, options in methods.items():
        settings = dict(options)
        if method == "mtt":
            settings["experts"] = experts(ds, device, options)
        runs[method] = outer(ds, method, ipc, device, settings)
        macs[method] = counted(ds, method, ipc, device, settings)
    title = f"an outer iteration, {ipc} images a class, ConvNet-3 of width 16 on digits of 16 px"
    yield Comparison("distillation", title, tuple(methods), (), take_turns(runs, rounds, device), macs)
