"""One's own ``.npz`` in the forms people have: read as what it means, and said where it is not taken as it stands."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distilled_pruning import data
from distilled_pruning.data import catalog, npz
from distilled_pruning.errors import InputError

RANDOM = np.random.default_rng(5)
IMAGES = RANDOM.integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(24) % 3
SPLIT = np.arange(24) // 18


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_CACHE", str(tmp_path / "cache"))


def saved(path: Path, **arrays: Any) -> str:
    np.savez_compressed(path, **arrays)
    return str(path)


def plain(tmp_path: Path, images: np.ndarray = IMAGES, **changes: Any) -> str:
    """Write a file whose arrays are those of the others in their plainest form."""
    return saved(tmp_path / "plain.npz", **{"images": images, "labels": LABELS, "split": SPLIT, **changes})


LABELLED: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {
    "column": (LABELS[:, None], ("0", "1", "2")),
    "one-hot": (np.eye(3, dtype=np.uint8)[LABELS], ("0", "1", "2")),
    "one-hot of floats": (np.eye(3)[LABELS], ("0", "1", "2")),
    "one-hot of bools": (np.eye(3, dtype=bool)[LABELS], ("0", "1", "2")),
    "whole floats": (LABELS.astype(np.float32), ("0", "1", "2")),
    "a column of floats": (LABELS[:, None].astype(float), ("0", "1", "2")),
    "from 1": (LABELS + 1, ("1", "2", "3")),
    "bytes from 1": ((LABELS + 1).astype(np.uint8)[:, None], ("1", "2", "3")),
    "words": (np.array(["ant", "bee", "cow"])[LABELS], ("ant", "bee", "cow")),
    "a column of words": (np.array(["ant", "bee", "cow"])[LABELS][:, None], ("ant", "bee", "cow")),
    "words as bytes": (np.array([b"ant", b"bee", b"cow"])[LABELS], ("ant", "bee", "cow")),
}


@pytest.mark.parametrize("form", LABELLED)
def test_labels_of_any_form_are_the_same_data(tmp_path: Path, form: str) -> None:
    labels, names = LABELLED[form]
    path = saved(tmp_path / "mine.npz", images=IMAGES, labels=labels, split=SPLIT)
    found, wanted = data.load(path), data.load(plain(tmp_path))
    assert found.digest == wanted.digest and found.classes == catalog.info(path).classes == names
    assert torch.equal(found.train.labels, wanted.train.labels) and torch.equal(found.test.labels, wanted.test.labels)
    assert any("labels count from 1" in note for note in npz.notes(Path(path))) == ("from 1" in form)


def test_names_say_the_order_of_words_and_of_numbers_from_1(tmp_path: Path) -> None:
    names = np.array(["cow", "ant", "bee"])
    for labels in (names[LABELS], LABELS + 1, names.astype("S")[LABELS]):
        for given in (names, names.astype("S")):
            ds = data.load(saved(tmp_path / "mine.npz", images=IMAGES, labels=labels, split=SPLIT, classes=given))
            assert ds.classes == ("cow", "ant", "bee") and ds.train.labels.tolist() == LABELS[:18].tolist()


def test_true_and_false_are_two_classes(tmp_path: Path) -> None:
    ds = data.load(saved(tmp_path / "mine.npz", images=IMAGES, labels=LABELS > 0, split=SPLIT))
    assert ds.classes == ("0", "1") and ds.train.labels.tolist() == (LABELS[:18] > 0).tolist()


@pytest.mark.parametrize("names", ["x_train y_train x_test y_test", "X_train Y_train X_test Y_test",
                                   "train_images train_labels test_images test_labels"])  # fmt: skip
def test_files_with_parts_of_their_own_are_read_as_they_are(tmp_path: Path, names: str) -> None:
    parts = (IMAGES[:18], LABELS[:18][:, None], IMAGES[18:], LABELS[18:][:, None])
    path = saved(tmp_path / "mine.npz", **dict(zip(names.split(), parts, strict=True)))
    info = catalog.info(path)
    assert (info.train, info.test, info.size, info.channels, info.counts) == (18, 6, 8, 3, (6, 6, 6))
    assert data.load(path).digest == data.load(plain(tmp_path)).digest and not npz.notes(Path(path))


def test_a_third_part_is_left_out_and_said(tmp_path: Path) -> None:
    arrays = {f"{part}_{what}": array for part in ("train", "val", "test")
              for what, array in (("images", IMAGES), ("labels", LABELS))}  # fmt: skip
    path = saved(tmp_path / "medical.npz", **arrays)
    assert len(data.load(path).test) == 24
    assert npz.notes(Path(path)) == (f"{path}: left out the arrays val_images, val_labels",)


@pytest.mark.parametrize("names", [("X", "y"), ("data", "targets"), ("Images", "Labels")])
def test_other_names_of_images_and_labels_are_known(tmp_path: Path, names: tuple[str, str]) -> None:
    path = saved(tmp_path / "mine.npz", **{names[0]: IMAGES, names[1]: LABELS, "split": SPLIT})
    assert data.load(path).digest == data.load(plain(tmp_path)).digest


def wide(images: np.ndarray) -> np.ndarray:
    """Put a margin of 2 and 3 px left and right of images [N, H, W, ...]."""
    margin = [(0, 0), (0, 0), (2, 3), *[(0, 0)] * (images.ndim - 3)]
    return np.pad(images, margin, constant_values=9)


@pytest.mark.parametrize(
    ("images", "same", "said"),
    [
        (wide(IMAGES), IMAGES, "the middle 8x8 px of the 8x13 px images are taken"),
        (wide(IMAGES).transpose(0, 3, 2, 1), IMAGES.transpose(0, 3, 2, 1), "the middle 8x8 px of the 13x8 px"),
        (wide(IMAGES[..., 0]), IMAGES[..., 0], "the middle 8x8 px of the 8x13 px"),
        (np.concatenate([IMAGES, 255 - IMAGES[..., :1]], 3), IMAGES, "transparency, the fourth channel, is left out"),
        (np.concatenate([IMAGES, IMAGES[..., :1]], 3).transpose(0, 3, 1, 2), IMAGES, "transparency"),
        (IMAGES > 127, np.where(IMAGES > 127, 255, 0).astype(np.uint8), ""),
        ((IMAGES > 127)[..., :1], np.where(IMAGES > 127, 255, 0).astype(np.uint8)[..., :1], ""),
        (IMAGES.astype(np.uint16), IMAGES, "unless all are below 256"),
        (IMAGES.astype(np.uint16) * 257, IMAGES.astype(np.uint16) * 257 / np.float32(65535), "divided by 65535"),
        (IMAGES.astype(np.float16), IMAGES.astype(np.float32), ""),
    ],
)
def test_pixels_of_any_form_are_read_as_what_they_are(
    tmp_path: Path, images: np.ndarray, same: np.ndarray, said: str
) -> None:
    path = saved(tmp_path / "mine.npz", images=images, labels=LABELS, split=SPLIT)
    found, wanted = data.load(path), data.load(plain(tmp_path, same))
    assert found.train.images.dtype == wanted.train.images.dtype
    assert torch.equal(found.train.images, wanted.train.images) and torch.equal(found.test.images, wanted.test.images)
    info = catalog.info(path)
    assert (info.size, info.channels) == (found.size, found.channels) == (8, wanted.channels)
    assert (said in " ".join(npz.notes(Path(path)))) if said else not npz.notes(Path(path))


def test_sixteen_bits_keep_all_their_digits(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 4096, (24, 8, 8), dtype=np.uint16)  # twelve bits, as cameras have
    ds = data.load(saved(tmp_path / "mine.npz", images=images, labels=LABELS, split=SPLIT))
    assert np.array_equal(np.rint(ds.train.images.numpy()[:, 0] * 65535), images[:18])
    assert abs(float(ds.train.normalised().std()) - 1) < 0.01  # deviations are kept to four decimals


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"arr_0": IMAGES, "arr_1": LABELS}, "no array 'images', only arr_0, arr_1: it needs images and labels, or"),
        ({"x_train": IMAGES, "y_train": LABELS}, "only x_train, y_train"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, :6, :6], "y_test": LABELS},
         "are 3x8x8 and 3x6x6: give training and test images of one shape"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES / 255, "y_test": LABELS}, "are uint8 and float32"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS.astype(str)}, "words and numbers"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:0], "y_test": LABELS[:0]}, "has 0 images"),
        ({"images": IMAGES, "labels": np.array(["a", None] * 12)}, "save plain numbers or words, not objects"),
        ({"images": IMAGES.astype(np.int32) * 300, "labels": LABELS}, "are int32: give uint8, bool or uint16 values"),
        ({"images": IMAGES * 1e300, "labels": LABELS}, "hold values that 32 bits cannot hold: give finite numbers"),
        ({"images": np.full(IMAGES.shape, np.inf), "labels": LABELS}, "hold NaN or infinite values: give finite"),
        ({"images": IMAGES[:, :1, :, 0], "labels": LABELS}, "[N, H, W], square or more than 4 px a side"),
    ],
)  # fmt: skip
def test_what_is_refused_is_one_sentence_without_warnings(tmp_path: Path, arrays: Any, sentence: str) -> None:
    path = saved(tmp_path / "mine.npz", **arrays)
    with warnings.catch_warnings(record=True) as said, pytest.raises(InputError) as caught:
        warnings.simplefilter("always")
        data.load(path)
    assert sentence in str(caught.value) and path in str(caught.value) and "\n" not in str(caught.value)
    assert not said


@pytest.mark.parametrize("kind", ["f4", "f8", "u2", "i4"])
def test_the_order_of_bytes_is_the_files_own_affair(tmp_path: Path, kind: str) -> None:
    images, labels = IMAGES * 200.0, LABELS.astype(">i8")
    if kind == "i4":
        images = IMAGES.astype(float)
    found = data.load(saved(tmp_path / "big.npz", images=images.astype(f">{kind}"), labels=labels, split=SPLIT))
    assert found.digest == data.load(plain(tmp_path, images.astype(f"<{kind}"))).digest


def test_a_damaged_member_is_not_called_objects(tmp_path: Path) -> None:
    path = Path(saved(tmp_path / "mine.npz", images=IMAGES, labels=LABELS))
    content = bytearray(path.read_bytes())
    content[300:700] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"images of .* the file is damaged, save or fetch it again") as caught:
        data.load(str(path))
    assert "objects" not in str(caught.value)
