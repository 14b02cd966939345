"""The ledger: what the papers say, as data, and what our runs say of it."""

from __future__ import annotations

import functools
import json
import math
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from .measures import MEASURES
from .preconditions import PRECONDITIONS, Precondition, Standing, stand
from .statistics import Frames, Measure
from .verdicts import DECIDED, NOT_RUN, NOT_TESTABLE, PARTLY, RANK, UNDECIDED, Finding, combine

if TYPE_CHECKING:
    import pandas as pd


EACH = "each"


@dataclass(frozen=True)
class Primary:
    """The settings that a claim's verdict rests on; all others are judged and shown beside.

    Attributes:
        rate: How the inner rate stands to the retraining's; what has no inner rate is primary as well.
        levels: Pruning levels, each of which must have been run; empty where the claim tells none apart.
    """

    rate: str
    levels: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.rate}, levels {' and '.join(map(str, self.levels))}" if self.levels else self.rate

    def mark(self, findings: Sequence[Finding]) -> list[Finding]:
        """Say of each finding whether it is primary; levels without any come last, as *not run*."""
        marked = [
            replace(
                item, primary=item.rate in (self.rate, "") and (not self.levels or item.level in (None, *self.levels))
            )
            for item in findings
        ]
        there = {item.level for item in marked if item.primary}
        absent = [level for level in self.levels if level not in there]
        return marked + [Finding(f"level {level}", math.nan, None, 0, NOT_RUN, level) for level in absent]


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
        primary: The settings its verdict rests on; ``None`` for all that it measures.
        preconditions: What must hold before it can be tested.
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
    primary: Primary | None = None
    preconditions: tuple[Precondition, ...] = ()

    def findings(self, frames: Frames) -> tuple[Finding, ...]:
        """Measure it, and say which findings are primary; nothing where nothing was run."""
        found = self.measure(frames) if self.measure is not None else []
        return tuple(self.primary.mark(found) if self.primary is not None and found else found)


@functools.cache
def claims() -> tuple[Claim, ...]:
    """Read every claim, in the order of ``claims.toml``."""
    text = resources.files(__package__).joinpath("claims.toml").read_text(encoding="utf-8")
    found = []
    for name, facts in tomllib.loads(text).items():
        primary = facts.pop("primary", None)
        if primary is not None:
            facts["primary"] = Primary(primary["rate"], tuple(primary.get("levels", ())))
        found.append(Claim(name, measure=MEASURES.get(name), preconditions=PRECONDITIONS.get(name, ()), **facts))
    return tuple(found)


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
    def beside(self) -> list[Finding]:
        """The findings that are judged beside, and turn no verdict."""
        return [finding for finding in self.findings if not finding.primary and finding.n]

    @property
    def value(self) -> str:
        """The primary findings' means, setting by setting."""
        found = [finding for finding in self.primary if not math.isnan(finding.value)]
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
        """The primary findings' intervals by setting."""
        found = [f for f in self.primary if f.interval is not None and math.isfinite(f.value)]
        return {finding.setting: list(finding.interval or ()) for finding in found}

    @property
    def counts(self) -> dict[str, int]:
        """The primary findings' numbers of initialisations by setting."""
        return {finding.setting: finding.n for finding in self.primary if finding.n}

    @property
    def n(self) -> int:
        """Fewest initialisations of a setting that the verdict rests on; of any setting while none is decided."""
        measured = [finding for finding in self.primary if finding.n]
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
        findings = claim.findings(seen)
        verdict = combine(findings)
        standing = stand(claim.preconditions, seen) if verdict != NOT_RUN else Standing()
        if standing.failed:
            verdict = NOT_TESTABLE
        elif verdict != NOT_RUN and (standing.unsure or (claim.sizes and scale != "paper")):
            verdict = UNDECIDED
        data = tuple(seen.data) if verdict != NOT_RUN else ()
        judgements.append(Judgement(claim, scale, findings, verdict, data, standing))
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
        "primary": str(now.claim.primary or ""),
        "preconditions": [item.states for item in now.claim.preconditions],
        "recorded": {"value": recorded.value, **judged(recorded)}
        if recorded is not None and recorded.verdict != NOT_RUN
        else None,
        "this_run": now.value or None,
        **judged(now),
    }


def judged(found: Judgement) -> dict[str, Any]:
    """Give what a judgement says beside its values, as JSON."""
    return {
        "interval": found.intervals or None,
        "counts": found.counts or None,
        "n": found.n,
        "scale": found.scale,
        "data": found.on,
        "verdict": found.verdict,
        "beside": [
            {"setting": item.setting, "value": item.value, "interval": item.interval, "n": item.n}
            | {"verdict": item.verdict}
            for item in found.beside
        ],
        "failed": list(found.standing.failed),
        "unsure": list(found.standing.unsure),
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
