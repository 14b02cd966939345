"""What the papers leave open: masks from every other source at equal sparsity, the dose of the inner loop, and more.

Tickets are also set on shifted test images and on other initial weights, open questions of 2503.17905, and measured in
other ways: the line, the rewinding, the statistics, and the training itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ....models.networks import is_own
from ...jobs import CORRUPTIONS, Connect, HessianDiagonal, MaskStatistics, Prune, Robustness
from ...jobs.ways import Kind, kind
from ..common import analyses
from ..common.experiment import experiment
from ..common.frames import LINE_FIGURES, Metrics, Reader, has_collapsed, is_flat, labels, line_values, settings
from ..common.tickets import Row, Tickets

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.fields import Values

PAGE = "b-controls"
CLEAN, DEFAULT = "clean", "default"
_SHIFTED = ("dense", "imp", "distilled", "real-short", "random")
FAMILIES = {"adversarial": ("fgsm", "pgd"), "corrupted": CORRUPTIONS}
DOSED = ("distilled", "random-real", "real-short")
HERE, UNMASKED, PARTIAL, REESTIMATED = "as here", "unmasked", "weights rewound alone", "statistics re-estimated"
SHORTER, SLOWER, LARGER = "a third of the epochs", "a third of the learning rate", "batches four times as large"
BATCHED, REBATCHED = "BatchNorm", "BatchNorm, statistics re-estimated"
AGAINST = {REBATCHED: BATCHED}  # all others are set against the same ticket as here
_MEASURED = ("dense", "imp", "distilled")
_BATCH_NORMED = ("resnet10", "resnet18")


def _is_shown(tickets: Tickets, row: Row, init: int) -> bool:
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
        for row, init, level, pair, job in tickets.all_lines():
            if _is_shown(tickets, row, init):
                yield job, labels(tickets, row, level, init, steps=0, pair=pair)


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
            for pair, job in tickets.vary(inner_steps=steps).lines(row, init, level):
                yield job, labels(tickets, row, level, init, steps=steps, pair=pair)


def comparisons(parameters: Values) -> Iterator[analyses.Overlap]:
    """Masks to compare: on each initialisation every two that are shown there, and distilled with magnitude's."""
    for overlap in analyses.overlaps(parameters):
        tickets, a, b, init, _, _ = overlap
        both = _is_shown(tickets, a, init) and _is_shown(tickets, b, init)
        if both or {a.method, b.method} == {"distilled", "magnitude"}:
            yield overlap


@experiment("kinship", PAGE, "What masks share", analyses.overlap_values)
def overlaps(parameters: Values) -> Iterator[tuple[MaskStatistics, dict[str, Any]]]:
    """What the masks of all controls share, against chance."""
    return analyses.pairs(comparisons(parameters))


@experiment("anatomy", PAGE, "Layers of masks", analyses.layer_values, analyses.own_layers)
def masks(parameters: Values) -> Iterator[tuple[MaskStatistics, dict[str, Any]]]:
    """Every mask of the controls, in every pair it is part of."""
    return analyses.sides(comparisons(parameters))


