"""Section 2: distilled sets, their pictures and their own accuracy."""
