"""The claims on the papers' open questions: other images, other initial weights, other sets."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ...judging.claims import Primary
from ...judging.statistics import CONV, LEVELS, Frames, paired, select, spoken
from ...judging.units import NATS, POINTS
from ...judging.verdicts import MIXED, OPEN, REFUTED, SUPPORTED, Finding, beside, negative, positive
from ..common.tickets import EQUAL
from ..s5_overview.claims import more, sizes_compared
from .evidence import ACCURACY_MARGIN, PRIMARY, ask, at, cases, differs, higher, values
from .experiment import DEFAULT, FAMILIES, by_family

if TYPE_CHECKING:
    import pandas as pd

OTHERS = ("kaiming", "xavier")
AGAINST_IMP = ("distilled", "real-short")
LESS_STABLE = ("dense", "imp")
OBJECTIVES = {"average": ("Eq. 1", -1), "supremum": ("Eq. 2", -1)}  # the lower the better
OWN = "own_accuracy"
QUALITIES = {OWN: ("own accuracy", 1), **OBJECTIVES}


@ask(
    "open-shift",
    statement=(
        "Corrupted and adversarial images cost tickets of short inner loops another share of their accuracy than IMP's."
    ),
    rule=(
        "clean accuracy minus that on shifted images, averaged over corruptions and over attacks, of "
        "distilled and of short real loops, each minus IMP's at equal sparsity: beyond 1 point either "
        "way; within: contradicted"
    ),
    primary=PRIMARY,
    frames=("shifts",),
    sentences={
        SUPPORTED: "Short inner loops change what corrupted and adversarial images cost a ticket.",
        MIXED: "Under some shifts of the test images short inner loops change what a ticket loses; under "
        "others they do not.",
        REFUTED: "No shift of the test images costs tickets of short inner loops another share of accuracy than IMP's.",
        OPEN: "Whether tickets of short inner loops lose more or less on corrupted and adversarial images "
        "cannot be told from these numbers.",
    },
    of_sets=("distilled",),
)
def open_shift(frames: Frames) -> list[Finding]:
    """Accuracy that shifted images cost, tickets of short loops each minus IMP's at equal sparsity, beyond a point."""
    frame = select(frames, "shifts", model=CONV)
    if frame is None:
        return []
    wide = by_family(frame)
    findings = []
    for method in AGAINST_IMP:
        for level, setting in cases(wide, method):
            for family in FAMILIES:
                ours = values(wide, f"{family}_lost", method=method, level=level, setting=setting)
                imp = values(wide, f"{family}_lost", method="imp", level=level)
                judge = functools.partial(differs, margin=ACCURACY_MARGIN)
                name = f"{family}, {spoken(method)}"
                findings.append(at(wide, level, setting, name, judge, paired(ours, imp)))
    return findings


@ask(
    "open-init",
    statement=(
        "Under Kaiming and Xavier initialisation too, distilled tickets are more stable than the dense "
        "network and IMP's."
    ),
    rule="paired differences of barriers at 87 %, dense and IMP each minus distilled, above 0 under each",
    primary=Primary(EQUAL, (LEVELS[1],)),
    frames=("starts",),
    sentences={
        SUPPORTED: "It does not hang on how initial weights are drawn: from Kaiming and Xavier weights, too, "
        "distilled tickets are more stable than the dense network and IMP's.",
        MIXED: "From Kaiming and Xavier weights distilled tickets are more stable in some comparisons and "
        "less in others.",
        REFUTED: "From Kaiming or Xavier weights distilled tickets are not more stable: it hangs on how "
        "initial weights are drawn.",
        OPEN: "Whether it holds from Kaiming and Xavier weights cannot be told from so few initialisations.",
    },
    of_sets=("distilled",),
)
def open_init(frames: Frames) -> list[Finding]:
    """Under other initial weights too the barriers of dense network and IMP lie above the distilled ticket's."""
    frame = select(frames, "starts", model=CONV)
    if frame is None:
        return []
    findings = []
    for start in dict.fromkeys([*OTHERS, *frame.loc[frame["start"] != DEFAULT, "start"]]):
        part = frame[frame["start"] == start]
        for level, setting in cases(part, "distilled"):
            ours = values(part, "barrier", method="distilled", level=level, setting=setting)
            for method in LESS_STABLE:
                at_level = {} if method == "dense" else {"level": level}
                above = paired(values(part, "barrier", method=method, **at_level), ours)
                name = f"{start}, {spoken(method)} over distilled"
                findings.append(beside(at(part, level, setting, name, higher, above), start in OTHERS))
    return findings


def with_objectives(tickets: pd.DataFrame, sets: pd.DataFrame | None) -> pd.DataFrame:
    """Add what the sets' page measured of the set behind each ticket, by method and size: means over networks."""
    if sets is None or "made_by" not in tickets:
        return tickets
    means = sets.groupby(["method", "ipc"])[list(OBJECTIVES)].mean()
    return tickets.join(means, on=["made_by", "ipc"])


@ask(
    "open-quality",
    statement="A better distilled set gives better tickets, more accurate and more stable.",
    rule=(
        "the better of two sets, of 1 and of 10 images per class, minus the other: the ticket's accuracy above 0, its "
        "barrier below 0, for ConvNet-3 on CIFAR-10 at 59 and 87 %; better by the accuracy of training on the set "
        "alone; by Eqs. 1 and 2, and other networks, data and sizes, beside; the unit is the set"
    ),
    frames=("fig6", "sets"),
    of_sets=("distilled",),
)
def open_quality(frames: Frames) -> list[Finding]:
    """The better of two sets gives the ticket of higher accuracy and lower barrier."""
    findings = []
    sets = select(frames, "sets", model=CONV)
    for place, primary, part in sizes_compared(frames):
        found = with_objectives(part, sets)
        for column, (name, better) in QUALITIES.items():
            if column in found:
                ranked = found.assign(quality=better * found[column])
                for what, judge, unit in (("accuracy", positive, POINTS), ("barrier", negative, NATS)):
                    finding = judge(f"{what}, {place}, better by {name}", more(ranked, "quality", what), unit)
                    findings.append(beside(finding, primary and column == OWN))
    return findings
