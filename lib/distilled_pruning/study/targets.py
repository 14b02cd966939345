"""What a command is asked to work on: notebooks, figures, single results, or everything."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, unknown
from .cells import home, notebooks, source
from .contents import FILE, stray
from .experiments import EXPERIMENTS
from .jobs import Job
from .keys import is_key
from .parameters import LIVE, bases, resolve, resolve_all
from .section import Section

ALL = "all"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """Something to compute: a section, and the jobs wanted of it."""

    section: Section
    jobs: Sequence[Job]


def find(names: Sequence[str], pairs: Iterable[tuple[str, Any]] = (), file: str | Path | None = None) -> list[Target]:
    """Turn what a user typed into targets.

    Args:
        names: Notebooks (by name or path), figures, keys; nothing or ``all`` for every notebook.
        pairs: Changed parameters.
        file: File of parameters, or the name of a preset.

    Raises:
        InputError: A name is none of these, or a parameter is wrong.
    """
    if ALL in (names or [ALL]):
        for path in stray(home()):
            log.warning("%s is left alone: %s does not name it", path, FILE)
    wanted = [name for given in names or [ALL] for name in (everything(file) if given == ALL else [given])]
    keys = [name for name in wanted if is_key(name)]
    figures = {name: EXPERIMENTS[name].notebook for name in wanted if name in EXPERIMENTS}
    pages = [name for name in wanted if name not in figures and name not in keys]
    for name in pages:
        if not Path(name).suffix and len(Path(name).parts) == 1 and name not in notebooks():
            raise unknown("notebook or figure", name, [*notebooks(), *EXPERIMENTS, ALL])
        source(name)
    changes = list(pairs)
    places = [*pages, *figures.values(), *(everything(file) if keys else [])]
    sections = {p.notebook: Section(p) for p in resolve_all(places, changes, file)}
    targets = [Target(sections[source(name).stem], sections[source(name).stem].jobs()) for name in pages]
    targets += [Target(sections[page], sections[page].jobs(name)) for name, page in figures.items()]
    return targets + [by_key(key, list(sections.values())) for key in keys]


def everything(file: str | Path | None) -> list[str]:
    """List the notebooks that have a preset; all of them for a file of parameters or none."""
    return [name for name in notebooks() if str(file) in bases(name)] or notebooks()


def by_key(key: str, sections: Sequence[Section]) -> Target:
    """Find the job of a key among the given sections and every preset of every notebook.

    Raises:
        InputError: None of them has it.
    """
    scales = ((name, scale) for name in notebooks() for scale in bases(name))
    others = (Section(resolve(name, file=None if scale == LIVE else scale)) for name, scale in scales)
    for section in (*sections, *others):
        with contextlib.suppress(InputError):  # a scale whose data are not here plans nothing
            for job in section.graph:
                if job.key == key:
                    return Target(section, [job])
    raise InputError(
        f"no notebook plans a job {key} with these parameters: give the -p or -f it was planned with, "
        "as `distilled-pruning plan --json` lists it"
    )


def jobs_of(targets: Sequence[Target]) -> list[Job]:
    """List the wanted jobs, each once."""
    return list({job.key: job for target in targets for job in target.jobs}.values())


def sections_of(targets: Sequence[Target]) -> list[Section]:
    """List the sections, each once."""
    return list({id(target.section): target.section for target in targets}.values())
