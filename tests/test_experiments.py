"""Experiments: which jobs a figure needs, and what its frame says of their results."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from distilled_pruning.study import jobs
from distilled_pruning.study.jobs import (
    CORRUPTIONS,
    Connect,
    HessianDiagonal,
    Landscape,
    MaskStatistics,
    MembershipCurvature,
    Prune,
    Robustness,
    Spectrum,
    Train,
)
from distilled_pruning.study.judging import judgement
from distilled_pruning.study.parameters.fields import FIELDS, Values
from distilled_pruning.study.sections import registry as experiments
from distilled_pruning.study.sections.common.analyses import COLUMNS
from distilled_pruning.study.sections.common.frames import cost_of
from distilled_pruning.study.sections.common.tickets import Tickets
from distilled_pruning.study.sections.s2_dataset_distillation.experiment import PAGE as S2


def parsed(**given: Any) -> Values:
    """Parameters as experiments see them, of no notebook."""
    return Values({name: FIELDS[name].value(value) for name, value in given.items()})


LIVE = parsed(
    dataset="digits", image_size=16, model="convnet3", width=16, methods="dense,imp,distilled", ipc=10, distiller="dm",
    levels=9, measured_levels="0,4,9", fraction=0.2, seeds=3, replicates=2, epochs=30, batch_size=32, learning_rate=0.3,
    inner_steps=300, inner_learning_rate="0.3,0.1", alphas=11, augmentation="shift2+cutmix", precision="fp32",
    compile=False, resolution=5, main_methods="imp,distilled", dose_rates="0.1,0.3", dose_steps="40,300", dose_seeds=1,
    rated_methods="distilled", epsilons="8", severities="1,5", shift_images=0, inits="default,kaiming",
    init_methods="dense,distilled", init_seeds=1, protocol_seeds=1,
    ipcs="10,1", distill_models="own", distilled_levels=7, rewind=3, rewind_seeds=1, common_epochs="0,3",
    inner_augmentation="shift2", order_seeds=3, first_rounds="distilled",
)  # fmt: skip


def with_(**changes: Any) -> Values:
    return parsed(**{**LIVE, **changes})


class Reader:
    """Answers for every job with figures that depend on its level alone."""

    def __init__(self, wanted: list[jobs.Job], collapsed_level: int | None = None) -> None:
        self.by_key = {job.key: job for job in jobs.graph(wanted)}
        self.collapsed_level = collapsed_level

    def metrics(self, key: str) -> dict[str, Any] | None:
        job = self.by_key.get(key)
        if isinstance(job, Connect):
            level = job.a.level
            return {
                "alphas": [0.0, 0.5, 1.0], "loss": [0.1, 0.5, 0.1], "accuracy": [0.9, 0.7, 0.9], "barrier": 0.4,
                "maximum": 0.4, "error_rise": 0.2, "end_loss": 0.1, "end_accuracy": 0.9 - 0.01 * level,
            }  # fmt: skip
        if isinstance(job, HessianDiagonal):
            columns = [name + kind for kind in ("", "_kept", "_nonzero") for name in COLUMNS]
            return {"summary": dict.fromkeys(columns, 0.1), "sharpness": 1.0, "images": 64}
        if isinstance(job, Robustness):
            names = [("clean", 0), ("fgsm", 8), ("pgd", 8), *((name, s) for name in CORRUPTIONS for s in (1, 5))]
            rows = [{"shift": name, "strength": strength, "accuracy": 0.9, "loss": 0.1} for name, strength in names]
            return {"shifts": rows, "images": 360}
        if isinstance(job, Spectrum):
            return {"trace": 1.0, "trace_error": 0.1, "eigenvalues": [2.0], "residuals": [0.001]}
        if isinstance(job, Landscape):
            return {"basins": 1, "loss_range": 0.2, "unit": 3.0, "coordinates": [[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]}
        if isinstance(job, MembershipCurvature):
            sizes = {"count": 1.0, "mean_abs": 0.1, "mean_saliency": 0.1}
            return {"groups": {name: dict(sizes) for name in ("both", "a", "b", "neither")}}
        if isinstance(job, MaskStatistics):
            compared = {"jaccard": 0.2, "ratio": 1.0, "shared": 10, "expected": 9.0, "low": 5, "high": 14}
            layers = {"conv1.weight": 0.5, "head.weight": 0.9}
            return {
                "whole": compared, "layered": compared, "ks_pruned": 0.01, "ks_kept": 0.02,
                "ks_pruned_kept": [0.2, 0.1], "sparsity": [layers, layers],
            }  # fmt: skip
        if isinstance(job, Prune):
            return {"collapsed": ["head"] if job.level == self.collapsed_level else [], "survivors": 10}
        if isinstance(job, Train):
            return {"accuracy": 0.9, "loss": 0.3, "train_loss": 0.2, "distance": 1.0, "initial_norm": 2.0, "outside": 0}
        return None

    def provenance(self, key: str) -> dict[str, Any] | None:
        return {"seconds": 2.0} if key in self.by_key else None

    def arrays(self, key: str) -> dict[str, np.ndarray] | None:
        job = self.by_key.get(key)
        if isinstance(job, HessianDiagonal):
            return {"bins": np.array([-1.0, 0.0, 1.0]), "counts": np.array([1, 3])}
        if isinstance(job, Landscape):
            return {"points": np.zeros((4, 2)), "loss": np.ones(4), "accuracy": np.ones(4)}
        return None


def test_rows_follow_methods_and_rates() -> None:
    rows = [(row.method, row.rate, row.setting) for row in Tickets(LIVE).rows]
    assert rows == [
        ("dense", 0.0, ""),
        ("imp", 0.3, "equal rate"),
        ("distilled", 0.3, "equal rate"),
        ("distilled", 0.1, "gentle rate"),
    ]


@pytest.mark.parametrize(
    ("levels", "measured", "expected"),
    [(9, "0,4,9", [0, 4, 9]), (3, "0,4,9", [0, 3]), (10, "0,4,9", [0, 4, 9, 10]), (3, "all", [0, 1, 2, 3])],
)
def test_measured_levels_stay_within_levels(levels: int, measured: str, expected: list[int]) -> None:
    assert Tickets(with_(levels=levels, measured_levels=measured)).measured == expected


def test_figure_3_connects_two_orders_of_one_ticket() -> None:
    lines = experiments.EXPERIMENTS["fig3"].jobs(LIVE)
    assert len(lines) == 3 * (1 + 3 * 2)
    for line in lines:
        assert isinstance(line, Connect)
        assert line.a.mask == line.b.mask and line.a.network == line.b.network
        assert (line.a.order_seed, line.b.order_seed) == (0, 1)
    assert len({line.key for line in lines}) == len(lines)


def test_the_inner_loop_differs_from_the_retraining_only_as_stated() -> None:
    tickets = Tickets(LIVE)
    imp, equal, gentle = (tickets.chain(row, 0, 2) for row in tickets.rows[1:])
    assert imp is not None and equal is not None and gentle is not None
    assert imp.recipe == tickets.outer and imp.source == tickets.data
    assert equal.recipe is not None and equal.recipe.steps == 300 and equal.recipe.learning_rate == 0.3
    assert gentle.recipe is not None and gentle.recipe.learning_rate == 0.1
    assert equal.source == tickets.distilled_set(0) != tickets.distilled_set(1)


def test_figure_2_measures_every_level_on_the_first_initialisation() -> None:
    levels = {init: set() for init in range(3)}
    for _, init, level, _, _ in Tickets(LIVE).retrainings(every=True):
        levels[init].add(level)
    assert levels[0] == set(range(10))
    assert levels[1] == levels[2] == {0, 4, 9}


def test_points_are_the_papers_arithmetic() -> None:
    """300 epochs of 50,000 images against 1,000 of 100 stored, 400 decoded ones: 150, 37.5 and 33.5 (section 3)."""
    paper = with_(
        dataset="cifar10", image_size=0, width=128, distiller="idc", epochs=300, batch_size=64, learning_rate=0.01,
        inner_steps=7000, inner_learning_rate="0.01", augmentation="dsa+cutmix",
    )  # fmt: skip
    tickets = Tickets(paper)
    imp, syn = (cost_of(tickets.chain(row, 0, 9)) for row in tickets.rows[1:])
    assert imp["points"] == 9 * 300 * 50_000 and imp["steps"] == 9 * 234_600
    assert syn["steps"] == 9 * 7000
    assert imp["steps"] / syn["steps"] == pytest.approx(33.5, rel=1e-3)
    assert imp["points_decoded"] / syn["points_decoded"] == pytest.approx(37.5)
    assert imp["points"] / syn["points"] == pytest.approx(150)


def test_frames_carry_what_figures_and_claims_read() -> None:
    three = with_(replicates=3)
    for name, experiment in experiments.EXPERIMENTS.items():
        if experiment.notebook == S2:
            continue  # these are about sets, not tickets: test_sets.py
        wanted = experiment.jobs(three)
        frame = experiment.frame(three, Reader(wanted))
        assert {"dataset", "model", "method", "setting", "level", "sparsity", "init", "key"} <= set(frame), name
        of_loops = ["inner_accuracy", "travelled", "loop_accuracy"]
        assert not frame.drop(columns=of_loops, errors="ignore").isna().any().any()
        assert experiment.frame(three, Reader([])).empty


def test_barriers_flag_collapsed_tickets() -> None:
    wanted = experiments.EXPERIMENTS["barriers"].jobs(LIVE)
    frame = experiments.EXPERIMENTS["barriers"].frame(LIVE, Reader(wanted, collapsed_level=9))
    assert frame[frame["level"] == 9]["collapsed"].all()
    assert not frame[frame["level"] != 9]["collapsed"].any()


def test_controls_run_the_main_methods_on_all_initialisations_and_the_rest_on_one() -> None:
    wanted = with_(methods="dense,imp,distilled,shuffled,snip,easy-real", measured_levels="0,9")
    frame = experiments.EXPERIMENTS["controls"].frame(wanted, Reader(experiments.EXPERIMENTS["controls"].jobs(wanted)))
    inits = frame.groupby("method")["init"].nunique()
    assert dict(inits) == {"dense": 1, "imp": 3, "distilled": 3, "shuffled": 1, "snip": 1, "easy-real": 1}


def test_the_dose_changes_the_inner_loop_alone() -> None:
    lines = experiments.EXPERIMENTS["dose"].jobs(LIVE)
    assert len({line.key for line in lines}) == len(lines) == 3 * 2 * 2 + 1
    for line in lines[:-1]:
        assert isinstance(line, Connect) and line.a.mask is not None and line.a.mask.recipe is not None
        assert line.a.recipe == Tickets(LIVE).outer
        assert line.a.mask.recipe.steps in (40, 300) and line.a.mask.recipe.learning_rate in (0.1, 0.3)


def test_datasets_and_models_are_a_row_each() -> None:
    both = with_(model="convnet3,resnet10", seeds=1)
    frame = experiments.EXPERIMENTS["barriers"].frame(both, Reader(experiments.EXPERIMENTS["barriers"].jobs(both)))
    assert set(frame["model"]) == {"convnet3", "resnet10"}


class Orders(Reader):
    """A network's accuracy and distance depend on the order of its data alone."""

    def metrics(self, key: str) -> dict[str, Any] | None:
        found, job = super().metrics(key), self.by_key.get(key)
        if found is not None and isinstance(job, Train):
            found |= {"accuracy": 0.5 + 0.1 * job.order_seed, "distance": 1.0 + job.order_seed}
        return found


