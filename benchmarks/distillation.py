"""What distillation gains: accuracy of networks trained on a set minus that on its own starting images, over seeds.

    python benchmarks/distillation.py --methods dm,dc,idc --ipc 1,5 --seeds 5

One JSON line a method and number of images. What an iteration costs is measured by
``distilled-pruning bench distillation``.
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import Any

import torch
from distilled_pruning import data
from distilled_pruning.distillation import distill, evaluate
from distilled_pruning.study.judging.verdicts import interval
from distilled_pruning.training import resolve
from peers.rounds import clock


def gain(
    ds: data.Dataset, method: str, ipc: int, seeds: int, repeats: int, device: torch.device, **options: Any
) -> dict[str, Any]:
    """Compare sets with their own starting images, a difference for each seed."""
    made, start, seconds = [], [], []
    for seed in range(seeds):
        started = clock(device)
        syn = distill(ds, method, ipc, seed=seed, device=device, **options)
        seconds.append(clock(device) - started)
        pair = [evaluate(s, ds, repeats, seed=1000 * seed, device=device).accuracy for s in (syn, syn.at(0))]
        made.append(pair[0])
        start.append(pair[1])
    gaps = [a - b for a, b in zip(made, start, strict=True)]
    return {
        "seeds": seeds,
        "made": statistics.fmean(made),
        "start": statistics.fmean(start),
        "gain": statistics.fmean(gaps),
        "interval": interval(gaps),
        "seconds": statistics.fmean(seconds),
    }


def main() -> None:
    """Print one JSON line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--size", type=int, default=None, help="image side; 16 for digits")
    parser.add_argument("--methods", default="dm,dc,dsa,idc,mtt")
    parser.add_argument("--ipc", default="10")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=JSON", help="a setting, as often as needed"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = resolve(given.device)
    ds = data.load(given.dataset, size=given.size or (16 if given.dataset == "digits" else None))
    options = {name: json.loads(value) for name, value in (pair.split("=", 1) for pair in given.option)}
    for method in given.methods.split(","):
        for ipc in map(int, given.ipc.split(",")):
            row = {"method": method, "ipc": ipc, "device": device.type, "width": given.width}
            row |= gain(ds, method, ipc, given.seeds, given.repeats, device, width=given.width, **options)
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
