"""Recorded results in the ledger: every dataset counts, none is mixed with another, and each says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Result
from distilled_pruning.study.judging import ledger
from distilled_pruning.study.judging.verdicts import CONTRADICTED, REPRODUCED
from distilled_pruning.study.results.record import record
from distilled_pruning.study.results.recorded import Recorded
from distilled_pruning.study.sections.common import comparison
from test_claims import on
from toyjobs import chain

MADE = {"commit": "c" * 40, "tree": "d" * 40, "dirty": False, "seconds": 2.0}


@pytest.fixture
def results(tmp_path: Path) -> Any:
    """Records frames of the barriers under parameters of one's choice."""
    store, jobs = Store(tmp_path / "store"), chain("a", 4)
    store.prepare()
    for job in jobs[:2]:
        store.save(job, Result({"x": 1.0}), MADE)

    def keep(frame: pd.DataFrame, scale: str = "reduced", complete: bool = True, **parameters: Any) -> Path:
        wanted = jobs[1:2] if complete else jobs[1:]
        given = {str(column): values for column, values in frame.to_dict("list").items()}
        root = tmp_path / "results"
        record("barriers", scale, parameters, wanted, store, root, partial=not complete, frame=given)
        return root

    return keep


def test_recordings_of_two_datasets_stand_below_each_other(results: Any) -> None:
    results(on("cifar10"), dataset="cifar10")
    root = results(on("cifar100", dense=0.0), dataset="cifar100")
    table = Recorded(root).table("barriers", "reduced")
    assert table["dataset"].value_counts().to_dict() == {"cifar10": 35, "cifar100": 35}
    dense = ledger.best_of(ledger.by_scale(root))["dense-unstable-conv"]
    assert (dense.verdict, dense.on, dense.n) == (REPRODUCED, "CIFAR-10", 5)


def test_two_recordings_of_one_network_are_not_mixed(results: Any) -> None:
    """The complete one counts, under whatever parameters it was made."""
    results(on("cifar10", dense=0.0, inits=3), complete=False, epochs=15)
    root = results(on("cifar10", dense=0.3), epochs=30)
    table = Recorded(root).table("barriers", "reduced")
    assert len(table) == 35 and set(table[table["method"] == "dense"]["init"]) == set(range(5))
    assert table[table["method"] == "dense"]["error_rise"].min() > 0.2


def test_a_stand_in_yields_to_the_dataset_of_the_claim(results: Any) -> None:
    """A larger scale on another dataset says less than a smaller one on the right dataset; alone, it is named."""
    root = results(on("cifar100"), "paper", dataset="cifar100")
    assert ledger.best_of(ledger.by_scale(root))["dense-unstable-conv"].on == "CIFAR-100 in place of CIFAR-10"
    results(on("cifar10", dense=0.0), "reduced", dataset="cifar10")
    found = ledger.best_of(ledger.by_scale(root))
    assert (found["dense-unstable-conv"].scale, found["dense-unstable-conv"].verdict) == ("reduced", CONTRADICTED)
    assert found["gentle-stable"].scale == "paper", "a claim of ours about no dataset takes the larger scale"


def test_nothing_recorded_is_an_empty_table(tmp_path: Path) -> None:
    assert Recorded(tmp_path).table("barriers", "paper").empty
    assert ledger.best_of(ledger.by_scale(tmp_path)) == {}
    assert comparison.find_recorded("barriers", tmp_path) is None


def test_a_comparison_with_the_paper_uses_the_papers_data(results: Any) -> None:
    root = results(on("cifar100"), dataset="cifar100")
    assert comparison.find_recorded("barriers", root, **comparison.PAPERS) is None
    found = comparison.find_recorded("barriers", root)
    assert found is not None and found[0] == "reduced" and len(found[1]) == 35
