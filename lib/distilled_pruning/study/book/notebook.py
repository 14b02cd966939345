"""What a notebook calls: its parameters checked, its plan, its results, its figures with their data, its verdicts."""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import unknown
from .. import display
from ..display import Note, Table
from ..engine import machine
from ..engine.schedule import tell_recorded
from ..parameters.notebooks import read, source
from ..parameters.presets import resolve
from ..sections.section import Section
from .showing import Showing, said

if TYPE_CHECKING:
    from ..engine.runner import Outcome
    from ..judging.claims import Claim
    from ..judging.judgement import Judgement

INTERACTIVE = ("In", "Out", "exit", "quit", "get_ipython", "open")
START = "notebook.start("


class Unfinished(RuntimeError):
    """Jobs failed or are left; the run has said which and why."""

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone (IPython's hook)."""
        return [f"Unfinished: {self}."]


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


class Page(Showing):
    """A notebook's page under its parameters.

    Attributes:
        parameters: The checked parameters.
        section: Jobs, frames and store.
    """

    def __repr__(self) -> str:
        return f"{self.parameters.notebook}: {self.parameters.scale}"

    def _repr_html_(self) -> str:
        p = self.parameters
        entries = [
            ("scale", display.Markup(f"<strong>{p.scale}</strong>", p.scale)),
            ("run it", display.code(p.papermill)),
        ]
        return Note(entries)._repr_html_()

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
        outcome = run(section.jobs(), section.store, jobs_n=machine.workers(device), device=device)
        section.forget()
        return Note([("computed", summary(outcome, len(section.graph)))])

    @said
    def campaign(self) -> display.Folded:
        """Show, behind a click, the steps of the campaign that belong to this page: rules, results, what is to come."""
        from ..campaign import rules as campaign_rules, steps as campaign

        cells = campaign.read_cells()
        steps = [step for step in campaign.read_steps() if step.page == self.parameters.notebook]
        title = "Rules that were committed before the runs they judge"
        return display.Folded(title, [campaign_rules.show(step, cells) for step in steps])

    @said
    def verdict(self, claim: str, figure: str = "", of: str = "") -> display.Markup:
        """Answer the page's first question in three lines: what the paper says, what we find, what follows.

        Args:
            claim: The page's main claim.
            figure: The figure whose recording says what was trained.
            of: What the numbers are, where the settings do not say it.
        """
        from . import answers, exhibits

        (found,) = (item for item in self._claims if item.id == claim)
        shown = exhibits.find([figure]) if figure else None
        return answers.lines(found, self._judge_recorded([found]).get(claim), shown.regime if shown else (), of)

    @functools.cached_property
    def _claims(self) -> list[Claim]:
        """The claims that this page judges, the papers' and ours."""
        from ..judging.ledger import claims_of

        return claims_of(self.section.experiments)

    def _judge_recorded(self, claims: Sequence[Claim]) -> dict[str, Judgement]:
        """Judge claims on the best recorded results."""
        from ..judging.ledger import best_of, by_scale

        return best_of(by_scale(only={claim.id for claim in claims}))

    @said
    def claims(self, ours: bool = False, folded: bool = False) -> Table:
        """Show the papers' claims that this page judges: what they give, the best evidence, the verdict.

        Args:
            ours: Show our own as well.
            folded: Show the table behind a click.
        """
        from ..judging.claims import OURS
        from ..judging.ledger import judge_run
        from .answers import table

        shown = [claim for claim in self._claims if ours or claim.paper != OURS]
        run = judge_run([self.section], {claim.id for claim in shown})
        made = table(shown, self._judge_recorded(shown), {item.claim.id: item for item in run})
        return replace(made, folded=True, caption="Claims and verdicts") if folded else made

    @said
    def provenance(self) -> display.Folded:
        """Say where the numbers come from, behind a click: code, versions, device, time, keys."""
        store, jobs = self.section.store, self.section.graph
        found = [entry for job in jobs if (entry := store.origin(job)) is not None]
        seconds = sum(entry.get("seconds", 0.0) for entry in found)
        commits = Counter(str(entry.get("commit"))[:10] + ("+" if entry.get("dirty") else "") for entry in found)
        devices = Counter(str(entry.get("device")) for entry in found)
        versions = ", ".join(f"{package} {version}" for package, version in machine.versions().items())
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
        shown = (of.note() for of in self._exhibits.values())
        return display.Folded("Code, versions, time and keys", [*shown, Note(entries, listed)])


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
    done = f"{len(outcome.done)} of {total} jobs in {outcome.seconds:.0f} s"
    if not outcome.done:
        done = f"nothing: none of {total} jobs was missing"
    return "; ".join([done, *tell_recorded(outcome.recorded)])
