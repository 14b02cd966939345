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


@pytest.mark.parametrize("name", ["my_additions.py", "./my_additions", "folder/my_additions", ".my_additions"])
def test_a_file_is_no_name_of_a_plugin(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugins.ENVIRONMENT, name)
    with pytest.raises(InputError, match="is no name of a plugin: name the module as"):
        plugins.load()
