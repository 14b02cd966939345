"""The ledger of a run: which claims the chosen notebooks can judge, and what their results say."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..parameters.cells import home
from ..results.recorded import INDEX, SCALES, Recorded
from ..sections.registry import EXPERIMENTS
from ..sections.section import Section
from . import claims
from .claims import Claim, Judgement
from .verdicts import NOT_RUN

if TYPE_CHECKING:
    import pandas as pd


class _Asked(Mapping[str, "pd.DataFrame"]):
    """Frames that are never there, and remember which were asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __getitem__(self, name: str) -> pd.DataFrame:
        self.names.append(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@functools.cache
def frames_of(claim: Claim) -> tuple[str, ...]:
    """Names of the experiments a claim is judged by."""
    asked = _Asked()
    if claim.measure is not None:
        claim.measure(asked)
    return tuple(dict.fromkeys(asked.names))


def notebooks_of(claim: Claim) -> tuple[str, ...]:
    """Names of the notebooks a claim is judged by; none where no experiment measures it yet."""
    return tuple(dict.fromkeys(EXPERIMENTS[name].notebook for name in frames_of(claim)))


def claims_of(notebook: str) -> list[Claim]:
    """List the claims that a notebook's results judge."""
    return [claim for claim in claims.claims() if notebook in notebooks_of(claim)]


@dataclass(frozen=True)
class Ledger:
    """Judged claims.

    Attributes:
        judgements: One for each claim.
        recorded: Claim to its judgement on recorded results, where there is one.
        problems: What falls short of the expectations for the scale.
    """

    judgements: tuple[Judgement, ...]
    recorded: Mapping[str, Judgement]
    problems: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Rows as ``distilled-pruning check --json`` prints them."""
        return [claims.row(judgement, self.recorded.get(judgement.claim.id)) for judgement in self.judgements]


def stamp(sections: Sequence[Section]) -> str:
    """Give the scale of several notebooks: their common one, or ``"custom: …"`` with the stamp of each that differs."""
    scales = {section.name: section.parameters.scale for section in sections}
    if len(set(scales.values())) <= 1:
        return next(iter(scales.values()), "")
    return "custom: " + "; ".join(f"{name} {scale.removeprefix('custom: ')}" for name, scale in scales.items())


def judge(
    sections: Sequence[Section], everything: bool = True, recorded: Mapping[str, Judgement] | None = None
) -> Ledger:
    """Judge claims on what the stores hold; nothing is trained.

    Args:
        sections: Notebooks under their parameters.
        everything: Judge every claim; otherwise only those these notebooks' results judge.
        recorded: Judgements on recorded results; by default those of :func:`recorded_judgements`.
    """
    frames = {name: frame for section in sections for name, frame in section.frames().items()}
    only = None if everything else ids_of(sections)
    judgements = claims.judge(frames, stamp(sections), only)
    found = best_of(by_scale(only=only)) if recorded is None else recorded
    return Ledger(tuple(judgements), found, wanted(claims.shortfalls(judgements), only))


def judge_recorded(sections: Sequence[Section], everything: bool = True) -> Ledger:
    """Judge claims on recorded results, each at the largest scale that has any.

    Args:
        sections: Notebooks whose claims are meant.
        everything: Judge every claim, whatever the notebooks.
    """
    only = None if everything else ids_of(sections)
    scales = by_scale(only=only)
    best = best_of(scales)
    short = wanted([text for found in scales.values() for text in claims.shortfalls(found)], only)
    absent = [
        f"nothing is recorded at {scale} scale, where {len(claims.expectations()[scale])} verdicts are expected: "
        f"restore {INDEX} and what it names from git"
        for scale in SCALES
        if scale in claims.expectations() and scale not in scales
    ]
    judgements = (best.get(item.claim.id, item) for item in claims.judge({}, "recorded", only))
    return Ledger(tuple(judgements), best, (*short, *absent))


def ids_of(sections: Sequence[Section]) -> set[str]:
    """Name the claims that notebooks judge."""
    return {claim.id for section in sections for claim in claims_of(section.name)}


def wanted(problems: Sequence[str], only: Collection[str] | None) -> tuple[str, ...]:
    """Leave out the problems of claims that were not asked for."""
    return tuple(text for text in problems if only is None or text.partition(":")[0] in only)


class _Tables(Mapping[str, "pd.DataFrame"]):
    """Recorded frames of one scale, each read when it is first asked for."""

    def __init__(self, folder: Recorded, scale: str) -> None:
        self._folder, self._scale = folder, scale
        self._names = dict.fromkeys(record.figure for record in folder.records(scale=scale) if record.frame)
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self._folder.table(name, self._scale)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def by_scale(root: Path | None = None, only: Collection[str] | None = None) -> dict[str, list[Judgement]]:
    """Judge every claim, or only those named, on the recorded frames of each scale, the largest first."""
    folder = Recorded(root or home() / "results")
    tables = {scale: _Tables(folder, scale) for scale in reversed(SCALES)}
    return {scale: claims.judge(frames, scale, only) for scale, frames in tables.items() if frames}


def recorded_judgements(root: Path | None = None) -> dict[str, Judgement]:
    """Give each claim's recorded judgement, see :func:`best_of`."""
    return best_of(by_scale(root))


def best_of(scales: Mapping[str, Sequence[Judgement]]) -> dict[str, Judgement]:
    """Choose each claim's judgement: on the dataset it is about before any other, then at the largest scale."""
    found: dict[str, Judgement] = {}
    for judgements in scales.values():
        for judgement in judgements:
            before = found.get(judgement.claim.id)
            if judgement.verdict != NOT_RUN and (before is None or (judgement.own and not before.own)):
                found[judgement.claim.id] = judgement
    return found
