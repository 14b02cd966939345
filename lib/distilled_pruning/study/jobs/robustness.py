"""Accuracy of trained networks on shifted test images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .base import Context, Data, Job, Result
from .chain import Train
from .limits import check_draw, macs

if TYPE_CHECKING:
    import torch

    from ... import data

    Shift = tuple[str, int, data.Split]

CORRUPTIONS = ("gaussian noise", "impulse noise", "gaussian blur", "brightness", "contrast", "pixelate")


@dataclass(frozen=True)
class Robustness(Job):
    """Accuracy of a trained (sub)network on shifted test images: FGSM, PGD and common corruptions.

    Attributes:
        trained: The network.
        epsilons: Budgets of FGSM and PGD in the maximum norm, in 255ths of the pixels' range.
        severities: Severities of the corruptions, from 1 to 5.
        steps: Steps of PGD.
        images: Stratified number of test images, 0 for all.
        seed: Seed of PGD's start and of noise.
    """

    kind: ClassVar[str] = "robustness"
    trained: Train
    epsilons: tuple[int, ...] = (2, 8)
    severities: tuple[int, ...] = (1, 3, 5)
    steps: int = 10
    images: int = 0
    seed: int = 0

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: three forward passes a gradient, and a test of every shifted set."""
        images = self.images or self.trained.data.info.test
        attacks = len(self.epsilons) * (3 * (1 + self.steps) + 2)
        corrupted = len(self.severities) * len(CORRUPTIONS)
        return float(1 + attacks + corrupted) * images * macs(self.trained.network, self.trained.data)

    def check(self) -> Data:
        """Refuse more images than there are."""
        data = self.trained.data
        if self.images:
            check_draw("shift_images", self.images, data.info.test, data)
        return data

    def perform(self, context: Context) -> Result:
        """Test a trained network on clean, adversarial and corrupted test images."""
        from ... import training
        from .inputs import load_data

        net, _, _ = self.trained.rebuild(context)
        split = load_data(self.trained.data).test
        split = split.subset(self.images, self.seed) if self.images else split
        device = training.resolve(context.device)
        rows: list[dict[str, Any]] = []
        total = 1 + 2 * len(self.epsilons) + len(CORRUPTIONS) * len(self.severities)
        for name, strength, shifted in _shifts(self, net, split, device):
            loss, accuracy = training.evaluate(net, shifted, device=device)
            rows.append({"shift": name, "strength": strength, "accuracy": accuracy, "loss": loss})
            context.progress(len(rows), total, {"accuracy": accuracy})
        return Result({"level": self.trained.level, "images": len(split), "shifts": rows})

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"robustness, {self.trained.title}"


def _shifts(job: Robustness, net: torch.nn.Module, split: data.Split, device: torch.device) -> Iterator[Shift]:
    """Make every shifted set of images that a job names, one after the other."""
    from ... import robustness

    yield "clean", 0, split
    for epsilon in job.epsilons:
        yield "fgsm", epsilon, robustness.fgsm(net, split, epsilon, device)
        yield "pgd", epsilon, robustness.pgd(net, split, epsilon, job.steps, job.seed, device)
    for name in CORRUPTIONS:
        for severity in job.severities:
            yield name, severity, robustness.corrupt(split, name, severity, job.seed)
