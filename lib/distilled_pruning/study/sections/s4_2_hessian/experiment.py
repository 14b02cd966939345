"""Diagonal and spectrum of the Hessian of trained tickets (2503.17905 section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...jobs import HessianDiagonal, Job, Spectrum
from ..common.analyses import COLUMNS, HESSIAN_IMAGES, first_trained
from ..common.experiment import experiment
from ..common.frames import Metrics, Reader, is_flat, labels

if TYPE_CHECKING:
    from ...parameters.fields import Values

PAGE = "s4-2-hessian"
NO_SPECTRUM: Mapping[str, Any] = {
    **dict.fromkeys(("trace", "trace_error"), math.nan),
    **dict.fromkeys(("eigenvalues", "residuals"), (math.nan,)),
}


def _table(job: HessianDiagonal, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """The diagonal with and without masked and structural zeros, and what stands beside it.

    Trace and eigenvalue are not a number where only the diagonal was computed.
    """
    summary, top = found["summary"], reader.metrics(Spectrum(job.trained, job.images).key) or NO_SPECTRUM
    yield {
        **{name + kind: summary[name + kind] for kind in ("", "_kept", "_nonzero") for name in COLUMNS},
        "sum": summary["mean"] * summary["count"],
        "sharpness": found["sharpness"],
        "trace": top["trace"],
        "trace_error": top["trace_error"],
        "top": top["eigenvalues"][0],
        "residual": top["residuals"][0],
        "images": found["images"],
        "collapsed": is_flat(job.trained, reader),
    }


def _histogram(job: HessianDiagonal, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Distribution of the diagonal's unmasked entries (appendix of 2503.17905): share of entries in each bin."""
    arrays = reader.arrays(job.key)
    if arrays is None:
        return
    bins, shares = arrays["bins"], arrays["counts"] / arrays["counts"].sum()
    for low, high, share in zip(bins[:-1], bins[1:], shares, strict=True):
        yield {"low": low, "high": high, "share": share}


@experiment("histograms", PAGE, "Distributions of the diagonal", _histogram)
@experiment("hessian", PAGE, "Diagonals of the Hessian", _table)
def curvature(parameters: Values) -> Iterator[tuple[Job, dict[str, Any] | None]]:
    """Diagonal and spectrum of the first retraining of every ticket; the spectrum stands in the diagonal's row."""
    images = parameters.get("hessian_images", HESSIAN_IMAGES)
    for tickets, row, init, level in first_trained(parameters):
        trained = tickets.ticket(row, init, level, 0)
        yield HessianDiagonal(trained, images), labels(tickets, row, level, init)
        yield Spectrum(trained, images), None
