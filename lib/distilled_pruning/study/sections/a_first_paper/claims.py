"""The claims of the first paper (2307.03364)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...judging.claims import FIRST, claim
from ...judging.preconditions import dense_keeps_up, dense_unstable, network
from ...judging.statistics import CONV, LEVELS, Frames, by_init, paired, select, sparse, way
from ...judging.units import NATS, POINTS, TIMES
from ...judging.verdicts import Finding, equal, essential, positive, stable, unstable, within
from ..common.grouping import place

if TYPE_CHECKING:
    import pandas as pd

ALEX = "alexnet"
PAPERS_IPC = 10  # the smallest set the paper uses
NEAR = 0.03
SESSION = (6.0, 10.0)  # 8 times, give or take a quarter
TICKET = 4.0  # 5 times, less a fifth
ACCURACY, STABILITY, SESSIONS = "first-accuracy", "first-stability", "first-sessions"


def at(frame: pd.DataFrame | None, level: int) -> pd.DataFrame | None:
    """Rows of a level."""
    return None if frame is None else frame[frame["level"] == level]


def sizes(frame: pd.DataFrame | None, least: int = 0) -> dict[int, pd.DataFrame]:
    """Rows of distilled pruning by images per class, the smallest sets first."""
    found = way(frame, "distilled")
    if found is None:
        return {}
    return {int(str(ipc)): part for ipc, part in found.groupby("ipc") if int(str(ipc)) >= least}


def early(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    """Rows of IMP from an early epoch, as in the authors' main curves, else from initialisation."""
    found = way(frame, "imp", early=True)
    return way(frame, "imp") if found is None else found


def costs(frame: pd.DataFrame | None, unit: str = "seconds") -> dict[int, float]:
    """Median cost of a training for each initialisation that has any measured; other work on a machine only adds."""
    if frame is None:
        return {}
    medians = frame.groupby("init")[unit].median().dropna()
    return {int(init): float(value) for init, value in zip(medians.index, medians, strict=True)}


def ratios(left: Mapping[int, float], right: Mapping[int, float]) -> list[float]:
    """Ratios over the initialisations both have."""
    return [left[init] / right[init] for init in sorted(left.keys() & right.keys()) if right[init]]


def speedup(ratio: float, level: int) -> float:
    """How many times faster a ticket of a level is found and trained.

    IMP trains once more than it prunes, all on real data; distilled pruning trains on real data once, at the end.

    Args:
        ratio: Time of a training on real data over that of one on the distilled set.
        level: Rounds of pruning.
    """
    return (level + 1) * ratio / (level + ratio)


@claim(
    "p-faster-session",
    paper=FIRST,
    where="section 3.2",
    data="cifar10",
    statement="A distilled training is about 8 times faster than a real one.",
    paper_value="7.9",
    rule="seconds a training, real over distilled, on one machine: 8, give or take a quarter",
    sizes=True,
    frames=("first-sessions",),
    preconditions=(network(ALEX, "first-sessions"),),
    of_sets=("distilled",),
)
def faster_session(frames: Frames) -> list[Finding]:
    """Seconds of a training on real data over those on the distilled set."""
    frame = place(frames, SESSIONS)
    real = costs(way(frame, "imp"))
    return [within(f"ipc {ipc}", ratios(real, costs(part)), *SESSION, TIMES) for ipc, part in sizes(frame).items()]


@claim(
    "p-5x",
    paper=FIRST,
    where="abstract",
    data="cifar10",
    statement="Tickets of equal sparsity are found up to 5 times faster.",
    paper_value="5",
    rule="(n + 1) real trainings over n distilled and one real, in seconds, n rounds: at least 5, less a fifth",
    sizes=True,
    frames=("first-sessions",),
    preconditions=(network(ALEX, "first-sessions"),),
    of_sets=("distilled",),
)
def faster_ticket(frames: Frames) -> list[Finding]:
    """Time to a trained ticket of the sparsest level, IMP's over distilled pruning's, from seconds a training."""
    frame = place(frames, SESSIONS)
    real = costs(way(frame, "imp"))
    level = 0 if frame is None else int(frame["level"].max()) + 1
    return [
        within(
            f"ipc {ipc}, {level} rounds",
            [speedup(ratio, level) for ratio in ratios(real, costs(part))],
            TICKET,
            math.inf,
            TIMES,
        )
        for ipc, part in sizes(frame).items()
    ]


