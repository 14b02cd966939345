from __future__ import annotations

import dataclasses
import json
import math
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.engine import machine
from distilled_pruning.study.engine.entry import Damaged, Result, dump, sha256
from distilled_pruning.study.engine.plan import plan
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Data, Distill, HessianDiagonal, Landscape, Prune, Train, graph
from distilled_pruning.study.parameters.notebooks import home
from distilled_pruning.study.parameters.presets import resolve, scale_of
from distilled_pruning.study.results.record import Limits, RecordedFirst, digests, record
from distilled_pruning.study.results.recorded import Record, Recorded, write_index
from distilled_pruning.study.sections.registry import EXPERIMENTS
from distilled_pruning.study.sections.section import Section, preset_of
from distilled_pruning.study.sections.targets import find, keys_of_whole
from toyjobs import Toy, chain, perform

COMMITTED = {"commit": "c" * 40, "tree": "d" * 40, "dirty": False, "seconds": 2.0}
SMALL, LARGE = np.arange(4.0), np.zeros(100_000)
JOBS = chain("a", 3)
PARAMETERS = {"dataset": "cifar10", "levels": 3, "fraction": 0.2}
HERE = Recorded(home() / "results")
SHOWN = [kept for kept in HERE.records() if kept.frame]  # of others there is work behind their first result
REMADE = [kept for kept in SHOWN if not kept.parameters.get("published") and kept.figure != "cost"]
FRAME = {"level": [0, 1], "barrier": [0.25, math.inf], "method": ["imp", ""], "collapsed": [True, False]}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    for job, array in zip(JOBS, (SMALL, LARGE, SMALL), strict=True):
        store.save(job, Result({"x": 0.1, "n": float("nan")}, {"w": array}), COMMITTED)
    return store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "results"


def keep(store: Store, root: Path, jobs: list[Toy] = JOBS[-1:], **changes: Any) -> Record:
    wanted: dict[str, Any] = {"figure": "fig3", "scale": "paper", "parameters": PARAMETERS, "frame": FRAME}
    return record(jobs=jobs, store=store, root=root, **{**wanted, **changes})


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_keeps_metrics_of_everything_and_small_arrays(store: Store, root: Path) -> None:
    kept = keep(store, root)
    assert (kept.figure, kept.scale, kept.parameters) == ("fig3", "paper", PARAMETERS)
    assert (kept.keys, kept.code, kept.seconds) == ((JOBS[2].key,), {"c" * 40: "d" * 40}, 6.0)
    recorded = Recorded(root)
    assert sorted(recorded) == sorted(job.key for job in JOBS)
    assert recorded.records("fig3", "paper") == [kept] and recorded.records("fig2") == []
    assert json.dumps(recorded.metrics(JOBS[1].key)) == '{"x": 0.1, "n": NaN}'
    assert recorded.frame(kept) == FRAME
    assert recorded.read(JOBS[0].key)["provenance"]["commit"] == "c" * 40
    assert recorded.verify() == {}
    assert sum(map(len, files(root).values())) < 10_000


def test_metrics_that_no_figure_shows_are_left_out(store: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "unrecorded", ("n",))
    keep(store, root)
    recorded = Recorded(root)
    assert recorded.metrics(JOBS[0].key) == {"x": 0.1} and recorded.verify() == {}
    assert recorded.read(JOBS[0].key)["provenance"] == store.read(JOBS[0].key)["provenance"]
    assert recorded.load(JOBS[0].key).arrays["w"].tolist() == SMALL.tolist()
    before = files(root)
    keep(store, root)
    assert files(root) == before
    path = recorded.path(JOBS[0].key)
    path.write_text(path.read_text(encoding="utf-8").replace('"x":0.1', '"x":0.2'), encoding="utf-8")
    assert recorded.verify() == {JOBS[0].key: "metrics does not match its checksum"}


def test_a_line_holds_a_part(store: Store, root: Path) -> None:
    """Short, so that many fit, and yet a difference of versions names the part that differs."""
    kept = keep(store, root)
    for path, names in [(f"{JOBS[0].key[:2]}/{JOBS[0].key}.json", None), (f"frames/{kept.frame[0]}", list(FRAME))]:
        content = (root / path).read_text(encoding="utf-8")
        parts = json.loads(content)
        assert names is None or list(parts) == names
        assert content.splitlines()[1:-1] == [
            f"{json.dumps(name)}:{json.dumps(part, separators=(',', ':'))}" + "," * (name != list(parts)[-1])
            for name, part in parts.items()
        ]


