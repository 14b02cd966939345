"""Figures of all pages: each draws the tidy frame of its experiment and returns a Matplotlib figure.

Nothing is computed here but means and intervals over initialisations. A ``stamp``, scale and more, stands at the foot;
a ``width``, in inches, may be a phone's, where panels stand below each other and names above their rows. A frame
without rows gives a figure that says so. Matplotlib and seaborn are imported by the functions that draw.
"""

from .a_first_paper.figures import (
    first_accuracy as first_accuracy,
    first_logs as first_logs,
    first_sessions as first_sessions,
    first_stability as first_stability,
)
from .b_controls.figures import (
    dose as dose,
    equal_loss as equal_loss,
    protocols as protocols,
    shift_costs as shift_costs,
    shifts as shifts,
    starts as starts,
)
from .b_controls.mask_figures import controls as controls, kinship as kinship
from .how_fast.figures import speed as speed
from .s2_dataset_distillation.figures import (
    gallery as gallery,
    matching as matching,
    sets as sets,
    stopping as stopping,
)
from .s3_distilled_pruning.figures import fig1 as fig1, fig2 as fig2
from .s4_1_loss_landscape.figures import planes as planes
from .s4_2_hessian.figures import hessian as hessian, histograms as histograms, sharpness as sharpness
from .s4_stability.figures import (
    barriers as barriers,
    fig3 as fig3,
    fig3_levels as fig3_levels,
    fig3_surfaces as fig3_surfaces,
)
from .s5_overview.figures import fig6 as fig6
from .s6_stable_initializations.figures import fig7 as fig7, forks as forks
from .s7_mask_structure.figures import layers as layers, membership as membership, overlap as overlap
