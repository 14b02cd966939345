"""Results read from Python: recorded and of a run alike, in any folder, and one sentence where there are none."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pretend
import pytest
import torch
from distilled_pruning import data, models, pruning, results, training
from distilled_pruning.cli import parser
from distilled_pruning.errors import InputError
from distilled_pruning.study.commands.computing import find_targets
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Connect, Data, Network, Prune, Train
from distilled_pruning.study.judging import claims as judged
from distilled_pruning.study.parameters import notebooks
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.results.recorded import Recorded
from distilled_pruning.study.sections.section import Section

SMALL: dict[str, Any] = {"levels": 2, "seeds": 2, "measured_levels": "2", "dense_seeds": 0}
RECIPE = training.Recipe(learning_rate=0.1, batch_size=64, steps=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Prune, Train, Connect]:
    """A store with a pruned network, trained on digits for three steps, and the line between two trainings."""
    digits, net = Data("digits"), Network("convnet3", 4, seed=3)
    mask = Prune(net, digits, source=digits, recipe=RECIPE)
    pair = [Train(net, digits, RECIPE, order_seed=order, mask=mask) for order in (0, 1)]
    line = Connect(*pair, alphas=3)
    root = tmp_path_factory.mktemp("store")
    assert not run([line], Store(root)).left
    return root, mask, pair[0], line


@pytest.mark.parametrize("figure", ["fig3", "hessian", "planes"])
def test_a_recorded_frame_is_what_was_recorded(figure: str) -> None:
    found = results.frame(figure)
    assert found.attrs == {"figure": figure, "evidence": "recorded", "scale": "reduced"}
    pd.testing.assert_frame_equal(found, Recorded(notebooks.home() / "results").table(figure, "reduced"))
    pd.testing.assert_frame_equal(found, results.frame(figure, "recorded"))


def test_a_frame_of_a_run_is_what_the_store_holds(tmp_path: Path) -> None:
    section = Section(resolve("s4-stability", [*SMALL.items(), ("store", str(tmp_path))]))
    with pytest.raises(InputError, match="holds no result of fig3: compute them with `distilled-pruning run ") as error:
        results.frame("fig3", "run", store=str(tmp_path), **SMALL)
    words = parser().parse_args(shlex.split(str(error.value).split("`")[1])[1:])
    (advised,) = find_targets(words)
    assert advised.section.store.root == tmp_path and list(advised.jobs) == list(section.jobs("fig3"))
    pretend.fill(section)
    found = results.frame("fig3", "run", store=str(tmp_path), **SMALL)
    assert found.attrs == {"figure": "fig3", "evidence": "run", "scale": section.parameters.scale}
    pd.testing.assert_frame_equal(found, section.frame("fig3"))
    assert results.frame("fig3", store=str(tmp_path), **SMALL).attrs["evidence"] == "run", "who gives parameters"


def test_what_is_not_recorded_comes_from_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_recorded", lambda: Recorded(tmp_path / "none"))
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(tmp_path / "store"))
    with pytest.raises(InputError, match="nothing is recorded of fig3: ask for evidence='run'"):
        results.frame("fig3", "recorded")
    pretend.fill(Section(resolve("s4-stability"), Store(tmp_path / "store")))
    assert results.frame("fig3").attrs["evidence"] == "run"


@pytest.mark.thorough
def test_claims_have_the_verdicts_of_their_evidence(tmp_path: Path) -> None:
    recorded = results.claims("recorded").set_index("id")
    assert list(recorded.index) == [claim.id for claim in judged.claims()]
    nothing = results.claims("run", store=str(tmp_path)).set_index("id")
    assert set(nothing["verdict"]) == {"not run"} and set(nothing["evidence"]) == {""}
    pretend.fill(Section(resolve("s4-stability", [*SMALL.items(), ("seeds", 3), ("store", str(tmp_path))])))
    small = {**SMALL, "seeds": 3, "distilled_levels": 1}  # section 6 prunes on distilled data before level 2
    of_run = results.claims("run", store=str(tmp_path), **small).set_index("id")
    assert set(of_run.loc[of_run["verdict"] != "not run", "evidence"]) == {"run"}
    assert of_run.loc["dense-unstable-conv", "n"] == 3
    best = results.claims(store=str(tmp_path), **small).set_index("id")
    known = recorded["verdict"] != "not run"
    pd.testing.assert_frame_equal(best[known], recorded[known], check_dtype=False)
    assert not (best.loc[~known, "evidence"] == "recorded").any()


def test_claims_of_one_notebook_need_fit_no_other(tmp_path: Path) -> None:
    pretend.fill(Section(resolve("s4-stability", [*SMALL.items(), ("replicates", 2), ("store", str(tmp_path))])))
    with pytest.raises(InputError, match="set replicates to 3, not 2"):
        results.claims("run", store=str(tmp_path), replicates=2, **SMALL)
    found = results.claims("run", "s4-stability", store=str(tmp_path), replicates=2, **SMALL).set_index("id")
    assert found.loc["dense-unstable-conv", "n"] == 2
    recorded = results.claims("recorded", "s4-stability").set_index("id")
    assert list(recorded.index) == list(found.index) and len(found) < len(judged.claims())
    pd.testing.assert_frame_equal(recorded, results.claims("recorded").set_index("id").loc[list(found.index)])


def test_a_trained_network_is_the_one_that_was_trained(
    trained: tuple[Path, Prune, Train, Connect], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, mask, job, _ = trained
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(root))
    net = results.network(job.key)
    digits = data.load("digits")
    assert not net.training and training.evaluate(net, digits.test)[1] == pytest.approx(
        Store(root).load(job.key).metrics["accuracy"]
    )
    monkeypatch.delenv("DISTILLED_PRUNING_STORE")
    again = results.network(job.key, "run", store=str(root)).state_dict()
    assert all(torch.equal(weight, again[name]) for name, weight in net.state_dict().items())
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(root))
    start = results.network(job.key, at="start")
    kept = pruning.Mask.unpack(Store(root).load(mask.key).arrays)
    fresh = models.build("convnet3", digits, width=4, seed=3)
    kept.apply(fresh)
    for name, weight in fresh.state_dict().items():
        assert torch.equal(weight, start.state_dict()[name]), name
        assert torch.equal(weight, results.network(mask.key, "run").state_dict()[name]), "a pruning's network"
    pruned = [(net.state_dict()[name][~keep] == 0).all() for name, keep in kept.items()]
    assert pruned and all(pruned)


def test_a_recorded_mask_gives_a_network_and_weights_that_were_left_out_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(tmp_path))
    recorded = Recorded(notebooks.home() / "results")
    rows = results.frame("fig2").query("method == 'imp'")
    key = rows.loc[rows["level"].idxmax(), "key"]
    mask = recorded.read(key)["spec"]["fields"]["mask"]["job"]
    net = results.network(key, at="start")
    held = sum(int((w != 0).sum()) for w in pruning.prunable(net).values())
    assert held == recorded.read(mask)["metrics"]["survivors"]
    with pytest.raises(InputError, match=f"weights of {key} are not here.*at='start'.*distilled-pruning run {key}"):
        results.network(key)


def test_own_images_are_named_to_rebuild_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    for name in ("own", "other"):
        images = rng.integers(0, 256, (60, 16, 16, 3), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=images, labels=np.arange(60) % 3)
    job = Prune(Network("convnet3", 4), Data(str(tmp_path / "own.npz")))
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(tmp_path / "store"))
    assert not run([job], Store()).left
    with pytest.raises(InputError, match="name their file or folder with dataset="):
        results.network(job.key)
    with pytest.raises(InputError, match="does not hold the images"):
        results.network(job.key, dataset=str(tmp_path / "other.npz"))
    net = results.network(job.key, dataset=str(tmp_path / "own.npz"))
    assert net(torch.zeros(2, 3, 16, 16)).shape == (2, 3)


def test_an_own_network_is_rebuilt_from_its_file_while_that_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "ownnet.py"
    lines = [
        "from torch import nn",
        "",
        "def small(images, width, seed):",
        "    inputs = images.channels * images.size**2",
    ]
    lines.append("    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, images.classes))")
    source.write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(tmp_path / "store"))
    job = Prune(Network("ownnet:small", 0), Data("digits"), fraction=0.5)
    assert not run([job], Store()).left
    net = results.network(job.key)
    assert int((net[1].weight != 0).sum()) == 320  # type: ignore[index]
    source.write_text("\n".join([*lines, "# changed"]))
    with pytest.raises(InputError, match="ownnet:small has changed since this result was computed"):
        results.network(job.key)


@pytest.mark.parametrize(
    ("ask", "part"),
    [
        (lambda: results.frame("fig33"), "did you mean 'fig3'"),
        (lambda: results.frame("fig3", "recordet"), "unknown evidence 'recordet' .did you mean 'recorded'"),
        (lambda: results.frame("fig3", "recorded", levels=3), "leave out preset and others"),
        (lambda: results.frame("fig3", levls=3), "did you mean 'levels'"),
        (lambda: results.frame("fig3", preset="reduced/nothing"), "unknown preset"),
        (lambda: results.claims("run", levls=3), "did you mean 'levels'"),
        (lambda: results.network("fig3"), "is not a key"),
        (lambda: results.network("0" * 32), "no result 0{32} is in .* or .*results: compute it"),
        (lambda: results.network("0" * 32, at="middle"), "choose one of end, start"),
    ],
)
def test_a_mistake_is_one_sentence(ask: Any, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(tmp_path))
    with pytest.raises(InputError, match=part) as caught:
        ask()
    assert "\n" not in str(caught.value)


def test_a_result_without_a_network_says_so(
    trained: tuple[Path, Prune, Train, Connect], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _, job, line = trained
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(root))
    said = f"a result of kind 'connect': give the key of a training or of a pruning, such as {job.key} that it is about"
    with pytest.raises(InputError, match=said):
        results.network(line.key)


def test_frames_are_read_in_any_folder_without_pytorch(tmp_path: Path) -> None:
    code = (
        "import sys; from distilled_pruning import results\n"
        "print(results.frame('barriers').attrs['scale'], 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["reduced", "False"]
