"""The campaign's rules: each becomes findings from the recorded cells, and a page shows both side by side."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..display import Markup, Note, Table, code, lines
from ..jobs.ways import label as name_way
from ..judging.claims import find
from ..judging.statistics import by_init, paired, slope, way
from ..judging.units import NATS, PERCENT, POINTS, Unit
from ..judging.verdicts import (
    CONTRADICTED,
    NOT_RUN,
    RANGE,
    REPRODUCED,
    UNDECIDED,
    Finding,
    equal,
    negative,
    positive,
    stable,
    unstable,
    within,
    write_finding,
)
from ..sections.s3_distilled_pruning import lottery
from ..sections.s6_stable_initializations.claims import SPARSEST, averaged
from .images import REAL, SOURCES
from .steps import LEVELS, MAIN, PAPERS_RATE, POINT, Cells, Step

_Rule = Callable[[Cells], list[Finding]]
_Judge = Callable[[str, Sequence[float]], Finding]
_SPARSE = replace(PERCENT, name="% sparse")
_A_TENFOLD = Unit("nats for ten times the images", NATS.factor, NATS.digits, signed=True)


def _each(
    judge: _Judge,
    preset: str,
    method: str,
    *levels: int,
    rate: float | None = None,
    label: str = "",
) -> _Rule:
    return lambda cells: [
        judge(f"{label}{LEVELS.get(level, method)}", list(cells.values(preset, method, level, rate=rate).values()))
        for level in levels
    ]


_stable, _unstable = functools.partial(_each, stable), functools.partial(_each, unstable)


def _less(
    left: tuple[str, str],
    right: tuple[str, str],
    judge: _Judge,
    *levels: int,
    column: str = "error_rise",
) -> _Rule:
    return lambda cells: [
        judge(LEVELS[level], paired(cells.values(*left, level, column), cells.values(*right, level, column)))
        for level in levels
    ]


def _all(*rules: _Rule) -> _Rule:
    return lambda cells: [finding for rule in rules for finding in rule(cells)]


def _by_images(cells: Cells) -> list[Finding]:
    """Judge the slope of the barrier on the logarithm of the number of real images."""
    found = []
    for level, label in LEVELS.items():
        by_number = {images: cells.values(preset, method, level, "barrier") for images, preset, method in SOURCES[REAL]}
        shared = set.intersection(*(set(values) for values in by_number.values()))
        logs = [math.log10(n) for n in by_number]
        slopes = [slope(logs, [values[init] for values in by_number.values()]) for init in sorted(shared)]
        found.append(negative(label, slopes, _A_TENFOLD))
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


def _claim(name: str) -> _Rule:
    """Read a rule that is a claim's own, from the frames recorded at the reduced scale."""

    def rule(cells: Cells) -> list[Finding]:
        frames = {figure: cells.folder.table(figure, MAIN) for figure in ("membership", "orders")}
        return find(name).measure(frames)

    return rule


def _claim_of(name: str, preset: str) -> _Rule:
    """Read a rule that is a claim's own, from the frames of one cell."""

    def rule(cells: Cells) -> list[Finding]:
        found = find(name)
        frames = {figure: frame for figure in found.frames if (frame := cells.frame(preset, figure)) is not None}
        return found.measure(frames)

    return rule


def _ends(preset: str, limit: float) -> _Rule:
    """Judge whether IMP from initialisation surely has tickets past a sparsity."""

    def rule(cells: Cells) -> list[Finding]:
        frame = cells.frame(preset, "fig7")
        dense = by_init(way(frame, "dense"), "accuracy")
        imp = way(frame, "imp")
        found = lottery.end(imp, dense)
        if frame is None or imp is None or found is None:
            return []
        low, high = lottery.range_of(imp, found)
        verdict = REPRODUCED if low > limit else CONTRADICTED if high <= limit else UNDECIDED
        share = lottery.sparsity(imp, found.level)
        return [Finding(_DIGITS[preset], share, (low, high), found.n, verdict, unit=_SPARSE, spread=RANGE)]

    return rule


def _alike(margin: float) -> _Judge:
    return lambda label, values: equal(label, values, margin, POINTS)


_more = functools.partial(positive, unit=POINTS)
_fewer = functools.partial(negative, unit=POINTS)
_no_less = functools.partial(within, low=-POINT, high=math.inf, unit=POINTS)


