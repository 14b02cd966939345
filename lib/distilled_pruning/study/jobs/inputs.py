"""What every job begins with: datasets, networks, masks and sets, read from parents' results; and checkpoints."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import data, disk, distillation, models, pruning
from ...data import catalog
from ...errors import InputError, Interrupted
from .base import Context, Data, Job, Network, source_digest

_CHECKPOINT_SECONDS = 20.0


@functools.lru_cache(maxsize=4)
def load_dataset(name: str, size: int, subset: int, normalisation: str, zca: bool, digest: str) -> data.Dataset:
    """Load a dataset, keeping the last few of a process in memory; ``digest`` makes changed files another question."""
    found = data.load(name, size=size or None, subset=subset or None, normalisation=normalisation, zca=zca)
    made = name in catalog.DATASETS and catalog.DATASETS[name].arrays is not None
    if (made and found.digest != digest) or (name not in catalog.DATASETS and source_digest(name) != digest):
        raise InputError(f"{name} has changed since this run was planned: start it again")
    return found


def load_data(wanted: Data) -> data.Dataset:
    """Load the dataset a job names.

    Raises:
        InputError: It cannot be read, or is no longer what the job was planned with.
    """
    return load_dataset(wanted.name, wanted.size, wanted.subset, wanted.normalisation, wanted.zca, wanted.digest)


def build_network(network: Network, ds: Any) -> nn.Module:
    """Build a network at initialisation."""
    return models.build(
        network.model,
        ds,
        width=network.width,
        depth=network.depth or None,
        norm=network.norm or None,
        seed=network.seed,
        init=network.init,
    )


def to_tensors(to_arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Turn stored arrays into tensors of their own memory."""
    return {name: torch.from_numpy(np.array(array)) for name, array in to_arrays.items()}


def to_arrays(state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Turn tensors into arrays for the store."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in state.items()}


def read_mask(job: Job | None, context: Context) -> pruning.Mask | None:
    """Read the mask a pruning job left."""
    return pruning.Mask.unpack(context.load(job).arrays) if job is not None else None


def read_set(job: Job, context: Context) -> distillation.Synthetic:
    """Read the set a distillation job left."""
    result = context.load(job)
    return distillation.Synthetic.unpack(result.metrics["set"], result.arrays)


def draw_batch(split: data.Split, images: int, seed: int) -> data.Split:
    """Give a stratified batch of clean training images, all of them where fewer are there."""
    return split.subset(min(images, len(split)), seed)


class Checkpoints:
    """Writes a job's state from time to time, and at once when the runner wants to stop."""

    def __init__(self, context: Context, name: str = "state.pt") -> None:
        self.context, self.path, self.last = context, Path(context.checkpoint) / name, time.monotonic()

    def read(self) -> Any:
        """Give the last state, or ``None``; a damaged file counts as none."""
        if not self.path.exists():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception:
            self.path.unlink(missing_ok=True)
            return None

    def __call__(self, snapshot: Callable[[], Any]) -> None:
        """Write the state if it is time; raise :class:`Interrupted` after writing if the runner wants to stop."""
        stopping = self.context.stop()
        if not stopping and time.monotonic() - self.last < _CHECKPOINT_SECONDS:
            return
        state = snapshot()
        disk.write_whole({self.path: lambda place: torch.save(state, place)}, self.path.with_suffix(".tmp"))
        self.last = time.monotonic()
        if stopping:
            raise Interrupted
