"""What a run would refuse is said by the plan and by the run, in one sentence, before anything is done."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distilled_pruning import cli, models
from distilled_pruning.data import download
from distilled_pruning.errors import InputError
from distilled_pruning.models import costs
from distilled_pruning.pruning import Mask, sparsity
from distilled_pruning.study.jobs import (
    Connect,
    Data,
    Distill,
    HessianDiagonal,
    Job,
    Network,
    Prune,
    Robustness,
    Train,
    examine,
    inputs,
)
from distilled_pruning.training.recipe import Recipe
from PIL import Image

NUMBERS = {"seeds": 1, "levels": 1, "measured_levels": "0,1", "epochs": 1, "inner_steps": 5, "sets": 1, "width": 4,
           "inner_learning_rate": 0.1, "replicates": 2, "ipc": 1}  # fmt: skip
SMALL = [word for name, value in NUMBERS.items() for word in ("-p", name, str(value))]
IMAGES = np.random.default_rng(1).integers(0, 256, (120, 8, 8, 3), dtype=np.uint8)
LABELS = np.repeat(np.arange(3), 40)
DIGITS, NETWORK = Data("digits"), Network("convnet3", 4)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_CACHE", str(tmp_path / "cache"))


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    found = capsys.readouterr()
    return code, found.out, found.err


def npz(folder: Path, images: np.ndarray = IMAGES, labels: np.ndarray = LABELS) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / "mine.npz", images=images, labels=labels)
    return folder / "mine.npz"


def not_a_number(folder: Path) -> Path:
    images = IMAGES / 255.0
    images[5, 0, 0, 0] = np.nan
    return npz(folder, images)


def blank_class(folder: Path) -> Path:
    return npz(folder, np.where((LABELS == 1)[:, None, None, None], 7, IMAGES).astype(np.uint8))


def blank_channel(folder: Path) -> Path:
    images = IMAGES.copy()
    images[..., 2] = 9
    return npz(folder, images)


def pictures(folder: Path, suffix: str = "png", counts: tuple[int, ...] = (6, 6)) -> Path:
    for label, count in enumerate(counts):
        (folder / f"class{label}").mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise = np.random.default_rng(100 * label + number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"class{label}" / f"{number:03}.{suffix}")
    return folder


def cut_files(folder: Path) -> Path:
    pictures(folder)
    for name in ("class0/001.png", "class0/002.png", "class1/000.png", "class1/005.png"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
    return folder


def dangling(folder: Path) -> Path:
    for name in ("a.png", "b.png"):
        (pictures(folder) / "class0" / name).symlink_to(folder / "nothing")
    return folder


WRONG: list[tuple[Callable[[Path], Path], str, list[str]]] = [
    (not_a_number, "", ["NaN"]),
    (blank_class, "", ["all training images of class '1'", "of one value"]),
    (blank_channel, "", ["a channel of the training images", "the same value everywhere"]),
    (lambda f: npz(f, (IMAGES / 255 * 1e-5).astype(np.float32)), "", ["hardly varies"]),
    (lambda f: npz(f, labels=np.where(LABELS == 2, 4, LABELS)), "", ["classes '2', '3' of", "have no images: give"]),
    (lambda f: npz(f, labels=LABELS * 0), "", ["has one class, '0'", "at least two"]),
    (lambda f: pictures(f, counts=(6,)), "", ["has one class, 'class0'"]),
    (cut_files, "", ["4 files in", "class0/001.png", "class0/002.png", "class1/000.png", "class1/005.png"]),
    (dangling, "", ["2 files in", "cannot be read", "a.png", "b.png"]),
    (npz, "-p augmentation foo", ["unknown augmentation 'foo'"]),
    (npz, "-p augmentation shift9", ["must move by 1 to 7 px"]),
    (lambda f: npz(f, IMAGES[..., 0]), "-p augmentation imagenet", ["these images are grey"]),
    (npz, "-p ipc 33", ["ipc 33 is more than the 32 training images"]),
    (lambda f: npz(f, np.concatenate([IMAGES, IMAGES[:4]]), np.repeat([0, 1, 2], [60, 60, 4])), "-p ipc 10",
     ["more than the 3 training images that the smallest class of mine.npz has: choose at most 3"]),
    (npz, "-p subset 5000", ["subset must be from 3 (one a class) to the 96 images there are, or 0 for all, not 5000"]),
    (npz, "-p model resnet10 -p subset 65 -p methods dense", ["65 images in batches of", "leave a batch of one"]),
    (npz, "-p model resnet10 -p batch_size 1 -p methods dense", ["leave a batch of one"]),
    (npz, "-p model resnetap10", ["maps of one pixel at 8 px: use at least 16 px"]),
    (lambda f: npz(f, IMAGES[:, :4, :4]), "", ["images of 4 px do not survive 3 poolings: use at least 8 px"]),
    (npz, "-p width 1 -p fraction .9 -p levels 9", ["cannot remove 90% of the"]),
    (npz, "-p line_images 5000", ["line_images must be from 3 (one a class) to the 96 images"]),
]  # fmt: skip


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(("make", "changes", "parts"), WRONG)
def test_a_mistake_is_said_before_anything_is_done(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], Path],
    changes: str,
    parts: list[str],
    command: str,
) -> None:
    path, store = make(tmp_path / "data"), tmp_path / "store"
    batches = ["-p", "image_size", "0", "-p", "batch_size", "64"]
    words = [command, "s4-stability", *SMALL, *batches, "-p", "dataset", str(path), *changes.split()]
    code, out, err = ask(capsys, *words, "--store", str(store))
    assert code == 2 and not out and err.count("\n") == 1, err
    assert all(part in err for part in parts), err
    assert not store.exists()


def published_set(path: Path, classes: int, ipc: int = 1, size: int = 8) -> None:
    labels = np.repeat(np.arange(classes), ipc)
    images = np.random.default_rng(2).integers(0, 256, (len(labels), 1, size, size), dtype=np.uint8)
    np.savez(path, images=images, labels=labels)


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(
    ("shape", "part"),
    [
        (None, "is not a readable .npz file ("),
        ((4,), "has 4 classes but digits has 10"),
        ((10, 2), "holds 2 images per class, not 1: ask for 2"),
        ((10, 1, 16), "are 1x16x16 but those of digits are 1x8x8"),
    ],
)
def test_a_published_set_that_cannot_be_used_is_said_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: tuple[int, ...] | None, part: str, command: str
) -> None:
    path, store = tmp_path / "set.npz", tmp_path / "store"
    published_set(path, *(shape or (10,)))
    if shape is None:
        path.write_bytes(path.read_bytes()[:300])
    words = [command, "s4-stability", *SMALL, "-p", "dataset", "digits", "-p", "image_size", "0"]
    code, out, err = ask(capsys, *words, "-p", "distiller", str(path), "--store", str(store))
    assert code == 2 and not out and err.count("\n") == 1 and part in err, err
    assert not store.exists()


def test_a_published_set_that_fits_and_an_ending_in_capitals_are_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published_set(tmp_path / "set.npz", 3)
    npz(tmp_path / "data", IMAGES[..., :1]).rename(tmp_path / "UP.NPZ")
    (tmp_path / "set.npz").rename(tmp_path / "SET.NPZ")
    words = ["-p", "image_size", "0", "-p", "dataset", str(tmp_path / "UP.NPZ")]
    words += ["-p", "distiller", str(tmp_path / "SET.NPZ"), "--store", str(tmp_path / "store")]
    code, _, err = ask(capsys, "plan", "s4-stability", *SMALL, *words)
    assert code == 0 and not err


def test_a_folder_of_a_published_set_is_planned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set").mkdir()
    for label in range(3):
        images = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(label))
        torch.save(images, tmp_path / "set" / f"images_{label}.pt")
    words = ["-p", "image_size", "0", "-p", "dataset", str(npz(tmp_path / "data"))]
    words += ["-p", "distiller", str(tmp_path / "set"), "--store", str(tmp_path / "store")]
    code, _, err = ask(capsys, "plan", "s4-stability", *SMALL, *words)
    assert code == 0 and not err
    (tmp_path / "set" / "images_2.pt").unlink()
    code, out, err = ask(capsys, "plan", "s4-stability", *SMALL, *words)
    assert code == 2 and not out and "has 2 files of images" in err and err.count("\n") == 1
    code, out, err = ask(capsys, "plan", "s4-stability", *SMALL, "-p", "distiller", str(tmp_path / "data"))
    assert code == 2 and "holds no data.pt, images_best.pt, images.pt, data.npz or res_*.pt" in err


def test_what_is_in_order_is_planned_and_what_is_left_out_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = pictures(tmp_path / "data")
    for name in ("readme.txt", "class0/notes.txt", "class0/Thumbs.db", "class1/more"):
        (root / name).mkdir() if name.endswith("more") else (root / name).write_text("no picture")
    code, out, err = ask(
        capsys, "plan", "s4-stability", *SMALL, "-p", "dataset", str(root), "--store", str(tmp_path / "store")
    )
    assert code == 0 and not err
    said = "left out 3 files that are no images by their names (2 .txt, 1 .db) and the folders class1/more"
    assert f"{root}: {said}" in out
    assert not (tmp_path / "store").exists()


def test_a_dataset_that_a_run_will_fetch_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path))
    words = ["-p", "dataset", "cifar10", "--store", str(tmp_path / "store")]
    code, out, err = ask(capsys, "plan", "s4-stability", *SMALL, *words)
    assert code == 0 and not err and f"cifar10 is not in {tmp_path}: a run fetches it" in out


def test_a_dataset_that_cannot_be_fetched_is_one_sentence_before_any_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path))
    monkeypatch.setitem(download.BASES, "cifar10", ("http://127.0.0.1:1/",))
    words = ["-p", "dataset", "cifar10", "--jobs", "2", "--store", str(tmp_path / "store")]
    code, _, err = ask(capsys, "run", "s4-stability", *SMALL, *words)
    assert code == 2 and err.count("\n") == 1
    assert (
        "cifar10 could not be downloaded (127.0.0.1:1: " in err
        and f"put cifar10.npz or torchvision's files into {tmp_path}" in err
    )
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("action", [("plan", "s4-stability"), ("run", "s4-stability"), ("data", "verify", "cifar10")])
def test_a_file_in_place_of_the_datasets_folder_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, action: tuple[str, ...]
) -> None:
    (tmp_path / "data").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path / "data"))
    words = [] if action[0] == "data" else [*SMALL, "-p", "dataset", "cifar10", "--store", str(tmp_path / "store")]
    code, _, err = ask(capsys, *action, *words)
    assert code == 2 and f"the datasets' folder '{tmp_path / 'data'}' is not a folder: name one" in err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "job",
    [
        Train(Network("resnet10", 4), Data("digits", subset=64), Recipe(epochs=1, batch_size=64)),
        Train(Network("resnet10", 4), Data("digits", subset=65), Recipe(steps=1, batch_size=64)),
        Train(Network("resnet10", 4), Data("digits", 16, 65), Recipe(epochs=1, batch_size=64)),
        Train(Network("resnet10", 4, norm="group"), Data("digits", subset=65), Recipe(epochs=1, batch_size=64)),
        Train(NETWORK, Data("digits", subset=65), Recipe(epochs=1, batch_size=64)),
        Distill(Data("digits"), "dc", 2, model="resnet10"),
        Distill(Data("digits"), "dm", 1, model="resnet10"),
        Distill(Data("digits"), "dc", 1, model="convnet3"),
        HessianDiagonal(Train(NETWORK, Data("digits", subset=20), Recipe()), images=64),
    ],
)
def test_what_can_be_done_is_not_refused(job: Job) -> None:
    assert examine([job]) == ()


@pytest.mark.parametrize(
    ("job", "part"),
    [
        (Distill(Data("digits"), "idc", 35, factor=2), "ipc 35 x factor 2 squared = 140 is more than the 137"),
        (Distill(Data("digits"), "idc", 1, factor=3), "factor 3 does not divide"),
        *(
            (Distill(Data("digits"), method, 1, factor=1, model="resnet10"), "a batch of one image has no variance")
            for method in ("dc", "dsa", "idc")
        ),
        (Distill(Data("digits", subset=65), "herding", 2, model="resnet10"), "use another number of images"),
        (Distill(Data("digits"), "easy", 138), "ipc 138 is more than the 137"),
        (Train(NETWORK, Distill(Data("digits"), "dm", 1), Recipe(augmentation="imagenet")), "these images are grey"),
        (Train(NETWORK, Data("cifar10", zca=True), Recipe(augmentation="imagenet")), "normalised already"),
        (Train(NETWORK, Data("imagenette", 64, zca=True), Recipe()), "the covariance of all 12288 values"),
        (HessianDiagonal(Train(NETWORK, DIGITS, Recipe()), images=5), "hessian_images must be from 10"),
        (Robustness(Train(NETWORK, DIGITS, Recipe()), images=361), "to the 360 images there are, or 0 for all"),
        (
            Connect(*[Train(NETWORK, DIGITS, Recipe())] * 2, split="test", images=400),
            "to the 360 images there are, or 0 for all",
        ),
    ],
)
def test_other_kinds_are_refused_too(job: Job, part: str) -> None:
    with pytest.raises(InputError) as caught:
        examine([job])
    assert part in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [8, 16, 32, 96, 128, 200])
@pytest.mark.parametrize("model", costs.MODELS)
def test_weights_are_counted_as_the_networks_have_them(model: str, size: int) -> None:
    if size < 16 and model == "resnetap10":
        return
    net = models.build(model, width=4, size=size, channels=3, classes=5)
    assert sum(weights for weights, _ in costs.layers(model, 4, size, 3, 5)) == Mask.ones(net).total


@pytest.mark.parametrize("size", range(1, 20))
@pytest.mark.parametrize("norm", ["", "batch", "instance", "none"])
@pytest.mark.parametrize("model", costs.MODELS)
def test_a_size_is_refused_exactly_where_no_network_can_be_built(model: str, norm: str, size: int) -> None:
    try:
        costs.check_size(model, size, norm)
    except InputError as error:
        with pytest.raises(InputError) as caught:
            models.build(model, width=2, size=size, channels=1, classes=3, norm=norm or None)
        assert str(caught.value) == str(error)
    else:
        models.build(model, width=2, size=size, channels=1, classes=3, norm=norm or None)


def test_levels_are_those_that_pruning_itself_would_take() -> None:
    total = sum(weights for weights, _ in costs.layers("convnet3", 4, 8, 1, 10))
    levels = next(n for n in range(1, 99) if not survives(total, n + 1))
    chain: Prune | None = None
    for _ in range(levels):
        chain = Prune(NETWORK, DIGITS, "random", fraction=0.5, parent=chain)
    assert chain is not None and examine([chain]) == ()
    with pytest.raises(InputError, match=f"at most {levels} levels"):
        examine([Prune(NETWORK, DIGITS, "random", fraction=0.5, parent=chain)])


@pytest.mark.parametrize("fraction", [1e-9, 0.999999, 0.5 / 360, 1 - 0.4 / 360])
def test_a_fraction_that_no_level_can_remove_is_answered_with_one_that_can(fraction: float) -> None:
    """And not with zero levels; what the sentence prints works as it is printed."""
    with pytest.raises(
        InputError, match=r"^level 1 cannot remove .*% of the 360 weights .* (all|none) of them"
    ) as said:
        sparsity.survivors(360, 1, fraction)
    lowest, highest = re.findall(r"fraction from (\S+) to (\S+)$", str(said.value))[0]
    assert [sparsity.survivors(360, 1, float(value)) for value in (lowest, highest)] == [359, 1]


def survives(total: int, levels: int) -> bool:
    try:
        return sparsity.survivors(total, levels, 0.5) > 0
    except InputError:
        return False


@pytest.mark.parametrize(
    ("data", "more", "version"),
    [
        (DIGITS, {"statistics": "re-estimated"}, 2),
        (DIGITS, {}, 1),
        (DIGITS, {"statistics": "re-estimated", "images": 1000}, 1),
        (DIGITS, {"statistics": "re-estimated", "images": 400}, 1),
        (DIGITS, {"statistics": "re-estimated", "split": "test"}, 1),
        (Data("cifar10"), {"statistics": "re-estimated"}, 1),
    ],
)
def test_re_estimated_lines_are_others_only_where_a_batch_was_smaller(
    data: Data, more: dict[str, Any], version: int
) -> None:
    ends = [Train(NETWORK, data, Recipe(), order) for order in range(2)]
    job = Connect(*ends, **more)
    assert job.version == version == job.spec()["version"]


def test_files_that_change_between_plan_and_training_are_noticed(tmp_path: Path) -> None:
    root = pictures(tmp_path / "data")
    data = Data(str(root))
    mine = inputs.load_data(data)
    assert mine.digest == data.digest
    first, other = root / "class0" / "000.png", root / "class1" / "000.png"
    shutil.copyfile(other, first)
    planned = Data(str(root))
    assert planned.digest != data.digest
    inputs.load_dataset.cache_clear()
    with pytest.raises(InputError, match="has changed since this run was planned"):
        inputs.load_data(data)
    assert np.array_equal(inputs.load_data(planned).train.images.numpy(), mine.train.images.numpy()) is False
