"""The Hessian's diagonal against dense Hessians in float64, and everything that must be refused."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest
import torch
from distilled_pruning import hessian
from distilled_pruning.curvature import graph, krylov, loop, structured
from distilled_pruning.curvature.problem import Problem, pose
from distilled_pruning.errors import InputError
from torch import Tensor, nn
from torch.nn.utils import prune

EXACT = 1e-10  # relative to the largest entry; rounding of two float64 algorithms is some 1e-15


def instance(channels: int) -> nn.Module:
    return nn.GroupNorm(channels, channels)


def halves(channels: int) -> nn.Module:
    return nn.GroupNorm(2, channels)


def block(
    inputs: int, outputs: int, kernel: int = 3, norm: Callable[[int], nn.Module] | None = instance, **settings: object
) -> list[nn.Module]:
    pool = settings.pop("pool", nn.AvgPool2d(2))
    activation = settings.pop("activation", nn.ReLU())
    settings = {"padding": kernel // 2, **settings}
    layers = [nn.Conv2d(inputs, outputs, kernel, **settings), norm(outputs) if norm else None, activation, pool]
    return [layer for layer in layers if layer is not None]


def chain(*blocks: list[nn.Module], head: tuple[nn.Module, ...] = ()) -> nn.Module:
    return nn.Sequential(*(layer for part in blocks for layer in part), nn.Flatten(), *(head or [nn.LazyLinear(3)]))


class Residual(nn.Module):
    """Two residual sums, one with a convolution on the shortcut, in the form of torchvision's networks."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(2, 4, 3, padding=1, bias=False), norm(4)
        self.conv2, self.norm2 = nn.Conv2d(4, 4, 3, padding=1), norm(4)
        self.short = nn.Conv2d(4, 4, 1)
        self.conv3, self.norm3 = nn.Conv2d(4, 4, 3, padding=1), norm(4)
        self.relu = nn.ReLU(inplace=True)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(x))
        out += self.short(x)
        x = self.relu(out)
        x = self.relu(self.norm3(self.conv3(x)) + x)
        return self.head(self.pool(x).view(x.size(0), -1))


# name -> network, image shape; each is covered by the fast method
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "depth 1": (lambda: chain(block(2, 4)), (2, 8, 8)),
    "depth 2, no bias": (lambda: chain(block(2, 4, bias=False), block(4, 3, bias=False)), (2, 8, 8)),
    "depth 3": (lambda: chain(block(2, 3), block(3, 5), block(5, 4)), (2, 8, 8)),
    "depth 4": (lambda: chain(block(1, 2), block(2, 3), block(3, 2), block(2, 3, pool=None)), (1, 16, 16)),
    "kernel 5": (lambda: chain(block(2, 3, 5), block(3, 3, 5), block(3, 3)), (2, 8, 8)),
    "two groups": (lambda: chain(*(block(i, o, norm=halves) for i, o in ((2, 4), (4, 4), (4, 2)))), (2, 8, 8)),
    "mixed groups": (
        lambda: chain(block(2, 4, norm=halves, bias=False), block(4, 3), block(3, 4, norm=halves)),
        (2, 8, 8),
    ),
    "instance norm": (
        lambda: chain(
            block(2, 3, norm=nn.InstanceNorm2d), block(3, 4, norm=lambda c: nn.InstanceNorm2d(c, affine=True))
        ),
        (2, 8, 8),
    ),
    "no norm": (lambda: chain(block(2, 4, norm=None), block(4, 3, norm=None)), (2, 8, 8)),
    "batch norm": (lambda: chain(block(2, 4, norm=nn.BatchNorm2d), block(4, 3, norm=nn.BatchNorm2d)), (2, 8, 8)),
    "all norms": (
        lambda: chain(block(2, 4, norm=nn.BatchNorm2d), block(4, 4, norm=halves), block(4, 3, norm=None), block(3, 3)),
        (2, 16, 16),
    ),
    "strides": (
        lambda: chain(
            block(2, 4, stride=2, pool=None),
            block(4, 4, groups=2, pool=nn.MaxPool2d(2, padding=1)),
            block(4, 3, dilation=2, padding=2, pool=nn.AvgPool2d(3, 2, 1)),
        ),
        (2, 9, 9),
    ),
    "paddings": (
        lambda: chain(
            block(2, 4, padding_mode="reflect", pool=nn.AvgPool2d(2, ceil_mode=True)),
            block(4, 4, padding_mode="circular", activation=nn.LeakyReLU(0.1, inplace=True)),
            block(4, 3, kernel=4, padding="same", pool=nn.AdaptiveAvgPool2d(2), activation=nn.ReLU6()),
            head=(nn.Linear(12, 5), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(5, 3)),
        ),
        (2, 7, 7),
    ),
    "odd order": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3),
            nn.ReLU(),
            nn.GroupNorm(2, 4),
            nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.Hardtanh(), nn.InstanceNorm2d(4, affine=True)),
            nn.GroupNorm(1, 4),
            nn.BatchNorm2d(4),
            nn.Identity(),
            nn.Conv2d(4, 3, 1),
            nn.GroupNorm(3, 3, affine=False),
            nn.Flatten(),
            nn.LazyLinear(3),
        ),
        (2, 7, 7),
    ),
    "perceptron": (lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)), (5,)),
    "residual, batch norm": (lambda: Residual(nn.BatchNorm2d), (2, 6, 6)),
    "residual, group norm": (lambda: Residual(halves), (2, 6, 6)),
    "residual, instance norm": (lambda: Residual(instance), (2, 6, 6)),
}


