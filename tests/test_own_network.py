"""A network of one's own, by ``package.module:function``: built, known by its source, tried by the plan, and run."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from distilled_pruning import cli, data, distillation, hessian, models, pruning, training
from distilled_pruning.curvature import loop, trial
from distilled_pruning.curvature.problem import pose
from distilled_pruning.errors import InputError
from distilled_pruning.models import networks
from distilled_pruning.study.jobs import (
    Data,
    Distill,
    HessianDiagonal,
    MembershipCurvature,
    Network,
    Prune,
    Train,
    examine,
)
from distilled_pruning.study.parameters.notebooks import notebooks
from distilled_pruning.training.recipe import Recipe
from torch import nn

PAGE = Path(__file__).parents[1] / "book" / "own-network.md"
TINY = {"seeds": 1, "levels": 1, "measured_levels": "0,1", "epochs": 2, "inner_steps": 5, "sets": 1, "width": 4,
        "inner_learning_rate": 0.1, "ipc": 1, "subset": 100, "distill_iterations": 3, "hessian_images": 10}  # fmt: skip
NETS = '''
import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrizations

def plain(images, width, seed):
    width = width or 6
    return nn.Sequential(
        nn.Conv2d(images.channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(width, width, 3, padding=1, groups=2), nn.GroupNorm(2, width), nn.ReLU(),
        nn.Flatten(), nn.Linear(width * (images.size // 2) ** 2, images.classes),
    )

class Forked(nn.Module):
    """Two branches, a gate that no fast method of curvature knows, and no module for the pool."""

    def __init__(self, images, width):
        super().__init__()
        self.stem = nn.Conv2d(images.channels, width, 3)
        self.left, self.right = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.out = nn.Linear(width, images.classes)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.out((self.left(x) * torch.sigmoid(self.right(x))).mean((2, 3)))

def forked(images, width, seed):
    return Forked(images, width)

def big(images, width, seed):
    return Forked(images, 100)

def convolutional(images, width, seed):
    return nn.Sequential(nn.Conv2d(images.channels, images.classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def lonely(images, width, seed):
    return nn.Sequential(nn.Flatten(), nn.Linear(images.channels * images.size**2, 8), nn.BatchNorm1d(8), nn.ReLU(),
                         nn.Linear(8, images.classes))

def unseeded(images, width, seed):
    net = plain(images, width, seed)
    with torch.no_grad():
        net[0].weight.copy_(torch.from_numpy(np.random.default_rng().normal(size=net[0].weight.shape)))
    return net

def too_many(images, width, seed):
    return nn.Sequential(nn.Flatten(), nn.Linear(images.channels * images.size**2, images.classes + 1))

def fixed(images, width, seed):
    return nn.Sequential(nn.Flatten(), nn.Linear(17, images.classes))

def maps(images, width, seed):
    return nn.Conv2d(images.channels, images.classes, 3)

def failing(images, width, seed):
    raise RuntimeError("two\\nlines")

def nothing(images, width, seed):
    return None

def unprunable(images, width, seed):
    return nn.Sequential(nn.Flatten(1, 2), nn.Conv1d(images.channels * images.size, images.classes, images.size),
                         nn.Flatten())

def normed(images, width, seed):
    net = plain(images, width, seed)
    parametrizations.weight_norm(net[0])
    return net

class Attentive(nn.Module):
    """Patches that attend to each other."""

    def __init__(self, images, width):
        super().__init__()
        self.patches = nn.Conv2d(images.channels, width, 4, 4)
        self.block = nn.TransformerEncoderLayer(width, 2, width, activation="gelu", batch_first=True)
        self.out = nn.Linear(width, images.classes)

    def forward(self, x):
        return self.out(self.block(self.patches(x).flatten(2).transpose(1, 2)).mean(1))

def attentive(images, width, seed):
    return Attentive(images, width)

class Moody(nn.Module):
    """Another thing in training mode."""

    def __init__(self, net, other):
        super().__init__()
        self.net, self.other = net, other

    def forward(self, x):
        return self.other(self.net(x)) if self.training else self.net(x)

def untrainable(images, width, seed):
    return Moody(plain(images, width, seed), lambda logits: 1 / 0)

def auxiliary(images, width, seed):
    return Moody(plain(images, width, seed), lambda logits: (logits, logits))

def detached(images, width, seed):
    return Moody(plain(images, width, seed), lambda logits: logits.detach())

def spoilt(images, width, seed):
    return Moody(plain(images, width, seed), lambda logits: logits.exp().add_(logits.exp_()))

def endless(images, width, seed):
    return nn.Sequential(plain(images, width, seed), nn.Threshold(1e9, float("nan")))

def ending(images, width, seed):
    raise SystemExit(0)

class Ending(nn.Linear):
    def forward(self, x):
        raise SystemExit(0)

def ending_later(images, width, seed):
    return nn.Sequential(nn.Flatten(), Ending(images.channels * images.size**2, images.classes))

KEPT = []

def linear(images):
    return nn.Sequential(nn.Flatten(), nn.Linear(images.channels * images.size**2, images.classes))

def kept(images, width, seed):
    KEPT.append(linear(images))
    return KEPT[0]

class Stateful(nn.Flatten):
    def get_extra_state(self):
        return {"calls": 0}

    def set_extra_state(self, state):
        pass

def stateful(images, width, seed):
    return nn.Sequential(Stateful(), linear(images)[1])

def nowhere(images, width, seed):
    return linear(images).to("meta")

def parallel(images, width, seed):
    return nn.DataParallel(linear(images))

def printing(images, width, seed):
    print("a network!")
    return linear(images)

def lazy(images, width, seed):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(images.classes))

def empty(images, width, seed):
    return nn.Sequential(nn.Flatten(), nn.Linear(images.channels * images.size**2, width), nn.Linear(width, 10))

constant = 3
'''


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with ``nets.py`` in it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # an edit within a second would not show in the cached code
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "broken.py").write_text("import nowhere\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "__init__.py").write_text("")
    (tmp_path / "deep" / "inside.py").write_text("from nets import plain\n")
    yield tmp_path
    for name in ("nets", "broken", "deep", "deep.inside", "own_network"):
        sys.modules.pop(name, None)


def network(name: str, width: int = 4, **options: str) -> Network:
    return Network(f"nets:{name}", width, **options)


def trained(name: str, width: int = 4, recipe: Recipe = Recipe(epochs=1, batch_size=64)) -> Train:  # noqa: B008
    return Train(network(name, width), Data("digits"), recipe)


@pytest.mark.usefixtures("place")
def test_a_function_is_called_with_what_the_network_is_for() -> None:
    before = torch.get_rng_state()
    nets = [models.build("nets:plain", size=8, channels=3, classes=5, width=6, seed=seed) for seed in (0, 0, 1)]
    first, again, other = (net.state_dict() for net in nets)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.weight"], other["0.weight"])
    assert torch.equal(before, torch.get_rng_state())  # a seed of its own leaves the global generator alone
    assert nets[0](torch.zeros(2, 3, 8, 8)).shape == (2, 5) and nets[0].training
    usual = models.build("nets:plain", data.load("digits"))
    assert usual[0].weight.shape == (6, 1, 3, 3)
    drawn = models.build("nets:plain", data.load("digits"), init="kaiming")
    assert not drawn[0].bias.any()  # drawn anew, as for the papers' networks


@pytest.mark.usefixtures("place")
def test_a_module_may_lie_in_a_package() -> None:
    assert networks.source("deep.inside:plain").name == "inside.py"
    assert models.build("deep.inside:plain", size=8, channels=1, classes=2, width=2)[0].weight.shape[0] == 2


def test_an_edited_network_is_another_network(place: Path) -> None:
    jobs = lambda: (trained("plain"), Distill(Data("digits"), "dm", 1, model="nets:plain", width=4))  # noqa: E731
    before, wide = [job.key for job in jobs()], models.build("nets:plain", size=8, channels=1, classes=2, width=4)
    assert [job.key for job in jobs()] == before and trained("forked").key not in before
    planned = trained("plain")
    assert planned.key in before
    (place / "nets.py").write_text(NETS.replace("width = width or 6", "width = 2 * width"))
    assert not set(before) & {job.key for job in jobs()}
    again = models.build("nets:plain", size=8, channels=1, classes=2, width=4)
    assert again[0].weight.shape[0] == 2 * wide[0].weight.shape[0]  # not the code that was imported before
    with pytest.raises(InputError, match="has changed since this run was planned: start it again"):
        planned.perform(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nets:other", r"nets.py has no function 'other'"),
        ("nets:constant", r"nets.py has no function 'constant'"),
        ("nowhere:net", r"there is no module nowhere for 'nowhere:net': put nowhere.py into this folder"),
        ("nets.inner:net", r"module nets.inner of 'nets.inner:net' cannot be found"),
        ("broken:net", r"broken.py cannot be imported .ModuleNotFoundError: No module named 'nowhere'"),
        ("nets:", "is no network of your own: write it as package.module:function"),
        ("a b:net", "is no network of your own"),
        ("math:sin", "math of 'math:sin' is a module of Python itself: give your file another name"),
        ("nets:ending", r"makes no network of width 4 for images of 1x8x8 .SystemExit: 0"),
        ("nets:ending_later", r"does not take images of 1x8x8 .SystemExit: 0"),
        ("nets:kept", "returns the same weights each time it is called, trained or not: make new ones"),
        ("nets:stateful", r"keeps more than tensors in its state .0._extra_state.: have it keep tensors alone"),
        ("nets:nowhere", "makes a network whose 1.weight lies on meta: make it on the CPU"),
        ("nets:parallel", "returns a network wrapped as DataParallel: return the nn.Module itself"),
        ("nets:detached", "in training mode, returns what has no gradient: leave out detach"),
        ("nets:spoilt", "in training mode, has no gradient .RuntimeError"),
        ("nets:endless", "returns NaN or infinite values for images of noise"),
        ("nets:failing", r"makes no network of width 4 for images of 1x8x8 .RuntimeError: two lines"),
        ("nets:nothing", "returns a NoneType: return an nn.Module"),
        ("nets:unprunable", "no Conv2d or Linear layer, so nothing in it can be pruned"),
        ("nets:normed", "the weight of 0 is computed from others, as by weight_norm"),
        ("nets:unseeded", "gives other weights each time it is called: draw them from its seed"),
        ("nets:too_many", "returns 11 values for an image: return one for each of 10 classes"),
        ("nets:fixed", r"does not take images of 1x8x8 .RuntimeError"),
        ("nets:untrainable", r"in training mode, does not take images of 1x8x8 .ZeroDivisionError"),
        ("nets:auxiliary", "in training mode, returns a tuple for two images of 1x8x8: return logits"),
        ("nets:lazy", "makes a network whose 1.weight has no shape yet: call it once in the function"),
        ("nets:maps", r"returns a tensor of shape \[2, 10, 6, 6\] for two images"),
    ],
)
@pytest.mark.usefixtures("place")
def test_what_is_no_network_is_one_sentence_before_anything_is_done(name: str, sentence: str) -> None:
    job = Prune(Network(name, 4), Data("digits"))
    with pytest.raises(InputError, match=sentence) as caught:
        examine([job])
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("place")
def test_what_a_network_cannot_do_is_said_by_the_plan() -> None:
    batches = Recipe(epochs=1, batch_size=61)
    for job, sentence in (
        (trained("lonely", recipe=Recipe(epochs=1, batch_size=1436)), "leave a batch of one"),
        (Distill(Data("digits"), "dc", 1, model="nets:lonely", width=4), "a batch of one image has no variance"),
        (Distill(Data("digits"), "dm", 1, model="nets:convolutional", width=4), "cuts off the last linear layer"),
        (HessianDiagonal(trained("big")), r"no fast exact curvature covers .* of nets:big, and its 22,\d+ parameters"),
        (Train(network("plain", norm="batch"), Data("digits"), batches), "norm and depth are options of the papers'"),
        (trained("empty", 0), "makes a network with an empty weight 1.weight at width 0"),
    ):
        with pytest.raises(InputError, match=sentence) as caught:
            examine([job])
        assert "\n" not in str(caught.value)
    mask = Prune(network("big"), Data("digits"), levels=1, method="snip")
    few = Prune(network("big"), Data("digits"), levels=2, method="snip", fraction=0.5)
    small = Train(network("big"), Data("digits"), batches, mask=few)
    assert examine([HessianDiagonal(small), trained("convolutional"), trained("lonely")]) == ()
    with pytest.raises(InputError, match="no fast exact curvature"):
        examine([MembershipCurvature(small, mask, few)])  # masks save nothing there


@pytest.mark.usefixtures("place")
def test_sizes_are_counted_on_the_network_itself() -> None:
    net = models.build("nets:plain", size=8, channels=1, classes=10, width=4)
    found = trial.try_network("nets:plain", 4, networks.Images("digits", 8, 1, 10), "default", "", "")
    assert sum(weights * places for weights, places in found.layers) == models.macs(net, 8, 1)
    assert found.prunable == pruning.Mask.ones(net).total
    assert found.entries == sum(weight.numel() for weight in net.parameters())
    assert not found.uncovered and found.linear and found.alone


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["plain", "forked"])
def test_curvature_is_exact(name: str) -> None:
    digits = data.load("digits")
    net = models.build(f"nets:{name}", digits, width=4, seed=0).double().eval()
    mask = pruning.random(net, fraction=0.5)
    batch = digits.train.subset(10)
    images = batch.normalised().double()
    found = hessian.diagonal(net, images, batch.labels, mask)
    oracle = loop.diagonal(pose(net, images, batch.labels, mask), None)
    assert all(torch.allclose(found[n], oracle[n], rtol=1e-9, atol=1e-12) for n in oracle)  # rounding of float64


@pytest.mark.usefixtures("place")
def test_attention_is_differentiated_twice() -> None:
    digits = data.load("digits")
    net = models.build("nets:attentive", digits, width=4, seed=0).double().eval()
    batch = digits.train.subset(10)
    images, weight, step = batch.normalised().double(), net.block.linear1.weight, 1e-5

    def slope(shift: float) -> float:
        with torch.no_grad():
            weight[0, 0] += shift
        (found,) = torch.autograd.grad(nn.functional.cross_entropy(net(images), batch.labels), [weight])
        with torch.no_grad():
            weight[0, 0] -= shift
        return float(found[0, 0])

    found = float(hessian.diagonal(net, images, batch.labels)["block.linear1.weight"][0, 0])
    # Central differences are off by the square of the step, and by the rounding of a slope over it.
    assert found == pytest.approx((slope(step) - slope(-step)) / (2 * step), rel=1e-5, abs=1e-8)
    few = digits.train.subset(20)
    small = data.Dataset("digits", few, digits.test, digits.classes, digits.digest)
    for method, options in (("dc", {"real_batch": 2}), ("mtt", {"expert_batch": 5, "student_steps": 2})):
        made = distillation.distill(
            small, method=method, ipc=1, iterations=1, model="nets:attentive", width=4, device="cpu", **options
        )
        assert not torch.equal(made.images, made.start), method


@pytest.mark.thorough
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("page", notebooks())
def test_every_page_plans_it(page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", page, "-p", "model", "nets:plain", "--store", str(tmp_path / "store")]
    assert cli.main(words) == 0
    found = capsys.readouterr()
    assert "nets:plain" in found.out and not found.err


@pytest.mark.usefixtures("place")
def test_what_it_prints_is_no_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-p", "model", "nets:printing", "-p", "methods", "dense", "--store", str(tmp_path / "store"), "--json"]
    assert cli.main(["plan", "s4-stability", *words]) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["jobs"] and "a network!" in found.err


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["plain", "forked"])
def test_a_page_with_curvature_runs_it(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for pair in {**TINY, "model": f"nets:{name}"}.items() for word in ("-p", *map(str, pair))]
    assert cli.main(["run", "s4-2-hessian", *words, "--jobs", "1", "--store", str(tmp_path / "store")]) == 0
    assert "done: 14 jobs" in capsys.readouterr().err


def wrapped(net: nn.Module) -> dict[str, nn.Module]:
    return {
        "parallel": nn.DataParallel(net),
        "compiled": torch.compile(net),
        "both": torch.compile(nn.DataParallel(net)),
        "in part": nn.Sequential(torch.compile(net[:4]), nn.DataParallel(net[4:])),
    }


@pytest.mark.parametrize("how", ["parallel", "compiled", "both"])
def test_masks_survive_the_names_of_wrappers(how: str) -> None:
    digits = data.load("digits")
    net = models.build("convnet3", digits, width=4, seed=0)
    outside = wrapped(net)[how]
    mask = pruning.magnitude(net, fraction=0.5)
    theirs = pruning.magnitude(outside, fraction=0.5)
    assert list(theirs) != list(mask) and theirs.on(net) == mask and mask.on(outside) == theirs
    assert pruning.magnitude(outside, mask) == pruning.magnitude(outside, theirs)
    for given, target in ((theirs, net), (mask, outside)):
        given.apply(target)
        weights = pruning.prunable(net)
        assert all(not bool(weights[name].detach()[~mask[name]].any()) for name in mask)
    training.train(net, digits.train.subset(64), Recipe(steps=2, batch_size=32), theirs, device="cpu")
    assert all(not bool(pruning.prunable(net)[name].detach()[~mask[name]].any()) for name in mask)
    batch = digits.train.subset(10)
    plain = hessian.diagonal(net.eval(), batch.normalised(), batch.labels, mask)
    other = hessian.diagonal(net, batch.normalised(), batch.labels, theirs)
    assert all(torch.equal(plain[name], other[name]) for name in plain)
    assert hessian.summary(plain, theirs) == hessian.summary(plain, mask)


def test_a_mask_of_a_network_wrapped_in_part_fits_the_whole() -> None:
    net = models.build("convnet3", size=8, channels=1, classes=3, width=4)
    inside = nn.Sequential(torch.compile(nn.Sequential(net.conv1, net.norm1)), nn.DataParallel(nn.Sequential(net.head)))
    plain = nn.Sequential(nn.Sequential(net.conv1, net.norm1), nn.Sequential(net.head))
    assert pruning.Mask.ones(inside).on(plain) == pruning.Mask.ones(plain)


def test_a_mask_of_another_network_is_refused_as_before() -> None:
    net = models.build("convnet3", size=8, channels=1, classes=3, width=4)
    other = nn.DataParallel(models.build("alexnet", size=8, channels=1, classes=3, width=4))
    with pytest.raises(InputError, match=r"that the network has not|has shape"):
        pruning.Mask.ones(other).apply(net)


def blocks() -> list[tuple[str, str]]:
    """Give the code blocks of the page: language and text, in their order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.thorough
def test_the_page_runs_as_printed(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(place / "store"))
    code = blocks()
    assert [language for language, _ in code] == ["python", "shell", "shell", "shell", "python"]
    (place / "own_network.py").write_text(code[0][1])
    assert code[0][1].startswith("# own_network.py\n")
    for language, text in code[1:]:
        if language == "python":
            exec(compile(text, str(PAGE), "exec"), {})
            continue
        for line in text.splitlines():
            program, *words = shlex.split(line)
            assert program == "distilled-pruning" and cli.main(words) == 0, line
    assert re.search(r"36% removed, accuracy 0\.\d\d\n\d", capsys.readouterr().out)
