"""What a user can get wrong, over all commands: one true sentence, exit code 2, nothing done; and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from distilled_pruning import cli, exits
from distilled_pruning.data import download
from distilled_pruning.study.engine import machine

S4, LONG = "s4-stability", "a" * 5000


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of strange files, the working directory of every command here; the library's own book is used."""
    for name, content in (
        ("x.npy", "no images"), ("notes.txt", "hello"), ("empty.npz", ""), ("list.yaml", "[1, 2]"),
        ("broken.yaml", "a: [1"), ("deep.yaml", "[" * 3000), ("nul.yaml", 'dataset: "a\\0b"\n'), ("set.npy", ""),
        ("date.yaml", "epochs: 2020-01-01\n"), ("none.yaml", "epochs:\n"), ("names.yaml", "model: [convnet3, {}]\n"),
        ("cells.ipynb", '{"cells": 3}'), ("meta.ipynb", '{"cells": [{"metadata": []}]}'), ("text.ipynb", "hello"),
        ("bare.ipynb", '{"cells": [{"metadata": {"tags": ["parameters"]}}]}'), ("binary.yaml", "\x00\x01"),
        ("twice.yaml", "levels: 2\nepochs: 1\nlevels: 3\n"), ("octal.yaml", "epochs: 010\n"),
        ("maybe.yaml", "whitened: !!bool maybe"), ("hex.yaml", f"epochs: 0x{'f' * 5000}"),
        ("hexes.yaml", f"dataset: [0x{'f' * 5000}]"), ("name.yaml", f"0x{'f' * 5000}: 1"),
    ):  # fmt: skip
        (tmp_path / name).write_text(content)
    os.mkfifo(tmp_path / "pipe.npz")
    os.mkfifo(tmp_path / "pipe.yaml")
    arrays = {"images": np.zeros((4, 8, 8), np.uint8), "labels": np.array([0, 0, 1, 1])}
    for name, changed in (
        ("split", {"split": np.zeros(4, [("a", int)])}), ("classes", {"classes": np.array([], str)}),
        ("large", {"labels": np.array([0, 0, 1, 2**63], np.uint64)}),
    ):  # fmt: skip
        np.savez(tmp_path / f"{name}.npz", **{**arrays, **changed})
    (tmp_path / "folder").mkdir()
    (tmp_path / "store").write_text("a file")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone.npz").symlink_to("nowhere.npz")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISTILLED_PRUNING_STORE", raising=False)
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path / "folder"))

    def unreachable(*given: object) -> None:
        raise AssertionError("this command went to the network")

    monkeypatch.setattr(download, "fetch", unreachable)
    return tmp_path


def parameter(*pair: str) -> list[str]:
    return ["plan", S4, "-p", *pair]


