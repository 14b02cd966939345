"""From a clone to an installed package: whatever the folder is called, and whatever a shell says of others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
# A stand-in for uv: it makes a .venv whose Python is this one, and writes down how it was called and what it saw.
UV = """#!/bin/sh
printf '%s\\n' "$*" >> "$DIARY"
env | grep -E '^(UV|PIP|PYTHON|VIRTUAL|CONDA)' | grep -v '^UV_HTTP' >> "$DIARY.env"
[ "$1" = venv ] || exit 0
for last; do :; done
mkdir -p "$last/bin"
printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$SYSTEM" > "$last/bin/python"
chmod +x "$last/bin/python"
"""
FOREIGN = {
    "UV_SYSTEM_PYTHON": "1",
    "UV_PYTHON": "/usr/bin/python3",
    "UV_PROJECT_ENVIRONMENT": "/elsewhere",
    "UV_REQUIRE_HASHES": "1",
    "UV_MANAGED_PYTHON": "1",
    "UV_TORCH_BACKEND": "cpu",
    "VIRTUAL_ENV": "/elsewhere/venv",
    "CONDA_PREFIX": "/elsewhere/conda",
    "PIP_TARGET": "/elsewhere/target",
    "PIP_PYTHON": "/usr/bin/python3",
    "PIP_USER": "1",
    "PYTHONPATH": "/elsewhere/lib",
    "PYTHONOPTIMIZE": "2",
}


def set_up(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``make setup`` in a folder with the files it reads and a stand-in for uv."""
    checkout.mkdir(parents=True, exist_ok=True)
    tools = checkout.parent / "tools"
    if not tools.exists():  # written once: two may set up at a time, and what they read must not change meanwhile
        tools.mkdir()
        (tools / "uv").write_text(UV)
        (tools / "uv").chmod(0o755)
        for name in ("Makefile", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / name, checkout)
    around = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "DIARY": str(checkout.parent / "diary"),
        "SYSTEM": sys.executable,
        **variables,
    }
    command = ["make", "setup", *(arguments or (f"PYTHON={sys.executable}",))]
    return subprocess.run(command, cwd=checkout, env=around, capture_output=True, text=True, check=False)


def diary(checkout: Path, name: str = "diary") -> list[str]:
    path = checkout.parent / name
    return path.read_text().splitlines() if path.exists() else []


def test_every_installation_names_its_target(tmp_path: Path) -> None:
    """What a shell says of other environments neither reaches uv nor could mislead it."""
    done = set_up(tmp_path / "book", **FOREIGN)
    assert done.returncode == 0, done.stderr
    installing = [line for line in diary(tmp_path / "book") if line.startswith("pip ")]
    assert len(installing) == 2 and all("--python .venv/bin/python" in line for line in installing)
    seen = {line.partition("=")[0] for line in diary(tmp_path / "book", "diary.env")}
    assert not seen & set(FOREIGN)
    recipes = (ROOT / "Makefile").read_text()
    assert all("--python $(BIN)/python" in found for found in re.findall(r'"\$\$uv" pip .*', recipes))


def test_pytorch_may_come_without_cuda(tmp_path: Path) -> None:
    """The same version in PyTorch's own build; everything else stays as locked; remembered until told otherwise."""
    book, lock = tmp_path / "book", (ROOT / "requirements.lock").read_text()
    python = f"PYTHON={sys.executable}"
    assert set_up(book, python, "TORCH=cpu").returncode == 0
    sync, install = (line for line in diary(book) if line.startswith("pip ") and "--editable" not in line)
    assert "--require-hashes" in sync and sync.endswith(" .venv/apart.txt")
    torch = re.findall(r"^(torch(?:vision)?==\S+)", lock, re.MULTILINE)
    assert len(torch) == 2 and install.split("--torch-backend ")[1].split() == ["cpu", *torch]
    there = set(re.findall(r"^([a-z0-9][a-z0-9_.-]*)==", (book / ".venv/apart.txt").read_text(), re.MULTILINE))
    locked = set(re.findall(r"^([a-z0-9][a-z0-9_.-]*)==", lock, re.MULTILINE))
    assert locked - there == {name for name in locked if re.match("(torch|torchvision|triton)$|(cuda|nvidia)-", name)}
    assert (book / ".venv/apart.txt").read_text().count("--hash=") > 500
    called = diary(book)
    assert set_up(book).returncode == 0 and diary(book) == called, "a later make keeps the build"
    assert set_up(book, python, "TORCH=").returncode == 0
    assert any("--require-hashes requirements.lock" in line for line in diary(book)[len(called) :])
    refused = set_up(book, python, "TORCH=no such")
    assert refused.returncode == 2 and "as in 'make setup TORCH=cpu'" in refused.stderr


