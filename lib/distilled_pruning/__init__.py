"""Distilled pruning: a reproducible companion to arXiv 2503.17905 and 2307.03364.

Modules are imported where they are used (``from distilled_pruning import data, models``); importing the package
itself loads nothing, so that reading results needs no PyTorch.
"""

__version__ = "0.1.0"