WRONG: list[tuple[list[str], str]] = [
    # datasets and sets by path
    (parameter("dataset", "x.npy"), "x.npy' is not a dataset: give an .npz file or a folder of class folders"),
    (parameter("dataset", "notes.txt"), "is not a dataset"),
    (parameter("dataset", "loop"), "is a link that leads to nothing"),
    (parameter("dataset", "./loop"), "is a link that leads to nothing"),
    (parameter("dataset", "gone.npz"), "is a link that leads to nothing"),
    (parameter("dataset", "none.npy"), "none.npy' is not there"),
    (parameter("dataset", LONG), "unknown dataset 'aaa"),
    (parameter("dataset", LONG + ".npz"), "is not there"),
    (parameter("dataset", "~nobody-of-this-name/x"), "is not there"),
    (parameter("dataset", "digits,digits"), "names 'digits' twice"),
    (parameter("dataset", "empty.npz"), "is not a readable .npz file"),
    (parameter("dataset", "folder"), "has no class folders"),
    (parameter("distiller", "notes.txt"), "is not a file of images"),
    (parameter("distiller", "./notes.txt"), "is not a file of images"),
    (parameter("distiller", "./set.npy"), "is not a file of images: give an existing .npz or .pt file"),
    (parameter("distiller", "~nobody-of-this-name/x.pt"), "is not there"),
    (parameter("distiller", LONG), "unknown distiller"),
    (parameter("distiller", ""), "unknown distiller ''"),
    (parameter("published", "x.npy"), "name of a .npz or .pt file"),
    (parameter("methods", "published"), "no published set is named"),
    # numbers
    (parameter("epochs", "-1"), "epochs must be at least 1, not -1"),
    (parameter("epochs", "0"), "epochs must be at least 1, not 0"),
    (parameter("inner_steps", "-1"), "inner_steps must be at least 1, not -1"),
    (parameter("inner_steps", "0"), "inner_steps must be at least 1, not 0"),
    (parameter("levels", "1e400"), "must be a whole number"),
    (parameter("seeds", "two"), "must be a whole number"),
    (["plan", "a-first-paper", "-p", "epochs", "-1"], "epochs must be at least 0 and at most 10000, not -1"),
    (["plan", "a-first-paper", "-p", "inner_steps", "0"], "for digits at 1 images per class"),
    (["plan", "s6-stable-initializations", "-p", "epochs", "1"], "a training of 1 epoch has no epoch 1 to go on from"),
    (parameter("seeds", "1000000"), "at most 100, not 1000000"),
    (parameter("inner_learning_rate", "inf"), "must be a finite number, not 'inf'"),
    (parameter("inner_learning_rate", "nan"), "must be a finite number, not 'nan'"),
    (parameter("augmentation", "shift" + "9" * 5000), "unknown augmentation 'shift9"),
    (parameter("device", "cuda:²"), "device must be auto, cpu, cuda or cuda:N"),
    (parameter("device", "cuda:" + "9" * 5000), "device must be auto, cpu, cuda or cuda:N"),
    (
        ["plan", "s2-dataset-distillation", "-p", "boxes", f"idc:{'9' * 5000}:16"],
        "boxes must give iterations and width",
    ),
    # arrays and pipes
    (parameter("dataset", "split.npz"), "split of"),
    (parameter("dataset", "imagenette"), "imagenette is not in"),
    (parameter("dataset", "svhn"), "fetch it with `distilled-pruning data fetch svhn`"),
    (["plan", S4, "-f", "reduced/imagenette"], "fetch it with `distilled-pruning data fetch imagenette`"),
    (["plan", S4, "-f", "twice.yaml"], "gives 'levels' twice: once is enough"),
    (["plan", S4, "-f", "octal.yaml"], "gives epochs 010"),
    (["plan", S4, "-f", "reduced", "-p", "dataset", "digits"], "the 1437 images there are, or 0 for all, not"),
    (parameter("dataset", "classes.npz"), "names none: give the name of each class"),
    (parameter("dataset", "large.npz"), "has the label 9223372036854775808 but only 4 images"),
    (parameter("dataset", "pipe.npz"), "is not a dataset"),
    (parameter("distiller", "pipe.npz"), "is not a file of images"),
    (["plan", S4, "-f", "pipe.yaml"], "is a pipe, a device or a socket"),
    (["plan", S4, "-f", "/dev/zero"], "is a pipe, a device or a socket"),
    # files of parameters and presets
    (["plan", S4, "-f", "maybe.yaml"], "is not a YAML file of 'name: value' lines"),
    (["plan", S4, "-f", "name.yaml"], "is not a YAML file of 'name: value' lines"),
    (["plan", S4, "-f", "hex.yaml"], "epochs must be a whole number, not a number of thousands of digits"),
    (["plan", S4, "-f", "hexes.yaml"], "dataset must be text, not a number of thousands of digits"),
    (["plan", S4, "-f", "list.yaml"], "must hold 'name: value' lines"),
    (["plan", S4, "-f", "broken.yaml"], "is not a YAML file"),
    (["plan", S4, "-f", "deep.yaml"], "is not a YAML file"),
    (["plan", S4, "-f", "binary.yaml"], "is not a YAML file"),
    (["plan", S4, "-f", "nul.yaml"], "unknown dataset"),
    (["plan", S4, "-f", "date.yaml"], "epochs must be a whole number"),
    (["plan", S4, "-f", "none.yaml"], "epochs must be a whole number, not None"),
    (["plan", S4, "-f", "names.yaml"], "model must be text"),
    (["plan", S4, "-f", "folder"], "cannot be read from 'folder'"),
    (["plan", S4, "-f", LONG], "File name too long"),
    (["plan", S4, "-f", "reduced/" + LONG], "unknown preset"),
    (["plan", S4, "-f", "loop"], "cannot be read from 'loop'"),
    # targets
    (["plan", ""], "unknown notebook or figure ''"),
    (["plan", ":"], "unknown notebook or figure ':'"),
    (["plan", LONG], "unknown notebook or figure"),
    (["plan", LONG + ".ipynb"], "there is no notebook"),
    (["plan", "cells.ipynb"], "is not a readable notebook"),
    (["plan", "meta.ipynb"], "is not a readable notebook"),
    (["plan", "text.ipynb"], "is not a readable notebook"),
    (["plan", "bare.ipynb"], "is not a readable notebook"),
    (["status", "folder"], "unknown notebook or figure 'folder'"),
    (["run", f"{S4}:{'0' * 32}"], "no notebook plans a job 0000"),
    (["check", "--recorded", "-p", "ipc", "2"], "leave out -p and -f"),
    # stores
    *(([*words, "--store", "store"], "Not a directory") for words in (["plan", S4], ["status", S4], ["verify"])),
    *(([*words, "--store", LONG], "File name too long") for words in (["plan", S4], ["status", S4], ["gc"])),
    (["verify", "--store", "loop"], "there is no store"),
    (["verify", "--store", "nowhere"], "there is no store"),
    (["repeat", S4, "--store", "again"], "nothing is recorded of live scale"),
    (["record", S4, "--store", "folder"], "results at scale 'live' are not recorded"),
    (["record", S4, "-f", "reduced", "--store", "nowhere"], "there is no store"),
    # devices, data, the book, speed
    (["bench", "--device", "cuda:" + "9" * 5000], "unknown device 'cuda:999"),
    (["run", S4, "--device", "cuda:99"], "this machine"),
    (["book", S4, "--device", "gpu"], "unknown device 'gpu'"),
    (["book", S4, "-f", "broken.yaml"], "is not a YAML file"),
    (["book", "all", S4], "unknown notebook of the book 'all'"),
    (["book", "--what-if", S4, "-p", "store", "x"], "shares its store"),
    (["bench", "--device", "gpu"], "unknown device 'gpu'"),
    (["data", "verify", LONG], "unknown dataset"),
    (["data", "list", "loop"], "is a link that leads to nothing"),
    (["data", "fetch", "x.npy"], "is not a dataset"),
    (["data"], "the following arguments are required: action (see"),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("words", "part"), WRONG, ids=[" ".join(w[:40] for w in words) for words, _ in WRONG])
