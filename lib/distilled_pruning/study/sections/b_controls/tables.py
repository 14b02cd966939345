"""Tables of the controls: every number with its interval and how many initialisations are behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...display import Note, Table
from ...jobs import CORRUPTIONS
from ...judging.statistics import by_init, paired
from ...judging.verdicts import ENOUGH, interval
from ..common import tables
from ..common.tables import summary
from ..s7_mask_structure.tables import layers as summarise_layers
from .protocols import HERE
from .shifts import CLEAN, FAMILIES, by_family

if TYPE_CHECKING:
    import pandas as pd

STABILITY = {
    "barrier": ("loss barrier", 1.0, 3),
    "error_rise": ("error rise (points)", 100.0, 2),
    "end_loss": ("loss at the ends", 1.0, 3),
    "accuracy": ("test accuracy (%)", 100.0, 2),
}
HESSIAN = {
    "min": ("smallest entry", 1.0, 3),
    "max": ("largest entry", 1.0, 3),
    "mean": ("mean", 1.0, 4),
    "std": ("standard deviation", 1.0, 4),
    "mean_abs": ("mean magnitude", 1.0, 4),
}
ATTACKS = {"fgsm": "FGSM", "pgd": "PGD"}
EFFECTS = {
    "barrier": ("barrier", 1.0, 3),
    "error_rise": ("error rise (points)", 100.0, 2),
    "accuracy": ("test accuracy (points)", 100.0, 2),
}
NOTHING = "Nothing has been computed yet for these parameters."
LOOP = {
    "inner_accuracy": ("accuracy after the inner loop (%)", 100.0, 1),
    "travelled": ("inner distance (initial norms)", 1.0, 2),
    "distance": ("final distance", 1.0, 2),
}


def controls(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.controls.controls_frame`: stability and accuracy of every ticket, survivors in the note."""
    table = summary(frame, STABILITY)
    if frame.empty:
        return table
    counts = frame[frame["level"] > 0].groupby(["dataset", "model", "level"])["survivors"].agg(["min", "max"])
    said = "; ".join(
        f"{low:,} to {high:,} at level {level}".replace(",", "\u202f")
        for (_, _, level), (low, high) in zip(counts.index, counts.to_numpy(), strict=True)
    )
    note = f"{table.note} Surviving weights, smallest and largest mask: {said}." if said else table.note
    return replace(table, note=note)


