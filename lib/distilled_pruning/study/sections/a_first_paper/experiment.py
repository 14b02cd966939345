"""The first paper: distilled pruning of AlexNet and ConvNet beside IMP, and what its trainings cost (2307.03364)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ....data.catalog import info
from ....errors import InputError
from ....training.recipe import Recipe
from ...jobs import Connect, Distill, Train
from ..common.experiment import experiment
from ..common.frames import LINE_FIGURES, Metrics, Reader, labels, line_values
from ..common.tickets import CHAIN_ORDER, EQUAL, Row, Tickets

if TYPE_CHECKING:
    from ...parameters.fields import Values

PAGE = "a-first-paper"
MADE_FOR = "convnet3"
_DROPS = {"cifar100": (50 / 120, 65 / 120, 80 / 120)}
_DROP = (50 / 60,)
_EPOCHS = {"cifar10": 60, "cifar100": 120}
_SESSIONS = {("cifar10", 10): 3000, ("cifar10", 50): 1000, ("cifar100", 10): 1250, ("cifar100", 50): 1300}
_REAL = {"optimiser": "adam", "weight_decay": 8e-4, "decay": 0.15}
_DISTILLED = {"weight_decay": 5e-4, "milestones": (0.5,), "decay": 0.1}

_K = TypeVar("_K")
_Way = tuple["FirstPaper", Row]


def _look_up(table: Mapping[_K, int], key: _K, name: str) -> int:
    """Look up how long the first paper trained.

    Raises:
        InputError: It did not train on that.
    """
    if key not in table:
        what = f"{key[0]} at {key[1]} images per class" if isinstance(key, tuple) else key
        raise InputError(f"the first paper has no {name} for {what}: set {name} to a number above 0")
    return table[key]


def times_longer(dataset: str, ipc: int) -> float:
    """Say how many times the images of a training on a distilled set one on real data saw, in the first paper.

    Args:
        dataset: One of the paper's.
        ipc: Images per class of the set, every one of which is seen in each of its epochs.

    Raises:
        InputError: The paper did not train on that.
    """
    facts = info(dataset)
    real = _look_up(_EPOCHS, dataset, "epochs") * facts.train
    return real / (_look_up(_SESSIONS, (dataset, ipc), "inner_steps") * ipc * len(facts.classes))


class FirstPaper(Tickets):
    """Tickets by the first paper's recipes, from sets made for a ConvNet whatever network is pruned.

    Trainings on real data use Adam; inner loops on distilled sets SGD, in batches twice as large. Where ``epochs`` or
    ``inner_steps`` is 0, trainings last as long as the first paper's.
    """

    def __init__(self, parameters: Values, dataset: str, model: str) -> None:
        """Choose a dataset and a model; pixels are normalised by the dataset's own statistics."""
        super().__init__(parameters, dataset, model)
        self.data = replace(self.data, normalisation="dataset")

    def distilled_set(self, seed: int) -> Distill:
        """The distilled set used with an initialisation: the published one where ``published`` names it."""
        return self.published_set() if self.parameters.get("published", "") else super().distilled_set(seed)

    def recipe(self) -> Recipe:
        """The recipe of trainings on real data."""
        p, name = self.parameters, self.data.name
        return Recipe(
            learning_rate=p.learning_rate,
            epochs=p.epochs or _look_up(_EPOCHS, name, "epochs"),
            batch_size=p.batch_size,
            milestones=_DROPS.get(name, _DROP),
            augmentation=p.augmentation,
            precision=p.precision,
            compile=p.compile,
            **_REAL,  # type: ignore[arg-type]
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
            **_DISTILLED,  # type: ignore[arg-type]
        )
        if p.inner_steps:
            return replace(recipe, steps=p.inner_steps)
        return replace(recipe, epochs=_look_up(_SESSIONS, (self.data.name, self.ipc), "inner_steps"))

    @property
    def orders(self) -> list[int]:
        """Data orders of retrainings: that of IMP's own rounds first, so that their trainings count as retrainings."""
        return [CHAIN_ORDER, *range(self.parameters.replicates - 1)]

    def ways(self) -> Iterator[_Way]:
        """The dense network, IMP from initialisation and an early epoch, distilled on every set, random masks."""
        p = self.parameters
        yield self, Row("dense", 0.0, "")
        for epoch in dict.fromkeys((0, p.rewind)):
            yield self, Row("imp", self.outer.learning_rate, EQUAL, epoch)
        for ipc, rate in itertools.product(p.ipcs, p.inner_learning_rate):
            tickets = self.on(ipc, MADE_FOR)
            assert isinstance(tickets, FirstPaper)
            yield tickets, Row("distilled", rate, "")
        yield self, Row("random", 0.0, "")


