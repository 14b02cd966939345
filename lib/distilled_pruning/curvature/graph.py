"""A network as a list of steps whose derivatives are known exactly, or the reason why it is none.

The fast methods of this package hold for networks in which the loss along any single weight is curved by softmax
cross-entropy and by instance statistics alone. Whether that is so is decided here, module by module and setting by
setting; whatever is not recognised is :class:`Unsupported`, never assumed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

_POINTWISE = (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Hardtanh)
_INERT = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class Unsupported(Exception):
    """The network holds something the fast methods do not know; the message is a clause that names it."""


class BatchCoupled(Unsupported):
    """BatchNorm works with the statistics of the batch, so that the images' losses depend on one another."""


@dataclass(eq=False)
class Step:
    """One operation.

    Attributes:
        index: Its place in :attr:`Graph.steps`; inputs have smaller ones.
        kind: ``images conv linear norm scale act pool maxpool flatten same add``.
        inputs: Indices of the steps it reads.
        name: The module's dotted name, which prefixes its parameters' names; empty for functions.
        module: The module, for its settings; its own parameters are never read.
        call: The function of a ``pool``, an ``act`` or a ``flatten``, linear or piecewise linear in its input.
        users: Indices of the steps that read it.
    """

    index: int
    kind: str
    inputs: tuple[int, ...] = ()
    name: str = ""
    module: Any = None
    call: Callable[[Tensor], Tensor] | None = None
    users: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Graph:
    """The steps of a network in order; the last one yields the logits."""

    steps: list[Step]

    def __post_init__(self) -> None:
        """Tell every step who reads it."""
        for step in self.steps:
            for source in step.inputs:
                self.steps[source].users.append(step.index)

    def parametrised(self) -> list[Step]:
        """List the steps whose module may own parameters."""
        return [step for step in self.steps if step.kind in ("conv", "linear", "norm", "scale")]

    def norms(self) -> list[Step]:
        """List the steps that normalise by the statistics of each image, the only curved ones."""
        return [step for step in self.steps if step.kind == "norm"]

    def leads(self) -> list[bool]:
        """Tell for each step whether a norm reads it, directly or through others."""
        leads = [False] * len(self.steps)
        for step in reversed(self.steps):
            leads[step.index] = any(self.steps[user].kind == "norm" or leads[user] for user in step.users)
        return leads

    def sole_user(self, step: Step) -> Step | None:
        """Return the one step that reads ``step``, or ``None`` when there are several or none."""
        return self.steps[step.users[0]] if len(step.users) == 1 else None


def read(net: nn.Module) -> Graph:
    """Read ``net`` into steps.

    Returns:
        The graph, in which every parameter belongs to at most one step.

    Raises:
        Unsupported: When any part of it is not known to fit the fast methods, with the part's name.
    """
    _inspect(net)
    try:
        nodes = list(fx.Tracer().trace(net).nodes)
    except Exception as error:  # a forward may do anything, and tracing it may fail in any way
        raise Unsupported(f"a forward that cannot be traced ({type(error).__name__})") from None
    modules = dict(net.named_modules())
    steps: list[Step] = []
    place: dict[fx.Node, int] = {}
    for node in nodes:
        if node.op == "output":
            if not isinstance(node.args[0], fx.Node) or place.get(node.args[0]) != len(steps) - 1:
                raise Unsupported("an output that is not one tensor of logits")
            break
        if _is_batch_size(node):
            continue
        kind, call, sources, in_place = _recognise(node, modules)
        if in_place and not _only_reader(sources[0], modules):
            raise Unsupported(f"an operation in place on a tensor that is read again ({node.name})")
        name = str(node.target) if node.op == "call_module" else ""
        inputs = tuple(place[source] for source in sources)
        place[node] = len(steps)
        steps.append(Step(len(steps), kind, inputs, name, modules.get(name) if name else None, call))
    if sum(step.kind == "images" for step in steps) != 1:
        raise Unsupported("a forward that takes anything but one tensor of images")
    owners = [step.name for step in steps if step.kind in ("conv", "linear", "norm", "scale")]
    if len(set(owners)) < len(owners):
        raise Unsupported("a layer that is used more than once")
    return Graph(steps)


