"""The ways in that need no `make`, tried as they are printed, each in a bare environment of its own.

Colab: the cell of book/rerun.md, then the first cells of a page, all in one process, as a notebook runs them.
Binder: what environment.yml has pip install, then the same cells with a kernel's working directory, notebooks/.

    python3 .ci/ways_in.py         # wants uv on PATH or in .uv, as `make setup` does, and an index of packages

The packages of requirements.lock are installed before, because Colab and conda have most of them already.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = "s4-stability"
FOREIGN = re.compile(r"PYTHON.*|VIRTUAL_ENV|CONDA_.*|DISTILLED_PRUNING_.*|PIP_(TARGET|PREFIX|USER|REQUIRE_VIRTUALENV)")
COLAB = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in sys.argv[1:]:
    shell.run_cell(cell).raise_error()
"""
SHOWN = """
from pathlib import Path
import distilled_pruning
print("ways-in:", distilled_pruning.__file__, page.section.store.root, page.parameters.scale)
assert page.section.store.root == Path("{clone}").resolve() / ".store", page.section.store.root
"""


def cell_of_the_book() -> str:
    """Give Colab's first cell as the book prints it, but for the address."""
    text = (ROOT / "book/rerun.md").read_text(encoding="utf-8")
    (cell,) = re.findall(r"```shell\n(!git clone .*?)```", text, re.DOTALL)
    found, changed = re.subn(r"https://github\.com/you/your-copy", ROOT.as_uri(), cell)
    assert changed == 1, cell
    return found


def first_cells() -> list[str]:
    """Give the page's code up to the one that opens it."""
    import json

    content = json.loads((ROOT / f"notebooks/{PAGE}.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
    last = next(index for index, text in enumerate(code) if "notebook.start(" in text)
    return code[: last + 1]


def pip_lines() -> list[str]:
    """Give what environment.yml has pip install."""
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    return re.findall(r"^      - (.*)$", text, re.MULTILINE)


def bare(place: Path) -> dict[str, str]:
    """Make an environment with the locked packages and without this one, and give its variables."""
    venv.create(place, with_pip=True)
    own = ROOT / ".uv/bin/uv"
    uv = shutil.which("uv") or (str(own) if own.exists() else sys.exit("ways-in: run make setup first, or install uv"))
    around = {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}
    around["PATH"] = f"{place / 'bin'}{os.pathsep}{around['PATH']}"
    command = [uv, "pip", "install", "--quiet", "--python", str(place / "bin/python"), "--require-hashes"]
    subprocess.run([*command, "-r", str(ROOT / "requirements.lock")], check=True, env=around)
    absent = subprocess.run([str(place / "bin/python"), "-c", "import distilled_pruning"], env=around, cwd=place,
                            capture_output=True, check=False)  # fmt: skip
    assert absent.returncode, "the environment is not bare"
    return around


def colab(place: Path) -> None:
    """Run the printed cell and a page's first cells in one process."""
    around = bare(place / "environment")
    cells = [cell_of_the_book(), *first_cells(), SHOWN.format(clone=place / "book")]
    command = [str(place / "environment/bin/python"), "-c", COLAB, *cells]
    subprocess.run(command, check=True, env=around, cwd=place)


def binder(place: Path) -> None:
    """Install as environment.yml says, then run a page's first cells where a kernel starts."""
    around = bare(place / "environment")
    clone = place / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    wanted = clone / "condaenv.requirements.txt"  # conda, too, writes them beside environment.yml
    wanted.write_text("\n".join(pip_lines()) + "\n", encoding="utf-8")
    python = str(place / "environment/bin/python")
    subprocess.run([python, "-m", "pip", "install", "-q", "-U", "-r", wanted.name], check=True, env=around, cwd=clone)
    cells = [*first_cells(), SHOWN.format(clone=clone)]
    subprocess.run([python, "-c", COLAB, *cells], check=True, env=around, cwd=clone / "notebooks")


def main() -> int:
    """Try both."""
    for way in (colab, binder):
        with tempfile.TemporaryDirectory(prefix="ways-in-") as place:
            way(Path(place))
        print(f"ways-in: {way.__name__} works", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
