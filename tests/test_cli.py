"""The command line: quick help, one sentence for a mistake, exit codes that mean something, JSON that is JSON."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pretend
import pytest
from distilled_pruning import cli, exits, results, usage
from distilled_pruning.errors import InputError
from distilled_pruning.study.commands import computing
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.judging import claims, expectations
from distilled_pruning.study.judging.ledger import stamp
from distilled_pruning.study.parameters import notebooks, presets as parameters
from distilled_pruning.study.results.recorded import Recorded
from distilled_pruning.study.sections.registry import EXPERIMENTS
from distilled_pruning.study.sections.section import Section
from distilled_pruning.study.sections.targets import everything, find, jobs_of, sections_of

S4 = "s4-stability"
SMALL = ["-p", "levels", "4", "-p", "seeds", "3", "-p", "measured_levels", "4", "-p", "inner_learning_rate", "0.3"]
SMALL += ["-p", "dense_seeds", "0"]
ALL = [*SMALL, "-p", "distilled_levels", "2"]  # section 6 prunes on distilled data before level 4
PAIRS = list(zip(SMALL[1::3], SMALL[2::3], strict=True))


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run a command in this process."""
    try:
        code = cli.main(words)
    except SystemExit as left:
        code = int(left.code or 0)
    found = capsys.readouterr()
    return code, found.out, found.err


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that holds all results of the small section."""
    root = str(tmp_path_factory.mktemp("full"))
    pretend.fill(Section(parameters.resolve(S4, [*PAIRS, ("store", root)])))
    return root


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are done by formula."""
    pretend.do_instead(monkeypatch, pretend.perform)


