"""The authors' own code and ours, side by side: only where their code is at hand, none of it is kept here."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("DISTILLED_PRUNING_AUTHORS", ""))
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ROUNDING = 1e-6  # float32 sums in another order; wrong maths is off by far more


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dc", "mtt", "idc", "papers"])
def test_equal_weights_and_batches_give_equal_numbers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.environ.get("DISTILLED_PRUNING_AUTHORS") or not (FOLDER / name).is_dir():
        pytest.skip(f"DISTILLED_PRUNING_AUTHORS names no folder with a checkout {name} of the authors' code")
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    found = importlib.import_module("authors").rows(name, FOLDER / name)
    assert found
    for row in found:
        assert row.relative < ROUNDING, row


def test_what_is_not_given_is_left_out_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    monkeypatch.setattr(sys, "argv", ["authors.py"])
    importlib.import_module("authors").main()
    assert capsys.readouterr().out.count("no folder is given with") == 4
