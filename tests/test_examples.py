"""Every example in a docstring of the library runs as it stands, and the faces that users begin with have one."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import distilled_pruning
import pytest
import torch

ROOT = Path(distilled_pruning.__file__).parent
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
FACES = """
data.load models.build training.train training.Recipe pruning.magnitude pruning.Mask pruning.iterative
distillation.distill connectivity.interpolate connectivity.barrier landscape.plane landscape.evaluate hessian.diagonal
hessian.summary masks.overlap results.frame results.claims results.network
"""
MODULES = sorted(
    ".".join(("distilled_pruning", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if re.search(r"^ +>>> |^>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.mark.parametrize("name", MODULES)
def test_every_example_runs(name: str) -> None:
    """As in a session that imported PyTorch; its generator starts from one seed."""
    torch.manual_seed(0)
    found = [test for test in doctest.DocTestFinder().find(importlib.import_module(name)) if test.examples]
    assert found
    said: list[str] = []
    for test in found:
        test.globs.update(torch=torch)
        doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", FACES.split())
def test_what_users_begin_with_has_an_example(name: str) -> None:
    module, _, face = name.partition(".")
    found: Any = getattr(importlib.import_module(f"distilled_pruning.{module}"), face)
    assert ">>> " in (found.__doc__ or "")
