"""What can go wrong around a run, and that nothing is lost, repeated or mixed up by it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import oldform
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.engine import entry, maintenance
from distilled_pruning.study.engine.runner import Outcome, run
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Context, Job
from toyjobs import STEP_SECONDS, Toy, chain, diary, perform, wanted

RUN = """
import resource, sys
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from toyjobs import perform, wanted

if __name__ == "__main__":
    root, steps, jobs_n, largest = sys.argv[1], *map(int, sys.argv[2:])
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    outcome = run(wanted(steps), Store(root), jobs_n=jobs_n, perform=perform)
    print(outcome.stopped, len(outcome.left), *outcome.failed.values(), sep="|")
    sys.exit(outcome.code)
"""


def start(store: Store, steps: int = 0, jobs_n: int = 1, largest: int = 0) -> subprocess.Popen[str]:
    script = store.root.parent / "run.py"
    script.write_text(RUN)
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, str(script), str(store.root), str(steps), str(jobs_n), str(largest)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def go(jobs: list[Toy], store: Store) -> tuple[Outcome, str]:
    stream = io.StringIO()
    return run(jobs, store, perform=perform, stream=stream), stream.getvalue()


def numbers(store: Store) -> dict[str, tuple[object, list[float]]]:
    loaded = {key: store.load(key) for key in store}
    return {key: (result.metrics, result.arrays["walk"].tolist()) for key, result in loaded.items()}


def undisturbed(tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[object, list[float]]]:
    store = Store(tmp_path / "undisturbed" / "store")
    store.root.parent.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("toyjobs.STEP_SECONDS", 0.0)
        go(wanted(steps), store)
    return numbers(store)


def begun(root: Path) -> Counter[str]:
    return Counter(line.split()[1] for line in diary(root) if line.startswith("begin"))


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.003)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("steps", "jobs_n", "kills"), [(10, 1, 25), (10, 2, 4), pytest.param(100, 1, 25, marks=pytest.mark.slow)]
)
def test_killed_again_and_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, jobs_n: int, kills: int
) -> None:
    chance, inside = random.Random(0), 0
    for number in range(kills):
        before = len(diary(tmp_path))
        process = start(store, steps, jobs_n)
        if number % 5 == 4:  # between an end and what is saved after it
            until(lambda seen=before: any("end" in line for line in diary(tmp_path)[seen:]))
            time.sleep(chance.random() * 0.01)
        else:
            until(lambda seen=before: len(diary(tmp_path)) > seen)
            time.sleep(chance.random() * 0.8 * steps * STEP_SECONDS)
        assert process.poll() is None, "the run was over before the last kill"
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        inside += diary(tmp_path)[-1].startswith("begin")
    assert inside >= kills * 3 // 5
    process = start(store, steps, jobs_n)
    _, said = process.communicate()
    assert process.returncode == 0, said
    repeated = sum(count - 1 for count in begun(tmp_path).values())
    assert repeated <= kills * jobs_n
    assert numbers(store) == undisturbed(tmp_path, steps, monkeypatch)
    maintenance.remove_waste(store, maintenance.find_waste(store))
    assert not any((store.root / "tmp").iterdir()) and not any((store.root / "locks").iterdir())


def test_two_runs_on_one_store_share_the_work(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [start(store, 5, jobs_n) for jobs_n in (1, 2)]
    for process in runs:
        said = process.communicate()[1]
        assert process.returncode == 0, said
    assert begun(tmp_path) == Counter({job.name: 1 for job in wanted(5)})
    assert numbers(store) == undisturbed(tmp_path, 5, monkeypatch)


@pytest.mark.parametrize("jobs_n", [1, 2])
def test_an_interrupt_to_everyone_stops_at_a_checkpoint(store: Store, tmp_path: Path, jobs_n: int) -> None:
    process = start(store, 400, jobs_n)
    until(lambda: len(diary(tmp_path)) >= jobs_n)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGTERM if jobs_n == 2 else signal.SIGINT)
    out, said = process.communicate(timeout=20)
    assert process.returncode == 3 and out.strip() == "signal|32" and "Traceback" not in said, said
    assert len(list((store.root / "checkpoints").glob("*/state.npy"))) == jobs_n


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 4]) + content[-8:])


@pytest.mark.parametrize("how", ["truncated", "flipped"])
@pytest.mark.parametrize("end", [entry.HEAD, entry.BODY])
def test_a_damaged_parent_is_made_again_for_its_child(store: Store, tmp_path: Path, end: str, how: str) -> None:
    jobs = chain("a", 3)
    go(jobs, store)
    expected = numbers(store)
    store.discard(jobs[2].key)
    damage(store.path(jobs[1].key, end), how)
    outcome, _ = go([jobs[2]], store)
    assert outcome.code == 0 and set(outcome.done) == {jobs[1].key, jobs[2].key}
    assert numbers(store) == expected
    assert [path.name for path in (store.root / "quarantine").iterdir()] == [f"{jobs[1].key}.0"]


@pytest.mark.parametrize("how", ["truncated", "flipped"])
def test_a_damaged_result_is_made_again(store: Store, how: str) -> None:
    jobs = chain("a", 2)
    go(jobs, store)
    expected = numbers(store)
    damage(store.path(jobs[1].key), how)
    outcome, _ = go([jobs[1]], store)
    assert outcome.done == [jobs[1].key] and numbers(store) == expected


def test_a_parent_nobody_expected_to_be_missing_is_made_again(store: Store) -> None:
    first, middle, last = chain("a", 3)

    def reads_further(job: Job, context: Context) -> entry.Result:
        if job.key == last.key:
            context.load(first)
        return perform(job, context)

    run([last], store, perform=reads_further, stream=io.StringIO())
    store.discard(first.key)
    store.discard(last.key)
    outcome = run([last], store, perform=reads_further, stream=io.StringIO())
    assert outcome.done == [first.key, last.key] and middle.key not in outcome.done


def test_a_full_disk_stops_the_run_and_leaves_nothing_half_written(store: Store, tmp_path: Path) -> None:
    process = start(store, largest=200)
    out, said = process.communicate()
    assert process.returncode == 1 and "Traceback" not in said
    assert "cannot be written (File too large)" in out and out.startswith("storage|31|")
    assert list(store) == [] and not any((store.root / "tmp").iterdir())
    assert len(diary(tmp_path)) == 2  # nothing was tried after the first
    process = start(store)
    process.communicate()
    assert process.returncode == 0 and len(list(store)) == 32


def test_no_space_left_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    outcome, said = go(chain("a", 2), store)
    assert outcome.stopped == "storage" and outcome.code == 1 and len(outcome.left) == 1
    assert "cannot be written (No space left on device)" in said
    assert list(store) == [] and not any((store.root / "tmp").iterdir())


def test_a_full_disk_behind_another_error_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def checkpoint_fails(job: Job, context: Context) -> entry.Result:
        def refuse(path: Path, content: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_bytes", refuse)
        raise RuntimeError("enforce fail at inline_container.cc: unexpected pos")

    outcome = run(chain("a", 2), store, perform=checkpoint_fails, stream=io.StringIO())
    assert outcome.stopped == "storage" and "No space left" in next(iter(outcome.failed.values()))


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written, even by root: on a read-only mount where that is allowed, else below a file."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        folder.rmdir()
        folder.write_text("a file")
    yield folder / "store"
    if mounted.returncode == 0:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_store_that_cannot_be_written_stops_before_any_work(read_only: Path) -> None:
    with pytest.raises(InputError, match=r"store .* cannot be written \((Read-only file system|Not a directory)\)"):
        go(chain("a", 2), Store(read_only))
    assert diary(read_only.parent) == []


def test_a_run_with_nothing_to_do_writes_nothing(store: Store) -> None:
    jobs = chain("a", 2)
    go(jobs, store)
    shutil.rmtree(store.root / "tmp")
    before = sorted((str(path), path.stat().st_mtime_ns) for path in store.root.rglob("*"))
    go(jobs, store)
    assert sorted((str(path), path.stat().st_mtime_ns) for path in store.root.rglob("*")) == before


def test_a_run_goes_on_from_what_an_earlier_version_kept(store: Store, tmp_path: Path) -> None:
    """Nothing that it holds is done again, and its numbers and those of the new form are the same."""
    jobs, other = chain("a", 4, 1), Store(tmp_path / "old" / "store")
    go(jobs, store)
    other.prepare()
    for job in jobs[:2]:
        oldform.save(other, job, store.load(job.key), {"seconds": 1.0})
    outcome, _ = go(jobs, other)
    assert outcome.done == [job.key for job in jobs[2:]] and numbers(other) == numbers(store)
    assert go(jobs, other)[0].done == []


class Newer(Toy):
    version: ClassVar[int] = 2


def test_results_of_an_older_kind_version_are_not_taken_for_new_ones(store: Store) -> None:
    old, new = Toy("a"), Newer("a")
    go([old], store)
    outcome, _ = go([new], store)
    assert outcome.done == [new.key] and sorted(store) == sorted([old.key, new.key])
    assert list(maintenance.find_waste(store, [new.key]).results) == [old.key]


def test_a_worker_told_to_end_gives_its_job_back(store: Store, tmp_path: Path) -> None:
    process = start(store, 60, 2)
    until(lambda: len(diary(tmp_path)) >= 2)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in children:
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(int(pid), signal.SIGTERM)
            break
    until(lambda: "end" in "".join(diary(tmp_path)))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 3 and "died" not in said, said
