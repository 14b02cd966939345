"""What was recorded of a figure at a larger scale, shown on a page of any scale; or what it would take."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.catalog import entitle
from ...errors import InputError
from .. import display
from ..display import Markup, Note
from ..jobs.ways import WAYS, label
from ..parameters.fields import dataset_name, write_stamp, write_values
from ..parameters.notebooks import home
from ..parameters.presets import Parameters, bases, resolve
from ..results.recorded import Record, Recorded
from ..sections.common import comparison, naming
from ..sections.common.grouping import range_inits
from ..sections.registry import EXPERIMENTS
from ..sections.section import Section, preset_of

if TYPE_CHECKING:
    import pandas as pd

    from ..engine.store import Store

CODE = "../book/code.html#code-"


@dataclasses.dataclass(frozen=True)
class Exhibit:
    """The recorded frames behind one figure.

    Attributes:
        scale: Scale they were recorded at.
        frames: One for each experiment the figure takes; the first has rows, the others may have none.
        records: The recordings behind the first, the largest first.
        devices: What they were computed on.
    """

    scale: str
    frames: tuple[pd.DataFrame, ...]
    records: tuple[Record, ...]
    devices: tuple[str, ...]

    @property
    def stamp(self) -> str:
        """Scale, for the foot of the figure."""
        return f"recorded, {self.scale} scale"

    @property
    def about(self) -> str:
        """Scale and parameters, for the metadata of the figure; of further recordings what differs."""
        first, *others = map(self._shown, self.records)
        aside = ({n: v for n, v in other.items() if v != first.get(n)} for other in others)
        return "; ".join([write_stamp(f"recorded, {self.scale}", first), *(write_values(changed) for changed in aside)])

    def _shown(self, record: Record) -> dict[str, Any]:
        """Give the parameters of a recording without datasets that have no rows yet."""
        given, frame = record.parameters, self.frames[0]
        if "dataset" not in given or "dataset" not in frame:
            return given
        there = [name for name in given["dataset"].split(",") if dataset_name(name) in set(frame["dataset"])]
        return {**given, "dataset": ",".join(there) or given["dataset"]}

    @property
    def regime(self) -> list[str]:
        """What was trained on what, in a few words each, beside the papers' own; then scale and initialisations."""
        papers = bases(EXPERIMENTS[self.records[0].figure].notebook).get("paper", {})
        own = [record for record in self.records if _models(record.parameters) == _models(papers)]
        record, frame = (own or self.records)[0], self.frames[0]
        here = frame[frame["model"].isin(_models(record.parameters))] if own and "model" in frame else frame
        return [*describe_training(self._shown(record), papers), least(here), f"{self.scale} scale"]

    def line(self, code: str) -> Markup:
        """Offer data, code and command in one line, with the scale and the number of initialisations.

        Args:
            code: The function that draws.
        """
        frame, figure = self.frames[0], self.records[0].figure
        csv = display.download(f"{figure}-{self.scale}.csv", frame)
        return one_line(csv, code, told(figure, preset_of(self.records[0])), f"{self.scale} scale", least(frame))

    def note(self) -> Note:
        """Say how complete it is and where it comes from."""
        frame, figure = self.frames[0], self.records[0].figure
        done, missing = sum(len(r.keys) for r in self.records), sum(r.missing for r in self.records)
        took = f"{sum(r.seconds for r in self.records) / 3600:.1f} hours of computing on {', '.join(self.devices)}"
        complete = f"{done} of {done + missing} results"
        entries: list[tuple[str, Any]] = [(f"recorded {figure}", f"{self.scale} scale, {complete}, {took}")]
        if {"dataset", "model", "method", "init"} <= set(frame):
            networks = list(frame.groupby(["dataset", "model"], sort=False))
            for (dataset, model), rows in networks:
                of = f", {naming.place((dataset, model))}" if len(networks) > 1 else ""
                entries.append((f"initialisations{of}", counted(rows)))
        commits = ", ".join(dict.fromkeys(commit[:10] for record in self.records for commit in record.code))
        entries += [("code", commits), ("parameters", self.about)]
        return Note(entries + [("run it", command(figure, preset_of(record))) for record in self.records])


