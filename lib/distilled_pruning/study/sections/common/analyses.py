"""Experiments on networks that are already trained: curvature, planes, masks, distances."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...jobs import HessianDiagonal, Job, Landscape, MaskStatistics, Spectrum, Train
from .frames import Reader, collapsed, frame_of, labels, settings
from .tickets import Row, Tickets

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.presets import Parameters

COLUMNS = ("min", "max", "mean", "std", "mean_abs", "count")
PLANE_IMAGES = 360
HESSIAN_IMAGES = 64
NO_SPECTRUM: Mapping[str, Any] = {
    **dict.fromkeys(("trace", "trace_error"), math.nan),
    **dict.fromkeys(("eigenvalues", "residuals"), (math.nan,)),
}

Overlap = tuple[Tickets, Row, Row, int, int, MaskStatistics]


def first_trained(parameters: Parameters) -> Iterator[tuple[Tickets, Row, int, int]]:
    """Every row, initialisation and measured level of all settings."""
    for tickets in settings(parameters):
        for row in tickets.rows:
            for init in tickets.seeds:
                for level in tickets.levels(row, init):
                    yield tickets, row, init, level


def flat(tickets: Tickets, trained: Train, reader: Reader) -> bool:
    """Whether a trained ticket collapsed: it is flat and smooth for the wrong reason."""
    found = reader.metrics(trained.key)
    return collapsed(tickets, trained.mask, found["accuracy"] if found is not None else math.inf, reader)


def hessian_of(parameters: Parameters) -> list[tuple[Tickets, Row, int, int, HessianDiagonal, Spectrum]]:
    """Diagonal and spectrum of the first retraining of every ticket."""
    images = parameters.get("hessian_images", HESSIAN_IMAGES)
    found = []
    for tickets, row, init, level in first_trained(parameters):
        trained = tickets.ticket(row, init, level, 0)
        found.append((tickets, row, init, level, HessianDiagonal(trained, images), Spectrum(trained, images)))
    return found


def hessian_jobs(parameters: Parameters) -> list[Job]:
    """Exact diagonals, traces and top eigenvalues."""
    return [job for entry in hessian_of(parameters) for job in entry[-2:]]


def hessian_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """The table of 2503.17905 section 4.2, with and without masked and structural zeros, and what stands beside it.

    Trace and eigenvalue are not a number where only the diagonal was computed.
    """
    rows = []
    for tickets, row, init, level, diagonal, spectrum in hessian_of(parameters):
        found, top = reader.metrics(diagonal.key), reader.metrics(spectrum.key) or NO_SPECTRUM
        if found is None:
            continue
        columns = {name + kind: found["summary"][name + kind] for kind in ("", "_kept", "_nonzero") for name in COLUMNS}
        rows.append(
            {
                **labels(tickets, row, level, init),
                **columns,
                "sum": found["summary"]["mean"] * found["summary"]["count"],
                "sharpness": found["sharpness"],
                "trace": top["trace"],
                "trace_error": top["trace_error"],
                "top": top["eigenvalues"][0],
                "residual": top["residuals"][0],
                "images": found["images"],
                "collapsed": flat(tickets, diagonal.trained, reader),
                "key": diagonal.key,
            }
        )
    return frame_of(rows)


def histogram_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Distribution of the diagonal's unmasked entries (appendix of 2503.17905): share of entries in each bin."""
    rows = []
    for tickets, row, init, level, diagonal, _ in hessian_of(parameters):
        found = reader.arrays(diagonal.key)
        if found is None:
            continue
        bins, counts = found["bins"], found["counts"]
        shares = counts / counts.sum()
        for low, high, share in zip(bins[:-1], bins[1:], shares, strict=True):
            rows.append(
                {**labels(tickets, row, level, init), "low": low, "high": high, "share": share, "key": diagonal.key}
            )
    return frame_of(rows)


def planes_of(parameters: Parameters) -> list[tuple[Tickets, Row, int, int, str, Landscape]]:
    """The plane through every three retrainings of every ticket at the measured levels."""
    images = parameters.get("plane_images", PLANE_IMAGES)
    found = []
    for tickets, row, init, level in first_trained(parameters):
        for orders in itertools.combinations(range(parameters.replicates), 3):
            a, b, c = (tickets.ticket(row, init, level, order) for order in orders)
            name = "-".join(map(str, orders))
            found.append((tickets, row, init, level, name, Landscape(a, b, c, parameters.resolution, images)))
    return found


