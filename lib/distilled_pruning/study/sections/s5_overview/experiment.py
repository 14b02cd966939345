"""Accuracy and stability of distilled tickets over those of IMP, for every size of set (2503.17905 section 5)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...jobs import Connect, Job
from ..common.frames import Reader, collapsed, frame_of, labels, measured, settings
from ..common.setup import numbers, words
from ..common.tickets import EQUAL, Row, Tickets
from ..s2_dataset_distillation.experiment import names

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.presets import Parameters

Point = tuple[Tickets, Row, int, int, str, Connect]


def compared(parameters: Parameters) -> Iterator[tuple[Tickets, Row]]:
    """IMP, then distilled pruning on every set: of every size, made for every network.

    The first size is run at every inner rate, so that size and rate can be told apart; the others at the first rate.
    """
    for tickets in settings(parameters):
        yield tickets, Row("imp", tickets.outer.learning_rate, EQUAL)
        rates = list(tickets.distilled_settings())
        models = dict.fromkeys(tickets.model if name == "own" else name for name in words(parameters.distill_models))
        for made_for, (place, ipc) in itertools.product(models, enumerate(numbers(parameters.ipcs))):
            for rate, setting in rates if place == 0 else rates[:1]:
                yield tickets.on(int(ipc), made_for), Row("distilled", rate, setting)


def points(parameters: Parameters) -> Iterator[Point]:
    """Every line of every pruned ticket that is compared."""
    for tickets, row in compared(parameters):
        for init in tickets.seeds:
            for level in tickets.levels(row, init):
                for a, b in itertools.combinations(range(parameters.replicates), 2):
                    yield tickets, row, init, level, f"{a}-{b}", tickets.line(row, init, level, a, b)


def overview_jobs(parameters: Parameters) -> list[Job]:
    """Lines between retrainings of the compared tickets."""
    return [entry[-1] for entry in points(parameters)]


def overview_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """One row a line: its ticket's accuracy and barrier, both also over IMP's, and the set its mask was found with.

    ``compression`` is training images over stored images, ``compression_decoded`` over decoded ones; ``own_accuracy``
    is what the dense network reaches on test images after the first inner loop, trained on the set alone.
    """
    rows = []
    for tickets, row, init, level, pair, job in points(parameters):
        found = measured(job, reader)
        if found is None:
            continue
        mask = job.a.mask
        first = mask.chain()[0].training if mask is not None else None
        inner = reader.metrics(first.key) if first is not None else None
        distilled = row.method == "distilled"
        images, classes = tickets.data.images, len(tickets.data.info.classes)
        rows.append(
            {
                **labels(tickets, row, level, init),
                "made_for": tickets.made_for if distilled else "",
                "made_by": names(tickets, tickets.distilled(init))["method"] if distilled else "",
                "ipc": tickets.ipc,
                "compression": images / (classes * tickets.ipc) if distilled else 1.0,
                "compression_decoded": images / tickets.distilled(init).images if distilled else 1.0,
                "pair": pair,
                "own_accuracy": inner["accuracy"] if inner is not None else math.nan,
                **{name: found[name] for name in ("accuracy", "barrier", "error_rise", "end_loss")},
                "collapsed": collapsed(tickets, mask, found["end_accuracy"], reader),
                "key": job.key,
            }
        )
    return with_ratios(frame_of(rows))


def with_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``accuracy_ratio``, over IMP's ticket of the same initialisation, and ``barrier_ratio``, over IMP's mean.

    A single barrier may be about zero or below, where no ratio makes sense; so each is divided by the mean over IMP's
    initialisations at that level, and there is no ratio where that mean is not above zero.
    """
    import pandas as pd

    if frame.empty:
        return frame
    place = ["dataset", "model", "level"]
    imp = frame[(frame["method"] == "imp") & ~frame["collapsed"]]
    each = imp.groupby([*place, "init"])[["accuracy", "barrier"]].mean()
    mean = each["barrier"].groupby(place).mean()
    accuracies = each["accuracy"].reindex(pd.MultiIndex.from_frame(frame[[*place, "init"]])).to_numpy()
    barriers = mean.where(mean > 0).reindex(pd.MultiIndex.from_frame(frame[place])).to_numpy()
    return frame.assign(
        accuracy_ratio=frame["accuracy"].to_numpy() / accuracies, barrier_ratio=frame["barrier"].to_numpy() / barriers
    )
