"""Tables of the controls: every number with its interval and how many initialisations are behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .display import Table
from .tables import summary

if TYPE_CHECKING:
    import pandas as pd

STABILITY = {
    "barrier": ("loss barrier", 1.0, 3),
    "maximum": ("highest point", 1.0, 3),
    "error_rise": ("error rise (points)", 100.0, 2),
    "end_loss": ("loss at the ends", 1.0, 3),
    "accuracy": ("test accuracy (%)", 100.0, 2),
}
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
        from .figures.controls import row_name

        names = [
            f"{row_name(str(row['method']), float(row['rate']), True)}, {row['steps']} steps"
            for row in frame[["method", "rate", "steps"]].to_dict("records")
        ]
        frame = frame.assign(series=names)
    return summary(frame, {"travelled": LOOP["travelled"], **STABILITY})


def protocols(frame: pd.DataFrame) -> Table:
    """Summarise :func:`.protocols.protocol_frame`, a row for each ticket and way of measuring."""
    if not frame.empty:
        from .figures.controls import with_rows

        frame, _ = with_rows(frame)
        frame = frame.assign(series=frame["series"] + ": " + frame["protocol"])
    return summary(frame, {name: STABILITY[name] for name in ("barrier", "error_rise", "end_loss", "accuracy")})
