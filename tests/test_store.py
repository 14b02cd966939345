from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.engine import entry, upkeep
from distilled_pruning.study.engine.store import Busy, Missing, Store
from distilled_pruning.study.jobs import Result, key_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toyjobs import Toy

JOB = Toy("a")
RESULT = Result({"loss": 0.1, "curve": [1, 2.5], "nan": float("nan")}, {"w": np.arange(6.0).reshape(2, 3)})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def full(store: Store) -> Store:
    store.save(JOB, RESULT, {"seconds": 1.0})
    return store


def same(left: Result, right: Result) -> bool:
    arrays = left.arrays.keys() == right.arrays.keys() and all(
        left.arrays[name].dtype == right.arrays[name].dtype
        and left.arrays[name].shape == right.arrays[name].shape
        and left.arrays[name].tobytes() == right.arrays[name].tobytes()
        for name in left.arrays
    )
    return arrays and json.dumps(left.metrics) == json.dumps(right.metrics)


def test_gives_back_what_was_saved(full: Store) -> None:
    assert full.has(JOB.key) and list(full) == [JOB.key]
    assert same(full.load(JOB.key), RESULT)
    assert json.dumps(full.metrics(JOB.key)) == json.dumps(RESULT.metrics)
    assert (full.provenance(JOB.key) or {})["seconds"] == 1.0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    metrics=st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    ),
    shape=st.lists(st.integers(0, 4), max_size=3),
    dtype=st.sampled_from(["float32", "float64", "uint8", "int64", "bool", "float16"]),
    transposed=st.booleans(),
)
def test_any_result_survives_to_the_last_bit(
    tmp_path: Path, metrics: dict[str, Any], shape: list[int], dtype: str, transposed: bool
) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    result = Result(metrics, {"x.y/z": array.T if transposed else array})
    files = entry.pack(JOB.key, JOB.spec(), result, {})
    folder = tmp_path / "any"
    shutil.rmtree(folder, ignore_errors=True)
    entry.write(folder, files)
    assert same(entry.Entry(folder, JOB.key).load(), result)


def test_numpy_numbers_become_plain_ones_and_other_things_are_refused(store: Store) -> None:
    store.save(JOB, Result({"x": np.float64(0.5), "n": np.int64(3), "v": np.ones(2)}), {})
    assert store.metrics(JOB.key) == {"x": 0.5, "n": 3, "v": [1.0, 1.0]}
    with pytest.raises(TypeError, match="not JSON"):
        store.save(Toy("b"), Result({"x": object()}), {})
    assert list(store) == [JOB.key] and not any((store.root / "tmp").iterdir())


def test_nothing_there(store: Store) -> None:
    assert not store.has(JOB.key) and store.metrics(JOB.key) is None and store.provenance(JOB.key) is None
    with pytest.raises(Missing, match="run the notebook or the figure that it belongs to"):
        store.load(JOB.key)


@pytest.mark.parametrize(
    "name", ["", "..", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 33, "/" + "0" * 31, "0" * 32 + "\n"]
)
def test_only_keys_become_paths(store: Store, name: str) -> None:
    for use in (store.has, store.load, store.metrics, store.folder, store.checkpoint, store.discard):
        with pytest.raises(InputError, match="not a key"):
            use(name)
    with pytest.raises(InputError, match="not a key"), store.lock(name):
        pass


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
@pytest.mark.parametrize("name", ["spec.json", "metrics.json", "arrays.safetensors", "provenance.json"])
def test_damage_is_seen_set_aside_and_said(full: Store, name: str, harm: Any, caplog: pytest.LogCaptureFixture) -> None:
    harm(full.folder(JOB.key) / name)
    with caplog.at_level(logging.WARNING), pytest.raises(Missing) as missing:
        full.load(JOB.key)
    assert missing.value.key == JOB.key and "is damaged" in caplog.text and name in caplog.text
    assert not full.has(JOB.key) and len(list((full.root / "quarantine").iterdir())) == 1
    full.save(JOB, RESULT, {})
    assert same(full.load(JOB.key), RESULT)


def test_reading_metrics_alone_sees_damage_too(full: Store) -> None:
    flip(full.folder(JOB.key) / "metrics.json")
    assert full.metrics(JOB.key) is None and not full.has(JOB.key)


def test_a_save_over_a_damaged_entry_replaces_it(full: Store) -> None:
    truncate(full.folder(JOB.key) / "arrays.safetensors")
    full.save(JOB, RESULT, {})
    assert same(full.load(JOB.key), RESULT)


def test_an_entry_under_the_wrong_key_is_damaged(full: Store) -> None:
    other = Toy("b").key
    full.folder(other).parent.mkdir(exist_ok=True)
    shutil.copytree(full.folder(JOB.key), full.folder(other))
    assert full.metrics(other) is None
    assert list(full) == [JOB.key]


def test_a_forged_spec_does_not_fit_its_key(store: Store) -> None:
    files = entry.pack(JOB.key, {**JOB.spec(), "version": 2}, RESULT, {})
    entry.write(store.folder(JOB.key), files)
    with pytest.raises(Missing, match="another key"):
        store.load(JOB.key)


def test_the_first_result_stays(full: Store) -> None:
    full.save(JOB, Result({"loss": 9.0}), {})
    assert same(full.load(JOB.key), RESULT)


def test_a_key_is_held_by_one_at_a_time(store: Store) -> None:
    with store.lock(JOB.key):
        with pytest.raises(Busy), store.lock(JOB.key):
            pass
        with store.lock(Toy("b").key):
            pass
    with store.lock(JOB.key):
        pass
    assert not any((store.root / "locks").iterdir())