@pytest.mark.parametrize("name", ["barriers", "controls", "dose", "fig2", "fig6", "protocols", "starts"])
def test_accuracy_means_the_mean_of_all_retrainings_everywhere(name: str) -> None:
    """Not that of the first one alone, and so for the distance it went."""
    parameters = with_(replicates=3, seeds=1)
    experiment = experiments.EXPERIMENTS[name]
    frame = experiment.frame(parameters, Orders(experiment.jobs(parameters)))
    by = ["method", "rate", "level", "init"] + [n for n in ("steps", "protocol", "start", "ipc") if n in frame]
    for column, mean in (("accuracy", 0.6), ("distance", 2.0)):
        if column in frame:
            assert frame.groupby(by)[column].mean().to_list() == pytest.approx([mean] * frame.groupby(by).ngroups)


def test_no_label_of_the_ledger_assumes_a_fifth_a_level() -> None:
    """Whatever a claim measures it names by the sparsity that was trained: at half a level 94 %, not 59 %."""
    methods = "dense,imp,distilled,random-real,real-short,magnitude,shuffled"
    half = with_(fraction=0.5, measured_levels="4,9,11", methods=methods, main_methods=methods, levels=11)
    shown = {name: item for name, item in experiments.EXPERIMENTS.items() if item.notebook != S2}
    frames = {name: item.frame(half, Reader(item.jobs(half))) for name, item in shown.items()}
    labels = {finding.setting for found in judgement.judge(frames, "live") for finding in found.findings}
    assert {"94 %", "99.8 %", "barrier, 94 %, equal rate", "gap after the inner loop, 94 %"} <= labels
    assert not [label for label in labels if re.search(r"\b(59|87|91|100) %", label)]
