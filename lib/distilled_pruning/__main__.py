"""``python -m distilled_pruning`` is the command ``distilled-pruning``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
