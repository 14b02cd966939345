"""One dataset and network under one set of parameters: its recipes, its networks, and the sets made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ....data import catalog
from ....distillation.methods import CORESETS, DISTILLERS
from ....errors import InputError
from ....models import costs
from ....training.recipe import Recipe
from ...jobs import Data, Distill, Network

if TYPE_CHECKING:
    from ...parameters.fields import Values

EQUAL, GENTLE = "equal rate", "gentle rate"


class Setup:
    """One dataset and network under one set of parameters.

    Attributes:
        parameters: The parameters.
        model: Name of the network.
        data: The dataset.
        outer: Recipe of trainings on real data.
        inner_steps: Steps of a short inner loop.
        ipc: Stored images per class of a distilled set.
        made_for: Network that distilled sets are made for.
        init: How initial weights are drawn.
        norm: The network's norm, empty for its own.
    """

    def __init__(self, parameters: Values, dataset: str | None = None, model: str | None = None) -> None:
        """Choose one of the parameters' datasets and models, the first by default."""
        self.parameters = parameters
        self.model = model or parameters.model[0]
        name = dataset or parameters.dataset[0]
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
        self.outer = self.recipe()

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

    def distilled_settings(self) -> Iterator[tuple[float, str]]:
        """The inner rates of the short loops, each with how it stands to the retraining's."""
        for rate in self.parameters.inner_learning_rate:
            yield rate, self.setting(rate)

    def setting(self, rate: float) -> str:
        """Name how an inner rate stands to the retraining's."""
        return EQUAL if rate == self.outer.learning_rate else GENTLE

    @property
    def seeds(self) -> range:
        """Seeds of the initialisations."""
        return range(self.parameters.seeds)

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

    def distilled_set(self, seed: int) -> Distill:
        """The distilled set used with an initialisation."""
        p = self.parameters
        if p.distiller not in DISTILLERS:
            return Distill(self.data, "published", self.ipc, path=p.distiller)
        return self.make_set(p.distiller, self.ipc, seed % p.get("sets", p.seeds))

    def published_set(self) -> Distill:
        """The set in the file that ``published`` names.

        Raises:
            InputError: It names none, or one that is not there.
        """
        name = self.parameters.get("published", "")
        if not name:
            raise InputError("no published set is named: set published to a file under distilled/ in the data folder")
        return Distill(self.data, "published", self.ipc, path=str(catalog.find_published(name)))

    def make_set(self, method: str, ipc: int, seed: int = 0) -> Distill:
        """A set of a distillation method, at iterations, width and rate of its own where ``boxes`` names it."""
        p = self.parameters
        own = int(p.width) or costs.papers_width(self.made_for, self.data.pixels, self.data.name)
        boxes = {name: box for name, *box in p.get("boxes", ())}
        usual = (p.get("distill_iterations", 0), p.get("distill_width", 0) or own)
        iterations, width, *given = boxes.get(method, usual)
        rate: float = given[0] if given else p.get("distill_learning_rate", 0.0)
        return Distill(
            self.data,
            method,
            ipc,
            iterations=0 if method in CORESETS else iterations,
            model=self.made_for,
            width=width,
            seed=seed,
            compile=method == "dm" and p.compile,
            image_rate=0.0 if method in CORESETS else rate,
            real_batch=0 if method in CORESETS else p.get("distill_batch_size", 0),
        )
