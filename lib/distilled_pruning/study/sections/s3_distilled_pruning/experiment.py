"""Accuracy over sparsity, and what finding a mask cost (2503.17905 section 3)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...jobs import Train
from ..common.experiment import experiment
from ..common.frames import Metrics, Reader, cost_of, labels, settings

if TYPE_CHECKING:
    from ...parameters.fields import Values


def _values(job: Train, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Test accuracy of a retraining, and what finding its mask cost.

    ``loop_accuracy`` is what the inner loop that found the mask reached on test images; not a number without one.
    """
    pruned = reader.metrics(job.mask.key) if job.mask is not None else None
    yield {
        **{name: found[name] for name in ("accuracy", "loss", "train_loss", "distance", "initial_norm")},
        "loop_accuracy": (pruned or {}).get("inner", {}).get("accuracy", math.nan),
        **cost_of(job.mask),
    }


@experiment("fig2", "s3-distilled-pruning", "Accuracy over sparsity", _values)
def retrainings(parameters: Values) -> Iterator[tuple[Train, dict[str, Any]]]:
    """Retrainings at the measured levels and, unless these are all, at every level on the first initialisation."""
    every = not parameters.get("measured_only", False)
    for tickets in settings(parameters):
        for row, init, level, order, job in tickets.retrainings(every):
            yield job, labels(tickets, row, level, init, order=order)
