"""Planes through three retrainings of one ticket (2503.17905 section 4.1)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...jobs import Landscape
from ..common.analyses import first_trained
from ..common.experiment import experiment
from ..common.frames import Metrics, Reader, is_flat, labels

if TYPE_CHECKING:
    from ...parameters.fields import Values

PAGE = "s4-1-loss-landscape"
_PLANE_IMAGES = 360


def _points(job: Landscape, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Loss at every point of a plane (2503.17905 Fig. 5); the first two networks are one unit apart."""
    arrays = reader.arrays(job.key)
    if arrays is None:
        return
    for (x, y), loss, accuracy in zip(arrays["points"], arrays["loss"], arrays["accuracy"], strict=True):
        yield {"x": x, "y": y, "loss": loss, "accuracy": accuracy}


def _basins(job: Landscape, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Basins and loss range of a plane, with the networks' coordinates."""
    figures = {name: found[name] for name in ("basins", "loss_range", "unit", "coordinates")}
    yield {**figures, "collapsed": is_flat(job.a, reader)}


@experiment("basins", PAGE, "Basins of planes", _basins)
@experiment("planes", PAGE, "Loss on planes", _points)
def planes(parameters: Values) -> Iterator[tuple[Landscape, dict[str, Any]]]:
    """The plane through every three retrainings of every ticket at the measured levels."""
    images = parameters.get("plane_images", _PLANE_IMAGES)
    for tickets, row, init, level in first_trained(parameters):
        for orders in itertools.combinations(range(parameters.replicates), 3):
            a, b, c = (tickets.ticket(row, init, level, order) for order in orders)
            job = Landscape(a, b, c, parameters.resolution, images)
            yield job, labels(tickets, row, level, init, orders="-".join(map(str, orders)))
