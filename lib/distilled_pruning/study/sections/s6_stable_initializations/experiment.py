"""IMP from initialisation, from an early epoch, and after distilled pruning (2503.17905 section 6)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ....errors import InputError
from ...jobs import Connect, Job, Train
from ..common.frames import LINE_FIGURES, Reader, collapsed, cost_of, frame_of, labels, settings
from ..common.setup import numbers
from ..common.tickets import CHAIN_ORDER, EQUAL, Row, Tickets

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.presets import Parameters

DENSE = Row("dense", 0.0, "")

Trained = tuple[Tickets, Row, int, int, int, Train]


def rows_of(tickets: Tickets) -> list[Row]:
    """IMP from initialisation and from an early epoch, then distilled pruning and IMP after it at every inner rate.

    Raises:
        InputError: Distilled pruning is to go on for all levels.
    """
    p = tickets.parameters
    if p.distilled_levels >= p.levels:
        raise InputError(f"IMP takes over after distilled_levels, so they must be fewer than levels {p.levels}")
    epochs = dict.fromkeys((0, p.rewind))
    imp = [Row("imp", tickets.outer.learning_rate, EQUAL, epoch) for epoch in epochs]
    return imp + [Row(method, *inner) for inner in tickets.distilled_settings() for method in ("distilled", "combined")]


def early(tickets: Tickets) -> range:
    """Initialisations on which trainings start from an early epoch."""
    return range(min(tickets.parameters.rewind_seeds, tickets.parameters.seeds))


def trained(parameters: Parameters) -> Iterator[Trained]:
    """The dense network and every ticket whose accuracy is shown.

    A round of IMP trains its ticket on real data anyway: that is the training shown, at every level. Only distilled
    tickets are retrained for it, at the measured levels. The dense network is trained in all these orders.
    """
    for tickets in settings(parameters):
        for init in tickets.seeds:
            for order in (CHAIN_ORDER, *range(parameters.replicates)):
                yield tickets, DENSE, init, 0, order, tickets.ticket(DENSE, init, 0, order)
        for row in rows_of(tickets):
            for init in early(tickets) if row.rewind else tickets.seeds:
                full = row.method != "distilled"
                first = parameters.distilled_levels if row.method == "combined" else 1
                levels = range(first, parameters.levels + 1) if full else tickets.levels(row, init)
                for level in levels:
                    order = CHAIN_ORDER if full else 0
                    yield tickets, row, init, level, order, tickets.ticket(row, init, level, order)


def ticket_jobs(parameters: Parameters) -> list[Job]:
    """Trainings whose accuracy is shown."""
    return [entry[-1] for entry in trained(parameters)]


def ticket_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Accuracy of every ticket and what its mask cost, beside what one training costs (2503.17905 Fig. 7)."""
    rows = []
    for tickets, row, init, level, order, job in trained(parameters):
        found = reader.metrics(job.key)
        if found is None:
            continue
        run = tickets.ticket(DENSE, init, 0, order)
        rows.append(
            {
                **labels(tickets, row, level, init),
                "rewind": row.rewind,
                "order": order,
                **{name: found[name] for name in ("accuracy", "loss", "train_loss")},
                **cost_of(job.mask),
                "run_points": run.seen,
                "run_steps": run.steps,
                "key": job.key,
            }
        )
    return frame_of(rows)


def forks(parameters: Parameters) -> Iterator[tuple[Tickets, Row, int, str, Connect]]:
    """Lines between trainings of the dense network that part after as many common epochs."""
    for tickets in settings(parameters):
        for init, epoch in itertools.product(early(tickets), numbers(parameters.common_epochs)):
            row = Row("dense", 0.0, "", int(epoch))
            for a, b in itertools.combinations(range(parameters.replicates), 2):
                yield tickets, row, init, f"{a}-{b}", tickets.line(row, init, 0, a, b)


def fork_jobs(parameters: Parameters) -> list[Job]:
    """Lines between trainings that share their first epochs."""
    return [entry[-1] for entry in forks(parameters)]


def fork_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Barrier of the dense network over the epochs that two trainings share (Frankle et al. 2020)."""
    rows = []
    for tickets, row, init, pair, job in forks(parameters):
        found = reader.metrics(job.key)
        if found is not None:
            rows.append(
                {
                    **labels(tickets, row, 0, init),
                    "rewind": row.rewind,
                    "pair": pair,
                    **{name: found[name] for name in LINE_FIGURES},
                    "collapsed": collapsed(tickets, None, found["end_accuracy"], reader),
                    "key": job.key,
                }
            )
    return frame_of(rows)
