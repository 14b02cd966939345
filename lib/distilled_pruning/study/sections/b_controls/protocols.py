"""What the way of measuring does to the result: the line, the rewinding, the statistics, and the training itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ....networks import is_own
from ...jobs import Connect, Prune
from ..common.experiment import experiment
from ..common.frames import LINE_FIGURES, labels, line_values, settings
from ..common.tickets import Row, Tickets
from .experiment import PAGE

if TYPE_CHECKING:
    from ...parameters.fields import Values

HERE, UNMASKED, PARTIAL, REESTIMATED = "as here", "unmasked", "weights rewound alone", "statistics re-estimated"
SHORTER, SLOWER, LARGER = "a third of the epochs", "a third of the learning rate", "batches four times as large"
BATCHED, REBATCHED = "BatchNorm", "BatchNorm, statistics re-estimated"
AGAINST = {REBATCHED: BATCHED}  # all others are set against the same ticket as here
METHODS = ("dense", "imp", "distilled")
BATCH_NORMED = ("resnet10", "resnet18")


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


def retrained(line: Connect) -> dict[str, Connect]:
    """The dense network's line under other trainings: a short schedule, a small rate, large batches."""
    recipe = line.a.recipe
    recipes = {
        SHORTER: replace(recipe, epochs=max(1, recipe.epochs // 3)),
        SLOWER: replace(recipe, learning_rate=recipe.learning_rate / 3),
        LARGER: replace(recipe, batch_size=4 * recipe.batch_size),
    }
    return {
        name: replace(line, a=replace(line.a, recipe=other), b=replace(line.b, recipe=other))
        for name, other in recipes.items()
    }


def normed(tickets: Tickets, row: Row, line: Connect) -> dict[str, Connect]:
    """The dense network's line with BatchNorm in place of its own norm, statistics interpolated and re-estimated."""
    other = tickets.drawn(norm="batch").line(row, line.a.network.seed, 0, line.a.order_seed, line.b.order_seed)
    return {BATCHED: other, REBATCHED: replace(other, statistics="re-estimated")}


def ways(tickets: Tickets, row: Row, line: Connect, all_of_them: bool) -> dict[str, Connect]:
    """The line of a ticket as here, and with one thing done otherwise.

    Args:
        tickets: Its dataset, model and parameters.
        row: How its mask was found.
        line: The line as here.
        all_of_them: Also the ways that need trainings of their own.
    """
    found = {HERE: line}
    if line.a.mask is not None:
        found[UNMASKED] = replace(line, masked=False)
    if tickets.model in BATCH_NORMED:
        found[REESTIMATED] = replace(line, statistics="re-estimated")
    if all_of_them and row.method == "distilled" and row.rate == next(tickets.distilled_settings())[0]:
        found[PARTIAL] = rewound(line)
    if all_of_them and row.method == "dense":
        found |= retrained(line)
        if tickets.model not in BATCH_NORMED and not is_own(tickets.model):
            found |= normed(tickets, row, line)
    return found


@experiment("protocols", PAGE, "Ways of measuring", line_values(*LINE_FIGURES, "accuracy", "collapsed"))
def variants(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """Lines of the papers' three tickets at the last level, measured in every way that means something for them.

    ``protocol`` names the way, ``against`` the one it is compared with. What needs trainings of its own is run on
    ``protocol_seeds`` initialisations: partial rewinding for distilled pruning at its first inner rate, other trainings
    and BatchNorm for the dense network.
    """
    for tickets in settings(parameters):
        for row, init in itertools.product(tickets.rows, tickets.seeds):
            if row.method not in METHODS:
                continue
            level = 0 if row.method == "dense" else parameters.levels
            for pair, line in tickets.lines(row, init, level):
                for name, job in ways(tickets, row, line, init < parameters.protocol_seeds).items():
                    how = {"protocol": name, "against": AGAINST.get(name, HERE), "pair": pair}
                    yield job, {**labels(tickets, row, level, init), **how}
