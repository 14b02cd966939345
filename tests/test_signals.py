"""Signals that end a process: work that can be kept is, and the exit code says that some is left."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from distilled_pruning import cli, exits, signals
from distilled_pruning.study.commands import computing
from test_faults import RUN, until
from toyjobs import diary


def start(root: Path, steps: int, jobs_n: int, before: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
    (root / "run.py").write_text(RUN)
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [*before, sys.executable, str(root / "run.py"), str(root / "store"), str(steps), str(jobs_n), "0"]
    environment = {**os.environ, "PYTHONPATH": path}
    streams = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, env=environment, text=True, start_new_session=True, **{**streams, **options})


def checkpoints(root: Path) -> int:
    return len(list((root / "store/checkpoints").glob("*/state.npy")))


@pytest.mark.parametrize("jobs_n", [1, 2])
def test_a_hangup_stops_at_a_checkpoint_even_if_it_comes_twice(tmp_path: Path, jobs_n: int) -> None:
    process = start(tmp_path, 400, jobs_n)
    until(lambda: len(diary(tmp_path)) >= jobs_n)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGHUP)
    out, said = process.communicate(timeout=30)
    assert process.returncode == 3 and out.strip() == "signal|32" and "Traceback" not in said, said
    assert checkpoints(tmp_path) == jobs_n


def test_the_end_of_a_terminal_stops_at_a_checkpoint(tmp_path: Path) -> None:
    """With nobody left to read what it says, as when an SSH connection breaks."""
    ours, theirs = pty.openpty()
    took = "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    terminal = {"stdin": theirs, "stderr": theirs}
    process = start(tmp_path, 400, 1, (sys.executable, "-c", took), **terminal)
    os.close(theirs)
    until(lambda: bool(diary(tmp_path)))
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 3 and out.strip() == "signal|32"
    assert checkpoints(tmp_path) == 1


def test_under_nohup_a_hangup_is_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, 4, 2, ("nohup",))
    until(lambda: bool(diary(tmp_path)))
    os.killpg(process.pid, signal.SIGHUP)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0 and out.strip() == "|0", said


@pytest.mark.parametrize("number", signals.ENDING)
@pytest.mark.parametrize("command", ["run", "repeat", "plan", "check"])
def test_a_signal_before_any_job_says_that_work_is_left(
    command: str, number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As while a key is looked up among all notebooks, which takes seconds."""
    before = signal.getsignal(number)
    monkeypatch.setattr(computing, "find", lambda *given: signal.raise_signal(number))
    assert cli.main([command, "0" * 32]) == exits.STOPPED == 3
    assert capsys.readouterr().err == "distilled-pruning: stopped by a signal; the same command continues\n"
    assert signal.getsignal(number) == before


def test_only_a_lost_terminal_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        signals.tell("text", Broken())  # type: ignore[arg-type]
