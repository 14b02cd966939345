"""Every command and every block of code that a reader is shown runs as printed.

Python runs as it stands. Shell runs line by line in a copy of the book, where two things are made small by documented
means: what trains gets ``--budget``, and what is at a larger scale is planned, with ``plan`` in place of ``run``. What
needs a whole machine (a build, a cluster, Colab) is run by ``.ci/run``, and here it is held that it is. The shell's
lines are run by ``pytest -m slow``; the quick tests see to it that none is left out.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "workflow/README.md", "benchmarks/README.md")),
    *sorted((ROOT / "book").rglob("*.md")),
]
FENCE = re.compile(r"^( *)```([a-z]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
SHELLS = ("shell", "bash")
TEMPLATE = "{{ item.source }}"  # book/code.md: the code of the figures themselves
PROGRAM = "distilled-pruning"
ABSENT = "is not there|not here|put it|fetch|could not be downloaded"  # of images that are not on this machine
TRAINING = ("run", "book", "repeat")
BY_CI = {  # run by .ci/run, as these words of it say
    "make book": "make book 2>&1",
    "make test": "make test",
    "make thorough": "make thorough",
    "make check": "make check 2>&1",
    "make serve": "http.server --bind 127.0.0.1",
    "make cluster": "make cluster",
    ".ci/slurm": ".ci/slurm env",
    "!git clone": ".ci/ways_in.py",
    "%cd book": ".ci/ways_in.py",
}
BY_TESTS = {  # run by a test of its own, which this names with the words that do it
    "snakemake": ("test_cluster.py", 'shutil.which("snakemake"'),
    "make setup": ("test_setting_up.py", '"make", "setup"'),
    "make pdf": ("test_pdf.py", "pdf.write("),
    "distilled-pruning --plugins": ("test_plugins.py", '"--plugins"'),
}
PEERS = "uv pip install"
SHELL = {
    "export DISTILLED_PRUNING_STORE=/shared/store",
    "export DISTILLED_PRUNING_PLUGINS=my_additions",
    "source .venv/bin/activate",
}


class Block(NamedTuple):
    """A block of code of a document."""

    document: str
    language: str
    text: str


def blocks() -> Iterator[Block]:
    """List the blocks that name a language of code."""
    for path in DOCUMENTS:
        for _, language, text in FENCE.findall(path.read_text(encoding="utf-8")):
            yield Block(str(path.relative_to(ROOT)), language, text)


def write_files(folder: Path) -> None:
    """Write the blocks that are files: those whose first line is a comment with a name."""
    for block in blocks():
        if named := FILE.match(block.text):
            (folder / named[1]).write_text(block.text, encoding="utf-8")


def lines() -> list[str]:
    """List the shell's lines, each once, without comments."""
    found = [line for block in blocks() if block.language in SHELLS for line in block.text.splitlines()]
    return list(dict.fromkeys(re.sub(r"\s+#.*", "", line).strip() for line in found if line.strip()))


def commands() -> list[str]:
    """List the lines that are run here."""
    aside = (*BY_CI, *BY_TESTS, PEERS)
    return [line for line in lines() if line not in SHELL and not line.startswith(aside)]


PYTHON = [block for block in blocks() if block.language == "python" and TEMPLATE not in block.text]


def test_every_block_is_in_a_language_that_is_run() -> None:
    assert {block.language for block in blocks()} - {""} <= {*SHELLS, "python", "yaml"}
    assert len(PYTHON) >= 5 and len(commands()) >= 20


def test_what_is_left_to_others_is_run_by_them() -> None:
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    for start, words in BY_CI.items():
        assert any(line.startswith(start) for line in lines()), f"no document shows {start}"
        assert words in ci, start
    for start, (test, words) in BY_TESTS.items():
        assert words in (ROOT / "tests" / test).read_text(encoding="utf-8"), start
    (peers,) = (line for line in lines() if line.startswith(PEERS))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert peers.removeprefix(PEERS).split() == project["optional-dependencies"]["bench"]


@pytest.mark.thorough
@pytest.mark.parametrize("block", PYTHON, ids=[f"{block.document}-{n}" for n, block in enumerate(PYTHON)])
def test_python_runs_as_printed(block: Block, tmp_path: Path) -> None:
    write_files(tmp_path)
    around = {**os.environ, "MPLBACKEND": "agg", "DISTILLED_PRUNING_STORE": str(tmp_path / "store")}
    found = subprocess.run([sys.executable, "-c", block.text], cwd=tmp_path, env=around, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the book with this environment, and images of one's own where the documents have some."""
    root = tmp_path_factory.mktemp("copy") / "book"
    root.mkdir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(Path(sys.prefix))
    (root / "path/to").mkdir(parents=True)
    write_files(root)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (300, 16, 16, 3), dtype=np.uint8), np.arange(300) % 3
    np.savez(root / "path/to/images.npz", images=images, labels=labels)
    return root


def shortened(line: str) -> tuple[str, tuple[int, ...], str]:
    """Make a line of the program small; gives the line, the exit codes that are right, and what a refusal must say."""
    words = shlex.split(line.split(" > ")[0])
    name, action = Path(words[0]).name, words[1] if len(words) > 1 else ""
    if name != PROGRAM or action not in (*TRAINING, "record", "bench"):
        return line, (0,), ""
    if action == "record":
        return line, (0, 2), "run it first"
    if action == "bench":
        return f"{line.replace(' --all', ' training').split(' --json')[0]} --rounds 1".split(" --against")[0], (0,), ""
    if action == "run" and "-f" in words:
        return line.replace(" run ", " plan ").split(" --budget")[0], (0, 2), ABSENT
    return line if "--budget" in words else f"{line} --budget 5s", (0, 2, 3) if action == "repeat" else (0, 3), ABSENT


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("line", commands())
def test_a_command_runs_as_printed(line: str, copy: Path) -> None:
    """In the copy; where a dataset is not on this machine, one sentence says so."""
    command, right, refusal = shortened(line)
    if line.startswith("make "):
        command = command.replace("make ", "make -n ", 1)
    around = {name: value for name, value in os.environ.items() if name != "DISTILLED_PRUNING_STORE"}
    around |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], str(ROOT / ".uv/bin")]),
        "PYTHONPATH": str(copy / "lib"),
    }
    found = subprocess.run(["bash", "-c", command], cwd=copy, env=around, capture_output=True, text=True, check=False)
    assert found.returncode in right, f"{command}\n{found.stdout}{found.stderr}"
    if found.returncode == 2:
        assert re.search(refusal, found.stderr) and found.stderr.count("\n") == 1, found.stderr
