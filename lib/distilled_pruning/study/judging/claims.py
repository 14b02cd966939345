"""Claims: one decorated function each, beside the page whose numbers they are judged by.

    @claim("imp-unstable", paper=PAPER, where="section 4", statement="…", rule="…", frames=("barriers",))
    def imp_unstable(frames: Frames) -> list[Finding]:
        ...

A module of :mod:`..sections` named ``claims`` or ``…_claims`` is found by its name; any other module registers its
claims by being imported.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import InputError, show, unknown
from ...registry import Registry, blaming, check_call, check_name, with_author
from .preconditions import Precondition
from .statistics import Frames, Measure
from .verdicts import Finding

PAPER, SUBMISSION, FIRST = "arXiv:2503.17905", "its ICLR 2024 submission", "arXiv:2307.03364"
OURS = "this companion"
TEXTS = (PAPER, SUBMISSION, FIRST, OURS)
EACH = "each"


@dataclass(frozen=True)
class Primary:
    """The settings that a claim's verdict rests on; all others are judged and shown beside.

    Attributes:
        rate: How the inner rate stands to the retraining's; what has no inner rate is primary as well.
        levels: Pruning levels; empty where the claim tells none apart.

    A measure gives a finding for each of them, run or not, so that one that is left out leaves the claim open.
    """

    rate: str
    levels: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.rate}, levels {' and '.join(map(str, self.levels))}" if self.levels else self.rate

    def mark(self, findings: Sequence[Finding]) -> list[Finding]:
        """Say of each finding whether it is primary."""
        return [
            replace(
                item,
                primary=item.primary
                and item.rate in (self.rate, "")
                and (not self.levels or item.level in (None, *self.levels)),
            )
            for item in findings
        ]


@dataclass(eq=False)
class Claim:
    """One statement and how it is judged; as a decorator it registers the function from frames to findings.

    Attributes:
        id: Short name, which no other claim may have.
        paper: Which text makes it, one of :data:`TEXTS`.
        where: Place in that text.
        statement: The statement, in our words.
        rule: How the verdict follows.
        frames: The experiments whose frames it reads; pages that show one of them judge it.
        paper_value: The paper's value, as printed or read off.
        sizes: Judged at paper scale only, because it states a size rather than a sign or an order.
        data: Dataset the statement is about; empty for any, one of them; :data:`EACH` for every one by itself.
        primary: The settings its verdict rests on; ``None`` for all that it measures.
        preconditions: What must hold before it can be tested.
        sentences: What each verdict says in plain words, where a page concludes from it.
        family: How many of the companion's primary comparisons it states; these are judged after Holm's correction over
            all of them, and a question that states none is exploratory.
        of_sets: Methods whose masks are found on distilled sets, so that initialisations may share one.
    """

    id: str
    paper: str
    where: str
    statement: str
    rule: str
    frames: tuple[str, ...]
    paper_value: str = ""
    sizes: bool = False
    data: str = ""
    primary: Primary | None = None
    preconditions: tuple[Precondition, ...] = ()
    sentences: Mapping[str, str] = field(default_factory=dict)
    family: int = 0
    of_sets: tuple[str, ...] = ()
    measure: Measure = field(init=False)

    def __post_init__(self) -> None:
        """Raise :class:`InputError` for what no claim can say."""
        check_name("claim", self.id)
        if self.paper not in TEXTS:
            raise unknown(f"paper of the claim {self.id!r}", self.paper, TEXTS)
        names: object = self.frames
        if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
            raise InputError(
                f"frames of the claim {self.id!r} must be a tuple, as ('barriers',), not {show(self.frames)}"
            )

    def __call__(self, measure: Measure) -> Measure:
        """Register a function from frames to findings as the claim's measure.

        Raises:
            InputError: A function of another module is registered under that name; this one takes other values.
        """
        check_call(f"claim {self.id!r}", measure, "frames")
        self.measure = measure
        _CLAIMS.add(self.id, self, measure)
        return measure

    @property
    def ours(self) -> bool:
        """Whether it is a question of this companion rather than a claim of a paper."""
        return self.paper == OURS

    @property
    def exploratory(self) -> bool:
        """Whether it is a question of our own that is not among the primary comparisons."""
        return self.ours and not self.family

    def findings(self, frames: Frames) -> tuple[Finding, ...]:
        """Measure it, and say which findings are primary; nothing where nothing was run."""
        what = f"claim {self.id!r}"
        with blaming(what, self.measure):
            found: object = self.measure(frames)
        if not isinstance(found, list | tuple) or not all(isinstance(item, Finding) for item in found):
            raise InputError(
                f"{with_author(what, self.measure)} gives {show(found)}: let it give a list of findings, "
                "as positive(...) makes them"
            )
        return tuple(found if self.primary is None else self.primary.mark(found))


claim = Claim
_CLAIMS: Registry[Claim] = Registry("claim")


def claims() -> tuple[Claim, ...]:
    """Give every claim, those of the papers first; the pages' are loaded at the first call."""
    _load()
    return tuple(sorted(_CLAIMS.values(), key=lambda item: (TEXTS.index(item.paper), item.measure.__module__)))


def check_frames(figures: Iterable[str]) -> None:
    """Refuse claims, of those registered so far, that read the frame of no figure there is.

    Raises:
        InputError: There is one.
    """
    known = tuple(figures)
    for item in _CLAIMS.values():
        for name in item.frames:
            if name not in known:
                raise unknown(f"figure in the frames of the claim {item.id!r}:", name, known)


def find(name: str) -> Claim:
    """Give the claim of a name."""
    _load()
    return _CLAIMS[name]


@functools.cache
def _load() -> None:
    """Import the modules of claims that stand beside the pages; those imported before cost nothing."""
    pages = f"{__package__.rpartition('.')[0]}.sections"
    spec = importlib.util.find_spec(pages)
    for folder in map(Path, (spec.submodule_search_locations if spec is not None else None) or ()):
        for page in sorted(path.name for path in folder.iterdir() if (path / "__init__.py").is_file()):
            for module in pkgutil.iter_modules([str(folder / page)]):
                if module.name == "claims" or module.name.endswith("_claims"):
                    importlib.import_module(f"{pages}.{page}.{module.name}")