def prepare(name: str, count: int, seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    """Build a network of random values, affine parameters and statistics included, in float64 evaluation mode."""
    make, shape = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net, images = make(), torch.randn(count, *shape)
        net.eval()(images[:1])
        net.double()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.copy_(torch.randn_like(parameter) * 0.5)
            for module in net.modules():
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                    module.running_mean.normal_()
                    module.running_var.uniform_(0.5, 2)
        return net, images.double(), torch.randint(0, 3, (count,))


def dense(net: nn.Module, images: Tensor, labels: Tensor, mask: dict[str, Tensor] | None = None) -> Tensor:
    """Return the whole Hessian by reverse over reverse differentiation."""
    values = {name: parameter.detach() for name, parameter in net.named_parameters()}
    sizes = [value.numel() for value in values.values()]

    def loss(flat: Tensor) -> Tensor:
        parts = {n: p.view_as(values[n]) for n, p in zip(values, flat.split(sizes), strict=True)}
        parts = {n: p * mask[n] if mask and n in mask else p for n, p in parts.items()}
        return nn.functional.cross_entropy(torch.func.functional_call(net, parts, (images,)), labels)

    return torch.autograd.functional.hessian(loss, torch.cat([v.flatten() for v in values.values()]), vectorize=True)


def flat(diag: dict[str, Tensor]) -> Tensor:
    return torch.cat([value.flatten() for value in diag.values()])


def error(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).abs().max() / wanted.abs().max())


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("name", NETWORKS)
def test_diagonal_is_the_dense_hessians(name: str, count: int) -> None:
    net, images, labels = prepare(name, count)
    steps = graph.read(net)
    problem = pose(net, images, labels)
    structured.verify(steps, problem)  # the fast method covers it, no fallback
    diag = hessian.diagonal(net, images, labels)
    assert list(diag) == [n for n, _ in net.named_parameters()]
    assert all(diag[n].shape == p.shape for n, p in net.named_parameters())
    assert error(flat(diag), dense(net, images, labels).diagonal()) < EXACT


