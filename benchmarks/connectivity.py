"""Time a line between two networks against a plain sequential loop with resident data, in one run.

    python benchmarks/connectivity.py [--width 32] [--images 10000] [--alphas 11] [--threads 1] [--json]

The loop blends two state dicts at each position, loads the sum and evaluates it, with images normalised once. Rounds
alternate, a ratio is taken within each round in wall and in processor time, and compiling is not timed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable

import torch
from distilled_pruning import connectivity, models
from distilled_pruning.data import Split
from torch import nn


def plain(net: nn.Module, a: connectivity.Weights, b: connectivity.Weights, data: Split, alphas: int) -> list[float]:
    """Evaluate positions one after the other, as one would at first."""
    images, losses = data.normalised(), []
    net.eval()
    with torch.no_grad():
        for alpha in torch.linspace(0, 1, alphas).tolist():
            net.load_state_dict({name: (1 - alpha) * a[name] + alpha * b[name] for name in a})
            total = 0.0
            for begin in range(0, len(data), 500):
                part = slice(begin, begin + 500)
                total += float(nn.functional.cross_entropy(net(images[part]), data.labels[part], reduction="sum"))
            losses.append(total / len(data))
    return losses


def main() -> None:
    """Print a Markdown table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--alphas", type=int, default=11)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    nets = [models.build("convnet3", width=given.width, size=32, channels=3, classes=10, seed=s) for s in range(2)]
    a, b = (net.state_dict() for net in nets)
    a, b = ({name: tensor.clone() for name, tensor in end.items()} for end in (a, b))
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (given.images, 3, 32, 32), generator=draw, dtype=torch.uint8)
    data = Split(images, torch.randint(0, 10, (given.images,), generator=draw), (0.5,) * 3, (0.25,) * 3, 10)
    variants: dict[str, dict[str, object]] = {
        "ours": {},
        "ours, batches of 64": {"batch_size": 64},
        "ours, bf16": {"precision": "bf16"},
    }
    if shutil.which("gcc") or shutil.which("clang"):
        variants["ours, bf16, compiled, batches of 100"] = {"precision": "bf16", "compile": True, "batch_size": 100}

    def runs(part: Split, alphas: int) -> dict[str, Callable[[], object]]:
        def line(options: dict[str, object]) -> Callable[[], object]:
            return lambda: connectivity.interpolate(nets[1], a, b, part, alphas, **options)

        return {"loop": lambda: plain(nets[0], a, b, part, alphas)} | {n: line(o) for n, o in variants.items()}

    for run in runs(data.take(torch.arange(min(1000, given.images))), 2).values():
        run()
    rounds = []
    for _ in range(given.rounds):
        spent: dict[str, tuple[float, float]] = {}
        for name, run in runs(data, given.alphas).items():
            start, clock = time.perf_counter(), time.process_time()
            run()
            spent[name] = (time.perf_counter() - start, time.process_time() - clock)
        rounds.append(spent)
    rows = {}
    for name in rounds[0]:
        wall, processor = ([turn["loop"][kind] / turn[name][kind] for turn in rounds] for kind in (0, 1))
        rows[name] = {
            "seconds": min(turn[name][0] for turn in rounds),
            "least ratio, wall": min(wall),
            "least ratio, processor": min(processor),
        }
    if given.json:
        print(json.dumps({"torch": torch.__version__, **vars(given), "variants": rows}))
        return
    print(f"torch {torch.__version__}, width {given.width}, {given.alphas} alphas x {given.images} images,")
    print(f"{given.threads} thread(s)\n")
    print("| method | wall | loop / method, least of the rounds, wall | the same, processor |\n|---|---|---|---|")
    for name, row in rows.items():
        seconds, wall, processor = row.values()
        print(f"| {name} | {seconds:.2f} s | {wall:.2f}x | {processor:.2f}x |")


if __name__ == "__main__":
    main()
