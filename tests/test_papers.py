"""The papers' own numbers: read as they were printed, and set beside recorded values and this run's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.results import papers
from distilled_pruning.study.sections.common import comparison
from distilled_pruning.study.sections.s4_2_hessian import tables

LEVELS = {"dense": (0,), "imp": (4, 9, 10), "distilled": (4, 9, 10)}


def frame(gentle: bool = True, inits: int = 2) -> pd.DataFrame:
    """Curvature whose deviation tells where it stems from: level in the units, initialisation in the tenths."""
    rows = []
    for method, levels in LEVELS.items():
        for setting in [""] if method == "dense" else ["equal rate"] + ["gentle rate"] * (gentle and method != "imp"):
            for level in levels:
                for init in range(inits):
                    named = {"dataset": "digits", "model": "convnet3", "method": method, "setting": setting}
                    named |= {"level": level, "sparsity": 1 - 0.8**level, "init": init}
                    std = level + 0.1 * init + 20 * (setting == "gentle rate")
                    rows.append({**named, "min": -1.0, "max": 2.0, "mean": 0.5, "std": std, "mean_abs": 0.75})
    return pd.DataFrame(rows)


def test_the_hessian_table_is_the_printed_one() -> None:
    table = papers.hessian()
    assert len(table) == 5 and all(set(row) == {"min", "max", "mean", "std", "mean_abs"} for row in table.values())
    assert table["imp", 0.9] == {"min": -6.323, "max": 6.127, "mean": 0.0035, "std": 0.0594, "mean_abs": 0.006}


def test_numbers_are_chosen_by_column() -> None:
    assert len(papers.numbers(papers.HESSIAN)) == 25
    assert [row["value"] for row in papers.numbers(papers.HESSIAN, method="dense", metric="hessian_diag_max")] == [
        "1.344"
    ]
    assert papers.numbers("no such table") == []


@pytest.mark.parametrize(
    ("text", "part"), [(None, "cannot be read"), ("a,b\n1,2\n", "does not hold"), ("", "does not")]
)
def test_a_file_that_is_no_such_file_is_refused(tmp_path: Path, text: str | None, part: str) -> None:
    path = tmp_path / "numbers.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=part):
        papers.numbers(papers.HESSIAN, path)


def test_paper_recorded_and_run_stand_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tables.compare(frame(), "live", tmp_path)
    assert list(found.columns) == ["network", "sparsity", "diagonal", "Paper", "This run"], "nothing is recorded"
    rows = {(str(row[0]), row[1]): [str(cell).split("; ") for cell in row[2:]] for row in found.rows}
    lines = rows["IMP", "60 %"]
    assert lines[0] == ["min / max", "mean ± std", "mean |h|"]
    assert lines[1] == ["−3.07 / 4.51", "0.0051 ± 0.0559", "0.0087"]
    assert lines[2] == ["−1 / 2", "0.5 ± 4.05", "0.75"]
    assert rows["Distilled", "90 %"][2][1] == "0.5 ± 10.1", "level 10 is nearer to 90 % than level 9"
    assert [cell[1] for cell in rows["Distilled, gentle rate", "60 %"][1:]] == ["–", "0.5 ± 24.1"]
    assert found._repr_html_().count("<br>") == 2 * 3 * len(found.rows)
    monkeypatch.setattr(comparison, "find_recorded", lambda figure, root, **where: ("reduced", frame(gentle=False)))
    both = tables.compare(frame(gentle=False).iloc[:2], "live")
    assert both.columns[4] == "Recorded (reduced)" and len(both.rows) == 5
    imp = next(row for row in both.rows if row[:2] == ["IMP", "60 %"])
    assert [str(cell).split("; ")[2] for cell in imp[3:]] == ["0.0087", "0.75", "–"]


def test_a_level_far_from_the_printed_sparsity_is_left_out(tmp_path: Path) -> None:
    short = frame()[lambda f: f["level"] <= 4]
    rows = {tuple(row[:2]): str(row[-1]) for row in tables.compare(short, "live", tmp_path).rows}
    assert rows["IMP", "90 %"] == "–; –; –" and rows["IMP", "60 %"] != "–; –; –"
    assert tables.compare(pd.DataFrame(), "live", tmp_path).columns[-1] == "Paper", "no column that says nothing"


def test_the_largest_recording_is_shown(tmp_path: Path) -> None:
    from distilled_pruning.study.engine.entry import dump, sha256
    from distilled_pruning.study.results.recorded import Record, write_index

    records = []
    for scale, share in (("reduced", 0.1), ("paper", 0.2)):
        content = dump({"method": ["imp"], "std": [share]})
        (tmp_path / "frames").mkdir(exist_ok=True)
        (tmp_path / "frames" / f"{scale}.json").write_bytes(content)
        records.append(Record("hessian", scale, {}, (), {}, (f"{scale}.json", sha256(content)), {}, 0.0))
    (tmp_path / "index.json").write_bytes(write_index(records))
    found = comparison.find_recorded("hessian", tmp_path)
    assert found is not None and found[0] == "paper" and list(found[1]["std"]) == [0.2]
    assert comparison.find_recorded("overlap", tmp_path) is None