@pytest.mark.parametrize("name", ["depth 3", "two groups", "strides", "residual, group norm"])
def test_small_memory_changes_nothing(name: str) -> None:
    """Every image, direction and form in chunks of its own, against all at once."""
    net, images, labels = prepare(name, 5)
    problem, steps = pose(net, images, labels), graph.read(net)
    once = structured.diagonal(steps, problem, True, structured.Budget(2**40, 2**40))
    pieces = structured.diagonal(steps, problem, True, structured.Budget(1, 1))
    assert error(flat(pieces), flat(once)) < EXACT


@pytest.mark.parametrize("name", ["depth 3", "two groups", "no norm", "strides", "residual, instance norm"])
def test_masked_weights_are_skipped_and_exact_zeros(name: str) -> None:
    net, images, labels = prepare(name, 3)
    draw = torch.Generator().manual_seed(5)
    mask = {n: torch.rand(p.shape, generator=draw) < 0.4 for n, p in net.named_parameters() if p.dim() > 1}
    first = next(iter(mask))
    mask[first][0] = False  # a channel without any weight left
    before = copy.deepcopy(net.state_dict())
    diag = hessian.diagonal(net, images, labels, mask)
    assert error(flat(diag), dense(net, images, labels, mask).diagonal()) < EXACT
    assert all(bool((diag[n][~kept] == 0).all()) for n, kept in mask.items())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_biases_before_a_norm_of_single_channels_are_exact_zeros() -> None:
    net, images, labels = prepare("depth 3", 3)
    diag = hessian.diagonal(net.float(), images, labels)
    assert all(not bool(diag[f"{i}.bias"].any()) for i in (0, 4, 8))
    assert bool(diag["1.bias"].any())


def test_single_precision_gives_four_digits_of_the_five_columns() -> None:
    net, images, labels = prepare("depth 3", 16)
    exact = hessian.summary(hessian.diagonal(net, images, labels))
    single = hessian.diagonal(copy.deepcopy(net).float(), images, labels)
    assert {value.dtype for value in single.values()} == {torch.float32}
    for column in ("min", "max", "mean", "std", "mean_abs"):
        assert hessian.summary(single)[column] == pytest.approx(exact[column], rel=5e-5)


def test_caller_state_survives() -> None:
    """Gradients, modes, frozen parameters and random state are the caller's; frozen parameters are included."""
    net, images, labels = prepare("depth 2, no bias", 2)
    wanted = flat(hessian.diagonal(net, images, labels))
    net.train()
    next(net.parameters()).requires_grad_(False)
    state = torch.get_rng_state()
    with torch.inference_mode():
        inside = flat(hessian.diagonal(net, images.clone(), labels))
    with torch.no_grad():
        assert torch.equal(flat(hessian.diagonal(net, images, labels)), wanted)
    assert torch.equal(inside, wanted)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in net.parameters())
    assert not next(net.parameters()).requires_grad


@pytest.mark.parametrize("name", ["no norm", "batch norm", "perceptron", "residual, batch norm"])
def test_gauss_newton_is_the_hessian_without_image_norms(name: str) -> None:
    net, images, labels = prepare(name, 4)
    gauss_newton = flat(hessian.gauss_newton_diagonal(net, images, labels))
    assert error(gauss_newton, dense(net, images, labels).diagonal()) < EXACT
    assert float(gauss_newton.min()) >= 0


def test_gauss_newton_with_image_norms_is_the_definition() -> None:
    net, images, labels = prepare("depth 2, no bias", 4)
    values = {n: p.detach() for n, p in net.named_parameters()}
    jacobian = torch.func.jacrev(lambda given: torch.func.functional_call(net, given, (images,)))(values)
    p = net(images).detach().softmax(1)
    curvature = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    got = hessian.gauss_newton_diagonal(net, images, labels)
    for name, derivative in jacobian.items():
        rows = derivative.flatten(2)
        wanted = torch.einsum("nai,nab,nbi->i", rows, curvature, rows) / len(images)
        torch.testing.assert_close(got[name].flatten(), wanted, rtol=EXACT, atol=1e-14)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.inner(torch.relu(self.inner(x)))))


