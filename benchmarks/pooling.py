"""Time average pooling of 2x2 pixels, and steps of training with it, against PyTorch's kernel, in one run.

    python benchmarks/pooling.py [--width 16] [--batch 32] [--rounds 20] [--threads 1]

Both give the same numbers to the last bit. Rounds alternate and the fastest of each counts, in processor time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

import torch
from distilled_pruning import models, pooling
from torch import Tensor, nn
from torch.nn import functional as F

REPEATS = 50


def fastest(variants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Give the processor time of one call of each variant, in ms."""
    best = dict.fromkeys(variants, float("inf"))
    for _ in range(rounds):
        for name, call in variants.items():
            start = time.process_time()
            for _ in range(REPEATS):
                call()
            best[name] = min(best[name], (time.process_time() - start) / REPEATS * 1e3)
    return best


def passed(pool: Callable[[Tensor], Tensor], images: Tensor) -> Callable[[], object]:
    """Pool images forwards and backwards."""
    weights = torch.ones(*images.shape[:2], images.shape[2] // 2, images.shape[3] // 2)
    return lambda: torch.autograd.grad(pool(images), images, weights)


def trained(net: nn.Module, modules: list[nn.Module], images: Tensor, labels: Tensor) -> Callable[[], object]:
    """Take loss and gradient of a network with some of its poolings replaced."""

    def step() -> None:
        net.zero_grad()
        with pooling.quick(modules):
            loss = F.cross_entropy(net(images), labels)
        loss.backward()

    return step


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, width {given.width}, batch {given.batch}, {given.threads} thread(s)\n")
    print("| what | PyTorch's, ms | ours, ms | ratio |\n|---|---|---|---|")
    for size in (8, 16, 32):
        images = torch.randn(given.batch, given.width, size, size, requires_grad=True)
        found = fastest(
            {"theirs": passed(lambda x: F.avg_pool2d(x, 2), images), "ours": passed(pooling.pool, images)}, given.rounds
        )
        row(f"{size} px, forwards and backwards", found)
    for size, channels in ((16, 1), (32, 3)):
        net = models.build("convnet3", width=given.width, size=size, channels=channels, classes=10, seed=0)
        batch = torch.randn(given.batch, channels, size, size), torch.randint(0, 10, (given.batch,))
        ours = pooling.replaceable(net)
        row(
            f"ConvNet-3 at {size} px, loss and gradient",
            fastest({"theirs": trained(net, [], *batch), "ours": trained(net, ours, *batch)}, given.rounds),
        )


def row(name: str, found: Mapping[str, float]) -> None:
    """Print a row of the table."""
    print(f"| {name} | {found['theirs']:.2f} | {found['ours']:.2f} | {found['theirs'] / found['ours']:.2f}x |")


if __name__ == "__main__":
    main()
