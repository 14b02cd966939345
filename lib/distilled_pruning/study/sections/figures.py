"""Figures: each draws one tidy data frame of :mod:`..experiments` and returns a Matplotlib figure.

Nothing is computed here but means and intervals over initialisations. Matplotlib and seaborn are imported by the
functions that draw.
"""

from .a_first_paper.figures import first_accuracy, first_logs, first_sessions, first_stability
from .b_controls.figures import dose, equal_loss
from .b_controls.kinship import kinship
from .b_controls.matrix import controls
from .b_controls.protocol_figures import protocols, starts
from .b_controls.shift_figures import shift_costs, shifts
from .how_fast.figures import speed
from .s2_dataset_distillation.figures import gallery, matching, sets, stopping
from .s3_distilled_pruning.diagram import fig1
from .s3_distilled_pruning.figures import fig2
from .s4_1_loss_landscape.figures import planes
from .s4_2_hessian.figures import hessian, histograms, sharpness
from .s4_stability.figures import barriers, fig3
from .s4_stability.levels import fig3_levels
from .s4_stability.surfaces import fig3_surfaces
from .s5_overview.figures import fig6
from .s6_stable_initializations.figures import fig7, forks
from .s7_mask_structure.figures import layers, overlap
from .s7_mask_structure.mechanism_figures import membership

__all__ = [
    "barriers",
    "controls",
    "dose",
    "equal_loss",
    "fig1",
    "fig2",
    "fig3",
    "fig3_levels",
    "fig3_surfaces",
    "fig6",
    "fig7",
    "first_accuracy",
    "first_logs",
    "first_sessions",
    "first_stability",
    "forks",
    "gallery",
    "hessian",
    "histograms",
    "kinship",
    "layers",
    "matching",
    "membership",
    "overlap",
    "planes",
    "protocols",
    "sets",
    "sharpness",
    "shift_costs",
    "shifts",
    "speed",
    "starts",
    "stopping",
]
