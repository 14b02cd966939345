"""Timing in turns, the run that is kept, and the page that is written from it."""

from __future__ import annotations

import base64
import copy
import importlib.util
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from distilled_pruning import cli, places
from distilled_pruning.errors import InputError
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.sections.how_fast import measure as bench, page as speed, runs
from distilled_pruning.study.sections.registry import EXPERIMENTS

bench.subjects()  # puts the peers on Python's path
from peers import curvature, distillation, pooling, rounds, surfaces, training  # noqa: E402
from peers.rounds import PRODUCTS, Comparison, take_turns  # noqa: E402

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
KEPT = [runs.MEASURED, *sorted(str(file.relative_to(ROOT)) for file in (ROOT / speed.ELSEWHERE).glob("*.json"))]


def sample() -> dict[str, Any]:
    """A run with one loss, one refusal, and ratios that can be worked out in the head."""
    product = {runs.PRODUCT: [0.01, 0.02], f"{runs.PRODUCT}, bf16": [0.001, 0.001]}
    macs = {runs.PRODUCT: 1e9, f"{runs.PRODUCT}, bf16": 1e9}
    steps = {
        "theme": "training",
        "title": "ConvNet-3 of width 16",
        "ours": ["fp32", "bf16"],
        "peers": ["loop"],
        "seconds": {**product, "loop": [0.4, 0.6], "fp32": [0.1, 0.2], "bf16": [0.8, 0.6]},
        "macs": {**macs, "loop": 5e9, "fp32": 5e9, "bf16": 5e9},
        "images": 64,
        "refused": {},
        "differences": {},
    }
    diagonal = {
        **steps,
        "theme": "hessian",
        "title": "with norm",
        "ours": ["ours"],
        "peers": ["loop over entries", "BackPACK"],
        "seconds": {runs.PRODUCT: [0.01, 0.01], "loop over entries": [900.0, 800.0], "ours": [1.0, 2.0]},
        "macs": {runs.PRODUCT: 1e9, "ours": 2e10},
        "refused": {"BackPACK": "NotImplementedError: no extension for GroupNorm"},
        "differences": {"loop over entries": 3e-7},
    }
    about = {"device": "a processor", "threads": 1, "cores": 2, "commit": "0" * 40, "dirty": False}
    about |= {"began": "2026-11-28T10:00:00+00:00", "seconds": 100.0, "versions": {"torch": "2.15.0"}}
    row = {"figure": "fig3", "page": "s4-stability", "scale": "live", "macs": 1e12, "seconds": 20.0}
    rows = [
        {**row, "devices": ["a processor"]},
        {**row, "scale": "paper", "macs": None, "seconds": None, "devices": []},
    ]
    return {"about": about, "comparisons": [steps, diagonal], "costs": rows}


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LEAST_SECONDS", 0.02)


def test_turns_are_taken_and_the_parts_of_larger_work_are_scaled() -> None:
    called: list[str] = []

    def run(name: str, seconds: float) -> Any:
        def own(times: int) -> float:
            called.append(name)
            return seconds * times

        return own

    found = take_turns({"a": run("a", 0.5), "b": run("b", 0.25)}, 3, CPU, {"b": 10.0})
    assert found == {"a": [0.5] * 3, "b": [2.5] * 3}
    assert called[4:] == ["a", "b", "b", "a", "a", "b"], "every other round goes backwards"


def test_short_work_is_repeated_until_its_time_can_be_told() -> None:
    """A millisecond is timed over as many as fill the least time that a clock tells apart."""
    done: list[int] = []

    def run(times: int) -> float:
        done.append(times)
        return 0.001 * times

    assert take_turns({"one": run}, 1, CPU) == {"one": [pytest.approx(0.001)]}
    assert done == [1, 1, math.ceil(rounds.LEAST_SECONDS / 0.001)] and done[2] > 5


def test_the_clock_tells_work_from_none() -> None:
    def run(times: int) -> None:
        sum(range(300_000 * times))

    (seconds,) = take_turns({"one": run}, 1, CPU).values()
    assert 1e-4 < seconds[0] < 1


