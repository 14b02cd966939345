"""Parts of other people's modules, run as they stand without their imports, and how far their numbers are from ours."""

from __future__ import annotations

import ast
import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune

GIVEN = {"torch": torch, "nn": nn, "F": F, "np": np, "time": time, "ceil": math.ceil, "math": math, "prune": prune}
LAYERS = (nn.Conv2d, (nn.GroupNorm, nn.BatchNorm2d), nn.Linear)


def definitions(file: Path, *names: str, **given: Any) -> SimpleNamespace:
    """Run some functions and classes of a module of the authors, without its imports.

    Args:
        file: The module.
        *names: Those wanted; all by default.
        **given: What they use of other modules.
    """
    nodes = ast.parse(file.read_text(encoding="utf-8")).body
    found = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    kept: list[ast.stmt] = [node for node in found if not names or node.name in names]
    space = {**GIVEN, **given}
    exec(compile(ast.Module(kept, []), str(file), "exec"), space)
    return SimpleNamespace(**space)


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """List all blocks of statements, outer ones first."""
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield value
            for child in value:
                yield from blocks(child)


def passage(file: Path, first: str, last: str, **given: Any) -> dict[str, Any]:
    """Run a passage of the authors' code: in the first block with both, from one statement to the other.

    Args:
        file: The module.
        first: How the first statement begins.
        last: How the last one begins.
        **given: The names it uses.

    Returns:
        All names it leaves behind.
    """
    for block in blocks(ast.parse(file.read_text(encoding="utf-8"))):
        text = [ast.unparse(statement) for statement in block]
        begin = next((i for i, line in enumerate(text) if line.startswith(first)), None)
        end = next((i for i, line in enumerate(text) if line.startswith(last)), None)
        if begin is not None and end is not None:
            space = {**GIVEN, **given}
            exec(compile(ast.Module(block[begin : end + 1], []), str(file), "exec"), space)
            return space
    raise SystemExit(f"{file} has no passage from {first!r} to {last!r}: it is another version of the authors' code")


@contextlib.contextmanager
def on_cpu() -> Iterator[None]:
    """Let code that moves everything to a GPU stay where it is."""

    def stay(self: Any, *_: Any, **__: Any) -> Any:
        return self

    with contextlib.ExitStack() as stack:
        for owner, name in ((torch.Tensor, "cuda"), (nn.Module, "cuda"), (nn.Module, "to")):
            stack.enter_context(mock.patch.object(owner, name, stay))
        stack.enter_context(mock.patch.object(torch.cuda, "set_device", lambda *_: None))
        yield


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        what: What is compared.
        difference: Largest difference of an entry.
        size: Largest entry.
    """

    what: str
    difference: float
    size: float

    @property
    def relative(self) -> float:
        """Largest difference over largest entry."""
        return self.difference / self.size if self.size else self.difference


def compare(what: str, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Row:
    """Compare tensors of equal shapes."""
    pairs = [(a.detach().double(), b.detach().double()) for a, b in zip(ours, theirs, strict=True)]
    assert all(a.shape == b.shape for a, b in pairs), what
    size = max(float(b.abs().max()) for _, b in pairs)
    assert size > 0, f"{what}: nothing to compare"
    return Row(what, max(float((a - b).abs().max()) for a, b in pairs), size)


def share_weights(ours: nn.Module, theirs: nn.Module) -> None:
    """Copy the authors' weights layer by layer into our network, and draw norms that do something first."""
    generator = torch.Generator().manual_seed(7)
    for kind in LAYERS:
        of_ours, of_theirs = ([m for m in net.modules() if isinstance(m, kind)] for net in (ours, theirs))
        for mine, other in zip(of_ours, of_theirs, strict=True):
            if not isinstance(other, nn.Conv2d | nn.Linear):
                for parameter in other.parameters():
                    parameter.data += torch.rand(parameter.shape, generator=generator, dtype=parameter.dtype) / 4
            mine.load_state_dict(other.state_dict())


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Draw normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def in_order(net: nn.Module) -> list[Tensor]:
    """List a network's parameters by kind of layer, whatever the layers are called."""
    layers = [module for kind in LAYERS for module in net.modules() if isinstance(module, kind)]
    return [parameter for layer in layers for parameter in layer.parameters()]
