"""Jobs: frozen dataclasses that name one piece of work completely, each with a key that follows from its content.

A job's parents are fields, so jobs form a graph. The key hashes the fields that differ from their defaults, the
parents' keys, the version of the job's kind and the digest of the data, so a new option orphans nothing. Nothing
here imports PyTorch before a job is performed.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...data import cache, catalog, facts
from ...errors import InputError
from ...models import networks

if TYPE_CHECKING:
    import numpy as np

_KEY_BYTES = 16
_KEY = re.compile(r"[0-9a-f]{32}")


def key_of(spec: dict[str, Any]) -> str:
    """Hash a job's spec: kind, version, fields that differ from their defaults, parents by key."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES).hexdigest()


def is_key(text: object) -> bool:
    """Whether a text has the form of a key."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


def check_key(key: str) -> str:
    """Give a key back, so that no other text ever becomes part of a path.

    Raises:
        InputError: It is not 32 hexadecimal digits.
    """
    if not is_key(key):
        raise InputError(
            f"{key!r} is not a key: a key is 32 hexadecimal digits, as `distilled-pruning plan --json` lists"
        )
    return key


def source_digest(name: str) -> str:
    """Give the digest of a dataset's or a published set's source: the catalog's, or that of the file or folder."""
    known = catalog.DATASETS.get(name)
    if known is not None and known.digest:
        return known.digest
    path = Path(name)
    if path.is_dir():
        from ...data import folders

        return folders.hash_files(folders.listing(path))
    if path.exists():
        return cache.digest([("", path)])
    from ... import data

    return data.digest(name)


@dataclass(frozen=True)
class Data:
    """A dataset as a study sees it, and as it was when first asked about.

    Attributes:
        name: A catalog name or a path.
        size: Side in pixels, 0 for the native size.
        subset: Stratified number of training images, 0 for all.
        normalisation: ``"dataset"`` for its own statistics, ``"papers"`` for those of the papers' code.
        zca: Whiten (for the first paper's distilled set).
    """

    name: str
    size: int = 0
    subset: int = 0
    normalisation: str = "dataset"
    zca: bool = False

    @functools.cached_property
    def info(self) -> facts.DatasetInfo:
        """Facts from the catalog or the file's header."""
        return catalog.info(self.name)

    @functools.cached_property
    def digest(self) -> str:
        """Digest of what is read."""
        return source_digest(self.name)

    @property
    def called(self) -> str:
        """Name that recipes know it by, which is that of the loaded dataset."""
        return catalog.short_name(self.name)

    @property
    def pixels(self) -> int:
        """Side of the images in pixels."""
        return self.size or self.info.size

    @property
    def images(self) -> int:
        """Number of training images."""
        return self.subset or self.info.train


@dataclass(frozen=True)
class Network:
    """A network at initialisation: architecture, width and seed."""

    model: str
    width: int
    seed: int = 0
    depth: int = 0
    norm: str = ""
    init: str = "default"


def _encode(value: Any) -> Any:
    """Turn a field's value into canonical JSON: parents become their keys, defaults and paths are left out."""
    if isinstance(value, Job):
        return {"job": value.key}
    if isinstance(value, Data):
        named = _list_fields(value)
        if value.name not in catalog.DATASETS:
            del named["name"]
        return {**named, "digest": value.digest}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _list_fields(value)
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _list_fields(value: Any) -> dict[str, Any]:
    """List the fields of a dataclass that differ from their defaults, with the source of somebody's own network."""
    found = {
        item.name: _encode(getattr(value, item.name))
        for item in dataclasses.fields(value)
        if getattr(value, item.name) != item.default
    }
    if networks.is_own(found.get("model")):
        found["code"] = networks.digest(found["model"])
    return found


