"""The ledger: what the papers say, as data, and what our runs say of it."""

from __future__ import annotations

import functools
import json
import math
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from .measures import MEASURES
from .measures.evidence import Frames, Measure
from .verdicts import DECIDED, NOT_RUN, PARTLY, RANK, UNDECIDED, Finding, combine

if TYPE_CHECKING:
    import pandas as pd


EACH = "each"


@dataclass(frozen=True)
class Claim:
    """One statement and how it is judged.

    Attributes:
        id: Short name.
        paper: Which text makes it.
        where: Place in that text.
        statement: The statement, in our words.
        rule: How the verdict follows.
        paper_value: The paper's value, as printed or read off.
        measure: Frames to findings; ``None`` where no experiment measures it yet (the verdict is *not run*).
        sizes: Judged at paper scale only, because it states a size rather than a sign or an order.
        data: Dataset the statement is about; empty for any, one of them; :data:`EACH` for every one by itself.
    """

    id: str
    paper: str
    where: str
    statement: str
    rule: str
    paper_value: str = ""
    measure: Measure | None = None
    sizes: bool = False
    data: str = ""


@functools.cache
def claims() -> tuple[Claim, ...]:
    """Read every claim, in the order of ``claims.toml``."""
    text = resources.files(__package__).joinpath("claims.toml").read_text(encoding="utf-8")
    return tuple(Claim(id=name, measure=MEASURES.get(name), **facts) for name, facts in tomllib.loads(text).items())


@dataclass(frozen=True)
class Judgement:
    """A claim's findings at one scale and the verdict that follows.

    Attributes:
        claim: The claim.
        scale: Stamp of the frames.
        findings: One for each setting.
        verdict: One of ``verdicts.VERDICTS``.
        data: The datasets it was judged on.
    """

    claim: Claim
    scale: str
    findings: tuple[Finding, ...]
    verdict: str
    data: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        """The findings' means, setting by setting."""
        found = [finding for finding in self.findings if not math.isnan(finding.value)]
        return "; ".join(f"{finding.setting}: {finding.value:.3g}" for finding in found)

    @property
    def own(self) -> bool:
        """Whether it was judged on the dataset that the claim is about."""
        return self.claim.data in ("", EACH) or self.data == (self.claim.data,)

    @property
    def on(self) -> str:
        """The datasets it was judged on, and the claim's where that is another."""
        return ", ".join(self.data) + f" in place of {self.claim.data}" * (bool(self.data) and not self.own)

    @property
    def intervals(self) -> dict[str, list[float]]:
        """The findings' intervals by setting."""
        found = [f for f in self.findings if f.interval is not None and math.isfinite(f.value)]
        return {finding.setting: list(finding.interval or ()) for finding in found}

    @property
    def counts(self) -> dict[str, int]:
        """The findings' numbers of initialisations by setting."""
        return {finding.setting: finding.n for finding in self.findings if finding.n}

    @property
    def n(self) -> int:
        """Fewest initialisations of a setting that the verdict rests on; of any setting while none is decided."""
        measured = [finding for finding in self.findings if finding.n]
        decisive = [finding for finding in measured if finding.verdict in DECIDED]
        return min((finding.n for finding in decisive or measured), default=0)


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
    """Judge every claim on the frames of one scale, and on one dataset: never on a mixture of several.

    A claim is judged on the dataset it is about; where there is none of that, on the first there is. The judgement
    names it, and so does whatever shows the judgement.

    Args:
        frames: Tidy frames by experiment name; missing ones leave their claims *not run*.
        scale: The derived stamp of those frames, ``"paper"``, ``"reduced"``, ``"live"`` or ``"custom: …"``.
        only: Names of the claims to judge; all of them by default.
    """
    judgements = []
    for claim in claims():
        if only is not None and claim.id not in only:
            continue
        seen = _Seen(frames, claim)
        findings = tuple(claim.measure(seen)) if claim.measure is not None else ()
        verdict = combine(findings)
        if claim.sizes and scale != "paper" and verdict != NOT_RUN:
            verdict = UNDECIDED
        judgements.append(Judgement(claim, scale, findings, verdict, tuple(seen.data) if verdict != NOT_RUN else ()))
    return judgements


def row(now: Judgement, recorded: Judgement | None = None) -> dict[str, Any]:
    """Give the ledger's row of a claim as JSON."""
    return {
        "id": now.claim.id,
        "paper": now.claim.paper,
        "where": now.claim.where,
        "statement": now.claim.statement,
        "paper_value": now.claim.paper_value,
        "rule": now.claim.rule,
        "recorded": {
            "scale": recorded.scale,
            "value": recorded.value,
            "interval": recorded.intervals or None,
            "counts": recorded.counts or None,
            "verdict": recorded.verdict,
            "n": recorded.n,
            "data": recorded.on,
        }
        if recorded is not None and recorded.verdict != NOT_RUN
        else None,
        "this_run": now.value or None,
        "interval": now.intervals or None,
        "counts": now.counts or None,
        "n": now.n,
        "scale": now.scale,
        "data": now.on,
        "verdict": now.verdict,
    }


@functools.cache
def expectations() -> dict[str, dict[str, dict[str, Any]]]:
    """Read the committed expectations: scale to claim to verdict, intervals and n."""
    text = resources.files(__package__).joinpath("expected.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def compatible(now: Judgement, wanted: dict[str, Any]) -> bool:
    """Say whether a judgement may differ from an expectation by chance: every interval meets its expected one.

    Another processor rounds otherwise, and a training then ends elsewhere: an effect that is the same may fall on the
    other side of "undecided".
    """
    found = {finding.setting: finding.interval for finding in now.findings}
    pairs = [(found.get(setting), bounds) for setting, bounds in wanted.get("interval", {}).items()]
    return bool(pairs) and all(f is not None and f[0] <= high and low <= f[1] for f, (low, high) in pairs)


def shortfalls(judgements: list[Judgement]) -> list[str]:
    """Say where judgements fall short of what is expected at their scale: worse verdicts, fewer seeds, missing claims.

    Only decided expectations gate (others need only have been run), and a verdict that only lost certainty passes while
    every interval still meets the expected one. A run at custom parameters expects nothing.
    """
    problems = []
    by_id = {judgement.claim.id: judgement for judgement in judgements}
    scale = judgements[0].scale if judgements else ""
    for name, wanted in expectations().get(scale, {}).items():
        now = by_id.get(name)
        if now is None:
            problems.append(
                f"{name}: expected {wanted['verdict']} at {scale} scale, but no such claim is in the ledger"
            )
        elif wanted["verdict"] not in DECIDED:
            if now.verdict == NOT_RUN != wanted["verdict"]:
                problems.append(f"{name}: expected {wanted['verdict']} at {scale} scale, found {NOT_RUN}")
        elif RANK[now.verdict] < RANK[wanted["verdict"]] and not (
            now.verdict in (PARTLY, UNDECIDED) and compatible(now, wanted)
        ):
            value = f" ({now.value})" if now.value else ""
            problems.append(f"{name}: expected {wanted['verdict']} at {scale} scale, found {now.verdict}{value}")
        elif now.n < wanted["n"]:
            problems.append(f"{name}: expected at least {wanted['n']} initialisations, found {now.n}")
    return problems
