"""What-if pages: a notebook again under other parameters, beside the original, with what changed on top."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..judging.judgement import Judgement, write_findings
from ..judging.ledger import claims_of, judge_run
from ..judging.verdicts import NOT_RUN
from ..parameters.fields import FIELDS, write_value
from ..parameters.notebooks import markdown, text
from ..parameters.presets import UNCOUNTED, resolve
from ..sections.section import Section
from . import templates
from .pages import badge, plain, show

SUFFIX = "-what-if"
LABEL = r"(?:fig|eq)-[a-z0-9-]+"


@dataclass(frozen=True)
class WhatIf:
    """One notebook under two sets of parameters.

    Attributes:
        original: As the book has it.
        section: As the page beside it has it.
        source: The notebook.
    """

    original: Section
    section: Section
    source: Path

    @property
    def name(self) -> str:
        """Name of the page, which stands after the original's."""
        return self.original.name + SUFFIX

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Parameters that differ, each with the original's value and the page's."""
        before, after = self.original.deciding, self.section.deciding
        return {name: (before[name], value) for name, value in after.items() if value != before[name]}

    def head(self) -> str:
        """Write the top of the page as Markdown: title, changed parameters, changed rows of the ledger."""
        only = {claim.id for claim in claims_of(self.original.experiments)}
        before, after = (judge_run([side], only) for side in (self.original, self.section))
        pairs = [(old, new) for old, new in zip(before, after, strict=True) if said(old) != said(new)]
        pairs.sort(key=lambda pair: pair[0].verdict == pair[1].verdict)
        values = {
            "named": ", ".join(f"{name} {write_value(value)}" for name, (_, value) in self.changes.items()),
            "original": self.original.name,
            "changes": [
                (name, write_value(o), write_value(n), FIELDS[name].help) for name, (o, n) in self.changes.items()
            ],
            "judged": [(old.claim, said(old), said(new)) for old, new in pairs],
            "others": len(before) - len(pairs),
        }
        return templates.write(self.source.parent.parent, f"{templates.PARTS}/what-if.md", values)


def said(found: Judgement) -> str:
    """Write verdict and numbers of one side as the cell of a table."""
    if found.verdict == NOT_RUN:
        return badge(NOT_RUN)
    about = f"n = {show(found.n)}, {plain(found.on)}" if found.data else f"n = {show(found.n)}"
    return "<br>".join([badge(found.verdict), *write_findings(found.as_json(), markdown=True), about])


def choose(source: Path, original: Section, pairs: Iterable[tuple[str, str]], file: str | Path | None) -> WhatIf:
    """Set a notebook of the book beside itself under changed parameters.

    Args:
        source: The notebook.
        original: The notebook as the book has it.
        pairs: Names and values to change.
        file: The scale or file that the book is built from.

    Raises:
        InputError: A name or value is wrong, or nothing would differ.
    """
    wanted = list(pairs)
    for name, _ in wanted:
        if name in UNCOUNTED:
            raise InputError(f"a page beside another shares its {name}: leave out -p {name}")
    found = WhatIf(original, Section(resolve(source, wanted, file), original.store), source)
    if not found.changes:
        raise InputError(f"the page beside {original.name} would be the same: change a parameter with -p NAME VALUE")
    return found


def adapt(notebook: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Make an executed notebook fit to stand beside its original: own labels, own title, the changes on top.

    Args:
        notebook: The executed notebook, as JSON.
        head: The top of the page.
    """
    made = copy.deepcopy(dict(notebook))
    cells: list[dict[str, Any]] = made["cells"]
    prose = "\n".join(text(cell) for cell in cells if cell["cell_type"] == "markdown")
    own = set(re.findall(rf"\$\$ \(({LABEL})\)|^:label: ({LABEL})", prose, re.MULTILINE))
    labels = {label for pair in own for label in pair if label}
    labels |= {figure(cell)["name"] for cell in cells if "name" in figure(cell)}

    def renamed(line: str) -> str:
        return re.sub(LABEL, lambda found: found[0] + SUFFIX * (found[0] in labels), line)

    for cell in cells:
        if cell["cell_type"] == "markdown":
            cell["source"] = renamed(text(cell))
        drawn = figure(cell)
        drawn.update({key: renamed(value) for key, value in drawn.items() if isinstance(value, str)})
    titled = next(cell for cell in cells if cell["cell_type"] == "markdown")
    titled["source"] = re.sub(r"\A# ", "## ", text(titled))
    cells.insert(0, markdown("what-if", head))
    return made


def figure(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a cell says of the figure it draws; empty where it draws none."""
    found: dict[str, Any] = cell["metadata"].get("mystnb", {}).get("figure", {})
    return found


def insert(node: Any, original: str, name: str) -> Any:
    """Give a table of contents with a file after another."""
    if isinstance(node, Mapping):
        return {key: insert(value, original, name) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        found = []
        for item in node:
            found.append(insert(item, original, name))
            if isinstance(item, Mapping) and item.get("file") == original:
                found.append({"file": name})
        return found
    return node
