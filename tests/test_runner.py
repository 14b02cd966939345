from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.engine import runner
from distilled_pruning.study.engine.runner import Outcome, duration, run
from distilled_pruning.study.engine.schedule import Schedule
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Result
from toyjobs import Toy, chain, diary, perform


def go(jobs: list[Toy], store: Store, **options: object) -> tuple[Outcome, str]:
    stream = io.StringIO()
    outcome = run(jobs, store, perform=perform, stream=stream, **options)  # type: ignore[arg-type]
    return outcome, stream.getvalue()


def contents(store: Store) -> dict[str, tuple[dict[str, object], dict[str, list[float]]]]:
    return {
        key: (result.metrics, {name: array.tolist() for name, array in result.arrays.items()})
        for key in store
        for result in [store.load(key)]
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_runs_what_is_missing_parents_first(store: Store, tmp_path: Path) -> None:
    jobs = chain("a", 3)
    outcome, said = go([jobs[-1]], store)
    assert outcome.done == [job.key for job in jobs]
    assert (outcome.left, outcome.failed, outcome.code) == ([], {}, 0)
    assert next(line for line in said.splitlines() if line.startswith("[")).startswith("[1/3] toy a0 … ")
    assert diary(tmp_path) == ["begin a0", "end a0", "begin a1", "end a1", "begin a2", "end a2"]


def test_a_finished_target_needs_no_parents(store: Store) -> None:
    jobs = chain("a", 3)
    go([jobs[-1]], store)
    for job in jobs[:-1]:
        store.discard(job.key)
    outcome, said = go([jobs[-1]], store)
    assert outcome.done == [] and said == ""


def test_side_by_side_gives_the_same_numbers(tmp_path: Path) -> None:
    jobs = [*chain("a", 3, 2), *chain("b", 2, 2)]
    alone, beside = Store(tmp_path / "one" / "store"), Store(tmp_path / "two" / "store")
    alone.root.parent.mkdir()
    beside.root.parent.mkdir()
    go(jobs, alone)
    outcome, _ = go(jobs, beside, jobs_n=2)
    assert outcome.code == 0 and len(outcome.done) == 5
    assert contents(alone) == contents(beside)


def test_a_failure_stops_only_what_depends_on_it(store: Store) -> None:
    bad = Toy("bad", fault="bug")
    jobs = [Toy("child", needs=(bad,)), Toy("good"), Toy("wrong", fault="input")]
    outcome, said = go(jobs, store)
    assert outcome.code == 1
    assert outcome.failed == {
        bad.key: "ZeroDivisionError: a bug",
        jobs[2].key: "no such dataset: give another one",
    }
    assert outcome.done == [jobs[1].key] and outcome.left == [jobs[0].key]
    assert "Traceback" in said and "failed: toy bad" in said


@pytest.mark.parametrize(("fault", "code"), [("die-once", 0), ("die", 1)])
def test_a_worker_that_dies_costs_its_own_job_only(store: Store, fault: str, code: int) -> None:
    victim, other = Toy("victim", fault=fault), Toy("other", 30)
    outcome, said = go([other, victim], store, jobs_n=2)
    assert outcome.code == code and store.has(other.key) and store.has(victim.key) == (code == 0)
    assert "its process died (exit status -9)" in said
    assert not outcome.failed or "perhaps out of memory" in outcome.failed[victim.key]


@pytest.mark.parametrize("jobs_n", [1, 2])
def test_budget_stops_at_a_checkpoint_and_goes_on_there(store: Store, tmp_path: Path, jobs_n: int) -> None:
    job = Toy("long", 400)
    outcome, _ = go([job], store, budget=1.5, jobs_n=jobs_n)
    assert (outcome.left, outcome.stopped, outcome.code) == ([job.key], "budget", 3)
    assert 1.5 <= outcome.seconds < 3.5
    assert (store.root / "checkpoints" / job.key / "state.npy").exists()
    outcome, _ = go([job], store, jobs_n=jobs_n)
    assert outcome.done == [job.key] and store.entry(job.key).provenance()["continued"]
    assert not (store.root / "checkpoints" / job.key).exists()
    whole = sum(np.random.default_rng(step).normal(size=4) for step in range(400))
    np.testing.assert_allclose(store.load(job.key).arrays["walk"], whole, rtol=1e-12)  # the same sums in the same order


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_a_checkpoint(store: Store, number: signal.Signals) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
    before = signal.getsignal(number)
    outcome, said = go([Toy("long", 300), Toy("next")], store)
    assert outcome.stopped == "signal" and outcome.code == 3 and len(outcome.left) == 2
    assert "stopping at the next checkpoint" in said
    assert signal.getsignal(number) == before


def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    script = f"""
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.schedule import Schedule
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Result
from toyjobs import Toy, perform

if __name__ == "__main__":
    run([Toy("x", 3000), Toy("y", 3000)], Store({str(tmp_path / "store")!r}), jobs_n=2, perform=perform)
"""
    path = tmp_path / "script.py"
    path.write_text(script)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
    }
    parent = subprocess.Popen([sys.executable, str(path)], env=environment, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(diary(tmp_path)) == 2)
    children = [int(pid) for pid in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()]
    assert len(children) >= 2
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(alive(pid) for pid in children))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_says_how_a_long_job_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_HEARTBEAT_SECONDS", 0.2)
    _, said = go([Toy("long", 130)], store)
    beats = [line for line in said.splitlines() if "toy long:" in line]
    assert 1 <= len(beats) <= 8 and "/130, loss 0.0" in beats[0] and "left" in beats[0]


