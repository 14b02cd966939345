"""What masks share, and what IMP keeps and distilled pruning removes: its curvature, and its luck with data order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...jobs import MaskStatistics, MembershipCurvature
from ..common import analyses
from ..common.experiment import experiment
from ..common.frames import Metrics, Reader, labels, settings
from ..common.tickets import CHAIN_ORDER, Row, Tickets

if TYPE_CHECKING:
    from ...parameters.fields import Values

PAGE = "s7-mask-structure"
OTHER_ORDER = CHAIN_ORDER + 1
_GROUPS = {"both": "both", "a": "IMP alone", "b": "distilled alone", "neither": "neither"}


@experiment("overlap", PAGE, "Overlap of masks", analyses.overlap_values)
def overlaps(parameters: Values) -> Iterator[tuple[MaskStatistics, dict[str, Any]]]:
    """Every two masks of one initialisation."""
    return analyses.pairs(analyses.overlaps(parameters))


def _rows(tickets: Tickets, *methods: str) -> dict[str, Row]:
    """Give the rows of some ways at the retraining's own rate, those that the parameters name."""
    at = tickets.outer.learning_rate
    return {row.method: row for row in tickets.rows if row.method in methods and row.rate == at}


def _membership(job: MembershipCurvature, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Mean magnitude of the diagonal and mean ``w^2 h`` of the weights that both masks keep, one alone, or neither."""
    for name, group in _GROUPS.items():
        yield {"kept_by": group, **found["groups"][name]}


@experiment("membership", PAGE, "Curvature by membership", _membership)
def points(parameters: Values) -> Iterator[tuple[MembershipCurvature, dict[str, Any]]]:
    """Give the dense network and IMP's, each with the masks of IMP and of distilled pruning at every measured level."""
    for tickets in settings(parameters):
        rows = _rows(tickets, "imp", "distilled")
        for init in tickets.seeds if len(rows) == 2 else ():
            for level in tickets.levels(rows["imp"], init):
                a, b = (tickets.chain(rows[method], init, level) for method in ("imp", "distilled"))
                assert a is not None and b is not None
                networks = {
                    "dense": tickets.ticket(Row("dense", 0.0, ""), init, 0, 0),
                    "IMP": tickets.ticket(rows["imp"], init, level, 0),
                }
                for name, trained in networks.items():
                    job = MembershipCurvature(trained, a, b, analyses.HESSIAN_IMAGES)
                    yield job, labels(tickets, rows["imp"], level, init, network=name)


def _shared(job: MaskStatistics, found: Metrics, reader: Reader) -> Iterator[dict[str, Any]]:
    """Shared survivors over chance within layers of two masks that one loop finds in two data orders."""
    yield {"jaccard": found["whole"]["jaccard"], "layered_ratio": found["layered"]["ratio"]}


@experiment("orders", PAGE, "Masks of two data orders", _shared)
def twins(parameters: Values) -> Iterator[tuple[MaskStatistics, dict[str, Any]]]:
    """Give the masks of IMP and of distilled pruning with those that the same loops find in another data order."""
    for tickets in settings(parameters):
        other = tickets.vary(chain_order=OTHER_ORDER)
        for row in _rows(tickets, "imp", "distilled").values():
            for init in range(parameters.order_seeds):
                for level in tickets.levels(row, init):
                    a, b = (group.chain(row, init, level) for group in (tickets, other))
                    assert a is not None and b is not None
                    yield MaskStatistics(a, b), labels(tickets, row, level, init)


@experiment("layers", PAGE, "Sparsity of layers", analyses.layer_values, analyses.own_layers)
def masks(parameters: Values) -> Iterator[tuple[MaskStatistics, dict[str, Any]]]:
    """Every mask, in every pair it is part of."""
    return analyses.sides(analyses.overlaps(parameters))
