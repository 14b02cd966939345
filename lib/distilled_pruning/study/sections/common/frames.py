"""What all tidy frames share: where results are read, and the columns that name a ticket."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ...jobs import Connect, Distill, Prune
from .setup import words
from .tickets import Row, Tickets

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ...parameters.presets import Parameters
    from ...parameters.values import Values


LINE_FIGURES = ("barrier", "maximum", "error_rise", "end_loss", "end_accuracy")
CHANCE_MARGIN = 0.02


class Reader(Protocol):
    """Anything that gives a finished job's metrics, or ``None`` where there is no result."""

    def metrics(self, key: str) -> Mapping[str, Any] | None:
        """Read the metrics behind a key."""
        ...

    def arrays(self, key: str) -> Mapping[str, np.ndarray] | None:
        """Read the arrays behind a key."""
        ...

    def provenance(self, key: str) -> Mapping[str, Any] | None:
        """Read who made the result behind a key, where, and how long it took."""
        ...


def settings(parameters: Parameters) -> list[Tickets]:
    """One group of tickets for every dataset and model of the parameters."""
    return [
        Tickets(parameters, dataset, model)
        for dataset in words(parameters.dataset)
        for model in words(parameters.model)
    ]


def sparsity(parameters: Values, level: int) -> float:
    """Share of prunable weights removed at a level."""
    return 1 - (1 - float(parameters.fraction)) ** level


def labels(tickets: Tickets, row: Row, level: int, init: int) -> dict[str, Any]:
    """The columns that name a ticket."""
    return {
        "dataset": tickets.data.name,
        "model": tickets.model,
        "method": row.method,
        "setting": row.setting,
        "rate": row.rate,
        "level": level,
        "sparsity": sparsity(tickets.parameters, level),
        "init": init,
    }


def cost_of(mask: Prune | None) -> dict[str, int]:
    """Images and steps spent in the inner loops that found a mask, stored and decoded."""
    points = decoded = steps = 0
    for prune in mask.chain() if mask is not None else ():
        inner = prune.training
        if inner is None:
            continue
        images = inner.source.images
        stored = len(inner.data.info.classes) * inner.source.ipc if isinstance(inner.source, Distill) else images
        points += inner.seen * stored // images
        decoded += inner.seen
        steps += inner.steps
    return {"points": points, "points_decoded": decoded, "steps": steps}


def measured(line: Connect, reader: Reader) -> dict[str, Any] | None:
    """What a line and the two retrainings at its ends measured; ``None`` where there is no line.

    ``accuracy`` and ``distance`` are means over both ends, so that their mean over the lines of an initialisation is
    that over all its retrainings; not a number where an end is missing. ``outside`` counts over both.
    """
    found = reader.metrics(line.key)
    if found is None:
        return None
    ends = [reader.metrics(end.key) or {} for end in (line.a, line.b)]
    totals = {name: sum(end.get(name, math.nan) for end in ends) for name in ("accuracy", "distance", "outside")}
    return {
        **{name: found[name] for name in LINE_FIGURES},
        "accuracy": totals["accuracy"] / len(ends),
        "distance": totals["distance"] / len(ends),
        "outside": totals["outside"],
    }


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Build a frame from rows."""
    import pandas as pd

    return pd.DataFrame(rows)


def collapsed(tickets: Tickets, mask: Prune | None, accuracy: float, reader: Reader) -> bool:
    """Whether a ticket lost a layer whole or is no better than chance, so that its flat loss is not stability.

    Args:
        tickets: Its dataset, for the number of classes.
        mask: Its mask, ``None`` for dense.
        accuracy: Its trained accuracy in [0, 1].
        reader: Where the mask's result is.
    """
    pruned = reader.metrics(mask.key) if mask is not None else None
    chance = 1 / len(tickets.data.info.classes)
    return bool(pruned and pruned["collapsed"]) or accuracy < chance + CHANCE_MARGIN
