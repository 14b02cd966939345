"""The ledger of a run: which claims the chosen notebooks can judge, and what their results say."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import claims
from .cells import home
from .claims import Claim, Judgement
from .experiments import EXPERIMENTS
from .recorded import SCALES, Recorded
from .section import Section
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
    judgements = claims.judge(frames, stamp(sections))
    found = recorded_judgements() if recorded is None else recorded
    return chosen(judgements, claims.shortfalls(judgements), sections, everything, found)


def judge_recorded(sections: Sequence[Section], everything: bool = True) -> Ledger:
    """Judge claims on recorded results, each at the largest scale that has any.

    Args:
        sections: Notebooks whose claims are meant.
        everything: Judge every claim, whatever the notebooks.
    """
    best = recorded_judgements()
    none = claims.judge({}, "recorded")
    problems = [problem for found in by_scale().values() for problem in claims.shortfalls(found)]
    return chosen([best.get(item.claim.id, item) for item in none], problems, sections, everything, best)


def chosen(
    judgements: Sequence[Judgement],
    problems: Sequence[str],
    sections: Sequence[Section],
    everything: bool,
    recorded: Mapping[str, Judgement],
) -> Ledger:
    """Leave out the claims that the notebooks do not judge, unless everything is wanted."""
    ids = {item.claim.id for item in judgements}
    if not everything:
        ids = {claim.id for section in sections for claim in claims_of(section.name)}
    kept = tuple(item for item in judgements if item.claim.id in ids)
    return Ledger(kept, recorded, tuple(text for text in problems if everything or text.partition(":")[0] in ids))


def by_scale(root: Path | None = None) -> dict[str, list[Judgement]]:
    """Judge every claim on the recorded frames of each scale, the largest first."""
    folder = Recorded(root or home() / "results")
    found = {}
    for scale in reversed(SCALES):
        records = [record for record in folder.records(scale=scale) if record.frame]
        if records:
            frames = {figure: folder.table(figure, scale) for figure in dict.fromkeys(r.figure for r in records)}
            found[scale] = claims.judge(frames, scale)
    return found


def recorded_judgements(root: Path | None = None) -> dict[str, Judgement]:
    """Give each claim's recorded judgement: on the dataset it is about before any other, then at the largest scale."""
    found: dict[str, Judgement] = {}
    for judgements in by_scale(root).values():
        for judgement in judgements:
            before = found.get(judgement.claim.id)
            if judgement.verdict != NOT_RUN and (before is None or (judgement.own and not before.own)):
                found[judgement.claim.id] = judgement
    return found
