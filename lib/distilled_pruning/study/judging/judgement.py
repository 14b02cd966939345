"""Judging: claims on the frames of one scale, and the one shape that a judgement has as data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...data.catalog import entitle
from .claims import EACH, Claim, claims
from .preconditions import Standing, asked, stand
from .statistics import Frames
from .verdicts import (
    DECIDED,
    LEVEL_OF_TESTS,
    NOT_JUDGED,
    NOT_RUN,
    NOT_TESTABLE,
    QUESTION,
    UNDECIDED,
    Finding,
    combine,
    holm,
    write_finding,
)

if TYPE_CHECKING:
    import pandas as pd


_PAPERS_SCALE = "paper"
_OTHER_WAYS = {"dense", "imp", "real"}


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
    def ran(self) -> bool:
        """Whether anything was run, be it beside the settings that the verdict rests on."""
        return self.verdict != NOT_RUN or any(item.n for item in self.findings)

    @property
    def word(self) -> str:
        """The verdict as it is shown: one on a paper's claim reached below the paper's scale says so."""
        if self.claim.ours or self.scale == _PAPERS_SCALE or self.verdict not in DECIDED:
            return self.verdict
        return f"{self.verdict} at {self.scale.partition(':')[0]} scale"

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
        stands_in = f" in place of {entitle(self.claim.data)}" if self.data and not self.own else ""
        return ", ".join(map(entitle, self.data)) + stands_in

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
            "word": self.word,
            "exploratory": self.claim.exploratory,
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
        self._sets: list[int] = []

    def __getitem__(self, name: str) -> pd.DataFrame:
        frame = self._frames[name]
        if frame.empty or "dataset" not in frame:
            return frame
        there = list(dict.fromkeys(frame["dataset"]))
        if len(there) > 1 and self._claim.data != EACH:
            there = [self._claim.data if self._claim.data in there else there[0]]
            frame = frame[frame["dataset"] == there[0]]
        self.data.update(dict.fromkeys(there))
        if "sets" in frame and "method" in frame:
            rows = frame[frame["method"].isin(self._claim.of_sets)]
            self._sets += list(rows["sets"].unique())
        return frame

    def sets(self, n: int) -> int | None:
        """Give how many distilled sets are behind values of n initialisations, where these are fewer."""
        fewest = min((int(number) for number in self._sets), default=n)
        return fewest if fewest < n else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def judge(
    frames: Frames, scale: str, only: Collection[str] | None = None, around: Frames | None = None
) -> list[Judgement]:
    """Judge claims on the frames of one scale, and on one dataset: never on a mixture of several.

    A claim is judged on the dataset it is about; where there is none of that, on the first there is. The judgement
    names it, and so does whatever shows the judgement.

    Args:
        frames: Tidy frames by experiment name; missing ones leave their claims *not run*.
        scale: The derived stamp of those frames, ``"paper"``, ``"reduced"``, ``"live"`` or ``"custom: …"``.
        only: Names of the claims to judge; all of them by default.
        around: Frames that preconditions are measured on, where these are more than those.
    """
    chosen = [claim for claim in claims() if only is None or claim.id in only]
    corrected = _correct(frames) if any(claim.family for claim in chosen) else {}
    needs = frames if around is None else around
    return [_judge(claim, frames, needs, scale, corrected) for claim in chosen]


def _correct(frames: Frames) -> dict[str, tuple[Finding, ...]]:
    """Give the findings of the companion's primary comparisons after Holm's correction over all that are named."""
    family = [claim for claim in claims() if claim.family]
    found = {claim.id: claim.findings(_Seen(frames, claim)) for claim in family}
    places = [(name, i) for name, items in found.items() for i, item in enumerate(items) if item.primary and item.n]
    ps = holm([found[name][i].p or 1.0 for name, i in places], sum(claim.family for claim in family))
    adjusted = dict(zip(places, ps, strict=True))
    return {
        name: tuple(_take_back(item, adjusted.get((name, i))) for i, item in enumerate(items))
        for name, items in found.items()
    }


def _take_back(finding: Finding, p: float | None) -> Finding:
    """Take back a finding that is not decided any more after correction."""
    if p is None:
        return finding
    decided = finding.verdict if p < LEVEL_OF_TESTS else UNDECIDED
    return replace(finding, verdict=decided, holm=p)


def _on_a_set(finding: Finding) -> bool:
    """Say whether a finding of a claim about distilled masks is about one: its setting names no other way alone."""
    words = set(re.findall(r"[a-z]+", finding.setting.lower()))
    return "distilled" in words or not words & _OTHER_WAYS


def _judge(
    claim: Claim, frames: Frames, around: Frames, scale: str, corrected: Mapping[str, tuple[Finding, ...]]
) -> Judgement:
    seen = _Seen(frames, claim)
    findings = claim.findings(seen)
    if claim.family:
        findings = corrected[claim.id]
    verdict = combine(findings)
    data = tuple(seen.data) if verdict != NOT_RUN else ()
    findings = tuple(replace(item, sets=seen.sets(item.n)) if _on_a_set(item) else item for item in findings)
    needs = asked(claim.preconditions, data)
    standing = stand(needs, _Seen(around, claim)) if verdict != NOT_RUN else Standing()
    if standing.failed:
        verdict = NOT_TESTABLE
    elif verdict != NOT_RUN and claim.sizes and scale != _PAPERS_SCALE:
        verdict = NOT_JUDGED
    elif verdict != NOT_RUN and standing.unsure:
        verdict = UNDECIDED
    return Judgement(claim, scale, findings, QUESTION.get(verdict, verdict) if claim.ours else verdict, data, standing)


def row(now: Judgement, recorded: Judgement | None = None) -> dict[str, Any]:
    """Give the ledger's row of a claim as data: what it states, what is recorded, what this run says.

    ``recorded`` and ``this_run`` have the shape of :meth:`Judgement.as_json`, ``None`` where nothing was run; verdict,
    n, scale and data of this run stand in the row as well.
    """
    claim = now.claim
    kept = recorded.as_json() if recorded is not None and recorded.ran else None
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
        "this_run": now.as_json() if now.ran else None,
        **{name: value for name, value in now.as_json().items() if name not in ("findings",)},
    }


def write_findings(found: Mapping[str, Any], *, markdown: bool = False) -> list[str]:
    """Write the findings a judgement rests on, one a line: a judgement as ``check --json`` prints it."""
    return [
        write_finding(item, markdown=markdown, n=found["n"])
        for item in found["findings"]
        if item["primary"] and item["n"]
    ]


def write_beside(found: Mapping[str, Any]) -> list[str]:
    """Write the findings that turn no verdict, one a line, each with its n and what it says."""
    return [write_finding(item, verdict=True) for item in found["findings"] if not item["primary"] and item["n"]]


def write_doubts(found: Mapping[str, Any]) -> list[str]:
    """Write what speaks against testing a claim, one precondition a line."""
    failed = [f"does not hold: {text}" for text in found["failed"]]
    return failed + [f"may not hold: {text}" for text in found["unsure"]]
