"""Networks from outside: how ``package.module:function`` is found, known by its source, and called.

A function of that name is called as ``function(images, width, seed)`` and returns a fresh ``nn.Module``:

- ``images`` is an :class:`Images`: what the network is for. Its ``size``, ``channels`` and ``classes`` are whole
  numbers; the network takes ``[batch, channels, size, size]`` and returns logits ``[batch, classes]``.
- ``width`` is what ``-p width`` says, for the function to scale by; 0 asks for its usual one.
- ``seed`` is the number of the initialisation. PyTorch's global generator is seeded with it before the call, so a
  function that draws its weights in PyTorch's ordinary way need not look at it. The same seed must give the same
  weights.

Pruning removes weights of ``nn.Conv2d`` and ``nn.Linear`` layers; there must be one. Methods of distillation that match
features (``dm``, ``herding``, ``kcenter``) cut off the last ``nn.Linear``. Everything else is free. The file the
function stands in is part of the key of each result, so that an edited network is another network.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, TypeVar

from .. import places
from ..errors import FOREIGN, InputError, one_line, quote
from ..registry import Registry, check_call, check_name, with_author
from .costs import MODELS

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "NAMED",
    "Images",
    "Maker",
    "digest",
    "is_own",
    "know",
    "load",
    "network",
    "source",
    "widen_path",
]

_FORM = "write it as package.module:function"
_DIGEST = "__distilled_pruning_source__"


@dataclass(frozen=True)
class Images:
    """What a network is for.

    Attributes:
        name: Name of the dataset.
        size: Side of the images in pixels.
        channels: 1 or 3.
        classes: Number of classes.
    """

    name: str
    size: int
    channels: int
    classes: int


class Maker(Protocol):
    """A function that makes a network, as the module describes."""

    def __call__(self, images: Images, width: int, seed: int, /) -> nn.Module:
        """Make a network at initialisation."""
        ...


M = TypeVar("M", bound=Maker)
NAMED: Registry[str] = Registry("network", (*MODELS, "own"))


def network(name: str) -> Callable[[M], M]:
    """Give a function of the module's form a short name, by which parameters call the network.

    Raises:
        InputError: The name is taken, or none; the function takes other values, or cannot be found in its module.
    """
    check_name("network", name)

    def register(maker: M) -> M:
        what = f"network {name!r}"
        check_call(what, maker, "images", "width", "seed")
        called = str(getattr(maker, "__qualname__", ""))
        if not called.isidentifier():
            raise InputError(f"{with_author(what, maker)} is out of reach for jobs: define it at the top of its module")
        NAMED.add(name, f"{maker.__module__}:{called}", maker)
        return maker

    return register


def is_own(name: object) -> bool:
    """Tell whether a network's name is that of a function and not one of the papers' networks."""
    return isinstance(name, str) and (":" in name or name in NAMED)


def source(name: str) -> Path:
    """Find the file that a function stands in: on Python's path, in the working directory or in the copy of the book.

    Raises:
        InputError: The name is of another form, or there is no such module with a source.
    """
    module, _, function = NAMED.get(name, name).partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), function)):
        raise InputError(f"{quote(name)} is no network of your own: {_FORM}")
    if module.partition(".")[0] in sys.stdlib_module_names:
        raise InputError(f"{module} of {quote(name)} is a module of Python itself: give your file another name")
    widen_path()
    try:  # find_spec runs no code of the module itself, so that naming a network in a plan is cheap and safe
        spec = importlib.util.find_spec(module)
    except FOREIGN as error:  # looking for a.b imports a, which may do anything
        raise InputError(f"module {module} of {quote(name)} cannot be found ({one_line(error)}): {_FORM}") from error
    if spec is None:
        raise InputError(
            f"there is no module {module} for {quote(name)}: put {module.replace('.', '/')}.py into this folder, or "
            "install it"
        )
    path = Path(spec.origin or "")
    if path.suffix != ".py" or not path.is_file():
        raise InputError(f"module {module} of {quote(name)} has no source file: {_FORM}")
    return path


def digest(name: str) -> str:
    """Hash the file that a function stands in.

    Raises:
        InputError: As :func:`source`.
    """
    return hashlib.sha256(source(name).read_bytes()).hexdigest()[:32]


def load(name: str) -> Maker:
    """Import a function, anew where its file is no longer the one that was imported.

    Raises:
        InputError: As :func:`source`; importing fails, or the module has no such function.
    """
    path = source(name)
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    module, _, function = NAMED.get(name, name).partition(":")
    try:
        found = _fresh(module, wanted)
    except FOREIGN as error:
        raise InputError(f"{path} cannot be imported ({one_line(error)}): mend it") from error
    maker = getattr(found, function, None)
    if not callable(maker):
        raise InputError(f"{path} has no function {function!r}: {_FORM}")
    made: Maker = maker
    return made


def _fresh(module: str, wanted: str) -> ModuleType:
    """Give a module as its file is now; a kernel may have imported it before it was edited."""
    known = sys.modules.get(module)
    if known is not None and getattr(known, _DIGEST, None) == wanted:
        return known
    found = importlib.import_module(module) if known is None else importlib.reload(known)
    setattr(found, _DIGEST, wanted)
    return found


def know(module: ModuleType) -> None:
    """Note what a module's file was when it was imported, so that it is not imported anew before it is edited."""
    path = Path(getattr(module, "__file__", None) or "")
    if not hasattr(module, _DIGEST) and path.is_file():
        setattr(module, _DIGEST, hashlib.sha256(path.read_bytes()).hexdigest())


def widen_path() -> None:
    """Let modules be found where commands and kernels are started, after all others."""
    importlib.invalidate_caches()
    for folder in (places.working_folder(), places.checkout()):
        if folder is not None and str(folder) not in sys.path:
            sys.path.append(str(folder))
