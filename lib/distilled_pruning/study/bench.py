"""How fast this machine trains: the live scale's training, timed."""

from __future__ import annotations

import time
from typing import Any

STEPS, WARM_UP, REPEATS = 100, 20, 3


def training(device: str = "auto") -> dict[str, Any]:
    """Time training steps of ConvNet-3, width 16, on digits at 16 px in batches of 32, on one thread.

    Returns:
        Device, steps a second (best of three), multiply-accumulates a second, and minutes for one live training.
    """
    import torch

    from .. import costs, data, models
    from ..recipe import Recipe
    from ..training import train
    from . import hardware

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ds = data.load("digits", size=16)
        recipe = Recipe(learning_rate=0.3, batch_size=32, augmentation="shift2+cutmix")
        seconds = []
        for steps in (WARM_UP, *[STEPS] * REPEATS):
            net = models.build("convnet3", ds, width=16, seed=0)
            began = time.perf_counter()
            train(net, ds.train, Recipe(**{**vars(recipe), "steps": steps}), device=device)
            seconds.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    pace = STEPS / min(seconds[1:])
    macs = 3 * 32 * costs.forward_macs("convnet3", 16, 16, 1, 10)
    return {
        "device": hardware.name(device),
        "steps a second": round(pace, 1),
        "multiply-accumulates a second": float(f"{pace * macs:.3g}"),
        "minutes for a live training of 1350 steps": round(1350 / pace / 60, 3),
    }
