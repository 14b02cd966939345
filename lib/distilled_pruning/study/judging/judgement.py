"""Judging: claims on the frames of one scale, and the one shape that a judgement has as data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .claims import EACH, Claim, claims
from .preconditions import Standing, stand
from .statistics import Frames
from .verdicts import DECIDED, NOT_RUN, NOT_TESTABLE, UNDECIDED, Finding, combine

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Judgement:
    """A claim's findings at one scale and the verdict that follows.

    Attributes:
        claim: The claim.
        scale: Stamp of the frames.
        findings: One for each setting.
        verdict: One of ``verdicts.VERDICTS``.
        data: The datasets it was judged on.
        standing: How its preconditions stand.
    """

    claim: Claim
    scale: str
    findings: tuple[Finding, ...]
    verdict: str
    data: tuple[str, ...] = ()
    standing: Standing = field(default_factory=Standing)

    @property
    def primary(self) -> list[Finding]:
        """The findings that the verdict rests on."""
        return [finding for finding in self.findings if finding.primary]

    @property
    def own(self) -> bool:
        """Whether it was judged on the dataset that the claim is about."""
        return self.claim.data in ("", EACH) or self.data == (self.claim.data,)

    @property
    def on(self) -> str:
        """The datasets it was judged on, and the claim's where that is another."""
        stands_in = f" in place of {self.claim.data}" if self.data and not self.own else ""
        return ", ".join(self.data) + stands_in

    @property
    def n(self) -> int:
        """Fewest initialisations of a setting that the verdict rests on; of any setting while none is decided."""
        measured = [finding for finding in self.primary if finding.n]
        decisive = [finding for finding in measured if finding.verdict in DECIDED]
        return min((finding.n for finding in decisive or measured), default=0)

    def as_json(self) -> dict[str, Any]:
        """Give what it says as data: numbers as they are, each finding with its unit."""
        return {
            "verdict": self.verdict,
            "n": self.n,
            "scale": self.scale,
            "data": self.on,
            "findings": [item.as_json() for item in self.findings],
            "failed": list(self.standing.failed),
            "unsure": list(self.standing.unsure),
        }


class _Seen(Mapping[str, "pd.DataFrame"]):
    """Frames as one claim may see them: rows of one dataset alone, which is remembered."""

    def __init__(self, frames: Frames, claim: Claim) -> None:
        self._frames, self._claim = frames, claim
        self.data: dict[str, None] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        frame = self._frames[name]
        if frame.empty or "dataset" not in frame:
            return frame
        there = list(dict.fromkeys(frame["dataset"]))
        if len(there) > 1 and self._claim.data != EACH:
            there = [self._claim.data if self._claim.data in there else there[0]]
            frame = frame[frame["dataset"] == there[0]]
        self.data.update(dict.fromkeys(there))
        return frame

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def judge(frames: Frames, scale: str, only: Collection[str] | None = None) -> list[Judgement]:
    """Judge claims on the frames of one scale, and on one dataset: never on a mixture of several.

    A claim is judged on the dataset it is about; where there is none of that, on the first there is. The judgement
    names it, and so does whatever shows the judgement.

    Args:
        frames: Tidy frames by experiment name; missing ones leave their claims *not run*.
        scale: The derived stamp of those frames, ``"paper"``, ``"reduced"``, ``"live"`` or ``"custom: …"``.
        only: Names of the claims to judge; all of them by default.
    """
    return [_judge(claim, frames, scale) for claim in claims() if only is None or claim.id in only]


def _judge(claim: Claim, frames: Frames, scale: str) -> Judgement:
    """Judge one claim."""
    seen = _Seen(frames, claim)
    findings = claim.findings(seen)
    verdict = combine(findings)
    standing = stand(claim.preconditions, seen) if verdict != NOT_RUN else Standing()
    if standing.failed:
        verdict = NOT_TESTABLE
    elif verdict != NOT_RUN and (standing.unsure or (claim.sizes and scale != "paper")):
        verdict = UNDECIDED
    data = tuple(seen.data) if verdict != NOT_RUN else ()
    return Judgement(claim, scale, findings, verdict, data, standing)


def row(now: Judgement, recorded: Judgement | None = None) -> dict[str, Any]:
    """Give the ledger's row of a claim as data: what it states, what is recorded, what this run says.

    ``recorded`` and ``this_run`` have the shape of :meth:`Judgement.as_json`, ``None`` where nothing was run; verdict,
    n, scale and data of this run stand in the row as well.
    """
    claim = now.claim
    kept = recorded.as_json() if recorded is not None and recorded.verdict != NOT_RUN else None
    return {
        "id": claim.id,
        "paper": claim.paper,
        "where": claim.where,
        "statement": claim.statement,
        "paper_value": claim.paper_value,
        "rule": claim.rule,
        "primary": str(claim.primary or ""),
        "preconditions": [item.states for item in claim.preconditions],
        "recorded": kept,
        "this_run": now.as_json() if now.verdict != NOT_RUN or any(item.n for item in now.findings) else None,
        **{name: value for name, value in now.as_json().items() if name not in ("findings",)},
    }
