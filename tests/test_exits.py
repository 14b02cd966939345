"""Exit codes that do not lie, deletes that ask, counts that agree, and commands that load only what they need."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pretend
import pytest
from distilled_pruning import cli, exits
from distilled_pruning.study.engine import runner
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.judging.ledger import claims_of
from distilled_pruning.study.parameters import notebooks, presets as parameters
from distilled_pruning.study.results.recorded import Recorded
from distilled_pruning.study.sections.section import Section
from distilled_pruning.study.sections.targets import find

S4 = "s4-stability"
SMALL = ["-p", "levels", "4", "-p", "seeds", "3", "-p", "measured_levels", "4", "-p", "inner_learning_rate", "0.3"]
SMALL += ["-p", "dense_seeds", "0"]
PAIRS = list(zip(SMALL[1::3], SMALL[2::3], strict=True))


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run a command in this process."""
    try:
        code = cli.main(words)
    except SystemExit as left:
        code = int(left.code or 0)
    found = capsys.readouterr()
    return code, found.out, found.err


@pytest.fixture
def full(tmp_path: Path) -> str:
    """A store that holds all results of the small section."""
    pretend.fill(Section(parameters.resolve(S4, [*PAIRS, ("store", str(tmp_path / "full"))])))
    return str(tmp_path / "full")


@pytest.mark.thorough
def test_stopped_with_work_left_is_exit_code_3(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a signal or at the end of the budget, from every command that trains; done is 0 again."""
    words = ["barriers", *SMALL, "--store", str(tmp_path), "--jobs", "1"]

    def interrupted(job: Any, context: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return pretend.perform(job, context)

    pretend.do_instead(monkeypatch, interrupted)
    code, _, err = ask(capsys, "run", *words)
    assert code == exits.STOPPED == 3 and "stopped (signal)" in err and "the same command continues" in err
    code, _, err = ask(capsys, "run", *words, "--budget", "0.000001")
    assert code == 3 and "stopped (budget)" in err
    pretend.do_instead(monkeypatch, pretend.perform)
    assert ask(capsys, "run", *words)[0] == 0
    monkeypatch.setattr(runner, "run", lambda *given, **more: runner.Outcome(left=["a"], stopped="signal"))
    monkeypatch.setattr("distilled_pruning.study.repeat.start_afresh", lambda targets, store: [])
    assert ask(capsys, "repeat", *words)[0] == 3
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(tmp_path / "empty"))
    code, _, err = ask(capsys, "book", S4)
    assert code == 3 and "run the same command again to go on" in err


@pytest.mark.parametrize("command", ["", "run", "book", "check", "repeat", "gc", "data"])
def test_help_tells_every_exit_code(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = ask(capsys, *command.split(), "--help")[1]
    assert exits.MEANING in out and all(f"  {code} " in out for code in (0, 1, 2, 3, 130))


def test_make_does_not_judge_what_a_stop_left_undone(tmp_path: Path) -> None:
    """``make check`` runs, then checks: with work left it ends there, and says so."""
    tool, home = tmp_path / "distilled-pruning", notebooks.home()
    tool.write_text(f"#!/bin/sh\necho $1 >> {tmp_path}/asked\ntest $1 != run || exit 3\n")
    tool.chmod(0o755)
    stamp = next((home / ".venv").glob("installed-*"), None)
    if stamp is None:
        pytest.skip("this checkout was not set up by make")
    words = [
        "make",
        "-C",
        str(home),
        "-o",
        f".venv/{stamp.name}",
        "check",
        f"BIN={tmp_path}",
        f"STAMP=.venv/{stamp.name}",
    ]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    assert made.returncode != 0 and "Error 3" in made.stderr
    assert (tmp_path / "asked").read_text().split() == ["run"]


@pytest.mark.parametrize("how", ["removed", "emptied", "of another scale"])
def test_a_record_that_is_gone_is_an_error(
    how: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_toc.yml", "notebooks", "pyproject.toml"):
        (tmp_path / name).symlink_to(notebooks.home() / name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    kept = {"figure": "none", "scale": "paper", "parameters": {}, "keys": [], "data": {}, "frame": [], "code": {}}
    rows = [{**kept, "seconds": 0.0}] if how == "of another scale" else []
    if how != "removed":
        (tmp_path / "results/index.json").write_text(json.dumps({"records": rows}))
    for words in (["check", "--recorded"], ["check", S4, "--recorded"]):
        code, out, err = ask(capsys, *words)
        assert code == 1 and "not run" in out and "nothing is recorded at reduced scale" in err


def test_a_record_that_is_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(capsys, "check", S4, "--recorded")[0] == 0


def test_check_of_nothing_is_no_success(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """At parameters of which nothing is expected, with nothing in the store; and the sentence has no empty brackets."""
    code, out, err = ask(capsys, "check", S4, "-p", "ipc", "2", "--store", str(tmp_path))
    assert code == 1 and "not run" in out and "no result that these claims rest on is there" in err
    code, _, err = ask(capsys, "check", S4, "--store", str(tmp_path))
    assert code == 1 and "()" not in err and ", found not run\n" in err
    assert "expected undecided at live scale, found not run" in err, "it counts too that those were run"


def test_a_named_dataset_that_is_not_here_is_no_success(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path))
    code, out, _ = ask(capsys, "data", "verify", "mnist")
    assert code == 1 and "not here" in out


def test_the_same_thing_is_counted_alike(capsys: pytest.CaptureFixture[str], full: str) -> None:
    words = [S4, *SMALL, "--store", full]
    total = json.loads(ask(capsys, "plan", *words, "--json")[1])["total"]["jobs"]
    assert ask(capsys, "run", *words)[2] == f"nothing to do: none of {total} jobs is missing\n"
    assert f"{S4}: {total} of {total} results are there" in ask(capsys, "status", *words)[1]
    code, _, err = ask(capsys, "run", "fig3", *SMALL, "--store", full, "--shard", "999/999")
    assert code == 0 and "more parts than jobs" in err


class Terminal(io.StringIO):
    """Standard input where somebody answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("no\n", 3), ("", 3), (None, 2)])
