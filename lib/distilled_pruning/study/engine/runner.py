"""The runner: does what is missing, says how far it is, and can be stopped at any time.

Interrupt it, terminate it, give it a budget, or kill it: at most the job that was running is done again, and a long one
goes on from its last checkpoint.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from ...errors import InputError
from ...exits import DONE, FAILED, STOPPED
from ...signals import ENDING, handling, tell
from ..jobs import examine
from . import machine
from .attempt import Local, Perform, Report, Settings, perform_job
from .estimate import Estimate, Remaining
from .pool import Pool
from .schedule import Schedule, tell_recorded

if TYPE_CHECKING:
    from ..jobs import Job
    from .store import Store

_MOST_JOBS = 4096
_POLL_SECONDS = 0.2
_BUSY_SECONDS = 1.0
_HEARTBEAT_SECONDS = 15.0


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        done: Keys of the jobs this run saw done.
        left: Keys of the jobs still missing, those that wait for a failed one included.
        failed: Key to reason.
        seconds: Wall time.
        stopped: Why it ended before everything was done: ``"budget"``, ``"signal"``, ``"storage"`` or ``""``.
        recorded: How many jobs were not done since they are recorded with the sources.
    """

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: str = ""
    recorded: int = 0

    @property
    def code(self) -> int:
        """Exit code: whether a job failed, or else whether work is left."""
        return FAILED if self.failed else STOPPED if self.left else DONE


def duration(seconds: float) -> str:
    """Write a duration as a person would say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 100:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"


def _write_figures(values: dict[str, float]) -> str:
    return "".join(f", {name} {value:.4g}" for name, value in values.items())


class Progress:
    """Reports a run's jobs, with an estimate of what is left."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        """Start reporting on ``total`` jobs, by default on standard error."""
        self.total, self.count = total, 0
        self.stream = stream or sys.stderr
        self.spoke = time.monotonic()
        self.bar: Any = None
        if self.stream.isatty() and total:
            from tqdm import tqdm

            shape = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} jobs, {elapsed}{postfix}"
            self.bar = tqdm(total=total, file=self.stream, bar_format=shape, dynamic_ncols=True)

    def say(self, text: str) -> None:
        """Write a line, above the bar where there is one."""
        self.spoke = time.monotonic()
        if self.bar is not None:
            with self.bar.external_write_mode(file=self.stream):
                tell(text, self.stream)
        else:
            tell(text, self.stream)

    def heartbeat(self, job: Job, done: int, total: int, values: dict[str, float], left: float) -> None:
        """Say how far a running job is: at once on a terminal, at most every 15 seconds elsewhere."""
        text = f"{job.title}: {done}/{total}{_write_figures(values)}"
        if self.bar is not None:
            self.bar.set_postfix_str(f"about {duration(left)} left; {text}")
        elif time.monotonic() - self.spoke >= _HEARTBEAT_SECONDS:
            self.say(f"        {text}, about {duration(left)} left")

    def done(self, job: Job, seconds: float, left: float) -> None:
        """Count a finished job."""
        self.count += 1
        if self.bar is not None:
            self.bar.set_postfix_str(f"about {duration(left)} left")
            self.bar.update()
            return
        rest = f", about {duration(left)} left" if self.count < self.total else ""
        took = duration(seconds) if seconds else "done by another run"
        self.say(f"[{self.count}/{self.total}] {job.title} … {took}{rest}")

    def grow(self, jobs: int) -> None:
        """Say that there are more jobs than thought."""
        self.total += jobs
        if self.bar is not None:
            self.bar.total = self.total

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.close()


