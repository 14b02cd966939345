"""Pages are executed, drawn and rendered the same whatever a reader has set up, and two builds at once get along."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import nbformat
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study import display
from distilled_pruning.study.book import buildfolder, execution, kernel
from distilled_pruning.study.sections.common import style

ROOT = Path(__file__).parent.parent


HOSTILE = """
import IPython, matplotlib, os, sys
from pathlib import Path
print(sys.executable)
print(matplotlib.get_backend())
print("startup" in globals(), "profile" in globals())
"""


def test_a_page_is_executed_by_this_python_whatever_is_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long TMPDIR, another python3 kernel, the reader's start-up files, backend and home."""
    long = tmp_path / ("t" * (98 - len(str(tmp_path)) - 1) if len(str(tmp_path)) < 97 else "t")
    long.mkdir()
    other = tmp_path / "jupyter/kernels/python3"
    other.mkdir(parents=True)
    argv = ["/bin/false", "{connection_file}"]
    (other / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    profile = tmp_path / "home/.ipython/profile_default/startup"
    profile.mkdir(parents=True)
    (profile / "a.py").write_text("profile = 1")
    (tmp_path / "startup.py").write_text("startup = 1")
    for name, value in {
        "TMPDIR": str(long),
        "JUPYTER_PATH": str(tmp_path / "jupyter"),
        "HOME": str(tmp_path / "home"),
        "PYTHONSTARTUP": str(tmp_path / "startup.py"),
        "MPLBACKEND": "TkAgg",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)
    before = dict(os.environ)
    place = tmp_path / "my {book} (1)"
    place.mkdir()
    metadata = {"kernelspec": {"name": "conda-env-theirs-py", "display_name": "x", "language": "python"}}
    cell = nbformat.v4.new_code_cell(HOSTILE)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), place / "a.ipynb")
    made = execution.execute(str(place / "a.ipynb"), str(place / "b.ipynb"), {}, str(place))
    assert made == ("", "", "")
    (shown,) = [cell.outputs for cell in nbformat.read(place / "b.ipynb", as_version=4).cells if cell.outputs]
    assert shown[0].text.splitlines() == [sys.executable, "agg", "False False"]
    assert dict(os.environ) == before


def test_sockets_lie_where_their_paths_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("t" * 98)))
    found = kernel.short_folder()
    assert found and len(found + kernel.SOCKET_NAME) <= kernel.SOCKET_BYTES
    monkeypatch.setattr("tempfile.tempdir", "/t" + "é" * 40)
    monkeypatch.setattr(kernel.os, "access", lambda place, mode: False)
    assert kernel.short_folder() is None
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with kernel.surroundings() as reached:
        assert reached["transport"] == "tcp"


def test_no_temporary_folder_is_a_failed_page_and_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    name, message, _ = execution.execute("a.ipynb", str(tmp_path / "b.ipynb"), {}, str(tmp_path))
    assert name == "FileNotFoundError" and "temporary" in message


def test_a_readers_matplotlibrc_changes_no_figure() -> None:
    import matplotlib as mpl

    def drawn() -> bytes:
        with style.canvas(1.5, "stamp") as figure:
            ax = figure.add_subplot()
            ax.plot([1e-3, 2e-3], [-1, 1])
            ax.set(title="a_b", xlabel="50 %")
        return display.png(figure)

    plain = drawn()
    theirs: dict[Any, Any] = {
        "text.usetex": True,
        "axes.formatter.use_mathtext": True,
        "savefig.bbox": "tight",
        "savefig.dpi": 30,
        "savefig.transparent": True,
        "lines.linewidth": 9,
        "font.size": 30,
        "axes.prop_cycle": mpl.cycler(color=["#ff0000"]),
    }
    with mpl.rc_context(theirs):
        assert drawn() == plain
        assert mpl.rcParams["text.usetex"], "the reader's own settings stay"


def test_a_name_with_dollars_is_drawn_as_it_is() -> None:
    name = r"a$\nothing$b"

    def drawn(label: str) -> bytes:
        with style.canvas(2.5, f"stamp of {label}") as figure:
            ax = figure.add_subplot(title=label, xlabel=label, xscale="log")
            ax.plot([1e-3, 2], [-1, 1], label=label)
            ax.set_yticks([0], [label])
            ax.legend(title=label)
            figure.suptitle(label)
        assert all(r"\mathdefault" in text.get_text() for text in ax.get_xticklabels() if text.get_parse_math())
        assert any(text.get_parse_math() for text in ax.get_xticklabels())
        return display.png(figure)

    assert drawn(name) != drawn("a$b$")


@pytest.mark.parametrize("part", ["", "executed", "stage", "html"])
def test_a_build_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, part: str) -> None:
    build = tmp_path / "_build"
    (build / part).parent.mkdir(exist_ok=True)
    (build / part).write_text("in the way") if part else build.write_text("in the way")
    with pytest.raises(InputError, match=r"cannot be written into .*_build \(.*exists.*remove"):
        buildfolder.check(build)


def test_what_refuses_later_is_one_sentence_too(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"cannot be written into .*Permission denied: x"),
        buildfolder.alone(tmp_path, print),
    ):
        raise PermissionError(13, "Permission denied", "x")
    with pytest.raises(FileNotFoundError), buildfolder.alone(tmp_path, print):
        raise FileNotFoundError(2, "No such file", "a fault of ours stays one")


def test_a_second_build_waits_for_the_first(tmp_path: Path) -> None:
    order: list[str] = []
    inside, noted = threading.Event(), threading.Event()

    def second() -> None:
        inside.wait()

        def note(line: str) -> None:
            order.append(line)
            noted.set()

        with buildfolder.alone(tmp_path, note):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with buildfolder.alone(tmp_path, order.append):
        inside.set()
        assert noted.wait(20)
        order.append("first")
    thread.join(20)
    assert "waiting for its end" in order[0] and order[1:] == ["first", "second"]


def test_papermill_takes_a_path_as_it_is() -> None:
    assert execution._verbatim("/a{b}/c").format() == "/a{b}/c"
