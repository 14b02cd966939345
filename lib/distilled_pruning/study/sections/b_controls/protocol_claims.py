"""The claims on ways of measuring: what interpolation, rewinding and BatchNorm statistics change."""

from __future__ import annotations

from dataclasses import replace

from ...judging.claims import OURS, Primary, claim
from ...judging.statistics import Frames, paired, select
from ...judging.verdicts import INSTABILITY_THRESHOLD, Finding
from ..common.tickets import EQUAL
from .evidence import ACCURACY_MARGIN, differs, values
from .experiment import AGAINST, HERE, PARTIAL, REBATCHED, REESTIMATED, UNMASKED


def _otherwise(frames: Frames, *protocols: str, accuracy: bool = False) -> list[Finding]:
    """The error rise, and the accuracy where asked, measured in another way minus in the way it is set against.

    A collapsed ticket tells nothing of stability, but its accuracy counts.
    """
    frame = select(frames, "protocols")
    if frame is None:
        return []
    findings = []
    changed = frame[frame["protocol"].isin(protocols)]
    named = ["model", "method", "setting", "protocol"]
    for model, method, setting, protocol in dict.fromkeys(zip(*(changed[name] for name in named), strict=True)):
        where = {"model": model, "method": method, "setting": setting}
        both = (protocol, AGAINST.get(protocol, HERE))
        what = ", ".join(part for part in (method, setting) if part)
        new, here = (values(frame, "error_rise", protocol=name, **where) for name in both)
        risen = differs(f"error rise, {what}", paired(new, here), INSTABILITY_THRESHOLD)
        findings.append(replace(risen, rate=setting))
        if accuracy:
            whole = frame.assign(collapsed=False)
            new, here = (values(whole, "accuracy", protocol=name, **where) for name in both)
            gained = differs(f"accuracy, {what}", paired(new, here), ACCURACY_MARGIN)
            findings.append(replace(gained, rate=setting))
    return findings


@claim(
    "mask-bug",
    paper=OURS,
    where="controls",
    statement="Interpolating without masks, as the authors' scripts did, changes the verdict on stability.",
    rule="error rise, unmasked minus masked, beyond 2 points either way; within them: contradicted",
    primary=Primary(EQUAL),
    frames=("protocols",),
)
def mask_bug(frames: Frames) -> list[Finding]:
    """Error rises interpolated without masks against those with them."""
    return _otherwise(frames, UNMASKED)


@claim(
    "rewind-scope",
    paper=OURS,
    where="controls",
    statement="Leaving biases and norms trained changes stability or accuracy.",
    rule="error rise beyond 2 points or accuracy beyond 1 point either way; within them: contradicted",
    primary=Primary(EQUAL),
    frames=("protocols",),
)
def rewind_scope(frames: Frames) -> list[Finding]:
    """Error rises and accuracies with weights rewound alone."""
    return _otherwise(frames, PARTIAL, accuracy=True)


@claim(
    "bn-reestimated",
    paper=OURS,
    where="controls",
    statement="Re-estimating BatchNorm statistics on the line changes the verdict on stability.",
    rule="error rise, re-estimated minus interpolated, beyond 2 points either way; within them: contradicted",
    primary=Primary(EQUAL),
    frames=("protocols",),
)
def bn_reestimated(frames: Frames) -> list[Finding]:
    """Error rises with BatchNorm statistics estimated again."""
    return _otherwise(frames, REESTIMATED, REBATCHED)
