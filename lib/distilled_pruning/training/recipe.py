"""A training recipe: everything that decides a training besides network, data, mask and order seed."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError, unknown

_OPTIMISERS = ("sgd", "adam")
PRECISIONS = ("fp32", "bf16")
STATISTICS_BATCH = 500  # images a batch when BatchNorm statistics are estimated anew


@dataclass(frozen=True)
class Recipe:
    """How to train; the defaults are the paper's recipe for real CIFAR-10 (2503.17905, experiments of section 4).

    Attributes:
        optimiser: ``"sgd"`` (with ``momentum``) or ``"adam"`` (first paper, coupled L2).
        learning_rate: Rate before the first milestone.
        momentum: SGD momentum, no Nesterov, no dampening.
        weight_decay: L2 on every parameter, norm affine and biases included, as the papers do.
        epochs: Passes over the data; ignored when ``steps`` is given.
        steps: Optimiser steps, or ``None`` to count in epochs.
        batch_size: Images a step; a smaller dataset is one batch. The last batch of an epoch may be smaller.
        milestones: Fractions of the run after which the rate is multiplied by ``decay``.
        decay: Factor at each milestone.
        augmentation: ``"+"``-joined operations of :mod:`distilled_pruning.augmentation.compose`, ``""`` for none.
        precision: ``"fp32"`` or ``"bf16"`` (autocast; weights stay fp32).
        compile: Compile forward and backward: fp32 ConvNets on a CPU with :mod:`.fused`, all else with
            ``torch.compile``; numbers differ from eager in rounding, so it is part of the recipe.

    Examples:
        >>> from distilled_pruning import training
        >>> recipe = training.Recipe(learning_rate=0.1, batch_size=32, epochs=5)
        >>> recipe.steps_per_epoch(1437), recipe.total_steps(1437)
        (45, 225)
    """

    optimiser: str = "sgd"
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    epochs: int = 300
    steps: int | None = None
    batch_size: int = 64
    milestones: tuple[float, ...] = (2 / 3, 5 / 6)
    decay: float = 0.2
    augmentation: str = "dsa+cutmix"
    precision: str = "fp32"
    compile: bool = False

    def __post_init__(self) -> None:
        """Raise :class:`InputError` for a value no training could use."""
        if self.optimiser not in _OPTIMISERS:
            raise unknown("optimiser", self.optimiser, _OPTIMISERS)
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, not {self.learning_rate}")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps must be at least 1, not {self.steps}")
        for name in ("epochs", "batch_size", "steps"):
            value = getattr(self, name)
            if value is not None and not float(value).is_integer():
                raise InputError(f"{name} must be a whole number, not {value}")
        for name in ("momentum", "weight_decay", "decay"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} must be at least 0, not {getattr(self, name)}")

    def steps_per_epoch(self, images: int) -> int:
        """Count the optimiser steps of one pass over ``images`` images."""
        return -(-images // min(self.batch_size, images))

    def smallest_batch(self, images: int) -> int:
        """Count the images of the smallest batch that the run comes to on ``images`` images."""
        batch = min(self.batch_size, images)
        left = images % batch
        return left if left and self.total_steps(images) >= self.steps_per_epoch(images) else batch

    def total_steps(self, images: int) -> int:
        """Count the optimiser steps of the whole run on ``images`` images."""
        return self.steps if self.steps is not None else self.epochs * self.steps_per_epoch(images)
