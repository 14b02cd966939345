"""The papers' own numbers, as they were published: rows of ``results/papers/authors-numbers.csv``."""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..parameters.notebooks import home

_FILE = Path("results", "papers", "authors-numbers.csv")
HESSIAN = "Hessian table (sec 4.2)"
SETS = "Basic results"
_DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-100": "cifar100",
    "SVHN": "svhn",
    "MNIST": "mnist",
    "FashionMNIST": "fashion_mnist",
    "ImageNet-10": "imagenet10",
    "ImageNet-100": "imagenet100",
}
_CURVES = "paper 1 sparsity curve"
_SESSION = "sec 3.2"
_METHODS = {"IMP": "imp", "distilled": "distilled", "random": "random"}
_OURS = {"AlexNet": "alexnet", "ConvNetW128": "convnet3"}
_Row = dict[str, str]


@functools.lru_cache(maxsize=4)
def _read(path: Path) -> tuple[_Row, ...]:
    """Read a file of numbers, column to text in every row.

    Raises:
        InputError: It is not there or not such a file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = tuple(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): restore it from git") from error
    if not rows or not {"figure_table", "method", "sparsity", "metric", "value"} <= rows[0].keys():
        raise InputError(f"{path} does not hold the papers' numbers: restore it from git")
    return rows


def numbers(table: str, path: Path | None = None, **where: str) -> list[_Row]:
    """Give the rows of one figure or table.

    Args:
        table: Its name in the column ``figure_table``.
        path: Another file than the book's own.
        where: Column to the text it must hold.

    Raises:
        InputError: The file cannot be read.
    """
    wanted = {"figure_table": table, **where}
    rows = _read(path or home() / _FILE)
    return [row for row in rows if all(row[column] == value for column, value in wanted.items())]


def hessian(path: Path | None = None) -> dict[tuple[str, float], dict[str, float]]:
    """Give the table of 2503.17905, section 4.2.

    Returns:
        Method (``"dense"``, ``"imp"``, ``"distilled"``) and printed sparsity to ``min max mean std mean_abs``.

    Raises:
        InputError: The file cannot be read.
    """
    ours = {"dense": "dense", "IMP": "imp", "synthetic": "distilled"}
    found: dict[tuple[str, float], dict[str, float]] = {}
    for row in numbers(HESSIAN, path):
        network = found.setdefault((ours[row["method"]], float(row["sparsity"])), {})
        network[row["metric"].removeprefix("hessian_diag_")] = float(row["value"])
    return found


def curves(path: Path | None = None) -> list[dict[str, Any]]:
    """Give the accuracy curves of 2307.03364, from its authors' logs.

    Returns:
        One row for each seed and level with the columns of the frame that the page draws; accuracies in [0, 1].

    Raises:
        InputError: The file cannot be read.
    """
    found = []
    for row in numbers(_CURVES, path):
        if row["model"] not in _OURS or row["metric"] != "test_accuracy_real_retrain":
            continue
        method = next(ours for word, ours in _METHODS.items() if row["method"].startswith(word))
        found.append(
            {
                "dataset": row["dataset"].lower().replace("-", ""),
                "model": _OURS[row["model"]],
                "method": method,
                "setting": "",
                "rate": 0.0,
                "rewind": int("k=1" in row["method"]),
                "ipc": int(row["ipc"].rstrip("?")) if method == "distilled" else 0,
                "level": int(row["iteration"]),
                "sparsity": float(row["sparsity"]),
                "init": int(row["seed"]),
                "accuracy": float(row["value"]),
            }
        )
    return found


def sessions(path: Path | None = None) -> tuple[float, float]:
    """Give the seconds of one training on real and on distilled data in 2307.03364, section 3.2.

    Raises:
        InputError: The file cannot be read.
    """
    found = {row["metric"]: float(row["value"]) for row in numbers(_SESSION, path)}
    return 60 * found["real_training_session_minutes"], found["distilled_training_session_seconds"]


def distilled(path: Path | None = None) -> dict[tuple[str, str, int], float]:
    """Give the accuracies that the makers of IDC state for their sets (Kim et al. 2022, as the papers quote them).

    Returns:
        Dataset, ``"idc"`` or ``"idc-i"`` (without tiles) and images per class to test accuracy in per cent.

    Raises:
        InputError: The file cannot be read.
    """
    return {
        (_DATASETS[row["dataset"]], row["method"].lower(), int(row["ipc"])): float(row["value"])
        for row in numbers(SETS, path)
    }
