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
import oldform
import pytest
from distilled_pruning import disk
from distilled_pruning.errors import InputError
from distilled_pruning.study.engine import entry, maintenance
from distilled_pruning.study.engine.store import Busy, Missing, Store
from distilled_pruning.study.jobs import Result, key_of
from hypothesis import HealthCheck, given, settings, strategies as st
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
    store = Store(tmp_path / "any")
    shutil.rmtree(store.root, ignore_errors=True)
    store.save(JOB, result, {})
    assert same(store.load(JOB.key), result)


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
    for use in (store.has, store.load, store.metrics, store.path, store.checkpoint, store.discard):
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
@pytest.mark.parametrize("end", [entry.HEAD, entry.BODY])
def test_damage_is_seen_set_aside_and_said(full: Store, end: str, harm: Any, caplog: pytest.LogCaptureFixture) -> None:
    harm(full.path(JOB.key, end))
    with caplog.at_level(logging.WARNING), pytest.raises(Missing) as missing:
        full.load(JOB.key)
    assert missing.value.key == JOB.key and not full.has(JOB.key)
    if end == entry.HEAD and harm is Path.unlink:
        assert full.halves() == [full.path(JOB.key, entry.BODY)]  # what is not there is not damaged
    else:
        assert "is damaged" in caplog.text
        assert [path.name for path in (full.root / "quarantine").iterdir()] == [f"{JOB.key}.0"]
    full.save(JOB, RESULT, {})
    assert same(full.load(JOB.key), RESULT)


@pytest.mark.parametrize("part", ["spec", "metrics", "provenance"])
def test_a_changed_part_is_damage(full: Store, part: str, caplog: pytest.LogCaptureFixture) -> None:
    """Though the file is JSON as it should be."""
    path = full.path(JOB.key)
    found = json.loads(path.read_text())
    found[part]["more"] = 1
    path.write_text(json.dumps(found))
    with caplog.at_level(logging.WARNING):
        assert not full.sound(JOB.key)
    assert f"{part} does not match its" in caplog.text and not full.holds(JOB.key)


@pytest.fixture
def old(store: Store) -> Store:
    """A store as an earlier version left it."""
    oldform.save(store, JOB, RESULT, {"seconds": 1.0})
    return store


