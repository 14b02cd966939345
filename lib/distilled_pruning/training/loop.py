"""Training a network: seeded data order, masks applied after each step, exact continuation from a checkpoint."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..augmentation import compose
from ..data.images import chunks
from ..data.split import likeliest
from ..errors import InputError
from ..models import pooling
from ..models.suit import suit
from .forward import evaluating, resolve, usual_batch
from .recipe import Recipe
from .step import Step

if TYPE_CHECKING:
    from ..data.split import Split
    from ..pruning.mask import Mask

__all__ = ["Log", "State", "Stretch", "evaluate", "logits", "make_generator", "milestones", "residual", "train"]

_RECORDS = 100
_PAUSE_STEPS = 16

Snapshot = Callable[[], "State"]


@dataclass
class State:
    """Everything a training needs to go on: plain tensors and numbers, safe to write with ``torch.save``.

    Attributes:
        step: Optimiser steps done.
        network: The network's ``state_dict``.
        optimiser: The optimiser's ``state_dict``; empty for a fresh one.
        curve: Learning-curve rows so far.
        running: Sum of the loss over the rows' open interval, and its number of steps.
    """

    step: int
    network: dict[str, Tensor]
    optimiser: dict[str, Any]
    curve: list[dict[str, float]] = field(default_factory=list)
    running: tuple[float, int] = (0.0, 0)


@dataclass(frozen=True)
class Log:
    """What a training reports; all figures belong to the last step, never to the best one.

    Attributes:
        steps: Optimiser steps done in all.
        images: Images seen, augmented copies counted each time.
        train_loss: Mean augmented training loss over the last interval of the curve.
        loss: Mean clean test loss, NaN without a test split.
        accuracy: Clean test accuracy in [0, 1], NaN without a test split.
        curve: Rows with ``step``, ``loss`` (augmented training loss) and ``learning_rate``, at most about 100.
        seconds: Wall time of this call.
    """

    steps: int
    images: int
    train_loss: float
    loss: float
    accuracy: float
    curve: list[dict[str, float]]
    seconds: float


def make_generator(*parts: object) -> torch.Generator:
    """Make a CPU generator from any values, the same on every machine and independent of all others."""
    # A hash and not a sum: seeds (0, 1) and (1, 0), or those of order and augmentation, must not give one sequence.
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def milestones(recipe: Recipe, images: int) -> list[int]:
    """Give the steps after which the rate drops: whole epochs, rounded down as in the papers, or plain steps."""
    if recipe.steps is not None:
        return [int(fraction * recipe.steps) for fraction in recipe.milestones]
    return [int(fraction * recipe.epochs + 1e-9) * recipe.steps_per_epoch(images) for fraction in recipe.milestones]


def residual(recipe: Recipe, images: int) -> float:
    """Share of its initial value that a pruned weight keeps while only SGD's weight decay acts on it.

    The authors' scripts hold pruned weights in a hidden copy that decays so, and interpolate with that copy switched
    on; this scalar recursion is exact for it.
    """
    value, velocity, drops = 1.0, 0.0, milestones(recipe, images)
    for step in range(recipe.total_steps(images)):
        rate = recipe.learning_rate * recipe.decay ** sum(step >= drop for drop in drops)
        velocity = recipe.momentum * velocity + recipe.weight_decay * value
        value -= rate * velocity
    return value


@dataclass(frozen=True)
class Stretch:
    """Which stretch of a recipe's run is done, by default all of it, and who gets its states.

    Attributes:
        state: A state to go on from; a state of another ``order_seed`` forks the run there.
        until: Stop after this many steps in all, without changing the schedule (rewinding to a true epoch).
        checkpoint: Called every few steps with a function that takes the :class:`State`; it may raise to stop.
        finish: Receives the closing :class:`State`, for runs that fork there.
    """

    state: State | None = None
    until: int | None = None
    checkpoint: Callable[[Snapshot], None] | None = None
    finish: Callable[[State], None] | None = None


_WHOLE = Stretch()


def train(
    net: nn.Module,
    split: Split,
    recipe: Recipe,
    mask: Mask | None = None,
    order_seed: int = 0,
    *,
    test: Split | None = None,
    device: str | torch.device = "auto",
    stretch: Stretch = _WHOLE,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
) -> Log:
    """Train a network in place (2503.17905 section 4; the recipe of all inner and outer loops).

    Data order comes from ``(order_seed, epoch)`` and augmentation from ``(order_seed, step)`` alone, so a training that
    is stopped and continued, on any device, sees the same batches as one that is not.

    Args:
        net: Network to train; stays on ``device`` afterwards.
        split: Training images and labels.
        recipe: How to train.
        mask: Weights to keep; the others are zero before the first and after every step.
        order_seed: Seed of data order and augmentation.
        test: Clean data for the closing figures.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or a device.
        stretch: What to go on from, where to stop, and what is kept on the way.
        progress: Called every few steps with steps done, steps in all and running figures; it may raise to stop.

    Returns:
        The :class:`Log` of the last step.

    Raises:
        InputError: No images, a network that does not suit all data, a mask of other shapes, or a loss not finite.

    Examples:
        >>> from distilled_pruning import data, models, pruning, training
        >>> digits = data.load("digits", size=16)
        >>> net = models.build("convnet3", digits, width=16, seed=0)
        >>> mask = pruning.magnitude(net, fraction=0.5)
        >>> recipe = training.Recipe(learning_rate=0.1, batch_size=64, steps=40, augmentation="")
        >>> log = training.train(net, digits.train, recipe, mask=mask, test=digits.test)
        >>> log.steps, log.accuracy > 0.8
        (40, True)
    """
    started = time.perf_counter()
    if len(split) == 0:
        raise InputError("the training data has no images: give at least one per class")
    place = resolve(device)
    split = split.to(place)
    suit(net.to(place), split, recipe.smallest_batch(len(split)))
    if test is not None:
        suit(net, test)
    run = _Run(net, split, recipe, mask, order_seed, stretch.state)
    total = recipe.total_steps(len(split))
    end = total if stretch.until is None else min(stretch.until, total)
    interval = max(1, total // _RECORDS)
    while run.done < end:
        run.advance()
        if run.done % interval == 0 or run.done == end:
            run.record()
        if run.done % _PAUSE_STEPS == 0 and run.done < end:
            if stretch.checkpoint is not None:
                stretch.checkpoint(run.snapshot)
            if progress is not None:
                progress(run.done, end, {"loss": run.curve[-1]["loss"]} if run.curve else {})
    if stretch.finish is not None:
        stretch.finish(run.snapshot())
    loss, accuracy = evaluate(net, test, device=place) if test is not None else (float("nan"), float("nan"))
    train_loss = run.curve[-1]["loss"] if run.curve else float("nan")
    return Log(end, run.images(end), train_loss, loss, accuracy, run.curve, time.perf_counter() - started)


class _Run:
    """A training on its way: data order, optimiser steps and learning curve."""

    def __init__(
        self, net: nn.Module, split: Split, recipe: Recipe, mask: Mask | None, order_seed: int, state: State | None
    ) -> None:
        """Prepare a network that lies on the split's device, afresh or where a state left off."""
        self.net, self.split, self.recipe, self.order_seed = net, split, recipe, order_seed
        self.dtype = next(net.parameters()).dtype
        mask = mask.on(net) if mask is not None else None
        if state is not None:
            net.load_state_dict(state.network)
        if mask is not None:
            mask.apply(net)
        self.step = Step(net, recipe, mask)
        self.done, self.curve = 0, list[dict[str, float]]()
        # The loss is summed on the device: reading it at every step would wait for the step to end.
        self.open_loss, self.open_steps = torch.zeros((), device=split.labels.device), 0
        if state is not None:
            if state.optimiser:
                self.step.resume(state.optimiser)
            self.done, self.curve, (running, self.open_steps) = state.step, list(state.curve), state.running
            self.open_loss += running
        self.batch = min(recipe.batch_size, len(split))
        self.drops = milestones(recipe, len(split))
        self.pipeline = compose.pipeline(recipe.augmentation, split)
        self.rate: float | None = None
        self.order: Tensor | None = None
        net.train()

    def advance(self) -> None:
        """Do one step."""
        recipe = self.recipe
        epoch, position = divmod(self.done, recipe.steps_per_epoch(len(self.split)))
        if position == 0 or self.order is None:
            # Drawn on the CPU whatever the device: a GPU's generator gives other numbers from the same seed.
            self.order = torch.randperm(len(self.split), generator=make_generator("order", self.order_seed, epoch))
            self.order = self.order.to(self.split.labels.device)
        rate = recipe.learning_rate * recipe.decay ** sum(self.done >= drop for drop in self.drops)
        if rate != self.rate:
            self.rate = rate
            self.step.set_rate(rate)
        chosen = self.order[position * self.batch : (position + 1) * self.batch]
        generator = make_generator("augment", self.order_seed, self.done)
        inputs, targets = self.pipeline(self.split.images[chosen], self.split.labels[chosen], generator)
        targets = targets if targets.dtype == torch.int64 else targets.to(self.dtype)
        self.open_loss += self.step(inputs.to(self.dtype), targets, len(chosen) == self.batch)
        self.open_steps += 1
        self.done += 1

    def record(self) -> None:
        """Add the mean loss since the last row to the curve."""
        mean = float(self.open_loss) / self.open_steps
        if not math.isfinite(mean):
            raise InputError(
                f"training diverged before step {self.done} (loss {mean}): "
                f"use a learning rate below {self.recipe.learning_rate}"
            )
        assert self.rate is not None
        self.curve.append({"step": self.done, "loss": mean, "learning_rate": self.rate})
        self.open_loss.zero_()
        self.open_steps = 0

    def snapshot(self) -> State:
        """Copy all that is needed to go on from here."""
        return State(
            step=self.done,
            network={name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()},
            optimiser=self.step.optimiser.state_dict(),
            curve=list(self.curve),
            running=(float(self.open_loss), self.open_steps),
        )

    def images(self, steps: int) -> int:
        """Count the images that a number of steps see."""
        epochs, rest = divmod(steps, self.recipe.steps_per_epoch(len(self.split)))
        return epochs * len(self.split) + rest * self.batch


