"""The claims of the first paper (2307.03364)."""

from __future__ import annotations

import functools
import itertools
import math
from typing import TYPE_CHECKING

from ...judging.claims import FIRST, claim
from ...judging.preconditions import Precondition, counted, dense_keeps_up, dense_unstable, network
from ...judging.statistics import (
    CONV,
    LEVELS,
    NOTHING,
    Frames,
    by_init,
    last_level,
    paired,
    ratios,
    rise,
    select,
    sparse,
    way,
)
from ...judging.units import NATS, POINTS, TIMES
from ...judging.verdicts import Finding, beside, equal, essential, positive, stable, unstable, within
from ..common.grouping import place
from .experiment import times_longer

if TYPE_CHECKING:
    import pandas as pd

ALEX = "alexnet"
SIZES = (10, 50)  # images per class of the paper's sets
NEAR = 0.03
QUARTER = 0.25
SESSION = (6.0, 10.0)  # 8 times, give or take a quarter
TICKET = 4.0  # 5 times, less a fifth
ACCURACY, STABILITY, SESSIONS = "first-accuracy", "first-stability", "first-sessions"

of_the_first = functools.partial(claim, paper=FIRST, where="section 3", data="cifar10", of_sets=("distilled",))


def at(frame: pd.DataFrame | None, level: int) -> pd.DataFrame | None:
    """Rows of a level."""
    return None if frame is None else frame[frame["level"] == level]


def of_size(frame: pd.DataFrame | None, ipc: int) -> pd.DataFrame | None:
    """Rows of distilled pruning on sets of a number of images per class."""
    found = way(frame, "distilled")
    return None if found is None else found[found["ipc"] == ipc]


def costs(frame: pd.DataFrame | None, unit: str = "seconds") -> dict[int, float]:
    """Median cost of a training for each initialisation that has any measured; other work on a machine only adds."""
    if frame is None:
        return {}
    medians = frame.groupby("init")[unit].median().dropna()
    return {int(init): float(value) for init, value in zip(medians.index, medians, strict=True)}


def speedup(ratio: float, level: int) -> float:
    """How many times faster a ticket of a level is found and trained.

    IMP trains once more than it prunes, all on real data; distilled pruning trains on real data once, at the end.

    Args:
        ratio: Time of a training on real data over that of one on the distilled set.
        level: Rounds of pruning.
    """
    return (level + 1) * ratio / (level + ratio)


def _as_long() -> Precondition:
    """A real training is longer than a distilled one by as much as the paper's, which decides costs; exact counts."""
    papers = times_longer("cifar10", SIZES[0])

    def measure(frames: Frames) -> list[Finding]:
        frame = place(frames, SESSIONS, ALEX)
        real, ours = way(frame, "imp"), of_size(frame, SIZES[0])
        if real is None or ours is None or "images" not in real:
            return []
        ratio, n = float(real["images"].max() / ours["images"].max()), int(real["init"].nunique())
        low, high = (papers * (1 + part) for part in (-QUARTER, QUARTER))
        return [counted("images of a real training over those of a distilled one", ratio, n, low, high)]

    states = f"a real training sees {papers:g} times the images of a distilled one, as the paper's do, within a quarter"
    return Precondition(states, measure, sized=True)


@of_the_first(
    "p-faster-session",
    where="section 3.2",
    statement="A distilled training is about 8 times faster than a real one.",
    paper_value="7.9 times",
    rule=(
        "seconds a training, real over distilled with 10 images per class, on one machine: 8, give or take a quarter; "
        "50 images per class beside"
    ),
    sizes=True,
    frames=(SESSIONS,),
    preconditions=(network(ALEX, SESSIONS), _as_long()),
)
def faster_session(frames: Frames) -> list[Finding]:
    """Seconds of a training on real data over those on the distilled set."""
    frame = place(frames, SESSIONS, ALEX)
    if frame is None:
        return []
    real = costs(way(frame, "imp"))
    return [
        beside(within(f"ipc {ipc}", ratios(real, costs(of_size(frame, ipc))), *SESSION, TIMES), ipc == SIZES[0])
        for ipc in SIZES
    ]


@of_the_first(
    "p-5x",
    where="abstract",
    statement="Tickets of equal sparsity are found up to 5 times faster.",
    paper_value="up to 5 times",
    rule=(
        "(n + 1) real trainings over n distilled and one real, in seconds, n rounds, 10 images per class: at least 5, "
        "less a fifth; 50 images per class beside"
    ),
    sizes=True,
    frames=(SESSIONS,),
    preconditions=(network(ALEX, SESSIONS), _as_long()),
)
def faster_ticket(frames: Frames) -> list[Finding]:
    """Time to a trained ticket of the last level, IMP's over distilled pruning's, from seconds a training."""
    frame = place(frames, SESSIONS, ALEX)
    if frame is None:
        return []
    real, level = costs(way(frame, "imp")), last_level(frame)
    findings = []
    for ipc in SIZES:
        factors = [speedup(ratio, level) for ratio in ratios(real, costs(of_size(frame, ipc)))]
        found = within(f"ipc {ipc}, {level} rounds", factors, TICKET, math.inf, TIMES)
        findings.append(beside(found, ipc == SIZES[0]))
    return findings


