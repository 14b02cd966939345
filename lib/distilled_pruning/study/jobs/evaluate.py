"""Networks trained on a small set, beside networks trained on real data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...training.recipe import Recipe
from .base import Context, Data, Job, Result
from .chain import Train
from .distill import Distill
from .limits import check_training, macs


@dataclass(frozen=True)
class Evaluate(Job):
    """Networks trained from scratch on a set, beside networks of the same initialisations trained on real data.

    Attributes:
        source: The set.
        recipe: How networks are trained on it.
        references: Networks trained on real data, one for each repeat; they give initialisation and data order.
        at: Iteration whose snapshot is trained on, -1 for the finished set.
    """

    kind: ClassVar[str] = "evaluate"
    source: Distill
    recipe: Recipe
    references: tuple[Train, ...]
    at: int = -1

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: the trainings, and a test of both networks of each pair."""
        test = self.source.data.info.test
        return sum(job.cost + 2.0 * test * macs(job.network, job.data) for job in self._trainings)

    @property
    def calls(self) -> float:
        """Calls of the networks, in training steps."""
        return sum(job.calls for job in self._trainings)

    @property
    def _trainings(self) -> list[Train]:
        return [Train(r.network, self.source, self.recipe, r.order_seed) for r in self.references]

    def check(self) -> Data:
        """Refuse trainings on the set that a network or the batches do not allow."""
        for reference in self.references:
            check_training(reference.network, self.recipe, self.source.data, self.source.images)
        return self.source.data

    def perform(self, context: Context) -> Result:
        """Train networks on a set or a snapshot of it and test them beside their references trained on real data."""
        from ... import distillation, training
        from .inputs import build_network, load_data, read_set

        ds = load_data(self.source.data)
        syn = read_set(self.source, context)
        syn = syn if self.at < 0 else syn.at(self.at)
        split = syn.decode()
        found: dict[str, list[float]] = {name: [] for name in ("accuracies", "losses", "average", "supremum")}
        steps = 0
        for done, reference in enumerate(self.references, 1):
            net, _, _ = reference.rebuild(context)
            own = build_network(reference.network, ds)
            order = reference.order_seed
            log = training.train(own, split, self.recipe, None, order, test=ds.test, device=context.device)
            gaps = distillation.objectives(net, own, ds.test)
            figures = (log.accuracy, log.loss, gaps.average, gaps.supremum)
            for column, value in zip(found.values(), figures, strict=True):
                column.append(value)
            steps = log.steps
            context.progress(done, len(self.references), {"accuracy": log.accuracy})
        real = [context.load(reference).metrics for reference in self.references]
        metrics = {
            **found,
            "real_accuracies": [metrics["accuracy"] for metrics in real],
            "real_losses": [metrics["loss"] for metrics in real],
            "steps": steps,
            "images": len(split),
        }
        return Result(metrics)

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        snapshot = "" if self.at < 0 else f" at iteration {self.at}"
        return f"evaluate {self.source.method} ipc {self.source.ipc} seed {self.source.seed}{snapshot}"