def describe_training(parameters: Mapping[str, Any], papers: Mapping[str, Any]) -> list[str]:
    """Say in a few words what was trained on what, and for how long.

    Args:
        parameters: Of a notebook.
        papers: Those of the papers' own scale, named in brackets where they differ.
    """
    given, theirs = dict(parameters), dict(papers)

    def beside(name: str) -> str:
        other = theirs.get(name)
        return f" (paper {other})" if other not in (None, 0, "", given.get(name)) else ""

    said = [", ".join(entitle(name) for name in str(given.get("dataset", "")).split(",") if name)]
    same = _models(given) == _models(theirs)
    said.append(_network(given) + (beside("width") if same else f" (paper {_network(theirs)})" if theirs else ""))
    if given.get("epochs"):
        said.append(f"{given['epochs']} epochs{beside('epochs')}")
    if given.get("distiller"):
        made = str(given["distiller"])
        short = made.upper() if made.isalnum() and len(made) < 6 else made.rpartition("/")[2]
        if given.get("published") and "methods" not in given:  # no way of its own there: it takes the made set's place
            short = naming.published(str(given["published"]))
        other = str(theirs.get("distiller", "")).upper()
        paper = f" (paper {other})" if other and other != short else ""
        ipc = str(given.get("ipc") or given.get("ipcs", "")).replace(",", " or ")
        said.append(f"distilled with {short}{paper}, {ipc} image{'' if ipc == '1' else 's'} a class")
    return [text for text in said if text]


def _models(parameters: Mapping[str, Any]) -> list[str]:
    """List the networks of a run, given as text or as they are resolved."""
    given = parameters.get("model", ())
    return [name for name in (given.split(",") if isinstance(given, str) else given) if name]


def _network(parameters: Mapping[str, Any]) -> str:
    """Name the networks of a run and their width."""
    width = f" of width {parameters['width']}" if parameters.get("width") else ""
    return " and ".join(map(naming.network, _models(parameters))) + width


def counted(frame: pd.DataFrame) -> str:
    """Say of how many initialisations each method has rows, from the fewest to the most of a rate and size of set."""
    names = {
        method: label(method) if method in WAYS else method.upper() for method in map(str, frame["method"].unique())
    }
    return ", ".join(
        f"{name} {range_inits(frame[frame['method'] == method], 'ipc')[0]}" for method, name in names.items()
    )


def least(frame: pd.DataFrame) -> str:
    """Say how many initialisations there are, from the fewest to the most of a network, method, set and loop."""
    one_level = "level" in frame and frame["level"].nunique() == 1  # steps add up over levels
    return f"n = {range_inits(frame, 'ipc', *(['steps'] if one_level else []))[0]}" if "init" in frame else ""


def one_line(data: Markup, code: str, command: str, *facts: str) -> Markup:
    """Set below a figure in one line where its data and its code are, how it is computed, and what it rests on."""
    link = f'<a href="{CODE}{code.replace("_", "-")}">Code</a>'
    said = " · ".join(escape(fact) for fact in facts if fact)
    html = f"{data.html} · {link} · <code>{escape(command)}</code> · {said}"
    return Markup(html, " · ".join([str(data), command, *(fact for fact in facts if fact)]))


def told(figure: str, preset: str) -> str:
    """Write the command that computes a figure at a scale or a variant of it."""
    return f"distilled-pruning run {figure} -f {preset}"


def command(figure: str, preset: str) -> display.Markup:
    """Show that command."""
    return display.code(told(figure, preset))


def find(figures: Sequence[str], root: Path | None = None) -> Exhibit | None:
    """Find the recording of a figure at the largest scale that has one, ``None`` where there is none.

    Args:
        figures: Experiments the figure takes, the one it cannot do without first.
        root: Folder of recorded results; by default the book's.

    Raises:
        InputError: What is recorded cannot be read.
    """
    largest = comparison.find_recorded(figures[0], root)
    if largest is None:
        return None
    scale, frame = largest
    folder = Recorded(root or home() / "results")
    others = (folder.table(name, scale) for name in figures[1:])
    records = tuple(record for record, _ in folder.parts(figures[0], scale))
    devices = {str(folder.read(key)["provenance"]["device"]) for record in records for key in record.keys}
    return Exhibit(scale, (frame, *others), records, tuple(sorted(devices)))


def absent(figure: str, parameters: Parameters, store: Store) -> Note:
    """Say that nothing is recorded of a figure, how it is computed at the next larger scale, and what that takes."""
    from .effort import UNKNOWN, scales, told as lasts

    entries: list[tuple[str, Any]] = [("recorded", f"no larger run of {EXPERIMENTS[figure].title.lower()} yet")]
    if scale := next(iter(scales(parameters)), ""):
        entries.append(("run it", command(figure, scale)))
        try:
            takes = lasts(Section(resolve(parameters.notebook, file=scale), store))
        except InputError:
            takes = UNKNOWN
        entries.append(("time", takes))
    return Note(entries)
