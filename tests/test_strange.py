"""What a store may hold that nobody expects there: it is put aside or left alone, and the rest works."""

from __future__ import annotations

import io
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import oldform
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.engine import entry, maintenance
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Result, graph
from distilled_pruning.study.results.recorded import INDEX, Recorded
from toyjobs import Toy

JOB, OTHER, OLD = Toy("a"), Toy("other"), Toy("old")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that holds two results."""
    store = Store(tmp_path / "store")
    store.prepare()
    for job in (JOB, OTHER):
        store.save(job, Result({"x": 1}, {"w": np.ones(3)}), {"seconds": 60.0})
    return store


def become(path: Path, kind: str) -> None:
    """Put something else in the place of a file or folder."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[], object]] = {
        "file": path.touch,
        "folder": lambda: (path / "within").mkdir(parents=True),
        "circle": lambda: path.symlink_to(path),
        "pipe": lambda: os.mkfifo(path),
        "brackets": lambda: path.write_text("[" * 100_000),
        "no UTF-8": lambda: path.write_text('{"a": "\\ud800"}'),
        "number": lambda: path.write_text("3"),
    }
    makers[kind]()


PLACES = {
    "shard": JOB.key[:2],
    "entry": f"{JOB.key[:2]}/{JOB.key}.json",
    "arrays": f"{JOB.key[:2]}/{JOB.key}.safetensors",
    "old entry": f"{OLD.key[:2]}/{OLD.key}",
    "provenance": f"{OLD.key[:2]}/{OLD.key}/{entry.PROVENANCE}",
    "metrics": f"{OLD.key[:2]}/{OLD.key}/{entry.METRICS}",
    "lock": f"locks/{JOB.key}",
    "checkpoint": f"checkpoints/{JOB.key}",
    "temporary": f"tmp/{JOB.key}.1",
    **{name: name for name in ("zz", "zzz", "tmp", "locks", "checkpoints", "quarantine", "locks/zz", "quarantine/zz")},
}
ENTRIES = ("entry", "arrays", "old entry", "provenance")
STRANGE = [
    *((place, "file") for place in PLACES if place not in ("provenance", "metrics")),
    *((place, "folder") for place in ("zz", *ENTRIES, "lock", "locks/zz")),
    *((place, "circle") for place in ("zz", "shard", *ENTRIES, "locks", "checkpoint", "tmp")),
    *((place, "pipe") for place in ("zz", *ENTRIES, "metrics")),
    *((place, kind) for place in ("entry", "provenance", "metrics") for kind in ("brackets", "no UTF-8", "number")),
]


@pytest.mark.parametrize(("place", "kind"), STRANGE)
def test_is_put_aside_and_the_rest_works(store: Store, place: str, kind: str) -> None:
    oldform.save(store, OLD, Result({"x": 1}), {"seconds": 60.0})
    become(store.root / PLACES[place], kind)
    assert maintenance.count_results(store).entries["toy"] >= 1
    maintenance.verify(store)
    maintenance.remove_waste(store, maintenance.find_waste(store, [JOB.key, OTHER.key, OLD.key]))
    if place != "shard" or JOB.key[:2] != OTHER.key[:2]:
        assert store.load(OTHER.key).metrics == {"x": 1}
    jobs = [JOB, OTHER, OLD, Toy("third")]
    outcome = run(jobs, store, perform=lambda job, context: Result({"x": 2}), stream=io.StringIO())
    assert not outcome.failed and not outcome.left
    assert all(store.load(job.key) for job in jobs)
    assert maintenance.verify(store) == {} and maintenance.count_results(store).damaged == []


def test_a_store_that_may_not_be_read_is_one_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.iterdir

    def refuse(path: Path) -> object:
        if path == store.root:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"the store '.*' cannot be read \(Permission denied\): give a folder"):
        maintenance.count_results(store)


def test_part_of_a_store_that_may_not_be_read_is_left_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.iterdir

    def refuse(path: Path) -> object:
        if path.name == JOB.key[:2]:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert list(store) == [OTHER.key]


def test_a_result_that_may_not_be_written_ends_the_run_with_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    third, stream = Toy("third"), io.StringIO()

    def refuse(key: str, files: dict[str, bytes]) -> None:
        raise PermissionError(13, "Permission denied", str(store.path(key)))

    monkeypatch.setattr(store, "_put", refuse)
    outcome = run([third], store, perform=lambda job, context: Result({}), stream=stream)
    assert outcome.stopped in ("", "storage") and "cannot be written (Permission denied)" in outcome.failed[third.key]
    assert "Traceback" not in stream.getvalue()


def test_damage_after_damage_is_kept_under_free_names(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def damage() -> None:
        store.path(JOB.key).write_text("{}")
        assert store.metrics(JOB.key) is None
        store.save(JOB, Result({"x": 1}, {"w": np.ones(3)}), {})

    with caplog.at_level(logging.WARNING):
        damage()
        damage()
        shutil.rmtree(store.root / "quarantine" / f"{JOB.key}.0")  # a folder, with what belongs together
        damage()
    assert "cannot be moved" not in caplog.text
    assert sorted(path.name for path in (store.root / "quarantine").iterdir()) == [f"{JOB.key}.{n}" for n in (0, 1)]


def test_the_quarantine_is_no_leftover(store: Store) -> None:
    store.path(JOB.key).write_text("{}")
    assert maintenance.verify(store)
    found = maintenance.find_waste(store)
    assert not found.precious and maintenance.remove_waste(store, found).quarantined == []
    assert len(list((store.root / "quarantine").iterdir())) == 1
    found = maintenance.find_waste(store, quarantine=True)
    assert found.precious and len(found.quarantined) == 1 and "quarantine" in str(found)
    maintenance.remove_waste(store, found)
    assert not any((store.root / "quarantine").iterdir())


def test_gc_says_what_and_how_much_and_counts_only_what_went(store: Store) -> None:
    half = store.checkpoint(Toy("half").key)
    (half / "state.npy").write_bytes(b"0" * 1000)
    found = maintenance.find_waste(store, [JOB.key])
    assert "1 results (1 toy; 1.0 minutes of computing)" in str(found) and "1 jobs stopped half-way" in str(found)
    with store.lock(OTHER.key):
        removed = maintenance.remove_waste(store, found)
    assert not removed.results and removed.unfinished == [half] and removed.bytes == 1000 and store.has(OTHER.key)


def test_what_an_unfinished_target_is_made_from_is_kept(store: Store) -> None:
    child = Toy("child", needs=(JOB,))
    assert list(maintenance.find_waste(store, [job.key for job in graph([child])]).results) == [OTHER.key]


@pytest.mark.parametrize(
    "content", ["", "[]", "3", '{"records": 5}', '{"records": [5]}', '{"records": [[]]}', "[" * 100_000, None]
)
def test_an_index_of_recorded_results_that_is_none_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / INDEX
    path.mkdir() if content is None else path.write_text(content)
    with pytest.raises(InputError, match="restore it from git"):
        Recorded(tmp_path).records()


@pytest.mark.parametrize("content", ["", "3", "{}", '{"provenance": 3}', '{"provenance": {"files": 3}}', "[" * 100_000])
def test_a_recorded_entry_that_is_none_is_damaged(tmp_path: Path, content: str) -> None:
    recorded = Recorded(tmp_path)
    recorded.path(JOB.key).parent.mkdir()
    recorded.path(JOB.key).write_text(content)
    assert set(recorded.verify()) == {JOB.key} and not recorded.has(JOB.key) and recorded.metrics(JOB.key) is None
