"""What a notebook calls: its parameters checked, its plan, its results, its figures with their data, its verdicts."""

from __future__ import annotations

import ast
import functools
import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ...errors import InputError, unknown
from .. import display
from ..display import Note, Table
from ..engine import machine as hardware
from ..engine import provenance
from ..parameters.cells import read, source
from ..parameters.presets import Parameters, resolve, stamped
from ..sections.common import tables
from ..sections.common.style import NARROW
from ..sections.section import Section

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..engine.runner import Outcome
    from ..judging.claims import Claim, Judgement
    from .exhibits import Exhibit

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
        self._exhibits: dict[str, Exhibit] = {}

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
        """Scale, for the foot of a figure; all parameters are in its metadata."""
        return f"this run, {self.parameters.scale}"

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

    @said
    def show(
        self,
        draw: Callable[..., Figure],
        *names: str,
        caption: str = "",
        name: str = "",
        table: Callable[[pd.DataFrame], Table] | None = None,
        **more: Any,
    ) -> display.Stack:
        """Show a figure of this run's own results.

        Args:
            draw: Draws it from the first frame, a ``stamp``, and the other frames under their names.
            names: Experiments whose frames it takes.
            caption: What it is and how it is read.
            name: Anchor to link to.
            table: Tabulates the first frame, behind a click.
            more: What else it is drawn from.
        """
        from . import exhibits

        first, *others = (self.frame(figure) for figure in names)
        more |= dict(zip(names[1:], others, strict=True))
        csv = display.download(f"{self.parameters.notebook}-{names[0]}.csv", first.to_csv(index=False), title="Data")
        command = self.parameters.command().replace(self.parameters.notebook, names[0], 1)
        facts = (self.parameters.scale, exhibits.least(first))
        line = exhibits.one_line(csv, draw.__name__, command, *facts)
        about = stamped(self.parameters.scale, self.section.deciding)
        picture = pictured(draw, first, self.stamp, about, caption=caption, line=line, name=name, **more)
        return display.Stack([picture, *tabled(table, first)])

    @said
    def evidence(
        self,
        draw: Callable[..., Figure],
        *names: str,
        caption: str = "",
        name: str = "",
        table: Callable[[pd.DataFrame], Table] | None = None,
        **more: Any,
    ) -> display.Stack | Note:
        """Show a figure of recorded results, the best there are; without any, say what they would take.

        Args:
            draw: As for :meth:`show`.
            names: Experiments whose frames it takes; it is shown when the first is recorded.
            caption: What it is and how it is read.
            name: Anchor to link to.
            table: Tabulates the first frame, behind a click.
            more: What else it is drawn from.
        """
        from . import exhibits

        found = exhibits.find(names)
        if found is None:
            return exhibits.absent(names[0], self.parameters, self.section.store)
        self._exhibits[names[0]] = found
        first, *others = found.frames
        more |= dict(zip(names[1:], others, strict=True))
        line = found.line(draw.__name__)
        picture = pictured(draw, first, found.stamp, found.about, caption=caption, line=line, name=name, **more)
        return display.Stack([picture, *tabled(table, first)])

    def draw(self, draw: Callable[..., Figure], *given: Any, caption: str = "", name: str = "") -> display.Picture:
        """Show a figure that needs no results: a diagram, or what the papers published.

        Args:
            draw: Draws it.
            given: What from.
            caption: What it is and how it is read.
            name: Anchor to link to.
        """
        return pictured(draw, *given, "", "", caption=caption, name=name)

    def slide(self, title: str, pictures: Mapping[str, Figure], caption: str = "") -> display.Slides:
        """Show one of several figures of equal size, chosen by a slider.

        Args:
            title: What the slider changes.
            pictures: What each figure shows, to the figure.
            caption: How they are read.
        """
        width = round(next(iter(pictures.values())).get_figwidth() * 96)
        seen = {name: f"{title}: {name}. {figure.get_label()}" for name, figure in pictures.items()}
        drawn = {name: display.svg(figure, self.stamp) for name, figure in pictures.items()}
        return display.Slides(title, drawn, width, seen, caption)

    @said
    def recorded(self, name: str) -> pd.DataFrame:
        """Give the recorded frame of a figure at the largest scale that has one, this run's own where none has."""
        from . import exhibits

        found = exhibits.find([name])
        return self.frame(name) if found is None else found.frames[0]

    def tell(self, name: str, column: str, factor: float = 1, digits: int = 3, **where: object) -> str:
        """Write mean and half-width of a column in the matching recorded rows, as :meth:`quote` does of this run."""
        values = tables.by_init(tables.first(self.recorded(name), **where), column)
        return tables.quote([factor * value for value in values], digits)

    def answer(self, question: str, answer: str, **changes: Any) -> display.Answer:
        """Ask a question, with its answer behind a click.

        Args:
            question: The question.
            answer: The answer.
            changes: Parameters to change; the command of the page beside this one that has them stands below.
        """
        if not changes:
            return display.Answer(question, answer)
        pairs = " ".join(f"-p {name} {value}" for name, value in changes.items())
        command = f"distilled-pruning book --what-if {self.parameters.notebook} {pairs}"
        html = f"{escape(answer)}</p><p>Try it: {display.code(command).html}"
        return display.Answer(question, display.Markup(html, f"{answer} Try it: {command}"))

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
    def campaign(self) -> display.Folded:
        """Show, behind a click, the steps of the campaign that belong to this page: rules, results, what is to come."""
        from ..campaign import rules as campaign_rules
        from ..campaign import steps as campaign
        from ..parameters.cells import home
        from ..results.recorded import Recorded

        cells = campaign.Cells(Recorded(home() / "results"))
        steps = [step for step in campaign.read_steps() if step.page == self.parameters.notebook]
        title = "Rules that were committed before the runs they judge"
        return display.Folded(title, [campaign_rules.show(step, cells) for step in steps])

    @said
    def verdict(self, claim: str, figure: str = "") -> display.Markup:
        """Answer the page's first question in three lines: what the paper says, what we find, what follows.

        Args:
            claim: The page's main claim.
            figure: The figure whose recording says what was trained.
        """
        from . import answers, exhibits

        (found,) = (item for item in self._claims if item.id == claim)
        shown = exhibits.find([figure]) if figure else None
        return answers.lines(found, self._recorded.get(claim), shown.regime if shown else ())

    @functools.cached_property
    def _claims(self) -> list[Claim]:
        """The claims that this page judges: the papers', or ours where it judges none of theirs."""
        from ..judging.ledger import claims_of
        from .answers import OWN

        found = claims_of(self.parameters.notebook)
        return [claim for claim in found if claim.paper != OWN] or found

    @functools.cached_property
    def _recorded(self) -> dict[str, Judgement]:
        """Claim to its judgement on the best recorded results."""
        from ..judging.ledger import best_of, by_scale

        return best_of(by_scale(only={claim.id for claim in self._claims}))

    @said
    def claims(self) -> Table:
        """Show the claims that this page judges: what the paper gives, the best evidence, the verdict."""
        from ..judging.ledger import judge
        from .answers import table

        run = judge([self.section], everything=False, recorded={})
        return table(self._claims, self._recorded, {found.claim.id: found for found in run.judgements})

    @said
    def provenance(self) -> display.Folded:
        """Say where the numbers come from, behind a click: code, versions, device, time, keys."""
        store, jobs = self.section.store, self.section.graph
        found = [store.entry(job.key).provenance() for job in jobs if store.has(job.key)]
        seconds = sum(entry.get("seconds", 0.0) for entry in found)
        commits = Counter(str(entry.get("commit"))[:10] + ("+" if entry.get("dirty") else "") for entry in found)
        devices = Counter(str(entry.get("device")) for entry in found)
        versions = ", ".join(f"{package} {version}" for package, version in provenance.versions().items())
        entries: list[tuple[str, Any]] = [
            ("this run", self.parameters.scale),
            ("results", f"{len(found)} of {len(jobs)}, {seconds / 60:.1f} minutes of computing"),
            ("code", ", ".join(commits) or "–"),
            ("device", ", ".join(devices) or "–"),
            ("versions", versions),
            ("this page again", display.code(self.parameters.papermill)),
        ]
        keys = "\n".join(job.key for job in jobs)
        listed = [(f"Keys of the {len(jobs)} results", display.Markup(f"<pre>{keys}</pre>", keys))]
        return display.Folded("Provenance", [*(of.note() for of in self._exhibits.values()), Note(entries, listed)])