def test_settings_of_a_project_around_this_one_are_not_read() -> None:
    """Uv looks for settings in the nearest folder that has some: that is this one."""
    assert re.search(r"^\[tool\.uv\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "name", ["my book (1)", "it's", 'a"b`c', "$HOME $(x)", "bücher ☃", "a#b;c&d[1]*?", "back\\slash"]
)
def test_a_checkout_may_be_called_anything(tmp_path: Path, name: str) -> None:
    done = set_up(tmp_path / name)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name / ".venv/bin/python").exists() and list((tmp_path / name / ".venv").glob("installed-*-*"))
    called = diary(tmp_path / name)
    assert set_up(tmp_path / name).returncode == 0 and diary(tmp_path / name) == called, "set up twice"


@pytest.mark.parametrize("name", ["a:b", "{x}"])
def test_a_name_that_pythons_tools_cannot_take_is_said(tmp_path: Path, name: str) -> None:
    done = set_up(tmp_path / name)
    assert done.returncode == 2 and "rename" in done.stderr and not diary(tmp_path / name)


def test_the_interpreter_may_lie_in_a_folder_with_blanks(tmp_path: Path) -> None:
    (tmp_path / "my python's").mkdir()
    (tmp_path / "my python's/python").symlink_to(sys.executable)
    done = set_up(tmp_path / "book", f"PYTHON={tmp_path}/my python's/python")
    assert done.returncode == 0, done.stderr
    refused = set_up(tmp_path / "book", "PYTHON=no such python")
    assert refused.returncode == 2 and "'no such python' is not" in refused.stderr


def test_functions_and_search_paths_of_the_calling_shell_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "rc").write_text("echo disturbed; exit 3")
    around = {"BASH_ENV": str(tmp_path / "rc"), "CDPATH": "/", "BASH_FUNC_touch%%": "() { exit 3; }"}
    assert set_up(tmp_path / "book", **around).returncode == 0
    assert 'CDPATH= cd -- "$(dirname -- "$0")/.."' in (ROOT / ".ci/run").read_text()


def test_two_that_set_up_one_folder_do_it_once(tmp_path: Path) -> None:
    set_up(tmp_path / "book")
    shutil.rmtree(tmp_path / "book/.venv")
    (tmp_path / "diary").unlink()
    both = [threading.Thread(target=set_up, args=(tmp_path / "book",)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sum(line.startswith("venv") for line in diary(tmp_path / "book")) == 1


@pytest.mark.parametrize("convert", ["true", "input", "false"])
def test_a_clone_holds_the_bytes_that_were_committed(tmp_path: Path, convert: str) -> None:
    """``core.autocrlf`` reaches neither results, whose checksums are sealed, nor scripts."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    sample = next((ROOT / "results").glob("??/*.json"))
    kept = {"Makefile", ".ci/run", ".gitattributes", "results/index.json", str(sample.relative_to(ROOT))}
    for name in kept:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, origin / name)
    (origin / "results/crlf.json").write_bytes(b"{\r\n}\n")
    subprocess.run([*GIT, "init", "-q", str(origin)], check=True)
    for words in (["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*GIT, "-C", str(origin), "-c", f"core.autocrlf={convert}", *words], check=True)
    subprocess.run(
        [*GIT, "-c", f"core.autocrlf={convert}", "-c", "core.eol=crlf", "clone", "-q", str(origin), str(clone)],
        check=True,
    )
    for name in (*kept, "results/crlf.json"):
        assert (clone / name).read_bytes() == (origin / name).read_bytes(), name


def test_the_ways_in_install_the_package_in_a_process_that_runs() -> None:
    """An editable installation is seen by later processes only; and pip takes no folder beside hashes."""
    text = (ROOT / "book/rerun.md").read_text(encoding="utf-8")
    (cell,) = re.findall(r"```shell\n(!git clone .*?)```", text, re.DOTALL)
    assert re.search(r"pip install -q \./book\n%cd book\n$", cell)


@pytest.mark.slow
def test_the_ways_in_work_in_a_bare_environment() -> None:
    subprocess.run([sys.executable, str(ROOT / ".ci/ways_in.py")], check=True)