class Product(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.left(x) * self.right(x)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) if float(x.detach().sum()) > 1e9 else self.head(x.square())


class Overwritten(nn.Module):
    """Reads a tensor again after an activation has overwritten it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head, self.relu = nn.Linear(4, 4), nn.Linear(4, 3), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.head(self.relu(x) + x)


class Doubled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.weight.mean()


def tied() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 4, bias=False))
    net[2].weight = net[0].weight
    return net


def hooked() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
    net[0].register_forward_hook(lambda module, inputs, output: output**2)
    return net


def pruned() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
    prune.l1_unstructured(net[0], "weight", 0.5)
    return net


def normed() -> nn.Module:
    return nn.Sequential(torch.nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 3))


OTHERS: dict[str, Callable[[], nn.Module]] = {
    **{
        form.__name__: lambda form=form: nn.Sequential(nn.Linear(4, 4), form(), nn.Linear(4, 3))
        for form in (nn.GELU, nn.Tanh, nn.Softplus, nn.SiLU, nn.PReLU, nn.Sigmoid, nn.ELU)
    },
    "LayerNorm": lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 3)),
    "GroupNorm of vectors": lambda: nn.Sequential(nn.Linear(4, 4), nn.GroupNorm(2, 4), nn.ReLU(), nn.Linear(4, 3)),
    "bilinear": Product,
    "shared layer": Twice,
    "tied weights": tied,
    "branching": Branching,
    "overwritten": Overwritten,
    "subclass": lambda: nn.Sequential(Doubled(4, 4), nn.ReLU(), nn.Linear(4, 3)),
    "hook": hooked,
    "torch.nn.utils.prune": pruned,
    "weight norm": normed,
    "softmax at the end": lambda: nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(1)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_everything_else_is_exact_or_refused(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net, images, labels = OTHERS[name]().double(), torch.randn(6, 4).double(), torch.randint(0, 3, (6,))
    with pytest.raises(graph.Unsupported):
        structured.verify(graph.read(net), pose(net, images, labels))
    assert error(flat(hessian.diagonal(net, images, labels)), dense(net, images, labels).diagonal()) < EXACT
    with pytest.raises(InputError, match="too many for a double backward"):
        hessian.diagonal(net, images, labels, fallback_limit=3)
    with pytest.raises(InputError, match="no exact Gauss-Newton diagonal for"):
        hessian.gauss_newton_diagonal(net, images, labels)


def test_fallback_honours_masks() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    images, labels = torch.randn(6, 4).double(), torch.randint(0, 3, (6,))
    mask = {"0.weight": torch.eye(4).bool()}
    done: list[tuple[int, int]] = []
    diag = hessian.diagonal(net, images, labels, mask, progress=lambda i, n, _: done.append((i, n)))
    assert error(flat(diag), dense(net, images, labels, mask).diagonal()) < EXACT
    assert done[-1] == (4 + 4 + 15, 4 + 4 + 15)


def test_batch_norm_in_training_mode_says_so_and_stays_exact() -> None:
    net, images, labels = prepare("batch norm", 5)
    net.train()
    before = copy.deepcopy(net.state_dict())
    with pytest.warns(UserWarning, match=r"statistics of the batch.*net\.eval\(\)"):
        diag = hessian.diagonal(net, images, labels)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert error(flat(diag), dense(net, images, labels).diagonal()) < EXACT
    with pytest.raises(InputError, match=r"net\.eval\(\)"):
        hessian.diagonal(net, images, labels, fallback_limit=10)


def test_loop_agrees_with_the_fast_method() -> None:
    net, images, labels = prepare("two groups", 3)
    fast = flat(hessian.diagonal(net, images, labels))
    assert error(flat(loop.diagonal(pose(net, images, labels))), fast) < EXACT


def test_a_network_without_norms_does_not_wait_for_sympy() -> None:
    """Which takes PyTorch seconds in a new process, many times the diagonal of a small network."""
    code = """
