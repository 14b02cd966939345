"""Time points of a loss landscape against a plain sequential loop with resident data, in one run.

    python benchmarks/landscape.py [--width 32] [--images 1000] [--resolution 5] [--threads 1]

The loop builds a state dict for each point, loads it and evaluates it, everything else being equal. Rounds alternate
and the fastest of each counts, in processor time.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import time

import numpy as np
import torch
from distilled_pruning import landscape, models
from distilled_pruning.data import Split
from torch import nn


def plain(net: nn.Module, plane: landscape.Plane, points: np.ndarray, data: Split, batch: int) -> list[float]:
    """Evaluate points one after the other, as one would at first."""
    origin, (first, second) = plane.networks[0], plane.axes
    images, losses = data.normalised(), []
    net.eval()
    with torch.no_grad():
        for x, y in points.tolist():
            net.load_state_dict({n: t + x * first[n] + y * second[n] if n in first else t for n, t in origin.items()})
            total = 0.0
            for begin in range(0, len(data), batch):
                part = slice(begin, begin + batch)
                total += float(nn.functional.cross_entropy(net(images[part]), data.labels[part], reduction="sum"))
            losses.append(total / len(data))
    return losses


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--resolution", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    nets = [models.build("convnet3", width=given.width, size=32, channels=3, classes=10, seed=s) for s in range(3)]
    plane = landscape.plane(*(net.state_dict() for net in nets))
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(given.images, 3, 32, 32, generator=draw)
    labels = torch.randint(0, 10, (given.images,), generator=draw)
    data = Split(images, labels, (0.0,) * 3, (1.0,) * 3, 10)
    count = given.resolution**2
    variants = {"ours": {}, "ours, bf16": {"precision": "bf16"}}
    if shutil.which("gcc") or shutil.which("clang"):
        variants["ours, bf16, compiled"] = {"precision": "bf16", "compile": True}
    points = landscape.evaluate(nets[0], plane, data.take(torch.arange(1)), given.resolution).points
    best: dict[str, float] = {}
    wall: dict[str, float] = {}
    peaks = []
    for _ in range(given.rounds):
        for name in ("loop", *variants):
            start, clock = time.process_time(), time.perf_counter()
            if name == "loop":
                plain(nets[0], plane, points, data, 100)
            else:
                landscape.evaluate(nets[1], plane, data, given.resolution, **variants[name])
            best[name] = min(best.get(name, np.inf), time.process_time() - start)
            wall[name] = min(wall.get(name, np.inf), time.perf_counter() - clock)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
    print(f"torch {torch.__version__}, width {given.width}, {count} points x {given.images} images,")
    print(f"{given.threads} thread(s); peak memory by round {', '.join(f'{p:.2f}' for p in peaks)} GiB\n")
    print("| method | wall | images a second | loop / method, processor time |\n|---|---|---|---|")
    for name, seconds in best.items():
        rate = count * given.images / wall[name]
        print(f"| {name} | {wall[name]:.2f} s | {rate:,.0f} | {best['loop'] / seconds:.2f}x |")


if __name__ == "__main__":
    main()
