"""Time the exact Hessian diagonal against one double backward a weight, in one run.

    python benchmarks/hessian.py [--widths 16 32] [--batch 64] [--samples 100] [--threads 1]

The loop is that of the authors' script in its best form: one retained graph, one entry of the gradient at a time
differentiated with respect to all parameters, no synchronisation. It is timed on random entries of the same network
and batch, before and after the fast method in each round, and multiplied by the number of parameters. Ratios are of
processor time, which neighbours on the machine disturb less than wall time; the smallest ratio of the rounds is
reported first. Peers are run where they are installed and support the network.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import resource
import time

import torch
from distilled_pruning import hessian, models
from torch import Tensor, nn

PEER_TURNS = 7
COLUMNS = (
    "width",
    "parameters",
    "images",
    "ours, wall",
    "ours, processor",
    "loop / ours",
    "largest error, of the maximum",
    "peak memory",
)


def convnet(width: int, norm: bool = True) -> nn.Module:
    """Build the paper's ConvNet-3 for 32-pixel images, or the same without norms."""
    if norm:
        return models.build("convnet3", width=width, size=32, channels=3, classes=10)
    layers: list[nn.Module] = []
    for inputs in (3, width, width):
        layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * width, 10))


def loop(net: nn.Module, images: Tensor, labels: Tensor, entries: list[int]) -> tuple[float, Tensor]:
    """Return processor seconds an entry, and the entries of the diagonal."""
    parameters = list(net.parameters())
    loss = nn.functional.cross_entropy(net(images), labels)
    slope = torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters, create_graph=True)])
    found = []
    start = time.process_time()
    for entry in entries:
        rows = torch.autograd.grad(slope[entry], parameters, retain_graph=True)
        found.append(torch.cat([row.flatten() for row in rows])[entry])
    return (time.process_time() - start) / len(entries), torch.stack(found).detach()


def compare(width: int, batch: int, samples: int, rounds: int) -> str:
    """Time both methods on one network and return a line."""
    draw = torch.Generator().manual_seed(0)
    net = convnet(width)
    images = torch.randn(batch, 3, 32, 32, generator=draw)
    labels = torch.randint(0, 10, (batch,), generator=draw)
    count = sum(parameter.numel() for parameter in net.parameters())
    entries = torch.randperm(count, generator=draw)[:samples].tolist()
    hessian.diagonal(net, images[:2], labels[:2])
    ratios, seconds, processor = [], [], []
    error = 0.0
    for _ in range(rounds):
        before, found = loop(net, images, labels, entries[: samples // 2])
        wall, start = time.perf_counter(), time.process_time()
        diag = hessian.diagonal(net, images, labels)
        spent = time.process_time() - start
        processor.append(spent)
        seconds.append(time.perf_counter() - wall)
        after, rest = loop(net, images, labels, entries[samples // 2 :])
        flat = torch.cat([value.flatten() for value in diag.values()])
        error = float((torch.cat([found, rest]) - flat[entries]).abs().max() / flat.abs().max())
        ratios.append((before + after) / 2 * count / spent)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    cells = (
        f"{width}",
        f"{count:,}",
        f"{batch}",
        f"{min(seconds):.2f} s",
        f"{min(processor):.2f} s",
        f"{min(ratios):,.0f}x to {max(ratios):,.0f}x",
        f"{error:.1e}",
        f"{peak:.1f} GiB",
    )
    return f"| {' | '.join(cells)} |"


def peers(width: int, batch: int) -> list[str]:
    """Run BackPACK, curvlinops and PyHessian on the network with and without norms, where installed."""
    lines = []
    draw = torch.Generator().manual_seed(0)
    images, labels = torch.randn(batch, 3, 32, 32, generator=draw), torch.randint(0, 10, (batch,), generator=draw)
    for name, run in (("backpack", _backpack), ("curvlinops", _curvlinops), ("pyhessian", _pyhessian)):
        if importlib.util.find_spec(name) is None:
            lines.append(f"| {name} | not installed |")
            continue
        for norm in (False, True):
            net = convnet(width, norm)
            try:
                answer = run(net, images, labels)
            except Exception as error:  # what a peer answers to an unsupported network is the result here
                answer = f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"
            label = "GroupNorm" if norm else "no norm"
            lines.append(f"| {name}, {label} | {answer} |")
    return lines


def _backpack(net: nn.Module, images: Tensor, labels: Tensor) -> str:
    from backpack import backpack, extend
    from backpack.extensions import DiagHessian

    extended, loss = extend(copy.deepcopy(net)), extend(nn.CrossEntropyLoss())

    def peer() -> list[Tensor]:
        extended.zero_grad()
        with backpack(DiagHessian()):
            loss(extended(images), labels).backward()
        return [parameter.diag_h for parameter in extended.parameters()]

    methods = {"theirs": peer, "ours": lambda: list(hessian.diagonal(net, images, labels).values())}
    found, seconds = {}, {}
    for turn in range(1 + PEER_TURNS):  # the first one loads libraries
        for name, method in methods.items():
            start = time.process_time()
            found[name] = torch.cat([value.flatten() for value in method()])
            if turn:
                seconds.setdefault(name, []).append(time.process_time() - start)
    least = {name: min(turns) for name, turns in seconds.items()}
    error = float((found["theirs"] - found["ours"]).abs().max() / found["ours"].abs().max())
    return f"diagonal in {least['theirs']:.3f} s, ours in {least['ours']:.3f} s, largest difference {error:.1e}"


def _curvlinops(net: nn.Module, images: Tensor, labels: Tensor) -> str:
    from curvlinops import HessianLinearOperator

    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    operator = HessianLinearOperator(net, nn.CrossEntropyLoss(), parameters, [(images, labels)])
    operator @ torch.randn(operator.shape[1])
    return "a product with the Hessian"


def _pyhessian(net: nn.Module, images: Tensor, labels: Tensor) -> str:
    from pyhessian import hessian as peer

    found = peer(net, nn.CrossEntropyLoss(), data=(images, labels), cuda=False)
    return f"top eigenvalue {found.eigenvalues(top_n=1)[0][0]:.3g}; no diagonal"


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--samples", type=int, default=100, help="entries the loop is timed on, in each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {given.threads} thread(s)\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for width in given.widths:
        print(compare(width, given.batch, given.samples, given.rounds), flush=True)
    print("\n| peer | answer |\n|---|---|")
    for line in peers(min(given.widths), min(given.batch, 16)):
        print(line)


if __name__ == "__main__":
    main()
