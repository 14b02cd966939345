"""The check can fail: with the code sabotaged, claims turn and ``check`` exits 1.

A small study of real trainings on digits: five dense initialisations, and three tickets.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distilled_pruning import cli, training
from distilled_pruning.study.judging import expectations
from distilled_pruning.study.judging.verdicts import REPRODUCED
from distilled_pruning.study.parameters import presets as parameters
from distilled_pruning.training import loop

DENSE = {"methods": "dense", "seeds": 5}
SPARSE = {"methods": "real-short", "seeds": 3, "inner_learning_rate": "0.1", "levels": 1, "epochs": 1}
SMALL = {"epochs": 10, "inner_steps": 20, "levels": 1, "measured_levels": "1"}


def arguments(study: dict[str, Any], store: Path) -> list[str]:
    pairs = {**SMALL, **study}
    given = [word for name, value in pairs.items() for word in ("-p", name, str(value))]
    return ["s4-stability", *given, "--store", str(store)]


def scale_of(study: dict[str, Any]) -> str:
    return parameters.resolve("s4-stability", [(name, str(value)) for name, value in {**SMALL, **study}.items()]).scale


def expect(monkeypatch: pytest.MonkeyPatch, study: dict[str, Any], claim: str, verdict: str) -> None:
    expected = {scale_of(study): {claim: {"verdict": verdict, "n": study["seeds"]}}}
    monkeypatch.setattr(expectations, "read", lambda: expected)


def judged(study: dict[str, Any], store: Path) -> int:
    assert cli.main(["run", *arguments(study, store), "--jobs", "1"]) == 0
    return cli.main(["check", *arguments(study, store)])


def ignore_order(monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., Any] = loop.make_generator
    monkeypatch.setattr(loop, "make_generator", lambda what, *parts: honest(what, 0, *parts[1:]))


def ignore_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., Any] = training.train
    monkeypatch.setattr(
        training,
        "train",
        lambda net, split, recipe, mask, *rest, **more: honest(net, split, recipe, None, *rest, **more),
    )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("study", "claim", "verdict", "sabotage"),
    [
        pytest.param(DENSE, "dense-unstable-conv", REPRODUCED, ignore_order, id="order seed ignored"),
        pytest.param(SPARSE, "masks-hold", REPRODUCED, ignore_mask, id="mask not applied"),
    ],
)
def test_sabotage_turns_a_claim(
    study: dict[str, Any],
    claim: str,
    verdict: str,
    sabotage: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expect(monkeypatch, study, claim, verdict)
    assert judged(study, tmp_path / "honest") == 0, capsys.readouterr()
    sabotage(monkeypatch)
    assert judged(study, tmp_path / "sabotaged") == 1
    assert claim in "".join(capsys.readouterr())
