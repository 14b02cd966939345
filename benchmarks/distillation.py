"""What distillation costs and gains.

``cost``: seconds and operations of one outer iteration per method, beside the floor: the same operations at the rate of
a plain forward pass of the same network on this machine, in the same process. On a GPU also the kernel launches.
``gain``: accuracy of networks trained on a set minus that on its own starting images, over seeds, with its interval.

    python benchmarks/distillation.py cost --dataset cifar10 --width 128
    python benchmarks/distillation.py gain --methods dm,dc,idc --ipc 1,5 --seeds 5
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from typing import Any

import torch
from distilled_pruning import data, models
from distilled_pruning.distillation import distill, evaluate
from distilled_pruning.training import resolve
from torch.utils.flop_counter import FlopCounterMode

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def now(device: torch.device) -> float:
    """Read the clock once the device is done: processor time on one CPU thread, which others' load does not touch."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.process_time() if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter()


def forward_rate(ds: data.Dataset, width: int, device: torch.device, batch: int = 64) -> float:
    """Measure operations a second of a plain forward pass, best of five."""
    net = models.build("convnet3", ds, width=width, seed=0).to(device)
    images = ds.train.to(device).normalised(torch.arange(batch, device=device))
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            net(images)
        times = []
        for _ in range(5):
            started = now(device)
            for _ in range(4):
                net(images)
            times.append((now(device) - started) / 4)
    return counter.get_total_flops() / min(times)


def launches(run: Any) -> int:
    """Count the kernels a call launches on the GPU."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        run()
    return sum(event.count for event in profile.key_averages() if event.device_type == torch.autograd.DeviceType.CUDA)


def cost(ds: data.Dataset, method: str, ipc: int, device: torch.device, **options: Any) -> dict[str, Any]:
    """Time and count the second outer iteration of a method; the first one warms up."""
    marks: list[float] = []

    def mark(*_: Any) -> None:
        marks.append(now(device))

    distill(ds, method, ipc, iterations=3, device=device, progress=mark, **options)
    with FlopCounterMode(display=False) as one:
        distill(ds, method, ipc, iterations=1, device=device, **options)
    with FlopCounterMode(display=False) as two:
        distill(ds, method, ipc, iterations=2, device=device, **options)
    operations = two.get_total_flops() - one.get_total_flops()
    seconds = min(b - a for a, b in itertools.pairwise(marks))
    row = {"seconds": seconds, "gigaoperations": operations / 1e9}
    if device.type == "cuda":
        row["launches"] = launches(lambda: distill(ds, method, ipc, iterations=1, device=device, **options))
    return row


def gain(
    ds: data.Dataset, method: str, ipc: int, seeds: int, repeats: int, device: torch.device, **options: Any
) -> dict[str, Any]:
    """Compare sets with their own starting images, a difference for each seed."""
    made, start, seconds = [], [], []
    for seed in range(seeds):
        started = now(device)
        syn = distill(ds, method, ipc, seed=seed, device=device, **options)
        seconds.append(now(device) - started)
        pair = [evaluate(s, ds, repeats, seed=1000 * seed, device=device).accuracy for s in (syn, syn.at(0))]
        made.append(pair[0])
        start.append(pair[1])
    gaps = [a - b for a, b in zip(made, start, strict=True)]
    half = STUDENT[seeds] * statistics.stdev(gaps) / seeds**0.5
    mean = statistics.fmean(gaps)
    return {
        "seeds": seeds,
        "made": statistics.fmean(made),
        "start": statistics.fmean(start),
        "gain": mean,
        "low": mean - half,
        "high": mean + half,
        "seconds": statistics.fmean(seconds),
    }


def main() -> None:
    """Print one JSON line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cost", "gain"))
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--size", type=int, default=None, help="image side; 16 for digits")
    parser.add_argument("--methods", default="dm,dc,dsa,idc,mtt")
    parser.add_argument("--ipc", default="10")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--inner", type=int, default=2, help="matching steps an outer iteration (cost only)")
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
    rate = forward_rate(ds, given.width, device) if given.what == "cost" else 0.0
    for method in given.methods.split(","):
        for ipc in map(int, given.ipc.split(",")):
            row = {"method": method, "ipc": ipc, "device": device.type, "width": given.width}
            if given.what == "gain":
                row |= gain(ds, method, ipc, given.seeds, given.repeats, device, width=given.width, **options)
                print(json.dumps(row), flush=True)
                continue
            counted = 0.0
            for batched in (False, True) if method in ("dc", "dsa", "idc") else (False,):
                loops = {} if method in ("dm", "mtt") else {"inner": given.inner, "batched": batched}
                found = cost(ds, method, ipc, device, width=given.width, **loops, **options)
                if batched:  # the counter takes grouped convolutions for dense ones
                    found["gigaoperations"] = counted
                counted = found["gigaoperations"]
                floor = found["gigaoperations"] * 1e9 / rate
                print(
                    json.dumps(
                        row | {"batched": batched} | found | {"floor": floor, "ratio": found["seconds"] / floor}
                    ),
                    flush=True,
                )


if __name__ == "__main__":
    main()
