"""How fast this machine is: the live scale's training timed, and all that is timed beside peers, with its origin."""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from .... import places
from ....errors import InputError
from .runs import ALL_THEMES, COSTS

if TYPE_CHECKING:
    from peers.rounds import Comparison

    from ...engine.store import Store

BENCHMARKS = "benchmarks"
_STEPS, _WARM_UP, _REPEATS = 100, 20, 3
_ROUNDS = 6  # two runs of three miss each other by chance once in ten ratios, of six once in 500
_PASSES = 3  # each over all themes: between passes a ratio moves more than from round to round
_PEERS = ("backpack-for-pytorch", "curvlinops-for-pytorch")


def training(device: str = "auto") -> dict[str, Any]:
    """Time training steps of ConvNet-3, width 16, on digits at 16 px in batches of 32, on one thread.

    Returns:
        Device, steps a second (best of three), multiply-accumulates a second, and minutes for one live training.
    """
    import torch

    from .... import data, models
    from ....models import costs
    from ....training.loop import train
    from ....training.recipe import Recipe
    from ...engine import machine

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ds = data.load("digits", size=16)
        recipe = Recipe(learning_rate=0.3, batch_size=32, augmentation="shift2+cutmix")
        seconds = []
        for steps in (_WARM_UP, *[_STEPS] * _REPEATS):
            net = models.build("convnet3", ds, width=16, seed=0)
            began = time.perf_counter()
            train(net, ds.train, Recipe(**{**vars(recipe), "steps": steps}), device=device)
            seconds.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    pace = _STEPS / min(seconds[1:])
    macs = 3 * 32 * costs.forward_macs("convnet3", 16, 16, 1, 10)
    return {
        "device": machine.name(device),
        "steps a second": round(pace, 1),
        "multiply-accumulates a second": float(f"{pace * macs:.3g}"),
        "minutes for a live training of 1350 steps": round(1350 / pace / 60, 3),
    }


def subjects() -> dict[str, Callable[..., Iterator[Comparison]]]:
    """Give what is timed beside peers, by theme; imports PyTorch.

    Raises:
        InputError: There is no copy of the sources, which alone has the peers.
    """
    root = places.checkout()
    if root is None or not (root / BENCHMARKS / "peers").is_dir():
        raise InputError(
            f"the peers that speed is held against are not installed, they lie in {BENCHMARKS} of a copy of the "
            "sources: run this command in one"
        )
    # On the path, since the workers of a data loader import what they unpickle by name.
    if str(root / BENCHMARKS) not in sys.path:
        sys.path.append(str(root / BENCHMARKS))
    functions = {
        "training": "training.steps",
        "hessian": "curvature.diagonals",
        "lines": "surfaces.lines",
        "planes": "surfaces.planes",
        "distillation": "distillation.iterations",
        "pooling": "pooling.pools",
    }
    split = {theme: name.split(".") for theme, name in functions.items()}
    return {theme: getattr(importlib.import_module(f"peers.{module}"), name) for theme, (module, name) in split.items()}


