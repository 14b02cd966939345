"""From parameters to jobs: which ticket is found how, and trained how often."""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from ....errors import InputError
from ...jobs import Connect, Prune, Train
from ...jobs.ways import WAYS, Kind, kind, source_of
from .setup import EQUAL, GENTLE, Setup

if TYPE_CHECKING:
    from ...parameters.fields import Values

__all__ = ["CHAIN_ORDER", "EQUAL", "GENTLE", "Row", "Tickets"]

CHAIN_ORDER = 1000
_OWN = "own"


@dataclass(frozen=True)
class Row:
    """One row of a comparison: a way to find masks.

    Attributes:
        method: Its name in :data:`.ways.WAYS`.
        rate: Learning rate of the inner loop; 0 where there is none. Where a way goes on after another, the other's.
        setting: How that rate stands to the retraining's: ``"equal rate"``, ``"gentle rate"``, or ``""``.
        rewind: Epoch to which IMP's weights go back and at which its trainings begin.
    """

    method: str
    rate: float
    setting: str
    rewind: int = 0


class Tickets(Setup):
    """The tickets of one dataset and network under one set of parameters.

    Attributes:
        chain_order: Data order of inner loops.
        masks: Those built so far.
    """

    def __init__(self, parameters: Values, dataset: str | None = None, model: str | None = None) -> None:
        """Choose one of the parameters' datasets and models, the first by default."""
        super().__init__(parameters, dataset, model)
        self.chain_order = CHAIN_ORDER
        self.masks: dict[tuple[Row, int, int], Prune | None] = {}

    @property
    def rows(self) -> list[Row]:
        """The rows to compare, in the order of the ``methods`` parameter."""
        return [row for method in self.parameters.methods for row in self.rows_of(method)]

    def rows_of(self, method: str) -> list[Row]:
        """The rows of one way: one for each inner rate of a short loop."""
        if kind(method) is Kind.SHORT_LOOP:
            return [Row(method, rate, setting) for rate, setting in self.distilled_settings()]
        if kind(method) is Kind.FULL_LOOP:
            return [Row(method, self.outer.learning_rate, EQUAL)]
        return [Row(method, 0.0, "")]

    def vary(self, **changes: Any) -> Self:
        """The same tickets with some of their attributes otherwise."""
        other = copy.copy(self)
        vars(other).update(changes, masks={})
        return other

    def on(self, ipc: int, made_for: str = _OWN) -> Self:
        """The same tickets on sets of another size, or made for another network.

        Args:
            ipc: Stored images per class.
            made_for: The network of the distillation; ``"own"`` is the one that is pruned.
        """
        other = self.vary(ipc=ipc, made_for=self.model if made_for == _OWN else made_for)
        epochs = self.parameters.get("inner_epochs", 0)
        if epochs:
            other.inner_steps = epochs * self.outer.steps_per_epoch(other.distilled_set(0).images)
        return other

    def inits(self, row: Row) -> range:
        """Seeds of the initialisations of a row: of the dense network, which costs no chain, perhaps more."""
        more = self.parameters.get("dense_seeds", 0) if row.method == "dense" else 0
        return range(max(self.parameters.seeds, more))

    @property
    def orders(self) -> Sequence[int]:
        """Data orders of retrainings."""
        return range(self.parameters.replicates)

    @property
    def measured(self) -> list[int]:
        """Levels at which tickets are trained: the measured ones within ``levels``, and ``levels`` itself."""
        levels = self.parameters.levels
        chosen = self.parameters.measured_levels
        wanted = range(levels + 1) if chosen == "all" else chosen
        return sorted({level for level in wanted if level <= levels} | {0, levels})

    def chain(self, row: Row, seed: int, level: int) -> Prune | None:
        """The mask of a row at a level; ``None`` is the dense network. Each is built once."""
        named = (row, seed, level)
        if named not in self.masks:
            self.masks[named] = self._find_mask(row, seed, level)
        return self.masks[named]

    def _find_mask(self, row: Row, seed: int, level: int) -> Prune | None:
        """Build the mask of a row at a level."""
        way, p = WAYS[row.method], self.parameters
        if level == 0:
            return None
        job = functools.partial(way.job, self.network(seed), self.data, way.score, fraction=p.fraction)
        if way.kind is Kind.ONE_SHOT:
            return job(order_seed=seed, levels=level)
        if way.kind is Kind.MATCHED:
            return job(order_seed=seed, like=self.chain(self._matched(), seed, level))
        if way.after and level <= p.distilled_levels:
            return self.chain(replace(row, method=way.after), seed, level)
        parent = self.chain(row, seed, level - 1)
        if way.kind is Kind.UNTRAINED:
            return job(order_seed=seed, parent=parent)
        return job(
            source=source_of(way, self, seed),
            recipe=self.outer if way.kind is Kind.FULL_LOOP else self.inner(row.rate),
            order_seed=self.chain_order,
            parent=parent,
            start=self.start(seed, row.rewind),
        )

    def _matched(self) -> Row:
        """The way whose layer counts layer-matched masks take over, at the smallest inner rate where it has several."""
        return min(self.rows_of(self.parameters.get("like", "") or "distilled"), key=lambda row: row.rate)

    def start(self, seed: int, epoch: int) -> Train | None:
        """The early point of dense training to which weights go back; ``None`` is initialisation.

        Raises:
            InputError: The training is over by then.
        """
        if epoch == 0:
            return None
        if epoch >= self.outer.epochs:
            raise InputError(
                f"a training of {self.outer.epochs} epoch{'s' * (self.outer.epochs != 1)} has no epoch {epoch} "
                f"to go on from: set epochs above {epoch}, or rewind and common_epochs lower"
            )
        return Train(self.network(seed), self.data, self.outer, CHAIN_ORDER, until=epoch)

    def ticket(self, row: Row, seed: int, level: int, order: int) -> Train:
        """One retraining of a row's ticket on real data, from the row's rewinding point."""
        mask, start = self.chain(row, seed, level), self.start(seed, row.rewind)
        return Train(self.network(seed), self.data, self.outer, order, mask, start=start)

    def levels(self, row: Row, seed: int, every: bool = False) -> list[int]:
        """Levels to train for a row: the measured ones, or every one on the first initialisation where asked."""
        if row.method == "dense":
            return [0]
        if every and seed == 0:
            return list(range(1, self.parameters.levels + 1))
        return [level for level in self.measured if level > 0]

    def retrainings(self, every: bool = False) -> list[tuple[Row, int, int, int, Train]]:
        """All retrainings as ``(row, seed, level, order, job)``."""
        return [
            (row, seed, level, order, self.ticket(row, seed, level, order))
            for row, seed, level in self._trained(every)
            for order in self.orders
        ]

    def all_lines(self) -> list[tuple[Row, int, int, str, Connect]]:
        """All lines between retrainings of one ticket as ``(row, seed, level, pair, job)``."""
        return [(*which, pair, job) for which in self._trained() for pair, job in self.lines(*which)]

    def _trained(self, every: bool = False) -> Iterator[tuple[Row, int, int]]:
        """Every ticket that is trained as ``(row, seed, level)``."""
        for row in self.rows:
            for seed in self.inits(row):
                for level in self.levels(row, seed, every):
                    yield row, seed, level

    def lines(self, row: Row, seed: int, level: int) -> list[tuple[str, Connect]]:
        """The lines between every two retrainings of one ticket, each by its pair of data orders."""
        pairs = itertools.combinations(self.orders, 2)
        return [(f"{a}-{b}", self.line(row, seed, level, a, b)) for a, b in pairs]

    def line(self, row: Row, seed: int, level: int, a: int, b: int) -> Connect:
        """The line between two retrainings of one ticket, in two data orders."""
        left, right = (self.ticket(row, seed, level, order) for order in (a, b))
        return Connect(left, right, alphas=self.parameters.alphas, images=self.parameters.get("line_images", 0))
