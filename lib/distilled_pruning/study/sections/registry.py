"""All experiments of the book by name: each page's module registers its own."""

from __future__ import annotations

from .a_first_paper import experiment as _first_paper
from .b_controls import experiment as _controls
from .common.experiment import EXPERIMENTS, Experiment, experiment
from .s2_dataset_distillation import experiment as _sets
from .s3_distilled_pruning import experiment as _accuracy
from .s4_1_loss_landscape import experiment as _landscape
from .s4_2_hessian import experiment as _hessian
from .s4_stability import experiment as _stability
from .s5_overview import experiment as _overview
from .s6_stable_initializations import experiment as _rewinding
from .s7_mask_structure import experiment as _masks

__all__ = ["EXPERIMENTS", "Experiment", "experiment", "of_notebook"]

PAGES = (
    _sets,
    _accuracy,
    _stability,
    _landscape,
    _hessian,
    _overview,
    _rewinding,
    _masks,
    _first_paper,
    _controls,
)


def of_notebook(notebook: str) -> list[Experiment]:
    """List the experiments that a notebook shows."""
    return [experiment for experiment in EXPERIMENTS.values() if experiment.notebook == notebook]
