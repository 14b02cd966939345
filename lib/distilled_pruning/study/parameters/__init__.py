"""What a notebook takes: its parameters, their values, presets, and the list of pages."""