def _near_and_far(frames: Frames, model: str) -> list[Finding]:
    """Judge that distilled tickets are about as accurate as IMP's from an early epoch, and more so than random ones."""
    frame = place(frames, ACCURACY, model)
    if frame is None:
        return []
    imp, random = way(frame, "imp", early=True), way(frame, "random")
    findings = []
    for ipc, level in itertools.product(SIZES, LEVELS):
        own = by_init(at(of_size(frame, ipc), level), "accuracy")
        near = paired(own, by_init(at(imp, level), "accuracy"))
        far = paired(own, by_init(at(random, level), "accuracy"))
        judged = essential(equal(f"ipc {ipc} minus IMP, {sparse(frame, level)}", near, NEAR, POINTS))
        others = positive(f"ipc {ipc} minus random, {sparse(frame, level)}", far, POINTS)
        findings += [beside(item, ipc == SIZES[0]) for item in (judged, others)]
    return [item for item in findings if item.primary or item.n]


near_and_far = functools.partial(
    of_the_first,
    rule=(
        "paired accuracy differences at 59 and 87 %, sets of 10 images per class: distilled minus IMP from an early "
        "epoch within 3 points, distilled minus random above 0; sets of 50 beside"
    ),
    frames=(ACCURACY,),
)


@near_and_far(
    "p-accuracy",
    statement="AlexNet/CIFAR-10: accuracy near IMP at equal sparsity, far above random.",
    paper_value="logged: minus IMP −1.4, −2.3 points; minus random +1.7, +3.0 points",
    preconditions=(network(ALEX, ACCURACY), dense_keeps_up(ALEX, ACCURACY)),
)
def near_and_far_on_ten(frames: Frames) -> list[Finding]:
    """Accuracy of distilled tickets of an AlexNet near IMP's and above that of random ones."""
    return _near_and_far(frames, ALEX)


@near_and_far(
    "p-accuracy-100",
    data="cifar100",
    statement="ConvNet-3/CIFAR-100: accuracy near IMP at equal sparsity, far above random.",
    paper_value="logged: minus IMP −4.0, −0.2 points; minus random +1.9, +4.3 points",
    preconditions=(network(CONV, ACCURACY), dense_keeps_up(CONV, ACCURACY)),
)
def near_and_far_on_a_hundred(frames: Frames) -> list[Finding]:
    """Accuracy of distilled tickets of a ConvNet-3 near IMP's and above random ones'; on CIFAR-100 alone."""
    return _near_and_far(frames, CONV) if select(frames, ACCURACY, dataset="cifar100") is not None else []


@of_the_first(
    "p-stable-at-init",
    where="section 3.3",
    statement="Distilled tickets are stable at initialisation; IMP's need early rewinding.",
    paper_value="below, above 2 points; above 0",
    rule=(
        "at 59 and 87 %: error rise of distilled tickets, of sets of 10 images per class, below 2 points, of IMP's "
        "above; barrier of IMP, from initialisation minus from an early epoch, above 0; sets of 50 beside"
    ),
    frames=(STABILITY,),
    preconditions=(network(ALEX, STABILITY), dense_unstable(ALEX, STABILITY)),
)
def stable_at_init(frames: Frames) -> list[Finding]:
    """Distilled tickets are stable at initialisation, IMP's are not, and are more so from an early epoch."""
    frame = place(frames, STABILITY, ALEX)
    if frame is None:
        return []
    imp, rewound = way(frame, "imp"), way(frame, "imp", early=True)
    findings = []
    for level in LEVELS:
        for ipc in SIZES:
            found = _rises(of_size(frame, ipc), level, 1.0)
            judged = essential(stable(f"ipc {ipc}, {sparse(frame, level)}", found))
            findings.append(beside(judged, ipc == SIZES[0]))
        findings.append(unstable(f"IMP, {sparse(frame, level)}", _rises(imp, level, NOTHING)))
        before, after = (by_init(sound(at(rows, level)), "barrier") for rows in (imp, rewound))
        findings.append(positive(f"IMP minus early, {sparse(frame, level)}", paired(before, after), NATS))
    return findings


def _rises(frame: pd.DataFrame | None, level: int, lost: float) -> list[float]:
    """Error rise of each initialisation at a level; a collapsed ticket counts as said."""
    return [] if frame is None else rise({STABILITY: frame}, level, STABILITY, lost)


def sound(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    """Rows of tickets that did not collapse."""
    return None if frame is None else frame[~frame["collapsed"].astype(bool)]


@of_the_first(
    "p-ipc-tradeoff",
    statement="More images per class give better masks and less speed-up.",
    paper_value="logged: +1.5, +0.9 points; above 1 time",
    rule=(
        "sets of 50 images per class against sets of 10: accuracy difference at 59 and 87 % above 0, seconds a "
        "training above 1 time"
    ),
    frames=(ACCURACY, SESSIONS),
    preconditions=(network(ALEX, ACCURACY),),
)
def tradeoff(frames: Frames) -> list[Finding]:
    """The paper's larger sets against its smaller ones: more accurate tickets, longer trainings."""
    frame, loops = place(frames, ACCURACY, ALEX), place(frames, SESSIONS, ALEX)
    if frame is None and loops is None:
        return []
    few, many = SIZES
    findings = []
    for level in LEVELS:
        gains = paired(*(by_init(at(of_size(frame, ipc), level), "accuracy") for ipc in (many, few)))
        findings.append(positive(f"accuracy, {sparse(frame, level)}", gains, POINTS))
    longer = ratios(*(costs(of_size(loops, ipc)) for ipc in (many, few)))
    return [*findings, within("seconds, ratio", longer, 1.0, math.inf, TIMES)]
