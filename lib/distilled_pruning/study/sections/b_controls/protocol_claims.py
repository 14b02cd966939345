"""The claims on ways of measuring: what interpolation, rewinding and BatchNorm statistics change."""

from __future__ import annotations

import functools
from dataclasses import replace

from ...judging.claims import Primary
from ...judging.statistics import CONV, Frames, paired, select, spoken
from ...judging.verdicts import INSTABILITY_THRESHOLD, Finding, beside
from ..common.tickets import EQUAL
from .evidence import ACCURACY_MARGIN, ask, differs, values
from .experiment import AGAINST, HERE, PARTIAL, REBATCHED, REESTIMATED, UNMASKED

ask_of_protocols = functools.partial(ask, primary=Primary(EQUAL), frames=("protocols",))


def _otherwise(frames: Frames, methods: tuple[str, ...], *protocols: str, accuracy: bool = False) -> list[Finding]:
    """The error rise, and the accuracy where asked, measured in another way minus in the way it is set against.

    Primary are the tickets of a ConvNet-3 by some methods, measured in the first of some ways, run or not. A collapsed
    ticket tells nothing of stability, but its accuracy counts.
    """
    frame = select(frames, "protocols")
    if frame is None:
        return []
    changed = frame[frame["protocol"].isin(protocols)]
    named = ("model", "method", "setting", "protocol")
    first = [(CONV, method, "" if method == "dense" else EQUAL, protocols[0]) for method in methods]
    findings = []
    for case in dict.fromkeys([*first, *zip(*(changed[name] for name in named), strict=True)]):
        *_, method, setting, protocol = case
        where = dict(zip(named[:-1], case[:-1], strict=True))
        what = ", ".join(part for part in (spoken(method), setting) if part)
        both = (protocol, AGAINST.get(protocol, HERE))
        rows = [("error rise", frame, "error_rise", INSTABILITY_THRESHOLD)]
        rows += [("accuracy", frame.assign(collapsed=False), "accuracy", ACCURACY_MARGIN)] * accuracy
        for title, kept, column, margin in rows:
            new, here = (values(kept, column, protocol=name, **where) for name in both)
            found = replace(differs(f"{title}, {what}", paired(new, here), margin), rate=setting)
            findings.append(beside(found, case in first))
    return findings


@ask_of_protocols(
    "mask-bug",
    statement="Interpolating without masks, as the authors' scripts did, changes the verdict on stability.",
    rule=(
        "error rise, unmasked minus masked, of IMP's and of distilled tickets: beyond 2 points either way; within "
        "them: contradicted"
    ),
)
def mask_bug(frames: Frames) -> list[Finding]:
    """Error rises interpolated without masks against those with them."""
    return _otherwise(frames, ("imp", "distilled"), UNMASKED)


@ask_of_protocols(
    "rewind-scope",
    statement="Leaving biases and norms trained changes stability or accuracy.",
    rule=(
        "distilled tickets: error rise beyond 2 points or accuracy beyond 1 point either way; within them: contradicted"
    ),
)
def rewind_scope(frames: Frames) -> list[Finding]:
    """Error rises and accuracies with weights rewound alone."""
    return _otherwise(frames, ("distilled",), PARTIAL, accuracy=True)


@ask_of_protocols(
    "bn-reestimated",
    statement="Re-estimating BatchNorm statistics on the line changes the verdict on stability.",
    rule=(
        "error rise of the dense ConvNet-3 with BatchNorm, re-estimated minus interpolated: beyond 2 points either "
        "way; within them: contradicted; networks that have BatchNorm anyway beside"
    ),
)
def bn_reestimated(frames: Frames) -> list[Finding]:
    """Error rises with BatchNorm statistics estimated again."""
    return _otherwise(frames, ("dense",), REBATCHED, REESTIMATED)