import sys, torch
from distilled_pruning import hessian, models
net = models.build("convnet3", width=2, size=8, channels=1, classes=2, norm="none")
with torch.no_grad():
    hessian.diagonal(net, torch.randn(2, 1, 8, 8), torch.tensor([0, 1]))
sys.exit("sympy" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_progress_counts_images() -> None:
    net, images, labels = prepare("depth 1", 3)
    done: list[tuple[int, int]] = []
    hessian.diagonal(net, images, labels, progress=lambda i, n, _: done.append((i, n)))
    assert done[-1] == (3, 3)


class TestSpectrum:
    """Trace and eigenvalues against dense spectra, and a loss whose Hessian is known in closed form."""

    def test_hutchinson_agrees_within_its_error(self) -> None:
        net, images, labels = prepare("depth 2, no bias", 5)
        wanted = float(dense(net, images, labels).trace())
        estimate = hessian.trace(net, images, labels, probes=400)
        assert abs(estimate.value - wanted) < 4 * estimate.error
        assert 0 < estimate.error < 0.2 * abs(wanted)
        assert hessian.trace(net, images, labels, probes=400) == estimate
        assert math.isnan(hessian.trace(net, images, labels, probes=1).error)

    def test_masked_trace_is_that_of_the_survivors(self) -> None:
        net, images, labels = prepare("depth 1", 4)
        mask = {"0.weight": torch.zeros(4, 2, 3, 3).bool()}
        mask["0.weight"][0] = True
        wanted = float(flat(hessian.diagonal(net, images, labels, mask)).sum())
        estimate = hessian.trace(net, images, labels, mask, probes=300)
        assert abs(estimate.value - wanted) < 4 * estimate.error

    @pytest.mark.parametrize("end", ["largest", "smallest", "magnitude"])
    def test_lanczos_agrees_within_its_residuals(self, end: str) -> None:
        net, images, labels = prepare("depth 2, no bias", 5)
        values = torch.linalg.eigvalsh(dense(net, images, labels))
        key = {"largest": -values, "smallest": values, "magnitude": -values.abs()}[end]
        wanted = values[key.argsort()[:4]]
        found = hessian.top_eigenvalues(net, images, labels, count=4, end=end, iterations=200, tolerance=1e-6)
        for value, residual, true in zip(found.values, found.residuals, wanted.tolist(), strict=True):
            assert abs(value - true) <= residual + 1e-10
            assert residual <= 1e-6 * float(values.abs().max())

    def test_too_few_iterations_show_in_the_residuals(self) -> None:
        net, images, labels = prepare("depth 2, no bias", 5)
        found = hessian.top_eigenvalues(net, images, labels, count=3, iterations=4)
        assert found.iterations == 4
        assert max(found.residuals) > 1e-4 * max(map(abs, found.values))

    def test_softmax_regression_has_a_closed_form(self) -> None:
        """One linear layer: H is the mean of kron(diag(p) - pp', xx')."""
        draw = torch.Generator().manual_seed(0)
        images, labels = torch.randn(9, 4, generator=draw).double(), torch.arange(9) % 3
        net = nn.Linear(4, 3, bias=False).double()
        net = nn.Sequential(net)
        p = net(images).detach().softmax(1)
        inner = torch.diag_embed(p) - p[:, :, None] * p[:, None]
        whole = sum(torch.kron(inner[i], images[i].outer(images[i])) for i in range(9)) / 9
        assert error(flat(hessian.diagonal(net, images, labels)), whole.diagonal()) < EXACT
        top = hessian.top_eigenvalues(net, images, labels, count=1, tolerance=1e-10)
        assert top.values[0] == pytest.approx(float(torch.linalg.eigvalsh(whole)[-1]), rel=1e-8)

    def test_linear_least_squares_has_a_closed_form(self) -> None:
        """Half the mean squared error of Wx: H is kron(I, mean of xx'), whatever the targets."""

        class LeastSquares(Problem):
            def loss(self, params: Mapping[str, torch.Tensor]) -> torch.Tensor:
                targets = torch.nn.functional.one_hot(self.labels, 3).to(self.images)
                return (self.logits(params) - targets).square().sum() / (2 * len(self.images))

        draw = torch.Generator().manual_seed(1)
        images, labels = torch.randn(9, 4, generator=draw).double(), torch.arange(9) % 3
        posed = pose(nn.Sequential(nn.Linear(4, 3, bias=False).double()), images, labels)
        problem = LeastSquares(posed.net, posed.params, posed.images, posed.labels, posed.keep)
        whole = torch.kron(torch.eye(3, dtype=torch.float64), images.T @ images / 9)
        values = torch.linalg.eigvalsh(whole).flip(0)
        top = krylov.lanczos(problem, 1, "largest", 12, 1e-10, 0)
        assert top.values[0] == pytest.approx(float(values[0]), rel=1e-10)
        low = krylov.lanczos(problem, 1, "smallest", 12, 1e-10, 0)
        assert low.values[0] == pytest.approx(float(values[-1]), rel=1e-8)
        estimate = krylov.hutchinson(problem, 200, 0)
        assert abs(estimate.value - float(whole.trace())) < 4 * estimate.error

    def test_refusals(self) -> None:
        net, images, labels = prepare("depth 1", 2)
        with pytest.raises(InputError, match="probes must be at least 1"):
            hessian.trace(net, images, labels, probes=0)
        with pytest.raises(InputError, match="unknown end of the spectrum 'larges'"):
            hessian.top_eigenvalues(net, images, labels, end="larges")
        with pytest.raises(InputError, match="iterations at least count"):
            hessian.top_eigenvalues(net, images, labels, count=5, iterations=2)


class TestSummary:
    def test_columns_with_and_without_zeros(self) -> None:
        diag = {"w": torch.tensor([1.0, -3.0, 0.0, 5.0]), "b": torch.tensor([0.0, 2.0])}
        mask = {"w": torch.tensor([True, True, False, True])}
        table = hessian.summary(diag, mask)
        assert [table[k] for k in ("min", "max", "mean", "mean_abs", "count")] == pytest.approx(
            [-3, 5, 5 / 6, 11 / 6, 6]
        )
        assert table["std"] == pytest.approx(float(torch.tensor([1.0, -3, 0, 5, 0, 2]).std(correction=0)))
        assert (table["count_kept"], table["mean_kept"]) == (5, 1.0)
        assert (table["count_nonzero"], table["mean_nonzero"]) == (4, 1.25)

    def test_without_a_mask_everything_is_kept(self) -> None:
        table = hessian.summary({"w": torch.tensor([1.0, 0.0])})
        assert (table["count"], table["count_kept"], table["count_nonzero"]) == (2, 2, 1)
        assert math.isnan(hessian.summary({"w": torch.zeros(2)})["mean_nonzero"])

    def test_a_foreign_mask_is_refused(self) -> None:
        with pytest.raises(InputError, match="does not fit the diagonal"):
            hessian.summary({"w": torch.zeros(2)}, {"v": torch.ones(2).bool()})

    def test_sharpness_ignores_rescaling(self) -> None:
        """Scaling one layer up and the next down leaves a ReLU network's function, and w^2 h, as they are."""
        net, images, labels = prepare("no norm", 4)
        scaled = copy.deepcopy(net)
        with torch.no_grad():
            for parameter in (scaled[0].weight, scaled[0].bias):
                parameter.mul_(3)
            scaled[3].weight.div_(3)
        diags = [hessian.diagonal(each, images, labels) for each in (net, scaled)]
        first, second = (hessian.sharpness(each, diag) for each, diag in zip((net, scaled), diags, strict=True))
        assert second == pytest.approx(first, rel=1e-10)
        assert hessian.summary(diags[0])["mean"] != pytest.approx(hessian.summary(diags[1])["mean"], rel=0.1)
        with pytest.raises(InputError, match="no entry for the parameter"):
            hessian.sharpness(net, {})


class TestRefusals:
    """One sentence each, wherever the input is no network, batch or mask."""

    @staticmethod
    def refused(match: str, **changes: object) -> None:
        net, images, labels = prepare("depth 1", 2)
        given = {"net": net, "images": images, "labels": labels, **changes}
        with pytest.raises(InputError, match=match) as caught:
            hessian.diagonal(**given)
        assert "\n" not in str(caught.value)

    def test_weights_not_finite(self) -> None:
        net, _, _ = prepare("depth 1", 1)
        net[0].weight.data[0, 0, 0, 0] = math.nan
        self.refused("'0.weight' holds values that are not finite", net=net)

    def test_images(self) -> None:
        self.refused("normalised floats, not torch.uint8", images=torch.zeros(2, 2, 8, 8, dtype=torch.uint8))
        self.refused("images hold values that are not finite", images=torch.full((2, 2, 8, 8), math.inf))
        self.refused("one integer label an image", labels=torch.zeros(3, dtype=torch.long))
        self.refused("one integer label an image", images=torch.zeros(0, 2, 8, 8), labels=torch.zeros(0).long())
        self.refused("labels must be 0 to 2", labels=torch.tensor([0, 3]))

    def test_masks(self) -> None:
        self.refused("the mask is empty", mask={})
        self.refused("the mask is empty", mask={"0.weight": torch.zeros(4, 2, 3, 3).bool()})
        self.refused("unknown parameter in the mask '0.weigth'", mask={"0.weigth": torch.ones(4, 2, 3, 3).bool()})
        self.refused("mask of '0.weight' has shape", mask={"0.weight": torch.ones(2).bool()})

    def test_networks(self) -> None:
        self.refused("no parameters", net=nn.Flatten())
        self.refused("all be float32 or all float64", net=prepare("depth 1", 1)[0].half())
        self.refused("logits of shape", net=nn.Conv2d(2, 3, 1).double())
        dropping = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(128, 3)).double()
        self.refused("output is random", net=dropping)
        self.refused("does not take images of 2x8x8", net=nn.Conv2d(3, 3, 1).double())


