"""The exact Hessian diagonal against one double backward an entry, BackPACK and curvlinops.

The loop is that of the authors' script in its best form: one retained graph, one entry of the gradient at a time
differentiated with respect to all parameters, no synchronisation. It and curvlinops, which gives products with the
Hessian and so a column at a time, are timed on some random entries, and multiplied by their number. BackPACK and
curvlinops are the extra ``[bench]``; they are asked about every network, and a refusal is a result.
"""

from __future__ import annotations

import copy
import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from distilled_pruning import hessian, models
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .rounds import Comparison, Run, often, products, random_images, take_turns

__all__ = ["diagonals"]

SIZE, SAMPLE = 32, 16
LOOP, OURS, BACKPACK, CURVLINOPS = "loop over entries", "ours", "BackPACK", "curvlinops"
PACKAGES = {BACKPACK: "backpack", CURVLINOPS: "curvlinops"}
MISSING = "not installed: the extra [bench] brings it"
Diagonal = Callable[..., dict[str, Tensor]]


@dataclass
class Batch:
    """A network with images and labels, and the entries that are sampled.

    Attributes:
        net: The network.
        images: Floats [B, 3, 32, 32].
        labels: int64 [B].
        entries: Places within all parameters, laid end to end.
    """

    net: nn.Module
    images: Tensor
    labels: Tensor
    entries: list[int] = field(default_factory=list)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The network's parameters."""
        return list(self.net.parameters())

    @property
    def count(self) -> int:
        """Number of entries of the diagonal."""
        return sum(parameter.numel() for parameter in self.parameters)


@dataclass
class Peer:
    """A peer that does the work: its run, how often that goes into the whole, and the diagonal (or its entries)."""

    run: Run
    times: float
    found: Tensor


def batch_of(width: int, images: int, norm: str, device: torch.device) -> Batch:
    """Build ConvNet-3, in evaluation mode where it has BatchNorm, and its batch."""
    net = models.build("convnet3", width=width, size=SIZE, channels=3, classes=10, norm=norm, seed=0)
    net = net.to(device).train(norm != "batch")
    pixels, labels = random_images(images, device)
    batch = Batch(net, (pixels.float() / 255 - 0.5) / 0.25, labels)
    batch.entries = torch.randperm(batch.count, generator=torch.Generator().manual_seed(0))[:SAMPLE].tolist()
    return batch


def flat(diagonal: Mapping[str, Tensor]) -> Tensor:
    """Lay a diagonal end to end."""
    return torch.cat([value.detach().flatten() for value in diagonal.values()])


def loop(batch: Batch) -> Peer:
    """Differentiate entries of the gradient once more, one by one."""
    parameters = batch.parameters
    loss = nn.functional.cross_entropy(batch.net(batch.images), batch.labels)
    slope = torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters, create_graph=True)])

    def entry(place: int) -> Tensor:
        rows = torch.autograd.grad(slope[place], parameters, retain_graph=True, materialize_grads=True)
        return torch.cat([row.flatten() for row in rows])[place]

    def run(times: int) -> None:
        for turn in range(times):
            entry(batch.entries[turn % SAMPLE])

    return Peer(run, float(batch.count), torch.stack([entry(place) for place in batch.entries]).detach())


def backpack(batch: Batch, extension: str) -> Peer:
    """Take the diagonal that BackPACK's extension of that name gives."""
    from backpack import backpack as recording, extend, extensions

    twin = extend(copy.deepcopy(batch.net))  # a copy, for it hangs hooks on the network
    loss = extend(nn.CrossEntropyLoss())
    saved = {"DiagHessian": "diag_h", "DiagGGNExact": "diag_ggn_exact"}[extension]

    def diagonal() -> Tensor:
        twin.zero_grad()
        with recording(getattr(extensions, extension)()):
            loss(twin(batch.images), batch.labels).backward()
        return torch.cat([getattr(parameter, saved).flatten() for parameter in twin.parameters()])

    return Peer(often(diagonal), 1.0, diagonal())


