"""From parameters to jobs: which ticket is found how, and trained how often."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .... import catalog, costs
from ....distillation.settings import CORESETS
from ....errors import InputError
from ....recipe import Recipe
from ...jobs import Connect, Data, Distill, Network, Prune, Source, Train

if TYPE_CHECKING:
    from ...parameters.presets import Parameters

CHAIN_ORDER = 1000
SHORT_LOOPS = ("distilled", "published", "mislabelled", "random-real", "easy-real", "real-short")
FULL_LOOPS = ("imp", "combined")
UNTRAINED = ("magnitude", "random")
ONE_SHOT = ("snip", "synflow")
LIKENESSES = {
    "magnitude-layers": "magnitude-layers",
    "shuffled": "shuffled",
    "snip-layers": "snip",
    "synflow-layers": "synflow",
}
SCORERS, SCORER, EARLY = 5, 100, 10
EQUAL, GENTLE = "equal rate", "gentle rate"
OWN = "own"


@dataclass(frozen=True)
class Row:
    """One row of a comparison: a way to find masks.

    Attributes:
        method: A name of ``catalog.METHODS``, or ``"combined"``: distilled pruning to a level, IMP from there on.
        rate: Learning rate of the inner loop; 0 where there is none. Of ``"combined"``, the distilled levels' rate.
        setting: How that rate stands to the retraining's: ``"equal rate"``, ``"gentle rate"``, or ``""``.
        rewind: Epoch to which IMP's weights go back and at which its trainings begin.
    """

    method: str
    rate: float
    setting: str
    rewind: int = 0


def numbers(text: str) -> list[float]:
    """Read a comma-separated list of numbers."""
    return [float(part) for part in str(text).split(",") if part.strip()]


def words(text: str) -> list[str]:
    """Read a comma-separated list of names."""
    return [part.strip() for part in str(text).split(",") if part.strip()]


class Tickets:
    """The tickets of one dataset and model under one set of parameters."""

    def __init__(self, parameters: Parameters, dataset: str | None = None, model: str | None = None) -> None:
        """Choose one of the parameters' datasets and models, the first by default."""
        self.parameters = parameters
        self.model = model or words(parameters.model)[0]
        name = dataset or words(parameters.dataset)[0]
        whitened: bool = parameters.get("whitened", False)
        self.data = Data(
            name,
            size=parameters.image_size,
            subset=parameters.get("subset", 0),
            normalisation="papers" if catalog.info(name).papers and not whitened else "dataset",
            zca=whitened,
        )
        if self.data.size == self.data.info.size:
            self.data = replace(self.data, size=0)
        self.inner_steps: int = parameters.get("inner_steps", 0)
        self.ipc: int = parameters.get("ipc", 0)
        self.made_for: str = parameters.get("distill_model", "") or self.model
        self.init = "default"
        self.norm = ""
        self.chain_order = CHAIN_ORDER
        self.outer = self.recipe()
        self.masks: dict[tuple[Row, int, int], Prune | None] = {}

    def recipe(self) -> Recipe:
        """The recipe of trainings on real data."""
        p = self.parameters
        return Recipe(
            learning_rate=p.learning_rate,
            epochs=p.epochs,
            batch_size=p.batch_size,
            augmentation=p.augmentation,
            precision=p.precision,
            compile=p.compile,
        )

    @property
    def rows(self) -> list[Row]:
        """The rows to compare, in the order of the ``methods`` parameter."""
        rows = []
        for method in words(self.parameters.methods):
            if method in SHORT_LOOPS:
                rows += [Row(method, rate, setting) for rate, setting in self.distilled_settings()]
            else:
                rows.append(
                    Row(method, self.outer.learning_rate if method == "imp" else 0.0, EQUAL * (method == "imp"))
                )
        return rows

    def distilled_settings(self) -> Iterator[tuple[float, str]]:
        """The inner rates of the short loops, each with how it stands to the retraining's."""
        for rate in numbers(self.parameters.inner_learning_rate):
            yield rate, self.setting(rate)

    def setting(self, rate: float) -> str:
        """Name how an inner rate stands to the retraining's."""
        return EQUAL if rate == self.outer.learning_rate else GENTLE

    def dosed(self, steps: int) -> Tickets:
        """The same tickets with another number of inner steps."""
        dosed = copy.copy(self)
        dosed.inner_steps, dosed.masks = steps, {}
        return dosed

    def ordered(self, order: int) -> Tickets:
        """The same tickets of inner loops that see the images in another order."""
        other = copy.copy(self)
        other.chain_order, other.masks = order, {}
        return other

    def drawn(self, init: str = "default", norm: str = "") -> Tickets:
        """The same tickets of networks with other initial weights, or another norm than the network's own."""
        other = copy.copy(self)
        other.init, other.norm, other.masks = init, norm, {}
        return other

    def on(self, ipc: int, made_for: str = OWN) -> Tickets:
        """The same tickets on sets of another size, or made for another network.

        Args:
            ipc: Stored images per class.
            made_for: The network of the distillation; ``"own"`` is the one that is pruned.
        """
        other = copy.copy(self)
        other.masks = {}
        other.ipc, other.made_for = ipc, self.model if made_for == OWN else made_for
        epochs = self.parameters.get("inner_epochs", 0)
        if epochs:
            other.inner_steps = epochs * self.outer.steps_per_epoch(other.distilled(0).images)
        return other

    @property
    def seeds(self) -> range:
        """Seeds of the initialisations."""
        return range(self.parameters.seeds)

    def inits(self, row: Row) -> range:
        """Seeds of the initialisations of a row: of the dense network, which costs no chain, perhaps more."""
        more = self.parameters.get("dense_seeds", 0) if row.method == "dense" else 0
        return range(max(self.parameters.seeds, more))

    @property
    def measured(self) -> list[int]:
        """Levels at which tickets are trained: the measured ones within ``levels``, and ``levels`` itself."""
        levels = self.parameters.levels
        if self.parameters.measured_levels == "all":
            return list(range(levels + 1))
        wanted = {int(level) for level in numbers(self.parameters.measured_levels)}
        return sorted({level for level in wanted if level <= levels} | {0, levels})

    @property
    def width(self) -> int:
        """Channels of the network's first stage; the papers' where the parameter is 0."""
        return int(self.parameters.width) or costs.papers_width(self.model, self.data.pixels, self.data.name)

    def network(self, seed: int) -> Network:
        """The dense network at initialisation."""
        return Network(self.model, self.width, seed, norm=self.norm, init=self.init)

    def inner(self, rate: float) -> Recipe:
        """The short inner loop's recipe: the retraining's with its own steps and rate."""
        return replace(self.outer, steps=self.inner_steps, epochs=Recipe.epochs, learning_rate=rate)

    def distilled(self, seed: int) -> Distill:
        """The distilled set used with an initialisation."""
        p = self.parameters
        if p.distiller.lower().endswith((".npz", ".pt")):
            return Distill(self.data, "published", self.ipc, path=p.distiller)
        return self.made(p.distiller, self.ipc, seed % p.get("sets", p.seeds))

    def published(self) -> Distill:
        """The set in the file that ``published`` names.

        Raises:
            InputError: It names none, or one that is not there.
        """
        name = self.parameters.get("published", "")
        if not name:
            raise InputError("no published set is named: set published to a file under distilled/ in the data folder")
        return Distill(self.data, "published", self.ipc, path=str(catalog.published(name)))

    def made(self, method: str, ipc: int, seed: int = 0) -> Distill:
        """A set of a distillation method, at its own iterations and width where ``boxes`` names it, else everyone's."""
        p = self.parameters
        own = int(p.width) or costs.papers_width(self.made_for, self.data.pixels, self.data.name)
        boxes = {name: (int(i), int(w)) for name, i, w in (item.split(":") for item in words(p.get("boxes", "")))}
        iterations, width = boxes.get(method, (p.get("distill_iterations", 0), p.get("distill_width", 0) or own))
        return Distill(
            self.data,
            method,
            ipc,
            iterations=0 if method in CORESETS else iterations,
            model=self.made_for,
            width=width,
            seed=seed,
            compile=method == "dm" and p.compile,
        )

    def source(self, method: str, seed: int) -> Source:
        """What the inner loop of a method trains on."""
        if method == "distilled":
            return self.distilled(seed)
        if method == "published":
            return self.published()
        if method == "mislabelled":
            return replace(self.distilled(seed), shuffle_labels=True)
        if method == "random-real":
            return Distill(self.data, "random", self.ipc, seed=seed)
        if method == "easy-real":
            early = max(1, self.outer.epochs // EARLY)
            scorers = tuple(Train(self.network(SCORER + n), self.data, self.outer, until=early) for n in range(SCORERS))
            return Distill(self.data, "easy", self.ipc, scorers=scorers)
        return self.data

    def chain(self, row: Row, seed: int, level: int) -> Prune | None:
        """The mask of a row at a level; ``None`` is the dense network. Each is built once."""
        named = (row, seed, level)
        if named not in self.masks:
            self.masks[named] = self.next_mask(row, seed, level)
        return self.masks[named]

    def next_mask(self, row: Row, seed: int, level: int) -> Prune | None:
        """Build the mask of a row at a level."""
        network, p = self.network(seed), self.parameters
        if level == 0:
            return None
        if row.method in ONE_SHOT:
            return Prune(network, self.data, row.method, fraction=p.fraction, order_seed=seed, levels=level)
        if row.method in LIKENESSES:
            like = self.chain(self.matched(), seed, level)
            scored = LIKENESSES[row.method]
            return Prune(network, self.data, scored, fraction=p.fraction, order_seed=seed, like=like)
        if row.method == "combined" and level <= p.distilled_levels:
            return self.chain(replace(row, method="distilled"), seed, level)
        parent = self.chain(row, seed, level - 1)
        if row.method in UNTRAINED:
            return Prune(network, self.data, row.method, fraction=p.fraction, order_seed=seed, parent=parent)
        recipe = self.outer if row.method in FULL_LOOPS else self.inner(row.rate)
        return Prune(
            network,
            self.data,
            source=self.source(row.method, seed),
            recipe=recipe,
            fraction=p.fraction,
            order_seed=self.chain_order,
            parent=parent,
            start=self.start(seed, row.rewind),
        )

    def matched(self) -> Row:
        """The way whose layer counts layer-matched masks take over, at the smallest inner rate where it has several."""
        method = self.parameters.get("like", "") or "distilled"
        if method == "imp":
            return Row(method, self.outer.learning_rate, EQUAL)
        return Row(method, *min(self.distilled_settings()))

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

    def trained(self, every: bool = False) -> list[tuple[Row, int, int, int, Train]]:
        """All retrainings as ``(row, seed, level, order, job)``."""
        return [
            (row, seed, level, order, self.ticket(row, seed, level, order))
            for row in self.rows
            for seed in self.inits(row)
            for level in self.levels(row, seed, every)
            for order in range(self.parameters.replicates)
        ]

    def connected(self, split: str = "train") -> list[tuple[Row, int, int, str, Connect]]:
        """All lines between retrainings of one ticket as ``(row, seed, level, pair, job)``."""
        return [
            (row, seed, level, f"{a}-{b}", self.line(row, seed, level, a, b, split))
            for row in self.rows
            for seed in self.inits(row)
            for level in self.levels(row, seed)
            for a, b in itertools.combinations(range(self.parameters.replicates), 2)
        ]

    def line(self, row: Row, seed: int, level: int, a: int, b: int, split: str = "train") -> Connect:
        """The line between two retrainings of one ticket."""
        p = self.parameters
        return Connect(
            self.ticket(row, seed, level, a),
            self.ticket(row, seed, level, b),
            alphas=p.alphas,
            split=split,
            images=p.get("line_images", 0),
        )
