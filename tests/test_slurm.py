"""Fig. 3 as submitted jobs of a real SLURM, one of them cancelled; ``.ci/slurm`` starts one for a command.

The Snakefile, the profile and the commands are those of ``workflow/README.md``.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from distilled_pruning.study.engine.runner import run
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.sections.targets import find, jobs_of
from test_cluster import SNAKEFILE, invocation

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

PRESET = {
    "methods": "imp,distilled",
    "seeds": 1,
    "levels": 2,
    "epochs": 2,
    "distill_iterations": 20,
    "inner_steps": 20,
    "inner_learning_rate": "0.3",
}
PROFILE = SNAKEFILE.parent / "profiles" / "slurm"
# Of a small machine: looked at soon, and asking for little memory.
OPTIONS = ("spare=0.5", "--profile", str(PROFILE), "--slurm-init-seconds-before-status-checks", "3")
PATIENCE = 900.0
SUBMITTED = re.compile(r"SLURM jobid (\d+) \(log: \S*/group_([0-9a-f]{32})_job/")


def answers() -> bool:
    """Say whether a SLURM controller answers on this machine."""
    return shutil.which("scontrol") is not None and " is UP" in told("scontrol", "ping")


def told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def submitted(log: Path) -> list[tuple[str, str]]:
    """List the submitted jobs: SLURM's number and the group of ours."""
    return SUBMITTED.findall(log.read_text())


def wait(until: Callable[[], bool], process: subprocess.Popen[str], log: Path) -> None:
    """Wait while Snakemake runs, and show its log when it ends too early or takes too long."""
    end = time.monotonic() + PATIENCE
    while not until():
        assert process.poll() is None and time.monotonic() < end, log.read_text()[-10_000:]
        time.sleep(0.2)


def test_a_figure_through_slurm_though_a_job_is_cancelled(tmp_path: Path) -> None:
    if not answers():
        pytest.skip("no SLURM controller answers: run `.ci/slurm COMMAND`")
    store, other, log = Store(tmp_path / "store"), Store(tmp_path / "other"), tmp_path / "log"
    pairs = [word for name, value in PRESET.items() for word in ("-p", name, str(value))]
    command, environment = invocation(*OPTIONS)
    environment["DISTILLED_PRUNING_STORE"] = str(store.root)
    program = [str(Path(sys.executable).with_name("distilled-pruning")), "plan", "fig3", *pairs]
    text = subprocess.run(
        [*program, "--device", "cpu", "--json"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "plan.json").write_text(text)
    jobs = json.loads(text)["jobs"]
    groups: dict[str, list[str]] = {}
    for job in jobs:
        groups.setdefault(job["group"], []).append(job["key"])
    victim, links = max(groups.items(), key=lambda group: len(group[1]))
    assert len(jobs) <= 25 and len(links) == 4 and len(groups) < len(jobs)

    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True
        )
    try:
        wait(lambda: store.has(links[0]), process, log)
        first = store.path(links[0]).read_bytes()
        (cancelled,) = (number for number, group in submitted(log) if group == victim)
        assert not store.has(links[-1])
        subprocess.run(["scancel", cancelled], check=True)
        wait(lambda: process.poll() is not None, process, log)
        assert process.returncode == 0, log.read_text()[-10_000:]
    finally:
        if process.poll() is None:
            process.terminate()  # Snakemake cancels what it submitted
            process.wait(60)
    print(f"{len(jobs)} jobs through SLURM in {time.monotonic() - began:.0f} s")

    numbers = submitted(log)
    rows = told("sacct", "-X", "-n", "-P", "-o", "jobid,state", "-j", ",".join(number for number, _ in numbers))
    states = dict(row.split("|") for row in rows.splitlines())
    assert states.pop(cancelled).startswith("CANCELLED")
    assert set(states.values()) == {"COMPLETED"}
    assert sorted(group for number, group in numbers if number != cancelled) == sorted(groups)
    assert store.path(links[0]).read_bytes() == first  # what was done was not done again

    targets = find(["fig3"], [*PRESET.items(), ("device", "cpu")])
    assert run(jobs_of(targets), other, device="cpu", stream=io.StringIO()).code == 0
    assert set(store) == set(other) == {job["key"] for job in jobs}
    for key in store:
        ours, theirs = store.load(key), other.load(key)
        assert ours.metrics == theirs.metrics
        assert ours.arrays.keys() == theirs.arrays.keys()
        for name, array in ours.arrays.items():
            assert array.dtype == theirs.arrays[name].dtype and array.shape == theirs.arrays[name].shape
            assert array.tobytes() == theirs.arrays[name].tobytes()