def test_gc_removes_what_was_computed_only_when_told(
    answer: str | None, code: int, full: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = find(["fig3"], PAIRS)[0].jobs
    monkeypatch.setattr(sys, "stdin", io.StringIO() if answer is None else Terminal(answer))
    found, _, err = ask(capsys, "gc", "fig2", "--store", full)
    assert found == code and "emove 9 results (9 connect; " in err and f"from {full}" in err
    assert ("add --yes" in err) == (answer is None)
    assert all(Store(full).has(job.key) == (code != 0) for job in lines)
    assert ask(capsys, "gc", "fig2", "--yes", "--store", full)[0] == 0
    assert not any(Store(full).has(job.key) for job in lines)


def test_gc_keeps_the_finished_part_of_what_is_asked_for(capsys: pytest.CaptureFixture[str], full: str) -> None:
    """Half a campaign is in the store: no wanted result is there yet, and all that there is serves them."""
    section = Section(parameters.resolve(S4, [*PAIRS, ("store", full)]))
    for job in section.jobs():
        section.store.discard(job.key)
    before = list(section.store)
    assert before and ask(capsys, "gc", S4, *SMALL, "--yes", "--store", full)[0] == 0
    assert list(section.store) == before


LEAN = """
import sys
from distilled_pruning import cli
code = cli.main(sys.argv[1:])
print(*sorted(sys.modules), file=sys.stderr)
"""
LEDGER = ("judging.claims", "judging.verdicts", "figures", "display", "notebook")


@pytest.mark.parametrize(
    ("action", "spared"),
    [
        *((action, ["numpy", "pandas", "scipy", *LEDGER]) for action in ("plan", "status", "run")),
        ("check", ["scipy.stats", "figures", "notebook"]),
    ],
)
def test_commands_load_only_what_they_need(action: str, spared: list[str], full: str) -> None:
    names = ["torch", "torchvision", "sklearn", "matplotlib", "IPython", "papermill", "jupyter_client", *spared]
    heavy = {*names, *(f"distilled_pruning.study.{name}" for name in names)}
    words = [sys.executable, "-c", LEAN, action, S4, *SMALL, "--store", full]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    loaded = set(found.stderr.splitlines()[-1].split())
    assert "distilled_pruning.study.sections.targets" in loaded and not loaded & heavy


def test_check_of_a_page_reads_no_other_record(full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's claims are not worth the whole ledger: of what is recorded, only their own figures are read."""
    asked: set[str] = set()
    real = Recorded.table

    def table(self: Recorded, figure: str, scale: str) -> Any:
        asked.add(figure)
        return real(self, figure, scale)

    monkeypatch.setattr(Recorded, "table", table)
    assert cli.main(["check", "s4-1-loss-landscape", "--store", full]) in (0, 1)
    assert asked <= {name for claim in claims_of(["planes", "basins"]) for name in claim.frames}


def test_a_key_is_looked_for_without_fetching_any_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from distilled_pruning.data import download
    from distilled_pruning.study.sections.targets import at_hand

    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path))
    monkeypatch.setattr(download, "fetch", lambda name, folder: pytest.fail(f"{name} was fetched"))
    assert not at_hand(parameters.resolve(S4, file="reduced/imagenette"))
    assert at_hand(parameters.resolve(S4, file="reduced")) and at_hand(parameters.resolve(S4))
