"""Section 4.1: planes through the initialisation and two retrainings."""
