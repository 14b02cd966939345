"""Additions from outside: each is made in a module beside the book, as CONTRIBUTING shows it; a page runs with it.

So `distilled-pruning --plugins` is run here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from distilled_pruning import plugins
from distilled_pruning.data import catalog
from distilled_pruning.distillation.methods import DISTILLERS
from distilled_pruning.errors import InputError
from distilled_pruning.exits import FAILED, WRONG as WRONG_INPUT
from distilled_pruning.models import networks
from distilled_pruning.study.jobs import ways
from distilled_pruning.study.sections.registry import EXPERIMENTS

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[1]
SHOWN = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Adding from outside")[2]
BLOCKS = re.findall(r"```python\n(.*?)```", SHOWN.partition("\n## ")[0], re.DOTALL)
MODULE = "additions"
CALLS = [call.replace("my_additions", MODULE) for call in re.findall(r"`(page\.\w+\(.*?\))`", SHOWN)]
TINY = {
    "dataset": "stripes", "image_size": 0, "model": "twolayer", "width": 4, "distiller": "classmean",
    "methods": "dense,imp,distilled,herded-real", "ipc": 1, "distill_iterations": 0, "distill_width": 4, "levels": 1,
    "measured_levels": "1", "seeds": 3, "dense_seeds": 0, "replicates": 2, "epochs": 1, "batch_size": 30,
    "inner_steps": 2, "inner_learning_rate": "0.1", "alphas": 3, "line_images": 0, "augmentation": "",
}  # fmt: skip
TELL = """
import json, sys
from distilled_pruning import results
parameters = json.loads(sys.argv[1])
frame = results.frame("norms", "run", store=sys.argv[2], **parameters)
claims = results.claims("run", "s4-stability", store=sys.argv[2], **parameters).set_index("id")
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.sections.section import Section
from distilled_pruning.study.engine.store import Store
section = Section(resolve("s4-stability", parameters.items()), Store(sys.argv[2]))
import additions
additions.draw(section.frame("norms")).savefig(sys.argv[2] + "/norms.png")
from distilled_pruning.study.book import notebook
page = notebook.start("s4-stability", {**parameters, "store": sys.argv[2]})
figure, judged = (eval(call)._repr_html_() for call in sys.argv[3:])
jobs = {type(job).__name__: job for job in section.graph}
print(json.dumps({
    "barriers": section.frame("barriers").to_dict("records"),
    "norms": section.frame("norms").to_dict("records"),
    "read": [len(frame), claims.loc["weights-there", "verdict"]],
    "shown": figure, "judged": judged,
    "methods": sorted({job.method for job in section.graph if type(job).__name__ == "Distill"}),
    "code": [job.spec()["fields"].get("code") for job in section.graph if type(job).__name__ == "Distill"],
}))
"""


@dataclass
class Run:
    """What a page with all additions left behind."""

    done: dict[str, Any]
    told: dict[str, Any]
    verdicts: dict[str, Any]
    folder: Path


def call(folder: Path, *words: str) -> str:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", plugins.ENVIRONMENT: MODULE}
    env["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT / "lib")])
    found = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=400)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("beside")
    (folder / f"{MODULE}.py").write_text("\n\n".join(BLOCKS), encoding="utf-8")
    store = folder / "store"
    pairs = [word for name, value in TINY.items() for word in ("-p", name, str(value))]
    command = (sys.executable, "-m", "distilled_pruning", "--plugins", MODULE)
    options = (*pairs, "--store", str(store))
    done = json.loads(call(folder, *command, "run", "s4-stability", *options, "--jobs", "2", "--json"))
    told = json.loads(call(folder, sys.executable, "-c", TELL, json.dumps(TINY), str(store), *CALLS))
    verdicts = json.loads(call(folder, *command, "check", "s4-stability", *options, "--json"))
    return Run(done, told, {item["id"]: item for item in verdicts["claims"]}, folder)


def test_each_addition_is_shown_in_under_fifteen_lines() -> None:
    assert len(BLOCKS) == 7
    for block in BLOCKS:
        assert len([line for line in block.splitlines() if line.strip()]) < 15, block


def test_a_dataset_and_a_network_are_rows_of_the_page(page: Run) -> None:
    rows = page.told["barriers"]
    assert {row["dataset"] for row in rows} == {"stripes"} and {row["model"] for row in rows} == {"twolayer"}


def test_a_distiller_makes_the_sets_and_its_source_is_part_of_their_key(page: Run) -> None:
    assert page.told["methods"] == ["classmean", "herding"]
    codes = {code for code in page.told["code"] if code}
    assert len(codes) == 1 and None in page.told["code"], "the house's own methods are known by their version"


def test_a_way_to_find_masks_is_compared_with_the_others(page: Run) -> None:
    methods = {row["method"] for row in page.told["barriers"]}
    assert methods == {"dense", "imp", "distilled", "herded-real"}


def test_a_measuring_job_fills_a_figure(page: Run) -> None:
    rows = page.told["norms"]
    assert len(rows) == 3 * 4 and all(row["largest"] > 0 for row in rows)
    assert (page.folder / "store" / "norms.png").stat().st_size > 1000
    assert "<img" in page.told["shown"] and "run norms -p" in page.told["shown"], (
        "as CONTRIBUTING has a notebook show it"
    )


def test_a_claim_is_judged_on_its_page(page: Run) -> None:
    found = page.verdicts["weights-there"]
    assert found["verdict"] == "supported", found
    assert "Tickets have weights" in page.told["judged"], "as CONTRIBUTING has a notebook show it"


def test_its_figures_and_claims_are_read_from_python(page: Run) -> None:
    assert page.told["read"] == [3 * 4, "supported"]


def test_nothing_of_it_stays_without_the_plugin() -> None:
    assert "stripes" not in catalog.DATASETS and "twolayer" not in networks.NAMED and "classmean" not in DISTILLERS
    assert "herded-real" not in ways.WAYS and "norms" not in EXPERIMENTS


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "there is no plugin 'absent_one': put absent_one.py into this folder, install it, or leave it out of"),
        ("raise SystemExit(0)", "plugin absent_one cannot be imported (SystemExit: 0): mend it"),
        ("1 / 0", "plugin absent_one cannot be imported (ZeroDivisionError: division by zero): mend it"),
        ("import nowhere_at_all", "plugin absent_one cannot be imported (ModuleNotFoundError: No module named"),
        (
            "from distilled_pruning.study.jobs.ways import Kind, Way, add\n"
            "add(Way('imp', 'Mine', '#000000', Kind.UNTRAINED))",
            "plugin absent_one cannot be used: there is already a way to find masks called 'imp': give the other one",
        ),
    ],
)
def test_a_plugin_that_cannot_be_used_is_a_sentence(
    text: str | None, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(plugins.ENVIRONMENT, " absent_one ")
    if text is not None:
        (tmp_path / "absent_one.py").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        plugins.load()
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize("name", ["my.py", "./my_additions", "folder/my_additions", ".my_additions", "my..additions"])
def test_a_file_is_no_name_of_a_plugin(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugins.ENVIRONMENT, name)
    with pytest.raises(InputError, match="is no name of a plugin: name the module as"):
        plugins.load()


MAKE = """
import numpy as np
from distilled_pruning.data import Arrays, dataset