def test_only_complete_results_serve_other_jobs(store: Store, root: Path, tmp_path: Path) -> None:
    keep(store, root)
    recorded = Recorded(root)
    assert [recorded.has(job.key) for job in JOBS] == [True, False, True]
    assert recorded.load(JOBS[0].key).arrays["w"].tolist() == SMALL.tolist()
    with pytest.raises(Damaged, match="left out"):
        recorded.load(JOBS[1].key)
    assert recorded.metrics(JOBS[1].key) is not None and recorded.metrics(Toy("absent").key) is None
    aside = Store(tmp_path / "aside", fallback=recorded)
    assert aside.metrics(JOBS[1].key) == recorded.metrics(JOBS[1].key), "figures need no more than that"
    assert not aside.has(JOBS[1].key) and aside.arrays(JOBS[1].key) is None, "jobs do"


def test_a_child_job_uses_a_recorded_parent_except_at_live(tmp_path: Path, root: Path) -> None:
    parent = Toy("a0", 2)
    child = Toy("child", 1, (parent,))
    alone = Store(tmp_path / "alone" / "store")
    alone.root.parent.mkdir()
    run([child], alone, perform=perform)
    recorded = Store(tmp_path / "recorded")
    recorded.prepare()
    recorded.save(parent, alone.load(parent.key), COMMITTED)
    keep(recorded, root, [parent])
    for scale, done in (("paper", 1), ("custom: reduced, epochs 3", 1), ("live", 2), ("custom: live, ipc 2", 2)):
        store = Store(tmp_path / scale / "store", fallback=Recorded(root) if scale_of(scale) else None)
        store.root.parent.mkdir(parents=True)
        assert len(run([child], store, perform=perform).done) == done
        assert store.load(child.key).metrics == alone.load(child.key).metrics