def _inspect(net: nn.Module) -> None:
    """Refuse what tracing would not show: hooks, replaced forwards, tied parameters."""
    for name, module in net.named_modules():
        hooked = any(getattr(module, kind) for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks"))
        if hooked or "forward" in vars(module):
            raise Unsupported(f"a hook or a replaced forward on {name or type(net).__name__!r}")
    if len(list(net.parameters())) < len(list(net.named_parameters(remove_duplicate=False))):
        raise Unsupported("a parameter or a layer that is used more than once")


def _is_batch_size(node: fx.Node) -> bool:
    """Recognise ``x.size(0)``, ``x.shape`` and ``x.shape[0]``, which carry no derivative."""
    if node.op == "call_method":
        return node.target == "size" and bool(node.args[1:] == (0,))
    if node.op != "call_function":
        return False
    if node.target is getattr:
        return bool(node.args[1] == "shape") and all(_is_batch_size(user) for user in node.users)
    source = node.args[0] if node.args else None
    shape = isinstance(source, fx.Node) and source.target is getattr
    return node.target is operator.getitem and shape and bool(node.args[1] == 0)


def _only_reader(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Tell whether ``node`` and everything it may share memory with is read once."""
    if len(node.users) != 1:
        return False
    if node.op == "call_module":
        shares = type(modules[str(node.target)]) in (*_INERT, *_POINTWISE, nn.Flatten)
    else:
        shares = node.op in ("call_function", "call_method") and node.target not in (operator.add, torch.add, "add")
    return all(_only_reader(source, modules) for source in node.all_input_nodes) if shares else True


def _recognise(node: fx.Node, modules: Mapping[str, nn.Module]) -> tuple[str, Any, list[fx.Node], bool]:
    """Return kind, function, input nodes and whether the input is overwritten."""
    if node.op == "placeholder":
        if node.args:
            raise Unsupported("a forward with optional arguments")
        return "images", None, [], False
    sources = [arg for arg in node.args if isinstance(arg, fx.Node)]
    if node.op == "call_module":
        if len(node.args) != 1 or node.kwargs:
            raise Unsupported(f"a call of {node.target!r} with more than one argument")
        module = modules[str(node.target)]
        kind, call = _classify(str(node.target), module)
        return kind, call, sources, bool(getattr(module, "inplace", False))
    if node.op in ("call_function", "call_method"):
        known = _known_function(node)
        if known is not None:
            kind, call, count, in_place = known
            return kind, call, sources[:count], in_place
    raise Unsupported(f"the operation {getattr(node.target, '__name__', node.target)!r}")


def _known_function(node: fx.Node) -> tuple[str, Any, int, bool] | None:
    """Recognise the functions and methods of ordinary forwards in exactly the forms that are understood."""
    target, args, kwargs = node.target, node.args[1:], dict(node.kwargs)
    sums = (operator.add, operator.iadd, torch.add, "add", "add_")
    if target in sums and len(args) == 1 and isinstance(args[0], fx.Node) and not kwargs:
        return "add", None, 2, target in (operator.iadd, "add_")
    if target in (F.relu, torch.relu, "relu") and not args and set(kwargs) <= {"inplace"}:
        return "act", F.relu, 1, bool(kwargs.get("inplace", False))
    if target in (torch.flatten, "flatten") and (*args, *kwargs.values()) in ((1,), (1, -1)):
        return ("flatten", _flatten, 1, False) if set(kwargs) <= {"start_dim", "end_dim"} else None
    if target in ("view", "reshape") and len(args) == 2 and not kwargs:
        rows = args[0]
        if isinstance(rows, fx.Node) and _is_batch_size(rows) and args[1] == -1:
            return "flatten", _flatten, 1, False
    if target in (F.avg_pool2d, F.adaptive_avg_pool2d) and all(isinstance(a, int) for a in (*args, *kwargs.values())):
        return "pool", lambda x: target(x, *args, **kwargs), 1, False
    return None


def _flatten(x: Tensor) -> Tensor:
    return x.flatten(1)


def _classify(name: str, module: Any) -> tuple[str, Callable[[Tensor], Tensor] | None]:
    """Return the kind of a leaf module, judged by exact type and settings."""
    form = type(module)
    label = f"{form.__name__} {name!r}"
    if form is nn.Conv2d:
        return "conv", None
    if form is nn.Linear:
        return "linear", None
    if form is nn.GroupNorm:
        return "norm", None
    if form is nn.InstanceNorm2d:
        own = module.running_mean is None or module.training
        return ("norm" if own else "scale"), None
    if form in _BATCH_NORMS:
        if module.training or module.running_mean is None:
            raise BatchCoupled(f"{label}, which normalises by the statistics of the batch")
        return "scale", None
    if form in _POINTWISE:
        return "act", _out_of_place(module)
    if form in _INERT:
        if module.training and getattr(module, "p", 0) > 0:
            raise Unsupported(f"{label} in training mode")
        return "same", None
    if form in (nn.AvgPool2d, nn.AdaptiveAvgPool2d):
        return "pool", module.forward
    if form is nn.MaxPool2d and not module.return_indices:
        return "maxpool", None
    if form is nn.Flatten and (module.start_dim, module.end_dim) == (1, -1):
        return "flatten", _flatten
    raise Unsupported(label)


def _out_of_place(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return the piecewise linear function of an activation module, without its in-place form."""
    if isinstance(module, nn.LeakyReLU):
        slope = module.negative_slope
        return lambda x: F.leaky_relu(x, slope)
    if isinstance(module, nn.Hardtanh):  # ReLU6 is one
        low, high = module.min_val, module.max_val
        return lambda x: F.hardtanh(x, low, high)
    return F.relu
