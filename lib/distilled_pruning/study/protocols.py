"""What the way of measuring does to the result: unmasked lines, partial rewinding, re-estimated statistics."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .frames import Reader, frame_of, labels, settings
from .jobs import Job
from .kinds import Connect, Prune
from .tickets import Row, Tickets

if TYPE_CHECKING:
    import pandas as pd

    from .parameters import Parameters

HERE, UNMASKED, PARTIAL, REESTIMATED = "as here", "unmasked", "weights rewound alone", "statistics re-estimated"
METHODS = ("dense", "imp", "distilled")
BATCH_NORMED = ("resnet10", "resnet18")

Variant = tuple[Tickets, Row, int, int, str, str, Connect]


def partial(mask: Prune) -> Prune:
    """The same chain of masks with nothing rewound but the weights, as the authors' code did."""
    if mask.parent is None:
        return mask
    return replace(mask, parent=partial(mask.parent), rewind="weights")


def rewound(line: Connect) -> Connect:
    """The same line when every rewinding, the last included, left biases and norms trained."""
    assert line.a.mask is not None
    mask = partial(line.a.mask)
    a, b = (replace(end, mask=mask, rewind="weights") for end in (line.a, line.b))
    return replace(line, a=a, b=b)


def variants(parameters: Parameters) -> Iterator[Variant]:
    """Lines of the papers' three tickets at the last level: as here, and each with one thing done otherwise.

    Partial rewinding retrains a whole chain and is run for distilled pruning at its first inner rate only.
    """
    for tickets in settings(parameters):
        for row, init in itertools.product(tickets.rows, tickets.seeds):
            if row.method not in METHODS:
                continue
            level = 0 if row.method == "dense" else parameters.levels
            for a, b in itertools.combinations(range(parameters.replicates), 2):
                line = tickets.line(row, init, level, a, b)
                ways = {HERE: line}
                if level:
                    ways[UNMASKED] = replace(line, masked=False)
                if tickets.model in BATCH_NORMED:
                    ways[REESTIMATED] = replace(line, statistics="re-estimated")
                if row.method == "distilled" and row.rate == next(tickets.distilled_settings())[0]:
                    ways[PARTIAL] = rewound(line)
                for name, job in ways.items():
                    yield tickets, row, init, level, f"{a}-{b}", name, job


def protocol_jobs(parameters: Parameters) -> list[Job]:
    """Lines measured in every way."""
    return [entry[-1] for entry in variants(parameters)]


def protocol_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """One row a line and a way of measuring it; ``protocol`` names the way."""
    rows = []
    for tickets, row, init, level, pair, name, job in variants(parameters):
        found, trained = reader.metrics(job.key), reader.metrics(job.a.key)
        pruned = reader.metrics(job.a.mask.key) if job.a.mask is not None else None
        if found is None or trained is None:
            continue
        chance = 1 / len(tickets.data.info.classes)
        figures = {column: found[column] for column in ("barrier", "error_rise", "end_loss", "end_accuracy")}
        rows.append(
            {
                **labels(tickets, row, level, init),
                "protocol": name,
                "pair": pair,
                **figures,
                "accuracy": trained["accuracy"],
                "collapsed": bool(pruned and pruned["collapsed"]) or found["end_accuracy"] < chance + 0.02,
                "key": job.key,
            }
        )
    return frame_of(rows)
