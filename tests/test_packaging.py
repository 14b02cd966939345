"""What a reader installs: the lock, the package, the files around it."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import distilled_pruning
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
CLUSTER_LOCK = (ROOT / "requirements-cluster.lock").read_text(encoding="utf-8")
HEAVY = ("torch", "torchvision", "sklearn", "seaborn", "matplotlib", "papermill")


def locked(lock: str = LOCK) -> dict[str, list[tuple[Requirement, int]]]:
    """Read a lock: name to its requirements, one for each environment, with the number of hashes."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for block in re.split(r"\n(?=[a-z0-9])", "\n".join(line for line in lock.splitlines() if not line.startswith("#"))):
        text, *rest = block.replace("\\", "").strip().splitlines()
        requirement = Requirement(text.strip())
        hashes = sum(line.strip().startswith("--hash=sha256:") for line in rest)
        found.setdefault(canonicalize_name(requirement.name), []).append((requirement, hashes))
    return found


def here(requirement: Requirement) -> bool:
    """Say whether a requirement is for this interpreter and system."""
    return requirement.marker is None or requirement.marker.evaluate()


def tracked() -> list[Path]:
    """List the files under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("lock", [LOCK, CLUSTER_LOCK], ids=["package", "cluster"])
def test_every_package_is_exact_and_hashed(lock: str) -> None:
    """No range, no address, at least one hash each."""
    for name, entries in locked(lock).items():
        for requirement, hashes in entries:
            assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), name
            assert requirement.url is None
            assert hashes, f"{name} has no hash"
    assert "://" not in lock
    assert "--index-url" not in lock and "--find-links" not in lock


def test_locks_agree() -> None:
    """What the cluster needs changes nothing that the package uses."""
    exact = locked()
    for name, entries in locked(CLUSTER_LOCK).items():
        if name in exact:
            both = {str(requirement.specifier) for requirement, _ in exact[name]}
            assert {str(requirement.specifier) for requirement, _ in entries} <= both, name


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        (LOCK, PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]),
        (CLUSTER_LOCK, PROJECT["optional-dependencies"]["cluster"]),
    ],
    ids=["package", "cluster"],
)
def test_lock_covers_the_package(lock: str, wanted: list[str]) -> None:
    """Every direct dependency, for tests too, is locked within its bounds."""
    exact = locked(lock)
    for text in wanted:
        requirement = Requirement(text)
        versions = [entry.specifier for entry, _ in exact[canonicalize_name(requirement.name)]]
        for specifier in versions:
            (version,) = (item.version for item in specifier)
            assert requirement.specifier.contains(version, prereleases=True), text


def test_this_environment_is_the_locked_one() -> None:
    """What runs these tests is what a reader installs; ``make setup TORCH=cpu`` leaves out CUDA's libraries."""
    wrong = {}
    apart = re.compile("triton$|(cuda|nvidia)-" if "+" in importlib.metadata.version("torch") else "(?!)")
    for name, entries in locked().items():
        if apart.match(name):
            continue
        for requirement, _ in entries:
            if here(requirement):
                try:
                    installed = importlib.metadata.version(name)
                except importlib.metadata.PackageNotFoundError:
                    installed = "nothing"
                if not requirement.specifier.contains(installed, prereleases=True):
                    wrong[name] = f"{installed}, locked {requirement.specifier}"
    assert not wrong


def test_the_wheel_holds_all_of_the_library(tmp_path: Path) -> None:
    """Data files beside the code travel with it."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=ignore)
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    source = tmp_path / "lib/distilled_pruning"
    files = {f"distilled_pruning/{path.relative_to(source)}" for path in source.rglob("*") if path.is_file()}
    assert not files - held


@pytest.mark.parametrize("module", ["distilled_pruning.cli", "distilled_pruning.study.book.build"])
def test_reading_and_help_load_nothing_heavy(module: str) -> None:
    """``--help`` and pages that only read results start at once."""
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "[]"


def test_versions_agree() -> None:
    """Metadata, package and citation name one version."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert PROJECT["version"] == distilled_pruning.__version__ == citation["version"]
    assert {"arXiv:2503.17905", "arXiv:2307.03364"} == {
        identifier["value"] for reference in citation["references"] for identifier in reference["identifiers"]
    }


def test_conda_installs_this_package_and_the_locked_versions() -> None:
    """The other way to the same packages: pip takes no folder beside hashes, so its file has the versions alone."""
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = (item["pip"] for item in content["dependencies"] if isinstance(item, dict))
    assert pip == ["--constraint constraints.txt", "--editable .[test]"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [str(Requirement(line)) for line in lines if not line.startswith("#")]
    assert found == [str(requirement) for entries in locked().values() for requirement, _ in entries]


def test_documented_commands_exist() -> None:
    """Every ``make`` word in the documents is a target, and every target has a line of help."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (line,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    targets = set(line.split())
    helped = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    assert targets == helped
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "book").glob("*.md")]
    for path in documents:
        blocks = re.findall(r"```shell\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
        named = set(re.findall(r"^make ([a-z]+)", "\n".join(blocks), re.MULTILINE))
        assert named <= targets, path.name


def test_serving_stays_on_this_machine() -> None:
    """The book is served to this machine only."""
    plan = subprocess.run(["make", "-n", "serve"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert "--bind 127.0.0.1" in plan


def test_no_file_names_a_registry_or_a_private_place() -> None:
    """Committed files work wherever packages come from and wherever they lie."""
    names = ["py" + "pi.org", "python" + "hosted.org", "deb.deb" + "ian.org", "registry.npm" + "js.org", "/ro" + "ot/"]
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {name}" for name in names if name in text]
    assert not found
