"""One attempt at one job, in whichever process: lock, perform, save, and a report of how it went."""

from __future__ import annotations

import errno
import functools
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError, Interrupted
from ..jobs import Context, Job, Result
from .machine import Meter
from .store import Busy, Missing, Store

_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO}
_REST_SECONDS = 0.5
Perform = Callable[[Job, Context], Result]
Progress = Callable[[str, int, int, dict[str, float]], None]


def perform_job(job: Job, context: Context) -> Result:
    """Do a job as it says itself."""
    return job.perform(context)


@dataclass(frozen=True)
class Settings:
    """What all attempts of a run share; it travels to worker processes.

    Attributes:
        store: Where results are kept.
        device: Device to compute on.
        threads: Threads of every job, so that side by side or alone gives the same numbers.
        perform: How jobs are done.
    """

    store: Store
    device: str = "auto"
    threads: int = 1
    perform: Perform = perform_job


@dataclass(frozen=True)
class Report:
    """How an attempt ended.

    Attributes:
        key: Whose.
        status: ``"done"``, ``"busy"`` (another run does it), ``"missing"`` (a parent's result is), ``"stopped"``,
            ``"failed"``, ``"died"`` (its process did) or ``"storage"`` (results cannot be kept).
        seconds: Wall time; 0 when another run had done it.
        message: The reason, or the missing key.
        details: A traceback, where the reason is a fault in the code.
        typical: Whether the time says something about other jobs.
    """

    key: str
    status: str
    seconds: float = 0.0
    message: str = ""
    details: str = ""
    typical: bool = False


def attempt(
    job: Job,
    settings: Settings,
    stop: Callable[[], bool],
    progress: Callable[[int, int, dict[str, float]], None],
    cold: bool = False,
) -> Report:
    """Do a job unless someone else does or did; never raises but for what ends the process.

    Args:
        job: The job; its parents are done.
        settings: Those of the run.
        stop: Whether to stop at the next checkpoint.
        progress: Where the job says how far it is.
        cold: Whether it is the first job of its process, which pays for imports and for reading the data.
    """
    store = settings.store
    try:
        with store.lock(job.key):
            if store.has(job.key):
                return Report(job.key, "done")
            meter = Meter()
            checkpoint = store.checkpoint(job.key)
            continued = any(checkpoint.iterdir())
            surroundings = Context(lambda parent: store.load(parent.key), settings.device, checkpoint, progress, stop)
            result = settings.perform(job, surroundings)
            provenance: dict[str, Any] = meter.provenance(settings.device, settings.threads)
            timing = {"cost": job.cost, "calls": job.calls, "cold": cold, "continued": continued}
            store.save(job, result, {**provenance, **timing})
            return Report(job.key, "done", provenance["seconds"], typical=not (cold or continued))
    except Busy:
        return Report(job.key, "busy")
    except Interrupted:
        return Report(job.key, "stopped", message="it was told to stop")
    except Missing as missing:
        return Report(job.key, "missing", message=missing.key)
    except InputError as mistake:
        return Report(job.key, "failed", message=str(mistake))
    except Exception as error:
        if isinstance(error, OSError) and (error.errno in _STORAGE or _is_within(store.root, error.filename)):
            return Report(job.key, "storage", message=f"the store {store.root} cannot be written ({error.strerror})")
        try:
            store.prepare()  # a full disk shows in other ways too, such as PyTorch's own error
        except InputError as full:
            return Report(job.key, "storage", message=str(full))
        return Report(job.key, "failed", message=f"{type(error).__name__}: {error}", details=traceback.format_exc())


def _is_within(root: Path, name: object) -> bool:
    return isinstance(name, str | Path) and Path(name).is_relative_to(root)


def pin(threads: int) -> Callable[[], None]:
    """Hold PyTorch, where it is loaded, and NumPy's libraries to a number of threads; gives what undoes it."""
    from threadpoolctl import threadpool_limits

    undo: list[Callable[[], object]] = []
    torch = sys.modules.get("torch")
    if torch is not None:
        undo.append(functools.partial(torch.set_num_threads, torch.get_num_threads()))
        torch.set_num_threads(threads)
    undo.insert(0, threadpool_limits(threads).restore_original_limits)

    def release() -> None:
        for step in undo:
            step()

    return release


def rate_limited(
    send: Callable[[int, int, dict[str, float]], None], seconds: float = _REST_SECONDS
) -> Callable[[int, int, dict[str, float]], None]:
    """Let a progress callback through at most once in a while."""
    last = 0.0

    def progress(done: int, total: int, figures: dict[str, float]) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            send(done, total, figures)

    return progress


class Local:
    """Makes attempts in this process, one at a time; what :class:`.pool.Pool` does in several."""

    def __init__(self, settings: Settings, stop: Callable[[], bool], progress: Progress) -> None:
        """Load what performs jobs and pin the threads."""
        self.settings, self.stop, self.progress = settings, stop, progress
        self.pinned = pin(settings.threads)
        self.job: Job | None = None
        self.cold = True

    @property
    def free(self) -> bool:
        """Whether a job can be started."""
        return self.job is None

    def start(self, job: Job) -> None:
        """Take a job; :meth:`reports` does it."""
        self.job = job

    def reports(self, seconds: float) -> Iterator[Report]:
        """Do the job and report."""
        job, self.job = self.job, None
        if job is not None:
            send = rate_limited(lambda done, total, figures: self.progress(job.key, done, total, figures))
            cold, self.cold = self.cold, False
            yield attempt(job, self.settings, self.stop, send, cold)

    def ask_to_stop(self) -> None:
        """Do nothing: a job in this process asks for itself."""

    def close(self) -> None:
        """Give the threads back."""
        self.pinned()
