"""The ledger of a run: which claims the chosen notebooks can judge, and what their results say."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..parameters.notebooks import home
from ..parameters.presets import PRESETS
from ..results.recorded import INDEX, Recorded
from . import expectations, judgement as judging
from .claims import Claim, claims
from .judgement import Judgement

if TYPE_CHECKING:
    import pandas as pd

_PLANNED = ("dose_steps", "dose_rates")  # parameters that judging reads as they are


class _Page(Protocol):
    """A page under its parameters, as :class:`..sections.section.Section` is one."""

    @property
    def name(self) -> str: ...

    @property
    def scale(self) -> str: ...

    @property
    def experiments(self) -> Mapping[str, Any]: ...

    @property
    def deciding(self) -> Mapping[str, Any]: ...

    def frame(self, name: str) -> pd.DataFrame: ...

    def beside(self, name: str) -> pd.DataFrame: ...


def claims_of(experiments: Collection[str]) -> list[Claim]:
    """List the claims that the frames of some experiments judge, such as those of a page."""
    return [claim for claim in claims() if set(claim.frames) & set(experiments)]


@dataclass(frozen=True)
class Ledger:
    """Judged claims.

    Attributes:
        judgements: One for each claim.
        recorded: Claim to its judgement on recorded results, where there is one.
        problems: What falls short of the expectations for the scale.
        scales: What was judged at each scale, of which ``judgements`` is the choice.
    """

    judgements: tuple[Judgement, ...]
    recorded: Mapping[str, Judgement]
    problems: tuple[str, ...]
    scales: Mapping[str, Sequence[Judgement]] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """Rows as ``distilled-pruning check --json`` prints them."""
        return [judging.row(judgement, self.recorded.get(judgement.claim.id)) for judgement in self.judgements]


def stamp(sections: Sequence[_Page]) -> str:
    """Give the scale of several notebooks: their common one, or ``"custom: …"`` with the stamp of each that differs."""
    scales = {section.name: section.scale for section in sections}
    if len(set(scales.values())) <= 1:
        return next(iter(scales.values()), "")
    return "custom: " + "; ".join(f"{name} {scale.removeprefix('custom: ')}" for name, scale in scales.items())


def judge_run(sections: Sequence[_Page], only: Collection[str] | None = None) -> list[Judgement]:
    """Judge claims on what the stores hold; nothing is trained.

    Args:
        sections: Notebooks under their parameters.
        only: Names of the claims to judge; all of them by default.
    """
    return judging.judge(_read_pages(sections), stamp(sections), only, _read_pages(sections, around=True))


def judge(
    sections: Sequence[_Page], everything: bool = True, recorded: Mapping[str, Judgement] | None = None
) -> Ledger:
    """Judge claims on what the stores hold, beside what is recorded and expected.

    Args:
        sections: Notebooks under their parameters.
        everything: Judge every claim; otherwise only those these notebooks' results judge.
        recorded: Judgements on recorded results; by default the best that there are.
    """
    only = None if everything else _ids_of(sections)
    judgements = judge_run(sections, only)
    found = best_of(by_scale(only=only)) if recorded is None else recorded
    short = _choose_problems(expectations.shortfalls(judgements), only)
    return Ledger(tuple(judgements), found, short, {stamp(sections): judgements})


def judge_recorded(sections: Sequence[_Page], everything: bool = True) -> Ledger:
    """Judge claims on recorded results, each at the largest scale that has any.

    Args:
        sections: Notebooks whose claims are meant.
        everything: Judge every claim, whatever the notebooks.
    """
    only = None if everything else _ids_of(sections)
    scales = by_scale(only=only)
    best = best_of(scales)
    short = _choose_problems([text for found in scales.values() for text in expectations.shortfalls(found)], only)
    absent = [
        f"nothing is recorded at {scale} scale, where {len(expectations.read()[scale])} verdicts are expected: "
        f"restore {INDEX} and what it names from git"
        for scale in PRESETS
        if scale in expectations.read() and scale not in scales
    ]
    judgements = (best.get(item.claim.id, item) for item in judging.judge({}, "recorded", only))
    return Ledger(tuple(judgements), best, (*short, *absent), scales)


def _ids_of(sections: Sequence[_Page]) -> set[str]:
    return {claim.id for section in sections for claim in claims_of(section.experiments)}


def _choose_problems(problems: Sequence[str], only: Collection[str] | None) -> tuple[str, ...]:
    """Leave out the problems of claims that were not asked for."""
    return tuple(text for text in problems if only is None or text.partition(":")[0] in only)


def _add_facts(frame: pd.DataFrame, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """Add what judging must know of a frame's parameters, whatever came of them.

    How many sets its rows share, whose mask is shuffled, at which inner rate that was found, the last level, and the
    doses: what was to be run and is not there leaves a claim open.
    """
    if frame.empty:
        return frame
    known: dict[str, Any] = {"sets": int(parameters.get("sets", 1)), "like": parameters.get("like") or "distilled"}
    if "levels" in parameters:
        known["last"] = int(parameters["levels"])
    if "inner_learning_rate" in parameters:
        known["least_rate"] = min(map(float, str(parameters["inner_learning_rate"]).split(",")))
    return frame.assign(**known, **{name: parameters[name] for name in _PLANNED if name in parameters})


class _Frames(Mapping[str, "pd.DataFrame"]):
    """Frames by name, each made when it is first asked for."""

    def __init__(self, names: Iterable[str], make: Callable[[str], pd.DataFrame]) -> None:
        """Keep the names that are listed, and what makes the frame of a name or raises ``KeyError``."""
        self._names, self._make = dict.fromkeys(names), functools.cache(make)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _read_pages(pages: Sequence[_Page], around: bool = False) -> _Frames:
    """Give the frames of several pages.

    Args:
        pages: The pages.
        around: Make frames of other pages too, under the parameters of the one that there is: for preconditions.
    """
    by_name = {name: page for page in pages for name in page.experiments}

    def make(name: str) -> pd.DataFrame:
        if around and name not in by_name and len(pages) == 1:
            return _add_facts(pages[0].beside(name), pages[0].deciding)
        return _add_facts(by_name[name].frame(name), by_name[name].deciding)

    return _Frames(by_name, make)


def _read_recorded(folder: Recorded, scale: str) -> _Frames:
    names = dict.fromkeys(record.figure for record in folder.records(scale=scale) if record.frame)

    def make(name: str) -> pd.DataFrame:
        import pandas as pd

        if name not in names:
            raise KeyError(name)
        parts = [_add_facts(part, record.parameters) for record, part in folder.parts(name, scale)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    return _Frames(names, make)


def by_scale(root: Path | None = None, only: Collection[str] | None = None) -> dict[str, list[Judgement]]:
    """Judge every claim, or only those named, on the recorded frames of each scale, the largest first."""
    folder = Recorded(root or home() / "results")
    tables = {scale: _read_recorded(folder, scale) for scale in reversed(PRESETS)}
    return {scale: judging.judge(frames, scale, only) for scale, frames in tables.items() if frames}


def best_of(scales: Mapping[str, Sequence[Judgement]]) -> dict[str, Judgement]:
    """Choose each claim's judgement: on the dataset it is about before any other, then at the largest scale."""
    found: dict[str, Judgement] = {}
    for judgements in scales.values():
        for judgement in judgements:
            before = found.get(judgement.claim.id)
            if judgement.ran and (before is None or (judgement.own and not before.own)):
                found[judgement.claim.id] = judgement
    return found
