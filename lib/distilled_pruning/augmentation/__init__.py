"""Augmentation of batches: how it is written (``notation``), composed (``compose``) and done, an operation a class."""
