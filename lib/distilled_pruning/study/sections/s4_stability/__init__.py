"""Section 4: stability along the line between two retrainings of one ticket."""