def _late(preset: str, left: str, right: str, judge: _Judge, early: bool = False) -> _Rule:
    """Judge a difference of accuracy between two ways, over the levels past IMP's first eight that both have."""

    def rule(cells: Cells) -> list[Finding]:
        frame = cells.frame(preset, "fig7")
        ours, theirs = way(frame, left), way(frame, right, early=early)
        if frame is None or ours is None or theirs is None:
            return []
        shared = {int(n) for n in {*ours["level"]} & {*theirs["level"]} if n > int(frame["level"].max()) * SPARSEST}
        return [judge(_DIGITS[preset], paired(averaged(ours, shared), averaged(theirs, shared)))] if shared else []

    return rule


_BOTH = (4, 9)
_DIGITS = {"reduced/digits32": "width 32", "reduced/digits64": "width 64"}
_LONG = tuple(_stable("reduced/long-gentle", "real-short", 9, rate=r, label=f"rate {r:g}, ") for r in (0.01, 0.003))
_UNTRAINED = tuple(
    _stable("reduced/untrained", method, 4, label=f"{name_way(method)}, ")
    for method in ("magnitude", "random", "snip", "synflow")
)
_MATCHED = tuple(
    _stable("reduced/matched-layers", method, 9, label=f"{name_way(method)}, ")
    for method in ("magnitude-layers", "snip-layers", "synflow-layers")
)
_HALF = ("reduced/half-steps", "distilled")
_REAL = (MAIN, "real-short")
RULES: dict[int, tuple[_Rule, ...]] = {
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
        _all(
            _stable(PAPERS_RATE, "published", *_BOTH, label="papers' rate, "),
            _stable("reduced/whitened", "published", *_BOTH, label="reduced rate, "),
        ),
        _less((PAPERS_RATE, "published"), (PAPERS_RATE, "real-short"), _more, *_BOTH),
        _less((PAPERS_RATE, "published"), (PAPERS_RATE, "random-real"), _fewer, *_BOTH),
        _less((PAPERS_RATE, "published"), (PAPERS_RATE, "imp"), _alike(POINT), 9, column="accuracy"),
    ),
    2: (
        _all(
            *(
                _unstable(f"reduced/{preset}", "real-short", 9, label=label)
                for preset, label in (("whitened-width32", "whitened, "), ("width32", "not whitened, "))
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
            lambda label, values: within(label, values, -math.inf, -2 * POINT, POINTS),
            *_BOTH,
        ),
    ),
    4: (_all(*_LONG), _few_steps),
    5: (
        _less(_HALF, _REAL, _more, *_BOTH),
        _less(_HALF, _REAL, _alike(2 * POINT), *_BOTH),
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
    7: (_claim("sharp-weights"), _claim("order-dependence")),
    10: (
        _claim_of("p-accuracy", "reduced/alexnet"),
        _claim_of("p-stable-at-init", "reduced/alexnet"),
        _claim_of("p-accuracy-100", "reduced/cifar100"),
    ),
    13: (
        _all(*(_ends(preset, 0.6) for preset in _DIGITS)),
        _all(*(_late(preset, "combined", "imp", _more) for preset in _DIGITS)),
        _all(*(_late(preset, "combined", "imp", _alike(POINT), early=True) for preset in _DIGITS)),
        _all(*(_late(preset, "short-combined", "combined", _no_less) for preset in _DIGITS)),
    ),
    14: (_claim_of("p-accuracy", "reduced/alexnet-long"), _claim_of("p-stable-at-init", "reduced/alexnet-long")),
    9: (
        _all(
            _unstable("reduced/imagenette", "dense", 0),
            _unstable("reduced/imagenette", "imp", *_BOTH, label="IMP, "),
        ),
        _stable("reduced/imagenette", "distilled", *_BOTH),
        _less(("reduced/imagenette", "distilled"), ("reduced/imagenette", "imp"), _fewer, *_BOTH),
        _less(("reduced/imagenette", "distilled"), ("reduced/imagenette", "real-short"), _more, *_BOTH),
    ),
}


_CAME_OUT = {
    REPRODUCED: "✓ holds",
    CONTRADICTED: "✗ does not",
    UNDECIDED: "? undecided",
    NOT_RUN: "not recorded yet",
}


def describe(finding: Finding) -> str:
    """Write a finding with its interval, number of initialisations and what follows."""
    said = _CAME_OUT[finding.verdict]
    return f"{write_finding(finding)}: {said}" if finding.n else f"{finding.setting}: {said}"


def show(step: Step, cells: Cells) -> Table:
    """Tabulate a step: its rules, what came out, and where and when they were written."""
    rows = []
    for text, findings in answer(step, cells):
        rows.append([text, lines([describe(finding) for finding in findings])])
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
