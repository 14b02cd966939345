"""The plan run by Snakemake; needs the extra ``[cluster]``: ``make cluster``, then ``pytest -m cluster``."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from distilled_pruning.study.engine.plan import plan
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from toyjobs import Toy, chain, diary, perform

pytestmark = pytest.mark.cluster

SNAKEFILE = Path(__file__).parents[1] / "workflow" / "Snakefile"
RUN = """
import sys
from pathlib import Path
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from test_cluster import wanted
from toyjobs import perform

root, key = sys.argv[1:]
told = Path(root).parent / "told"
if key == wanted()[0].key and not told.exists():
    told.touch()
    sys.exit(3)  # as after a signal: well, but without a result
(job,) = (job for job in wanted() if job.key == key)
sys.exit(run([job], Store(root), perform=perform).code)
"""


def wanted() -> list[Toy]:
    """Three chains of three, of which one job is killed the first time."""
    return [*chain("a", 3, 2), *chain("b", 3, 2), *chain("c", 2, 2), Toy("weak", 1, fault="die-once")]


def invocation(*options: str) -> tuple[list[str], dict[str, str]]:
    """Give the command line that runs a folder's plan.json, and its environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which("snakemake", path=path)
    assert program is not None, "these tests need Snakemake: `make cluster` installs it"
    command = [program, "-s", str(SNAKEFILE), "--config", "plan=plan.json", *options]
    return command, {**os.environ, "PATH": path, "PYTHONPATH": str(Path(__file__).parent)}


def snakemake(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command, environment = invocation(*options)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def prepare(folder: Path, store: Store) -> None:
    script = folder / "run.py"
    script.write_text(RUN)
    found = plan(wanted(), store).json(lambda job: [sys.executable, str(script), str(store.root), job.key])
    (folder / "plan.json").write_text(json.dumps(found))


def test_gives_what_a_run_in_process_gives(tmp_path: Path) -> None:
    store, other = Store(tmp_path / "store"), Store(tmp_path / "other" / "store")
    other.root.parent.mkdir()
    prepare(tmp_path, store)
    done = snakemake(tmp_path, "--cores", "2")
    assert done.returncode == 0, done.stderr
    assert diary(tmp_path).count("begin weak") == 2  # killed, and tried again
    (tmp_path / "other" / "died-weak").touch()
    run(wanted(), other, perform=perform, stream=io.StringIO())
    assert list(store) == list(other)
    for key in store:
        assert store.load(key).metrics == other.load(key).metrics
        assert store.load(key).arrays["walk"].tobytes() == other.load(key).arrays["walk"].tobytes()

    began = time.monotonic()
    again = snakemake(tmp_path, "--cores", "2")
    assert again.returncode == 0 and "Nothing to be done" in again.stderr + again.stdout
    assert time.monotonic() - began < 10
    assert len(diary(tmp_path)) == 19

    store.discard(wanted()[0].key)
    prepare(tmp_path, store)
    assert [job["title"] for job in json.loads((tmp_path / "plan.json").read_text())["jobs"]] == ["toy a0"]
    assert snakemake(tmp_path, "--cores", "2").returncode == 0 and store.has(wanted()[0].key)


def test_a_failure_is_a_failure(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    prepare(tmp_path, store)
    (tmp_path / "run.py").write_text("raise SystemExit(1)")
    assert snakemake(tmp_path, "--cores", "2", "--retries", "0").returncode == 1
    assert not any((tmp_path / ".snakemake").glob("plans/*/*"))


def test_slurm_would_get_the_jobs_and_what_they_need(tmp_path: Path) -> None:
    prepare(tmp_path, Store(tmp_path / "store"))
    profile = str(SNAKEFILE.parent / "profiles" / "slurm")
    dry = snakemake(tmp_path, "--profile", profile, "--dry-run", "--config", "plan=plan.json", "gpus=1")
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.count("rule job:") == 9 and "gpu=1" in dry.stdout and "mem_mb=4500" in dry.stdout


def test_executors_quote_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would write a path with blanks into a shell line as it is; the Snakefile mends that in every process."""
    monkeypatch.syspath_prepend(str(SNAKEFILE.parent))
    quoting = importlib.import_module("quoting")
    assert "quoting.quote_interpreter()" in SNAKEFILE.read_text(encoding="utf-8")
    remote = importlib.import_module("snakemake_interface_executor_plugins.executors.remote")
    step = importlib.import_module("snakemake_executor_plugin_slurm_jobstep")
    for executor in (remote.RemoteExecutor, step.Executor):
        monkeypatch.setattr(executor, "get_python_executable", executor.get_python_executable)
    quoting.quote_interpreter()
    quoting.quote_interpreter()
    monkeypatch.setattr(sys, "executable", "/my book/.venv/bin/python")
    settings = types.SimpleNamespace(shared_fs_usage={remote.SharedFSUsage.SOFTWARE_DEPLOYMENT})
    run = types.SimpleNamespace(workflow=types.SimpleNamespace(storage_settings=settings))
    for executor in (remote.RemoteExecutor, step.Executor):
        assert executor.get_python_executable(run) == "'/my book/.venv/bin/python'"
    settings.shared_fs_usage = set()
    assert remote.RemoteExecutor.get_python_executable(run) == "python"
