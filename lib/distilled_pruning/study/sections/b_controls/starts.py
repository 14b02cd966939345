"""Tickets that start from other initial weights: default, Kaiming and Xavier (an open question of 2503.17905)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...jobs import Connect, Job
from ..common.frames import LINE_FIGURES, Reader, collapsed, frame_of, labels, measured, settings
from ..common.setup import words
from ..common.tickets import Row, Tickets
from ..common.ways import Kind, kind

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.presets import Parameters

DEFAULT = "default"

Started = tuple[Tickets, str, Row, int, int, str, Connect]


def started(parameters: Parameters) -> Iterator[Started]:
    """Lines of the last level's tickets from every kind of initial weights, short loops at their smallest rate."""
    for tickets, init in itertools.product(settings(parameters), words(parameters.inits)):
        drawn = tickets.drawn(init)
        gentlest = min(drawn.distilled_settings())[0]
        for row, seed in itertools.product(drawn.rows, range(parameters.init_seeds)):
            if row.method not in words(parameters.init_methods):
                continue
            if kind(row.method) is Kind.SHORT_LOOP and row.rate != gentlest:
                continue
            level = 0 if row.method == "dense" else parameters.levels
            for a, b in itertools.combinations(range(parameters.replicates), 2):
                yield drawn, init, row, seed, level, f"{a}-{b}", drawn.line(row, seed, level, a, b)


def start_jobs(parameters: Parameters) -> list[Job]:
    """Lines from every kind of initial weights."""
    return [entry[-1] for entry in started(parameters)]


def start_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """One row a line; ``start`` names how the initial weights were drawn."""
    rows = []
    for tickets, start, row, init, level, pair, job in started(parameters):
        found = measured(job, reader)
        if found is None:
            continue
        rows.append(
            {
                **labels(tickets, row, level, init),
                "start": start,
                "pair": pair,
                **{name: found[name] for name in (*LINE_FIGURES, "accuracy")},
                "collapsed": collapsed(tickets, job.a.mask, found["end_accuracy"], reader),
                "key": job.key,
            }
        )
    return frame_of(rows)
