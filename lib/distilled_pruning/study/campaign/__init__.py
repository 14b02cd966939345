"""The second campaign on real images: its steps and rules, written before its results, and what came of them."""
