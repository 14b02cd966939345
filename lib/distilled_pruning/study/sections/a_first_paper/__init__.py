"""The first paper: accuracy, stability and speed of its tickets, against the published logs."""
