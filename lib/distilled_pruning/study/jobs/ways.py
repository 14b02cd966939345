"""Every way to find masks: what it is called, how it is drawn, and how it goes about it.

Whatever asks which ways there are, or of which kind one is, asks here; a plugin adds one by :func:`add`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Protocol

from ...errors import InputError, show
from ...registry import Registry, blaming, check_call, with_author
from ...training.recipe import Recipe
from .base import Data, Network
from .chain import Prune, Train
from .distill import Distill, Source

_SCORERS, _SCORER, _EARLY = 5, 100, 10  # early networks whose scores choose easy images: number, first seed, share


class _Setup(Protocol):
    """What a way may know of the study it serves, as :class:`..sections.common.setup.Setup` is one."""

    data: Data
    outer: Recipe
    ipc: int

    def network(self, seed: int) -> Network: ...

    def distilled_set(self, seed: int) -> Distill: ...

    def published_set(self) -> Distill: ...


class Kind(Enum):
    """How a way goes about finding a mask."""

    DENSE = auto()
    """Not at all: everything is kept."""
    FULL_LOOP = auto()
    """By rounds of training as long as a retraining, on real data."""
    SHORT_LOOP = auto()
    """By rounds of a short inner loop."""
    UNTRAINED = auto()
    """By rounds without training."""
    ONE_SHOT = auto()
    """In one step from the dense network."""
    MATCHED = auto()
    """In one step, with as many weights in each layer as another way keeps there."""


LOOPS = (Kind.FULL_LOOP, Kind.SHORT_LOOP)


@dataclass(frozen=True)
class Way:
    """A way to find masks.

    Attributes:
        name: What parameters, frames and recorded results call it.
        label: What figures and tables call it.
        colour: ``#rrggbb``, with a contrast of at least 3 to white.
        kind: How it goes about it.
        trains_on: What the loop of an initialisation trains on, given the setup and the seed; of loops only.
        score: What the weights are ranked by, a ``method`` of the job.
        job: Kind of job that prunes; a subclass may rank them its own way.
        after: Way that finds the first ``distilled_levels`` levels, if another does.
        offered: Whether the parameter ``methods`` may name it.
    """

    name: str
    label: str
    colour: str
    kind: Kind
    trains_on: Callable[[_Setup, int], Source] | None = None
    score: str = "magnitude"
    job: type[Prune] = Prune
    after: str = ""
    offered: bool = True


WAYS: Registry[Way] = Registry("way to find masks")


def add(way: Way) -> Way:
    """Add a way to find masks.

    Raises:
        InputError: Its name is taken, or none, or what else it says is none of what :class:`Way` takes.
    """
    what = f"the way {show(way.name)}"
    if not isinstance(way.kind, Kind):
        raise InputError(f"kind of {what} must be a Kind, as Kind.SHORT_LOOP, not {show(way.kind)}")
    if not isinstance(way.colour, str) or not re.fullmatch("#[0-9a-fA-F]{6}", way.colour):
        raise InputError(f"colour of {what} must be written as #2f6f4f, not {show(way.colour)}")
    if way.kind in LOOPS and way.trains_on is None:
        raise InputError(f"{what} has no mask: a loop must be added with what it trains on")
    if way.trains_on is not None:
        check_call(what, way.trains_on, "setup", "seed")
    return WAYS.add(way.name, way, way.trains_on)


def source_of(way: Way, setup: _Setup, seed: int) -> Source:
    """Give what the loop of a way trains on.

    Raises:
        InputError: What should say so fails, or gives something else.
    """
    what = f"the way {way.name!r}"
    assert way.trains_on is not None, "add refuses a loop without it"
    with blaming(what, way.trains_on):
        found: object = way.trains_on(setup, seed)
        if isinstance(found, Source):
            hash(found)  # a field that is a list, say, fails here, where it is known whose it is
            return found
    raise InputError(
        f"{with_author(what, way.trains_on)} gives {show(found)} to train on: give setup.data or a Distill"
    )


def names(kinds: Iterable[Kind] = Kind) -> tuple[str, ...]:
    """List the ways that a user may choose, of some kinds."""
    wanted = set(kinds)
    return tuple(way.name for way in WAYS.values() if way.offered and way.kind in wanted)


def continued() -> dict[str, str]:
    """Map the ways whose first levels another goes on from to that other, in the order of the table."""
    return {way.after: way.name for way in WAYS.values() if way.after}


def kind(method: str) -> Kind:
    """Give the kind of a way."""
    return WAYS[method].kind


def label(method: str) -> str:
    """Give what figures and tables call a way; one that is not known here goes by its own name."""
    return WAYS[method].label if method in WAYS else method


def colour(method: str) -> str:
    """Give the colour of a way."""
    return WAYS[method].colour


def _mislabelled(setup: _Setup, seed: int) -> Source:
    return replace(setup.distilled_set(seed), shuffle_labels=True)


def _random_real(setup: _Setup, seed: int) -> Source:
    return Distill(setup.data, "random", setup.ipc, seed=seed)


def _easy_real(setup: _Setup, _seed: int) -> Source:
    early = max(1, setup.outer.epochs // _EARLY)
    scorers = tuple(Train(setup.network(_SCORER + n), setup.data, setup.outer, until=early) for n in range(_SCORERS))
    return Distill(setup.data, "easy", setup.ipc, scorers=scorers)


def _real(setup: _Setup, _seed: int) -> Source:
    return setup.data


add(Way("dense", "Dense", "#5f5f5f", Kind.DENSE))
add(Way("imp", "IMP", "#d55e00", Kind.FULL_LOOP, _real))
add(Way("combined", "Distilled, then IMP", "#00875f", Kind.FULL_LOOP, _real, after="distilled", offered=False))
add(Way("distilled", "Distilled", "#0072b2", Kind.SHORT_LOOP, lambda setup, seed: setup.distilled_set(seed)))
add(Way("published", "Distilled, published set", "#7a6ad8", Kind.SHORT_LOOP, lambda setup, _: setup.published_set()))
add(Way("mislabelled", "Distilled, labels permuted", "#c51b7d", Kind.SHORT_LOOP, _mislabelled))
add(Way("random-real", "Random real images", "#c05f95", Kind.SHORT_LOOP, _random_real))
add(Way("easy-real", "Easy real images", "#a6761d", Kind.SHORT_LOOP, _easy_real))
add(Way("real-short", "All real images, few steps", "#009e73", Kind.SHORT_LOOP, _real))
add(
    Way(
        "short-combined",
        "All real images, few steps, then IMP",
        "#5b7f00",
        Kind.FULL_LOOP,
        _real,
        after="real-short",
        offered=False,
    )
)
add(Way("magnitude", "Magnitude at initialisation", "#a87400", Kind.UNTRAINED))
add(Way("magnitude-layers", "Magnitude, matched layers", "#7d5c07", Kind.MATCHED, score="magnitude-layers"))
add(Way("random", "Random", "#7f7f7f", Kind.UNTRAINED, score="random"))
add(Way("shuffled", "Shuffled in layers", "#7b3294", Kind.MATCHED, score="shuffled"))
add(Way("snip", "SNIP", "#1b7837", Kind.ONE_SHOT, score="snip"))
add(Way("snip-layers", "SNIP, matched layers", "#3f8f4a", Kind.MATCHED, score="snip"))
add(Way("synflow", "SynFlow", "#2f8a82", Kind.ONE_SHOT, score="synflow"))
add(Way("synflow-layers", "SynFlow, matched layers", "#01665e", Kind.MATCHED, score="synflow"))
