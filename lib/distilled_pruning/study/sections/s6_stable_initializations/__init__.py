"""Section 6: distilled pruning in place of rewinding."""
