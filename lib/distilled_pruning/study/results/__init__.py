"""Results kept with the sources: recording them, reading them, repeating them, and the papers' own numbers."""
