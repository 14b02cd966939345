"""Tickets on shifted test images: adversarial examples and common corruptions (an open question of 2503.17905)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...jobs import CORRUPTIONS, Job, Robustness
from ..common.frames import Reader, collapsed, frame_of, labels, settings
from ..common.setup import numbers
from ..common.tickets import Row, Tickets
from .experiment import shown

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.presets import Parameters

METHODS = ("dense", "imp", "distilled", "real-short", "random")
CLEAN = "clean"
FAMILIES = {"adversarial": ("fgsm", "pgd"), "corrupted": CORRUPTIONS}

Shifted = tuple[Tickets, Row, int, int, Robustness]


def shifted(parameters: Parameters) -> list[Shifted]:
    """The first retraining of every ticket whose robustness is asked for, at every measured level."""
    budgets, severities = (
        tuple(sorted(int(n) for n in numbers(listed))) for listed in (parameters.epsilons, parameters.severities)
    )
    images = parameters.shift_images
    return [
        (
            tickets,
            row,
            init,
            level,
            Robustness(tickets.ticket(row, init, level, 0), budgets, severities, images=images),
        )
        for tickets in settings(parameters)
        for row in tickets.rows
        if row.method in METHODS
        for init in tickets.seeds
        if shown(tickets, row, init)
        for level in tickets.levels(row, init)
    ]


def shift_jobs(parameters: Parameters) -> list[Job]:
    """Tests on shifted images."""
    return [entry[-1] for entry in shifted(parameters)]


def shift_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """One row for each ticket, shift and strength; strength 0 is the clean test set."""
    rows = []
    for tickets, row, init, level, job in shifted(parameters):
        found = reader.metrics(job.key)
        if found is None:
            continue
        clean = next(entry["accuracy"] for entry in found["shifts"] if entry["shift"] == CLEAN)
        named = {**labels(tickets, row, level, init), "images": found["images"]}
        flat = collapsed(tickets, job.trained.mask, clean, reader)
        for entry in found["shifts"]:
            figures = {name: entry[name] for name in ("shift", "strength", "accuracy", "loss")}
            rows.append({**named, **figures, "collapsed": flat, "key": job.key})
    return frame_of(rows)


def by_family(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the mean over each family's shifts and strengths, and what of the clean accuracy it costs.

    Returns:
        A row for each ticket with columns ``clean``, a column for each shift, and for each family its mean and
        ``FAMILY_lost``, the clean accuracy minus that mean.
    """
    named = ["dataset", "model", "method", "setting", "rate", "level", "sparsity", "init", "collapsed"]
    wide = frame.pivot_table(index=named, columns="shift", values="accuracy", sort=False).reset_index()
    for family, shifts in FAMILIES.items():
        wide[family] = wide[list(shifts)].mean(axis=1)
        wide[f"{family}_lost"] = wide[CLEAN] - wide[family]
    return wide
