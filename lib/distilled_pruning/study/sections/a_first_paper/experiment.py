"""The first paper: distilled pruning of AlexNet and ConvNet beside IMP, and what its trainings cost (2307.03364)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ....errors import InputError
from ....recipe import Recipe
from ...jobs import Connect, Job, Train
from ..common.frames import LINE_FIGURES, Reader, collapsed, frame_of, labels
from ..common.setup import numbers, words
from ..common.tickets import CHAIN_ORDER, EQUAL, Row, Tickets

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.presets import Parameters

MADE_FOR = "convnet3"
DROPS = {"cifar100": (50 / 120, 65 / 120, 80 / 120)}
DROP = (50 / 60,)
EPOCHS = {"cifar10": 60, "cifar100": 120}
SESSIONS = {("cifar10", 10): 3000, ("cifar10", 50): 1000, ("cifar100", 10): 1250, ("cifar100", 50): 1300}
REAL = {"optimiser": "adam", "weight_decay": 8e-4, "decay": 0.15}
DISTILLED = {"weight_decay": 5e-4, "milestones": (0.5,), "decay": 0.1}

K = TypeVar("K")
Way = tuple["FirstPaper", Row]
Trained = tuple["FirstPaper", Row, int, int, int, Train]


def published(table: Mapping[K, int], key: K, name: str) -> int:
    """Look up how long the first paper trained.

    Raises:
        InputError: It did not train on that.
    """
    if key not in table:
        what = f"{key[0]} at {key[1]} images per class" if isinstance(key, tuple) else key
        raise InputError(f"the first paper has no {name} for {what}: set {name} to a number above 0")
    return table[key]


class FirstPaper(Tickets):
    """Tickets by the first paper's recipes, from sets made for a ConvNet whatever network is pruned.

    Trainings on real data use Adam; inner loops on distilled sets SGD, in batches twice as large. Where ``epochs`` or
    ``inner_steps`` is 0, trainings last as long as the first paper's.
    """

    def __init__(self, parameters: Parameters, dataset: str, model: str) -> None:
        """Choose a dataset and a model; pixels are normalised by the dataset's own statistics."""
        super().__init__(parameters, dataset, model)
        self.data = replace(self.data, normalisation="dataset")

    def recipe(self) -> Recipe:
        """The recipe of trainings on real data."""
        p, name = self.parameters, self.data.name
        return Recipe(
            learning_rate=p.learning_rate,
            epochs=p.epochs or published(EPOCHS, name, "epochs"),
            batch_size=p.batch_size,
            milestones=DROPS.get(name, DROP),
            augmentation=p.augmentation,
            precision=p.precision,
            compile=p.compile,
            **REAL,  # type: ignore[arg-type]
        )

    def inner(self, rate: float) -> Recipe:
        """The recipe of inner loops on a distilled set."""
        p = self.parameters
        recipe = Recipe(
            learning_rate=rate,
            batch_size=2 * p.batch_size,
            augmentation=p.inner_augmentation,
            precision=p.precision,
            compile=p.compile,
            **DISTILLED,  # type: ignore[arg-type]
        )
        if p.inner_steps:
            return replace(recipe, steps=p.inner_steps)
        return replace(recipe, epochs=published(SESSIONS, (self.data.name, self.ipc), "inner_steps"))

    @property
    def orders(self) -> list[int]:
        """Data orders of retrainings: that of IMP's own rounds first, so that their trainings count as retrainings."""
        return [CHAIN_ORDER, *range(self.parameters.replicates - 1)]

    def ways(self) -> Iterator[Way]:
        """The dense network, IMP from initialisation and an early epoch, distilled on every set, random masks."""
        p = self.parameters
        yield self, Row("dense", 0.0, "")
        for epoch in dict.fromkeys((0, p.rewind)):
            yield self, Row("imp", self.outer.learning_rate, EQUAL, epoch)
        for ipc, rate in itertools.product(numbers(p.ipcs), numbers(p.inner_learning_rate)):
            tickets = self.on(int(ipc), MADE_FOR)
            assert isinstance(tickets, FirstPaper)
            yield tickets, Row("distilled", rate, "")
        yield self, Row("random", 0.0, "")


