"""Lines between retrainings of one ticket (2503.17905 Figs. 3 and 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...jobs import Connect
from ..common.experiment import experiment
from ..common.frames import LINE_FIGURES, Metrics, Reader, labels, line_values, settings

if TYPE_CHECKING:
    from ...parameters.fields import Values

PAGE = "s4-stability"


def _points(job: Connect, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Loss and accuracy along a line, a row for each point."""
    for alpha, loss, accuracy in zip(found["alphas"], found["loss"], found["accuracy"], strict=True):
        yield {"alpha": alpha, "loss": loss, "accuracy": accuracy, "split": job.split}


@experiment("barriers", PAGE, "Loss barriers", line_values(*LINE_FIGURES, "accuracy", "collapsed", "outside"))
@experiment("fig3", PAGE, "Loss along the line", _points)
def lines(parameters: Values) -> Iterator[tuple[Connect, dict[str, Any]]]:
    """All lines of all settings."""
    for tickets in settings(parameters):
        for row, init, level, pair, job in tickets.all_lines():
            yield job, labels(tickets, row, level, init, pair=pair)
