"""Training a network: seeded data order, masks applied after each step, exact continuation from a checkpoint."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import augment, pooling
from .errors import InputError
from .recipe import Recipe
from .step import Step
from .suit import suit

if TYPE_CHECKING:
    from .data import Split
    from .pruning.mask import Mask

__all__ = ["Log", "Recipe", "State", "evaluate", "resolve", "train"]

RECORDS = 100
PAUSE_STEPS = 16

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


def resolve(device: str | torch.device = "auto") -> torch.device:
    """Turn ``"auto"`` into the GPU where there is one, else the CPU; a device that is not here is an input error."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"unknown device {device!r}: use auto, cpu or cuda") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {str(device)!r} was asked for but this machine has no CUDA GPU: use auto or cpu")
    return chosen


def seeded(*parts: object) -> torch.Generator:
    """Make a CPU generator from any values, the same on every machine and independent of all others."""
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


def train(
    net: nn.Module,
    split: Split,
    recipe: Recipe,
    mask: Mask | None = None,
    order_seed: int = 0,
    *,
    test: Split | None = None,
    device: str | torch.device = "auto",
    state: State | None = None,
    until: int | None = None,
    checkpoint: Callable[[Snapshot], None] | None = None,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
    finish: Callable[[State], None] | None = None,
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
        state: A state to go on from; a state of another ``order_seed`` forks the run there.
        until: Stop after this many steps in all, without changing the schedule (rewinding to a true epoch).
        checkpoint: Called every few steps with a function that takes the :class:`State`; it may raise to stop.
        progress: Called every few steps with steps done, steps in all and running figures; it may raise to stop.
        finish: Receives the closing :class:`State`, for runs that fork there.

    Returns:
        The :class:`Log` of the last step.

    Raises:
        InputError: No images, a network that does not suit them, a mask of other shapes, or a loss that is not finite.

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
    net.to(place)
    split = split.to(place)
    suit(net, split, recipe.smallest_batch(len(split)))
    dtype = next(net.parameters()).dtype
    if mask is not None:
        mask = mask.on(net)
        mask.apply(net)
    step_of = Step(net, recipe, mask)
    curve: list[dict[str, float]] = []
    begin, open_steps = 0, 0
    open_loss = torch.zeros((), device=place)
    if state is not None:
        net.load_state_dict(state.network)
        if mask is not None:
            mask.apply(net)
        if state.optimiser:
            step_of.resume(state.optimiser)
        begin, curve, (running, open_steps) = state.step, list(state.curve), state.running
        open_loss += running
    images, batch = len(split), min(recipe.batch_size, len(split))
    per_epoch, total = recipe.steps_per_epoch(images), recipe.total_steps(images)
    end = total if until is None else min(until, total)
    drops = milestones(recipe, images)
    interval = max(1, total // RECORDS)
    pipeline = augment.pipeline(recipe.augmentation, split)
    rate, order, step = None, torch.empty(0), begin - 1
    net.train()

    def snapshot() -> State:
        return State(
            step=step + 1,
            network={name: tensor.detach().clone() for name, tensor in net.state_dict().items()},
            optimiser=step_of.optimiser.state_dict(),
            curve=list(curve),
            running=(float(open_loss), open_steps),
        )

    for step in range(begin, end):
        epoch, position = divmod(step, per_epoch)
        if position == 0 or step == begin:
            order = torch.randperm(images, generator=seeded("order", order_seed, epoch)).to(place)
        if (now := recipe.learning_rate * recipe.decay ** sum(step >= drop for drop in drops)) != rate:
            rate = now
            step_of.set_rate(rate)
        chosen = order[position * batch : (position + 1) * batch]
        generator = seeded("augment", order_seed, step)
        inputs, targets = pipeline(split.images[chosen], split.labels[chosen], generator)
        open_loss += step_of(
            inputs.to(dtype), targets if targets.dtype == torch.int64 else targets.to(dtype), len(chosen) == batch
        )
        open_steps += 1
        done = step + 1
        if done % interval == 0 or done == end:
            mean = float(open_loss) / open_steps
            if mean != mean or mean in (float("inf"), float("-inf")):
                raise InputError(
                    f"training diverged before step {done} (loss {mean}): "
                    f"use a learning rate below {recipe.learning_rate}"
                )
            curve.append({"step": done, "loss": mean, "learning_rate": rate})
            open_loss.zero_()
            open_steps = 0
        if done % PAUSE_STEPS == 0 and done < end:
            if checkpoint is not None:
                checkpoint(snapshot)
            if progress is not None:
                progress(done, end, {"loss": curve[-1]["loss"]} if curve else {})
    if finish is not None:
        finish(snapshot())
    loss, accuracy = evaluate(net, test, device=place) if test is not None else (float("nan"), float("nan"))
    return Log(
        steps=end,
        images=end // per_epoch * images + (end % per_epoch) * batch,
        train_loss=curve[-1]["loss"] if curve else float("nan"),
        loss=loss,
        accuracy=accuracy,
        curve=curve,
        seconds=time.perf_counter() - started,
    )


def forward_batch(device: torch.device) -> int:
    """Choose the images of a forward pass: twice as fast on a CPU at 64, whose caches hold them, as at 500."""
    return 64 if device.type == "cpu" else 1000


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
        InputError: A network that does not suit the images.
    """
    first = next(net.parameters())
    place = first.device if device is None else resolve(device)
    net.to(place)
    suit(net, split)
    was_training = net.training
    net.eval()
    loss = torch.zeros((), dtype=torch.float64, device=place)
    correct = torch.zeros((), dtype=torch.int64, device=place)
    split = split.to(place)
    batch_size = batch_size or forward_batch(place)
    with pooling.quick(pooling.replaceable(net)):
        for begin in range(0, len(split), batch_size):
            index = slice(begin, begin + batch_size)
            logits = net(split.normalised(index).to(first.dtype))
            logits = logits.float() if logits.dtype == torch.bfloat16 else logits
            labels = split.labels[index]
            loss += F.cross_entropy(logits, labels, reduction="sum").double()
            correct += (logits.argmax(1) == labels).sum()
    net.train(was_training)
    return float(loss) / len(split), int(correct) / len(split)


@torch.inference_mode()
def logits(net: nn.Module, split: Split, device: str | torch.device = "auto") -> Tensor:
    """Give a network's outputs on clean data in evaluation mode, [N, classes] on the CPU."""
    place = resolve(device)
    net.to(place).eval()
    suit(net, split)
    first, split = next(net.parameters()), split.to(place)
    batch_size = forward_batch(place)
    parts = range(0, len(split), batch_size)
    return torch.cat([net(split.normalised(slice(i, i + batch_size)).to(first.dtype)).cpu() for i in parts])
