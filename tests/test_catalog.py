"""Names and facts: known ones against the data, those of paths against what was written there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from distilled_pruning.data import catalog, facts
from distilled_pruning.errors import InputError
from hypothesis import given, strategies as st
from PIL import Image


def test_facts_agree_with_each_other() -> None:
    for name, info in catalog.DATASETS.items():
        assert info.name == name
        assert len(set(info.classes)) == len(info.classes)
        assert len(info.mean) == len(info.std) == (0 if info.kind == "folders" else info.channels)
        assert len(info.wnids) in (0, len(info.classes))
    assert len(catalog.DATASETS["cifar100"].classes) == 100
    assert catalog.DATASETS["imagenet10"].wnids[:2] == ("n02869837", "n01749939")


def test_the_papers_deviations_of_cifar_are_not_the_datasets() -> None:
    assert catalog.info("cifar10").std == (0.2470, 0.2435, 0.2616)
    assert catalog.info("cifar100").papers == ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


def test_reading_names_and_headers_imports_no_torch(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.array([0, 0, 1, 1]))
    code = (
        "import sys; from distilled_pruning.data import catalog; catalog.info('cifar10');"
        f"catalog.info({str(tmp_path / 'a.npz')!r});"
        "assert not {'torch', 'torchvision', 'sklearn', 'PIL'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("shape", [(10, 6, 6, 3), (10, 3, 6, 6), (10, 6, 6), (10, 1, 6, 6)])
def test_the_facts_of_an_npz_come_from_its_header_and_labels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "mine.npz"
    labels = np.repeat([0, 1], 5)
    np.savez(path, images=np.zeros(shape, np.uint8), labels=labels, classes=np.array(["cat", "dog"]))
    info = catalog.info(str(path))
    assert (info.size, info.channels) == (6, 3 if 3 in shape else 1)
    assert (info.train, info.test, info.classes, info.kind) == (8, 2, ("cat", "dog"), "npz")


def test_the_facts_of_class_folders_come_from_names_and_one_header(tmp_path: Path) -> None:
    for label in ("b", "a"):
        (tmp_path / label).mkdir()
        for number in range(5):
            Image.new("RGB", (30, 20)).save(tmp_path / label / f"{number}.png")
    info = catalog.info(str(tmp_path))
    assert (info.classes, info.size, info.channels, info.train, info.test) == (("a", "b"), 20, 3, 8, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar1O", "unknown dataset 'cifar1O' .did you mean 'cifar10'"),
        ("no/such.npz", "'no/such.npz' is not there"),
    ],
)
def test_a_name_that_is_neither_known_nor_there_is_one_sentence(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        catalog.info(name)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.data())
def test_shares_add_up_and_stay_near_proportion(counts: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(len(counts), sum(counts)))
    shares = facts.largest_remainder(counts, total)
    assert sum(shares) == total
    assert all(1 <= share <= count for share, count in zip(shares, counts, strict=True))
    if all(count * total >= sum(counts) for count in counts):  # no share was lifted to 1
        assert all(abs(s - c * total / sum(counts)) < 1 for s, c in zip(shares, counts, strict=True))
