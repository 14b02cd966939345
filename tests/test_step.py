"""One step on a GPU that is not here: going on from any device's state, and steps without a graph where CUDA refuses.

What needs the GPU itself is in ``test_gpu.py``.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest
import torch
from distilled_pruning import models, pruning, training
from distilled_pruning.data import Split
from distilled_pruning.training import step
from distilled_pruning.training.recipe import Recipe
from torch import nn

RECIPE = Recipe(learning_rate=0.05, epochs=4, batch_size=16, augmentation="shift1", milestones=(0.5,))


def split(n: int = 72) -> Split:
    """Images of which 16 at a time leave half a batch."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 1, 8, 8), generator=draw, dtype=torch.uint8)
    return Split(images, torch.arange(n) % 4, (0.5,), (0.25,), 4)


def net() -> nn.Module:
    return models.build("convnet3", width=4, depth=2, size=8, channels=1, classes=4, seed=0)


def trained(state: training.State | None = None, until: int | None = None) -> tuple[nn.Module, training.State]:
    own, states = net(), list[training.State]()
    mask = pruning.magnitude(net(), fraction=0.5)
    training.train(
        own, split(), RECIPE, mask, device="cpu", stretch=training.Stretch(state, until, finish=states.append)
    )
    return own, states[0]


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A device that is taken for one that captures, and refuses; counts how often it was asked."""
    asked: list[int] = []

    def refuse(*_: object) -> step._Captured:
        asked.append(1)
        raise RuntimeError("operation not permitted when stream is capturing\nCUDA kernel errors might be reported")

    monkeypatch.setattr(step, "_can_capture", lambda device, recipe: True)
    monkeypatch.setattr(step, "_capture", refuse)
    step._say_eager.cache_clear()
    yield asked
    step._say_eager.cache_clear()


def test_where_capture_fails_the_steps_are_done_without_it_and_it_is_said_once(
    pretended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        first, _ = trained()
        second, _ = trained()
    assert len(pretended) == 2, "asked again after it had refused"
    (warning,) = said
    assert str(warning.message) == (
        "CUDA refused to capture a training step (operation not permitted when stream is capturing): "
        "steps run one kernel at a time"
    )
    monkeypatch.undo()
    plain, _ = trained()
    assert same(first, plain) and same(second, plain)


def test_only_full_batches_of_sgd_are_captured_and_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Recorded:
        def replay(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            sizes.append(len(images))
            return torch.zeros(())

    monkeypatch.setattr(step, "_can_capture", lambda device, recipe: True)
    monkeypatch.setattr(step, "_capture", lambda run, images, targets: Recorded())
    trained()
    per_epoch, full = RECIPE.steps_per_epoch(72), 4
    assert per_epoch == 5 and sizes == [16] * (full * RECIPE.epochs - step._WARM_UP)


@pytest.mark.parametrize(
    ("device", "recipe", "captured"),
    [
        ("cuda", Recipe(), True),
        ("cuda", Recipe(precision="bf16"), True),
        ("cuda", Recipe(compile=True), False),
        ("cuda", Recipe(optimiser="adam"), False),
        ("cpu", Recipe(), False),
    ],
)
def test_what_can_be_captured(device: str, recipe: Recipe, captured: bool) -> None:
    assert step._can_capture(torch.device(device), recipe) is captured


def test_a_state_that_a_gpu_wrote_goes_on_to_the_same_bits() -> None:
    """There the learning rate is a tensor, which a checkpoint brings to the CPU."""
    whole, _ = trained()
    _, state = trained(until=5)
    for group in state.optimiser["param_groups"]:
        group["lr"] = torch.tensor(group["lr"])
    resumed, after = trained(state)
    assert same(whole, resumed)
    assert all(isinstance(group["lr"], float) for group in after.optimiser["param_groups"])


def test_a_captured_step_goes_on_reading_its_own_learning_rate() -> None:
    """A graph has the address of one tensor: a state from a CPU, or from a file, must not put another in its place."""
    own = step.Step(net(), RECIPE, None)
    rate = torch.tensor(RECIPE.learning_rate)
    for group in own.optimiser.param_groups:
        group["lr"] = rate
    for foreign in (0.3, torch.tensor(0.3)):
        state = own.optimiser.state_dict()
        for group in state["param_groups"]:
            group["lr"] = foreign
        own.resume(state)
        own.set_rate(0.01)
        assert own.optimiser.param_groups[0]["lr"] is rate
        assert float(rate) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("model", "width", "bears"),
    [
        ("resnet10", 8, False),
        ("resnet18", 8, False),
        ("resnet10", 16, True),
        ("convnet3", 4, True),
        ("alexnet", 4, True),
    ],
)
def test_channels_lie_last_only_where_onednn_bears_it(
    model: str, width: int, bears: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient of a strided 1x1 convolution of fewer channels than a vector crashes, or comes out wrong."""
    own = models.build(model, width=width, size=32, channels=3, classes=4, seed=0)
    asked = list[bool]()
    monkeypatch.setattr(step, "_compile_loss", lambda channels_last: asked.append(channels_last))
    step.Step(own, Recipe(compile=True, precision="bf16"), None)
    assert asked == [bears]


@pytest.mark.slow
def test_a_compiled_residual_network_of_few_channels_trains() -> None:
    code = """
import torch
from distilled_pruning import data, models, training
draw = torch.Generator().manual_seed(0)
images = torch.randint(0, 256, (64, 3, 64, 64), generator=draw, dtype=torch.uint8)
split = data.Split(images, torch.arange(64) % 10, (0.5,) * 3, (0.25,) * 3, 10)
losses = []
for compiled in (False, True):
    net = models.build("resnet10", size=64, channels=3, classes=10, width=8, seed=0)
    recipe = training.Recipe(learning_rate=0.01, steps=3, batch_size=64, compile=compiled)
    training.train(net, split, recipe, device="cpu")
    losses.append(training.evaluate(net, split, device="cpu")[0])
assert abs(losses[0] - losses[1]) < 0.02 * losses[0], losses  # rounding, amplified by three steps
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
