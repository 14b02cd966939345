"""The campaign: what was to be computed and how it would be judged, written before, and what came out.

``workflow/campaign.toml`` holds steps, cells and rules, committed before their cells were computed. Here each rule
becomes findings, from what is recorded of the cells.
"""

from __future__ import annotations

import datetime
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .cells import home
from .display import Markup, Note, Table, code, lines
from .experiments.tickets import Row, Tickets
from .measures.evidence import by_init, paired, slope
from .pages import plain
from .parameters import bases, given, resolve
from .recorded import Recorded
from .verdicts import (
    CONTRADICTED,
    NOT_RUN,
    REPRODUCED,
    UNDECIDED,
    Finding,
    equal,
    negative,
    positive,
    stable,
    unstable,
    within,
)

if TYPE_CHECKING:
    import pandas as pd

FILE = "workflow/campaign.toml"
LEVELS = {4: "59 %", 9: "87 %"}
POINT = 0.01


@dataclass(frozen=True)
class Step:
    """One question of the campaign.

    Attributes:
        number: Its place in the plan.
        page: The notebook or page that shows it.
        title: The question.
        rules: How its result is read, each a sentence.
        cells: What is computed for it: notebook and preset, as ``distilled-pruning run`` takes them.
        registered: The commit that wrote step and rules, and its date.
        recorded: The cells whose results are recorded.
        setting: Data, network, rates, steps and numbers of initialisations, where the page does not say them.
    """

    number: int
    page: str
    title: str
    rules: tuple[str, ...]
    cells: tuple[str, ...]
    registered: tuple[str, datetime.date]
    recorded: tuple[str, ...]
    setting: str = ""