def settings(parameters: Parameters) -> list[FirstPaper]:
    """One group of tickets for every dataset and model of the parameters."""
    return [
        FirstPaper(parameters, dataset, model)
        for dataset in words(parameters.dataset)
        for model in words(parameters.model)
    ]


def ways(parameters: Parameters) -> Iterator[tuple[FirstPaper, Row, int]]:
    """Every way to find masks in all settings, on every initialisation."""
    for own in settings(parameters):
        for (tickets, row), init in itertools.product(own.ways(), own.seeds):
            yield tickets, row, init


def named(tickets: FirstPaper, row: Row, level: int, init: int) -> dict[str, object]:
    """The columns that name a ticket; ``ipc`` is 0 where no distilled set is used."""
    ipc = tickets.ipc if row.method == "distilled" else 0
    return {**labels(tickets, row, level, init), "rewind": row.rewind, "ipc": ipc}


def trained(parameters: Parameters) -> Iterator[Trained]:
    """Every training whose accuracy is shown: of IMP the rounds' own ones too, of random masks one a level."""
    for tickets, row, init in ways(parameters):
        measured = tickets.levels(row, init)
        for level in range(1, parameters.levels + 1) if row.method == "imp" else measured:
            every = level in measured and row.method != "random"
            for order in tickets.orders if every else tickets.orders[:1]:
                yield tickets, row, init, level, order, tickets.ticket(row, init, level, order)


def accuracy_jobs(parameters: Parameters) -> list[Job]:
    """Trainings whose accuracy is shown."""
    return [entry[-1] for entry in trained(parameters)]


def accuracy_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Accuracy of every retraining on real data (2307.03364, curves over sparsity)."""
    rows = []
    for tickets, row, init, level, order, job in trained(parameters):
        found = reader.metrics(job.key)
        if found is not None:
            figures = {name: found[name] for name in ("accuracy", "loss", "train_loss")}
            rows.append({**named(tickets, row, level, init), "order": order, **figures, "key": job.key})
    return frame_of(rows)


def connected(parameters: Parameters) -> Iterator[tuple[FirstPaper, Row, int, int, str, Connect]]:
    """Lines between retrainings of every ticket but the random ones."""
    for tickets, row, init in ways(parameters):
        for level in tickets.levels(row, init) if row.method != "random" else ():
            for a, b in itertools.combinations(tickets.orders, 2):
                yield tickets, row, init, level, f"{a}-{b}", tickets.line(row, init, level, a, b)


def stability_jobs(parameters: Parameters) -> list[Job]:
    """Lines between retrainings."""
    return [entry[-1] for entry in connected(parameters)]


def stability_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Barrier and error rise of every line (2307.03364 section 3.3)."""
    rows = []
    for tickets, row, init, level, pair, job in connected(parameters):
        found = reader.metrics(job.key)
        if found is not None:
            rows.append(
                {
                    **named(tickets, row, level, init),
                    "pair": pair,
                    **{name: found[name] for name in LINE_FIGURES},
                    "collapsed": collapsed(tickets, job.a.mask, found["end_accuracy"], reader),
                    "key": job.key,
                }
            )
    return frame_of(rows)


def sessions(parameters: Parameters) -> Iterator[tuple[FirstPaper, Row, int, int, Train]]:
    """Every training inside the rounds of IMP from initialisation and of distilled pruning."""
    for tickets, row, init in ways(parameters):
        if row.method in ("imp", "distilled") and not row.rewind:
            mask = tickets.chain(row, init, parameters.levels)
            for prune in mask.chain() if mask is not None else ():
                assert prune.training is not None
                yield tickets, row, init, prune.level - 1, prune.training


def session_jobs(parameters: Parameters) -> list[Job]:
    """Trainings inside the rounds."""
    return [entry[-1] for entry in sessions(parameters)]


def session_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """What each training inside a round cost: images, steps, and seconds where they were measured undisturbed."""
    rows = []
    for tickets, row, init, level, job in sessions(parameters):
        if reader.metrics(job.key) is None:
            continue
        how = reader.provenance(job.key) or {}
        whole = not (how.get("continued") or how.get("cold"))
        rows.append(
            {
                **named(tickets, row, level, init),
                "images": job.seen,
                "steps": job.steps,
                "seconds": how.get("seconds", math.nan) if whole else math.nan,
                "key": job.key,
            }
        )
    return frame_of(rows)
