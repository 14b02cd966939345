"""What the prose pages may name: claims with their evidence, the answer, scales, compute, parameters, code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import display
from ..campaign.answers import list_questions, list_rules
from ..campaign.images import draw_images
from ..campaign.scale import draw_scale, read_regimes, select_common, select_widest
from ..campaign.sets import say_briefly, say_stable
from ..campaign.steps import read_cells
from ..judging.ledger import stamp
from ..parameters.fields import as_text
from ..parameters.notebooks import home, read
from ..results.recorded import Recorded
from ..sections import figures as drawn
from ..sections.common import comparison
from ..sections.how_fast import page as speed
from ..sections.section import Section
from . import conclusions, deviations, effort, evidence, findings, hero, regime, showing

if TYPE_CHECKING:
    import pandas as pd

    from .deviations import Frames


_POOLED = {"draw_scale": draw_scale, "draw_images": draw_images}  # draw what is recorded under several parameters


@dataclass(frozen=True)
class Code:
    """A function that draws.

    Attributes:
        name: Its name.
        path: Its file.
        line: The line it begins on.
        source: Its code.
    """

    name: str
    path: str
    line: int
    source: str


def gather(
    sections: Sequence[Section],
    sources: Mapping[str, Path],
    rows: Sequence[Mapping[str, Any]],
    asked: Sequence[Mapping[str, Any]],
    repository: str = "",
    waiting: Sequence[str] = (),
) -> dict[str, Any]:
    """Give every value that a page may name.

    Args:
        sections: The notebooks under their parameters.
        sources: Name to notebook.
        rows: The ledger.
        asked: The ledger of the page of controls alone, so that every page gives the same answer to its question.
        repository: Address of the sources on the web; empty where there is none.
        waiting: Notebooks whose results are not there yet.
    """
    filled = [section for section in sections if section.name not in waiting]
    frames = {name: frame for section in filled for name, frame in section.frames().items()}
    claims = evidence.gather(rows)
    results = home() / "results"
    picture = hero.find(results)
    cells = read_cells()
    here = next((section.parameters for section in sections if section.name == regime.PAGE), None)
    return {
        "answer": conclusions.headline(asked, say_briefly(cells)),
        "appeared": say_stable(cells),
        "chosen": conclusions.CHOSEN,
        "reasons": findings.reasons(asked),
        "relatives": conclusions.RELATIVES,
        "claims": claims,
        "papers": [item for item in claims.values() if not item.ours],
        "questions": [item for item in claims.values() if item.ours],
        "count": evidence.count,
        "scales": evidence.scales(list(claims.values())),
        "hero": picture,
        "regime": regime.table(results, picture.record.parameters if picture else None, here),
        "compute": regime.spent(results),
        **pictures_of_campaign(results),
        "campaign_first": list_questions(cells, first=True),
        "campaign_more": list_questions(cells, first=False),
        "campaign": list_rules(cells),
        "notebooks": list(sources),
        "waiting": list(waiting),
        "parameters": {name: parameters(path) for name, path in sources.items()},
        "efforts": effort.table(sections, sections[0].store) if sections else [],
        "drawing": code({**dict(inspect.getmembers(drawn, inspect.isfunction)), **_POOLED}),
        "repository": repository,
        "effects": deviations.effects(*best_frames(frames, stamp(filled), results)),
        "speed": speed.parts(home()),
        "previews": {},
    }


def pictures_of_campaign(results: Path) -> dict[str, display.Picture]:
    """Draw how stability changes with scale, and what it depends on in one regime, from everything recorded.

    Args:
        results: Folder of recorded results.
    """
    recorded = Recorded(results)
    frame = read_regimes(recorded)
    scales = " and ".join(dict.fromkeys(f"{record.scale} scale" for record in recorded.records("barriers")))
    marks = "large dots are means, bars 95 % intervals, small dots single initialisations."
    drawings = {
        "by_scale": (
            select_common(frame),
            "How stability changes with scale. Every recorded regime is a panel, with a row for every way to find "
            f"masks that was tried in several; {marks}",
            "recorded: every regime that barriers were measured in",
        ),
        "by_setting": (
            select_widest(frame),
            f"What stability depends on: every way and setting tried in the regime tried most; {marks}",
            "recorded: the regime in which most ways and settings were tried",
        ),
    }
    return {
        name: showing.pooled(draw_scale, rows, scales, about, caption, name.removeprefix("by_"))
        for name, (rows, caption, about) in drawings.items()
    }


def best_frames(frames: Frames, scale: str, results: Path) -> tuple[dict[str, pd.DataFrame], str]:
    """Give the frames that effects are measured on: recorded ones of the papers' network, else this run's.

    Args:
        frames: Tidy frames of this run by experiment name.
        scale: Their stamp.
        results: Folder of recorded results.

    Returns:
        The frames and their scale.
    """
    kept = {name: comparison.find_recorded(name, results, **comparison.PAPERS) for name in deviations.READ}
    found = {name: item for name, item in kept.items() if item is not None}
    if not found:
        return dict(frames), scale
    return {name: frame for name, (_, frame) in found.items()}, max(scale for scale, _ in found.values())


def parameters(path: Path) -> list[tuple[str, str, str]]:
    """List a notebook's parameters: name, default, help."""
    return [(name, str(as_text(line.value)), line.field.help) for name, line in read(path).items()]


def code(functions: Mapping[str, Callable[..., Any]]) -> list[Code]:
    """Give the code of functions and where it stands."""
    found = []
    for name, function in functions.items():
        lines, first = inspect.getsourcelines(function)
        path = "lib/" + function.__module__.replace(".", "/") + ".py"
        found.append(Code(name, path, first, "".join(lines)))
    return found
