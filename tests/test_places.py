"""Where the book lies, what is part of it, and what only lies beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from distilled_pruning import places
from distilled_pruning.data import cache, catalog
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import rendering
from distilled_pruning.study.engine import machine
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.parameters import checks, notebooks
from distilled_pruning.study.sections.targets import find

ROOT = Path(__file__).parent.parent
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]


def book_at(root: Path, name: str = places.NAME) -> Path:
    """Lay out what a copy of the book, or somebody's own, is known by."""
    (root / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / "_toc.yml", root)
    (root / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    return root


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No folder is named by the environment."""
    for variable in ("DISTILLED_PRUNING_STORE", "DISTILLED_PRUNING_DATA", "DISTILLED_PRUNING_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


def test_a_kernel_in_notebooks_finds_store_and_data_of_its_copy(tmp_path: Path, unnamed: pytest.MonkeyPatch) -> None:
    root = book_at(tmp_path / "book")
    (root / "notebooks/deeper").mkdir()
    for folder in (root, root / "notebooks", root / "notebooks/deeper"):
        unnamed.chdir(folder)
        assert (Store().root, catalog.folder(), places.default(".again")) == (
            root / ".store",
            root / "data",
            root / ".again",
        )


def test_outside_every_copy_the_one_that_the_code_lies_in_counts(tmp_path: Path, unnamed: pytest.MonkeyPatch) -> None:
    unnamed.chdir(tmp_path)
    assert Store().root == ROOT / ".store" and notebooks.home() == ROOT
    unnamed.setattr(places, "checkout", lambda: None)
    assert Store().root == tmp_path / ".store", "installed without a copy: the working directory"
    with pytest.raises(InputError, match="run this from a copy"):
        notebooks.home()


@pytest.mark.parametrize("project", ["their-own-book", None, "broken ]["])
def test_somebodys_own_jupyter_book_is_not_taken_for_ours(
    tmp_path: Path, unnamed: pytest.MonkeyPatch, project: str | None
) -> None:
    own = book_at(tmp_path / "own", project or "")
    if project is None:
        (own / "pyproject.toml").unlink()
    elif "broken" in project:
        (own / "pyproject.toml").write_text(project)
    unnamed.chdir(own / "notebooks")
    assert places.checkout() == ROOT
    inner = book_at(own / "inner")
    unnamed.chdir(inner / "notebooks")
    assert places.checkout() == inner


def test_a_relative_name_is_found_from_notebooks_too(tmp_path: Path, unnamed: pytest.MonkeyPatch) -> None:
    root = book_at(tmp_path / "book")
    (root / "mine").mkdir()
    unnamed.chdir(root / "notebooks")
    unnamed.setenv("DISTILLED_PRUNING_STORE", "mine")
    assert Store().root == root / "mine" and checks.as_path("mine") == root / "mine"
    (root / "notebooks/mine").mkdir()
    assert Store().root == root / "notebooks/mine", "what is nearer counts"
    assert Store("new").root == root / "notebooks/new"
    (root / "notebooks/gone").mkdir()
    unnamed.chdir(root / "notebooks/gone")
    (root / "notebooks/gone").rmdir()
    assert checks.as_path("x/y.npz") == ROOT / "x/y.npz", "somebody removed the working directory"


def test_notebooks_and_presets_are_found_from_notebooks_by_the_paths_that_commands_show(
    unnamed: pytest.MonkeyPatch,
) -> None:
    unnamed.chdir(ROOT / "notebooks")
    preset = "notebooks/presets/reduced/s4-stability.yaml"
    for name in ("notebooks/s4-stability.ipynb", "s4-stability.ipynb", "s4-stability"):
        assert find([name], [], preset)[0].section.parameters.scale == "reduced"


def test_an_unpacked_copy_has_not_the_address_of_the_repository_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([*GIT, "init", "-q", str(tmp_path)], check=True)
    remote = ["remote", "add", "origin", "https://github.com/their/own.git"]
    subprocess.run([*GIT, "-C", str(tmp_path), *remote], check=True)
    (tmp_path / "vendor").mkdir()
    assert rendering.upstream(tmp_path) == "https://github.com/their/own"
    assert rendering.upstream(tmp_path / "vendor") == ""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))  # as in a hook of that repository
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert rendering.upstream(tmp_path / "vendor") == ""
    found = machine.git("rev-parse", "--show-toplevel")
    assert found is None or Path(found).resolve() == ROOT.resolve()


def test_stray_files_are_left_alone_with_a_note(
    tmp_path: Path, unnamed: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = book_at(tmp_path / "book")
    shutil.rmtree(root / "notebooks")
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    (root / "results").mkdir()
    folder = root / "notebooks"
    (folder / "Untitled.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    shutil.copy(folder / "s4-stability.ipynb", folder / "s4-stability-Copy1.ipynb")
    (folder / "broken.ipynb").write_bytes(b"\x80")
    (folder / "x.ipynb").mkdir()
    (folder / ".#s4-stability.ipynb").symlink_to("nobody@nowhere")
    (folder / ".ipynb_checkpoints").mkdir()
    shutil.copy(folder / "s4-stability.ipynb", folder / ".ipynb_checkpoints/s4-stability-checkpoint.ipynb")
    (folder / "presets/reduced/.ipynb_checkpoints").mkdir()
    (folder / "presets/reduced/s4-stability.yaml~").write_text("][")
    unnamed.chdir(root)
    assert notebooks.notebooks() == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert {target.section.name for target in find([])} == set(notebooks.notebooks())
    noted = {record.args[0] for record in caplog.records if isinstance(record.args, tuple) and record.args}
    assert noted == {f"notebooks/{name}.ipynb" for name in ("Untitled", "broken", "s4-stability-Copy1", "x")}
    with pytest.raises(InputError, match="unknown notebook"):
        notebooks.source("Untitled")


def test_stray_files_beside_the_prose_stay_out_of_the_book(tmp_path: Path) -> None:
    root = tmp_path / "book"
    (root / "book").mkdir(parents=True)
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/welcome\n")
    (root / "_config.yml").write_text("title: a\n")
    (root / "book/welcome.md").write_text("# Hello\n\n{{ notebooks }}\n")
    (root / "book/.#welcome.md").symlink_to("nobody@nowhere")
    (root / "book/dangling.md").symlink_to("nowhere")
    (root / "book/welcome.md~").write_text("old")
    (root / "book/notes.md").write_bytes(b"\x80 {{ nothing }}")
    (root / "book/folder.md").mkdir()
    (root / "book/.ipynb_checkpoints").mkdir()
    staged = rendering.stage(root, tmp_path / "build", [], {"notebooks": "tallies"}, [])
    assert "tallies" in (staged / "book/welcome.md").read_text()
    left = {path.name for path in (staged / "book").iterdir()}
    assert left == {"welcome.md", "notes.md", "folder.md", "ledger.json"}


def test_a_damaged_file_of_the_book_is_one_sentence(tmp_path: Path) -> None:
    for content in (b"a: [", b"\x80"):
        (tmp_path / "_toc.yml").write_bytes(content)
        with pytest.raises(InputError, match="mend it or restore it from git"):
            notebooks.list_pages(tmp_path)
        (tmp_path / "_config.yml").write_bytes(content)
        with pytest.raises(InputError, match="mend it or restore it from git"):
            rendering.settings(tmp_path)
    for text in ("[1, 2]", "repository: here"):
        (tmp_path / "_config.yml").write_text(text)
        with pytest.raises(InputError, match="mend it"):
            rendering.settings(tmp_path)


def test_without_a_home_what_can_be_made_again_stays_in_the_copy(unnamed: pytest.MonkeyPatch) -> None:
    unnamed.delenv("XDG_CACHE_HOME", raising=False)
    unnamed.setattr(os.path, "expanduser", lambda path: path)  # as for a user whom nobody knows
    assert cache.cache_folder() == ROOT / "_build/cache"
    for given in ("~/images", "~nobody/images.npz"):
        with pytest.raises(InputError, match="is not there"):
            checks.dataset("dataset", given)
        with pytest.raises(InputError, match="is not there"):
            catalog.info(given)
