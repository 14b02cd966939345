"""Section 3: the algorithm, the accuracy of its tickets and its cost."""