class _Stop:
    """The wish to stop: a signal, or the end of the budget."""

    def __init__(self, budget: float | None) -> None:
        self.deadline = None if budget is None else time.monotonic() + budget
        self.reason = ""

    def __call__(self) -> bool:
        if not self.reason and self.deadline is not None and time.monotonic() >= self.deadline:
            self.reason = "budget"
        return bool(self.reason)

    @contextmanager
    def signals(self, say: Callable[[str], None]) -> Iterator[None]:
        """Turn the first SIGINT, SIGTERM or SIGHUP into the wish to stop; a second one stops at once."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self.reason == "signal":
                if number == signal.SIGHUP:
                    return  # a terminal's end comes from the kernel and once more from the shell
                raise KeyboardInterrupt
            self.reason = "signal"
            say("stopping at the next checkpoint (once more to stop at once)")

        with handling((signal.SIGINT, *ENDING), handle):
            yield


def run(
    jobs: Sequence[Job],
    store: Store,
    *,
    jobs_n: int = 1,
    budget: float | None = None,
    device: str = "auto",
    whole: Collection[str] = (),
    threads: int = 1,
    perform: Perform = perform_job,
    stream: TextIO | None = None,
) -> Outcome:
    """Do the jobs, and what they need, that are missing in the store.

    Numbers do not depend on ``jobs_n``: every job has the same number of threads, alone or beside others.

    Args:
        jobs: The wanted jobs.
        store: Where results are kept.
        jobs_n: Jobs at a time; above 1 each worker is a process of its own (with one GPU each, where there are any).
        budget: Seconds after which to stop at the next checkpoint.
        device: ``"auto"``, ``"cpu"`` or a CUDA device.
        whole: Keys of those wanted with their arrays, though their metrics may be recorded.
        threads: Threads of a job.
        perform: How to do a job; by default as it says itself.
        stream: Where to report; by default standard error.

    Raises:
        InputError: The store cannot be written, the device is not there, a number makes no sense, a job could not be
            done, or its dataset cannot be fetched.
    """
    for name, value in (("jobs", jobs_n), ("threads", threads)):
        if not 1 <= value <= _MOST_JOBS:
            raise InputError(f"{name} must be at least 1 and at most {_MOST_JOBS}, not {value}")
    began = time.monotonic()
    for job in jobs:
        store.sound(job.key)  # a damaged result is missing from here on
    schedule = Schedule(jobs, store, longest_first=jobs_n > 1, whole=whole)
    if not schedule.pending:
        return Outcome(seconds=time.monotonic() - began, recorded=schedule.recorded)
    notes = [*examine((schedule.jobs[key] for key in schedule.pending), fetch=True), *tell_recorded(schedule.recorded)]
    machine.check(device)
    store.prepare()
    return _Run(schedule, Settings(store, device, threads, perform), jobs_n, _Stop(budget), stream).go(began, notes)


class _Run:
    """One run of a schedule on some workers."""

    def __init__(
        self, schedule: Schedule, settings: Settings, jobs_n: int, stop: _Stop, stream: TextIO | None = None
    ) -> None:
        self.schedule, self.jobs_n, self.stop = schedule, jobs_n, stop
        self.estimate = Estimate.of(settings.store, settings.device)
        self.settings = settings
        self.progress = Progress(len(schedule.pending), stream)
        self.remaining = Remaining(jobs_n)
        self.foresee()
        self.busy: dict[str, float] = {}
        self.outcome = Outcome(recorded=schedule.recorded)

    def foresee(self) -> None:
        """Estimate what is pending."""
        jobs = [self.schedule.jobs[key] for key in self.schedule.pending]
        self.remaining.foresee({job.key: (job.kind, self.estimate.needs(job).seconds) for job in jobs})

    def left(self) -> float:
        """Estimate the seconds left."""
        return self.remaining.seconds(self.schedule.pending - self.schedule.failed.keys())

    def go(self, began: float, notes: Sequence[str] = ()) -> Outcome:
        """Work until nothing is left, or until told to stop; ``notes`` are said before."""
        for note in notes:
            self.progress.say(note)
        count = f"{self.progress.total} of {len(self.schedule.jobs)} jobs to do"
        self.progress.say(f"{count}, about {duration(self.estimate.start + self.left())}")
        workers: Local | Pool | None = None
        try:
            with self.stop.signals(self.progress.say):
                if self.jobs_n == 1:
                    workers = Local(self.settings, self.stop, self.heartbeat)
                else:
                    workers = Pool(self.settings, self.jobs_n, self.heartbeat)
                self.loop(workers)
        finally:
            if workers is not None:
                workers.close()
            self.progress.close()
        self.outcome.left = self.schedule.left()
        self.outcome.failed = self.schedule.failed
        self.outcome.stopped = self.stop.reason if self.outcome.left else ""
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def loop(self, workers: Local | Pool) -> None:
        """Start what can start, listen, note what ended."""
        asked = False
        while True:
            if self.stop():
                if not self.schedule.running:
                    return
                if not asked:
                    workers.ask_to_stop()
                    asked = True
            else:
                self.wake()
                while workers.free and (job := self.schedule.next()) is not None:
                    workers.start(job)
                if not self.schedule.running:
                    if not self.busy:
                        return
                    time.sleep(_POLL_SECONDS)
            for report in workers.reports(_POLL_SECONDS):
                self.note(report)

    def wake(self) -> None:
        """Put jobs back that another run was busy with a while ago."""
        for key in [key for key, until in self.busy.items() if time.monotonic() >= until]:
            del self.busy[key]
            self.schedule.put_back(key)

    def heartbeat(self, key: str, done: int, total: int, figures: dict[str, float]) -> None:
        """Pass a running job's progress on."""
        self.remaining.see(key, done, total)
        self.progress.heartbeat(self.schedule.jobs[key], done, total, figures, self.left())

    def note(self, report: Report) -> None:
        """Note how an attempt ended."""
        key, schedule = report.key, self.schedule
        job = schedule.jobs[key]
        self.remaining.end(key, report.seconds if report.status == "done" and report.typical else None)
        if report.status == "done":
            schedule.done(key)
            self.outcome.done.append(key)
            self.progress.done(job, report.seconds, self.left())
        elif report.status == "busy":
            schedule.running.discard(key)
            self.busy[key] = time.monotonic() + _BUSY_SECONDS
        elif report.status == "stopped" and self.stop():
            schedule.put_back(key)
        elif report.status == "missing":
            before = len(schedule.pending)
            schedule.require(key, report.message)
            self.progress.grow(len(schedule.pending) - before)
            self.foresee()
        elif report.status in ("died", "stopped"):
            self.progress.say(f"{job.title}: {report.message}")
            schedule.retry(key, report.message)
        else:
            schedule.fail(key, report.message)
            self.progress.say(f"failed: {job.title} ({key}): {report.message}")
            if report.details:
                self.progress.say(report.details)
            if report.status == "storage":
                self.stop.reason = "storage"