def pictured(
    draw: Callable[..., Figure],
    *given: Any,
    caption: str = "",
    line: display.Markup | str = "",
    name: str = "",
    **more: Any,
) -> display.Picture:
    """Draw a figure for screens, and once more for phones where the function can.

    Args:
        draw: Draws it.
        given: What from; then the stamp and, for the file's metadata, all parameters.
        caption: What it is and how it is read; what stands before the first full stop is set off.
        line: What stands below.
        name: Anchor to link to.
        more: What else it is drawn from.
    """
    *frames, stamp, about = given
    shown = (*frames, *([stamp] if stamp else []))
    figure = draw(*shown, **more)
    narrow = b""
    if "width" in inspect.signature(draw).parameters:
        narrow = display.svg(draw(*shown, width=NARROW, **more), about)
    head, stop, rest = caption.partition(". ")
    html = f"<strong>{escape(head + stop.strip())}</strong> {escape(rest)}" if rest else escape(caption)
    seen = str(figure.get_label() or caption)
    width = round(figure.get_figwidth() * 96)
    return display.Picture(display.svg(figure, about), seen, width, display.Markup(html, caption), narrow, line, name)


def tabled(table: Callable[[pd.DataFrame], Table] | None, frame: pd.DataFrame) -> list[Table]:
    """Tabulate a frame behind a click, where there is a table."""
    return [] if table is None else [replace(table(frame), folded=True)]


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
