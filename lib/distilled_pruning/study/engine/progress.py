"""What a run says while it goes, a bar on a terminal, one line per job elsewhere; and what a build of the book says."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ...signals import tell

if TYPE_CHECKING:
    from ..jobs import Job

_HEARTBEAT_SECONDS = 15.0


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
    """Write progress figures such as loss and accuracy."""
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


class Phases:
    """Says which phase of a build is on, how long it took last time, and what happens within it."""

    def __init__(self, build: Path, stream: TextIO | None = None) -> None:
        """Remember the folder that keeps the times of the last build; by default, report on standard error."""
        self._stream = stream
        self._file = build / "seconds.json"
        try:
            self._last: dict[str, float] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._last = {}

    @contextmanager
    def phase(self, name: str, detail: str) -> Iterator[None]:
        """Announce a phase and keep the seconds it took."""
        last = self._last.get(name)
        expected = f", {last:.0f} s last time" if last is not None else ""
        self.note(f"{name}: {detail}{expected}")
        started = time.monotonic()
        yield
        self._last[name] = time.monotonic() - started
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._last), encoding="utf-8")

    def note(self, line: str) -> None:
        """Print a line of progress."""
        print(f"book: {line}", file=self._stream or sys.stderr, flush=True)
