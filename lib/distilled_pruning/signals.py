"""Signals that end a process, and terminals that are gone: what there is to lose is kept first."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

ENDING = (signal.SIGTERM, signal.SIGHUP)  # a scheduler's wish, and the end of a terminal or an SSH connection


class Terminated(BaseException):
    """The process was told to end; like :class:`KeyboardInterrupt` no fault that anything should catch on the way."""


@contextmanager
def handling(numbers: Iterable[int], handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a function handle signals; those that are ignored stay so, as SIGHUP under ``nohup``."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def terminate(number: int, frame: FrameType | None) -> None:
    """Raise :class:`Terminated`; a second signal ends the process at once, but for SIGHUP, which often comes twice."""
    signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
    raise Terminated


def tell(text: str, stream: TextIO | None = None) -> None:
    """Write a line on standard error or another stream, for as long as somebody can read it.

    What a terminal's end leaves of a stream takes nothing any more (EIO): from then on the line and all others go
    nowhere, so that work which only wants to report goes on to its checkpoint.
    """
    stream = stream or sys.stderr
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
