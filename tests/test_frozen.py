"""What a change of the house must leave as it is: keys of all presets, recorded verdicts, and the words of the command.

``frozen.json`` holds them. After a change that means to move one of them, write it again with

    python tests/test_frozen.py

and say in the commit which moved and why. Recorded frames are held by ``test_record.py``, numbers by
``test_golden.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from distilled_pruning import cli
from distilled_pruning.errors import InputError
from distilled_pruning.study.judging.ledger import best_of, by_scale
from distilled_pruning.study.parameters.notebooks import notebooks
from distilled_pruning.study.parameters.presets import LIVE, bases, resolve
from distilled_pruning.study.sections.section import Section

KEPT = Path(__file__).with_name("frozen.json")
DATA = Path(__file__).parents[2] / "shared" / "data"
IMAGENET = {"s4-stability/paper/imagenet10", "s6-stable-initializations/paper"}  # its images may not be passed on
IMAGENET |= {f"{name}/reduced/imagenette" for name in ("s4-stability", "s6-stable-initializations")}
PRESETS = [(name, scale) for name in notebooks() for scale in bases(name) if f"{name}/{scale}" not in IMAGENET]


def keys_of(name: str, scale: str) -> dict[str, Any]:
    """Give the number of a preset's jobs, and a hash of their sorted keys."""
    keys = sorted(job.key for job in Section(resolve(name, file=None if scale == LIVE else scale)).graph)
    return {"jobs": len(keys), "sha256": hashlib.sha256("\n".join(keys).encode()).hexdigest()}


def words_of(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Give the options of a command, and those of its own commands."""
    found: dict[str, Any] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {name: words_of(part) for name, part in action.choices.items()}
        else:
            found["/".join(action.option_strings) or action.dest] = action.nargs
    return found


def verdicts() -> dict[str, list[Any]]:
    """Give verdict and number of initialisations of every claim that recorded results judge."""
    return {name: [found.verdict, found.n] for name, found in sorted(best_of(by_scale()).items())}


def frozen(part: str) -> Any:
    return json.loads(KEPT.read_text(encoding="utf-8"))[part]


@pytest.mark.parametrize(("name", "scale"), PRESETS, ids=lambda part: part)
def test_no_preset_changes_a_key(name: str, scale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if (DATA / "distilled").is_dir():
        monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(DATA))
    try:
        found = keys_of(name, scale)
    except InputError as error:
        pytest.skip(f"its data are not here: {error}")
    assert found == frozen("keys")[f"{name}/{scale}"]


def test_every_preset_is_frozen() -> None:
    assert frozen("keys").keys() == {f"{name}/{scale}" for name, scale in PRESETS}


def test_no_recorded_verdict_changes() -> None:
    assert verdicts() == frozen("verdicts")


def test_no_word_of_the_command_changes() -> None:
    assert words_of(cli.parser()) == frozen("words")


def write() -> None:
    """Write what is to stay."""
    os.environ["DISTILLED_PRUNING_DATA"] = str(DATA)
    keys = {f"{name}/{scale}": keys_of(name, scale) for name, scale in PRESETS}
    kept = {"keys": keys, "verdicts": verdicts(), "words": words_of(cli.parser())}
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