@pytest.fixture
def one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def whole(found: Comparison) -> None:
    """Everything named was timed or refused, in every round."""
    assert set(found.peers) == (set(found.seconds) | set(found.refused)) & set(found.peers)
    assert set(found.ours) <= set(found.seconds)
    assert len({len(spent) for spent in found.seconds.values()}) == 1
    assert all(second > 0 for spent in found.seconds.values() for second in spent)
    json.dumps(found.seconds)


def test_training_lines_planes_and_pooling_are_measured(one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (training, surfaces):
        monkeypatch.setattr(module, "can_compile", lambda device: False)
    monkeypatch.setattr(surfaces, "IMAGES", 20)
    (steps,) = training.steps(CPU, 1, widths=(4,))
    assert steps.peers == (training.PLAIN, training.RESIDENT) and steps.ours == ("fp32", "bf16")
    assert set(PRODUCTS.values()) <= set(steps.seconds)
    (line,) = surfaces.lines(CPU, 1, widths=(4,))
    (plane,) = surfaces.planes(CPU, 1, widths=(4,))
    pools = list(pooling.pools(CPU, 1, sizes=(8,)))
    for found in (steps, line, plane, *pools):
        whole(found)
    assert [found.theme for found in (steps, line, plane, *pools)] == ["training", "lines", "planes", *["pooling"] * 2]


def test_the_plain_loops_compute_what_the_library_does() -> None:
    """A ratio between two things that are not the same would say nothing."""
    nets, split = surfaces.setting(4, CPU)
    a, b = (net.state_dict() for net in nets[:2])
    a, b = ({name: tensor.clone() for name, tensor in end.items()} for end in (a, b))
    ours = surfaces.connectivity.interpolate(nets[2], a, b, split, surfaces.POSITIONS)
    assert surfaces.plain_line(nets[0], a, b, split) == pytest.approx(list(ours.loss), rel=1e-5)
    plane = surfaces.landscape.plane(a, b, nets[2].state_dict())
    grid = surfaces.landscape.evaluate(nets[1], plane, split, surfaces.SIDE)
    assert surfaces.plain_plane(nets[1], plane, grid.points, split) == pytest.approx(grid.loss.tolist(), rel=1e-5)


def test_diagonals_are_held_against_the_loop_and_peers_may_refuse(one_thread: None) -> None:
    found = list(curvature.diagonals(CPU, 1, normed=((4, 2),), bare=((4, 2),)))
    assert [("norm" in one.title, "no norm" in one.title) for one in found] == [
        (True, False),
        (True, True),
        (False, False),
    ]
    for one in found:
        whole(one)
        assert one.differences[curvature.LOOP] < 1e-4
        assert all(difference < 1e-4 for difference in one.differences.values())
    assert {curvature.BACKPACK, curvature.CURVLINOPS} <= set(found[0].refused), "GroupNorm is covered by neither"


@pytest.mark.parametrize("package", ["backpack", "curvlinops"])
def test_a_peer_that_is_not_installed_says_so(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else object())
    (name,) = (peer for peer, its in curvature.PACKAGES.items() if its == package)
    found, refused = curvature.asked({name: lambda: 1 / 0})  # type: ignore[dict-item]
    assert not found and refused == {name: "not installed: the extra [bench] brings it"}
    found, refused = curvature.asked({"other": lambda: 1 / 0})  # type: ignore[dict-item]
    assert refused == {"other": "ZeroDivisionError: division by zero"}


def test_iterations_of_distillation_are_measured_and_counted(one_thread: None) -> None:
    (found,) = distillation.iterations(CPU, 1, 1, {"dm": {"width": 4}})
    whole(found)
    assert found.macs["dm"] > 1e5


def test_the_work_of_a_figure_is_that_of_its_jobs(tmp_path: Path) -> None:
    rows = {(row["figure"], row["scale"]): row for row in bench.figure_costs(Store(tmp_path), ["fig3", "forks"])}
    live = rows["fig3", "live"]
    assert live["macs"] > 1e11 and live["seconds"] is None, "nothing was computed in this store"
    recorded = rows["fig3", "reduced"]
    assert recorded["macs"] > live["macs"]
    assert (recorded["seconds"] is None) == (not recorded["devices"])


# The page


def test_every_part_is_written_and_names_its_machine() -> None:
    measured = sample()
    for name, write in speed.PARTS.items():
        text = write(measured)
        if name == "figure":  # its letters are outlines; their text stands in comments
            text = base64.b64decode(text.partition("base64,")[2].partition('"')[0]).decode()
        assert "a processor" in text, name


def test_the_fastest_step_is_named_for_each_network() -> None:
    told = "On a processor, one thread, the fastest training step is"
    assert speed.fastest(sample()) == f"{told} *fp32* for ConvNet-3 of width 16."
    other = sample()["comparisons"][0] | {"title": "wide", "seconds": {"fp32": [0.3, 0.1], "bf16": [0.1, 0.1]}}
    both = sample() | {"comparisons": [*sample()["comparisons"], other]}
    assert speed.fastest(both) == f"{told} *fp32* for ConvNet-3 of width 16; *bf16* for wide."


def test_ratios_are_taken_within_rounds() -> None:
    steps = speed.training(sample())
    assert "3.5× (3×)" in steps, "4 and 3 times"
    assert "640" in steps and "50 %" in steps, (
        "64 images in .1 s; 5e9 in .1 and .2 s where a product does 1e11 and 5e10"
    )
    diagonals = speed.hessian(sample())
    assert "650× (400×)" in diagonals and "no extension for GroupNorm" in diagonals and "3e-07" in diagonals


def test_a_loss_is_told_with_its_size() -> None:
    told = speed.losses(sample())
    assert told.count("\n- ") == 1
    assert "loop is 1.33 times as fast as bf16" in told and "1 to 2 over the rounds" in told
    faster = sample()
    faster["comparisons"][0]["seconds"]["bf16"] = [0.1, 0.1]
    assert "no peer was faster" in speed.losses(faster)


def test_the_floor_of_a_figure_is_its_work_at_the_products_rate() -> None:
    table = speed.costs(sample())
    assert "| 1.0 · 10<sup>12</sup> | 10 s | 20 s on a processor |" in table
    assert "| paper | data not here | – | – |" in table


def test_a_new_run_is_held_against_the_kept_one() -> None:
    kept, new = sample(), copy.deepcopy(sample())
    assert all(line.startswith(runs.WITHIN) for line in speed.agreement(new, kept))
    new["comparisons"][0]["seconds"]["fp32"] = [0.01, 0.01]
    outside = [line for line in speed.agreement(new, kept) if line.startswith(runs.OUTSIDE)]
    assert len(outside) == 1 and "fp32 against loop" in outside[0] and "3× to 4×" in outside[0]


def test_a_subject_that_misses_is_measured_once_more_before_it_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, asked, slow = tmp_path / "kept.json", [], copy.deepcopy(sample())
    file.write_text(json.dumps(sample()), encoding="utf-8")
    slow["comparisons"][0]["seconds"]["fp32"] = [1.0, 1.0]

    def measure(themes: list[str], *_: Any) -> dict[str, Any]:
        asked.append(list(themes))
        return slow if len(asked) == 1 else {**sample(), "comparisons": sample()["comparisons"][:1]}

    monkeypatch.setattr(bench, "measure", measure)
    assert cli.main(["bench", "--all", "--json", "--against", str(file)]) == 0
    printed, told = capsys.readouterr()
    assert asked == [list(runs.ALL_THEMES), ["training"]]
    assert "training once more" in told and "OUTSIDE" not in told
    first, second = json.loads(printed)["comparisons"]
    assert first["seconds"]["fp32"] == [1.0, 1.0, 0.1, 0.2] and second == sample()["comparisons"][1]


@pytest.mark.parametrize(
    ("other", "named"),
    [({"device": "another processor"}, "another processor, one thread"), ({"threads": 2}, "a processor, 2 threads")],
)
def test_ratios_of_another_machine_stand_beside_and_are_not_judged(
    other: dict[str, Any],
    named: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, new = sample(), copy.deepcopy(sample())
    new["comparisons"][0]["seconds"]["fp32"] = [0.01, 0.01]
    kept["about"] |= other
    file = tmp_path / "kept.json"
    file.write_text(json.dumps(kept), encoding="utf-8")
    monkeypatch.setattr(bench, "measure", lambda *_: new)
    assert cli.main(["bench", "--all", "--against", str(file)]) == 0
    told = capsys.readouterr().err
    assert f"was measured on {named}; this run on a processor, one thread" in told
    assert "none is judged" in told and told.count("beside") == 3 and "OUTSIDE" not in told
    file.write_text(json.dumps(sample()), encoding="utf-8")
    assert cli.main(["bench", "--all", "--against", str(file)]) == 1
    told = capsys.readouterr().err
    assert "judged" not in told and "OUTSIDE 3× to 4×" in told


def test_the_page_says_what_half_precision_can_gain_on_each_machine() -> None:
    assert "a matrix product in bf16 is 15 times as fast as one in fp32" in speed.losses(sample())
    without = sample()
    for found in without["comparisons"]:
        found["seconds"].pop(f"{runs.PRODUCT}, bf16", None)
    assert "matrix product" not in speed.losses(without)
    written = speed.parts(ROOT)
    kept = [runs.name_machine(runs.load(ROOT / name)) for name in KEPT]
    assert len({*kept}) == len(kept) >= 3
    assert all(written["elsewhere"].count(f"On {speed.plain(name)}") == 2 for name in kept[1:]), "losses, fastest"
    assert all(name in written["elsewhere"] for name in KEPT[1:]) and kept[0] not in written["elsewhere"]


@pytest.mark.parametrize("name", KEPT)
def test_a_run_that_is_kept_is_complete(name: str) -> None:
    kept = runs.load(ROOT / name)
    assert {found["theme"] for found in kept["comparisons"]} == set(runs.ALL_THEMES) - {runs.COSTS}
    assert kept["about"]["commit"] and not kept["about"]["dirty"]
    titles = [found["title"] for found in kept["comparisons"] if found["theme"] == "training"]
    assert titles == [f"ConvNet-3 of width {width}" for width in training.WIDTHS]
    assert not [name for found in kept["comparisons"] for name, why in found["refused"].items() if "installed" in why]
    assert {row["figure"] for row in kept["costs"]} <= set(EXPERIMENTS)


def test_mistakes_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "run.json"
    for content in (None, "{", "[]", "{}", '{"about": {}, "comparisons": [], "costs": []}'):
        if content is not None:
            wrong.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="is not a measured run"):
            runs.load(wrong)
    assert cli.main(["bench", "trainings"]) == 2
    assert "unknown theme 'trainings'" in capsys.readouterr().err
    assert cli.main(["bench", "--rounds", "2"]) == 2
    assert "are for themes" in capsys.readouterr().err
    assert cli.main(["bench", "pooling", "--against", str(wrong)]) == 2
    assert "is not a measured run" in capsys.readouterr().err


def test_peers_are_in_a_copy_of_the_sources_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for found in (None, tmp_path):
        monkeypatch.setattr(places, "checkout", lambda found=found: found)
        assert cli.main(["bench", "pooling", "--store", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "copy of the sources: run this command in one" in error


def test_the_command_measures_what_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, asked = torch.get_num_threads(), []

    def steps(device: torch.device, rounds: int) -> Iterator[Comparison]:
        asked.append(rounds)
        yield Comparison(**sample()["comparisons"][0])

    monkeypatch.setattr(bench, "subjects", lambda: {"training": steps})
    assert cli.main(["bench", "training", "--json", "--device", "cpu"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert asked == [2, 2, 2] and not printed["costs"]  # three passes, their rounds one after the other
    once = sample()["comparisons"][0]["seconds"]
    assert printed["comparisons"][0]["seconds"] == {name: 3 * seconds for name, seconds in once.items()}
    assert cli.main(["bench", "training", "--rounds", "1", "--json", "--device", "cpu"]) == 0 and asked[3:] == [1]
    capsys.readouterr()
    assert printed["about"]["versions"]["torch"] and printed["about"]["cores"]
    assert torch.get_num_threads() == threads
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(printed), encoding="utf-8")
    assert cli.main(["bench", "training", "--device", "cpu", "--against", str(kept)]) == 0
    out, err = capsys.readouterr()
    assert "fp32 against loop: 3.5× (3×)" in out and "within 3× to 4×" in err
    printed["comparisons"][0]["seconds"]["fp32"] = [10.0] * 6
    kept.write_text(json.dumps(printed), encoding="utf-8")
    assert cli.main(["bench", "training", "--device", "cpu", "--against", str(kept)]) == 1
    assert "OUTSIDE" in capsys.readouterr().err
