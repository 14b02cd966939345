"""Jobs that cost nothing, for tests of everything around jobs; free of PyTorch, importable by worker processes."""

from __future__ import annotations

import functools
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from distilled_pruning.errors import InputError, Interrupted
from distilled_pruning.study.jobs import Context, Job, Result

STEP_SECONDS = 0.01


@dataclass(frozen=True)
class Toy(Job):
    """Add up a seeded random walk on top of the parents' arrays.

    Attributes:
        name: Distinguishes jobs.
        steps: Steps of a hundredth of a second, with a checkpoint after each.
        needs: Parents.
        fault: What goes wrong: ``"input"``, ``"bug"``, ``"die"`` (its process is killed) or ``"die-once"``.
    """

    kind: ClassVar[str] = "toy"
    name: str
    steps: int = 0
    needs: tuple[Toy, ...] = ()
    fault: str = ""

    @functools.cached_property
    def parents(self) -> tuple[Job, ...]:
        return self.needs

    @property
    def cost(self) -> float:
        return 1e6 * max(self.steps, 1)

    @property
    def title(self) -> str:
        return f"toy {self.name}"


def log(context: Context, line: str) -> None:
    """Append to the diary beside the store: who began and ended what."""
    with (context.checkpoint.parents[2] / "diary").open("a") as diary:
        diary.write(f"{line}\n")


def perform(job: Job, context: Context) -> Result:
    """Do a toy job."""
    assert isinstance(job, Toy)
    log(context, f"begin {job.name}")
    if job.fault == "input":
        raise InputError("no such dataset: give another one")
    if job.fault == "bug":
        raise ZeroDivisionError("a bug")
    died = context.checkpoint.parents[2] / f"died-{job.name}"
    if job.fault == "die" or (job.fault == "die-once" and not died.exists()):
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    saved = context.checkpoint / "state.npy"
    first, walk = 0, np.zeros(4)
    if saved.exists():
        state = np.load(saved)
        first, walk = int(state[0]), state[1:]
    for parent in job.needs:
        walk = walk + (context.load(parent).arrays["walk"] if not first else 0)
    for step in range(first, job.steps):
        time.sleep(STEP_SECONDS)
        walk = walk + np.random.default_rng(step).normal(size=4)
        if context.stop():
            np.save(saved, np.concatenate([[step + 1], walk]))
            raise Interrupted
        context.progress(step + 1, job.steps, {"loss": 1 / (step + 1)})
    log(context, f"end {job.name}")
    return Result({"total": float(walk.sum()), "name": job.name}, {"walk": walk})


def chain(name: str, length: int, steps: int = 0) -> list[Toy]:
    """Give jobs of which each needs the one before."""
    jobs: list[Toy] = []
    for level in range(length):
        jobs.append(Toy(f"{name}{level}", steps, tuple(jobs[-1:])))
    return jobs


def wanted(steps: int) -> list[Toy]:
    """Thirty-two jobs in chains of four."""
    return [job for name in "abcdefgh" for job in chain(name, 4, steps)]


def diary(root: Path) -> list[str]:
    """Read who began and ended what."""
    path = root / "diary"
    return path.read_text().splitlines() if path.exists() else []
