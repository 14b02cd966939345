"""Accuracy and stability of distilled tickets over those of IMP, for every size of set (2503.17905 section 5)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...jobs import Connect
from ..common.experiment import experiment
from ..common.frames import labels, line_values, settings
from ..common.tickets import EQUAL, Row, Tickets
from ..s2_dataset_distillation.experiment import set_columns

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.fields import Values


def comparisons(parameters: Values) -> Iterator[tuple[Tickets, Row]]:
    """IMP, then distilled pruning on every set: of every size, made for every network.

    The first size is run at every inner rate, so that size and rate can be told apart; the others at the first rate.
    """
    for tickets in settings(parameters):
        yield tickets, Row("imp", tickets.outer.learning_rate, EQUAL)
        rates = list(tickets.distilled_settings())
        models = dict.fromkeys(tickets.model if name == "own" else name for name in parameters.distill_models)
        for made_for, (place, ipc) in itertools.product(models, enumerate(parameters.ipcs)):
            for rate, setting in rates if place == 0 else rates[:1]:
                yield tickets.on(ipc, made_for), Row("distilled", rate, setting)


@experiment(
    "fig6",
    "s5-overview",
    "Accuracy and stability over IMP's",
    line_values("inner_accuracy", "accuracy", "barrier", "error_rise", "end_loss", "collapsed"),
    lambda frame: with_ratios(frame.rename(columns={"inner_accuracy": "own_accuracy"})),
)
def lines(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """Every line of every pruned ticket that is compared, and the set its mask was found with.

    ``compression`` is training images over stored images, ``compression_decoded`` over decoded ones; ``own_accuracy``
    is what the dense network reaches on test images after the first inner loop, trained on the set alone.
    """
    for tickets, row in comparisons(parameters):
        for init in tickets.seeds:
            for level in tickets.levels(row, init):
                for pair, job in tickets.lines(row, init, level):
                    yield job, labels(tickets, row, level, init, **_set_of(tickets, row, init), pair=pair)


def _set_of(tickets: Tickets, row: Row, init: int) -> dict[str, Any]:
    """The columns that name the set a mask was found with; that of IMP is the whole dataset."""
    if row.method != "distilled":
        return {"made_for": "", "made_by": "", "ipc": tickets.ipc, "compression": 1.0, "compression_decoded": 1.0}
    images, made = tickets.data.images, tickets.distilled_set(init)
    return {
        "made_for": tickets.made_for,
        "made_by": set_columns(tickets, made)["method"],
        "ipc": tickets.ipc,
        "compression": images / (len(tickets.data.info.classes) * tickets.ipc),
        "compression_decoded": images / made.images,
    }


def with_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``accuracy_ratio``, over IMP's ticket of the same initialisation, and ``barrier_ratio``, over IMP's mean.

    A single barrier may be about zero or below, where no ratio makes sense; so each is divided by the mean over IMP's
    initialisations at that level, and there is no ratio where that mean is not above zero.
    """
    import pandas as pd

    place = ["dataset", "model", "level"]
    imp = frame[(frame["method"] == "imp") & ~frame["collapsed"]]
    each = imp.groupby([*place, "init"])[["accuracy", "barrier"]].mean()
    mean = each["barrier"].groupby(place).mean()
    accuracies = each["accuracy"].reindex(pd.MultiIndex.from_frame(frame[[*place, "init"]])).to_numpy()
    barriers = mean.where(mean > 0).reindex(pd.MultiIndex.from_frame(frame[place])).to_numpy()
    return frame.assign(
        accuracy_ratio=frame["accuracy"].to_numpy() / accuracies, barrier_ratio=frame["barrier"].to_numpy() / barriers
    )
