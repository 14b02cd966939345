"""What a command is asked to work on: notebooks, figures, single results, or everything."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import disk, plugins, registry
from ...data import catalog
from ...errors import InputError, unknown
from ..jobs import Job, is_key
from ..parameters.notebooks import FILE, home, list_stray, notebooks, source
from ..parameters.presets import LIVE, Parameters, bases, resolve, resolve_all
from .registry import EXPERIMENTS
from .section import Section

ALL = "all"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """Something to compute: a section, and the jobs wanted of it.

    Attributes:
        section: Whose parameters hold.
        jobs: Those wanted.
        whole: Whether their arrays are wanted too, not only what figures show.
    """

    section: Section
    jobs: Sequence[Job]
    whole: bool = False


def find(names: Sequence[str], pairs: Iterable[tuple[str, Any]] = (), file: str | Path | None = None) -> list[Target]:
    """Turn what a user typed into targets.

    Args:
        names: Notebooks (by name or path), figures, keys, keys of one notebook (``NOTEBOOK:KEY``); nothing or ``all``
            for every notebook.
        pairs: Changed parameters.
        file: File of parameters, or the name of a preset.

    Raises:
        InputError: A name is none of these, or a parameter is wrong.
    """
    plugins.load()
    _check_additions()
    if ALL in (names or [ALL]):
        for path in list_stray(home()):
            log.warning("%s is left alone: %s does not name it", path, FILE)
    wanted = [name for given in names or [ALL] for name in (everything(file) if given == ALL else [given])]
    parts = [split(name) for name in wanted]
    changes = list(pairs)
    places = list(dict.fromkeys(page for page, _, _ in parts if page))
    among = everything(file) if any(not page for page, _, _ in parts) else []
    known = resolve_all([*places, *among], changes, file, only=places)
    sections = {page: Section(found) for page, found in zip(places, known, strict=True)}
    targets = []
    for page, figure, key in parts:
        if not page:
            targets.append(_find_key(key, itertools.chain(sections.values(), _list_fitting(changes, file))))
        elif key:
            targets.append(_find_key(key, [sections[page]]))
        else:
            targets.append(Target(sections[page], sections[page].jobs(figure or None)))
    return targets


def _check_additions() -> None:
    """Refuse what plugins added to a page or a figure that is not there."""
    for name, added in EXPERIMENTS.items():
        if registry.is_foreign(added.plan):
            try:
                source(added.notebook)
            except InputError as error:
                raise InputError(f"{registry.with_author(f'figure {name!r}', added.plan)}: {error}") from error


def split(name: str) -> tuple[str, str, str]:
    """Read a target as notebook, figure and key; what it does not name is empty.

    Raises:
        InputError: There is no such notebook or figure.
    """
    page, _, key = name.rpartition(":")
    if not name:
        raise unknown("notebook or figure", name, [*notebooks(), *EXPERIMENTS, ALL])
    if is_key(key):
        return _locate(page), "", key
    return (EXPERIMENTS[name].notebook, name, "") if name in EXPERIMENTS else (_locate(name), "", "")


def _locate(page: str) -> str:
    """Give the one name of a notebook: its own if it is the book's, else its path.

    Raises:
        InputError: There is no such notebook.
    """
    if page and not Path(page).suffix and len(Path(page).parts) == 1 and page not in notebooks():
        raise unknown("notebook or figure", page, [*notebooks(), *EXPERIMENTS, ALL])
    path = source(page) if page else None
    if path is None or disk.real(path).parent == disk.real(home() / "notebooks"):
        return path.stem if path else ""
    return str(path)


def everything(file: str | Path | None) -> list[str]:
    """List the notebooks that have a preset; all of them for a file of parameters or none."""
    return [name for name in notebooks() if str(file) in bases(name)] or notebooks()


def _list_fitting(pairs: Sequence[tuple[str, Any]], file: str | Path | None) -> Iterator[Section]:
    """Give the sections among which a key is looked for: the notebooks that the parameters fit, then every preset.

    Raises:
        InputError: The parameters fit none.
    """
    names, refused = everything(file), []
    for name in names:
        try:
            found = resolve_all(names, pairs, file, only=[name])
        except InputError as error:
            refused.append(error)
        else:
            yield Section(found[0])
    if len(refused) == len(names):
        raise refused[0]
    live = [] if pairs or file else [LIVE]  # those were the first
    presets = [(name, scale) for name in notebooks() for scale in bases(name) if scale not in live]
    every = (resolve(name, file=None if scale == LIVE else scale) for name, scale in presets)
    yield from (Section(parameters) for parameters in every if at_hand(parameters))


def at_hand(parameters: Parameters) -> bool:
    """Whether the datasets of a page are known by their digests or on this machine, so that planning fetches none."""
    known = (catalog.DATASETS.get(name) for name in parameters.dataset)
    unsure = [info.name for info in known if info is not None and info.digest is None]
    if not unsure:
        return True
    from ... import data

    return all(data.find(name) is not None for name in unsure)


def _find_key(key: str, sections: Iterable[Section]) -> Target:
    """Find the job of a key among sections.

    Raises:
        InputError: None of them has it.
    """
    for section in sections:
        with contextlib.suppress(InputError):  # a scale whose data are not here plans nothing
            for job in section.graph:
                if job.key == key:
                    return Target(section, [job], whole=True)
    raise InputError(
        f"no notebook plans a job {key} with these parameters: give the -p or -f it was planned with, "
        "as `distilled-pruning plan --json` lists it"
    )


def command(section: Section) -> Callable[[Job], list[str]]:
    """Give what writes the command that does one job of a section: in any folder, whatever else was planned with it."""
    page, parameters = _locate(str(section.parameters.path)), section.parameters
    options = ["--jobs", "1", *parameters.anywhere, "--device", parameters.device, "--store", str(section.store.root)]
    return lambda job: ["distilled-pruning", "run", f"{page}:{job.key}", *options]


def jobs_of(targets: Sequence[Target]) -> list[Job]:
    """List the wanted jobs, each once."""
    return list({job.key: job for target in targets for job in target.jobs}.values())


def keys_of_whole(targets: Sequence[Target]) -> set[str]:
    """Give the keys of the jobs wanted with their arrays: those that were asked for by key."""
    return {job.key for target in targets if target.whole for job in target.jobs}


def sections_of(targets: Sequence[Target]) -> list[Section]:
    """List the sections, each once."""
    return list({id(target.section): target.section for target in targets}.values())
