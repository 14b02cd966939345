"""Tables of the controls: every number with its interval and how many initialisations are behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...display import Note, Table
from ...jobs import CORRUPTIONS
from ...jobs.ways import label
from ...judging.statistics import by_init, paired
from ...judging.verdicts import ENOUGH, interval
from ..common.naming import with_series
from ..common.tables import COLUMNS, NOTHING, leave_out, name_series, quote, summary, write_count
from .experiment import CLEAN, FAMILIES, HERE, by_family
from .figures import ATTACKS, STARTS

if TYPE_CHECKING:
    import pandas as pd

_STABILITY = ("barrier", "error_rise", "end_loss", "accuracy")
_TRAVELLED = ("inner distance (initial norms)", 1.0, 2)
_EFFECTS = {
    "barrier": ("barrier", 1.0, 3),
    "error_rise": COLUMNS["error_rise"],
    "accuracy": ("test accuracy (points)", 100.0, 2),
}


def _name(frame: pd.DataFrame) -> pd.DataFrame:
    """Name tickets as the figures of this page do."""
    return with_series(frame, brief=True)[0]


def controls(frame: pd.DataFrame) -> Table:
    """Summarise stability and accuracy of every ticket, survivors in the note."""
    table = summary(frame, *_STABILITY)
    if frame.empty:
        return table
    counts = frame[frame["level"] > 0].groupby(["dataset", "model", "level"])["survivors"].agg(["min", "max"])
    said = "; ".join(
        f"{write_count(low)} to {write_count(high)} at level {level}"
        for (_, _, level), (low, high) in zip(counts.index, counts.to_numpy(), strict=True)
    )
    note = f"{table.note} Surviving weights, smallest and largest mask: {said}." if said else table.note
    return replace(table, note=note)


def loops(frame: pd.DataFrame) -> Table:
    """Summarise what the first inner loop did, and how far the retraining went."""
    return summary(
        frame if frame.empty else frame[frame["travelled"].notna()],
        inner_accuracy=("accuracy after the inner loop (%)", 100.0, 1),
        travelled=_TRAVELLED,
        distance=("final distance", 1.0, 2),
    )


def dose(frame: pd.DataFrame) -> Table:
    """Summarise travel, stability and accuracy, a row for each source, rate and number of steps."""
    named = name_series(frame, lambda row: f"{label(row['method'])}, {row['rate']:g}, {row['steps']} steps")
    return summary(named, **{"travelled": _TRAVELLED, **{name: COLUMNS[name] for name in _STABILITY}})


def equal(frame: pd.DataFrame) -> Note:
    """Say how many weights the masks of each level keep.

    Args:
        frame: That of the experiment ``controls``.

    Raises:
        AssertionError: Two masks of a level differ by more than one weight.
    """
    said = []
    pruned = frame if frame.empty else frame[frame["level"] > 0]
    for (dataset, model, level), part in pruned.groupby(["dataset", "model", "level"]) if not pruned.empty else ():
        least, most = int(part["survivors"].min()), int(part["survivors"].max())
        masks = part[["method", "rate", "init"]].drop_duplicates().shape[0]
        assert most - least <= 1, f"masks of {model} on {dataset} at level {level} keep {least} to {most} weights"
        kept = " or ".join(map(write_count, dict.fromkeys((least, most))))
        said.append((f"{model} on {dataset}, level {level}", f"{masks} masks, each keeps {kept} weights"))
    return Note(said or [("masks", NOTHING)])


def kinship(frame: pd.DataFrame) -> Table:
    """Summarise what every mask shares with IMP's and with the gentlest distilled one."""
    sides = (("method", "rate"), ("other", "other_rate"))
    if not frame.empty:
        gentlest = frame[frame["method"] == "distilled"]["rate"].min()
        asked = [(frame[m] == "imp") | ((frame[m] == "distilled") & (frame[rate] == gentlest)) for m, rate in sides]
        frame = frame[asked[0] | asked[1]]

    def name(row: Mapping[Any, Any]) -> str:
        return " and ".join(label(row[method]) + (f", {row[rate]:g}" if row[rate] else "") for method, rate in sides)

    return summary(
        name_series(frame, name),
        shared=("shared survivors", 1, 0),
        expected=("by chance", 1, 0),
        layered_ratio=COLUMNS["layered_ratio"],
        jaccard=COLUMNS["jaccard"],
    )


def shifts(frame: pd.DataFrame) -> Table:
    """Summarise accuracy on each shift, averaged over its strengths."""
    columns = {CLEAN: (f"{CLEAN} (%)", 100.0, 1)}
    columns |= {shift: (f"{ATTACKS.get(shift, shift)} (%)", 100.0, 1) for shift in (*ATTACKS, *CORRUPTIONS)}
    columns |= {f"{family}_lost": (f"lost, {family} (points)", 100.0, 1) for family in FAMILIES}
    return summary(frame if frame.empty else _name(by_family(frame)), **columns)


def starts(frame: pd.DataFrame) -> Table:
    """Summarise stability and accuracy, a row for each ticket and kind of initial weights."""
    return summary(name_series(_name(frame), lambda row: f"{row['series']}, {STARTS[row['start']]}"), *_STABILITY)


def protocols(frame: pd.DataFrame) -> Table:
    """Summarise stability and accuracy, a row for each ticket and way of measuring."""
    return summary(name_series(_name(frame), lambda row: f"{row['series']}: {row['protocol']}"), *_STABILITY)


def effects(frame: pd.DataFrame) -> Table:
    """Say what each other way of measuring does: minus that it is set against, paired by initialisation."""
    headings = [
        "ticket",
        "set against",
        *(heading for heading, _, _ in _EFFECTS.values()),
        "n",
        "effect on the barrier",
    ]
    if frame.empty:
        return Table(headings, [], NOTHING)
    frame = _name(frame)
    several = frame[["dataset", "model"]].drop_duplicates().shape[0] > 1
    rows = []
    by = ["dataset", "model", "series"]
    for (dataset, model, series, protocol), part in frame[frame["protocol"] != HERE].groupby(
        [*by, "protocol"], sort=False
    ):
        both = str(protocol), str(part["against"].iloc[0])
        whole = frame[(frame[by] == [dataset, model, series]).all(axis=1)]
        found = {}
        for column in _EFFECTS:
            kept = whole if column == "accuracy" else whole[~whole["collapsed"].astype(bool)]
            found[column] = paired(*(by_init(kept[kept["protocol"] == name], column) for name in both))
        cells = [quote([factor * v for v in found[c]], n) for c, (_, factor, n) in _EFFECTS.items()]
        name = f"{f'{model}, {dataset}: ' if several else ''}{series}: {protocol}{leave_out(part)[1]}"
        rows.append([name, both[1], *cells, str(len(found["accuracy"])), _name_effect(found["barrier"])])
    note = "Mean differences over initialisations ± half the width of the 95 % interval."
    return Table(headings, rows, f"{note} A collapsed ticket's accuracy counts, its barrier does not.")


def _name_effect(differences: Sequence[float]) -> str:
    """Name an effect by its sign: sure, or of too few initialisations to be sure, or not to be told from none."""
    if not differences:
        return "none measured"
    mean, bounds = sum(differences) / len(differences), interval(differences)
    word = "higher" if mean > 0 else "lower"
    if bounds is None or len(differences) < ENOUGH:
        return f"{word}, n = {len(differences)}"
    return word if bounds[0] > 0 or bounds[1] < 0 else f"{word}, not surely"