@dataclass
class Result:
    """What a job leaves behind.

    Attributes:
        metrics: Numbers and short lists, as JSON.
        arrays: Everything large, by name.
    """

    metrics: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a running job sees of the world around it.

    Attributes:
        load: Reads a parent's result.
        device: ``"auto"``, ``"cpu"`` or a CUDA device.
        checkpoint: A folder of the job's own; what it leaves there is there again in its next life.
        progress: Call with ``(done, total, figures)`` as often as you like.
        stop: Whether to save a checkpoint and raise :class:`~distilled_pruning.errors.Interrupted`.
    """

    load: Callable[[Job], Result]
    device: str
    checkpoint: Path
    progress: Callable[[int, int, dict[str, float]], None]
    stop: Callable[[], bool]


@dataclass(frozen=True)
class Job:
    """One piece of work; subclasses add the fields that name it, and say how it is done.

    Class attributes:
        kind: Name of the kind.
        version: Raised whenever the numbers of this kind change.
        gpu: Whether a GPU makes a difference.
        passing: Whether the result's arrays serve jobs alone and no figure, so that they are recorded only while a job
            that needs them is still to be done.
        unrecorded: Names of metrics that no figure shows: they stay in the store and are not recorded.
    """

    kind: ClassVar[str] = "job"
    version: ClassVar[int] = 1
    gpu: ClassVar[bool] = True
    passing: ClassVar[bool] = False
    unrecorded: ClassVar[tuple[str, ...]] = ()

    @property
    def borrowed(self) -> bool:
        """Whether the result's arrays hold other people's images, which are never recorded."""
        return False

    def lent(self, array: str) -> bool:
        """Whether an array of the result, by name, holds other people's images."""
        return self.borrowed

    @functools.cached_property
    def key(self) -> str:
        """32 hexadecimal digits that follow from the job's content."""
        return key_of(self.spec())

    def spec(self) -> dict[str, Any]:
        """Describe the job as JSON, parents by key."""
        return {"kind": self.kind, "version": self.version + self.revision, "fields": _list_fields(self)}

    @property
    def revision(self) -> int:
        """How often the numbers of this very case changed while other cases of its kind kept theirs."""
        return 0

    @functools.cached_property
    def parents(self) -> tuple[Job, ...]:
        """Jobs whose results this one reads."""
        values = [getattr(self, item.name) for item in dataclasses.fields(self)]
        flat = itertools.chain.from_iterable(value if isinstance(value, tuple) else (value,) for value in values)
        return tuple(value for value in flat if isinstance(value, Job))

    def check(self) -> Data | None:
        """Refuse what could not be done, before anything is spent on it.

        Returns:
            The dataset the job rests on, whose own form is looked at after; ``None`` where there is nothing to check.

        Raises:
            InputError: The job could not be done.
        """
        return None

    def perform(self, context: Context) -> Result:
        """Do the work.

        Raises:
            Interrupted: The run wants to stop; a checkpoint was saved.
        """
        raise NotImplementedError(f"a job of kind {self.kind!r} does not say how it is done")

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates, for estimates only."""
        return 1e6

    @property
    def calls(self) -> float:
        """Calls of a network one after the other, in training steps, for estimates only.

        Each takes a while however few and small its images are, which is all there is to small networks and batches.
        """
        return 0

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return self.kind


class Training(Job):
    """A job that leaves a trained network behind."""

    network: Network


def check_unchanged(job: Job) -> None:
    """Raise :class:`InputError` where what a job's key was made from has changed since."""
    if key_of(job.spec()) != job.key:
        raise InputError(f"what {job.title} rests on has changed since this run was planned: start it again")


def graph(jobs: list[Job] | tuple[Job, ...]) -> list[Job]:
    """List jobs and everything they need, parents first, each once."""
    ordered: dict[str, Job] = {}
    stack: list[tuple[Job, bool]] = [(job, False) for job in reversed(jobs)]
    while stack:
        job, expanded = stack.pop()
        if job.key in ordered:
            continue
        if expanded:
            ordered[job.key] = job
        else:
            stack.append((job, True))
            stack.extend((parent, False) for parent in reversed(job.parents))
    return list(ordered.values())
