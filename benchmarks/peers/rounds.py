"""Turns: what is compared is run one after the other, round after round, and a ratio is taken within a round."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

__all__ = ["PRODUCTS", "Comparison", "can_compile", "clock", "products", "random_images", "take_turns"]

PRODUCT_SIDE = 1024
PRODUCTS = {"fp32": "matrix product", "bf16": "matrix product, bf16"}
LEAST_SECONDS = 0.2  # of a turn: long beside what starting it costs, short beside what neighbours on the machine do

Run = Callable[[int], float | None]


@dataclass(frozen=True)
class Comparison:
    """Variants of one piece of work, timed in turns.

    Attributes:
        theme: What it is about, ``"training"`` for example.
        title: The work, in words.
        ours: The variants that are this library's.
        peers: Those that they are set against; the others are there for scale.
        seconds: Variant to the time of one piece of work in each round.
        macs: Variant to its multiply-accumulates, where they were counted.
        images: Images of one piece of work, 0 where images are not what is counted.
        refused: Peers that cannot do the work, or are not installed, to what they say.
        differences: Peer to the largest difference of its result from ours, as a share of the largest value.
    """

    theme: str
    title: str
    ours: tuple[str, ...]
    peers: tuple[str, ...]
    seconds: dict[str, list[float]]
    macs: dict[str, float] = field(default_factory=dict)
    images: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)


def clock(device: torch.device) -> float:
    """Read the clock once the device is done: processor time on one CPU thread, which others' load disturbs less."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.process_time() if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter()


def take_turns(
    runs: Mapping[str, Run],
    rounds: int,
    device: torch.device,
    scale: Mapping[str, float] | None = None,
    warm: bool = False,
) -> dict[str, list[float]]:
    """Time variants in turns, every other round backwards.

    Args:
        runs: Variant to a function that does its work so many times; it may return the seconds that count instead.
        rounds: Rounds after the first, untimed one, in which things are compiled and memory is found.
        device: Where the work is done.
        scale: Variant to a factor on its seconds: how many times the work that is asked for is larger than what is run.
        warm: Whether all has been run before, so that the untimed round may be left out.

    Returns:
        Variant to the seconds of one piece of work in each round.
    """

    def timed(run: Run, times: int) -> float:
        began = clock(device)
        own = run(times)
        return (clock(device) - began if own is None else own) / times

    repeats = {}
    for name, run in runs.items():
        if not warm:
            run(1)
        repeats[name] = max(1, math.ceil(LEAST_SECONDS / max(timed(run, 1), 1e-6)))
    found: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            seconds = timed(runs[name], repeats[name]) * (scale or {}).get(name, 1.0)
            found[name].append(float(f"{seconds:.4g}"))
    return found


def often(call: Callable[[], object]) -> Run:
    """Make a run of a call."""

    def run(times: int) -> None:
        for _ in range(times):
            call()

    return run


def products(device: torch.device, *precisions: str) -> tuple[dict[str, Run], dict[str, float]]:
    """Give the products of two square matrices that stand for what the device can do, and their work."""
    runs, macs = {}, {}
    for precision in precisions or ("fp32",):
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        a, b, into = (torch.ones(PRODUCT_SIDE, PRODUCT_SIDE, dtype=dtype, device=device) for _ in range(3))
        name = PRODUCTS[precision]
        runs[name] = often(lambda a=a, b=b, into=into: torch.mm(a, b, out=into))  # type: ignore[misc]
        macs[name] = float(PRODUCT_SIDE**3)
    return runs, macs


def random_images(images: int, device: torch.device, size: int = 32, channels: int = 3) -> tuple[Tensor, Tensor]:
    """Draw images uint8 [N, C, H, W] and labels of ten classes, the same everywhere."""
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, channels, size, size), generator=draw, dtype=torch.uint8)
    return pixels.to(device), torch.randint(0, 10, (images,), generator=draw).to(device)


def can_compile(device: torch.device) -> bool:
    """Whether ``torch.compile`` has what it needs: a C++ compiler for a CPU."""
    return device.type == "cuda" or any(map(shutil.which, ("g++", "c++", "clang++")))
