"""Section 5: accuracy, stability and compression over sets and networks."""
