"""What a notebook calls: its parameters checked, its plan, its results, its figures with their data, its verdicts."""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ...errors import InputError, unknown
from .. import display
from ..display import Note, Table
from ..engine import machine as hardware
from ..engine import provenance
from ..parameters.cells import read, source
from ..parameters.presets import Parameters, resolve, stamped
from ..sections.common import tables
from ..sections.section import Section

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..engine.runner import Outcome

GLUED = "application/papermill.record/"
INTERACTIVE = ("In", "Out", "exit", "quit", "get_ipython", "open")
START = "notebook.start("
NARROW_SPACE = "\u202f"

P = ParamSpec("P")
T = TypeVar("T")


class Unfinished(RuntimeError):
    """Jobs failed or are left; the run has said which and why."""

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone (IPython's hook)."""
        return [f"Unfinished: {self}."]


def said(function: Callable[P, T]) -> Callable[P, T]:
    """Make a user's mistake end a cell with its one sentence, without a traceback."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except InputError as error:
            sentence = f"Stopped: {error}."
            error._render_traceback_ = lambda: [sentence]  # type: ignore[attr-defined]  # IPython's hook
            raise

    return call


def assigned(scope: Mapping[str, Any]) -> set[str]:
    """List the names that were set before the page started: by cells of plain assignments where there is a history."""
    history = scope.get("In")
    if not isinstance(history, list):
        plain = (int, float, str, bool, list, dict, type(None))
        return {n for n, v in scope.items() if not n.startswith("_") and n not in INTERACTIVE and isinstance(v, plain)}
    names: set[str] = set()
    for text in history:
        if START in text:
            break
        try:
            body = ast.parse(text).body
        except SyntaxError:
            continue
        targets = [node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)] for node in body]
        if all(isinstance(node, ast.Assign | ast.AnnAssign) for node in body):
            names |= {name.id for line in targets for name in line if isinstance(name, ast.Name)}
    return names


@said
def start(name: str, scope: Mapping[str, Any]) -> Page:
    """Check a notebook's parameters and open its page; the first cell after the parameters calls it.

    Args:
        name: The notebook's name.
        scope: The notebook's ``globals()``.

    Raises:
        InputError: A parameter is unknown, ill-typed or out of range; shown as one sentence.
    """
    declared = read(source(name))
    for given in sorted(assigned(scope) - declared.keys()):
        raise unknown(f"parameter of {name}", given, declared)
    return Page(resolve(name, [(n, scope[n]) for n in declared if n in scope]))


class Page:
    """A notebook's page under its parameters.

    Attributes:
        parameters: The checked parameters.
        section: Jobs, frames and store.
    """

    def __init__(self, parameters: Parameters) -> None:
        """Open the page of checked parameters."""
        self.parameters = parameters
        self.section = Section(parameters)

    def __repr__(self) -> str:
        return f"{self.parameters.notebook}: {self.parameters.scale}"

    def _repr_html_(self) -> str:
        p = self.parameters
        entries = [
            ("scale", display.Markup(f"<strong>{p.scale}</strong>", p.scale)),
            ("run it", display.code(p.papermill)),
        ]
        return Note(entries)._repr_html_()

    @property
    def stamp(self) -> str:
        """Scale and parameters, for the foot of a figure."""
        return stamped(self.parameters.scale, self.section.deciding)

    @said
    def plan(self) -> Table:
        """Show what there is to compute: by kind of job, how many, in the store, missing, minutes and memory.

        Below stands what all of it takes from an empty store, and how the page is run at the larger scales.
        """
        from ..engine.plan import plan
        from . import effort

        header, *rows = plan(self.section.jobs(), self.section.store, self.parameters.get("device", "auto")).cells()
        note = "Minutes one after the other; ~ marks a rough estimate."
        return Table(header, rows, note, effort.of_page(self.section))

    @said
    def option(self, **changes: Any) -> Note:
        """Show how the page is run with some parameters changed, and what that takes from an empty store."""
        from . import effort

        name = self.parameters.notebook
        other = Section(resolve(name, [*self.section.deciding.items(), *changes.items()]), self.section.store)
        entries = [("run it", display.code(other.parameters.papermill)), ("which takes", effort.told(other))]
        return Note(entries)

    @said
    def run(self) -> Note:
        """Run what is missing, with a line of progress for each job.

        Raises:
            Unfinished: A job failed, or the run was stopped before its end.
        """
        from ..engine.runner import run

        section = self.section
        device = self.parameters.get("device", "auto")
        outcome = run(section.jobs(), section.store, jobs_n=hardware.workers(device), device=device)
        section.forget()
        return Note([("computed", summary(outcome, len(section.graph)))])

    @said
    def frame(self, name: str) -> pd.DataFrame:
        """Give the tidy frame behind a figure."""
        return self.section.frame(name)

    def show(self, figure: Figure) -> None:
        """Show a figure."""
        from IPython.display import display as out

        width = round(figure.get_figwidth() * 96)
        out(
            {"image/png": display.png(figure), "text/plain": repr(figure)},
            raw=True,
            metadata={"image/png": {"width": width}},
        )

    def slide(self, title: str, pictures: Mapping[str, Figure]) -> display.Slides:
        """Show one of several figures of equal size, chosen by a slider.

        Args:
            title: What the slider changes.
            pictures: What each figure shows, to the figure.
        """
        width = round(next(iter(pictures.values())).get_figwidth() * 96)
        return display.Slides(title, {name: display.png(figure) for name, figure in pictures.items()}, width)

    def quote(self, name: str, column: str, factor: float = 1, digits: int = 3, **where: object) -> str:
        """Write mean and interval over initialisations of a column, in the matching rows of the first network."""
        values = tables.by_init(tables.first(self.frame(name), **where), column)
        return tables.quote([factor * value for value in values], digits)

    def total(self, name: str, column: str, **where: object) -> str:
        """Write the largest value of a count in the matching rows of the first network."""
        frame = tables.first(self.frame(name), **where)
        return "–" if frame.empty else f"{int(frame[column].max()):,}".replace(",", NARROW_SPACE)

    def glue(self, name: str, value: Any) -> None:
        """Keep a number under a name for the prose of any page (``{glue:text}`name```)."""
        from IPython.display import display as out

        out({f"{GLUED}text/plain": repr(value)}, raw=True, metadata={"scrapbook": {"name": name, "mime_prefix": GLUED}})

    @said
    def recorded(
        self,
        draw: Callable[..., Figure],
        *names: str,
        table: Callable[[pd.DataFrame], Table] | None = None,
        **more: Any,
    ) -> Table | Note:
        """Show a figure once more from recorded results of a larger scale; without any, say what they would take.

        Args:
            draw: Draws it from the first frame, a ``stamp``, and the other frames under their names.
            names: Experiments whose frames it takes; it is shown when the first is recorded.
            table: Tabulates the first frame.
            more: What else it is drawn from.
        """
        from . import exhibits

        found = exhibits.find(names)
        if found is None:
            return exhibits.absent(names[0], self.parameters, self.section.store)
        first, *others = found.frames
        self.show(draw(first, stamp=found.stamp, **dict(zip(names[1:], others, strict=True)), **more))
        return exhibits.tabled(table, found)

    @said
    def campaign(self) -> display.Stack:
        """Show the steps of the campaign on real images that belong to this page: rules, results, what is to come."""
        from ..campaign import rules as campaign_rules
        from ..campaign import steps as campaign
        from ..parameters.cells import home
        from ..results.recorded import Recorded

        cells = campaign.Cells(Recorded(home() / "results"))
        steps = [step for step in campaign.read_steps() if step.page == self.parameters.notebook]
        return display.Stack([campaign_rules.show(step, cells) for step in steps])

    @said
    def claims(self) -> Table:
        """Show the claims that this page judges: Paper, Recorded, This run, verdict."""
        from ..judging.ledger import judge

        found = judge([self.section], everything=False)
        rows = [
            [
                f"{row['statement']} ({row['where']})",
                row["paper_value"] or "–",
                tables.judgement(found.recorded.get(row["id"]), scale=True),
                tables.judgement(judgement),
                str(row["n"]),
                display.verdict(row["verdict"]),
            ]
            for row, judgement in zip(found.rows(), found.judgements, strict=True)
        ]
        note = (
            f"This run: {self.parameters.scale}; mean over initialisations [95 % interval]. "
            "n is the smallest number of initialisations behind a value."
        )
        return Table(["claim", "Paper", "Recorded", "This run", "n", "verdict"], rows, note)

    @said
    def data(self, name: str) -> Note:
        """Offer the data behind a figure: a CSV file, the command that makes it, the keys of its results."""
        frame, keys = self.frame(name), [job.key for job in self.section.jobs(name)]
        entries = [
            (
                "data behind this figure",
                display.download(f"{self.parameters.notebook}-{name}.csv", frame.to_csv(index=False)),
            ),
            ("computed by", display.code(self.parameters.command().replace(self.parameters.notebook, name, 1))),
        ]
        listed = display.Markup(f"<pre>{chr(10).join(keys)}</pre>", " ".join(keys))
        return Note(entries, [(f"Keys of the {len(keys)} results", listed)])

    @said
    def provenance(self) -> Note:
        """Say where the numbers come from: code, versions, device, time."""
        store, jobs = self.section.store, self.section.graph
        found = [store.entry(job.key).provenance() for job in jobs if store.has(job.key)]
        seconds = sum(entry.get("seconds", 0.0) for entry in found)
        commits = Counter(str(entry.get("commit"))[:10] + "+" * bool(entry.get("dirty")) for entry in found)
        devices = Counter(str(entry.get("device")) for entry in found)
        versions = ", ".join(f"{package} {version}" for package, version in provenance.versions().items())
        return Note(
            [
                ("scale", self.parameters.scale),
                ("results", f"{len(found)} of {len(jobs)}, {seconds / 60:.1f} minutes of computing"),
                ("code", ", ".join(commits) or "–"),
                ("device", ", ".join(devices) or "–"),
                ("versions", versions),
                ("this page again", display.code(self.parameters.papermill)),
            ]
        )


def summary(outcome: Outcome, total: int) -> str:
    """Say how a run ended.

    Raises:
        Unfinished: A job failed, or something is left.
    """
    if outcome.failed:
        key, reason = next(iter(outcome.failed.items()))
        raise Unfinished(f"{len(outcome.failed)} of {total} jobs failed, first {key}: {reason}")
    if outcome.left:
        raise Unfinished(f"{len(outcome.left)} of {total} jobs are left: run the same command again to go on")
    if not outcome.done:
        return f"nothing: none of {total} jobs was missing"
    return f"{len(outcome.done)} of {total} jobs in {outcome.seconds:.0f} s"
