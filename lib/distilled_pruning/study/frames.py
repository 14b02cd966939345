"""What all tidy frames share: where results are read, and the columns that name a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .tickets import Row, Tickets, words

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .parameters import Parameters


class Reader(Protocol):
    """Anything that gives a finished job's metrics, or ``None`` where there is no result."""

    def metrics(self, key: str) -> Mapping[str, Any] | None:
        """Read the metrics behind a key."""
        ...

    def arrays(self, key: str) -> Mapping[str, np.ndarray] | None:
        """Read the arrays behind a key."""
        ...


def settings(parameters: Parameters) -> list[Tickets]:
    """One group of tickets for every dataset and model of the parameters."""
    return [
        Tickets(parameters, dataset, model)
        for dataset in words(parameters.dataset)
        for model in words(parameters.model)
    ]


def sparsity(parameters: Parameters, level: int) -> float:
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


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Build a frame from rows."""
    import pandas as pd

    return pd.DataFrame(rows)
