"""Commands that we print do what they are printed for: those of a plan, text or JSON, of every page at every scale."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from distilled_pruning import cli
from distilled_pruning.data import catalog
from distilled_pruning.distillation import files
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import effort
from distilled_pruning.study.commands import computing
from distilled_pruning.study.jobs import base
from distilled_pruning.study.parameters import notebooks
from distilled_pruning.study.parameters.presets import LIVE, bases, resolve
from distilled_pruning.study.sections.section import Section
from distilled_pruning.study.sections.targets import command, find, jobs_of, split

TINY = {
    "seeds": "1", "levels": "5", "distilled_levels": "2", "measured_levels": "0,1", "epochs": "6", "inner_steps": "5",
    "sets": "1", "ipc": "1", "inner_learning_rate": "0.1", "width": "4", "replicates": "2", "augmentation": "",
}  # fmt: skip
SCALES = [(name, scale) for name in notebooks.notebooks() for scale in bases(name)]


def keys(section: Section) -> set[str]:
    return {job.key for job in section.graph}


def asked(words: list[str]) -> tuple[Section, list[str]]:
    """Resolve a printed command, as ``run`` would; gives its section and the keys that it would do."""
    (target,) = computing.find_targets(cli.parser().parse_args(words[1:]))
    return target.section, [job.key for job in target.jobs]


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data that are not on this machine have digests all the same, so that every scale can be planned."""

    def digest(name: str) -> str:
        known = catalog.DATASETS.get(name)
        return (known.digest if known is not None else None) or hashlib.sha256(name.encode()).hexdigest()

    monkeypatch.setattr(base, "source_digest", digest)
    monkeypatch.setattr(files, "digest", digest)
    monkeypatch.setattr(catalog, "find_published", Path)


@pytest.mark.parametrize(("name", "scale"), SCALES)
def test_each_command_does_its_job(
    name: str, scale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digests: None
) -> None:
    """That of every job in a plan, and those that a page prints for its results and for each of its figures."""
    section = Section(resolve(name, file=None if scale == LIVE else scale))
    job = section.graph[-1]
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)  # where a scheduler happens to be
        found, wanted = asked(command(section)(job))
    assert wanted == [job.key] and found.store.root == section.store.root
    assert found.deciding == section.deciding, "the same values, so the same jobs"
    monkeypatch.chdir(notebooks.home())
    printed = section.parameters.command()
    options = cli.parser().parse_args(shlex.split(printed)[1:])
    assert Section(resolve(options.targets[0], options.pairs, options.file)).deciding == section.deciding
    for figure in section.experiments:
        options = cli.parser().parse_args(shlex.split(printed.replace(name, figure, 1))[1:])
        assert split(options.targets[0]) == (name, figure, "") and options.file == found_file(printed)


def found_file(line: str) -> str | None:
    """Give the file of parameters that a command names."""
    words = shlex.split(line)
    return words[words.index("-f") + 1] if "-f" in words else None


def variations() -> Iterator[tuple[str, dict[str, str]]]:
    """Every page under parameters that another page would refuse, or that amount to those of its scale."""
    for name in notebooks.notebooks():
        live = bases(name)[LIVE]
        yield name, {n: v for n, v in TINY.items() if n in live and not (n == "replicates" and "resolution" in live)}
        for other in ({"image_size": "8"}, {"methods": ",".join(reversed(live.get("methods", ())))}):
            if other.keys() <= live.keys():
                yield name, other


@pytest.mark.parametrize(("name", "changes"), [*variations()])
def test_commands_hold_under_changed_parameters(name: str, changes: dict[str, str]) -> None:
    section = Section(resolve(name, changes.items()))
    job = section.graph[-1]
    for found, wanted in (asked(command(section)(job)), asked(shlex.split(section.parameters.command()))):
        assert keys(found) == keys(section) and job.key in {j.key for j in found.graph}
        assert len(wanted) in (1, len(section.jobs()))


def test_a_plan_of_several_pages_names_each_job_with_its_own_page(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["plan", "s4-stability", "s7-mask-structure", "-p", "alphas", "5", "-p", "levels", "3", "--json"]
    assert cli.main([*words, "--store", str(tmp_path)]) == 0
    listed = json.loads(capsys.readouterr().out)["jobs"]
    by_page = {job["command"][2].partition(":")[0]: job for job in listed}
    assert set(by_page) == {"s4-stability", "s7-mask-structure"}
    for job in by_page.values():
        assert asked(job["command"])[1] == [job["key"]]
    assert "alphas" not in by_page["s7-mask-structure"]["command"], "the page does not know it"


def test_paths_in_a_plan_hold_elsewhere(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of parameters, a store and a copy of a notebook, all named from where the plan was made."""
    home = notebooks.home()
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("levels: 2\nwidth: 4\n")
    Path("s4-stability.ipynb").write_bytes((home / "notebooks/s4-stability.ipynb").read_bytes())
    assert cli.main(["plan", "./s4-stability.ipynb", "-f", "mine.yaml", "--store", "here", "--json"]) == 0
    job = json.loads(capsys.readouterr().out)["jobs"][-1]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found, wanted = asked(job["command"])
    assert wanted == [job["key"]] and found.store.root == tmp_path / "here"
    assert found.parameters.path == tmp_path / "s4-stability.ipynb" and found.parameters.levels == 2


def test_a_key_alone_is_found_though_other_pages_refuse_the_parameters() -> None:
    changes = [("replicates", "2"), ("levels", "2"), ("measured_levels", "0,1")]  # no plane, no IMP after level 3
    job = Section(resolve("s4-stability", changes)).graph[-1]
    assert jobs_of(find([job.key], changes)) == [job]
    with pytest.raises(InputError, match="unknown parameter 'levls'"):
        find([job.key], [("levls", "2")])
    with pytest.raises(InputError, match="no notebook plans a job 0000"):
        find(["s4-stability:" + "0" * 32])
    with pytest.raises(InputError, match="unknown notebook or figure 's4-stabilty'"):
        find(["s4-stabilty:" + job.key])


def test_the_commands_of_the_table_of_efforts_name_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "told", lambda section: "long")
    sections = [Section(resolve(name)) for name in notebooks.notebooks()]
    lines = [row[-1] for row in effort.table(sections, sections[0].store) if row[-1]]
    assert len(lines) == len(sections)
    for line in lines:
        program, page, _, *rest = shlex.split(line)
        assert program == "papermill" and (notebooks.home() / page).is_file()
        options = dict(zip(rest[::2], rest[1::2], strict=True))
        assert resolve(Path(page).stem, file=options["-f"])
