"""From frames to verdicts: intervals, rules, claims, and the ledger that holds them."""
