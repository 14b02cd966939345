"""Ten recorded verdicts, recomputed from the recorded frames by pandas and SciPy, without a line of the library's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
from scipy.stats import t

ROOT = Path(__file__).parent.parent
INSIDE = {"stable": (-1, 0.02), "unstable": (0.02, 1), "above": (0, 9), "no worse": (-0.01, 1), "above one": (1, 9)}
WORDS = {(True, False): "holds", (False, True): "fails", (False, False): "unsure"}
OF_PAPERS = {("holds",): "reproduced", ("fails", "holds"): "mixed"}
OF_QUESTIONS = {("holds",): "supported", ("fails",): "refuted", ("holds", "unsure"): "open", ("unsure",): "open"}
OF_QUESTIONS |= {("fails", "unsure"): "open"}


def frame(figure: str) -> pd.DataFrame:
    """All recorded rows of a figure, each line once."""
    paths = sorted((ROOT / "results" / "frames").glob(f"{figure}-reduced-*.json"))
    found = pd.concat([pd.DataFrame(json.loads(path.read_text())) for path in paths])
    return found[(found["model"] == "convnet3") & ~found["collapsed"].astype(bool)].drop_duplicates("key")


def of(rows: pd.DataFrame, column: str, method: str, level: int) -> pd.Series:
    found = rows[(rows["method"] == method) & (rows["level"] == level) & rows["setting"].isin(("equal rate", ""))]
    return found.groupby("init")[column].mean()


def judge(values: pd.Series, rule: str) -> str:
    n, (low, high) = len(values), INSIDE[rule]
    half = t.ppf(0.975, n - 1) * values.std() / n**0.5
    left, right = values.mean() - half, values.mean() + half
    return WORDS[low < left and right < high, right < low or left > high]


def recomputed() -> dict[str, str]:
    b, h = frame("barriers"), frame("hessian")
    both = (4, 9)

    def gap(column: str, more: str, less: str, rule: str) -> list[str]:
        return [judge((of(b, column, more, k) - of(b, column, less, k)).dropna(), rule) for k in both]

    found = {
        "dense-unstable-conv": [judge(of(b, "error_rise", "dense", 0), "unstable")],
        "imp-unstable": [judge(of(b, "error_rise", "imp", k), "unstable") for k in both],
        "imp-sharpens": [judge(of(h, c, "imp", 4) / of(h, c, "dense", 0), "above one") for c in ("std", "mean_abs")],
        "short-real-stable": [judge(of(b, "error_rise", "real-short", k), "stable") for k in both],
        "random-real-stable": [judge(of(b, "error_rise", "random-real", k), "stable") for k in both],
        "own-set-stable": [judge(of(b, "error_rise", "distilled", k), "stable") for k in both],
        "control-short-loop": gap("barrier", "imp", "real-short", "above"),
        "control-images": gap("barrier", "random-real", "real-short", "above"),
        "control-random-real": gap("barrier", "imp", "random-real", "above"),
        "control-short-accuracy": gap("accuracy", "real-short", "imp", "no worse"),
    }
    words = {name: tuple(sorted(set(parts))) for name, parts in found.items()}
    papers = {"dense-unstable-conv", "imp-unstable", "imp-sharpens"}
    return {name: (OF_PAPERS if name in papers else OF_QUESTIONS)[parts] for name, parts in words.items()}


def test_ten_verdicts_agree_with_the_check_of_recorded_results() -> None:
    run = [sys.executable, "-m", "distilled_pruning", "check", "--recorded", "--json"]
    shown = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    checked = {row["id"]: row["verdict"] for row in json.loads(shown.stdout)["claims"]}
    wanted = recomputed()
    assert len(wanted) == 10 and {name: checked[name] for name in wanted} == wanted
