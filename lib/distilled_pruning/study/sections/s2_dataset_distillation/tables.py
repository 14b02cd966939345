"""Tables of small training sets: what training on them reaches, beside published numbers, and what making them took."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...display import Table
from ...results import papers
from ..common import comparison, names
from ..common.tables import number, quote
from .figures import named

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "Nothing has been computed yet for these parameters."
ALWAYS = "cifar10"
GIGA = 1e9
LARGE = 1e4
Key = tuple[str, str, int]


def sets(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.sets.sets_frame`: images, steps, accuracy and both objectives of every set."""
    headings = ["set", "images a class", "trained on", "steps", "test accuracy (%)", "Eq. 1 (nats)", "Eq. 2 (nats)"]
    if frame.empty:
        return Table(headings, [], NOTHING)
    several = frame[["dataset", "model"]].drop_duplicates().shape[0] > 1
    rows = []
    for (dataset, model, ipc, method), part in frame.groupby(["dataset", "model", "ipc", "method"], sort=False):
        place = [f"{model}, {dataset}"] * several
        values = [quote([100 * float(v) for v in part["accuracy"]], 1)]
        values += [quote([float(v) for v in part[column]], 2) for column in ("average", "supremum")]
        about = [str(ipc), str(part["images"].iloc[0]), str(part["steps"].iloc[0])]
        rows.append([*place, named(str(method)), *about, *values, str(part["init"].nunique())])
    real = quote([100 * float(v) for v in frame.groupby("init")["real_accuracy"].mean()], 1)
    note = (
        f"Mean over initialisations [95 % interval]; n is their number. The same networks trained on all real images: "
        f"{real} %."
    )
    return Table([*["network, data"] * several, *headings, "n"], rows, note if not several else note.partition(". ")[0])


def compared(frame: pd.DataFrame, scale: str, root: Path | None = None) -> Table:
    """Set accuracies of training on sets beside published and recorded ones.

    Published are those of IDC, on CIFAR-10 and on the datasets that were run here or recorded.

    Args:
        frame: As :func:`.sets.sets_frame` gives it.
        scale: The run's stamp.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: The papers' numbers or recorded results cannot be read.
    """
    before = comparison.recorded("sets", root)
    columns: list[Mapping[Key, str]] = [
        {key: number(value, 1) for key, value in papers.distilled().items()},
        accuracies(before[1]) if before else {},
        accuracies(frame),
    ]
    shown = {ALWAYS, *(key[0] for column in columns[1:] for key in column)}
    keys = [key for key in dict.fromkeys(key for column in columns for key in column) if key[0] in shown]
    rows = [
        [
            named(method),
            names.dataset(dataset),
            str(ipc),
            *(column.get((dataset, method, ipc), "–") for column in columns),
        ]
        for dataset, method, ipc in sorted(keys, key=lambda key: (key[0] != ALWAYS, *key))
    ]
    heading = f"Recorded ({before[0]})" if before else "Recorded"
    note = "Test accuracy in per cent, ours as mean over initialisations ± half the width of its 95 % interval."
    if before and before[0] != "paper":
        note += (
            f" Recorded: networks and iterations of notebooks/presets/{before[0]}/s2-dataset-distillation.yaml, "
            "smaller and fewer than the published."
        )
    headings = ["set", "data", "images a class", "Paper", heading, "This run"]
    return comparison.spoken(Table(headings, rows, note, caption="Beside published accuracies"))


def accuracies(frame: pd.DataFrame) -> dict[Key, str]:
    """Accuracy of training on each set with its interval, for the first network of a dataset."""
    if frame.empty:
        return {}
    first = frame.groupby("dataset")["model"].transform("first")
    return {
        (str(dataset), str(method), int(str(ipc))): quote([100 * float(v) for v in part["accuracy"]], 1)
        for (dataset, method, ipc), part in frame[frame["model"] == first].groupby(
            ["dataset", "method", "ipc"], sort=False
        )
    }


def cost(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.sets.cost_frame`: operations and seconds of an outer iteration, and of all."""
    headings = [
        "set",
        "images a class",
        "iterations",
        "operations an iteration (10⁹)",
        "seconds an iteration",
        "operations (10⁹)",
        "seconds",
    ]
    if frame.empty:
        return Table(headings, [], NOTHING)
    several = frame[["dataset", "model"]].drop_duplicates().shape[0] > 1
    rows = []
    for row in frame.to_dict("records"):
        started = " *" if row["cold"] else ""
        rows.append(
            [
                *[f"{row['model']}, {row['dataset']}"] * several,
                named(str(row["method"])),
                str(row["ipc"]),
                str(row["iterations"]),
                operations(row["loop_work"]),
                seconds(row["loop_seconds"]),
                operations(row["work"]),
                seconds(row["seconds"]) + started,
            ]
        )
    devices = ", ".join(sorted({str(name) for name in frame["device"] if name})) or "–"
    note = (
        f"Operations by formula, two for each multiply-accumulate; wall time on {devices}, one set each, with all that "
        "comes before the first iteration."
    )
    if frame["cold"].any():
        note += " * The first job of its process, which also had to start PyTorch."
    return Table([*["network, data"] * several, *headings], rows, note)


def operations(work: float) -> str:
    """Write a number of multiply-accumulates as billions of operations, to three digits."""
    billions = 2 * work / GIGA
    return f"{billions:.3g}" if billions < LARGE else power(billions)


def power(value: float) -> str:
    """Write a large number to two digits as a power of ten."""
    digits, exponent = f"{value:.1e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    return f"{digits} · 10{raised}"


def seconds(value: float) -> str:
    """Write a time to two digits; a dash where no clock was kept."""
    return "–" if math.isnan(value) else f"{value:.2g}" if value < 100 else f"{value:.0f}"