def test_a_diagonal_is_summed_up_by_who_keeps_the_weights() -> None:
    """Four weights, one in each group, worked out by hand: w = 1, 2, 3, 4 and h = 1, -2, 3, -4."""
    net = nn.Linear(4, 1, bias=False)
    net.weight.data = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    diag = {"weight": torch.tensor([[1.0, -2.0, 3.0, -4.0]], dtype=torch.float64)}
    a = {"weight": torch.tensor([[True, True, False, False]])}
    b = {"weight": torch.tensor([[True, False, True, False]])}
    found = hessian.by_membership(net, diag, a, b)
    assert {name: part["mean_abs"] for name, part in found.items()} == {"both": 1, "a": 2, "b": 3, "neither": 4}
    saliencies = {name: part["mean_saliency"] for name, part in found.items()}
    assert saliencies == {"both": 1, "a": -8, "b": 27, "neither": -64}
    assert all(part["count"] == 1 for part in found.values())
    alone = hessian.by_membership(net, diag, a, a)
    assert alone["a"]["count"] == 0 and math.isnan(alone["a"]["mean_abs"])
    with pytest.raises(InputError, match="belong to different networks"):
        hessian.by_membership(net, diag, a, {"other": a["weight"]})
    with pytest.raises(InputError, match="belong to different networks"):
        hessian.by_membership(net, diag, {}, {})
    assert hessian.by_membership(net, diag, {"weight": 0.5 * a["weight"]}, b) == found, "what keeps is not zero"


def test_nothing_is_summed_up_of_no_diagonal() -> None:
    with pytest.raises(InputError, match="the diagonal has no parameter"):
        hessian.summary({})