@torch.inference_mode()
def evaluate(
    net: nn.Module, split: Split, batch_size: int | None = None, device: str | torch.device | None = None
) -> tuple[float, float]:
    """Measure a network on clean data in evaluation mode.

    Args:
        net: Network; its train/eval mode is restored.
        split: Images and labels, normalised as the split says.
        batch_size: Images a forward pass, ``None`` for what fits a CPU's caches or fills a GPU; speed, memory and
            the last bits depend on it.
        device: Where to compute; ``None`` for where the network lies.

    Returns:
        Mean cross-entropy in nats and top-1 accuracy in [0, 1].

    Raises:
        InputError: A network that does not suit the images, or batches of none.
    """
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size must be at least 1, not {batch_size}")
    first = next(net.parameters())
    place = first.device if device is None else resolve(device)
    suit(net.to(place), split)
    # Sums over batches in float64, so that the mean hardly depends on how the images were cut into batches.
    loss = torch.zeros((), dtype=torch.float64, device=place)
    correct = torch.zeros((), dtype=torch.int64, device=place)
    split = split.to(place)
    with evaluating(net), pooling.use_quick(pooling.replaceable(net)):
        for part in chunks(len(split), batch_size or usual_batch(place)):
            logits = net(split.normalised(part).to(first.dtype))
            logits = logits.float() if logits.dtype == torch.bfloat16 else logits
            labels = split.labels[part]
            loss += F.cross_entropy(logits, labels, reduction="sum").double()
            correct += (logits.argmax(1) == likeliest(labels)).sum()
    return float(loss) / len(split), int(correct) / len(split)


@torch.inference_mode()
def logits(net: nn.Module, split: Split, device: str | torch.device = "auto") -> Tensor:
    """Give a network's outputs on clean data in evaluation mode, [N, classes] on the CPU."""
    place = resolve(device)
    suit(net.to(place).eval(), split)
    dtype, split = next(net.parameters()).dtype, split.to(place)
    parts = chunks(len(split), usual_batch(place))
    return torch.cat([net(split.normalised(part).to(dtype)).cpu() for part in parts])
