"""Attempts in several processes beside this one.

:class:`Pool` is a few lines over ``multiprocessing`` instead of ``ProcessPoolExecutor`` because a job's process may be
killed at any time: here its pipe ends and only its job is done again, there every other running job would be lost too.
The same pipe carries progress one way and the wish to stop the other, without locks a dying process could keep.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TYPE_CHECKING

from ... import plugins
from ...signals import ENDING
from . import machine
from .attempt import Progress, Report, Settings, attempt, pin, rate_limited

if TYPE_CHECKING:
    from ..jobs import Job

_HANDLED = (signal.SIGINT, *ENDING)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class _Worker:
    """One process beside this one and the pipe to it."""

    def __init__(self, settings: Settings, gpu: str | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs, settings, gpu), daemon=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)  # inherited: none is lost while the process starts
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self.job: Job | None = None

    def close(self) -> None:
        """End the process when its job is done, or at once where that takes long."""
        self.pipe.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Pool:
    """Several workers, each a process of its own; on a machine with GPUs each sees one of them."""

    def __init__(self, settings: Settings, size: int, progress: Progress) -> None:
        """Prepare ``size`` workers; each process starts with its first job."""
        self.settings, self.progress = settings, progress
        self.workers: list[_Worker | None] = [None] * size
        self.gpus = machine.devices() if settings.device == "auto" else []

    @property
    def free(self) -> bool:
        """Whether a job can be started."""
        return any(worker is None or worker.job is None for worker in self.workers)

    def start(self, job: Job) -> None:
        """Send a job to a worker without one."""
        idle = [index for index, worker in enumerate(self.workers) if worker is not None and worker.job is None]
        index = idle[0] if idle else self.workers.index(None)
        worker = self.workers[index]
        if worker is None:
            gpu = self.gpus[index % len(self.gpus)] if self.gpus else None
            worker = self.workers[index] = _Worker(self.settings, gpu)
        worker.job = job
        with contextlib.suppress(OSError):  # it died idle: its pipe reports that
            worker.pipe.send(job)

    def reports(self, seconds: float) -> Iterator[Report]:
        """Wait for news, at most so long; pass progress on and give what ended."""
        pipes = {worker.pipe: index for index, worker in enumerate(self.workers) if worker is not None}
        for pipe in wait(list(pipes), seconds):
            index = pipes[pipe]  # type: ignore[index]
            worker = self.workers[index]
            assert worker is not None
            try:
                news = worker.pipe.recv()
            except (EOFError, OSError):
                self.retire(index)
                if worker.job is not None:
                    yield _report_end(worker.job, worker.process.exitcode)
                continue
            if isinstance(news, Report):
                worker.job = None
                if news.status == "stopped":
                    self.retire(index)  # it ends itself
                yield news
            elif worker.job is not None:
                self.progress(worker.job.key, *news)

    def retire(self, index: int) -> None:
        """End a worker; the next job in its place starts another."""
        worker, self.workers[index] = self.workers[index], None
        if worker is not None:
            worker.close()

    def ask_to_stop(self) -> None:
        """Ask every running job to stop at its next checkpoint."""
        for worker in self.workers:
            if worker is not None and worker.job is not None:
                with contextlib.suppress(OSError):
                    worker.pipe.send(None)

    def close(self) -> None:
        """End all processes, side by side."""
        for worker in self.workers:
            if worker is not None:
                worker.pipe.close()
        for index in range(len(self.workers)):
            self.retire(index)


def _report_end(job: Job, status: int | None) -> Report:
    if status == 0:
        return Report(job.key, "stopped", message="its process was told to end")
    return Report(job.key, "died", message=f"its process died (exit status {status}), perhaps out of memory")


def _die_with_parent() -> None:
    """End this process as soon as its parent is gone, however that went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _serve(pipe: Connection, settings: Settings, gpu: str | None) -> None:
    """Do jobs as they come through the pipe, until it or the parent process ends.

    An interrupt from the keyboard and the end of the terminal are the parent's to handle; a termination stops at the
    job's next checkpoint.
    """
    threading.Thread(target=_die_with_parent, daemon=True).start()
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(settings.threads)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    sys.stdout = sys.stderr  # what other people's code prints is no result
    plugins.load()
    terminated = working = False
    cold = True

    def terminate(number: int, frame: FrameType | None) -> None:
        nonlocal terminated
        terminated = True
        if not working:
            os._exit(0)

    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, terminate)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)

    def stop() -> bool:
        nonlocal terminated
        if not terminated and pipe.poll():
            terminated = True
        return terminated

    send = rate_limited(lambda *news: pipe.send(news))
    try:
        while not terminated:
            job = pipe.recv()
            if job is None:
                continue  # the wish to stop came after the job was done
            working = True
            pin(settings.threads)
            report = attempt(job, settings, stop, send, cold)
            pipe.send(report)
            working = cold = False
    except (EOFError, OSError):
        return
