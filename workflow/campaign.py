"""Compute the cells of ``campaign.toml`` that are not recorded yet, in their order; interrupted, it continues.

Run it from a clean checkout, so that every result names the commit it was made at:

    .venv/bin/python workflow/campaign.py [--jobs N]
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent


def list_open_cells() -> list[str]:
    """List the cells that are not recorded, as targets and options of ``distilled-pruning run``."""
    steps = tomllib.loads((HERE / "campaign.toml").read_text(encoding="utf-8"))["step"]
    return [cell for step in steps for cell in step["cells"] if cell not in step["recorded"]]


def main() -> None:
    """Run the open cells one after the other; a cell that fails does not keep the next from being computed."""
    command = Path(sys.executable).with_name("distilled-pruning")
    for cell in list_open_cells():
        print(f"campaign: {cell}", flush=True)
        ended = subprocess.run([command, "run", *cell.split(), *sys.argv[1:]], check=False, cwd=HERE.parent)
        print(f"campaign: {cell} ended with code {ended.returncode}", flush=True)


if __name__ == "__main__":
    main()
