"""Figures: each draws one tidy data frame of :mod:`..experiments` and returns a Matplotlib figure.

Nothing is computed here but means and intervals over initialisations. Matplotlib and seaborn are imported by the
functions that draw.
"""

from .accuracy import fig2
from .controls import dose, equal_loss
from .curvature import hessian, histograms, sharpness
from .diagram import fig1
from .first_paper import first_accuracy, first_sessions, first_stability
from .kinship import kinship
from .levels import fig3_levels
from .lines import barriers, fig3
from .masks import layers, overlap
from .matrix import controls
from .mechanism import membership
from .overview import fig6
from .planes import planes
from .protocols import protocols, starts
from .rewinding import fig7, forks
from .sets import gallery, matching, sets, stopping
from .shifts import shifts
from .speed import speed
from .surfaces import fig3_surfaces

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
    "shifts",
    "speed",
    "starts",
    "stopping",
]