def test_what_an_earlier_version_kept_is_read(old: Store) -> None:
    assert old.has(JOB.key) and old.sound(JOB.key) and list(old) == [JOB.key]
    assert same(old.load(JOB.key), RESULT)
    assert json.dumps(old.metrics(JOB.key)) == json.dumps(RESULT.metrics)
    assert (old.provenance(JOB.key) or {})["seconds"] == 1.0 and maintenance.count_results(old).entries == {"toy": 1}
    old.save(JOB, Result({"loss": 9.0}), {})
    assert same(old.load(JOB.key), RESULT) and not old.path(JOB.key).exists(), "the first result stays"
    assert same(Store(old.root.parent / "empty", fallback=old).load(JOB.key), RESULT)
    maintenance.remove_waste(old, maintenance.find_waste(old, []))
    assert list(old) == [] and not oldform.folder(old, JOB.key).exists()


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
@pytest.mark.parametrize("name", oldform.NAMES)
def test_damage_to_what_an_earlier_version_kept_is_seen(
    old: Store, name: str, harm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    harm(oldform.folder(old, JOB.key) / name)
    with caplog.at_level(logging.WARNING), pytest.raises(Missing) as missing:
        old.load(JOB.key)
    assert missing.value.key == JOB.key and "is damaged" in caplog.text and Path(name).stem in caplog.text
    assert not old.has(JOB.key) and len(list((old.root / "quarantine").iterdir())) == 1
    old.save(JOB, RESULT, {})
    assert same(old.load(JOB.key), RESULT) and old.path(JOB.key).exists()


def test_a_result_in_both_forms_is_one(old: Store) -> None:
    """As two versions at work on one store at once may leave it; a damaged one gives way to the other."""
    both = Store(old.root.parent / "both")
    both.save(JOB, RESULT, {"seconds": 2.0})
    oldform.save(both, JOB, RESULT, {"seconds": 1.0})
    assert list(both) == [JOB.key] and (both.provenance(JOB.key) or {})["seconds"] == 2.0
    flip(both.path(JOB.key))
    assert both.metrics(JOB.key) is None and (both.provenance(JOB.key) or {})["seconds"] == 1.0
    both.discard(JOB.key)
    assert list(both) == []


def test_arrays_alone_are_no_result_and_go(full: Store) -> None:
    """A kill between the two files: the job is done again, and what nobody does again is waste."""
    full.path(JOB.key).unlink()
    assert not full.has(JOB.key) and list(full) == [] and full.sound(JOB.key) is False
    with full.lock(JOB.key):
        assert maintenance.find_waste(full).leftovers == []
    removed = maintenance.remove_waste(full, maintenance.find_waste(full))
    assert removed.leftovers == [full.path(JOB.key, entry.BODY)] and not full.halves()


def test_nothing_appears_before_all_of_it_is_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at the second file: the first one is not there either."""
    real, calls = os.fsync, []

    def fails_later(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 1:
            raise OSError(28, os.strerror(28))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fails_later)
    with pytest.raises(OSError, match="No space left"):
        store.save(JOB, RESULT, {})
    assert len(calls) == 2 and not [path for path in store.root.rglob("*") if path.is_file()]


def test_reading_metrics_alone_sees_damage_too(full: Store) -> None:
    flip(full.path(JOB.key))
    assert full.metrics(JOB.key) is None and not full.has(JOB.key)


def test_a_save_over_a_damaged_entry_replaces_it(full: Store) -> None:
    truncate(full.path(JOB.key, entry.BODY))
    full.save(JOB, RESULT, {})
    assert same(full.load(JOB.key), RESULT)


def test_an_entry_under_the_wrong_key_is_damaged(full: Store) -> None:
    other = Toy("b").key
    full.path(other).parent.mkdir(exist_ok=True)
    for end in (entry.HEAD, entry.BODY):
        shutil.copy(full.path(JOB.key, end), full.path(other, end))
    assert full.metrics(other) is None
    assert list(full) == [JOB.key]


def test_a_forged_spec_does_not_fit_its_key(store: Store) -> None:
    files = entry.pack(JOB.key, {**JOB.spec(), "version": 2}, RESULT, {})
    disk.write_whole({store.path(JOB.key, end): content for end, content in files.items()})
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
    found = maintenance.count_results(full, {"fig3": [JOB.key, Toy("absent").key]})
    assert found.entries == {"toy": 2} and found.seconds == {"toy": 3.0} and found.bytes["toy"] > 200
    assert (found.figures, found.unclaimed) == ({"fig3": (1, 2)}, 1)
    assert (found.checkpoints, found.quarantined, found.damaged) == (1, 0, [])


def test_verify_finds_what_is_damaged(full: Store) -> None:
    other = Toy("b")
    full.save(other, RESULT, {})
    flip(full.path(other.key, entry.BODY))
    reason = f"{other.key}.safetensors was left out or does not match its checksum"
    assert maintenance.verify(full) == {other.key: reason}
    assert maintenance.verify(full) == {} and list(full) == [JOB.key]


def test_gc_keeps_what_is_wanted_and_what_it_was_made_from(full: Store) -> None:
    child, other = Toy("child", needs=(JOB,)), Toy("other")
    for job in (child, other):
        full.save(job, Result({}), {})
    found = maintenance.find_waste(full, [child.key])
    assert list(found.results) == [other.key] and full.has(other.key)
    removed = maintenance.remove_waste(full, found)
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
        removed = maintenance.remove_waste(full, maintenance.find_waste(full))
        assert sorted(removed.leftovers) == sorted(left) and not removed.results
        assert all(path.exists() for path in keep) and not any(path.exists() for path in left)
    assert not any((full.root / "locks").iterdir())


@pytest.mark.thorough
def test_ten_thousand_entries_are_counted_within_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    store = Store(tmp_path / "store")
    for number in range(10_000):
        job = Toy(f"job {number}")
        store.save(job, Result({"x": number}), {})
    began = time.process_time()
    assert maintenance.count_results(store).entries == {"toy": 10_000}
    assert time.process_time() - began < 5


def test_a_key_takes_less_than_a_millisecond() -> None:
    jobs = [Toy(f"job {number}", needs=(JOB,)) for number in range(200)]
    began = time.process_time()
    assert len({job.key for job in jobs}) == 200
    assert (time.process_time() - began) / 200 < 1e-3
    assert jobs[0].key == key_of(json.loads(entry.dump(jobs[0].spec())))
