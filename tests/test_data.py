"""Datasets: every form they come in, every way they can be wrong, downloads from a server on this machine."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import io
import os
import pickle
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distilled_pruning import data
from distilled_pruning.data import Dataset, Split, catalog, download, facts, imagefile, official, sources, whitening
from distilled_pruning.data.images import resize, statistics
from distilled_pruning.errors import InputError
from hypothesis import given, settings, strategies as st
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

REAL = Path(os.environ.get("DISTILLED_PRUNING_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("DISTILLED_PRUNING_MIRRORS", raising=False)


def pictures(n: int = 20, size: int = 6, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, channels), dtype=np.uint8)


def npz(path: Path, **changes: Any) -> str:
    arrays = {"images": pictures(), "labels": np.arange(20) % 4} | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return str(path)


def split(n: int = 30, classes: int = 3) -> Split:
    images = torch.randint(0, 256, (n, 3, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Split(images, torch.arange(n) % classes, (0.4, 0.5, 0.6), (0.2, 0.3, 0.1), classes)


# Splits


def test_normalising_is_scale_mean_and_deviation() -> None:
    part = split()
    wanted = (part.images.double() / 255 - torch.tensor(part.mean)[:, None, None]) / torch.tensor(part.std)[
        :, None, None
    ]
    torch.testing.assert_close(part.normalised().double(), wanted, rtol=0, atol=2e-6)
    assert part.normalised().dtype == torch.float32
    assert torch.equal(part.normalised(torch.tensor([3, 1])), part.normalised()[[3, 1]])


def test_float_images_of_no_spread_are_used_as_they_are() -> None:
    images = torch.randn(5, 1, 4, 4)
    assert torch.equal(Split(images, torch.zeros(5).long(), (0.0,), (1.0,), 1).normalised(), images)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.data())
def test_a_subset_keeps_proportions_and_order(counts: list[int], drawn: st.DataObject) -> None:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    whole = Split(torch.arange(len(labels), dtype=torch.float32).view(-1, 1, 1, 1), labels, (0.0,), (1.0,), len(counts))
    n = drawn.draw(st.integers(len(counts), len(labels)))
    part = whole.subset(n)
    index = part.images.flatten().long()
    assert len(part) == n and (index.diff() > 0).all()
    assert torch.equal(labels[index], part.labels)
    assert part.labels.bincount(minlength=len(counts)).tolist() == facts.largest_remainder(counts, n)
    assert torch.equal(whole.subset(n).images, part.images)


def test_another_seed_draws_another_subset() -> None:
    assert not torch.equal(split().subset(9).images, split().subset(9, seed=1).images)


@pytest.mark.parametrize("n", [2, 31])
def test_a_subset_of_too_few_or_too_many_is_refused(n: int) -> None:
    with pytest.raises(InputError, match=rf"a subset must have 3 \(one a class\) to 30 images, not {n}"):
        split().subset(n)


def test_a_subset_of_a_part_of_an_image_is_refused() -> None:
    with pytest.raises(InputError, match=r"a subset must have a whole number of images, not 4\.5"):
        split().subset(4.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(4, 4, 4), torch.zeros(4).long(), r"shape \[N, C, H, W\], not \[4, 4, 4\]"),
        (torch.zeros(4, 1, 4, 4), torch.zeros(4), "labels must be int64 of shape .4."),
        (torch.zeros(4, 1, 4, 4), torch.zeros(3).long(), "labels must be int64 of shape .4."),
        (torch.zeros(4, 3, 4, 4), torch.zeros(4).long(), "each of the 3 channels"),
    ],
)
def test_parts_that_do_not_fit_are_refused(images: Tensor, labels: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Split(images, labels, (0.5,), (0.5,), 2)


# Digits, sizes, normalisation


def test_digits_are_the_scouted_split() -> None:
    from sklearn.datasets import load_digits

    ds, bunch = data.load("digits"), load_digits()
    order = np.random.RandomState(123).permutation(1797)
    assert (len(ds.train), len(ds.test), ds.size, ds.channels) == (1437, 360, 8, 1)
    assert np.array_equal(ds.test.labels.numpy(), bunch.target[order[:360]])
    np.testing.assert_allclose(ds.train.images[:, 0].numpy() / 255 * 16, bunch.images[order[360:]], atol=0.032)
    assert ds.digest == catalog.info("digits").digest == sources.digest(sources.digits())
    assert (ds.mean, ds.std) == statistics(ds.train.images)


def test_digits_at_16_px_are_bilinear_and_normalised_by_what_they_then_are() -> None:
    small, ds = data.load("digits"), data.load("digits", size=16)
    wanted = F.interpolate(small.train.images.double(), (16, 16), mode="bilinear", align_corners=False)
    assert (ds.train.images.double() - wanted).abs().max() <= 0.5 + 1e-4  # rounding to whole values
    values = ds.train.normalised()
    assert abs(values.mean()) < 2e-3 and abs(values.std() - 1) < 2e-3  # four decimals of mean and deviation
    assert ds.digest == small.digest


def test_a_subset_is_of_the_training_images_and_keeps_the_normalisation() -> None:
    whole, part = data.load("digits"), data.load("digits", subset=100)
    assert (len(part.train), len(part.test)) == (100, 360)
    assert (part.mean, part.std, part.digest) == (whole.mean, whole.std, whole.digest)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([torch.uint8, torch.float32]))
def test_statistics_are_those_of_all_pixels(seed: int, dtype: torch.dtype) -> None:
    images = torch.randint(0, 256, (130, 2, 5, 5), generator=torch.Generator().manual_seed(seed)).to(dtype)
    values = images.double() / (255 if dtype == torch.uint8 else 1)
    mean, std = statistics(images)
    np.testing.assert_allclose(mean, values.mean((0, 2, 3)), atol=5.1e-5)  # four decimals
    np.testing.assert_allclose(std, values.std((0, 2, 3), correction=0), atol=5.1e-5)


def test_shrinking_is_antialiased_as_torchvision_does() -> None:
    from torchvision.transforms.v2.functional import resize as theirs

    images = torch.from_numpy(pictures(8, 20)).permute(0, 3, 1, 2)
    ours, wanted = resize(images, 7), theirs(images, [7, 7], antialias=True)
    assert (ours.int() - wanted.int()).abs().max() <= 1  # theirs sums in fixed point


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be at least 1 px"),
        ({"normalisation": "paper"}, "unknown normalisation 'paper' .did you mean 'papers'"),
        ({"subset": 3}, "a subset must have 10"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        data.load("digits", **options)


# npz


def same(a: Dataset, b: Dataset) -> bool:
    return all(
        torch.equal(getattr(x, part), getattr(y, part))
        for x, y in ((a.train, b.train), (a.test, b.test))
        for part in ("images", "labels")
    )


def test_an_npz_is_the_same_in_either_layout(tmp_path: Path) -> None:
    a = data.load(npz(tmp_path / "a.npz"))
    b = data.load(npz(tmp_path / "b.npz", images=pictures().transpose(0, 3, 1, 2)))
    assert same(a, b) and a.digest == b.digest == data.digest(str(tmp_path / "a.npz"))
    assert (a.name, a.size, a.channels, a.classes) == ("a.npz", 6, 3, ("0", "1", "2", "3"))
    assert (len(a.train), len(a.test)) == (16, 4) and a.test.labels.sort().values.tolist() == [0, 1, 2, 3]


def test_a_grey_npz_and_wider_integers_are_taken(tmp_path: Path) -> None:
    grey = pictures(channels=1)[..., 0]
    a, b = (data.load(npz(tmp_path / "a.npz", images=images)) for images in (grey, grey.astype(np.int64)))
    assert same(a, b) and a.channels == 1 and a.train.images.dtype == torch.uint8


@pytest.mark.parametrize("split", [np.arange(20) // 15, np.array(["train"] * 15 + ["test"] * 5)])
def test_an_npz_may_say_what_is_for_testing(tmp_path: Path, split: np.ndarray) -> None:
    ds = data.load(npz(tmp_path / "a.npz", split=split, classes=np.array(["a", "b", "c", "d"])))
    assert np.array_equal(ds.train.images.numpy(), pictures()[:15].transpose(0, 3, 1, 2))
    assert np.array_equal(ds.test.labels.numpy(), np.arange(15, 20) % 4) and ds.classes == ("a", "b", "c", "d")


def test_float_images_keep_their_values(tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(20, 3, 6, 6))
    ds = data.load(npz(tmp_path / "a.npz", images=images, split=np.arange(20) // 15))
    np.testing.assert_array_equal(ds.train.images.numpy(), images[:15].astype(np.float32))
    assert abs(ds.train.normalised().mean()) < 1e-3


def test_a_changed_pixel_or_label_changes_the_digest(tmp_path: Path) -> None:
    images, labels = pictures(), np.arange(20) % 4
    images[3, 2, 2, 1] ^= 1
    labels[[0, 1]] = labels[[1, 0]]
    found = {
        data.digest(npz(tmp_path / f"{n}.npz", split=np.arange(20) // 15, **c))
        for n, c in enumerate(({}, {"images": images}, {"labels": labels}))
    }
    assert len(found) == 3


NAN = pictures().astype(np.float32)
NAN[4, 3, 2, 1] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "has no array 'images', only labels"),
        ({"labels": None}, "has no array 'labels', only images"),
        ({"images": pictures()[:1], "labels": np.array([0])}, "has 1 image: give at least two of each class"),
        ({"images": pictures()[:0], "labels": np.zeros(0, int)}, "has 0 images"),
        ({"images": pictures()[:, 0]}, r"shape \[20, 6, 3\]: give \[N, H, W, C\]"),
        ({"images": pictures().reshape(20, -1)}, r"shape \[20, 108\]: give \[N, H, W, C\]"),
        ({"images": pictures(channels=2)}, r"shape \[20, 6, 6, 2\]"),
        ({"images": NAN}, "NaN or infinite values: give finite numbers"),
        ({"images": pictures().astype(np.int32) + 1}, "give uint8, bool or uint16 values"),
        ({"images": pictures().astype(str)}, "are <U3: give uint8"),
        ({"images": np.full((20, 6, 6, 3), None)}, "images of .* hold objects: save plain numbers"),
        ({"labels": np.arange(20) % 4 + 0.5}, "must be whole numbers, not float64 with fractions"),
        ({"labels": np.arange(20).reshape(10, 2) % 4}, r"have shape \[10, 2\] and are not one-hot"),
        ({"labels": np.full((20, 2), 0.5)}, r"have shape \[20, 2\] and are not one-hot"),
        ({"labels": np.full((20, 3, 2), 1)}, r"one class an image, not int64 of shape \[20, 3, 2\]"),
        ({"labels": np.arange(20) % 4 + 0j}, "one class an image, not complex128"),
        (
            {"labels": np.array(["a", "b"] * 10), "classes": np.array(["a", "c"])},
            "the label 'b', which its classes a, c",
        ),
        ({"labels": np.arange(19) % 4}, "20 images but 19 labels"),
        ({"labels": np.arange(20) % 4 - 1}, "has the label -1: labels count from 0"),
        ({"labels": np.array([0, 1] * 9 + [99, 99])}, "has the label 99 but only 20 images"),
        ({"classes": np.array(["a", "b", "c"])}, "has the label 3 but 3 classes"),
        ({"labels": np.array([0, 2] * 10)}, "class '1' of .* has no images: give some, or number the classes from 0"),
        ({"labels": np.arange(20) % 4 + 5}, "classes .0., .1., .2., .3., .4. of .* have no images: give some"),
        (
            {"labels": np.arange(20) % 4, "classes": np.array(list("abcde"))},
            "class 'e' of .* has no training images: give some, or leave it out",
        ),
        ({"labels": np.array([0] * 19 + [1])}, "class '1' has one image"),
        ({"images": np.zeros((60, 4, 4, 3), np.uint8), "labels": np.arange(60)}, "'19' and 40 more have one image"),
        ({"labels": np.array([0] * 16 + [1, 2, 3, 3])}, "classes '1', '2' have one image: give at least two of each"),
        ({"classes": np.array(["a", "b", "a", "b"])}, "names 'a', 'b' more than once: give each class its own name"),
        ({"split": np.zeros(20)}, "leaves no images to test on"),
        ({"split": np.ones(20)}, "leaves no images to train on"),
        ({"split": np.arange(20)}, "must be 0 .train. or 1 .test."),
        ({"split": np.zeros(5)}, "split of .* must be one value per image"),
        ({"images": np.full((20, 6, 6, 3), 7, np.uint8)}, "the same value everywhere"),
    ],
)
def test_an_npz_that_is_wrong_is_one_sentence(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = npz(tmp_path / "mine.npz", **changes)
    with pytest.raises(InputError, match=message) as caught:
        data.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"not a zip", r"it is of another kind\): save images and labels with numpy.savez"),
        (b"PK\x03\x04 cut short", "it is cut short or damaged"),
        (b"\x93NUMPY\x01\x00", r"it holds a single array\): save images and labels in one file with numpy.savez"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"it is a pointer of Git LFS\): .* with git lfs pull"),
        (b"\n<!DOCTYPE html>", "it is a web page"),
    ],
)
def test_a_damaged_npz_is_one_sentence(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    for read in (data.load, catalog.info):
        with pytest.raises(InputError, match=rf"is not a readable .npz file \({reason}") as caught:
            read(str(path))
        assert "pickle" not in str(caught.value)


def test_a_truncated_npz_is_one_sentence(tmp_path: Path) -> None:
    path = Path(npz(tmp_path / "mine.npz"))
    content = bytearray(path.read_bytes())
    content[400:600] = bytes(200)  # inside the images: their checksum no longer fits
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"images of .* cannot be read .*the file is damaged, save or fetch it again"):
        data.load(str(path))


# Class folders


def write_folders(root: Path, counts: dict[str, int], size: tuple[int, int] = (24, 16), suffix: str = "png") -> Path:
    random = np.random.default_rng(1)
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(noise).save(root / name / f"{number:03}.{suffix}")
    return root


@pytest.mark.parametrize(
    ("size", "side"), [((37, 24), 16), ((24, 37), 16), ((20, 20), 20), ((11, 10), 21), ((33, 50), 17)]
)
def test_an_image_is_decoded_as_the_papers_transforms_do(tmp_path: Path, size: tuple[int, int], side: int) -> None:
    from torchvision import transforms

    path = write_folders(tmp_path, {"a": 1}, size) / "a" / "000.png"
    theirs = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(side), transforms.PILToTensor()])
    assert np.array_equal(imagefile.decode(path, side), theirs(Image.open(path)).numpy())


def test_class_folders_are_split_by_class_or_by_folder(tmp_path: Path) -> None:
    flat = data.load(str(write_folders(tmp_path / "flat", {"b": 5, "a": 10})))
    assert flat.classes == ("a", "b") and flat.size == 16
    assert flat.train.labels.bincount().tolist() == [8, 4] and flat.test.labels.bincount().tolist() == [2, 1]
    write_folders(tmp_path / "two" / "train", {"a": 3, "b": 3})
    write_folders(tmp_path / "two" / "val", {"a": 2, "b": 1})
    two = data.load(str(tmp_path / "two"), size=12)
    assert (len(two.train), two.test.labels.tolist(), two.size) == (6, [0, 0, 1], 12)


def test_grey_and_transparent_images_become_colour(tmp_path: Path) -> None:
    root = write_folders(tmp_path / "a", {"a": 3, "b": 3})
    Image.new("LA", (20, 20), (7, 128)).save(root / "a" / "000.png")
    assert not catalog.examine(str(write_folders(tmp_path / "plain", {"a": 3, "b": 3})), 20)
    Image.new("RGBA", (20, 20), (7, 9, 7, 128)).save(root / "b" / "000.png")
    assert data.load(str(root)).channels == 3
    for _ in range(2):  # decoded, and from the cache
        assert catalog.examine(str(root), 20) == (f"{root}: the channel of transparency of 2 images is left out",)


def test_decoding_happens_once_and_a_damaged_cache_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(write_folders(tmp_path / "a", {"a": 4, "b": 4}))
    decoded: list[Path] = []
    decode = imagefile.decode

    def counted(path: Path, *how: Any) -> np.ndarray:
        decoded.append(path)
        return decode(path, *how)

    monkeypatch.setattr(imagefile, "decode", counted)
    first, again = data.load(root), data.load(root)
    assert len(decoded) == 8 and same(first, again)
    again.train.images.zero_()  # mapped copy-on-write: a user's change stays in memory
    assert same(data.load(root), first)
    (kept,) = (tmp_path / "cache" / "decoded").iterdir()
    content = (kept / "train.npy").read_bytes()
    (kept / "train.npy").unlink()  # what is mapped above stays
    (kept / "train.npy").write_bytes(content[:300])
    assert same(data.load(root), first) and len(decoded) == 16
    (kept / "facts.json").unlink()
    assert same(data.load(root), first) and len(decoded) == 24


def test_the_digest_of_class_folders_is_that_of_their_files(tmp_path: Path) -> None:
    root = write_folders(tmp_path / "a", {"a": 4, "b": 4})
    before = data.digest(str(root))
    assert before == data.load(str(root), size=8).digest == data.verify(str(root))
    image = root / "a" / "001.png"
    facts, content = image.stat(), image.read_bytes()
    image.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    after = data.digest(str(root))
    assert after == data.verify(str(root)) != before  # of the same name, size and time
    image.rename(root / "b" / "001a.png")
    assert data.digest(str(root)) not in (before, after)


def test_the_ten_wnids_come_in_the_papers_order(tmp_path: Path) -> None:
    wnids = catalog.info("imagenet10").wnids
    for part, count in (("train", 2), ("val", 1)):
        write_folders(tmp_path / "data" / "imagenet10" / part, {f"{wnid}": count for wnid in sorted(wnids)} | {"n0": 1})
    ds = data.load("imagenet10", size=8, normalisation="papers")
    assert ds.classes[:2] == ("bonnet", "green mamba") and ds.test.labels.tolist() == list(range(10))
    wanted = [imagefile.decode(tmp_path / "data" / "imagenet10" / "val" / wnid / "000.png", 8) for wnid in wnids]
    assert np.array_equal(ds.test.images.numpy(), np.stack(wanted))
    assert (ds.mean, ds.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_imagenette_is_found_under_its_names(tmp_path: Path) -> None:
    for part in ("train", "val"):
        names = {f"{wnid}-something": 1 for wnid in catalog.info("imagenette").wnids}
        write_folders(tmp_path / "data" / "imagenette2-160" / part, names)
    assert data.find("imagenette") == tmp_path / "data" / "imagenette2-160"
    assert data.load("imagenette").size == 128


def empty_class(root: Path) -> None:
    (root / "c").mkdir()


def broken_image(root: Path) -> None:
    (root / "a" / "001.png").write_bytes(b"no picture")


def cut_image(root: Path) -> None:
    content = (root / "a" / "001.png").read_bytes()
    (root / "a" / "001.png").write_bytes(content[: len(content) // 2])


def one_image(root: Path) -> None:
    write_folders(root, {"c": 1})


def train_only(root: Path) -> None:
    write_folders(root / "train", {"a": 2})


def other_classes(root: Path) -> None:
    write_folders(root / "train", {"a": 2, "b": 2})
    write_folders(root / "test", {"a": 2, "c": 2})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (empty_class, "class folder .*c has no images"),
        (broken_image, "001.png is not a readable image"),
        (cut_image, "001.png is not a readable image"),
        (one_image, "class 'c' has one image"),
        (train_only, "has a folder train but none of test, val, valid, validation"),
        (other_classes, "class 'b' is in only one of"),
    ],
)
def test_class_folders_that_are_wrong_are_one_sentence(tmp_path: Path, spoil: Any, message: str) -> None:
    root = write_folders(tmp_path / "mine", {"a": 3, "b": 3})
    spoil(root)
    with pytest.raises(InputError, match=message) as caught:
        data.load(str(root))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache" / "decoded").exists() or not any((tmp_path / "cache" / "decoded").iterdir())


def test_an_empty_or_unreadable_folder_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="has no class folders"):
        data.load(str(tmp_path))

    def refuse(path: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"cannot be read .Permission denied."):
        data.load(str(tmp_path))


def test_a_missing_wnid_is_named(tmp_path: Path) -> None:
    write_folders(tmp_path / "data" / "imagenette" / "train", {"n01440764": 2})
    write_folders(tmp_path / "data" / "imagenette" / "val", {"n01440764": 2})
    with pytest.raises(InputError, match="has no class folder n02102040"):
        data.load("imagenette")


# Whitening


def test_whitened_training_images_have_the_stated_covariance() -> None:
    images = torch.rand(400, 1, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images = (images.flatten(1) @ torch.randn(9, 9, generator=torch.Generator().manual_seed(1)).double()).view_as(
        images
    )
    fitted = whitening.fit(images)
    covariance = fitted.apply(images).flatten(1).double().T.cov()
    values, vectors = torch.linalg.eigh(images.flatten(1).T.cov())
    wanted = vectors @ torch.diag(values / (values + 0.1)) @ vectors.T
    torch.testing.assert_close(covariance, wanted, rtol=0, atol=1e-4)  # float32 products of values up to 10
    torch.testing.assert_close(fitted.undo(fitted.apply(images)).double(), images, rtol=0, atol=1e-4)


def test_whitened_data_is_fitted_on_all_training_images_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ds = data.load("digits", subset=50, zca=True)
    plain = data.load("digits")
    fitted = whitening.fit(plain.train.images)
    torch.testing.assert_close(ds.test.images, fitted.apply(plain.test.images))
    assert (ds.mean, ds.std, len(ds.train)) == ((0.0,), (1.0,), 50)
    assert torch.equal(ds.test.normalised(), ds.test.images)
    assert ds.train.whitening is ds.test.whitening is not None
    monkeypatch.setattr(whitening, "fit", None)
    assert torch.equal(data.load("digits", zca=True).test.images, ds.test.images)


@pytest.mark.parametrize(
    ("shape", "message"), [((2, 3, 64, 64), "at most 4096"), ((1, 1, 4, 4), "at least two images")]
)
def test_whitening_what_it_cannot_is_one_sentence(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        whitening.fit(torch.zeros(shape))


# Torchvision's files and downloads


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def tiny_cifar(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Make an archive like CIFAR-10's with 4 images a file, and let every checksum be its own."""
    random, sums = np.random.default_rng(0), {}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for number, file in enumerate([*[f"data_batch_{n}" for n in range(1, 6)], "test_batch", "batches.meta"]):
            labels = [(4 * number + k) % 10 for k in range(4)]
            values = random.integers(0, 256, (4, 3072), dtype=np.uint8)
            rows = {"data": values, b"data": values, "labels": labels, b"labels": labels}  # as Python 2 text reads
            names = {"label_names": list(catalog.info("cifar10").classes)}
            content = pickle.dumps(rows if "batch_" in file or file == "test_batch" else names, protocol=3)
            sums[file] = md5(content)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{file}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    archive = buffer.getvalue()
    monkeypatch.setitem(official.ARCHIVES, "cifar10", (official.ARCHIVES["cifar10"][0], md5(archive)))
    key, train, test = official.CIFAR["cifar10"]
    own = [tuple((name, sums[name.split("/")[1]]) for name, _ in part) for part in (train, test)]
    monkeypatch.setitem(official.CIFAR, "cifar10", (key, *own))
    monkeypatch.setitem(catalog.DATASETS._things, "cifar10", replace(catalog.info("cifar10"), digest=None))
    return archive


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Serve a folder on loopback; give its address, the folder and the paths asked for."""
    asked: list[str] = []
    root = tmp_path / "served"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            if self.command == "GET":
                asked.append(self.path)

    handler = functools.partial(Handler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", root, asked
        running.shutdown()
        thread.join()


def serve(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def test_archives_and_files_are_those_that_torchvision_knows() -> None:
    from torchvision import datasets

    for name, cls in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        assert official.downloads(name) == ((cls.filename, cls.tgz_md5),)
        assert {(Path(file).name, total) for file, total in official.files(name)} == {
            (file, total) for file, total in cls.train_list + cls.test_list
        }
    for name, cls in (("mnist", datasets.MNIST), ("fashion_mnist", datasets.FashionMNIST)):
        assert {(Path(file).name, total) for file, total in official.downloads(name)} == set(cls.resources)


def test_mirrors_are_tried_in_order_until_the_checksum_fits(
    server: tuple[str, Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served, asked = server
    archive = tiny_cifar(monkeypatch)
    file = "cifar-10-python.tar.gz"
    serve(served, {f"corrupt/{file}": archive[:-40] + bytes(40), f"good/{file}": archive, f"never/{file}": archive})
    bases = tuple(f"{address}/{part}/" for part in ("good", "never"))
    monkeypatch.setitem(download.BASES, "cifar10", bases)
    monkeypatch.setenv("DISTILLED_PRUNING_MIRRORS", f"{address}/missing, {address}/corrupt/")
    assert data.find("cifar10") is None
    assert data.fetch("cifar10") == tmp_path / "data"
    assert [path.split("/")[1] for path in dict.fromkeys(asked)] == ["missing", "corrupt", "good"]
    count = len(asked)
    ds = data.load("cifar10")
    assert len(asked) == count and (len(ds.train), len(ds.test)) == (20, 4)
    assert ds.train.labels.tolist() == [k % 10 for k in range(20)]
    assert data.fetch("cifar10") == tmp_path / "data" and len(asked) == count


def test_loading_fetches_what_is_not_there(
    server: tuple[str, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served, _ = server
    serve(served, {"cifar-10-python.tar.gz": tiny_cifar(monkeypatch)})
    monkeypatch.setitem(download.BASES, "cifar10", (f"{address}/",))
    assert len(data.load("cifar10").train) == 20


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist", "fashion_mnist", "svhn", "imagenette"])
def test_offline_is_one_sentence_that_says_what_to_do(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(download.BASES, name, ("http://127.0.0.1:1/", "http://127.0.0.1:2/"))
    with pytest.raises(InputError) as caught:
        data.load(name)
    message = str(caught.value)
    assert f"{name} could not be downloaded (127.0.0.1:1: " in message and "127.0.0.1:2: " in message
    assert str(tmp_path / "data") in message and "DISTILLED_PRUNING_DATA" in message and "\n" not in message


def test_without_torchvision_the_sentence_says_where_to_put_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(InputError, match=r"torchvision is not installed to fetch it: put cifar10\.npz"):
        data.load("cifar10")


def test_imagenet10_says_what_to_put_where() -> None:
    with pytest.raises(InputError, match=r"put the ten class folders n02869837 ... into imagenet10/train"):
        data.load("imagenet10")


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.tobytes(), mtime=0)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_files_are_fetched_and_read(
    name: str, server: tuple[str, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served, _ = server
    images, labels = pictures(30, 28, 1)[..., 0], (np.arange(30) % 10).astype(np.uint8)
    parts = [idx(part) for part in (images[:20], labels[:20], images[20:], labels[20:])]
    names = [Path(file).name for file, _ in official.IDX[name]]
    serve(served, dict(zip(names, parts, strict=True)))
    own = tuple((file, md5(part)) for (file, _), part in zip(official.IDX[name], parts, strict=True))
    monkeypatch.setitem(official.IDX, name, own)
    monkeypatch.setitem(download.BASES, name, (f"{address}/",))
    ds = data.load(name)
    assert np.array_equal(ds.train.images[:, 0].numpy(), images[:20])
    assert np.array_equal(ds.test.labels.numpy(), labels[20:])


def test_svhn_is_fetched_and_its_ten_is_zero(
    server: tuple[str, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from scipy.io import savemat

    address, served, _ = server
    images, labels = pictures(20, 32), np.arange(20) % 10 + 1
    contents = []
    for _ in range(2):
        buffer = io.BytesIO()
        savemat(buffer, {"X": images.transpose(1, 2, 3, 0), "y": labels[:, None].astype(np.uint8)})
        contents.append(buffer.getvalue())
    files = ("train_32x32.mat", "test_32x32.mat")
    serve(served, dict(zip(files, contents, strict=True)))
    sums = [md5(content) for content in contents]
    monkeypatch.setitem(official.MAT, "svhn", tuple(zip(files, sums, strict=True)))
    monkeypatch.setitem(download.BASES, "svhn", (f"{address}/",))
    ds = data.load("svhn")
    assert np.array_equal(ds.train.images.numpy(), images.transpose(0, 3, 1, 2))
    assert np.array_equal(ds.train.labels.numpy(), labels % 10)


def test_imagenette_is_fetched(
    server: tuple[str, Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served, _ = server
    for part in ("train", "val"):
        write_folders(
            tmp_path / "made" / "imagenette2-320" / part,
            dict.fromkeys(catalog.info("imagenette").wnids, 1),
            suffix="jpeg",
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(tmp_path / "made" / "imagenette2-320", "imagenette2-320")
    serve(served, {"imagenette2-320.tgz": buffer.getvalue()})
    monkeypatch.setitem(official.ARCHIVES, "imagenette", ("imagenette2-320.tgz", md5(buffer.getvalue())))
    monkeypatch.setitem(download.BASES, "imagenette", (f"{address}/",))
    assert len(data.load("imagenette", size=8).train) == 10


def test_a_damaged_file_of_torchvisions_is_named(tmp_path: Path) -> None:
    for file, _ in official.files("cifar100"):
        (tmp_path / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / file).write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"cifar-100-python.train is damaged .its MD5 is not 16019d7e.*fetch it again"):
        data.load("cifar100")


@pytest.mark.parametrize("attack", [os.system, eval, subprocess.Popen])
def test_a_pickle_can_run_nothing(attack: Any) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return attack, ("echo reached",)

    with pytest.raises(pickle.UnpicklingError, match="is not data"):
        official._ArrayUnpickler(io.BytesIO(pickle.dumps(Attack())), encoding="bytes").load()


def test_an_npz_under_a_known_name_must_be_that_dataset(tmp_path: Path) -> None:
    ten = np.arange(20) % 10
    npz(tmp_path / "data" / "cifar10.npz", labels=ten)
    with pytest.raises(InputError, match=r"is not cifar10 as published .digest .* load your file by its path"):
        data.load("cifar10")
    npz(tmp_path / "data" / "mnist.npz", labels=ten)
    with pytest.raises(InputError, match="10 classes and 3 channels where mnist has 10 and 1"):
        data.load("mnist")


def test_the_folder_may_be_given_by_argument_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npz(tmp_path / "here" / "svhn.npz", images=pictures(40, 32), labels=np.arange(40) % 10)
    assert data.load("svhn", root=tmp_path / "here").classes == tuple("0123456789")
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path / "here"))
    assert data.find("svhn") == tmp_path / "here" / "svhn.npz"
    assert data.find("mnist") is None
    assert data.verify("svhn") == data.load("svhn").digest
    with pytest.raises(InputError, match=r"mnist is not in .*: fetch it with `distilled-pruning data fetch mnist`"):
        data.verify("mnist")


# The real thing


@pytest.fixture(scope="module", params=["cifar10", "cifar100"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    """Make both forms of a dataset."""
    if not (REAL / "unpack.py").is_file():
        pytest.skip(f"no real data in {REAL}: name its folder in DISTILLED_PRUNING_TEST_DATA")
    name, root = request.param, tmp_path_factory.mktemp(request.param)
    unpack = [sys.executable, str(REAL / "unpack.py"), name]
    (root / "npz").mkdir()
    subprocess.run([*unpack, str(root / "npz" / f"{name}.npz")], check=True)
    subprocess.run([*unpack, str(root / "pickles"), "--pickles"], check=True)
    return name, root / "npz", root / "pickles"


def test_real_cifar_is_the_same_in_either_form_and_needs_pytorch_alone(
    real: tuple[str, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("torchvision", "sklearn", "scipy", "PIL"):
        monkeypatch.setitem(sys.modules, module, None)
    name, *roots = real
    first, second = (data.load(name, root=root) for root in roots)
    info = catalog.info(name)
    assert first.digest == second.digest == info.digest and same(first, second)
    assert (first.mean, first.std) == (info.mean, info.std) == statistics(first.train.images)
    assert (len(first.train), len(first.test), first.classes) == (info.train, info.test, info.classes)
    assert data.load(name, root=roots[0], subset=100, normalisation="papers").std == (0.2023, 0.1994, 0.2010)


def test_torchvision_reads_the_same_images(real: tuple[str, Path, Path]) -> None:
    from torchvision import datasets

    name, _, pickles = real
    theirs = (datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100)(str(pickles), train=False)
    ours = data.load(name, root=pickles)
    assert np.array_equal(ours.test.images.permute(0, 2, 3, 1).numpy(), theirs.data)
    assert ours.test.labels.tolist() == theirs.targets and list(ours.classes) == theirs.classes