def curvlinops(batch: Batch) -> Peer:
    """Take columns of the Hessian from curvlinops' products."""
    from curvlinops import HessianLinearOperator

    operator = HessianLinearOperator(
        batch.net, nn.CrossEntropyLoss(), batch.parameters, [(batch.images, batch.labels)], check_deterministic=False
    )

    def entry(place: int) -> Tensor:
        unit = torch.zeros(batch.count, device=batch.images.device)
        unit[place] = 1.0
        return (operator @ unit)[place]

    def run(times: int) -> None:
        for turn in range(times):
            entry(batch.entries[turn % SAMPLE])

    return Peer(run, float(batch.count), torch.stack([entry(place) for place in batch.entries]).detach())


def asked(ways: Mapping[str, Callable[[], Peer]]) -> tuple[dict[str, Peer], dict[str, str]]:
    """Ask peers to do the work; give those that can, and what the others say."""
    warnings.filterwarnings("ignore", module="torch.jit|peers")  # peers use what PyTorch gives up
    found, refused = {}, {}
    for name, way in ways.items():
        package = PACKAGES.get(name.partition(",")[0])
        if package is not None and importlib.util.find_spec(package) is None:
            refused[name] = MISSING
            continue
        try:
            found[name] = way()
        except Exception as error:  # what a peer answers to a network it does not cover is the result here
            refused[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}".rstrip(": ")
    return found, refused


def compare(
    title: str, batch: Batch, measure: Diagonal, ways: Mapping[str, Callable[[], Peer]], rounds: int
) -> Comparison:
    """Time our diagonal and its peers on one network, and hold their results against ours."""
    device = batch.images.device
    with FlopCounterMode(display=False) as counter:
        own = flat(measure(batch.net, batch.images, batch.labels))
    found, refused = asked(ways)
    largest = float(own.abs().max())
    differences = {}
    for name, peer in found.items():
        entries = own if len(peer.found) == len(own) else own[batch.entries]
        differences[name] = float(f"{float((peer.found - entries).abs().max()) / largest:.2g}")
    runs, macs = products(device)
    ours = often(lambda: measure(batch.net, batch.images, batch.labels))
    seconds = take_turns(
        {**runs, **{name: peer.run for name, peer in found.items()}, OURS: ours},
        rounds,
        device,
        {name: peer.times for name, peer in found.items()},
        warm=True,
    )
    macs[OURS] = counter.get_total_flops() / 2
    return Comparison("hessian", title, (OURS,), tuple(ways), seconds, macs, refused=refused, differences=differences)


def diagonals(
    device: torch.device,
    rounds: int,
    normed: Sequence[tuple[int, int]] = ((16, 64), (32, 16), (128, 1)),
    bare: Sequence[tuple[int, int]] = ((16, 16), (32, 16)),
) -> Iterator[Comparison]:
    """Time the diagonals of ConvNet-3 on images of 32 px: with the papers' norms, without any, with BatchNorm.

    Args:
        device: Where to compute.
        rounds: Rounds.
        normed: Widths and images of networks with the papers' norm, of which no peer but the loop has the diagonal.
        bare: Widths and images of networks without norms, and with BatchNorm in evaluation mode, where the Hessian's
            diagonal is that of the Gauss-Newton matrix.

    Yields:
        A comparison a network.
    """
    for width, images in normed:
        batch = batch_of(width, images, "instance", device)
        ways = {
            LOOP: lambda batch=batch: loop(batch),
            BACKPACK: lambda batch=batch: backpack(batch, "DiagHessian"),
            CURVLINOPS: lambda batch=batch: curvlinops(batch),
        }
        title = f"ConvNet-3 of width {width}, instance norm, {images} images"
        yield compare(title, batch, hessian.diagonal, ways, rounds)
    for norm, words in (("none", "no norm"), ("batch", "BatchNorm in evaluation mode")):
        for width, images in bare:
            batch = batch_of(width, images, norm, device)
            ways = {
                LOOP: lambda batch=batch: loop(batch),
                f"{BACKPACK}, Hessian": lambda batch=batch: backpack(batch, "DiagHessian"),
                f"{BACKPACK}, Gauss–Newton": lambda batch=batch: backpack(batch, "DiagGGNExact"),
                CURVLINOPS: lambda batch=batch: curvlinops(batch),
            }
            title = f"ConvNet-3 of width {width}, {words}, {images} images"
            yield compare(title, batch, hessian.diagonal, ways, rounds)
