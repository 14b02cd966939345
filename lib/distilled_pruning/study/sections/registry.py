"""Experiments: a figure's name and parameters to jobs, and the jobs' results to tidy data frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..jobs import Connect, Job
from .a_first_paper import experiment as first_paper
from .b_controls import experiment as controls
from .b_controls import protocols, shifts, starts
from .common import analyses
from .common.frames import LINE_FIGURES, Reader, collapsed, cost_of, frame_of, labels, measured, settings
from .common.tickets import Row, Tickets
from .s2_dataset_distillation import experiment as sets
from .s5_overview import experiment as overview
from .s6_stable_initializations import experiment as rewinding
from .s7_mask_structure import mechanism

if TYPE_CHECKING:
    import pandas as pd

    from ..parameters.presets import Parameters


@dataclass(frozen=True)
class Experiment:
    """One figure or table.

    Attributes:
        name: Name on the command line and in the recorded index.
        notebook: The notebook that shows it.
        title: A few words.
        jobs: Parameters to the jobs whose results it shows.
        frame: Parameters and results to a tidy frame; rows whose results are missing are left out.
    """

    name: str
    notebook: str
    title: str
    jobs: Callable[[Parameters], list[Job]]
    frame: Callable[[Parameters, Reader], pd.DataFrame]


def fig2_jobs(parameters: Parameters) -> list[Job]:
    """Retrainings at the measured levels and, unless these are all, at every level on the first initialisation."""
    every = not parameters.get("measured_only", False)
    return [entry[-1] for tickets in settings(parameters) for entry in tickets.trained(every)]


def fig2_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Test accuracy of every retraining and what finding its mask cost (2503.17905 Fig. 2).

    ``loop_accuracy`` is what the inner loop that found the mask reached on test images; not a number without one.
    """
    rows = []
    every = not parameters.get("measured_only", False)
    for tickets in settings(parameters):
        for row, init, level, order, job in tickets.trained(every):
            found = reader.metrics(job.key)
            if found is not None:
                figures = {name: found[name] for name in ("accuracy", "loss", "train_loss", "distance", "initial_norm")}
                pruned = reader.metrics(job.mask.key) if job.mask is not None else None
                rows.append(
                    {
                        **labels(tickets, row, level, init),
                        "order": order,
                        **figures,
                        "loop_accuracy": (pruned or {}).get("inner", {}).get("accuracy", math.nan),
                        **cost_of(job.mask),
                        "key": job.key,
                    }
                )
    return frame_of(rows)


def lines(parameters: Parameters) -> list[tuple[Tickets, Row, int, int, str, Connect]]:
    """All lines of all settings."""
    return [(tickets, *entry) for tickets in settings(parameters) for entry in tickets.connected()]


def line_jobs(parameters: Parameters) -> list[Job]:
    """Lines between retrainings of one ticket."""
    return [entry[-1] for entry in lines(parameters)]