@pytest.mark.parametrize(
    "command", ["", "data", "plan", "run", "book", "check", "record", "status", "verify", "gc", "bench"]
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ask(capsys, *command.split(), "--help")
    assert code == 0 and "usage: distilled-pruning" in out and not err
    assert all(line.strip() for line in out.split("options:")[1].splitlines()[1:2])


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from distilled_pruning import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = ('torch', 'numpy', 'pandas', 'matplotlib', 'papermill', 'yaml', 'argcomplete')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    began = time.perf_counter()
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"
    assert time.perf_counter() - began < 5, "importing torch alone takes as long"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["rn"], "invalid choice"),
        (["run", "s4-stabilty"], "did you mean 's4-stability'"),
        (["run", "fig33"], "unknown notebook or figure 'fig33'"),
        (["run", "notebooks/none.ipynb"], "there is no notebook"),
        (["run", S4, "-p", "levls", "3"], "did you mean 'levels'"),
        (["run", "-p", "levls", "3"], "did you mean 'levels'"),
        (["run", S4, "-p", "levels", "many"], "levels must be a whole number"),
        (["run", S4, "-p", "levels"], "expected 2 arguments"),
        (["run", S4, "-p", "methods", "impp"], "unknown method 'impp'"),
        (["run", S4, "-p", "model", "vgg"], "unknown model 'vgg'"),
        (["run", S4, "-p", "dataset", "no/such.npz"], "is not there"),
        (["run", S4, "-p", "ipc", "500"], "ipc 500 is more than the 137"),
        (["run", S4, "-f", "none.yaml"], "cannot be read"),
        (["run", S4, "--jobs", "0"], "whole number of at least 1"),
        (["run", S4, "--budget", "soon"], "90s, 9m or 2h"),
        (["run", S4, "--shard", "5/4"], "i/n"),
        (["run", "0" * 32], "no notebook plans a job"),
        (["run", S4, "--store", "/proc/none"], "cannot be written"),
        (["data", "fetch"], "name the datasets"),
        (["data", "verify", "cifr10"], "did you mean 'cifar10'"),
        (["check", "--store"], "expected one argument"),
        (["status", "--store", ""], "name a folder, or leave --store out"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ask(capsys, *words)
    assert (code, out) == (2, "")
    assert part in err and err.count("\n") == 1 and "Traceback" not in err


def test_the_plan_as_json_is_only_json_and_its_commands_work(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pretended: None
) -> None:
    store = str(tmp_path)
    code, out, _ = ask(capsys, "plan", S4, *SMALL, "--store", store, "--json")
    plan = json.loads(out)
    jobs = plan["jobs"]
    assert code == 0 and len(jobs) == plan["total"]["missing"] > 50
    first = next(job for job in jobs if not job["parents"])
    assert ask(capsys, *first["command"][1:])[0] == 0
    again = json.loads(ask(capsys, "plan", S4, *SMALL, "--store", store, "--json")[1])
    assert {job["key"] for job in jobs} - {job["key"] for job in again["jobs"]} == {first["key"]}


def test_run_computes_what_is_missing_once(capsys: pytest.CaptureFixture[str], tmp_path: Path, pretended: None) -> None:
    words = ["run", "barriers", *SMALL, "--store", str(tmp_path), "--jobs", "1"]
    code, out, err = ask(capsys, *words)
    assert (code, out) == (0, "") and "done: " in err
    total = json.loads(ask(capsys, "plan", *words[1:-2], "--json")[1])["total"]["jobs"]
    code, out, err = ask(capsys, *words)
    assert (code, out, err) == (0, "", f"nothing to do: none of {total} jobs is missing\n")


def test_shards_together_are_everything(capsys: pytest.CaptureFixture[str], tmp_path: Path, pretended: None) -> None:
    words = ["run", S4, *SMALL, "--store", str(tmp_path), "--jobs", "1", "--shard"]
    assert [ask(capsys, *words, f"{part}/3")[0] for part in (1, 2, 3)] == [0, 0, 0]
    _, out, _ = ask(capsys, "plan", S4, *SMALL, "--store", str(tmp_path), "--json")
    assert json.loads(out)["total"]["missing"] == 0


def test_a_failing_job_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(job: Any, context: Any) -> Any:
        raise ValueError("broken")

    pretend.do_instead(monkeypatch, fail)
    code, _, err = ask(capsys, "run", S4, *SMALL, "--store", str(tmp_path), "--jobs", "1")
    assert code == 1 and "jobs failed" in err.splitlines()[-1]


def test_check_prints_the_ledger_and_trains_nothing(capsys: pytest.CaptureFixture[str], full: str) -> None:
    code, out, err = ask(capsys, "check", *ALL, "--store", full, "--json")
    rows = json.loads(out)["claims"]
    assert (code, err) == (0, "")
    assert {row["id"] for row in rows} == {claim.id for claim in claims.claims()}
    wanted = {
        "id",
        "paper",
        "where",
        "statement",
        "paper_value",
        "recorded",
        "this_run",
        "n",
        "scale",
        "verdict",
    }
    assert all(wanted <= set(row) for row in rows)
    dense = next(row for row in rows if row["id"] == "dense-unstable-conv")
    assert (dense["verdict"], dense["n"]) == ("reproduced", 3)


def test_check_of_one_notebook_judges_its_claims_only(capsys: pytest.CaptureFixture[str], full: str) -> None:
    _, out, _ = ask(capsys, "check", S4, *SMALL, "--store", full)
    assert "dense-unstable-conv" in out and "match-imp" not in out


@pytest.mark.thorough
def test_nothing_is_accepted_of_an_empty_store(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = expectations.read()
    code, _, err = ask(capsys, "check", "s4-stability", "--accept", "--store", str(tmp_path))
    assert code == 2 and "none of these claims has a result to accept: run some first" in err
    expectations.read.cache_clear()
    assert expectations.read() == before


def test_a_store_that_is_a_file_is_said_by_all_that_read_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = ask(capsys, "check", "--store", str(tmp_path / "file"))
    assert code == 2 and "cannot be read (Not a directory): give a folder" in err
    with pytest.raises(InputError, match=r"cannot be read .Not a directory.: give a folder"):
        results.frame("fig3", evidence="run", store=str(tmp_path / "file"))


def test_check_fails_when_a_verdict_is_worse_than_expected(
    capsys: pytest.CaptureFixture[str], full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["check", S4, *SMALL, "--store", full]
    scale = find([S4], PAIRS)[0].section.parameters.scale
    wanted = {"imp-unstable": {"verdict": "reproduced", "n": 3}, "gone": {"verdict": "reproduced", "n": 3}}
    monkeypatch.setattr(
        expectations, "read", lambda: {scale: {"dense-unstable-conv": {"verdict": "reproduced", "n": 3}}}
    )
    assert ask(capsys, *words)[0] == 0
    monkeypatch.setattr(
        expectations, "read", lambda: {scale: {"dense-unstable-conv": {"verdict": "reproduced", "n": 5}}}
    )
    code, _, err = ask(capsys, *words)
    assert code == 1 and "expected at least 5 initialisations, found 3" in err
    everything = [*PAIRS, ("distilled_levels", "2")]
    monkeypatch.setattr(expectations, "read", lambda: {stamp(sections_of(find([], everything))): wanted})
    assert ask(capsys, "check", *ALL, "--store", full)[0] == 1, "a claim that left the ledger goes unnoticed"


def test_check_fails_when_a_recorded_result_is_damaged(
    capsys: pytest.CaptureFixture[str], full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = notebooks.home()
    for name in ("_toc.yml", "pyproject.toml"):
        shutil.copy(home / name, tmp_path)
    shutil.copytree(home / "results", tmp_path / "results")
    shutil.copytree(home / "notebooks", tmp_path / "notebooks")
    monkeypatch.chdir(tmp_path)
    words = ["check", S4, *SMALL, "--store", full]
    assert ask(capsys, *words)[0] == 0
    recorded = Recorded(tmp_path / "results")
    entry = recorded.path(recorded.records("barriers")[0].keys[0])
    entry.write_text(entry.read_text().replace('"kind"', '"kinb"', 1))
    code, _, err = ask(capsys, *words)
    assert code == 1 and f"recorded result {entry.stem}" in err


def test_recorded_results_alone_are_judged_without_a_store(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = ask(capsys, "check", "--recorded", "--json", "--store", str(tmp_path))
    rows = json.loads(out)["claims"]
    assert code == 0 and len(rows) == len(claims.claims())
    assert {row["scale"] for row in rows} <= {"recorded", "reduced", "paper"}


def test_live_results_are_not_recorded(capsys: pytest.CaptureFixture[str], full: str) -> None:
    code, _, err = ask(capsys, "record", S4, *SMALL, "--store", full)
    assert code == 2 and "not recorded: choose one of reduced, paper" in err


def test_upkeep_says_what_is_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pretend.fill(Section(parameters.resolve(S4, [*PAIRS, ("store", str(tmp_path))])))
    count = len(find([S4], PAIRS)[0].section.graph)
    words = [S4, *SMALL, "--store", str(tmp_path)]
    assert f"{count} of {count} results are there" in ask(capsys, "status", *words)[1]
    assert json.loads(ask(capsys, "status", *words, "--json")[1])["figures"] == {S4: [count, count]}
    code, out, _ = ask(capsys, "verify", "--store", str(tmp_path))
    assert code == 0 and out.startswith(f"all are whole: {count} results in {tmp_path} and ")
    assert "removed 0 results" in ask(capsys, "gc", *words)[1]
    assert "would remove 9 results (9 connect; " in ask(capsys, "gc", "fig2", "--dry-run", "--store", str(tmp_path))[1]


COMMANDS = re.findall(r"^(distilled-pruning .*?) *(?:#.*)?$", (notebooks.home() / "book/rerun.md").read_text(), re.M)


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_that_readers_are_shown_exist(line: str) -> None:
    """Parsed as they stand, and what they name is there; own images are the reader's to name."""
    options = cli.parser().parse_args(shlex.split(line)[1:])
    changes = [pair for pair in options.pairs if "path/to" not in pair[1]]
    names = [options.what_if] if getattr(options, "what_if", None) else options.targets or notebooks.notebooks()
    pages = [EXPERIMENTS[name].notebook if name in EXPERIMENTS else name for name in names]
    assert parameters.resolve_all(pages, changes, options.file)


def test_everything_at_a_variant_is_the_pages_that_have_it() -> None:
    assert everything("paper/resnet18") == ["s4-stability"]
    assert everything("reduced") == everything(None) == notebooks.notebooks()
    assert parameters.resolve_all(["s4-stability"], file="paper/resnet18")[0].model == ("resnet18",)
    with pytest.raises(InputError, match="unknown preset of s7-mask-structure 'paper/resnet18'"):
        parameters.resolve_all(["s4-stability", "s7-mask-structure"], file="paper/resnet18")


@pytest.mark.thorough
def test_targets_are_notebooks_figures_keys_or_everything() -> None:
    section = find([S4], PAIRS)[0].section
    assert len(jobs_of(find([]))) == len(jobs_of(find(["all"]))) == len(jobs_of(find(notebooks.notebooks())))
    assert jobs_of(find(["fig3"], PAIRS)) == section.jobs("fig3")
    assert jobs_of(find([f"notebooks/{S4}.ipynb"], PAIRS)) == section.jobs()
    inner = section.graph[0]
    assert jobs_of(find([inner.key], PAIRS)) == [inner]
    reduced = Section(parameters.resolve(S4, file="reduced")).graph[-1]
    assert jobs_of(find([reduced.key])) == [reduced], "a preset's key needs no -f"


def test_data_are_listed_without_being_read(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(ask(capsys, "data", "list", "--json")[1])["datasets"]
    assert {"name": "digits", "classes": 10, "shape": "1x8x8", "train": 1437, "test": 360} in rows
    code, out, _ = ask(capsys, "data", "verify", "digits")
    assert (code, out.split()[-1]) == (0, "whole")


def examples(command: str) -> list[str]:
    """List the examples that a command's help shows."""
    (text,) = re.findall(r"^examples:\n(.*?)\n\n", usage.epilog(command), re.M | re.S)
    return [line.split("#")[0].strip() for line in text.splitlines()]


@pytest.mark.thorough
@pytest.mark.parametrize("command", usage.EXAMPLES)
def test_every_help_has_examples_that_work(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Parsed as they stand, with pages, figures, parameters and presets that there are."""
    assert {*usage.EXAMPLES} == {"", *cli._handlers()}
    code, out, _ = ask(capsys, *command.split(), "--help")
    assert code == 0 and len(examples(command)) >= 1
    for line in examples(command):
        assert line in out
        options = cli.parser().parse_args(shlex.split(line)[1:])
        assert not command or options.command == command
        changes = [pair for pair in getattr(options, "pairs", []) if "path/to" not in pair[1]]
        names = getattr(options, "targets", None) or getattr(options, "notebooks", None) or []
        names = [options.what_if] if getattr(options, "what_if", None) else names
        assert find(names, changes, getattr(options, "file", None))
    assert all(f"\n  {code:<4} " in out for code in (0, 1, 2, 3, 130)), "exit codes are part of every help"


def test_quiet_says_only_what_is_wrong(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", "barriers", *SMALL, "--store", str(tmp_path), "--jobs", "1", "--quiet"]
    pretend.do_instead(monkeypatch, pretend.perform)
    assert ask(capsys, *words) == (0, "", "")
    assert ask(capsys, *words) == (0, "", ""), "nothing to do"
    code, out, err = ask(capsys, *words, "-p", "levls", "3")
    assert (code, out) == (2, "") and "did you mean" in err

    def fail(job: Any, context: Any) -> Any:
        raise ValueError("broken")

    pretend.do_instead(monkeypatch, fail)
    code, _, err = ask(capsys, *words, "-p", "ipc", "2")
    assert code == 1 and "jobs failed" in err


def test_what_machines_read_is_json(capsys: pytest.CaptureFixture[str], tmp_path: Path, pretended: None) -> None:
    words = ["barriers", *SMALL, "--store", str(tmp_path)]
    code, out, _ = ask(capsys, "run", *words, "--jobs", "1", "--json")
    done = json.loads(out)
    assert code == 0 and len(done["done"]) > 50 and not done["failed"] and not done["left"]
    found = json.loads(ask(capsys, "verify", "--store", str(tmp_path), "--json")[1])
    assert found["results"] == len(done["done"]) and found["wrong"] == {}
    Store(tmp_path).path(done["done"][0]).write_text("{}")
    code, out, _ = ask(capsys, "verify", "--store", str(tmp_path), "--json")
    assert code == 1 and list(json.loads(out)["wrong"]) == [done["done"][0]]
    code, out, _ = ask(capsys, "gc", "fig2", "--dry-run", "--json", "--store", str(tmp_path))
    assert code == 0 and json.loads(out)["did"] == "would remove" and json.loads(out)["results"]


class Terminal(io.StringIO):
    """A stream that says it is a work."""

    def isatty(self) -> bool:
        return True


def test_colours_are_for_a_terminal_and_who_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert computing.paint("yes", computing.GREEN, Terminal()) == "\x1b[32myes\x1b[0m"
    assert computing.paint("yes", None, Terminal()) == computing.paint("yes", computing.RED, io.StringIO()) == "yes"
    monkeypatch.setattr(sys, "stdout", Terminal())
    cli.main(["check", "--recorded", S4])
    coloured = sys.stdout.getvalue()  # type: ignore[attr-defined]
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            changed.setattr(sys, "stdout", Terminal())
            cli.main(["check", "--recorded", S4])
            assert "\x1b" not in sys.stdout.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[3" in coloured


@pytest.mark.parametrize(
    ("line", "offered", "hidden"),
    [
        ("ch", {"check"}, "run"),
        ("run s4", {"s4-stability", "s4-2-hessian"}, "fig2"),
        ("run fig", {"fig2", "fig3", "fig6", "fig7"}, "s4-stability"),
        ("run s4-stability -p ", {"levels", "dataset"}, "resolution"),
        ("run s4-stability -p model res", {"resnet10", "resnet18"}, "alexnet"),
        ("plan s4-stability -f reduced/r", {"reduced/resnet18"}, "reduced/gentle"),
        ("data fetch ci", {"cifar10", "cifar100"}, "mnist"),
        ("bench h", {"hessian"}, "lines"),
    ],
)
def test_a_shell_completes_what_this_copy_has(line: str, offered: set[str], hidden: str, tmp_path: Path) -> None:
    typed = f"distilled-pruning {line}"
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_SHELL": "bash", "_ARGCOMPLETE_IFS": "\n"}
    asked |= {"COMP_LINE": typed, "COMP_POINT": str(len(typed)), "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "out")}
    command = [sys.executable, "-m", "distilled_pruning"]
    subprocess.run(command, env={**os.environ, **asked}, check=True, cwd=notebooks.home())
    found = {word.strip() for word in (tmp_path / "out").read_text().splitlines()}
    assert offered <= found and hidden not in found


def test_the_readme_says_what_exit_codes_mean() -> None:
    text = (notebooks.home() / "README.md").read_text(encoding="utf-8")
    for code in (exits.DONE, exits.FAILED, exits.WRONG, exits.STOPPED, exits.INTERRUPTED):
        assert re.search(rf"\b{code}\b", text.split("exit code", 1)[1]), code
