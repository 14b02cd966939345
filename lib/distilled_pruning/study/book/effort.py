"""What a page takes from an empty store, at its own scale and at the larger ones."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..display import Note, code
from ..engine.estimate import DEFAULT_MEMORY_MB, Estimate, write_minutes
from ..parameters.presets import LIVE, PRESETS, Parameters, resolve
from ..sections.section import Section

if TYPE_CHECKING:
    from ..engine.store import Store


UNKNOWN = "nobody knows before its data are on this machine"


@dataclass(frozen=True)
class Effort:
    """What all jobs of a page take, those it shares with other pages included.

    Attributes:
        minutes: Time for all of them, one after the other, and for a start unless all were measured.
        memory_mb: Peak memory of the largest.
        rough: Whether some times are defaults, nothing like them having been measured on this device.
    """

    minutes: float
    memory_mb: int
    rough: bool

    def __str__(self) -> str:
        """Write time in the unit that suits it, and memory."""
        return f"{'roughly' if self.rough else 'about'} {write_minutes(self.minutes)}, {self.memory_mb} MB of memory"


def effort(section: Section, estimate: Estimate) -> Effort:
    """Add up what a section's jobs took where they were run on this device, else what they are expected to take."""
    minutes, memory, rough, start = 0.0, 0, False, 0.0
    for job in section.graph:
        done = section.store.provenance(job.key)
        if done is not None and done.get("device") == estimate.device and not done.get("continued"):
            minutes += done["seconds"] / 60
            memory = max(memory, done.get("memory_mb", 0))
            continue
        needs = estimate.needs(job)
        minutes += needs.seconds / 60
        start = estimate.start / 60
        memory = max(memory, needs.memory_mb)
        rough = rough or not needs.measured
    return Effort(start + minutes, memory or DEFAULT_MEMORY_MB, rough)


def papermill(notebook: str, scale: str) -> str:
    """The command that executes a notebook at a scale."""
    file = [] if scale == LIVE else ["-f", f"notebooks/presets/{scale}/{notebook}.yaml"]
    return shlex.join(["papermill", f"notebooks/{notebook}.ipynb", "out.ipynb", *file])


def scales(parameters: Parameters) -> list[str]:
    """The larger scales a notebook has files for."""
    return [scale for scale in PRESETS if scale in parameters.bases]


def told(section: Section) -> str:
    """Say what a section takes from an empty store on its own device."""
    estimate = Estimate.of(section.store, section.parameters.get("device", "auto"))
    return f"{effort(section, estimate)}, on this {kind(estimate)}"


def of_page(section: Section) -> Note:
    """Say what a page takes from an empty store, and the commands that take it to the larger scales."""
    estimate = Estimate.of(section.store, section.parameters.get("device", "auto"))
    here = f"{effort(section, estimate)}, on this {kind(estimate)}"
    entries: list[tuple[str, Any]] = [("first run", here)]
    for place, scale in enumerate(scales(section.parameters)):
        entries.append((f"at {scale} scale", code(papermill(section.name, scale))))
        if place == 0:
            entries.append(("time there", at(section.name, scale, section.store, estimate)))
    return Note(entries)


def at(notebook: str, scale: str, store: Store, estimate: Estimate) -> str:
    """Say what a notebook takes at another scale; without the data that may not be known."""
    try:
        return str(effort(Section(resolve(notebook, file=scale), store), estimate))
    except InputError:
        return UNKNOWN


def kind(estimate: Estimate) -> str:
    """Name the device by what it is."""
    from ..engine import machine

    return "processor" if estimate.device == machine.processor() else "GPU"


def table(sections: Sequence[Section], store: Store) -> list[tuple[str, str, str, str, str]]:
    """List pages with what they take at their own scale and at the next larger one, and the command for that.

    Returns:
        Page, its effort, scale, effort there, command.
    """
    estimate = Estimate.of(store)
    rows = []
    for section in sections:
        scale = next(iter(scales(section.parameters)), "")
        larger = at(section.name, scale, store, estimate) if scale else ""
        command = papermill(section.name, scale) if scale else ""
        rows.append((section.name, str(effort(section, estimate)), scale, larger, command))
    return rows