def fig3_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Loss and accuracy along every line (2503.17905 Figs. 3 and 4)."""
    rows = []
    for tickets, row, init, level, pair, job in lines(parameters):
        found = reader.metrics(job.key)
        for alpha, loss, accuracy in (
            zip(*(found[n] for n in ("alphas", "loss", "accuracy")), strict=True) if found else ()
        ):
            rows.append(
                {
                    **labels(tickets, row, level, init),
                    "pair": pair,
                    "alpha": alpha,
                    "loss": loss,
                    "accuracy": accuracy,
                    "split": job.split,
                    "key": job.key,
                }
            )
    return frame_of(rows)


def barriers_frame(parameters: Parameters, reader: Reader) -> pd.DataFrame:
    """Barrier, error rise and end figures of every line; a collapsed ticket is flagged, never counted as stable."""
    rows = []
    for tickets, row, init, level, pair, job in lines(parameters):
        found = measured(job, reader)
        if found is None:
            continue
        rows.append(
            {
                **labels(tickets, row, level, init),
                "pair": pair,
                **{name: found[name] for name in (*LINE_FIGURES, "accuracy")},
                "collapsed": collapsed(tickets, job.a.mask, found["end_accuracy"], reader),
                "outside": found["outside"],
                "key": job.key,
            }
        )
    return frame_of(rows)


S2 = "s2-dataset-distillation"

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "sets", S2, "Accuracy of training on small sets, and both objectives", sets.sets_jobs, sets.sets_frame
        ),
        Experiment("matching", S2, "Matching loss", sets.matching_jobs, sets.matching_frame),
        Experiment("stopping", S2, "Distillation stopped early", sets.stopping_jobs, sets.stopping_frame),
        Experiment("cost", S2, "Cost of distillation", sets.matching_jobs, sets.cost_frame),
        Experiment("fig2", "s3-distilled-pruning", "Accuracy over sparsity", fig2_jobs, fig2_frame),
        Experiment("fig3", "s4-stability", "Loss along the line", line_jobs, fig3_frame),
        Experiment("barriers", "s4-stability", "Loss barriers", line_jobs, barriers_frame),
        Experiment("planes", "s4-1-loss-landscape", "Loss on planes", analyses.plane_jobs, analyses.plane_frame),
        Experiment("basins", "s4-1-loss-landscape", "Basins of planes", analyses.plane_jobs, analyses.basins_frame),
        Experiment(
            "hessian", "s4-2-hessian", "Diagonals of the Hessian", analyses.hessian_jobs, analyses.hessian_frame
        ),
        Experiment(
            "histograms",
            "s4-2-hessian",
            "Distributions of the diagonal",
            analyses.hessian_jobs,
            analyses.histogram_frame,
        ),
        Experiment(
            "fig6", "s5-overview", "Accuracy and stability over IMP's", overview.overview_jobs, overview.overview_frame
        ),
        Experiment(
            "fig7",
            "s6-stable-initializations",
            "Tickets at high sparsity",
            rewinding.ticket_jobs,
            rewinding.ticket_frame,
        ),
        Experiment(
            "forks",
            "s6-stable-initializations",
            "Stability after common epochs",
            rewinding.fork_jobs,
            rewinding.fork_frame,
        ),
        Experiment(
            "first-accuracy",
            "a-first-paper",
            "Accuracy beside the authors' logs",
            first_paper.accuracy_jobs,
            first_paper.accuracy_frame,
        ),
        Experiment(
            "first-sessions", "a-first-paper", "Cost of a training", first_paper.session_jobs, first_paper.session_frame
        ),
        Experiment(
            "first-stability",
            "a-first-paper",
            "Stability at initialisation",
            first_paper.stability_jobs,
            first_paper.stability_frame,
        ),
        Experiment("controls", "b-controls", "Masks from every source", controls.line_jobs, controls.controls_frame),
        Experiment("dose", "b-controls", "Dose of the inner loop", controls.dose_jobs, controls.dose_frame),
        Experiment("kinship", "b-controls", "What masks share", controls.kinship_jobs, controls.kinship_frame),
        Experiment("anatomy", "b-controls", "Layers of masks", controls.kinship_jobs, controls.anatomy_frame),
        Experiment(
            "curvatures", "b-controls", "Curvature of tickets", controls.curvature_jobs, controls.curvature_frame
        ),
        Experiment("shifts", "b-controls", "Accuracy on shifted images", shifts.shift_jobs, shifts.shift_frame),
        Experiment("starts", "b-controls", "Other initial weights", starts.start_jobs, starts.start_frame),
        Experiment("protocols", "b-controls", "Ways of measuring", protocols.protocol_jobs, protocols.protocol_frame),
        Experiment("overlap", "s7-mask-structure", "Overlap of masks", analyses.overlap_jobs, analyses.overlap_frame),
        Experiment(
            "membership",
            "s7-mask-structure",
            "Curvature by membership",
            mechanism.membership_jobs,
            mechanism.membership_frame,
        ),
        Experiment(
            "orders", "s7-mask-structure", "Masks of two data orders", mechanism.order_jobs, mechanism.order_frame
        ),
        Experiment("layers", "s7-mask-structure", "Sparsity of layers", analyses.overlap_jobs, analyses.layer_frame),
    )
}


def of_notebook(notebook: str) -> list[Experiment]:
    """Experiments a notebook shows."""
    return [experiment for experiment in EXPERIMENTS.values() if experiment.notebook == notebook]