def measure(
    themes: Sequence[str] = ALL_THEMES,
    device: str = "auto",
    rounds: int | None = None,
    store: Store | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Time what the themes name, on one thread of a CPU, and say where the numbers come from.

    Args:
        themes: Some of :data:`.page.ALL_THEMES`.
        device: ``"auto"``, ``"cpu"`` or a CUDA device.
        rounds: Rounds of turns in all, in up to three passes over the themes; six by default.
        store: Where the times of live figures are looked up; that of the surroundings by default.
        progress: Told what has been timed.

    Returns:
        ``about`` (code, versions, device, cores, threads, when, seconds), ``comparisons`` and ``costs``, JSON-ready.

    Raises:
        InputError: There is no such device, or no copy of the sources.
    """
    import torch

    from ....training.forward import resolve
    from ...engine import machine

    place, threads = resolve(device), torch.get_num_threads()
    code, began, started = machine.code(), datetime.now(UTC), time.monotonic()
    comparisons: dict[str, dict[str, Any]] = {}
    torch.set_num_threads(1)
    try:
        for theme, subject, count in _list_passes(themes, rounds):
            for found in subject(place, count):
                known = comparisons.setdefault(found.title, dataclasses.asdict(found) | {"seconds": {}})
                for name, seconds in found.seconds.items():
                    known["seconds"].setdefault(name, []).extend(seconds)
                if progress is not None:
                    progress(f"{time.monotonic() - started:.0f} s, {theme}: {found.title}")
    finally:
        torch.set_num_threads(threads)
    costs = figure_costs(store) if COSTS in themes else []
    about = {
        **code,
        "versions": {**machine.versions(), **_list_versions(_PEERS)},
        "device": machine.name(place.type),
        "cores": os.cpu_count(),
        "threads": 1,
        "began": began.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 1),
    }
    return {"about": about, "comparisons": list(comparisons.values()), "costs": costs}


def _list_passes(
    themes: Sequence[str], rounds: int | None
) -> Iterator[tuple[str, Callable[..., Iterator[Comparison]], int]]:
    """Share the rounds of each theme out to passes over all of them."""
    chosen = {name: subject for name, subject in subjects().items() if name in themes} if set(themes) - {COSTS} else {}
    for number in range(_PASSES):
        for theme, subject in chosen.items():
            total = rounds or _ROUNDS
            if count := total // _PASSES + (number < total % _PASSES):
                yield theme, subject, count


def _list_versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def figure_costs(store: Store | None = None, figures: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Count what figures take at every scale, and look up what they took where they were computed.

    Args:
        store: Where the times of the live scale are looked up.
        figures: Names of experiments; all by default.

    Returns:
        Figure, page, scale, multiply-accumulates of all jobs behind it; seconds and devices where all of them were
        measured (at live scale in the store, else as recorded), else ``None``. A figure whose data nobody may fetch has
        no work either.
    """
    from ...engine import machine
    from ...engine.store import Store
    from ...parameters.notebooks import home
    from ...parameters.presets import LIVE, PRESETS, bases
    from ...results.recorded import Recorded
    from ..registry import EXPERIMENTS

    store, recorded, here = store or Store(), Recorded(home() / "results"), machine.processor()
    rows = []
    for name in EXPERIMENTS if figures is None else figures:
        page = EXPERIMENTS[name].notebook
        for scale in (LIVE, *(scale for scale in PRESETS if scale in bases(page))):
            work, seconds, devices = _work(page, name, scale), None, set[str]()
            if scale == LIVE and work is not None:
                seconds, devices = _spent(page, name, store, here)
            elif done := [record for record in recorded.records(name, scale) if not record.missing]:
                work, seconds, devices = _recorded(page, name, done, recorded)
            row = {"figure": name, "page": page, "scale": scale, "macs": work, "seconds": seconds}
            rows.append({**row, "devices": sorted(devices)})
    return rows


def _work(page: str, name: str, scale: str | None, pairs: Sequence[tuple[str, Any]] = ()) -> float | None:
    """Add up the work behind a figure; ``None`` where its data are missing."""
    from ...jobs import graph
    from ...parameters.presets import LIVE, resolve
    from ..section import Section

    try:
        section = Section(resolve(page, pairs, file=None if scale == LIVE else scale))
        return float(f"{sum(job.cost for job in graph(section.jobs(name))):.3g}")
    except InputError:
        return None


def _spent(page: str, name: str, store: Store, device: str) -> tuple[float | None, set[str]]:
    """Give the seconds behind a live figure, where this device did all of it without a break."""
    from ...jobs import graph
    from ...parameters.presets import resolve
    from ..section import Section

    found = [store.provenance(job.key) for job in graph(Section(resolve(page), store).jobs(name))]
    if any(one is None or one.get("device") != device or one.get("continued") for one in found):
        return None, set()
    return round(sum(one["seconds"] for one in found if one), 1), {device}


def _recorded(
    page: str, name: str, records: Sequence[Any], recorded: Any
) -> tuple[float | None, float | None, set[str]]:
    """Give work, seconds and devices behind what was recorded of a figure."""
    from ..section import preset_of

    works = [_work(page, name, preset_of(record), list(record.parameters.items())) for record in records]
    known = [(record, work) for record, work in zip(records, works, strict=True) if work is not None]
    if not known:
        return None, None, set()
    devices = {recorded.read(key)["provenance"]["device"] for record, _ in known for key in record.keys}
    return sum(work for _, work in known), round(sum(record.seconds for record, _ in known), 1), devices
