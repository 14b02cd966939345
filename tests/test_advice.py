"""What sentences advise can be done: the parameters, options and ways that they name are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from distilled_pruning.study.parameters import fields

ROOT = Path(__file__).parent.parent

PYTHON_ONLY = {
    "needs init='mix'": "whoever sees it has passed init or factor in Python",
    "ask for evidence=": "whoever sees it asks for results in Python",
    "as by weight_norm": "whoever sees it wrote the network",
    "ask for at=": "whoever sees it asks for a network in Python",
    "use norm='instance'": "networks have it unless norm was passed in Python",
    "use space=": "whoever sees it has passed space in Python",
}
NAME = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b(?!\.[a-z])|\b[a-z_]+=(?!\{?'?\")")


def sentences() -> list[tuple[str, str]]:
    """List the texts of all errors a user can meet, with where they stand; values are left as braces."""
    found = []
    for path in sorted((ROOT / "lib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "InputError",
                "BuildError",
                "Unfinished",
            ):
                words = [
                    part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}"
                    for argument in node.args
                    for piece in ast.walk(argument)
                    for part in (piece.values if isinstance(piece, ast.JoinedStr) else [])
                ] or [piece.value for a in node.args for piece in [a] if isinstance(piece, ast.Constant)]
                found.append((f"{path.name}:{node.lineno}", "".join(map(str, words))))
    return found


def test_advice_names_only_what_a_reader_can_set() -> None:
    """A name that no notebook declares may stand only after "in Python", and after a way that pages have."""
    assert len(sentences()) > 200
    for where, text in sentences():
        page, _, _ = text.partition("in Python")
        if any(known in text for known in PYTHON_ONLY):
            continue
        for name in NAME.findall(page):
            assert name.rstrip("=") in fields.FIELDS, f"{where}: {name} in {text!r}"
        if "in Python" in text:
            assert len(page.rpartition(":")[2].strip(" ,")) > 10, f"{where}: no way for a page in {text!r}"


def test_every_option_named_in_a_sentence_exists() -> None:
    """Options of the command line and environment variables that sentences name are there."""
    from distilled_pruning import cli

    helped = "\n".join(
        action.format_help()
        for group in cli.parser()._subparsers._group_actions
        for action in group.choices.values()  # type: ignore[union-attr]
    )
    for where, text in sentences():
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
            assert option in helped, f"{where}: {option}"