def loops(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.controls.controls_frame`: what the first inner loop did, and how far the retraining went."""
    if not frame.empty:
        frame = frame[frame["travelled"].notna()]
    return summary(frame, LOOP)


def dose(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.controls.dose_frame`, a row for each source, rate and number of steps."""
    if not frame.empty:
        from ...jobs.ways import label

        names = [
            f"{label(str(row['method']))}, {row['rate']:g}, {row['steps']} steps"
            for row in frame[["method", "rate", "steps"]].to_dict("records")
        ]
        frame = frame.assign(series=names)
    return summary(frame, {"travelled": LOOP["travelled"], **STABILITY})


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Name tickets as the figures of this page do."""
    from ..common.series import with_series

    return frame if frame.empty else with_series(frame, brief=True)[0]


def equal(frame: pd.DataFrame) -> Note:
    """Say how many weights the masks of each level keep.

    Args:
        frame: As :func:`.controls.controls_frame` gives it.

    Raises:
        AssertionError: Two masks of a level differ by more than one weight.
    """
    said = []
    pruned = frame[frame["level"] > 0] if not frame.empty else frame
    for (dataset, model, level), part in pruned.groupby(["dataset", "model", "level"]) if not pruned.empty else ():
        least, most = int(part["survivors"].min()), int(part["survivors"].max())
        masks = part[["method", "rate", "init"]].drop_duplicates().shape[0]
        assert most - least <= 1, f"masks of {model} on {dataset} at level {level} keep {least} to {most} weights"
        kept = " or ".join(f"{count:,}".replace(",", "\u202f") for count in dict.fromkeys((least, most)))
        said.append((f"{model} on {dataset}, level {level}", f"{masks} masks, each keeps {kept} weights"))
    return Note(said or [("masks", NOTHING)])


def curvature(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.controls.curvature_frame`."""
    return summary(named(frame), HESSIAN)


def layers(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.controls.anatomy_frame`."""
    return summarise_layers(named(frame))


def kinship(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.controls.kinship_frame`: every mask with IMP's and with the gentlest distilled one."""
    if not frame.empty:
        from ...jobs.ways import label

        gentlest = frame[frame["method"] == "distilled"]["rate"].min()
        frame = frame[
            (frame["method"] == "imp")
            | (frame["other"] == "imp")
            | ((frame["method"] == "distilled") & (frame["rate"] == gentlest))
            | ((frame["other"] == "distilled") & (frame["other_rate"] == gentlest))
        ]
        names = [
            " and ".join(
                label(str(method)) + (f", {rate:g}" if rate else "")
                for method, rate in ((row["method"], row["rate"]), (row["other"], row["other_rate"]))
            )
            for row in frame[["method", "rate", "other", "other_rate"]].to_dict("records")
        ]
        frame = frame.assign(series=names)
    return summary(
        frame,
        {
            "shared": ("shared survivors", 1, 0),
            "expected": ("by chance", 1, 0),
            "layered_ratio": ("over chance within layers", 1, 3),
            "jaccard": ("shared of either", 1, 3),
        },
    )


def shifts(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.shifts.shift_frame`: accuracy on each shift, averaged over its strengths."""
    columns = {CLEAN: (f"{CLEAN} (%)", 100.0, 1)}
    columns |= {shift: (f"{ATTACKS.get(shift, shift)} (%)", 100.0, 1) for shift in (*ATTACKS, *CORRUPTIONS)}
    columns |= {f"{family}_lost": (f"lost, {family} (points)", 100.0, 1) for family in FAMILIES}
    return summary(named(by_family(frame)) if not frame.empty else frame, columns)


def starts(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.starts.start_frame`, a row for each ticket and kind of initial weights."""
    if not frame.empty:
        from .protocol_figures import STARTS

        frame = named(frame)
        starts = [STARTS[name] for name in frame["start"]]
        frame = frame.assign(series=[f"{name}, {start}" for name, start in zip(frame["series"], starts, strict=True)])
    return summary(frame, STABILITY)


def protocols(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.protocols.protocol_frame`, a row for each ticket and way of measuring."""
    if not frame.empty:
        from ..common.series import with_series

        frame, _ = with_series(frame, brief=True)
        frame = frame.assign(series=frame["series"] + ": " + frame["protocol"])
    return summary(frame, {name: STABILITY[name] for name in ("barrier", "error_rise", "end_loss", "accuracy")})


def effects(frame: pd.DataFrame) -> Table:
    """Say what each other way does: figures measured so, minus those it is set against, paired by initialisation.

    Args:
        frame: As :func:`.protocols.protocol_frame` gives it.
    """
    headings = ["ticket", "set against", *(heading for heading, _, _ in EFFECTS.values()), "n", "effect on the barrier"]
    if frame.empty:
        return Table(headings, [], NOTHING)
    frame = named(frame)
    several = frame[["dataset", "model"]].drop_duplicates().shape[0] > 1
    rows = []
    changed = frame[frame["protocol"] != HERE]
    for (dataset, model, series, protocol), part in changed.groupby(
        ["dataset", "model", "series", "protocol"], sort=False
    ):
        both = str(protocol), str(part["against"].iloc[0])
        whole = frame[(frame["dataset"] == dataset) & (frame["model"] == model) & (frame["series"] == series)]
        there = whole[~whole["collapsed"].astype(bool)]
        place = f"{model}, {dataset}: " if several else ""
        found = {
            column: paired(*(by_init(rows_of(whole if column == "accuracy" else there, name), column) for name in both))
            for column in EFFECTS
        }
        cells = [tables.quote([factor * v for v in found[c]], n) for c, (_, factor, n) in EFFECTS.items()]
        flag = tables.standing(part)[1]
        rows.append(
            [f"{place}{series}: {protocol}{flag}", both[1], *cells, str(len(found["accuracy"])), sign(found["barrier"])]
        )
    note = "Mean differences over initialisations ± half the width of the 95 % interval."
    return Table(headings, rows, f"{note} A collapsed ticket's accuracy counts, its barrier does not.")


def rows_of(frame: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Rows measured in one way."""
    return frame[frame["protocol"] == protocol]


def sign(differences: Sequence[float]) -> str:
    """Name an effect by its sign: sure, or of too few initialisations to be sure, or not to be told from none."""
    if not differences:
        return "none measured"
    mean, bounds = sum(differences) / len(differences), interval(differences)
    word = "higher" if mean > 0 else "lower"
    if bounds is None or len(differences) < ENOUGH:
        return f"{word}, n = {len(differences)}"
    return word if bounds[0] > 0 or bounds[1] < 0 else f"{word}, not surely"
