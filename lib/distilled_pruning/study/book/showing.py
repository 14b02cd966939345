"""What a page shows: figures of recorded results and of its own run, with their data, tables and questions."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ...errors import InputError
from .. import display
from ..display import Note, Table
from ..parameters.fields import write_stamp
from ..parameters.presets import Parameters
from ..sections.common import tables
from ..sections.common.grouping import first_place, init_means
from ..sections.common.style import NARROW
from ..sections.section import Section

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..campaign.steps import Cells
    from .exhibits import Exhibit

FIRST = re.compile(r"(?<=[.?]) ")  # the end of a caption's first sentence
P = ParamSpec("P")
T = TypeVar("T")


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


class Showing:
    """What a page shows of results.

    Attributes:
        parameters: The checked parameters.
        section: Jobs, frames and store.
    """

    def __init__(self, parameters: Parameters) -> None:
        """Show what there is under checked parameters."""
        self.parameters = parameters
        self.section = Section(parameters)
        self._exhibits: dict[str, Exhibit] = {}

    @property
    def stamp(self) -> str:
        """Scale, for the foot of a figure; all parameters are in its metadata."""
        return f"this run, {self.parameters.scale}"

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
        csv = display.download(f"{self.parameters.notebook}-{names[0]}.csv", first)
        command = self.parameters.command().replace(self.parameters.notebook, names[0], 1)
        facts = (self.parameters.scale, exhibits.least(first))
        line = exhibits.one_line(csv, draw.__name__, command, *facts)
        about = write_stamp(self.parameters.scale, self.section.deciding)
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
        folded: bool = False,
        **more: Any,
    ) -> display.Stack | display.Folded | Note:
        """Show a figure of recorded results, the best there are; without any, say what they would take.

        Args:
            draw: As for :meth:`show`.
            names: Experiments whose frames it takes; it is shown when the first is recorded.
            caption: What it is and how it is read.
            name: Anchor to link to.
            table: Tabulates the first frame, behind a click.
            folded: Show the title of the caption alone, and the figure behind a click.
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
        parts: list[display.Picture | Table] = [picture, *tabled(table, first)]
        return display.Folded(FIRST.split(caption)[0], parts) if folded else display.Stack(parts)

    @said
    def campaign_figure(
        self, draw: Callable[..., Figure], read: Callable[[Cells], pd.DataFrame], caption: str, name: str
    ) -> display.Picture:
        """Show a figure that takes several recorded cells of the campaign.

        Args:
            draw: Draws it from a frame and a ``stamp``.
            read: Gathers that frame.
            caption: What it is and how it is read.
            name: Anchor to link to.
        """
        from ..campaign.steps import FILE, MAIN, read_cells

        return pooled(
            draw, read(read_cells()), f"{MAIN} scale", f"recorded: the cells that {FILE} names", caption, name
        )

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
    def _best(self, name: str) -> pd.DataFrame:
        """Give the recorded frame of a figure at the largest scale that has one, this run's own where none has."""
        from . import exhibits

        found = exhibits.find([name])
        return self.frame(name) if found is None else found.frames[0]

    def tell(self, name: str, column: str, factor: float = 1, digits: int = 3, **where: object) -> str:
        """Write mean and half-width of a column in the matching recorded rows, over initialisations."""
        values = init_means(first_place(self._best(name), **where), column)
        return tables.quote([factor * value for value in values], digits)

    @said
    def table(self, table: Callable[[pd.DataFrame], Table], name: str, caption: str) -> Table:
        """Tabulate a recorded frame."""
        return replace(table(self._best(name)), caption=caption)

    @said
    def beside(self, table: Callable[[pd.DataFrame, str], Table], name: str) -> Table:
        """Set published, recorded and this run's numbers of a figure side by side."""
        return table(self.frame(name), self.parameters.scale)

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


def pooled(
    draw: Callable[..., Figure], rows: pd.DataFrame, scales: str, about: str, caption: str, name: str
) -> display.Picture:
    """Show a figure of rows that were recorded under several parameters.

    Args:
        draw: Draws it from the rows and a ``stamp``.
        rows: What is drawn, downloadable beside it.
        scales: At which they were recorded.
        about: Where they come from, for the file's metadata.
        caption: What it is and how it is read.
        name: Anchor to link to, and name of the data.
    """
    from ..campaign.steps import FILE, MAIN
    from . import exhibits

    csv = display.download(f"{name}.csv", rows)
    others = f"once more with -f and each preset in {FILE}"
    line = exhibits.one_line(csv, draw.__name__, exhibits.told("s4-stability", MAIN), others, scales)
    return pictured(draw, rows, f"recorded, {scales}", about, caption=caption, line=line, name=name)


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
        caption: What it is and how it is read; its first sentence is set off.
        line: What stands below.
        name: Anchor to link to.
        more: What else it is drawn from.
    """
    *frames, stamp, about = given
    more |= {"stamp": stamp} if stamp else {}
    figure = draw(*frames, **more)
    narrow = b""
    if "width" in inspect.signature(draw).parameters:
        narrow = display.svg(draw(*frames, width=NARROW, **more), about)
    head, *rest = FIRST.split(caption, maxsplit=1)
    html = f"<strong>{escape(head)}</strong> {escape(rest[0])}" if rest else escape(caption)
    seen = str(figure.get_label() or caption)
    width = round(figure.get_figwidth() * 96)
    return display.Picture(display.svg(figure, about), seen, width, display.Markup(html, caption), narrow, line, name)


def tabled(table: Callable[[pd.DataFrame], Table] | None, frame: pd.DataFrame) -> list[Table]:
    """Tabulate a frame behind a click, where there is a table."""
    return [] if table is None else [replace(table(frame), folded=True)]
