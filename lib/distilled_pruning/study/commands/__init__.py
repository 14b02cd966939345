"""What each command of :mod:`distilled_pruning.cli` does: from parsed arguments to an exit code."""