def settings(parameters: Values) -> list[FirstPaper]:
    """One group of tickets for every dataset and model of the parameters."""
    return [FirstPaper(parameters, dataset, model) for dataset in parameters.dataset for model in parameters.model]


def _list_tickets(parameters: Values) -> Iterator[tuple[FirstPaper, Row, int]]:
    """Every way to find masks in all settings, on every initialisation."""
    for own in settings(parameters):
        for (tickets, row), init in itertools.product(own.ways(), own.seeds):
            yield tickets, row, init


def _labels(tickets: FirstPaper, row: Row, level: int, init: int, **more: Any) -> dict[str, Any]:
    """The columns that name a ticket, and more; ``ipc`` is 0 where no distilled set is used."""
    ipc = tickets.ipc if row.method == "distilled" else 0
    return labels(tickets, row, level, init, rewind=row.rewind, ipc=ipc, **more)


def _accuracies(job: Train, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Accuracy of a retraining on real data."""
    yield {name: found[name] for name in ("accuracy", "loss", "train_loss")}


@experiment("first-accuracy", PAGE, "Accuracy beside the authors' logs", _accuracies)
def trainings(parameters: Values) -> Iterator[tuple[Train, dict[str, Any]]]:
    """Every training whose accuracy is shown (2307.03364, curves over sparsity).

    Of IMP these are the rounds' own trainings too, of random masks one a level.
    """
    for tickets, row, init in _list_tickets(parameters):
        measured = tickets.levels(row, init)
        for level in range(1, parameters.levels + 1) if row.method == "imp" else measured:
            every = level in measured and row.method != "random"
            for order in tickets.orders if every else tickets.orders[:1]:
                yield tickets.ticket(row, init, level, order), _labels(tickets, row, level, init, order=order)


def _sessions(job: Train, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """What a training inside a round cost: images, steps, and seconds where they were measured undisturbed."""
    how = reader.provenance(job.key) or {}
    whole = not (how.get("continued") or how.get("cold"))
    yield {"images": job.seen, "steps": job.steps, "seconds": how.get("seconds", math.nan) if whole else math.nan}


@experiment("first-sessions", PAGE, "Cost of a training", _sessions)
def sessions(parameters: Values) -> Iterator[tuple[Train, dict[str, Any]]]:
    """Every training inside the rounds of IMP from initialisation and of distilled pruning."""
    for tickets, row, init in _list_tickets(parameters):
        if row.method in ("imp", "distilled") and not row.rewind:
            mask = tickets.chain(row, init, parameters.levels)
            for prune in mask.chain() if mask is not None else ():
                assert prune.training is not None
                yield prune.training, _labels(tickets, row, prune.level - 1, init)


@experiment("first-stability", PAGE, "Stability at initialisation", line_values(*LINE_FIGURES, "collapsed"))
def lines(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """Lines between retrainings of every ticket but the random ones (2307.03364 section 3.3)."""
    for tickets, row, init in _list_tickets(parameters):
        for level in tickets.levels(row, init) if row.method != "random" else ():
            for pair, job in tickets.lines(row, init, level):
                yield job, _labels(tickets, row, level, init, pair=pair)
