"""The papers' networks, with any width, depth, norm, input size and seed; their initialisation and cost.

Sources: 2503.17905 (ConvNet-3 and ResNets, as defined by IDC, Kim et al. 2022) and 2307.03364 (AlexNet, as defined by
MTT, Cazenavette et al. 2022).
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from ..errors import FOREIGN, InputError, one_line, unknown
from . import networks
from .costs import BLOCKS, DEPTH, MODELS, NORM, border, check_size, papers_width, plan
from .networks import Images
from .residual import ResNet, chain, normalisation
from .weights import prunable

__all__ = ["INITS", "NORMS", "Shape", "build", "initialise", "macs", "watch_layers"]

NORMS = ("batch", "instance", "group", "none")
INITS = ("default", "kaiming", "xavier")


def _chain_network(name: str, images: Images, width: int, norm: str, depth: int) -> nn.Sequential:
    """Chain convolution, norm, ReLU and pooling as :func:`.costs.plan` says, and a linear classifier.

    Modules are named ``conv1 norm1 relu1 pool1 … flatten head``.
    """
    pool: type[nn.Module] = nn.AvgPool2d if name == "convnet3" else nn.MaxPool2d
    channels, wider = images.channels, border(images.size, images.channels)
    size = images.size + 2 * wider
    layers: list[tuple[str, nn.Module | None]] = []
    for index, (after, kernel, pooled) in enumerate(plan(name, width, depth), 1):
        padding = kernel // 2 + (wider if index == 1 else 0)
        layers += [
            (f"conv{index}", nn.Conv2d(channels, after, kernel, padding=padding)),
            (f"norm{index}", normalisation(norm, after)),
            (f"relu{index}", nn.ReLU()),
            (f"pool{index}", pool(2) if pooled else None),
        ]
        channels, size = after, size // 2 if pooled else size
    return chain([*layers, ("flatten", nn.Flatten()), ("head", nn.Linear(channels * size**2, images.classes))])


def initialise(net: nn.Module, seed: int, init: str = "default") -> nn.Module:
    """Draw all parameters anew, in module order, from a CPU generator of their own.

    ``"default"`` is what the papers use: PyTorch's own (U(±1/sqrt(fan_in)) for weights and biases), except that the
    convolutions of residual networks are N(0, 2/(k² · out channels)). ``"kaiming"`` and ``"xavier"`` are normal, for
    ReLU (fan-in) and for linear units, with zero biases. Norm layers start at scale 1, shift 0 and empty statistics.

    Args:
        net: Network of Conv2d, Linear, BatchNorm2d and GroupNorm layers.
        seed: Seed; the global generator is neither read nor moved.
        init: One of :data:`INITS`.

    Returns:
        The network, changed in place.

    Raises:
        InputError: Unknown ``init``, or a layer with parameters that is none of the above.
    """
    if init not in INITS:
        raise unknown("init", init, INITS)
    generator = torch.Generator("cpu").manual_seed(seed)

    def draw(tensor: Tensor, fill: Callable[..., Any], *arguments: float, **options: Any) -> None:
        # On the CPU and copied, since another device would draw other numbers.
        values = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
        fill(values, *arguments, generator=generator, **options)
        tensor.copy_(values)

    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                bound = 1 / math.sqrt(module.weight[0].numel())
                if init == "kaiming":
                    draw(module.weight, nn.init.kaiming_normal_, nonlinearity="relu")
                elif init == "xavier":
                    draw(module.weight, nn.init.xavier_normal_)
                elif isinstance(net, ResNet) and isinstance(module, nn.Conv2d):
                    spread = math.sqrt(2 / (math.prod(module.kernel_size) * module.out_channels))
                    draw(module.weight, nn.init.normal_, 0.0, spread)
                else:
                    draw(module.weight, nn.init.kaiming_uniform_, a=math.sqrt(5))
                if module.bias is not None and init == "default":
                    draw(module.bias, nn.init.uniform_, -bound, bound)
                elif module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                module.reset_parameters()
            elif next(module.parameters(recurse=False), None) is not None:
                raise InputError(
                    f"no initialisation is known for a layer of type {type(module).__name__}: use Conv2d, Linear, "
                    "BatchNorm2d and GroupNorm, or set inits to default, in Python init='default'"
                )
    return net


class Shape(TypedDict, total=False):
    """What a network is for, where no dataset says so, or where it is to be for other images.

    Attributes:
        size: Image side in pixels.
        channels: Image channels.
        classes: Outputs.
    """

    size: int
    channels: int
    classes: int


def build(
    name: str,
    ds: Any = None,
    *,
    width: int | None = None,
    depth: int | None = None,
    norm: str | None = None,
    seed: int = 0,
    init: str = "default",
    **shape: Unpack[Shape],
) -> nn.Module:
    """Build a network of the papers at initialisation, on the CPU.

    ======================  ==================  =========  ==========================================================
    name                    width               norm       form
    ======================  ==================  =========  ==========================================================
    convnet3                128                 instance   ``depth`` (3) blocks, a plain ``nn.Sequential``
    resnet10, resnet18      32 or 64            batch      CIFAR's to 64 px, 3x3 stem to 128 px, torchvision's above
    resnetap10              32 or 64            instance   ResNet-10 with average pooling in place of strides
    alexnet                 128                 none       five convolutions, a plain ``nn.Sequential``
    ======================  ==================  =========  ==========================================================

    A network of your own is named ``package.module:function``, see :mod:`.networks`.

    Args:
        name: One of the names above, or that of a function.
        ds: Dataset, or anything with ``size``, ``channels`` and ``classes`` (their number or names).
        width: Channels of the first stage; the others scale with it. Of residual networks 32 up to 64 px and 64 above,
            and on SVHN, MNIST and Fashion-MNIST.
        depth: Blocks, for ``convnet3`` only.
        norm: One of :data:`NORMS`; ``"group"`` has 4 groups, or 2 or 1 where 4 do not divide the width.
        seed: Seed of the initialisation, the same on every device and whatever the global generator has done.
        init: One of :data:`INITS`, see :func:`initialise`.
        **shape: ``size``, ``channels`` and ``classes``, see :class:`Shape`; they override the dataset's.

    Returns:
        The network, in training mode.

    Raises:
        InputError: An unknown name, or numbers from which no working network follows.

    Examples:
        >>> from distilled_pruning import data, models
        >>> net = models.build("convnet3", data.load("digits", size=16), width=16, seed=0)
        >>> list(models.prunable(net))
        ['conv1.weight', 'conv2.weight', 'conv3.weight', 'head.weight']
        >>> models.build("resnet18", size=32, channels=3, classes=10, width=8)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """
    if name not in MODELS and not networks.is_own(name):
        raise unknown("model", name, MODELS)
    images = _images(ds, **shape)
    if not networks.is_own(name):
        return initialise(_papers_network(name, images, width, depth, norm), seed, init)
    if norm is not None or depth is not None:
        raise InputError(f"norm and depth are options of the papers' networks, not of {name}: leave them out")
    net = _own_network(name, images, width or 0, seed)
    return net if init == "default" else initialise(net, seed, init)


def _images(ds: Any, size: int | None = None, channels: int | None = None, classes: int | None = None) -> Images:
    """Describe what a network is for."""
    named = getattr(ds, "classes", None)
    known = named if named is None or isinstance(named, int) else len(named)
    return Images(
        str(getattr(ds, "name", "")),
        _count("size", size, getattr(ds, "size", None)),
        _count("channels", channels, getattr(ds, "channels", None)),
        _count("classes", classes, known),
    )


def _count(what: str, value: int | None, usual: int | None) -> int:
    value = usual if value is None else value
    if value is None:
        raise InputError(f"{what} of the network is not known: give a dataset, or size, channels and classes")
    if value < 1:
        raise InputError(f"{what} of the network must be at least 1, not {value}")
    return value


def _papers_network(name: str, images: Images, width: int | None, depth: int | None, norm: str | None) -> nn.Module:
    """Make a network of the papers with whatever weights."""
    norm = NORM[name] if norm is None else norm
    if norm not in NORMS:
        raise unknown("norm", norm, NORMS)
    if depth is not None and name != "convnet3":
        raise InputError(f"depth is an option of convnet3, and {name} has its own: leave it out")
    width = _count("width", width, papers_width(name, images.size, images.name))
    depth = _count("depth", depth, DEPTH)
    check_size(name, images.size, norm, depth)
    # PyTorch draws weights while it builds; forked, that does not move the caller's generator.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        if name not in BLOCKS:
            return _chain_network(name, images, width, norm, depth)
        blocks, averaging = BLOCKS[name]
        return ResNet(blocks, width, images.size, images.channels, images.classes, norm, averaging)


def _own_network(name: str, images: Images, width: int, seed: int) -> nn.Module:
    """Have somebody's function make a network."""
    maker = networks.load(name)
    shape = f"{images.channels}x{images.size}x{images.size}"
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.device("cpu"):
            warnings.simplefilter("ignore")
            torch.manual_seed(seed)
            net = maker(images, width, seed)
    except FOREIGN as error:
        raise InputError(
            f"{name} makes no network of width {width} for images of {shape} ({one_line(error)}): mend it"
        ) from error
    if not isinstance(net, nn.Module):
        raise InputError(f"{name} returns a {type(net).__name__}: return an nn.Module")
    if isinstance(net, (nn.DataParallel, nn.parallel.DistributedDataParallel, torch.jit.ScriptModule)):
        raise InputError(f"{name} returns a network wrapped as {type(net).__name__}: return the nn.Module itself")
    lazy = [key for key, weight in net.named_parameters() if isinstance(weight, UninitializedParameter)]
    if lazy:
        raise InputError(f"{name} makes a network whose {lazy[0]} has no shape yet: call it once in the function")
    empty = [key for key, weight in net.named_parameters() if not weight.numel()]
    if empty or next(net.parameters(), None) is None:
        what = f"an empty weight {empty[0]}" if empty else "no weights"
        raise InputError(f"{name} makes a network with {what} at width {width}: choose another width, or mend it")
    elsewhere = [key for key, weight in net.named_parameters() if weight.device.type != "cpu"]
    if elsewhere:
        place = net.get_parameter(elsewhere[0]).device.type
        raise InputError(f"{name} makes a network whose {elsewhere[0]} lies on {place}: make it on the CPU")
    prunable(net)
    return net.train()


@contextmanager
def watch_layers(net: nn.Module) -> Iterator[list[tuple[int, int]]]:
    """Note of each convolution and linear layer that is called: its weights, and the positions they are used at."""
    found: list[tuple[int, int]] = []

    def look(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d | nn.Linear)
        found.append((module.weight.numel(), output[0].numel() // len(module.weight)))

    hooks = [m.register_forward_hook(look) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def macs(net: nn.Module, size: int, channels: int) -> int:
    """Count the multiply-accumulates of convolutions and linear layers in one forward pass of one image.

    Args:
        net: Any network; a copy of it is run.
        size: Image side in pixels.
        channels: Image channels.

    Returns:
        Multiply-accumulates, pruned weights included.
    """
    net = copy.deepcopy(net).cpu().eval()
    with watch_layers(net) as layers, torch.no_grad():
        net(torch.zeros(1, channels, size, size, dtype=next(net.parameters()).dtype, device="cpu"))
    return sum(weights * positions for weights, positions in layers)
