"""Tables of small training sets: what training on them reaches, beside published numbers, and what making them took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....data.catalog import entitle
from ...display import Table
from ...judging.units import number
from ...results import papers
from ..common import comparison
from ..common.tables import NOTHING, quote
from .figures import name_set

if TYPE_CHECKING:
    import pandas as pd

_ALWAYS = "cifar10"
_GIGA = 1e9
_LARGE = 1e4
_Key = tuple[str, str, int]


def _tabulate(frame: pd.DataFrame, headings: Sequence[str], rows: Sequence[Sequence[Any]], note: str) -> Table:
    """Make a table of rows that begin with network and data, which are left out where there is but one."""
    if frame.empty:
        return Table(headings, [], NOTHING)
    if frame[["dataset", "model"]].drop_duplicates().shape[0] > 1:
        return Table(["network, data", *headings], rows, note)
    return Table(headings, [row[1:] for row in rows], note)


def sets(frame: pd.DataFrame) -> Table:
    """Summarise images, steps, accuracy and both objectives of every set."""
    rows = []
    by = ["dataset", "model", "ipc", "method"]
    for (dataset, model, ipc, method), part in frame.groupby(by, sort=False) if len(frame) else ():
        about = [
            f"{model}, {dataset}",
            name_set(str(method)),
            str(ipc),
            *(str(part[c].iloc[0]) for c in ("images", "steps")),
        ]
        values = [quote(100 * part["accuracy"], 1), quote(part["average"], 2), quote(part["supremum"], 2)]
        rows.append([*about, *values, str(part["init"].nunique())])
    note = "Mean over initialisations [95 % interval]; n is their number."
    if len(frame) and frame[["dataset", "model"]].drop_duplicates().shape[0] == 1:
        real = 100 * frame.groupby("init")["real_accuracy"].mean()
        note += f" The same networks trained on all real images: {quote(real, 1)} %."
    headings = [
        "set",
        "images a class",
        "trained on",
        "steps",
        "test accuracy (%)",
        "Eq. 1 (nats)",
        "Eq. 2 (nats)",
        "n",
    ]
    return _tabulate(frame, headings, rows, note)


def compare(frame: pd.DataFrame, scale: str, root: Path | None = None) -> Table:
    """Set accuracies of training on sets beside published and recorded ones.

    Published are those of IDC, on CIFAR-10 and on the datasets that were run here or recorded.

    Args:
        frame: That of the experiment ``sets``.
        scale: The run's stamp.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: The papers' numbers or recorded results cannot be read.
    """
    stage, before = comparison.find_recorded("sets", root) or ("", frame.iloc[:0])
    columns: list[Mapping[_Key, str]] = [
        {key: number(value, 1) for key, value in papers.distilled().items()},
        *map(_accuracies, (before, frame)),
    ]
    shown = {_ALWAYS, *(key[0] for column in columns[1:] for key in column)}
    keys = dict.fromkeys(key for column in columns for key in column if key[0] in shown)
    rows = [
        [name_set(key[1]), entitle(key[0]), str(key[2]), *(column.get(key, "–") for column in columns)]
        for key in sorted(keys, key=lambda key: (key[0] != _ALWAYS, *key))
    ]
    note = "Test accuracy in per cent, ours as mean over initialisations ± half the width of its 95 % interval."
    if stage not in ("", "paper"):
        note += (
            f" Recorded: networks and iterations of notebooks/presets/{stage}/s2-dataset-distillation.yaml, "
            "smaller and fewer than the published."
        )
    return comparison.beside(
        Table(["set", "data", "images a class", "Paper"], rows, note, caption="Beside published accuracies"), stage
    )


def _accuracies(frame: pd.DataFrame) -> dict[_Key, str]:
    """Accuracy of training on each set with its interval, for the first network of a dataset."""
    if frame.empty:
        return {}
    frame = frame[frame["model"] == frame.groupby("dataset")["model"].transform("first")]
    return {
        (str(dataset), str(method), int(str(ipc))): quote(100 * part["accuracy"], 1)
        for (dataset, method, ipc), part in frame.groupby(["dataset", "method", "ipc"], sort=False)
    }


def cost(frame: pd.DataFrame) -> Table:
    """Summarise operations and seconds of an outer iteration, and of all."""
    rows = [
        [
            f"{row['model']}, {row['dataset']}",
            name_set(str(row["method"])),
            str(row["ipc"]),
            str(row["iterations"]),
            _write_operations(row["loop_work"]),
            _write_seconds(row["loop_seconds"]),
            _write_operations(row["work"]),
            _write_seconds(row["seconds"]) + (" *" if row["cold"] else ""),
        ]
        for row in frame.to_dict("records")
    ]
    devices = ", ".join(sorted({str(name) for name in frame.get("device", ()) if name})) or "–"
    note = (
        f"Operations by formula, two for each multiply-accumulate; wall time on {devices}, one set each, with all that "
        "comes before the first iteration."
    )
    if any(frame.get("cold", ())):
        note += " * The first job of its process, which also had to start PyTorch."
    work = "operations an iteration (10⁹)", "seconds an iteration", "operations (10⁹)", "seconds"
    return _tabulate(frame, ["set", "images a class", "iterations", *work], rows, note)


def _write_operations(work: float) -> str:
    """Write a number of multiply-accumulates as billions of operations, to three digits, large ones as a power."""
    billions = 2 * work / _GIGA
    if billions < _LARGE:
        return f"{billions:.3g}"
    digits, exponent = f"{billions:.1e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    return f"{digits} · 10{raised}"


def _write_seconds(value: float) -> str:
    """Write a time to two digits; a dash where no clock was kept."""
    return "–" if math.isnan(value) else f"{value:.2g}" if value < 100 else f"{value:.0f}"
