"""What verdicts are expected at each scale: written by ``check --accept``, held by ``check``."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..parameters.presets import LIVE, PRESETS
from .judgement import Judgement
from .verdicts import DECIDED, ENOUGH, NOT_RUN, OPEN, PARTLY, RANK, UNDECIDED

_FILE = "expected.json"
_STAMPS = (LIVE, *PRESETS)
_Expected = dict[str, dict[str, dict[str, Any]]]


@functools.cache
def read() -> _Expected:
    """Read the committed expectations: scale to claim to verdict, intervals and n."""
    return dict(json.loads(resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")))


def _expect(judgements: Sequence[Judgement]) -> dict[str, dict[str, Any]]:
    """Turn judgements into expectations: those that were run on enough initialisations."""
    found = {}
    for item in judgements:
        if item.verdict != NOT_RUN and item.n >= ENOUGH:
            bounds = {
                part.setting: [round(end, 4) for end in part.interval]
                for part in item.primary
                if part.interval and part.n
            }
            found[item.claim.id] = {"verdict": item.verdict, "n": item.n, **({"interval": bounds} if bounds else {})}
    return found


def accept(scales: Mapping[str, Sequence[Judgement]], path: Path | None = None) -> Path:
    """Write what is found as what is expected from now on; claims that were not run keep what they had.

    Args:
        scales: Scale to judgements.
        path: Another file than the library's own.

    Raises:
        InputError: A scale is that of a custom run, of which nothing is expected.
    """
    for scale in scales:
        if scale not in _STAMPS:
            raise InputError(f"nothing is expected of a run at {scale}: accept one of {', '.join(_STAMPS)} scale")
    path = path or Path(str(resources.files(__package__).joinpath(_FILE)))
    kept = {scale: dict(wanted) for scale, wanted in json.loads(path.read_text(encoding="utf-8")).items()}
    for scale, judgements in scales.items():
        found = _expect(judgements)
        judged = {item.claim.id for item in judgements if item.verdict != NOT_RUN}
        before = {name: wanted for name, wanted in kept.get(scale, {}).items() if name not in judged}
        kept[scale] = {item: found[item] for item in found} | before
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    read.cache_clear()
    return path


def _is_compatible(now: Judgement, wanted: Mapping[str, Any]) -> bool:
    """Say whether a judgement may differ from an expectation by chance: every interval meets its expected one.

    Another processor rounds otherwise, and a training then ends elsewhere: an effect that is the same may fall on the
    other side of "undecided".
    """
    found = {finding.setting: finding.interval for finding in now.findings}
    pairs = [(found.get(setting), bounds) for setting, bounds in wanted.get("interval", {}).items()]
    return bool(pairs) and all(f is not None and f[0] <= high and low <= f[1] for f, (low, high) in pairs)


def shortfalls(judgements: Sequence[Judgement]) -> list[str]:
    """Say where judgements fall short of what is expected at their scale: worse verdicts, fewer seeds, missing claims.

    Only decided expectations gate (others need only have been run), and a verdict that only lost certainty passes while
    every interval still meets the expected one. A run at custom parameters expects nothing.
    """
    problems = []
    by_id = {judgement.claim.id: judgement for judgement in judgements}
    scale = judgements[0].scale if judgements else ""
    for name, wanted in read().get(scale, {}).items():
        now = by_id.get(name)
        if now is None:
            problems.append(
                f"{name}: expected {wanted['verdict']} at {scale} scale, but no such claim is in the ledger"
            )
        elif wanted["verdict"] not in DECIDED:
            if now.verdict == NOT_RUN != wanted["verdict"]:
                problems.append(f"{name}: expected {wanted['verdict']} at {scale} scale, found {NOT_RUN}")
        elif RANK[now.verdict] < RANK[wanted["verdict"]] and not (
            now.verdict in (PARTLY, UNDECIDED, OPEN) and _is_compatible(now, wanted)
        ):
            problems.append(f"{name}: expected {wanted['verdict']} at {scale} scale, found {now.verdict}")
        elif now.n < wanted["n"]:
            problems.append(f"{name}: expected at least {wanted['n']} initialisations, found {now.n}")
    return problems
