"""IMP from initialisation, from an early epoch, and after distilled pruning (2503.17905 section 6)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ....errors import InputError
from ...jobs import Connect, Train
from ...jobs.ways import WAYS, Kind, continued, kind
from ..common.experiment import experiment
from ..common.frames import LINE_FIGURES, Metrics, Reader, cost_of, labels, line_values, settings
from ..common.tickets import CHAIN_ORDER, EQUAL, Row, Tickets

if TYPE_CHECKING:
    from ...parameters.fields import Values

PAGE = "s6-stable-initializations"
_DENSE = Row("dense", 0.0, "")


def rows_of(tickets: Tickets) -> list[Row]:
    """IMP from initialisation and from an early epoch, then short rounds and IMP after them at every inner rate.

    Raises:
        InputError: The first rounds are to go on for all levels.
    """
    p = tickets.parameters
    if p.distilled_levels >= p.levels:
        raise InputError(f"IMP takes over after distilled_levels, so they must be fewer than levels {p.levels}")
    epochs = dict.fromkeys((0, p.rewind))
    imp = [Row("imp", tickets.outer.learning_rate, EQUAL, epoch) for epoch in epochs]
    goes_on = continued()
    methods = [method for first in p.first_rounds for method in (first, goes_on[first])]
    return imp + [Row(method, *inner) for inner in tickets.distilled_settings() for method in methods]


def _early_inits(tickets: Tickets) -> range:
    """Initialisations on which trainings start from an early epoch."""
    return range(min(tickets.parameters.rewind_seeds, tickets.parameters.seeds))


def _accuracies(job: Train, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Accuracy of a ticket and what its mask cost, beside what one training costs."""
    run = replace(job, mask=None, start=None, order_seed=0)
    yield {
        **{name: found[name] for name in ("accuracy", "loss", "train_loss")},
        **cost_of(job.mask),
        "run_points": run.seen,
        "run_steps": run.steps,
    }


@experiment("fig7", PAGE, "Tickets at high sparsity", _accuracies)
def tickets_at_high_sparsity(parameters: Values) -> Iterator[tuple[Train, dict[str, Any]]]:
    """The dense network and every ticket whose accuracy is shown (2503.17905 Fig. 7).

    A round of IMP trains its ticket on real data anyway: that is the training shown, at every level. Only tickets of
    short rounds are retrained for it, at the measured levels. The dense network is trained in all these orders.
    """
    for tickets in settings(parameters):
        wanted = [(_DENSE, init, 0, order) for init in tickets.seeds for order in (CHAIN_ORDER, *tickets.orders)]
        for row in rows_of(tickets):
            for init in _early_inits(tickets) if row.rewind else tickets.seeds:
                full = kind(row.method) is Kind.FULL_LOOP
                first = parameters.distilled_levels if WAYS[row.method].after else 1
                levels = range(first, parameters.levels + 1) if full else tickets.levels(row, init)
                wanted += [(row, init, level, CHAIN_ORDER if full else 0) for level in levels]
        for row, init, level, order in wanted:
            named = labels(tickets, row, level, init, rewind=row.rewind, order=order)
            yield tickets.ticket(row, init, level, order), named


@experiment("forks", PAGE, "Stability after common epochs", line_values(*LINE_FIGURES, "collapsed"))
def forks(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """Lines between trainings of the dense network that part after as many common epochs (Frankle et al. 2020)."""
    for tickets in settings(parameters):
        for init, epoch in itertools.product(_early_inits(tickets), parameters.common_epochs):
            row = Row("dense", 0.0, "", epoch)
            for pair, job in tickets.lines(row, init, 0):
                yield job, labels(tickets, row, 0, init, rewind=epoch, pair=pair)
