"""What ``pyproject.toml`` cannot say: a wheel takes along what pages and verdicts are made from."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TRAVELLING = (  # to distilled_pruning/copy, where `places.sources` finds it
    "_toc.yml",
    "_config.yml",
    "book",
    "notebooks",
    "results",
    "benchmarks/measured.json",
    "benchmarks/elsewhere",
    "workflow/campaign.toml",
    "requirements.lock",
)
HIDDEN = shutil.ignore_patterns(".*", "*~", "#*#")


class Build(build_py):
    """Builds the package with a copy of the book in it; an editable installation reads the sources themselves."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "distilled_pruning/copy"
        shutil.rmtree(target, ignore_errors=True)
        for name in TRAVELLING:
            source = Path(__file__).resolve().parent / name
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, place, ignore=HIDDEN, ignore_dangling_symlinks=True)
            else:
                shutil.copy(source, place)


setup(cmdclass={"build_py": Build})