def plane_jobs(parameters: Parameters) -> list[Job]:
    """Planes through three retrainings."""
    return [entry[-1] for entry in planes_of(parameters)]


def plane_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Loss at every point of every plane (2503.17905 Fig. 5); the first two networks are one unit apart."""
    rows = []
    for tickets, row, init, level, orders, job in planes_of(parameters):
        found = reader.arrays(job.key)
        if found is None:
            continue
        for (x, y), loss, accuracy in zip(found["points"], found["loss"], found["accuracy"], strict=True):
            rows.append(
                {
                    **labels(tickets, row, level, init),
                    "orders": orders,
                    "x": x,
                    "y": y,
                    "loss": loss,
                    "accuracy": accuracy,
                    "key": job.key,
                }
            )
    return frame_of(rows)


def basins_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Basins and loss range of every plane, with the networks' coordinates."""
    rows = []
    for tickets, row, init, level, orders, job in planes_of(parameters):
        found = reader.metrics(job.key)
        if found is None:
            continue
        figures: dict[str, Any] = {name: found[name] for name in ("basins", "loss_range", "unit", "coordinates")}
        rows.append(
            {
                **labels(tickets, row, level, init),
                "orders": orders,
                **figures,
                "collapsed": flat(tickets, job.a, reader),
                "key": job.key,
            }
        )
    return frame_of(rows)


def overlaps_of(parameters: Parameters) -> list[Overlap]:
    """Every pair of rows that both have a mask, at every measured level."""
    found = []
    for tickets in settings(parameters):
        masked = [row for row in tickets.rows if row.method != "dense"]
        for (a, b), init in itertools.product(itertools.combinations(masked, 2), tickets.seeds):
            for level in tickets.levels(a, init):
                left, right = tickets.chain(a, init, level), tickets.chain(b, init, level)
                assert left is not None and right is not None
                found.append((tickets, a, b, init, level, MaskStatistics(left, right)))
    return found


def overlap_jobs(parameters: Parameters) -> list[Job]:
    """Comparisons of masks of one initialisation."""
    return [entry[-1] for entry in overlaps_of(parameters)]


def overlap_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Shared survivors against chance, whole and within layers, and distances of initial magnitudes (section 4)."""
    return tell_overlaps(overlaps_of(parameters), reader)


def tell_overlaps(compared: list[Overlap], reader: Reader) -> pd.DataFrame:
    """One row for each compared pair of masks."""
    rows = []
    for tickets, a, b, init, level, job in compared:
        found = reader.metrics(job.key)
        if found is None:
            continue
        whole, layered = found["whole"], found["layered"]
        rows.append(
            {
                **labels(tickets, a, level, init),
                "other": b.method,
                "other_setting": b.setting,
                "other_rate": b.rate,
                "jaccard": whole["jaccard"],
                "ratio": whole["ratio"],
                "layered_ratio": layered["ratio"],
                "shared": layered["shared"],
                "expected": layered["expected"],
                "low": layered["low"],
                "high": layered["high"],
                "ks_pruned": found["ks_pruned"],
                "ks_kept": found["ks_kept"],
                "ks_pruned_kept": max(found["ks_pruned_kept"]),
                "layer_gap": max(abs(found["sparsity"][0][n] - found["sparsity"][1][n]) for n in found["sparsity"][0]),
                "key": job.key,
            }
        )
    return frame_of(rows)


def layer_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Sparsity of every layer under every mask (section 7)."""
    return tell_layers(overlaps_of(parameters), reader)


def tell_layers(compared: list[Overlap], reader: Reader) -> pd.DataFrame:
    """One row for each layer of each mask that is compared with any other."""
    seen: set[tuple[Any, ...]] = set()
    rows = []
    for tickets, a, b, init, level, job in compared:
        found = reader.metrics(job.key)
        for row, sparsities in zip((a, b), found["sparsity"], strict=True) if found else ():
            named = (tickets.data.name, tickets.model, row, level, init)
            if named in seen:
                continue
            seen.add(named)
            for layer, share in sorted(sparsities.items()):
                rows.append(
                    {**labels(tickets, row, level, init), "layer": layer, "layer_sparsity": share, "key": job.key}
                )
    return frame_of(rows)
