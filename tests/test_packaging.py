"""What a reader installs: the lock, the package, the files around it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import distilled_pruning
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this copy, built from a copy of its files as pip does."""
    source = tmp_path_factory.mktemp("source")
    for path in tracked():
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (made,) = (source / "dist").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command as an environment outside this copy has it: the wheel, and beside it the packages of this one."""
    place = tmp_path_factory.mktemp("elsewhere") / "environment"
    venv.create(place, with_pip=False, symlinks=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    python = str(place / "bin/python")
    site = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    zipfile.ZipFile(wheel).extractall(site)
    (site / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return [python, "-m", "distilled_pruning"]


def test_the_wheel_holds_the_library_and_the_book(wheel: Path) -> None:
    """Data files beside the code travel with it, and pages, presets and recorded results too."""
    held = set(zipfile.ZipFile(wheel).namelist())
    paths = {path.relative_to(ROOT).as_posix() for path in tracked()}
    library = {name.removeprefix("lib/") for name in paths if name.startswith("lib/")}
    assert not library - held
    book = {name for name in paths if name.startswith(("notebooks/", "results/", "book/"))}
    assert len(book) > 1000 and not {f"distilled_pruning/copy/{name}" for name in book} - held
    assert not [name for name in held if name.startswith("distilled_pruning/copy/lib/")]


ASKED_ELSEWHERE = [
    (["plan", "s4-stability", "-f", "reduced"], "train "),
    (["check", "--recorded", "s3-distilled-pruning"], "claims, scale reduced"),
    (["run", "fig2", "-p", "levels", "1", "-p", "seeds", "1", "-p", "epochs", "1", "-q", "--json"], '"left": []'),
    (["status", "s3-distilled-pruning"], "results are there"),
]


@pytest.mark.thorough
def test_the_wheel_works_in_an_empty_folder(program: list[str], tmp_path: Path) -> None:
    """What is made goes there, and nothing into the installation."""
    around = {name: value for name, value in os.environ.items() if not name.startswith(("DISTILLED_", "PYTHONPATH"))}
    site = Path(program[0]).parents[1]
    before = {path for path in site.rglob("*") if "__pycache__" not in path.parts}
    for words, said in ASKED_ELSEWHERE:
        done = subprocess.run([*program, *words], cwd=tmp_path, env=around, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and said in done.stdout, f"{words}: {done.stdout}{done.stderr}"
    assert {path.name for path in tmp_path.iterdir()} == {".store"}
    refused = subprocess.run(
        [*program, "record"], cwd=tmp_path, env=around, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2 and "run it from a copy of the book" in refused.stderr
    assert {path for path in site.rglob("*") if "__pycache__" not in path.parts} == before


@pytest.mark.slow
def test_the_wheel_builds_the_book_in_an_empty_folder(program: list[str], tmp_path: Path) -> None:
    """The book stands at once; what its page lacks takes longer than the budget."""
    around = {name: value for name, value in os.environ.items() if not name.startswith(("DISTILLED_", "PYTHONPATH"))}
    words = ["book", "s3-distilled-pruning", "--budget", "1s"]
    done = subprocess.run([*program, *words], cwd=tmp_path, env=around, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    assert (tmp_path / "_build/html/notebooks/s3-distilled-pruning.html").is_file()


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


def reached(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """List what pip would install for a package, itself included, by what the installed ones ask for."""
    found: set[str] = set()
    stack = [(name, extras)]
    seen = set(stack)
    while stack:
        name, extras = stack.pop()
        found.add(canonicalize_name(name))
        for text in importlib.metadata.requires(name) or []:
            wanted = Requirement(text)
            if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                new = (wanted.name, frozenset(wanted.extras))
                if new not in seen:
                    seen.add(new)
                    stack.append(new)
    return found


def test_conda_gets_the_packages_of_the_lock_and_no_others() -> None:
    """Pip installs what `.[test]` reaches, at the constraints' versions: that is the lock, here as on conda."""
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = {re.split("[=<>]", item)[0] for item in content["dependencies"] if isinstance(item, str)}
    exact = {name for name, entries in locked().items() if any(here(requirement) for requirement, _ in entries)}
    assert plain == {"python", "pip", "git", "make"} and not plain & exact
    (python,) = (item for item in content["dependencies"] if isinstance(item, str) and item.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert reached("distilled-pruning", frozenset({"test"})) - {"distilled-pruning"} == exact


def test_the_readers_workflow_is_whole() -> None:
    """Every Python that the package takes, a cache of results, the book on Pages, and targets that exist."""
    content = yaml.safe_load((ROOT / ".github/workflows/book.yml").read_text(encoding="utf-8"))
    jobs = content["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == ">=3.11"
    steps = [step for job in jobs.values() for step in job["steps"]]
    used = [step["uses"].split("@")[0] for step in steps if "uses" in step]
    assert {"actions/cache", "actions/upload-pages-artifact", "actions/deploy-pages"} <= set(used)
    assert [step["with"]["path"] for step in steps if "actions/cache" in step.get("uses", "")] == [".store"]
    assert jobs["pages"]["permissions"] == {"pages": "write", "id-token": "write"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for step in steps:
        for target in re.findall(r"^make (\S+)", step.get("run", ""), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_devcontainer_sets_up_what_the_makefile_does() -> None:
    content = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert content["postCreateCommand"] == "make setup TORCH=cpu" and content["forwardPorts"] == [8000]
    assert "PORT ?= 8000" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_citation_is_what_zenodo_reads() -> None:
    """The keys that the Citation File Format 1.2 requires, and a licence and a date that Zenodo takes over."""
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "abstract", "date-released"} <= set(content)
    assert content["cff-version"] == "1.2.0" and content["type"] == "software"
    assert content["license"] == PROJECT["license"]
    assert all("name" in author or {"family-names", "given-names"} <= set(author) for author in content["authors"])
    for reference in content["references"]:
        assert {"type", "title", "authors"} <= set(reference)
        (identifier,) = reference["identifiers"]
        assert reference["url"] == f"https://arxiv.org/abs/{identifier['value'].removeprefix('arXiv:')}"


def test_every_direct_dependency_has_its_reason() -> None:
    """In CONTRIBUTING, and no other is named there."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Packages")[1]
    asked = [*PROJECT["dependencies"], *(item for extra in PROJECT["optional-dependencies"].values() for item in extra)]
    names = {canonicalize_name(Requirement(item).name) for item in asked}
    words = {canonicalize_name(word) for word in re.findall(r"[A-Za-z0-9][\w-]*\w", text)}
    assert names - words <= {"snakemake-executor-plugin-slurm"}
    rows = re.findall(r"^\| ([a-z].*?) \| \S", text, re.MULTILINE)
    plain = re.sub(r"\(.*?\)", "", " ".join(rows))
    listed = {canonicalize_name(name) for name in re.findall(r"[a-z][\w-]+", plain)}
    assert listed - {"package"} == {canonicalize_name(Requirement(item).name) for item in PROJECT["dependencies"]}


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
