"""What the shell offers after a word of the command line; loaded only when a shell asks (``argcomplete``)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from typing import Any

from .data import catalog
from .errors import InputError
from .models import costs


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell and leave, if it is a shell that asks.

    Args:
        parser: The command line; its actions get what completes them.
    """
    import argcomplete

    for command in _commands(parser):
        for action in command._actions:
            offer = _OFFERS.get("/".join(action.option_strings) or action.dest)
            if offer is not None:
                action.completer = offer  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options=False)


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """List the parsers of all commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def _offer_pages(**asked: Any) -> list[str]:
    """Offer the book's pages; none where there is no book."""
    from .study.parameters.notebooks import notebooks

    try:
        return notebooks()
    except InputError:
        return []


def _offer_targets(**asked: Any) -> list[str]:
    """Offer pages and figures."""
    from .study.sections.registry import EXPERIMENTS

    return [*_offer_pages(), *EXPERIMENTS, "all"]


def _offer_presets(parsed_args: argparse.Namespace, **asked: Any) -> list[str]:
    """Offer the presets of the pages that were named, of all pages where none was."""
    from .study.parameters.presets import LIVE, bases

    named = [name for name in getattr(parsed_args, "targets", None) or [] if name in _offer_pages()]
    try:
        found = [scale for name in named or _offer_pages() for scale in bases(name)]
    except InputError:
        return []
    return [scale for scale in dict.fromkeys(found) if scale != LIVE]


def _offer_changes(parsed_args: argparse.Namespace, **asked: Any) -> Iterable[str]:
    """Offer the parameters of the pages that were named; after a parameter, the values that have names."""
    from .study.parameters.presets import LIVE, bases

    before = _read_typed()
    if before[-1:] != ["-p"]:
        return _offer_values(before[-1]) if before else ()
    named = [name for name in getattr(parsed_args, "targets", None) or [] if name in _offer_pages()]
    try:
        return dict.fromkeys(name for page in named or _offer_pages() for name in bases(page)[LIVE])
    except InputError:
        return ()


def _offer_values(parameter: str) -> Iterable[str]:
    """Offer the values of a parameter that have names."""
    from .study.jobs import ways

    named = {"dataset": catalog.DATASETS, "model": costs.MODELS, "methods": ways.names()}
    return named.get(parameter, ())


def _read_typed() -> list[str]:
    """List the words before the one that is completed, as the shell passes them on."""
    line = os.environ.get("COMP_LINE", "")
    line = line.encode()[: int(os.environ.get("COMP_POINT", len(line)))].decode(errors="ignore")
    return line.split()[: None if line.endswith(" ") else -1]


def _offer_themes(**asked: Any) -> list[str]:
    """Offer what can be measured."""
    from .study.sections.how_fast.runs import ALL_THEMES

    return list(ALL_THEMES)


_OFFERS = {
    "targets": _offer_targets,
    "notebooks": _offer_pages,
    "--what-if": _offer_pages,
    "-f/--file": _offer_presets,
    "-p": _offer_changes,
    "names": lambda **asked: list(catalog.DATASETS),
    "themes": _offer_themes,
}
