"""Datasets as resident tensors: named ones, ``.npz`` files and class folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from .catalog import dataset as dataset
    from .loading import digest as digest, fetch as fetch, find as find, load as load, read as read, verify as verify
    from .sources import Arrays as Arrays
    from .split import Dataset as Dataset, Split as Split
    from .whitening import Whitening as Whitening
else:
    __all__, __getattr__, __dir__ = attach(
        __name__,
        {
            "catalog": "dataset",
            "loading": "digest fetch find load read verify",
            "sources": "Arrays",
            "split": "Dataset Split",
            "whitening": "Whitening",
        },
    )
