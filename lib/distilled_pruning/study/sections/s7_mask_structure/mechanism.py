"""What IMP keeps and distilled pruning removes: its curvature, and whether it is the same in another data order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...jobs import Job, MaskStatistics, MembershipCurvature
from ..common import analyses
from ..common.frames import Reader, frame_of, labels, settings
from ..common.tickets import CHAIN_ORDER, Row, Tickets

if TYPE_CHECKING:
    import pandas as pd

    from ...parameters.presets import Parameters

OTHER_ORDER = CHAIN_ORDER + 1
GROUPS = {"both": "both", "a": "IMP alone", "b": "distilled alone", "neither": "neither"}

Point = tuple[Tickets, Row, int, int, str, MembershipCurvature]
Twin = tuple[Tickets, Row, int, int, MaskStatistics]


def _rows(tickets: Tickets, *methods: str) -> dict[str, Row]:
    """Give the rows of some ways at the retraining's own rate, those that the parameters name."""
    at = tickets.outer.learning_rate
    return {row.method: row for row in tickets.rows if row.method in methods and row.rate == at}


def points_of(parameters: Parameters) -> Iterator[Point]:
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
                    yield tickets, rows["imp"], init, level, name, job


def membership_jobs(parameters: Parameters) -> list[Job]:
    """Curvature by membership."""
    return [point[-1] for point in points_of(parameters)]


def membership_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Mean magnitude of the diagonal and mean ``w^2 h`` of the weights that both masks keep, one alone, or neither."""
    rows = []
    for tickets, row, init, level, network, job in points_of(parameters):
        found = reader.metrics(job.key)
        if found is None:
            continue
        for name, group in GROUPS.items():
            rows.append(
                {
                    **labels(tickets, row, level, init),
                    "network": network,
                    "kept_by": group,
                    **found["groups"][name],
                    "key": job.key,
                }
            )
    return frame_of(rows)


def twins_of(parameters: Parameters) -> Iterator[Twin]:
    """Give the masks of IMP and of distilled pruning with those that the same loops find in another data order."""
    for tickets in settings(parameters):
        other = tickets.ordered(OTHER_ORDER)
        for row in _rows(tickets, "imp", "distilled").values():
            for init in range(parameters.order_seeds):
                for level in tickets.levels(row, init):
                    a, b = (group.chain(row, init, level) for group in (tickets, other))
                    assert a is not None and b is not None
                    yield tickets, row, init, level, MaskStatistics(a, b)


def order_jobs(parameters: Parameters) -> list[Job]:
    """Comparisons of masks found in two data orders."""
    return [twin[-1] for twin in twins_of(parameters)]


def order_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Shared survivors over chance within layers of two masks that one loop finds in two data orders."""
    rows = []
    for tickets, row, init, level, job in twins_of(parameters):
        found = reader.metrics(job.key)
        if found is None:
            continue
        rows.append(
            {
                **labels(tickets, row, level, init),
                "jaccard": found["whole"]["jaccard"],
                "layered_ratio": found["layered"]["ratio"],
                "key": job.key,
            }
        )
    return frame_of(rows)