def test_a_recorded_result_is_done_again_only_for_its_arrays(
    store: Store, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another machine: figures show the recorded metrics of a training, and only jobs and who asks need the rest."""
    monkeypatch.setattr(Toy, "passing", True)
    keep(store, root)
    (tmp_path / "other").mkdir()
    other = Store(tmp_path / "other" / "store", fallback=Recorded(root))
    assert not run(JOBS, other, perform=perform).done
    found = plan(JOBS, other)
    assert not found.steps and (found.total.cached, found.total.missing) == (len(JOBS), 0)
    child = Toy("to come", needs=(JOBS[0],))
    assert [step.job.key for step in plan([*JOBS, child], other).steps] == [JOBS[0].key, child.key]
    assert plan([*JOBS, child], other).total.cached == len(JOBS) - 1
    assert run([*JOBS, child], other, perform=perform).done == [JOBS[0].key, child.key]
    assert run([JOBS[1]], other, perform=perform, whole={JOBS[1].key}).done == [JOBS[1].key]
    assert other.arrays(JOBS[1].key) is not None


def test_what_is_asked_for_by_key_is_wanted_whole() -> None:
    [target] = find(["s4-stability"], file="reduced")
    training = next(job for job in target.section.graph if job.passing)
    assert not target.whole and not keys_of_whole([target])
    [asked] = find([f"s4-stability:{training.key}"], file="reduced")
    assert keys_of_whole([asked, target]) == {training.key}


@pytest.mark.parametrize("kept", REMADE, ids=lambda kept: f"{kept.figure}-{kept.keys[0][:6]}")
def test_recorded_results_give_their_frame_again(kept: Record, tmp_path: Path) -> None:
    """Without a store, though most networks behind the figures are not kept.

    Not those of a published set, whose keys need its file, nor the times, which are the store's own.
    """
    import pandas as pd

    section = Section(
        resolve(EXPERIMENTS[kept.figure].notebook, kept.parameters.items(), preset_of(kept)),
        Store(tmp_path / "empty", fallback=HERE),
    )
    again, wanted = section.frame(kept.figure), pd.DataFrame(HERE.frame(kept))
    pd.testing.assert_frame_equal(again, wanted, check_dtype=False, rtol=0, atol=0)


def test_what_only_serves_jobs_is_kept_while_one_is_missing(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a trained network, of which figures show numbers alone."""
    monkeypatch.setattr(Toy, "passing", True)
    keep(store, root)
    assert not list(root.rglob("*.safetensors"))
    assert set(Recorded(root)) == {job.key for job in JOBS} and not Recorded(root).verify()
    assert [Recorded(root).has(job.key) for job in JOBS] == [False] * 3
    keep(store, root, jobs=[JOBS[2], Toy("to come", needs=(JOBS[0],))], partial=True)
    assert {path.stem for path in root.rglob("*.safetensors")} == {JOBS[0].key}
    assert Train.passing and not any(kind.passing for kind in (Distill, Prune, HessianDiagonal, Landscape))


def test_work_behind_missing_results_outlives_other_recordings(store: Store, root: Path) -> None:
    """Another machine goes on from it, whatever is recorded of other figures in between."""
    between, last = Toy("between", needs=(JOBS[1],)), Toy("alone")
    store.save(last, Result({}), COMMITTED)
    kept = keep(store, root, [last, Toy("to come", needs=(between,))], partial=True)
    assert kept.behind == (JOBS[1].key,), "the finished one nearest below, through one that is not there either"
    keep(store, root, [last], figure="fig2")
    assert {JOBS[1].key, JOBS[0].key} <= set(Recorded(root))
    assert Recorded(root).records("fig3") == [kept] and not Recorded(root).verify()
    assert keep(store, root, [last]).behind == ()
    assert set(Recorded(root)) == {last.key}


def test_masks_and_images_are_kept_whatever_their_size(store: Store, root: Path) -> None:
    keep(store, root, limits=Limits(always=("toy",)))
    assert all(Recorded(root).has(job.key) for job in JOBS)


def test_distilled_sets_are_kept_where_the_figure_shows_them_or_work_waits_for_them(store: Store, root: Path) -> None:
    assert Limits().shown == (Distill.kind,)
    sets = Limits(shown=("toy",), always=("toy",))
    keep(store, root, limits=sets)
    assert {path.stem for path in root.rglob("*.safetensors")} == {JOBS[2].key}
    assert set(Recorded(root)) == {job.key for job in JOBS} and not Recorded(root).verify()
    keep(store, root, [JOBS[1], Toy("to come", needs=(JOBS[0],))], figure="fig2", partial=True, limits=sets)
    assert {path.stem for path in root.rglob("*.safetensors")} == {job.key for job in JOBS}


def test_other_peoples_images_are_never_kept(store: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "borrowed", True)
    keep(store, root, limits=Limits(always=("toy",)))
    assert not list(root.rglob("*.safetensors"))


def test_a_partial_record_says_what_is_missing(store: Store, root: Path) -> None:
    absent = Toy("never run")
    with pytest.raises(InputError, match="record --partial"):
        keep(store, root, [JOBS[-1], absent])
    kept = keep(store, root, [JOBS[-1], absent], partial=True)
    assert (kept.keys, kept.missing) == ((JOBS[-1].key,), 1)
    with pytest.raises(InputError, match=r"1 of 1 results behind fig3 are missing: run it first$"):
        keep(store, root, [absent], partial=True)


def test_work_is_kept_before_its_first_result(store: Store, root: Path) -> None:
    """It shows nothing, no frame either, outlives recordings of others, and gives way to the first result."""
    first = Toy("to come", needs=(JOBS[1],))
    kept = keep(store, root, [first], partial=True, frame={"number": []})
    assert (kept.keys, kept.behind, kept.frame, kept.missing) == ((), (JOBS[1].key,), (), 1)
    keep(store, root, JOBS[:1], parameters={"inner_steps": 250}, frame={"number": [1]})
    folder = Recorded(root)
    assert kept in folder.records("fig3") and {JOBS[1].key, JOBS[0].key} <= set(folder) and not folder.verify()
    assert [record.keys for record, _ in folder.parts("fig3", "paper")] == [(JOBS[0].key,)]
    store.save(first, Result({}), COMMITTED)
    assert keep(store, root, [first], frame={"number": [1]}).keys == (first.key,)
    assert kept not in folder.records("fig3")


def test_chosen_and_published_images_are_borrowed_and_made_ones_are_not() -> None:
    data = Data("digits")
    assert all(Distill(data, method, 1).borrowed for method in ("random", "herding", "kcenter", "easy", "published"))
    assert not any(Distill(data, method, 1).borrowed for method in ("dm", "dc", "idc", "mtt"))


IMAGES = np.linspace(0, 1, 10 * 3 * 32 * 32, dtype=np.float32).reshape(10, 3, 32, 32)
SET = {
    "factor": 1, "method": "dm", "mean": [0.5] * 3, "std": [0.25] * 3, "classes": 10, "space": "pixel",
    "history": [2.0, 1.0], "step_size": None, "settings": {},
}  # fmt: skip


def made(dataset: str) -> tuple[Distill, Result]:
    """A distilled set that moved away from the real images it began with, which its first snapshot shows."""
    snapshots = {f"snapshot.{at}": IMAGES / (1 + at) for at in (0, 1, 2)}
    arrays = {"images": IMAGES / 3, "labels": np.arange(10), **snapshots}
    return Distill(Data(dataset), "dm", 1, iterations=2, width=4), Result({"set": SET, "images": 10}, arrays)


@pytest.fixture
def distilled(tmp_path: Path) -> Store:
    store = Store(tmp_path / "distilled")
    store.prepare()
    for dataset in ("cifar10", "digits"):
        store.save(*made(dataset), COMMITTED)
    return store


def test_the_real_images_a_set_began_with_are_not_kept(distilled: Store, root: Path) -> None:
    job, whole = made("cifar10")
    keep(distilled, root, [job])
    kept = Recorded(root).load(job.key)
    assert sorted(kept.arrays) == ["images", "labels"] and kept.metrics == whole.metrics
    assert (kept.arrays["images"] == whole.arrays["images"]).all()
    real = IMAGES[0].tobytes()
    assert real in distilled.path(job.key, ".safetensors").read_bytes(), "the test would miss it"
    assert not [name for name, content in files(root).items() if real in content or b"snapshot." in content]
    assert Recorded(root).verify() == {}
    before = files(root)
    keep(distilled, root, [job])
    keep(Store(root.parent / "gone"), root, [job])
    assert files(root) == before


def test_embedded_digits_keep_their_snapshots(distilled: Store, root: Path) -> None:
    job, whole = made("digits")
    keep(distilled, root, [job])
    assert Recorded(root).load(job.key).arrays.keys() == whole.arrays.keys()


def test_a_damaged_set_without_snapshots_is_seen(distilled: Store, root: Path) -> None:
    job, _ = made("cifar10")
    keep(distilled, root, [job])
    path = Recorded(root).path(job.key, ".safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert not Recorded(root).has(job.key) and list(Recorded(root).verify()) == [job.key]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scale": "live"}, "'live' are not recorded"),
        ({"scale": "custom: paper, epochs 3"}, "are not recorded: choose one of reduced, paper"),
        ({"jobs": [*JOBS, Toy("absent")]}, "1 of 4 results behind fig3 are missing"),
        ({"limits": Limits(total_bytes=2000)}, "more than 0 MB"),
    ],
)
def test_refuses_with_one_sentence_and_writes_nothing(
    store: Store, root: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        keep(store, root, **changes)
    assert not root.exists()


@pytest.mark.parametrize("made", [{**COMMITTED, "dirty": True}, {**COMMITTED, "commit": None, "tree": None}])
def test_refuses_what_uncommitted_code_made(store: Store, root: Path, made: dict[str, Any]) -> None:
    parent = Toy("parent")
    child = Toy("child", needs=(parent,))
    store.save(parent, Result({}), made)
    store.save(child, Result({}), COMMITTED)
    with pytest.raises(InputError, match=r"toy parent\) was made by code that is not committed"):
        keep(store, root, [child])
    assert not root.exists()


def test_recording_again_changes_nothing(store: Store, root: Path) -> None:
    keep(store, root)
    before = files(root)
    keep(store, root)
    assert files(root) == before
    keep(store, root, figure="fig2", jobs=JOBS[:1], frame=None)
    assert len(Recorded(root).records()) == 2 and Recorded(root).verify() == {}


def test_a_recorded_result_stays_what_it_is(store: Store, root: Path, tmp_path: Path) -> None:
    """Another run of it, on another machine, replaces neither it nor its row in the frame."""
    keep(store, root)
    before = files(root)
    again = Store(tmp_path / "again")
    for job in graph(JOBS):
        again.save(job, Result({"accuracy": 0.0}, {"mask": np.zeros(3, dtype=np.uint8)}), COMMITTED)
    reader = RecordedFirst(Recorded(root), again)
    assert (reader.metrics(JOBS[0].key) or {})["x"] == 0.1
    keep(again, root)
    assert files(root) == before


def test_no_recorded_result_is_dropped(store: Store, root: Path) -> None:
    """Not by recording fewer of the same parameters; by others only where those contain them."""
    keep(store, root, jobs=JOBS[1:])
    before = files(root)
    with pytest.raises(InputError, match=r"1 recorded results, first of fig3 at paper scale, would be shown no more"):
        keep(store, root, jobs=JOBS[1:2])
    assert files(root) == before
    keep(store, root, jobs=JOBS, parameters={**PARAMETERS, "levels": 10})
    assert len(Recorded(root).records()) == 1, "all of them, and more, take their place"
    assert Recorded(root).ever() == {("fig3", "paper", job.key) for job in JOBS}


def test_results_of_another_version_take_the_place_of_the_same_parameters(store: Store, root: Path) -> None:
    keep(store, root, jobs=JOBS[:2])
    newer = Toy("newer")
    store.save(newer, Result({}), COMMITTED)
    with pytest.raises(InputError, match="2 recorded results"):
        keep(store, root, jobs=[newer])
    keep(store, root, jobs=[newer, JOBS[2]])
    assert Recorded(root).ever() == {("fig3", "paper", key) for key in (newer.key, JOBS[2].key)}
    assert Recorded(root).verify() == {}


def test_a_result_taken_out_of_the_index_by_hand_is_missed(store: Store, root: Path) -> None:
    keep(store, root)
    (root / "index.json").write_bytes(write_index([]))
    assert Recorded(root).verify() == {JOBS[2].key: "fig3 at paper scale showed it and does no more"}
    with pytest.raises(InputError, match="would be shown no more"):
        keep(store, root, jobs=JOBS[:1])
    (root / "ever.txt").write_text("two words\n", encoding="utf-8")
    with pytest.raises(InputError, match="restore it from git"):
        Recorded(root).ever()


def in_history() -> dict[tuple[str, str, str], str]:
    """Every result that a commit of the present history has recorded, to that commit; empty where there is no git."""
    folder = home()
    listed = subprocess.run(
        ["git", "log", "--format=%H", "--", "results/index.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[tuple[str, str, str], str] = {}
    for commit in listed.stdout.split():
        shown = subprocess.run(
            ["git", "show", f"{commit}:results/index.json"], cwd=folder, capture_output=True, check=False
        )
        for row in json.loads(shown.stdout)["records"] if shown.returncode == 0 else ():
            found.update({(row["figure"], row["scale"], key): commit[:7] for key in row["keys"]})
    return found


def test_nothing_that_was_recorded_here_was_taken_back() -> None:
    """By the list that lies beside the index, in any clone; and by git's history as far as this clone has it."""
    there = {row for kept in HERE.records() for row in kept.shown}
    assert HERE.ever() and not HERE.ever() - there
    gone = {row: commit for row, commit in in_history().items() if row not in there}
    assert not gone, f"{len(gone)} results are gone, first {next(iter(gone.items()))}: put them back"


def test_what_was_recorded_before_need_not_be_in_the_store(store: Store, root: Path) -> None:
    kept = keep(store, root)
    before = files(root)
    for job in JOBS:
        store.discard(job.key)
    assert keep(store, root) == kept and files(root) == before


def test_the_same_figure_under_other_parameters_stands_beside(store: Store, root: Path) -> None:
    keep(store, root, scale="reduced")
    keep(store, root, parameters={**PARAMETERS, "dataset": "cifar100"})
    keep(store, root)
    found = Recorded(root).records("fig3")
    assert [kept.scale for kept in found] == ["paper", "paper", "reduced"]
    assert {kept.parameters["dataset"] for kept in found} == {"cifar10", "cifar100"}
    assert len({kept.frame for kept in found}) == 3


def test_a_recording_with_all_results_of_another_takes_its_place(store: Store, root: Path) -> None:
    keep(store, root)
    beside = keep(store, root, jobs=JOBS[:1], parameters={**PARAMETERS, "methods": "imp"})
    assert len(Recorded(root).records("fig3")) == 2
    more = keep(store, root, jobs=JOBS[1:], parameters={**PARAMETERS, "levels": 10})
    assert Recorded(root).records("fig3") == [more, beside]
    assert Recorded(root).verify() == {}


def recorded(root: Path, *frames: tuple[dict[str, Any], list[str], int]) -> Recorded:
    """Recordings of one figure: parameters, the method of each row, and how many results are missing."""
    kept = []
    for number, (parameters, methods, missing) in enumerate(frames):
        frame = {"dataset": ["digits"] * len(methods), "method": methods, "number": [number] * len(methods)}
        content = dump(frame)
        (root / "frames").mkdir(parents=True, exist_ok=True)
        (root / "frames" / f"{number}.json").write_bytes(content)
        name = (f"{number}.json", sha256(content))
        kept.append(Record("fig3", "reduced", parameters, ("a",), {}, name, {}, 1.0, missing))
    (root / "index.json").write_bytes(write_index(kept))
    return Recorded(root)


SETTINGS = {"epochs": 15, "methods": "dense,imp", "seeds": 5}


def test_a_smaller_recording_of_another_setting_displaces_nothing(store: Store, root: Path) -> None:
    """Complete, and first by name, it would otherwise stand for its dataset and network."""
    frame = {"dataset": ["digits"] * 2, "model": ["convnet3"] * 2, "method": ["dense", "imp"]}
    job = Toy("absent")
    settings = {"inner_steps": 500, "methods": "dense,imp"}
    large = keep(store, root, jobs=[*JOBS, job], partial=True, parameters=settings, frame=frame)
    small = {name: values[:1] for name, values in frame.items()}
    keep(store, root, jobs=JOBS[:1], parameters={**settings, "inner_steps": 250}, frame=small)
    assert large.missing == 1
    assert [record for record, _ in Recorded(root).parts("fig3", "paper")] == [large]


@pytest.mark.parametrize(
    ("changes", "methods", "expected"),
    [
        ({"methods": "published", "published": "x.npz", "seeds": 3}, ["published"], ["dense", "imp", "published"]),
        ({"methods": "imp,published", "seeds": 3}, ["imp", "published"], ["dense", "imp", "published"]),
        ({"methods": "published", "epochs": 3}, ["published"], ["dense", "imp"]),
    ],
    ids=["another method", "a method again", "another training"],
)
def test_only_other_methods_of_the_same_settings_are_set_beside(
    root: Path, changes: dict[str, Any], methods: list[str], expected: list[str]
) -> None:
    folder = recorded(root, (SETTINGS | changes, methods, 1), (SETTINGS, ["dense", "imp"], 0))
    table = folder.table("fig3", "reduced")
    assert list(table["method"]) == expected
    assert list(table[table["method"] == "imp"]["number"]) == [1]


@pytest.mark.parametrize(
    ("rates", "expected"),
    [((0.03, 0.01), [0, 0, 1]), ((0.03, 0.03), [0, 0]), ((None, None), [0, 0])],
    ids=["another", "the same", "not named"],
)
def test_another_inner_rate_stands_beside_where_rows_name_it(
    root: Path, rates: tuple[float | None, ...], expected: list[int]
) -> None:
    gentle = SETTINGS | {"inner_learning_rate": "0.01"}
    folder = recorded(root, (SETTINGS, ["imp", "distilled"], 0), (gentle, ["distilled"], 1))
    records = []
    for kept in folder.records():
        frame, number = folder.frame(kept), kept.missing
        if rates[number] is not None:
            frame["rate"] = [rates[number]] * len(frame["method"])
        content = dump(frame)
        (root / "frames" / f"{number}.json").write_bytes(content)
        records.append(dataclasses.replace(kept, frame=(f"{number}.json", sha256(content))))
    (root / "index.json").write_bytes(write_index(records))
    assert list(folder.table("fig3", "reduced")["number"]) == expected


def test_a_parameter_that_is_off_orphans_nothing(store: Store, root: Path) -> None:
    """A notebook that has learnt a new option records the same figure under the same name."""
    keep(store, root)
    kept = keep(store, root, parameters={**PARAMETERS, "distill_model": "", "subset": 0})
    assert Recorded(root).records("fig3") == [kept]
    assert not Recorded(root).verify()


@pytest.mark.parametrize("part", ["metrics", "spec", "provenance", "arrays", "frame", "gone"])
def test_verify_sees_damage(store: Store, root: Path, part: str) -> None:
    kept = keep(store, root)
    recorded = Recorded(root)
    key = JOBS[2].key
    path = recorded.path(key)
    if part == "arrays":
        path.with_suffix(".safetensors").write_bytes(b"other")
    elif part == "frame":
        key = kept.frame[0]
        (root / "frames" / key).write_text("{}")
    elif part == "gone":
        path.unlink()
    else:
        whole = json.loads(path.read_text())
        whole[part]["more"] = 1
        path.write_text(json.dumps(whole))
    assert list(recorded.verify()) == [key]
    assert not recorded.has(JOBS[2].key) or part == "frame"


def test_a_differing_digest_is_named(store: Store, root: Path) -> None:
    spec = {"fields": {"data": {"name": "cifar10", "digest": "a" * 8}, "source": [{"digest": "b" * 64}]}}
    assert dict(digests(spec)) == {"cifar10": "a" * 8, "b" * 8: "b" * 64}
    kept = Record("fig3", "paper", {}, (), {"cifar10": "a" * 8}, (), {}, 0.0)
    assert kept.differing({"cifar10": "other"}) == ["cifar10"]
    assert kept.differing({"cifar10": "a" * 8}) == kept.differing({}) == []


def test_reading_needs_neither_pytorch_nor_keys(store: Store, root: Path) -> None:
    keep(store, root)
    code = f"""
import sys
from distilled_pruning.study.results.recorded import Recorded
recorded = Recorded({str(root)!r})
(record,) = recorded.records("fig3")
assert recorded.frame(record)["barrier"][0] == 0.25 and recorded.metrics(record.keys[0])["x"] == 0.1
sys.exit(bool({{"torch", "pandas", "distilled_pruning.data.loading"}} & sys.modules.keys()))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_broken_index_is_one_sentence(root: Path) -> None:
    root.mkdir()
    (root / "index.json").write_text("{")
    with pytest.raises(InputError, match="restore it from git"):
        Recorded(root).records()


def test_provenance_names_code_versions_and_circumstances() -> None:
    found = machine.Meter().provenance("cpu", 1)
    assert found["versions"].keys() >= {"python", "numpy", "torch", "distilled-pruning"}
    assert found["threads"] == 1 and 0 <= found["seconds"] < 1 and 10 < found["memory_mb"] < 10_000
    assert found["device"] and {"commit", "tree", "dirty"} <= found.keys()


def test_code_is_named_by_commit_and_tree_and_dirty_when_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "lib" / "distilled_pruning"
    package.mkdir(parents=True)
    (package / "a.py").write_text("")
    monkeypatch.setattr(machine, "_PACKAGE", package)
    code = machine.code.__wrapped__
    nowhere = {"commit": None, "tree": None, "dirty": None}
    assert code() == nowhere
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    (tmp_path / "notes.txt").write_text("outside lib")
    head = machine.git("rev-parse", "HEAD")
    assert code() == {"commit": head, "tree": machine.git("rev-parse", "HEAD:lib"), "dirty": False}
    (package / "b.py").write_text("")
    assert code()["dirty"] is True
    monkeypatch.setattr(machine, "_PACKAGE", tmp_path / "venv" / "site-packages" / "distilled_pruning")
    (tmp_path / "venv" / "site-packages" / "distilled_pruning").mkdir(parents=True)
    assert code() == nowhere


def test_peak_memory_is_that_of_one_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's part is played by two files: not every sandbox lets a process start a new peak."""
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t  524288 kB\nVmRSS:\t  1024 kB\n")
    meter = machine.Meter()
    assert (tmp_path / "clear_refs").read_text() == "5"
    assert meter.provenance("cpu", 1)["memory_mb"] == 512


def test_peak_memory_without_proc_is_that_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_PROC", tmp_path / "absent")
    factor = 1 if sys.platform == "darwin" else 1024
    peak = factor * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert machine.Meter().provenance("cpu", 1)["memory_mb"] >= peak >> 20 > 0
