"""Speed beside peers: each module times one subject, all variants of it taking turns within one process.

Nothing here reads a file. :mod:`distilled_pruning.study.sections.how_fast.measure` runs all of it and adds where the
numbers come from.
"""
