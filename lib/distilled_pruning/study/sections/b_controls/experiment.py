"""The controls the papers lack: masks from every other source at equal sparsity, and the dose of the inner loop."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...jobs import Connect, HessianDiagonal, Job, Prune
from ..common import analyses
from ..common.frames import LINE_FIGURES, Reader, collapsed, frame_of, labels, measured, settings
from ..common.setup import numbers, words
from ..common.tickets import Row, Tickets
from ..common.ways import Kind, kind

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.presets import Parameters

DOSED = ("distilled", "random-real", "real-short")


@dataclass(frozen=True)
class Line:
    """One line between two retrainings of a control's ticket.

    Attributes:
        tickets: Its dataset, model and parameters.
        row: How the mask was found.
        init: Seed of the initialisation.
        level: Pruning level.
        pair: The two data orders.
        job: The line.
        steps: Steps of the inner loop where they are compared, else 0.
    """

    tickets: Tickets
    row: Row
    init: int
    level: int
    pair: str
    job: Connect
    steps: int = 0


def shown(tickets: Tickets, row: Row, init: int) -> bool:
    """Say whether a ticket is part of the comparison.

    Main methods are, on every initialisation: at every inner rate those named for that, the others at the first. The
    first initialisation has all rates of main methods, and every other method at the smallest rate.
    """
    p = tickets.parameters
    rates = [rate for rate, _ in tickets.distilled_settings()]
    if row.method in words(p.get("main_methods", p.methods)):
        everywhere = kind(row.method) is not Kind.SHORT_LOOP or row.method in words(p.get("rated_methods", p.methods))
        return init == 0 or everywhere or row.rate == rates[0]
    return init == 0 and (kind(row.method) is not Kind.SHORT_LOOP or row.rate == min(rates))


def lines(parameters: Parameters) -> list[Line]:
    """Lines of every control that is shown."""
    return [
        Line(tickets, row, init, level, pair, job)
        for tickets in settings(parameters)
        for row, init, level, pair, job in tickets.connected()
        if shown(tickets, row, init)
    ]


def doses(parameters: Parameters) -> list[Line]:
    """Lines over inner steps and rates, for distilled, random real and all real data, on the same initialisations.

    IMP, where it is among the methods, is the largest dose of all real data.
    """
    found = []
    for tickets in settings(parameters):
        grid = itertools.product(DOSED, numbers(parameters.dose_rates), numbers(parameters.dose_steps))
        loops = [(Row(method, rate, tickets.setting(rate)), int(steps)) for method, rate, steps in grid]
        full = tickets.outer.total_steps(tickets.data.images)
        loops += [(row, full) for row in tickets.rows if row.method == "imp"]
        for (row, steps), init in itertools.product(loops, range(parameters.dose_seeds)):
            dosed = tickets.dosed(steps)
            for a, b in itertools.combinations(range(parameters.replicates), 2):
                job = dosed.line(row, init, parameters.levels, a, b)
                found.append(Line(tickets, row, init, parameters.levels, f"{a}-{b}", job, steps))
    return found


def compared(parameters: Parameters) -> list[analyses.Overlap]:
    """Masks to compare: on each initialisation every two that are shown there, and distilled with magnitude's."""
    pair = {"distilled", "magnitude"}
    return [
        (tickets, a, b, init, level, job)
        for tickets, a, b, init, level, job in analyses.overlaps_of(parameters)
        if (shown(tickets, a, init) and shown(tickets, b, init)) or {a.method, b.method} == pair
    ]


def kinship_jobs(parameters: Parameters) -> list[Job]:
    """Comparisons of masks."""
    return [entry[-1] for entry in compared(parameters)]


def kinship_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """What the masks of all controls share, against chance."""
    return analyses.tell_overlaps(compared(parameters), reader)


def anatomy_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Sparsity of every layer under the masks of all controls."""
    return analyses.tell_layers(compared(parameters), reader)


def diagonals(parameters: Parameters) -> list[tuple[Tickets, Row, int, int, HessianDiagonal]]:
    """The Hessian's diagonal of the first retraining of every ticket that is shown."""
    images = parameters.get("hessian_images", analyses.HESSIAN_IMAGES)
    return [
        (tickets, row, init, level, HessianDiagonal(tickets.ticket(row, init, level, 0), images))
        for tickets, row, init, level in analyses.first_trained(parameters)
        if shown(tickets, row, init)
    ]


def curvature_jobs(parameters: Parameters) -> list[Job]:
    """Exact diagonals of the Hessian."""
    return [entry[-1] for entry in diagonals(parameters)]


def curvature_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """The columns of the table in 2503.17905 section 4.2 for every control, over the unmasked entries."""
    rows = []
    for tickets, row, init, level, job in diagonals(parameters):
        found = reader.metrics(job.key)
        if found is None:
            continue
        rows.append(
            {
                **labels(tickets, row, level, init),
                **{name: found["summary"][f"{name}_kept"] for name in analyses.COLUMNS},
                "collapsed": analyses.flat(tickets, job.trained, reader),
                "key": job.key,
            }
        )
    return frame_of(rows)


def line_jobs(parameters: Parameters) -> list[Job]:
    """Lines of every control."""
    return [line.job for line in lines(parameters)]


def dose_jobs(parameters: Parameters) -> list[Job]:
    """Lines over the dose of the inner loop."""
    return [line.job for line in doses(parameters)]


def inner_figures(mask: Prune | None, reader: Reader) -> dict[str, Any]:
    """What the first inner loop of a chain did: how well it trained and how far it went, in initial norms."""
    first = mask.chain()[0].training if mask is not None else None
    found = reader.metrics(first.key) if first is not None else None
    if found is None:
        return {"inner_accuracy": float("nan"), "travelled": float("nan")}
    return {"inner_accuracy": found["accuracy"], "travelled": found["distance"] / found["initial_norm"]}


def tell(drawn: list[Line], reader: Reader) -> pd.DataFrame:
    """One row a line: stability, accuracy and training loss of the ticket, and what its inner loop did.

    A collapsed ticket (a layer pruned whole, or chance accuracy) is flagged: its flat line is not stability.
    """
    rows = []
    for line in drawn:
        found = measured(line.job, reader)
        mask = line.job.a.mask
        pruned = reader.metrics(mask.key) if mask is not None else None
        if found is None or (mask is not None and pruned is None):
            continue
        rows.append(
            {
                **labels(line.tickets, line.row, line.level, line.init),
                "steps": line.steps,
                "pair": line.pair,
                **{name: found[name] for name in (*LINE_FIGURES, "accuracy", "distance")},
                **inner_figures(mask, reader),
                "survivors": pruned["survivors"] if pruned is not None else 0,
                "collapsed": collapsed(line.tickets, mask, found["end_accuracy"], reader),
                "key": line.job.key,
            }
        )
    return frame_of(rows)


def controls_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Every control beside IMP and distilled pruning."""
    return tell(lines(parameters), reader)


def dose_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Stability and accuracy over the dose of the inner loop."""
    return tell(doses(parameters), reader)
