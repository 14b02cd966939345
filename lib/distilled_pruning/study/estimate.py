"""How long a job will take: measured seconds of jobs of its kind and size on this device, scaled by cost."""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING

from . import hardware
from .entry import Damaged

if TYPE_CHECKING:
    from .jobs import Job
    from .store import Store

NEIGHBOURS = 8
# Before anything of a kind was measured here: multiply-accumulates a second of small convolutional networks in float32,
# on one CPU thread and on a data-centre GPU, and a fixed time for every job.
DEFAULT_CPU, DEFAULT_GPU, DEFAULT_SECONDS = 8e9, 1e12, 0.05


class Estimate:
    """Seconds a job takes on one device."""

    def __init__(self, device: str = "auto") -> None:
        """Start with the defaults for a device."""
        self.device = hardware.name(device)
        self.default = DEFAULT_CPU if self.device == hardware.processor() else DEFAULT_GPU
        self.measured: dict[str, list[tuple[float, float, float]]] = {}

    @classmethod
    def of(cls, store: Store, device: str = "auto") -> Estimate:
        """Calibrate with what the store's entries took on this device; jobs that were continued do not count."""
        estimate = cls(device)
        for key in store:
            try:
                found = store.entry(key).provenance()
            except Damaged:
                continue
            if found.get("device") == estimate.device and not found.get("continued") and "cost" in found:
                estimate.observe(found["kind"], found["cost"], found["seconds"])
        return estimate

    def observe(self, kind: str, cost: float, seconds: float) -> None:
        """Add a measurement."""
        bisect.insort(self.measured.setdefault(kind, []), (math.log(max(cost, 1.0)), cost, seconds))

    def calibrated(self, job: Job) -> bool:
        """Whether the estimate rests on measurements of the job's kind on this device."""
        return job.kind in self.measured

    def seconds(self, job: Job) -> float:
        """Estimate a job by the measured jobs of its kind nearest in cost."""
        measured = self.measured.get(job.kind)
        if not measured:
            return DEFAULT_SECONDS + job.cost / self.default
        cost = max(job.cost, 1.0)
        middle = bisect.bisect(measured, (math.log(cost),))
        around = measured[max(0, middle - NEIGHBOURS) : middle + NEIGHBOURS]
        near = sorted(around, key=lambda entry: abs(entry[0] - math.log(cost)))[:NEIGHBOURS]
        return cost * sum(entry[2] for entry in near) / sum(max(entry[1], 1.0) for entry in near)
