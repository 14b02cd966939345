"""Recorded verdicts, recomputed from the recorded frames by pandas and SciPy, without a line of the library's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
from scipy.stats import t, ttest_1samp

ROOT = Path(__file__).parent.parent
STABLE, UNSTABLE, ABOVE_0, ABOVE_1, NO_LESS = (-9, 0.02), (0.02, 9), (0, 9), (1, 9), (-0.01, 9)


def frame(figure: str) -> pd.DataFrame:
    """Rows at the papers' inner rate of the largest recording of a ConvNet-3 on CIFAR-10; no ticket of it collapsed."""
    paths = sorted((ROOT / "results" / "frames").glob(f"{figure}-reduced-*.json"))
    parts = [pd.DataFrame(json.loads(path.read_text())) for path in paths]
    rows = max((part[(part["model"] == "convnet3") & (part["dataset"] == "cifar10")] for part in parts), key=len)
    assert "collapsed" not in rows or not rows["collapsed"].any()
    return rows[rows["setting"].isin(("equal rate", ""))]


def mean(rows: pd.DataFrame, column: str, method: str, level: int) -> pd.Series:
    return rows[(rows["method"] == method) & (rows["level"] == level)].groupby("init")[column].mean()


def judge(values: pd.Series, inside: tuple[float, float]) -> str:
    """Where the 95 % interval of the mean lies: ``holds``, ``fails`` or ``open``."""
    values, (low, high) = values.dropna(), inside
    left, right = t.interval(0.95, len(values) - 1, values.mean(), values.std() / len(values) ** 0.5)
    return "holds" if low < left and right < high else "fails" if right < low or left > high else "open"


def corrected(*differences: pd.Series) -> list[str]:
    """Judge differences that should be above zero, after Holm's correction over all of them."""
    ps = [ttest_1samp(values.dropna(), 0).pvalue for values in differences]
    holm = [max((len(ps) - sorted(ps).index(q)) * q for q in ps if q <= p) for p in ps]
    found = [judge(values, ABOVE_0) for values in differences]
    return [word if p < 0.05 else "open" for word, p in zip(found, holm, strict=True)]


def joined(parts: list[str], ours: bool = False, needs: tuple[str, ...] = ()) -> str:
    """Join what the settings of a claim say, where what it takes for granted holds."""
    if "fails" in needs:
        return "not testable here"
    words = {"holds": "supported", "fails": "refuted"} if ours else {"holds": "reproduced", "fails": "contradicted"}
    if len(set(parts)) == 1 and "open" not in (*parts, *needs):
        return words[parts[0]]
    undecided = "open" if ours else "undecided"
    return "mixed" if {"holds", "fails"} <= set(parts) else undecided if ours or "holds" not in parts else "partly"


def recomputed() -> dict[str, str]:
    b, h, two = frame("barriers"), frame("hessian"), frame("fig2")
    h = h.assign(range=h["max"] - h["min"])

    def rises(method: str, inside: tuple[float, float]) -> list[str]:
        return [judge(mean(b, "error_rise", method, level), inside) for level in (4, 9)]

    def gaps(column: str, more: str, less: str) -> list[pd.Series]:
        return [mean(b, column, more, level) - mean(b, column, less, level) for level in (4, 9)]

    def over(column: str, more: str, k: int, less: str, j: int) -> str:
        return judge(mean(h, column, more, k) / mean(h, column, less, j), ABOVE_1)

    sharper = [over(column, "imp", 4, "dense", 0) for column in ("range", "std", "mean", "mean_abs")]
    less_spread = [over("std", *pair) for pair in (("dense", 0, "distilled", 4), ("imp", 4, "distilled", 4))]
    trained = tuple(judge(mean(two, "accuracy", "dense", 0) - mean(two, "accuracy", "imp", k), NO_LESS) for k in (4, 9))
    good_set = judge(mean(two, "loop_accuracy", "distilled", 4), (0.675 - 0.1, 9))
    dense = judge(mean(b, "error_rise", "dense", 0), UNSTABLE)
    family = corrected(*gaps("barrier", "imp", "real-short"), *gaps("barrier", "random-real", "real-short"))
    return {
        "dense-unstable-conv": joined([dense]),
        "imp-unstable": joined(rises("imp", UNSTABLE), needs=(dense, *trained)),
        "imp-sharpens": joined(sharper, needs=trained),
        "syn-stable-conv": joined(rises("distilled", STABLE), needs=(dense, *trained, good_set)),
        "hess-std": joined(less_spread, needs=(*trained, good_set)),
        "short-real-stable": joined(rises("real-short", STABLE), ours=True),
        "random-real-stable": joined(rises("random-real", STABLE), ours=True),
        "own-set-stable": joined(rises("distilled", STABLE), ours=True),
        "control-short-loop": joined(family[:2], ours=True),
        "control-images": joined(family[2:], ours=True),
        "control-random-real": joined([judge(d, ABOVE_0) for d in gaps("barrier", "imp", "random-real")], ours=True),
        "control-short-accuracy": joined([judge(d, NO_LESS) for d in gaps("accuracy", "real-short", "imp")], ours=True),
    }


def test_twelve_verdicts_agree_with_the_check_of_recorded_results() -> None:
    run = [sys.executable, "-m", "distilled_pruning", "check", "--recorded", "--json"]
    shown = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    checked = {row["id"]: row["verdict"] for row in json.loads(shown.stdout)["claims"]}
    wanted = recomputed()
    assert {name: checked[name] for name in wanted} == wanted
    assert {"reproduced", "mixed", "not testable here", "supported", "refuted", "open"} == set(wanted.values())