def test_a_lock_ends_with_its_process(store: Store) -> None:
    code = f"""
import os
from distilled_pruning.study.engine.store import Store
with Store({str(store.root)!r}).lock({JOB.key!r}):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert (store.root / "locks" / JOB.key).exists()
    with store.lock(JOB.key):
        pass


def test_takes_in_a_copy_on_its_own_evidence(full: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    other.prepare()
    assert other.adopt(full.folder(JOB.key)) == JOB.key
    assert same(other.load(JOB.key), RESULT)


@pytest.mark.parametrize("name", ["spec.json", "metrics.json", "arrays.safetensors", "provenance.json"])
def test_refuses_a_copy_that_contradicts_itself(full: Store, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copies" / JOB.key
    shutil.copytree(full.folder(JOB.key), copy)
    flip(copy / name)
    other = Store(tmp_path / "other")
    other.prepare()
    with pytest.raises(InputError, match="is refused as a result"):
        other.adopt(copy)
    assert list(other) == []


def test_refuses_a_copy_with_links(full: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / JOB.key
    shutil.copytree(full.folder(JOB.key), copy)
    (copy / "metrics.json").unlink()
    (copy / "metrics.json").symlink_to(full.folder(JOB.key) / "metrics.json")
    with pytest.raises(InputError, match="is a link"):
        full.adopt(copy)


def test_a_copy_brings_no_other_files(full: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / JOB.key
    shutil.copytree(full.folder(JOB.key), copy)
    (copy / "sitecustomize.py").write_text("raise SystemExit")
    other = Store(tmp_path / "other")
    other.adopt(copy)
    assert sorted(path.name for path in other.folder(JOB.key).iterdir()) == [
        "arrays.safetensors",
        "metrics.json",
        "provenance.json",
        "spec.json",
    ]


def test_a_store_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        Store(tmp_path / "file" / "store").prepare()


def test_the_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(tmp_path / "elsewhere"))
    assert Store().root == tmp_path / "elsewhere"
    assert not any(tmp_path.iterdir())


def test_a_fallback_serves_what_the_folder_lacks(full: Store, tmp_path: Path) -> None:
    store = Store(tmp_path / "empty", fallback=full)
    assert store.has(JOB.key) and same(store.load(JOB.key), RESULT) and store.metrics(JOB.key)
    assert list(store) == [] and not store.root.exists()


def test_status_counts(full: Store) -> None:
    child = Toy("child", needs=(JOB,))
    full.save(child, Result({}), {"seconds": 2.0})
    (full.checkpoint(Toy("half").key) / "state").write_text("x")
    found = upkeep.status(full, {"fig3": [JOB.key, Toy("absent").key]})
    assert found.entries == {"toy": 2} and found.seconds == {"toy": 3.0} and found.bytes["toy"] > 200
    assert (found.figures, found.unclaimed) == ({"fig3": (1, 2)}, 1)
    assert (found.checkpoints, found.quarantined, found.damaged) == (1, 0, [])


def test_verify_finds_what_is_damaged(full: Store) -> None:
    other = Toy("b")
    full.save(other, RESULT, {})
    flip(full.folder(other.key) / "arrays.safetensors")
    assert upkeep.verify(full) == {other.key: "arrays.safetensors does not match its checksum"}
    assert upkeep.verify(full) == {} and list(full) == [JOB.key]


def test_gc_keeps_what_is_wanted_and_what_it_was_made_from(full: Store) -> None:
    child, other = Toy("child", needs=(JOB,)), Toy("other")
    for job in (child, other):
        full.save(job, Result({}), {})
    found = upkeep.waste(full, [child.key])
    assert list(found.results) == [other.key] and full.has(other.key)
    removed = upkeep.gc(full, found)
    assert list(removed.results) == [other.key] and removed.bytes == found.bytes > 0
    assert sorted(full) == sorted([JOB.key, child.key])


def test_gc_removes_what_dead_processes_left_and_nothing_that_runs(full: Store) -> None:
    running, half = Toy("running"), Toy("half")
    left = [full.root / "tmp" / f"{half.key}.123", full.checkpoint(JOB.key)]
    left[0].mkdir()
    keep = [full.root / "tmp" / f"{running.key}.124", full.checkpoint(half.key)]
    keep[0].mkdir()
    (full.root / "locks" / half.key).parent.mkdir()
    (full.root / "locks" / half.key).touch()
    with full.lock(running.key):
        removed = upkeep.gc(full, upkeep.waste(full))
        assert sorted(removed.leftovers) == sorted(left) and not removed.results
        assert all(path.exists() for path in keep) and not any(path.exists() for path in left)
    assert not any((full.root / "locks").iterdir())


def test_ten_thousand_entries_are_counted_within_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    store = Store(tmp_path / "store")
    for number in range(10_000):
        job = Toy(f"job {number}")
        entry.write(store.folder(job.key), entry.pack(job.key, job.spec(), Result({"x": number}), {"kind": "toy"}))
    began = time.process_time()
    assert upkeep.status(store).entries == {"toy": 10_000}
    assert time.process_time() - began < 5


def test_a_key_takes_less_than_a_millisecond() -> None:
    jobs = [Toy(f"job {number}", needs=(JOB,)) for number in range(200)]
    began = time.process_time()
    assert len({job.key for job in jobs}) == 200
    assert (time.process_time() - began) / 200 < 1e-3
    assert jobs[0].key == key_of(json.loads(entry.dump(jobs[0].spec())))
