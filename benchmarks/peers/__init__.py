"""Speed beside peers: each module times one subject, all variants of it taking turns within one process.

Nothing here reads a file. The command ``distilled-pruning bench`` runs all of it from a copy of the sources and adds
where the numbers come from.
"""