@dataset("mine", **({{"classes": ("a", "b"), "size": 8, "channels": 1, "train": 60, "test": 20}} | dict({declared})))
def make({takes}):
    labels = np.arange(80) % 2
    images = np.random.default_rng(0).random((80, 1, 8, 8), dtype=np.float32)
    {first}
    return Arrays(images[:60], labels[:60], images[60:], labels[60:], ("a", "b"))
"""
NETWORK = "from distilled_pruning.models import network"
DISTILLER = "from distilled_pruning.distillation.methods import distiller"
WAY = """
from distilled_pruning.study.jobs import Distill
from distilled_pruning.study.jobs.ways import Kind, Way, add
add(Way("mine", "Mine", {colour}, {kind}, lambda setup, seed: {gives}))
"""
CLAIM = """
from distilled_pruning.study.judging.claims import OURS, claim
@claim("{name}", paper=OURS, where="x", statement="s.", rule="r.", frames={frames})
def judge({takes}): {body}
"""
FIGURE = """
from distilled_pruning.study.sections.common.experiment import experiment
@experiment("mine", "{page}", "t", lambda job, found, reader: [])
def plan(parameters): {body}
"""


def made(declared: str = "", takes: str = "", first: str = "") -> tuple[str, str]:
    return MAKE.format(
        declared=declared, takes=takes, first=first
    ), "plan -p dataset mine -p methods dense,random-real -p ipc 30"


def found_by(gives: str, kind: str = "Kind.SHORT_LOOP", colour: str = "'#000000'") -> tuple[str, str]:
    return WAY.format(gives=gives, kind=kind, colour=colour), "plan -p methods dense,mine"


def judged(body: str, takes: str = "frames", frames: str = "('fig3',)", name: str = "mine") -> tuple[str, str]:
    return CLAIM.format(body=body, takes=takes, frames=frames, name=name), "check"


def drawn(body: str, page: str = "s4-stability") -> tuple[str, str]:
    return FIGURE.format(body=body, page=page), "plan"


def distilled(text: str) -> tuple[str, str]:
    return f"{DISTILLER}\n{text}", "run -p distiller mine -p methods dense,distilled -p distill_width 4"


def named(text: str) -> tuple[str, str]:
    return f"{NETWORK}\n{text}", "plan"


STEP = "def step(problem, draft, iteration): "
BY = "dataset 'mine' (absent_one.make)"
WRONG = [
    (made("size=16"), f"{BY} gives training images of shape [60, 1, 8, 8] and declares [60, 1, 16, 16], which is"),
    (made("channels=3"), f"{BY} gives training images of shape [60, 1, 8, 8] and declares [60, 3, 8, 8], which is"),
    (made("train=50"), f"{BY} gives training images of shape [60, 1, 8, 8] and declares [50, 1, 8, 8], which is"),
    (made("size='8'"), "size of the dataset 'mine' must be a whole number of at least 1, not '8'"),
    (made("channels=2"), "channels of the dataset 'mine' must be 1 or 3, not 2"),
    (made("classes='ab'"), "classes of the dataset 'mine' must be the names of two or more, not 'ab'"),
    (made("classes=('a', 'b', 'c')"), f"{BY} gives the classes a, b and declares a, b, c: make them the same"),
    (made(first="images += np.random.default_rng().random()"), f"{BY} gives other arrays at each call: make the same"),
    (made(first="images[0] = np.nan"), f"{BY} gives NaN or infinite values in training images: give finite ones"),
    (
        made(first="labels[:20] = 1"),
        "ipc 30 is more than the 20 training images that the smallest class of mine has: choose",
    ),
    (made(first="images = images.astype(int)"), f"{BY} gives int64 numbers for training images: give a NumPy array"),
    (made(first="import torch; images = torch.ones(80, 1, 8, 8)"), f"{BY} gives a Tensor for training images: give"),
    (made(first="labels = list(labels)"), f"{BY} gives training labels that are no NumPy array of whole numbers"),
    (made(first="labels = labels[:70]"), f"{BY} gives 10 test labels for 20 images: give one for each"),
    (made(first="labels *= 9"), f"{BY} gives training labels from 0 to 9: give those from 0 to 1, for 2 classes"),
    (made(first="return None"), f"{BY} gives None: let it give distilled_pruning.data.Arrays"),
    (made(first="raise OSError('net down')"), f"{BY} fails (OSError: net down): mend it"),
    (made(first="raise SystemExit(0)"), f"{BY} fails (SystemExit: 0): mend it"),
    (made(takes="root"), f"{BY} takes (root): let it take ()"),
    (found_by("setup.nothing"), "the way 'mine' (absent_one.<lambda>) fails (AttributeError: 'Tickets' object has no"),
    (found_by("Distill(setup.data, 'herding', [1])"), "the way 'mine' (absent_one.<lambda>) fails (TypeError: unhash"),
    (found_by("None"), "the way 'mine' (absent_one.<lambda>) gives None to train on: give setup.data or a Distill"),
    (found_by("Distill(setup.data, 'nosuch', 1)"), "unknown distiller 'nosuch': choose one of"),
    (found_by("setup.data", colour="'red'"), "colour of the way 'mine' must be written as #2f6f4f, not 'red'"),
    (found_by("setup.data", kind="'short'"), "kind of the way 'mine' must be a Kind, as Kind.SHORT_LOOP, not 'short'"),
    (judged("raise KeyError('zz')"), "claim 'mine' (absent_one.judge) fails (KeyError: 'zz'): mend it"),
    (judged("return None"), "claim 'mine' (absent_one.judge) gives None: let it give a list of findings"),
    (judged("return ['yes']"), "claim 'mine' (absent_one.judge) gives ['yes']: let it give a list of findings"),
    (judged("return []", takes=""), "claim 'mine' (absent_one.judge) takes (): let it take (frames)"),
    (judged("return []", name="dense-unstable-conv"), "there is already a claim called 'dense-unstable-conv': give"),
    (judged("return []", frames="('nosuch',)"), "unknown figure in the frames of the claim 'mine': 'nosuch': choose"),
    (judged("return []", frames="'fig3'"), "frames of the claim 'mine' must be a tuple, as ('barriers',), not 'fig3'"),
    (drawn("return None"), "figure 'mine' (absent_one.plan) gives None: let it yield jobs, each with the columns"),
    (drawn("yield 3"), "figure 'mine' (absent_one.plan) gives 3: let it yield jobs, each with the columns"),
    (drawn("yield parameters.none, {}"), "figure 'mine' (absent_one.plan) fails (AttributeError: there is no param"),
    (drawn("yield 3", page="nosuch"), "figure 'mine' (absent_one.plan): unknown notebook 'nosuch': choose one of"),
    (
        distilled(f"@distiller('mine', iteration=3)\n{STEP}return 0."),
        "unknown setting of the distiller 'mine' 'iterati",
    ),
    (distilled(f"@distiller('mine', iterations='3')\n{STEP}return 0."), "iterations of the distiller 'mine' must be a"),
    (
        distilled("@distiller('mine')\ndef step(problem): return 0."),
        "distiller 'mine' (absent_one.step) takes (problem)",
    ),
    (distilled(f"@distiller\n{STEP}return 0."), "absent_one.step is to be a distiller and has no name: give it to"),
    (distilled(f"@distiller('easy')\n{STEP}return 0."), "there is already a distiller called 'easy': give the other"),
    (
        named("@network\ndef f(i, w, s): ..."),
        "absent_one.f is to be a network and has no name: give it to the decorator",
    ),
    (
        named("@network('convnet3')\ndef f(i, w, s): ..."),
        "there is already a network called 'convnet3': give the other",
    ),
    (named("@network('a,b')\ndef f(i, w, s): ..."), "'a,b' is no name of a network: begin with a letter or digit"),
    (named("@network('a b')\ndef f(i, w, s): ..."), "'a b' is no name of a network: begin with a letter or digit"),
    (named("network('mine')(lambda i, w, s: None)"), "network 'mine' (absent_one.<lambda>) is out of reach for jobs:"),
    (
        named("def a():\n  @network('mine')\n  def f(i, w, s): ...\na()"),
        "network 'mine' (absent_one.a.<locals>.f) is ou",
    ),
]


@pytest.mark.parametrize(("addition", "sentence"), WRONG)
def test_a_mistake_in_an_addition_is_a_sentence_before_anything_is_spent(
    addition: tuple[str, str], sentence: str, tmp_path: Path
) -> None:
    found = start(*addition, tmp_path)
    assert found.returncode == WRONG_INPUT, found.stderr
    said = found.stderr.removeprefix("distilled-pruning: ").removeprefix("plugin absent_one cannot be used: ")
    assert said.startswith(sentence) and said.count("\n") == 1
    assert not list(tmp_path.glob("store/*/*")), "nothing was computed"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("pass", "distiller 'mine' (absent_one.step) gives None: let it return the loss, a number"),
        ("raise ValueError('x')", "distiller 'mine' (absent_one.step) fails (ValueError: x): mend it"),
    ],
)
def test_a_distiller_that_fails_in_its_job_is_named(body: str, sentence: str, tmp_path: Path) -> None:
    found = start(*distilled(f"@distiller('mine', iterations=2)\n{STEP}{body}"), tmp_path)
    assert found.returncode == FAILED and sentence in found.stderr and "Traceback" not in found.stderr


def start(text: str, words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command beside a plugin."""
    (folder / "absent_one.py").write_text(text, encoding="utf-8")
    command, *changes = words.split()
    small = "image_size 8 width 4 levels 1 measured_levels 1 seeds 1 dense_seeds 0 replicates 2 epochs 1 inner_steps 2"
    pairs = [word for name, value in zip(*[iter(small.split())] * 2, strict=True) for word in ("-p", name, value)]
    line = [sys.executable, "-m", "distilled_pruning", "--plugins", "absent_one", command, "s4-stability", *pairs]
    line += ["-p", "methods", "dense,imp", "-p", "ipc", "1", "-p", "inner_learning_rate", "0.1", *changes]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    env["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT / "lib")])
    more = ["--store", str(folder / "store"), *(["--jobs", "1"] if command == "run" else [])]
    return subprocess.run([*line, *more], cwd=folder, env=env, capture_output=True, text=True, timeout=200)
