"""What all tidy frames share: where results are read, the columns that name a ticket, and what a line says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ...jobs import Connect, Distill, Prune, Train
from .tickets import Row, Tickets

if TYPE_CHECKING:
    import numpy as np

    from ...parameters.fields import Values


LINE_FIGURES = ("barrier", "maximum", "error_rise", "end_loss", "end_accuracy")
_CHANCE_MARGIN = 0.02


Metrics = Mapping[str, Any]


class Reader(Protocol):
    """Anything that gives what a finished job left behind, or ``None`` where there is no result."""

    def metrics(self, key: str) -> Metrics | None:
        """Read the metrics behind a key."""
        ...

    def arrays(self, key: str) -> Mapping[str, np.ndarray] | None:
        """Read the arrays behind a key."""
        ...

    def provenance(self, key: str) -> Mapping[str, Any] | None:
        """Read who made the result behind a key, where, and how long it took."""
        ...


def settings(parameters: Values) -> list[Tickets]:
    """One group of tickets for every dataset and model of the parameters."""
    return [Tickets(parameters, dataset, model) for dataset in parameters.dataset for model in parameters.model]


def labels(tickets: Tickets, row: Row, level: int, init: int, **more: Any) -> dict[str, Any]:
    """The columns that name a ticket, and more; ``sparsity`` is the share of prunable weights removed."""
    return {
        "dataset": tickets.data.name,
        "model": tickets.model,
        "method": row.method,
        "setting": row.setting,
        "rate": row.rate,
        "level": level,
        "sparsity": 1 - (1 - float(tickets.parameters.fraction)) ** level,
        "init": init,
        **more,
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


def has_collapsed(trained: Train, accuracy: float, reader: Reader) -> bool:
    """Whether a ticket lost a layer whole or is no better than chance, so that its flat loss is not stability.

    Args:
        trained: A retraining of it.
        accuracy: Its trained accuracy in [0, 1].
        reader: Where the mask's result is.
    """
    pruned = reader.metrics(trained.mask.key) if trained.mask is not None else None
    chance = 1 / len(trained.data.info.classes)
    return bool(pruned and pruned["collapsed"]) or accuracy < chance + _CHANCE_MARGIN


def is_flat(trained: Train, reader: Reader) -> bool:
    """Whether a trained ticket collapsed, so that it is flat and smooth for the wrong reason."""
    found = reader.metrics(trained.key)
    return has_collapsed(trained, found["accuracy"] if found is not None else math.inf, reader)


def line_values(*columns: str) -> Callable[[Connect, Metrics, Reader], Iterable[dict[str, Any]]]:
    """Give what reads the result of a line into one row.

    ``accuracy`` and ``distance`` are means over the retrainings at both ends, so that their mean over the lines of an
    initialisation is that over all its retrainings; not a number where an end is missing. ``outside`` counts over
    both. ``inner_accuracy`` and ``travelled`` tell of the first inner loop of the mask's chain: how well it trained
    and how far it went, in initial norms. A ticket that is ``collapsed`` is flagged: its flat line is not stability.

    Args:
        columns: Those wanted, in their order; where ``survivors`` are, a line whose mask has no result is left out.
    """

    def read(line: Connect, found: Metrics, reader: Reader) -> Iterable[dict[str, Any]]:
        mask = line.a.mask
        pruned = reader.metrics(mask.key) if mask is not None else {"survivors": 0}
        if "survivors" in columns and pruned is None:
            return []
        values = {
            **{name: found[name] for name in LINE_FIGURES},
            **_ends(line, reader),
            **_inner(mask, reader),
            "survivors": (pruned or {}).get("survivors"),
            "collapsed": has_collapsed(line.a, found["end_accuracy"], reader),
        }
        return [{name: values[name] for name in columns}]

    return read


def _ends(line: Connect, reader: Reader) -> dict[str, Any]:
    """What the two retrainings at the ends of a line measured."""
    ends = [reader.metrics(end.key) or {} for end in (line.a, line.b)]
    totals = {name: sum(end.get(name, math.nan) for end in ends) for name in ("accuracy", "distance", "outside")}
    means = {name: totals[name] / len(ends) for name in ("accuracy", "distance")}
    return {**means, "outside": totals["outside"]}


def _inner(mask: Prune | None, reader: Reader) -> dict[str, float]:
    """What the first inner loop of a chain did; not a number where there is none."""
    first = mask.chain()[0].training if mask is not None else None
    found = reader.metrics(first.key) if first is not None else None
    if found is None:
        return {"inner_accuracy": math.nan, "travelled": math.nan}
    travelled = found.get("distance", math.nan) / found.get("initial_norm", math.nan)
    return {"inner_accuracy": found["accuracy"], "travelled": travelled}