def read_steps(text: str | None = None) -> list[Step]:
    """Read the campaign's steps, in the order of their numbers.

    Raises:
        InputError: The file is not there or lacks something.
    """
    path = home() / FILE
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8") if text is None else text)["step"]
        lists = ("rules", "cells", "registered", "recorded")
        steps = [Step(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not hold the campaign's steps ({error}): restore it from git") from error
    return sorted(steps, key=lambda step: step.number)


class Cells:
    """What is recorded of the campaign's cells: values of each initialisation, by preset, way and level."""

    def __init__(self, folder: Recorded) -> None:
        """Read the index of a folder of recorded results."""
        self.folder = folder
        self.records = {str(given(record.parameters)): record for record in folder.records("barriers", "reduced")}

    def _frame(self, preset: str) -> pd.DataFrame | None:
        import pandas as pd

        record = self.records.get(str(given(_deciding(preset))))
        return None if record is None or not record.frame else pd.DataFrame(self.folder.frame(record))

    def values(
        self, preset: str, method: str, level: int, column: str = "error_rise", rate: float | None = None
    ) -> dict[int, float]:
        """Give the mean of a column over the lines of each initialisation; nothing where nothing is recorded.

        Args:
            preset: Preset of ``s4-stability``, such as ``"reduced/whitened"``.
            method: Way the masks were found.
            level: Pruning level.
            column: Column of the frame of barriers.
            rate: Rate of the inner loop, where the preset has several.
        """
        frame = self._frame(preset)
        if frame is None:
            return {}
        kept = frame[(frame["method"] == method) & (frame["level"] == level) & ~frame["collapsed"].astype(bool)]
        kept = kept if rate is None else kept[kept["rate"] == rate]
        return by_init(kept, column)

    def travelled(self, preset: str, method: str, rate: float, init: int) -> float:
        """Give how far the first inner loop went, in norms of the initial weights; NaN where it is not recorded."""
        tickets = Tickets(resolve("s4-stability", file=preset))
        mask = tickets.chain(Row(method, rate, tickets.setting(rate)), init, 1)
        inner = mask.training if mask is not None else None
        found = self.folder.metrics(inner.key) if inner is not None else None
        return math.nan if found is None else float(found["distance"] / found["initial_norm"])


def _deciding(preset: str) -> Mapping[str, object]:
    from .parameters import UNCOUNTED

    return {name: value for name, value in bases("s4-stability")[preset].items() if name not in UNCOUNTED}


Rule = Callable[[Cells], list[Finding]]
MAIN = "reduced"


def _stable(preset: str, method: str, *levels: int, rate: float | None = None, label: str = "") -> Rule:
    return lambda cells: [
        stable(f"{label}{LEVELS[level]}", list(cells.values(preset, method, level, rate=rate).values()))
        for level in levels
    ]


def _less(
    left: tuple[str, str],
    right: tuple[str, str],
    judge: Callable[[str, list[float]], Finding],
    *levels: int,
    column: str = "error_rise",
) -> Rule:
    return lambda cells: [
        judge(LEVELS[level], paired(cells.values(*left, level, column), cells.values(*right, level, column)))
        for level in levels
    ]


def _all(*rules: Rule) -> Rule:
    return lambda cells: [finding for rule in rules for finding in rule(cells)]


def _papers_rate(cells: Cells) -> list[Finding]:
    """Judge on five initialisations where they are recorded, on three before."""
    more = cells.values("reduced/papers-rate-more", "published", 9)
    preset = "reduced/papers-rate-more" if len(more) > 3 else "reduced/papers-rate"
    return _stable(preset, "published", 4, 9, label="papers' rate, ")(cells)


def _by_images(cells: Cells) -> list[Finding]:
    """Judge the slope of the barrier on the logarithm of the number of real images."""
    sources = {
        100: (MAIN, "random-real"),
        400: ("reduced/real-400", "random-real"),
        2_000: ("reduced/real-2000", "random-real"),
        10_000: ("reduced/real-10000", "random-real"),
        32_000: (MAIN, "real-short"),
    }
    found = []
    for level, label in LEVELS.items():
        by_number = {n: cells.values(*where, level, "barrier") for n, where in sources.items()}
        shared = set.intersection(*(set(values) for values in by_number.values()))
        logs = [math.log10(n) for n in sources]
        slopes = [slope(logs, [by_number[n][init] for n in sources]) for init in sorted(shared)]
        found.append(negative(label, slopes))
    return found


def _few_steps(cells: Cells) -> list[Finding]:
    """Judge the loops that moved no further than two initial norms."""
    found = []
    for preset, rate in (("reduced/long-gentle", 0.01), ("reduced/long-gentle", 0.003), ("reduced/short-steep", 0.1)):
        rises = cells.values(preset, "real-short", 9, rate=rate)
        near = [rise for init, rise in rises.items() if cells.travelled(preset, "real-short", rate, init) <= 2]
        if near:
            found.append(unstable(f"rate {rate:g}", near))
    return found or [Finding("no loop within two norms", math.nan, None, 0, NOT_RUN)]


_BOTH = (4, 9)
_LONG = tuple(_stable("reduced/long-gentle", "real-short", 9, rate=r, label=f"rate {r:g}, ") for r in (0.01, 0.003))
_UNTRAINED = tuple(
    _stable("reduced/untrained", method, 4, label=f"{method}, ")
    for method in ("magnitude", "random", "snip", "synflow")
)
_MATCHED = tuple(
    _stable("reduced/matched-layers", method, 9, label=f"{method}, ")
    for method in ("magnitude-layers", "snip-layers", "synflow-layers")
)
_HALF = ("reduced/half-steps", "distilled")
_REAL = (MAIN, "real-short")
RULES: dict[int, tuple[Rule, ...]] = {
    0: (
        _all(
            *(
                _stable("reduced/gentle", method, *_BOTH, label=label)
                for method, label in (("distilled", "distilled, "), ("real-short", "all real images, "))
            )
        ),
        _all(
            *(
                _stable("reduced/own-sets", "distilled", *_BOTH, rate=rate, label=f"rate {rate:g}, ")
                for rate in (0.03, 0.01)
            )
        ),
    ),
    1: (
        _all(_papers_rate, _stable("reduced/whitened", "published", *_BOTH, label="reduced rate, ")),
        _less(("reduced/papers-rate", "published"), ("reduced/papers-rate", "real-short"), positive, *_BOTH),
        _less(("reduced/papers-rate", "published"), ("reduced/papers-rate", "random-real"), negative, *_BOTH),
        _less(
            ("reduced/papers-rate", "published"),
            ("reduced/papers-rate", "imp"),
            lambda label, values: equal(label, values, POINT),
            9,
            column="accuracy",
        ),
    ),
    2: (
        _all(
            *(
                lambda cells, preset=preset: [
                    unstable(
                        f"{preset.removeprefix('reduced/')}, 87 %", list(cells.values(preset, "real-short", 9).values())
                    )
                ]
                for preset in ("reduced/whitened-width32", "reduced/width32")
            )
        ),
        _all(
            _stable("reduced/whitened-width32", "published", 9, label="MTT, "),
            _stable("reduced/width32", "distilled", 9, label="own sets, "),
        ),
    ),
    3: (
        _by_images,
        _stable("reduced/real-400", "random-real", 9),
        _less(
            ("reduced/idc", "distilled"),
            ("reduced/real-400", "random-real"),
            lambda label, values: within(label, values, -math.inf, -2 * POINT),
            *_BOTH,
        ),
    ),
    4: (_all(*_LONG), _few_steps),
    5: (
        _less(_HALF, _REAL, positive, *_BOTH),
        _less(_HALF, _REAL, lambda label, values: equal(label, values, 2 * POINT), *_BOTH),
    ),
    6: (
        _all(
            _stable("reduced/permuted", "mislabelled", *_BOTH, label="permuted labels, "),
            _stable("reduced/shuffled", "shuffled", *_BOTH, label="shuffled, "),
            *_UNTRAINED,
            *_MATCHED,
        ),
        _stable("reduced/permuted", "mislabelled", *_BOTH),
    ),
}


UNITS = {(3, 0): (1.0, "nats for ten times the images")}
POINTS = (1 / POINT, "points")
CAME_OUT = {
    REPRODUCED: "✓ holds",
    CONTRADICTED: "✗ does not",
    UNDECIDED: "? undecided",
    NOT_RUN: "not recorded yet",
}


def describe(finding: Finding, step: int, rule: int) -> str:
    """Write a finding in the unit of its rule, with its interval, number of initialisations and what follows."""
    if not finding.n:
        return f"{finding.setting}: {CAME_OUT[finding.verdict]}"
    factor, unit = UNITS.get((step, rule), POINTS)
    digits = 1 if factor > 1 else 3
    bounds = [f"{factor * bound:.{digits}f}" for bound in finding.interval or ()]
    inside = f" [{', '.join(bounds)}]" if bounds else ""
    numbers = f"{factor * finding.value:+.{digits}f}{inside}".replace("-", "−")
    return f"{finding.setting}: {numbers} {unit}, n = {finding.n}: {CAME_OUT[finding.verdict]}"


def show(step: Step, cells: Cells) -> Table:
    """Tabulate a step: its rules, what came out, and where and when they were written."""
    rows = []
    for i, (text, findings) in enumerate(answer(step, cells)):
        rows.append([text, lines([describe(finding, step.number, i) for finding in findings])])
    commit, date = step.registered
    entries: list[tuple[str, str | Markup]] = [("step", f"{step.number}. {step.title}")]
    entries += [("setting", step.setting)] if step.setting else []
    entries += [
        ("rules written", f"in commit {commit} of {date:%-d %B %Y}, before the first of its runs"),
        ("recorded", f"{len(step.recorded)} of {len(step.cells)} runs"),
    ]
    waiting = [cell for cell in step.cells if cell not in step.recorded]
    entries += [("to come", code(f"distilled-pruning run {cell}")) for cell in waiting]
    return Table(["rule", "what came out"], rows, after=Note(entries))


def answer(step: Step, cells: Cells) -> list[tuple[str, list[Finding]]]:
    """Give each rule of a step with what the recorded cells say about it; a rule that only orders has no findings."""
    rules = RULES.get(step.number, ())
    return [(text, rules[i](cells) if i < len(rules) else []) for i, text in enumerate(step.rules)]


def list_answers(root: Path) -> str:
    """Write all steps with what came out of each rule, as Markdown for the page of findings."""
    cells = Cells(Recorded(root / "results"))
    parts = []
    for step in read_steps():
        commit, date = step.registered
        parts.append(f"**{step.number}. {plain(step.title)}** (rules of {date:%-d %B %Y}, commit `{commit}`)\n")
        for i, (text, findings) in enumerate(answer(step, cells)):
            found = [describe(finding, step.number, i) for finding in findings if finding.n]
            parts.append(f"- {plain(text)} {plain('; '.join(found)) if found else '*Not recorded yet.*'}")
        parts.append("")
    return "\n".join(parts)
