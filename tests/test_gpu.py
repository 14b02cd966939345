"""Every path that differs on a GPU, against the same on the CPU: ``make gpu`` runs these.

Tolerances: sums of float32 in another order differ by some 1e-6 of the values, which a few dozen steps of training
multiply; in float64 nothing of that is left to see.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from distilled_pruning import connectivity, data, distillation, hessian, landscape, models, pruning, training
from distilled_pruning.data import Split
from distilled_pruning.training import Forward, Stretch, step as steps
from distilled_pruning.training.recipe import Recipe
from torch import Tensor, nn

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CLOSE = {"rtol": 1e-3, "atol": 1e-4}
RECIPE = Recipe(learning_rate=0.05, epochs=6, batch_size=16, augmentation="shift1+cutmix", milestones=(0.5,))


@pytest.fixture(autouse=True)
def full_precision() -> Iterator[None]:
    """Hold convolutions to float32, as the CPU has them."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[steps._Captured]:
    """All steps that are captured."""
    found: list[steps._Captured] = []
    standard = steps._capture

    def capture(*arguments: object) -> steps._Captured:
        found.append(standard(*arguments))  # type: ignore[arg-type]
        return found[-1]

    monkeypatch.setattr(steps, "_capture", capture)
    return found


def split(n: int = 72) -> Split:
    """Learnable images, of which 16 at a time leave half a batch."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 4
    images = torch.randint(0, 256, (n, 1, 8, 8), generator=draw, dtype=torch.uint8)
    images[:, 0, :2] = (labels * 60).to(torch.uint8)[:, None, None]
    return Split(images, labels, (0.5,), (0.25,), 4)


def net(norm: str | None = None) -> nn.Module:
    return models.build("convnet3", width=8, depth=2, size=8, channels=1, classes=4, seed=0, norm=norm)


def trained(device: str, recipe: Recipe = RECIPE, **stretch: object) -> tuple[dict[str, Tensor], training.Log]:
    own = net()
    mask = pruning.magnitude(net(), fraction=0.5)
    log = training.train(own, split(), recipe, mask, test=split(), device=device, stretch=Stretch(**stretch))  # type: ignore[arg-type]
    return {name: tensor.cpu() for name, tensor in own.state_dict().items()}, log


def agree(a: dict[str, Tensor], b: dict[str, Tensor], **tolerance: float) -> None:
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], **(tolerance or CLOSE), msg=lambda text, n=name: f"{n}: {text}")


def test_captured_steps_and_the_odd_last_batch_equal_the_cpus(captures: list[steps._Captured]) -> None:
    here, log = trained("cpu")
    there, other = trained("cuda")
    assert len(captures) == 1, "no step was captured"
    agree(here, there)
    assert other.loss == pytest.approx(log.loss, rel=1e-2)


def test_a_drop_of_the_learning_rate_reaches_the_captured_step(captures: list[steps._Captured]) -> None:
    own = net().cuda()
    step = steps.Step(own, replace(RECIPE, momentum=0.0, weight_decay=0.0), None)
    images, targets = split(16).normalised().cuda(), split(16).labels.cuda()
    for _ in range(steps._WARM_UP + 2):
        step(images, targets, full=True)
    before = copy.deepcopy(own.state_dict())
    step(images, targets, full=True)
    assert any(not torch.equal(before[name], tensor) for name, tensor in own.state_dict().items())
    before = copy.deepcopy(own.state_dict())
    step.set_rate(0.0)
    step(images, targets, full=True)
    assert len(captures) == 1
    assert all(torch.equal(before[name], tensor) for name, tensor in own.state_dict().items())


@pytest.mark.parametrize(("first", "second"), [("cuda", "cuda"), ("cpu", "cuda"), ("cuda", "cpu")])
def test_a_training_goes_on_from_either_devices_state(first: str, second: str, captures: list[steps._Captured]) -> None:
    """The rate drops after the state was taken, so a graph that reads a stale one shows."""
    whole, _ = trained("cpu")
    states: list[training.State] = []
    trained(first, until=10, finish=states.append)
    state = states[0]
    state.network = {name: tensor.cpu() for name, tensor in state.network.items()}  # as a checkpoint's file has it
    state.optimiser = torch.utils._pytree.tree_map(
        lambda value: value.cpu() if isinstance(value, Tensor) else value, state.optimiser
    )
    resumed, _ = trained(second, state=state)
    assert len(captures) == (first == "cuda") + (second == "cuda")
    agree(whole, resumed)


@pytest.mark.parametrize("compile", [False, True])
def test_bf16_trains_to_a_similar_loss_with_float32_weights(compile: bool) -> None:
    _, log = trained("cpu")
    weights, other = trained("cuda", replace(RECIPE, precision="bf16", compile=compile))
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    assert other.loss == pytest.approx(log.loss, rel=0.2)


def test_compiled_steps_equal_the_cpus() -> None:
    agree(trained("cpu")[0], trained("cuda", replace(RECIPE, compile=True))[0])


def test_adam_runs_without_a_graph(captures: list[steps._Captured]) -> None:
    recipe = replace(RECIPE, optimiser="adam", learning_rate=1e-3)
    _, log = trained("cpu", recipe)
    _, other = trained("cuda", recipe)
    assert not captures
    assert other.loss == pytest.approx(log.loss, rel=0.05)  # its first steps are signs, which rounding can turn


def test_evaluation_and_logits_agree() -> None:
    own, images = net(), split()
    loss, accuracy = training.evaluate(own, images, device="cpu")
    here = training.logits(own, images, "cpu")
    assert training.evaluate(own, images, device="cuda") == (pytest.approx(loss, rel=1e-5), accuracy)
    torch.testing.assert_close(training.logits(own, images, "cuda"), here, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"precision": "bf16"}, {"compile": True}])
def test_lines_and_planes_agree(options: dict[str, object]) -> None:
    own, images = net(), split()
    ends = [trained("cpu", replace(RECIPE, epochs=epochs))[0] for epochs in (1, 2, 4)]
    tolerance = {"rel": 0.05, "abs": 0.02} if options.get("precision") else {"rel": 1e-4}
    here = connectivity.interpolate(own, ends[0], ends[1], images, 3, forward=Forward("cpu"))
    there = connectivity.interpolate(own, ends[0], ends[1], images, 3, forward=Forward("cuda", **options))  # type: ignore[arg-type]
    assert list(there.loss) == pytest.approx(list(here.loss), **tolerance)
    plane = landscape.plane(*ends)
    flat = landscape.evaluate(own, plane, images, 3, forward=Forward("cpu")).loss
    assert landscape.evaluate(own, plane, images, 3, forward=Forward("cuda", **options)).loss.tolist() == pytest.approx(  # type: ignore[arg-type]
        flat.tolist(), **tolerance
    )


@pytest.mark.parametrize("norm", [None, "none"])
def test_curvature_agrees(norm: str | None) -> None:
    own = net(norm).double()
    images, labels = split(12).normalised().double(), split(12).labels
    mask = pruning.magnitude(net(norm), fraction=0.5)
    there = copy.deepcopy(own).cuda()
    for measure in (hessian.diagonal, hessian.gauss_newton_diagonal):
        found = {name: value.cpu() for name, value in measure(there, images, labels, mask).items()}
        agree(measure(own, images, labels, mask), found, rtol=1e-9, atol=1e-12)
    here, other = (hessian.top_eigenvalues(at, images, labels, mask, count=2).values for at in (own, there))
    assert list(map(float, other)) == pytest.approx(list(map(float, here)), rel=1e-3)
    value = hessian.trace(own, images, labels, mask, probes=8).value
    assert hessian.trace(there, images, labels, mask, probes=8).value == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("method", ["dm", "dc", "idc", "mtt"])
def test_an_iteration_of_distillation_agrees(method: str) -> None:
    digits = data.load("digits", size=16)
    options = {"width": 8, "iterations": 1, "real_batch": 8}
    options |= {"expert_count": 1, "expert_epochs": 2} if method == "mtt" else {}
    here, there = (
        distillation.distill(digits, method, 1, device=device, **options)  # type: ignore[arg-type]
        for device in ("cpu", "cuda")
    )
    change = (here.decode().images - here.at(0).decode().images).abs().max()
    gap = (here.decode().images - there.decode().images.cpu()).abs().max()
    assert gap < 0.1 * max(float(change), 1e-3)
