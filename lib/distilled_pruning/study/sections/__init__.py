"""One folder for each page, named as its notebook: which jobs it needs, what it shows, what it claims."""