def test_is_one_true_sentence(
    words: list[str], part: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_gpus", lambda: ())
    monkeypatch.setenv("DISTILLED_PRUNING_STORE", str(place / "empty"))  # nothing is wrong where nothing is missing
    before = sorted(place.rglob("*"))
    try:
        code = cli.main(words)
    except SystemExit as left:
        code = int(left.code or 0)
    found = capsys.readouterr()
    lines = [line for line in found.err.splitlines() if not line.startswith("book: ")]
    assert code == exits.WRONG and found.out == "" and len(lines) == 1
    assert part in lines[0] and len(lines[0]) < 2000, "a name of 5,000 letters is not said in full"
    assert sorted(place.rglob("*")) == before, "nothing was made"


def test_every_command_is_tried() -> None:
    commands = ("plan", "run", "book", "check", "record", "status", "verify", "gc", "bench", "data", "repeat")
    assert len(WRONG) >= 60 and {words[0] for words, _ in WRONG} == set(commands)


def test_a_folder_that_was_removed_is_said(tmp_path: Path) -> None:
    code = f"import os; os.chdir({str(tmp_path)!r}); os.rmdir({str(tmp_path)!r}); from distilled_pruning import cli; "
    words = [sys.executable, "-c", code + "raise SystemExit(cli.main(['status']))"]
    found = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")
    assert found.returncode == exits.WRONG
    assert found.stderr == "distilled-pruning: the working directory cannot be used (No such file or directory): " + (
        "change to another\n"
    )


def test_what_the_machine_refuses_is_a_sentence_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(options: object) -> int:
        raise PermissionError(13, "Permission denied", "/some/file")

    monkeypatch.setattr(cli, "_handlers", lambda: {"status": refuse})
    assert cli.main(["status"]) == exits.FAILED
    assert capsys.readouterr().err == "distilled-pruning: '/some/file' cannot be used (Permission denied)\n"


def test_a_closed_standard_output_is_no_mistake() -> None:
    code = "import sys; from distilled_pruning import cli; raise SystemExit(cli.main(['data', 'list']))"
    words = ["sh", "-c", '"$0" -c "$1" >&-', sys.executable, code]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (exits.DONE, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("length", [10, 100_000])
def test_a_standard_output_that_is_full_is_named(length: int) -> None:
    code = (
        "from distilled_pruning import cli; cli.handlers = lambda: {'status': lambda options: "
        f"print('a' * {length}) or 0}}; raise SystemExit(cli.main(['status']))"
    )
    words = ["sh", "-c", '"$0" -c "$1" >/dev/full', sys.executable, code]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    said = "distilled-pruning: standard output cannot be used (No space left on device)\n"
    assert (found.returncode, found.stderr) == (exits.FAILED, said)


@pytest.mark.parametrize("code", [exits.DONE, exits.FAILED])
def test_a_reader_that_left_hides_no_failure(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """``check | head -1`` tells a failure that was found by then."""

    class Closed:
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(cli, "_handlers", lambda: {"status": lambda options: code})
    monkeypatch.setattr(sys, "stdout", Closed())
    monkeypatch.setattr(sys, "stderr", type("Open", (), {"close": lambda self: None})())
    assert cli.main(["status"]) == code