@claim(
    "p-accuracy",
    paper=FIRST,
    where="section 3",
    data="cifar10",
    statement="AlexNet/CIFAR-10: accuracy near IMP at equal sparsity, far above random.",
    paper_value="see the logs",
    rule=(
        "paired accuracy differences at 59 and 87 %: distilled minus IMP within 3 points, distilled minus"
        " random above 0"
    ),
    frames=("first-accuracy",),
    preconditions=(network(ALEX, "first-accuracy"), dense_keeps_up(ALEX, "first-accuracy")),
    of_sets=("distilled",),
)
def near_and_far(frames: Frames) -> list[Finding]:
    """Accuracy of distilled tickets near IMP's and above that of random ones, at sizes of set the paper uses."""
    frame = place(frames, ACCURACY)
    imp, random = early(frame), way(frame, "random")
    findings = []
    for ipc, part in sizes(frame, PAPERS_IPC).items():
        for level in LEVELS:
            own = by_init(at(part, level), "accuracy")
            near = paired(own, by_init(at(imp, level), "accuracy"))
            far = paired(own, by_init(at(random, level), "accuracy"))
            findings.append(essential(equal(f"ipc {ipc} minus IMP, {sparse(frame, level)}", near, NEAR, POINTS)))
            findings.append(positive(f"ipc {ipc} minus random, {sparse(frame, level)}", far, POINTS))
    return findings


def rises(frame: pd.DataFrame | None, level: int) -> list[float]:
    """Error rise of each initialisation at a level; a collapsed ticket never counts as stable."""
    part = at(frame, level)
    if part is None or part.empty:
        return []
    return list(by_init(part.assign(error_rise=part["error_rise"].mask(part["collapsed"], 1.0)), "error_rise").values())


@claim(
    "p-stable-at-init",
    paper=FIRST,
    where="section 3.3",
    data="cifar10",
    statement="Distilled tickets are stable at initialisation; IMP's need early rewinding.",
    paper_value="orderings",
    rule=(
        "at 59 and 87 %: error rise of distilled tickets below 2 points, of IMP's above; barrier of IMP, "
        "from initialisation minus from an early epoch, above 0"
    ),
    frames=("first-stability",),
    preconditions=(network(ALEX, "first-stability"), dense_unstable(ALEX, "first-stability")),
    of_sets=("distilled",),
)
def stable_at_init(frames: Frames) -> list[Finding]:
    """Distilled tickets are stable at initialisation, IMP's are not, and are more so from an early epoch."""
    frame = place(frames, STABILITY)
    imp, rewound = way(frame, "imp"), way(frame, "imp", early=True)
    findings = []
    for level in LEVELS:
        for ipc, part in sizes(frame, PAPERS_IPC).items():
            findings.append(essential(stable(f"ipc {ipc}, {sparse(frame, level)}", rises(part, level))))
        findings.append(unstable(f"IMP, {sparse(frame, level)}", rises(imp, level)))
        before, after = (by_init(sound(at(rows, level)), "barrier") for rows in (imp, rewound))
        findings.append(positive(f"IMP minus early, {sparse(frame, level)}", paired(before, after), NATS))
    return findings


def sound(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    """Rows of tickets that did not collapse."""
    return None if frame is None else frame[~frame["collapsed"].astype(bool)]


@claim(
    "p-ipc-tradeoff",
    paper=FIRST,
    where="section 3",
    data="cifar10",
    statement="More images per class give better masks and less speed-up.",
    paper_value="signs",
    rule="largest set against smallest: accuracy difference at 59 and 87 % above 0, seconds a training above 1 time",
    frames=(
        "first-accuracy",
        "first-sessions",
    ),
    preconditions=(network(ALEX, "first-accuracy"),),
    of_sets=("distilled",),
)
def tradeoff(frames: Frames) -> list[Finding]:
    """The largest set against the smallest: more accurate tickets, longer trainings."""
    frame = place(frames, ACCURACY)
    by_size, loops = sizes(frame), sizes(place(frames, SESSIONS))
    if len(by_size) < 2 or len(loops) < 2:
        return []
    few, many = min(by_size), max(by_size)
    findings = []
    for level in LEVELS:
        gains = paired(*(by_init(at(by_size[ipc], level), "accuracy") for ipc in (many, few)))
        findings.append(positive(f"accuracy, {sparse(frame, level)}", gains, POINTS))
    longer = ratios(costs(loops[many]), costs(loops[few]))
    return [*findings, within("seconds, ratio", longer, 1.0, math.inf, TIMES)]


@claim(
    "p-accuracy-100",
    paper=FIRST,
    where="section 3",
    data="cifar100",
    statement="ConvNet-3/CIFAR-100: accuracy near IMP at equal sparsity, far above random.",
    paper_value="see the logs",
    rule=(
        "paired accuracy differences at 59 and 87 %: distilled minus IMP within 3 points, distilled "
        "minus random above 0"
    ),
    frames=("first-accuracy",),
    preconditions=(network(CONV, "first-accuracy"), dense_keeps_up(CONV, "first-accuracy")),
    of_sets=("distilled",),
)
def near_and_far_on_a_hundred(frames: Frames) -> list[Finding]:
    """The same on CIFAR-100 with a ConvNet-3; nothing where there is no CIFAR-100."""
    return near_and_far(frames) if select(frames, ACCURACY, dataset="cifar100") is not None else []
