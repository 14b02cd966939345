"""What the papers leave open: masks from every other source at equal sparsity, the dose of the inner loop, and more.

Tickets are also set on shifted test images and on other initial weights, open questions of 2503.17905.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...jobs import Connect, HessianDiagonal, MaskStatistics, Robustness
from ...jobs.ways import Kind, kind
from ..common import analyses
from ..common.experiment import experiment
from ..common.frames import LINE_FIGURES, Reader, collapsed, flat, labels, line_values, settings
from ..common.tickets import Row, Tickets

if TYPE_CHECKING:
    from ...parameters.fields import Values

PAGE = "b-controls"
CLEAN, DEFAULT = "clean", "default"
SHIFTED = ("dense", "imp", "distilled", "real-short", "random")
DOSED = ("distilled", "random-real", "real-short")


def shown(tickets: Tickets, row: Row, init: int) -> bool:
    """Say whether a ticket is part of the comparison.

    Main methods are, on every initialisation: at every inner rate those named for that, the others at the first. The
    first initialisation has all rates of main methods, and every other method at the smallest rate.
    """
    p = tickets.parameters
    rates = [rate for rate, _ in tickets.distilled_settings()]
    if row.method in p.get("main_methods", p.methods):
        everywhere = kind(row.method) is not Kind.SHORT_LOOP or row.method in p.get("rated_methods", p.methods)
        return init == 0 or everywhere or row.rate == rates[0]
    return init == 0 and (kind(row.method) is not Kind.SHORT_LOOP or row.rate == min(rates))


_LINE = line_values(*LINE_FIGURES, "accuracy", "distance", "inner_accuracy", "travelled", "survivors", "collapsed")


@experiment("controls", PAGE, "Masks from every source", _LINE)
def lines(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """Lines of every control that is shown, beside those of IMP and distilled pruning."""
    for tickets in settings(parameters):
        for row, init, level, pair, job in tickets.connected():
            if shown(tickets, row, init):
                yield job, {**labels(tickets, row, level, init), "steps": 0, "pair": pair}


@experiment("dose", PAGE, "Dose of the inner loop", _LINE)
def doses(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """Lines over inner steps and rates, for distilled, random real and all real data, on the same initialisations.

    IMP, where it is among the methods, is the largest dose of all real data.
    """
    level = parameters.levels
    for tickets in settings(parameters):
        grid = itertools.product(DOSED, parameters.dose_rates, parameters.dose_steps)
        loops = [(Row(method, rate, tickets.setting(rate)), steps) for method, rate, steps in grid]
        full = tickets.outer.total_steps(tickets.data.images)
        loops += [(row, full) for row in tickets.rows if row.method == "imp"]
        for (row, steps), init in itertools.product(loops, range(parameters.dose_seeds)):
            for pair, job in tickets.dosed(steps).lines(row, init, level):
                yield job, {**labels(tickets, row, level, init), "steps": steps, "pair": pair}


def compared(parameters: Values) -> Iterator[analyses.Overlap]:
    """Masks to compare: on each initialisation every two that are shown there, and distilled with magnitude's."""
    for overlap in analyses.overlaps(parameters):
        tickets, a, b, init, _, _ = overlap
        both = shown(tickets, a, init) and shown(tickets, b, init)
        if both or {a.method, b.method} == {"distilled", "magnitude"}:
            yield overlap


@experiment("kinship", PAGE, "What masks share", analyses.overlap_values)
def overlaps(parameters: Values) -> Iterator[tuple[MaskStatistics, dict[str, Any]]]:
    """What the masks of all controls share, against chance."""
    for overlap in compared(parameters):
        yield overlap[-1], analyses.pairs(overlap)


@experiment("anatomy", PAGE, "Layers of masks", analyses.layer_values, analyses.own_layers)
def masks(parameters: Values) -> Iterator[tuple[MaskStatistics, dict[str, Any]]]:
    """Every mask of the controls, in every pair it is part of."""
    for overlap in compared(parameters):
        for columns in analyses.sides(overlap):
            yield overlap[-1], columns


def _curvature(job: HessianDiagonal, reader: Reader) -> Iterator[dict[str, Any]]:
    """The columns of the table in 2503.17905 section 4.2, over the unmasked entries."""
    found = reader.metrics(job.key)
    if found is not None:
        kept = {name: found["summary"][f"{name}_kept"] for name in analyses.COLUMNS}
        yield {**kept, "collapsed": flat(job.trained, reader)}


@experiment("curvatures", PAGE, "Curvature of tickets", _curvature)
def diagonals(parameters: Values) -> Iterator[tuple[HessianDiagonal, dict[str, Any]]]:
    """The Hessian's diagonal of the first retraining of every ticket that is shown."""
    images = parameters.get("hessian_images", analyses.HESSIAN_IMAGES)
    for tickets, row, init, level in analyses.first_trained(parameters):
        if shown(tickets, row, init):
            job = HessianDiagonal(tickets.ticket(row, init, level, 0), images)
            yield job, labels(tickets, row, level, init)


def _shifts(job: Robustness, reader: Reader) -> Iterator[dict[str, Any]]:
    """Accuracy and loss of a ticket under every shift and strength; strength 0 is the clean test set."""
    found = reader.metrics(job.key)
    if found is None:
        return
    clean = next(entry["accuracy"] for entry in found["shifts"] if entry["shift"] == CLEAN)
    lost = collapsed(job.trained, clean, reader)
    for entry in found["shifts"]:
        figures = {name: entry[name] for name in ("shift", "strength", "accuracy", "loss")}
        yield {"images": found["images"], **figures, "collapsed": lost}


@experiment("shifts", PAGE, "Accuracy on shifted images", _shifts)
def shifted(parameters: Values) -> Iterator[tuple[Robustness, dict[str, Any]]]:
    """The first retraining of every ticket whose robustness is asked for, at every measured level."""
    budgets, severities = (tuple(sorted(listed)) for listed in (parameters.epsilons, parameters.severities))
    for tickets, row, init, level in analyses.first_trained(parameters):
        if row.method in SHIFTED and shown(tickets, row, init):
            trained = tickets.ticket(row, init, level, 0)
            job = Robustness(trained, budgets, severities, images=parameters.shift_images)
            yield job, labels(tickets, row, level, init)


@experiment("starts", PAGE, "Other initial weights", line_values(*LINE_FIGURES, "accuracy", "collapsed"))
def started(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """Lines of the last level's tickets from every kind of initial weights, short loops at their smallest rate.

    ``start`` names how the initial weights were drawn (an open question of 2503.17905).
    """
    for tickets, start in itertools.product(settings(parameters), parameters.inits):
        drawn = tickets.drawn(start)
        gentlest = min(drawn.distilled_settings())[0]
        for row, seed in itertools.product(drawn.rows, range(parameters.init_seeds)):
            if row.method not in parameters.init_methods:
                continue
            if kind(row.method) is Kind.SHORT_LOOP and row.rate != gentlest:
                continue
            level = 0 if row.method == "dense" else parameters.levels
            for pair, job in drawn.lines(row, seed, level):
                yield job, {**labels(drawn, row, level, seed), "start": start, "pair": pair}