def _curvature(job: HessianDiagonal, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """The columns of the table in 2503.17905 section 4.2, over the unmasked entries."""
    kept = {name: found["summary"][f"{name}_kept"] for name in analyses.COLUMNS}
    yield {**kept, "collapsed": is_flat(job.trained, reader)}


@experiment("curvatures", PAGE, "Curvature of tickets", _curvature)
def diagonals(parameters: Values) -> Iterator[tuple[HessianDiagonal, dict[str, Any]]]:
    """The Hessian's diagonal of the first retraining of every ticket that is shown."""
    images = parameters.get("hessian_images", analyses.HESSIAN_IMAGES)
    for tickets, row, init, level in analyses.first_trained(parameters):
        if _is_shown(tickets, row, init):
            job = HessianDiagonal(tickets.ticket(row, init, level, 0), images)
            yield job, labels(tickets, row, level, init)


def _shifts(job: Robustness, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Accuracy and loss of a ticket under every shift and strength; strength 0 is the clean test set."""
    clean = next(entry["accuracy"] for entry in found["shifts"] if entry["shift"] == CLEAN)
    lost = has_collapsed(job.trained, clean, reader)
    for entry in found["shifts"]:
        figures = {name: entry[name] for name in ("shift", "strength", "accuracy", "loss")}
        yield {"images": found["images"], **figures, "collapsed": lost}


@experiment("shifts", PAGE, "Accuracy on shifted images", _shifts)
def robustness(parameters: Values) -> Iterator[tuple[Robustness, dict[str, Any]]]:
    """The first retraining of every ticket whose robustness is asked for, at every measured level."""
    budgets, severities = (tuple(sorted(listed)) for listed in (parameters.epsilons, parameters.severities))
    for tickets, row, init, level in analyses.first_trained(parameters):
        if row.method in _SHIFTED and _is_shown(tickets, row, init):
            trained = tickets.ticket(row, init, level, 0)
            job = Robustness(trained, budgets, severities, images=parameters.shift_images)
            yield job, labels(tickets, row, level, init)


def by_family(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the mean over each family's shifts and strengths, and what of the clean accuracy it costs.

    Returns:
        A row for each ticket with columns ``clean``, a column for each shift, and for each family its mean and
        ``FAMILY_lost``, the clean accuracy minus that mean; not a number where a shift of the family is missing.
    """
    named = ["dataset", "model", "method", "setting", "rate", "level", "sparsity", "init", "collapsed"]
    shifts = [CLEAN, *(shift for family in FAMILIES.values() for shift in family)]
    wide = frame.pivot_table(index=named, columns="shift", values="accuracy", sort=False).reindex(columns=shifts)
    wide = wide.reset_index()
    for family, members in FAMILIES.items():
        wide[family] = wide[list(members)].mean(axis=1, skipna=False)
        wide[f"{family}_lost"] = wide[CLEAN] - wide[family]
    return wide


@experiment("starts", PAGE, "Other initial weights", line_values(*LINE_FIGURES, "accuracy", "collapsed"))
def starts(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """Lines of the last level's tickets from every kind of initial weights, short loops at their smallest rate.

    ``start`` names how the initial weights were drawn (an open question of 2503.17905).
    """
    for tickets, start in itertools.product(settings(parameters), parameters.inits):
        drawn = tickets.vary(init=start)
        gentlest = min(drawn.distilled_settings())[0]
        rows = [row for row in drawn.rows if row.method in parameters.init_methods]
        rows = [row for row in rows if kind(row.method) is not Kind.SHORT_LOOP or row.rate == gentlest]
        for row, seed in itertools.product(rows, range(parameters.init_seeds)):
            level = 0 if row.method == "dense" else parameters.levels
            for pair, job in drawn.lines(row, seed, level):
                yield job, labels(drawn, row, level, seed, start=start, pair=pair)


def _rewind_weights(mask: Prune) -> Prune:
    """The same chain of masks with nothing rewound but the weights, as the authors' code did."""
    if mask.parent is None:
        return mask
    return replace(mask, parent=_rewind_weights(mask.parent), rewind="weights")


def _vary(tickets: Tickets, row: Row, line: Connect, train: bool) -> dict[str, Connect]:
    """The line of a ticket as here, and with one thing done otherwise.

    Args:
        tickets: Its dataset, model and parameters.
        row: How its mask was found.
        line: The line as here.
        train: Also what needs trainings of its own: of distilled pruning at its first rate, biases and norms left
            trained at every rewinding; of the dense network a short schedule, a small rate, large batches, and
            BatchNorm in place of its own norm, statistics interpolated and re-estimated.
    """

    def change(**ends: Any) -> Connect:
        return replace(line, a=replace(line.a, **ends), b=replace(line.b, **ends))

    mask, recipe, normed = line.a.mask, line.a.recipe, tickets.model in _BATCH_NORMED
    found = {HERE: line}
    if mask is not None:
        found[UNMASKED] = replace(line, masked=False)
    if normed:
        found[REESTIMATED] = replace(line, statistics="re-estimated")
    if train and mask is not None and row.method == "distilled" and row.rate == next(tickets.distilled_settings())[0]:
        found[PARTIAL] = change(mask=_rewind_weights(mask), rewind="weights")
    if train and row.method == "dense":
        found[SHORTER] = change(recipe=replace(recipe, epochs=max(1, recipe.epochs // 3)))
        found[SLOWER] = change(recipe=replace(recipe, learning_rate=recipe.learning_rate / 3))
        found[LARGER] = change(recipe=replace(recipe, batch_size=4 * recipe.batch_size))
        if not normed and not is_own(tickets.model):
            other = tickets.vary(norm="batch")
            found[BATCHED] = other.line(row, line.a.network.seed, 0, line.a.order_seed, line.b.order_seed)
            found[REBATCHED] = replace(found[BATCHED], statistics="re-estimated")
    return found


@experiment("protocols", PAGE, "Ways of measuring", line_values(*LINE_FIGURES, "accuracy", "collapsed"))
def variants(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """Lines of the papers' three tickets at the last level, measured in every way that means something for them.

    ``protocol`` names the way, ``against`` the one it is compared with. What needs trainings of its own is run on
    ``protocol_seeds`` initialisations: partial rewinding for distilled pruning at its first inner rate, other trainings
    and BatchNorm for the dense network.
    """
    for tickets in settings(parameters):
        rows = [row for row in tickets.rows if row.method in _MEASURED]
        for row, init in itertools.product(rows, tickets.seeds):
            level = 0 if row.method == "dense" else parameters.levels
            for pair, line in tickets.lines(row, init, level):
                for name, job in _vary(tickets, row, line, init < parameters.protocol_seeds).items():
                    how = {"protocol": name, "against": AGAINST.get(name, HERE), "pair": pair}
                    yield job, labels(tickets, row, level, init, **how)