def test_the_estimate_follows_what_jobs_of_a_kind_took(store: Store) -> None:
    _, said = go([Toy(f"job{number}", 10) for number in range(8)], store)
    header, *lines = said.splitlines()
    assert header == "8 of 8 jobs to do, about 16 s"  # the start, and 8 times the fixed time of a job
    left = [float(line.split("about ")[1].split(" s")[0]) for line in lines[3:7]]
    assert left == sorted(left, reverse=True) and 0.3 < left[0] < 2 and left[-1] < 0.5  # 0.1 s a job, as measured


def test_a_terminal_gets_a_bar(store: Store) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    run(chain("a", 2), store, perform=perform, stream=stream)
    assert "100%" in stream.getvalue() and "2/2 jobs" in stream.getvalue()


def test_durations_are_said_as_a_person_would() -> None:
    said = [duration(seconds) for seconds in (4.12, 42, 380, 9000)]
    assert said == ["4.1 s", "42 s", "6 min", "2.5 h"]


def test_wrong_numbers_are_refused_before_anything_runs(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jobs must be at least 1"):
        go([Toy("a")], store, jobs_n=0)
    assert diary(tmp_path) == [] and not store.root.exists()


def test_the_study_floor_needs_no_pytorch() -> None:
    code = (
        "import sys, distilled_pruning.study.engine.runner, distilled_pruning.study.engine.store; "
        "sys.exit(bool({'torch', 'pandas', 'sklearn'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_schedule_bears_what_others_do_meanwhile(store: Store) -> None:
    """A result that goes missing while its child runs, one that another run makes, and a job that comes back twice."""
    first, second, third = chain("a", 3)
    other = Toy("other")
    store.prepare()
    store.save(first, Result({}), {})
    found = Schedule([third, other], store)
    assert found.pending == {second.key, third.key, other.key}
    assert [job.key for job in iter(found.next, None)] == [second.key, other.key]
    found.running.discard(other.key)  # busy: another run does it, and it comes back later
    store.discard(first.key)
    found.require(other.key, first.key)
    assert first.key in found.pending and second.key in found.running
    found.put_back(other.key)
    store.save(second, Result({}), {})
    found.require(other.key, first.key)
    found.done(second.key)
    assert [job.key for job in iter(found.next, None)] == [first.key, third.key]
    found.done(first.key)
    assert [job.key for job in iter(found.next, None)] == [other.key]
    found.done(other.key)
    found.fail(third.key, "a fault")
    assert found.left() == [] and found.pending == {third.key} and found.next() is None
