"""Frames of every experiment that a claim reads, with every setting in them: whole studies of made-up numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

import pandas as pd
from distilled_pruning.study.jobs import CORRUPTIONS

Frames = dict[str, pd.DataFrame]
INITS, DOSED_INITS = 4, 7
E, G = "equal rate", "gentle rate"
RATE = {E: 0.03, G: 0.01, "": 0.0}
TICKETS = [("imp", E), *itertools.product(("distilled", "real-short", "random-real", "published"), (E, G))]
TICKETS += [("magnitude", ""), ("shuffled", "")]
PROTOCOLS = ("as here", "unmasked", "weights rewound alone", "BatchNorm", "BatchNorm, statistics re-estimated")
PROTOCOLS += ("statistics re-estimated",)
NAMES = {"dataset", "model", "method", "setting", "level", "ipc", "made_for", "rewind", "start", "protocol", "steps"}
NAMES |= {"network", "kept_by", "other", "other_setting", "share", "shift"}
CHOICES = {
    "error_rise": (0.0, 0.01, 0.06, 0.15), "barrier": (-0.05, 0.05, 0.3, 0.6), "end_loss": (0.3, 0.31, 0.5),
    "accuracy": (0.5, 0.6, 0.605, 0.9), "loop_accuracy": (0.4, 0.66, 0.9), "own_accuracy": (0.45, 0.6, 0.8),
    "accuracy_ratio": (0.7, 0.9, 1.1), "std": (1.0, 1.05, 2.0), "mean": (1.0, 1.2, 4.0), "mean_abs": (1.0, 2.0, 4.0),
    "min": (-3.0, -1.0), "max": (1.0, 3.0), "basins": (1, 2), "unit": (0.1, 1.0, 9.0), "layered_ratio": (1.0, 1.4),
    "layer_gap": (0.02, 0.1), "ks_pruned": (0.01, 0.2), "shared": (250.0, 450.0, 700.0),
    "average": (1.0, 2.0), "supremum": (1.0, 2.0),
}  # fmt: skip


def table(random: Random, keys: Iterable[Mapping[str, Any]], columns: Sequence[str], inits: int = INITS) -> Any:
    """One row for each setting and initialisation; a column's values differ by a hair between initialisations."""
    rows = []
    for key in keys:
        means = {column: random.choice(CHOICES[column]) for column in columns}
        for init in range(inits):
            noise = 1e-4 * (init + random.random())
            values = {c: m if c == "basins" else m + noise for c, m in means.items()}
            rows.append({"dataset": "cifar10", **key, "init": init, **values})
    frame = pd.DataFrame(rows)
    if "level" in frame:
        frame["sparsity"] = 1 - 0.8 ** frame["level"]
    if "setting" in frame:
        frame["rate"] = frame["setting"].map(RATE)
    names = [name for name in frame if name in NAMES] + ["init"]
    frame["key"] = ["|".join(map(str, values)) for values in frame[names].itertuples(index=False)]
    return frame.assign(collapsed=False, pair="0-1", sets=inits)


def at(model: str, tickets: Iterable[tuple[str, str]], levels: Iterable[int], **more: Any) -> list[dict[str, Any]]:
    """The dense network and tickets at some levels."""
    pairs = [(*ticket, level) for ticket in tickets for level in levels]
    return [
        {"model": model, "method": method, "setting": setting, "level": level, **more}
        for method, setting, level in [("dense", "", 0), *pairs]
    ]


SHORT = [ticket for ticket in TICKETS if ticket[0] in ("imp", "distilled", "real-short")]
NETWORKS, BOTH = ("convnet3", "resnet10", "resnet18"), (4, 9)


def study(seed: int, read: Iterable[str]) -> Frames:
    """Some frames, their numbers drawn anew."""
    return {name: BUILT[name](Random(f"{BUILT[name].__name__} {seed}")) for name in read}


def lines(r: Random) -> pd.DataFrame:
    """Lines of every ticket; a mask that was shuffled is that of all real images."""
    keys = [key for model in NETWORKS for key in at(model, TICKETS, (2, 4, 9))]
    frame = table(r, keys, ("error_rise", "barrier", "end_loss", "accuracy"))
    return frame.assign(outside=0, like="real-short", least_rate=RATE[E])


def accuracies(r: Random) -> pd.DataFrame:
    """Tickets of Fig. 2, and what finding their masks cost, in proportion to the level."""
    keys = [key for model in NETWORKS for key in at(model, SHORT[:3], range(1, 11))]
    frame = table(r, keys, ("accuracy", "loop_accuracy"))
    ratio = {(m, w): r.choice((33.5, 150.0)) if w == "imp" else 1.0 for m in NETWORKS for w in set(frame["method"])}
    cases = zip(frame["model"], frame["method"], frame["level"], strict=True)
    costs = [ratio[model, way] * level for model, way, level in cases]
    return frame.assign(points=costs, points_decoded=costs, steps=costs)


def planes(r: Random) -> pd.DataFrame:
    return table(r, at("convnet3", SHORT, BOTH), ("basins", "unit"))


def diagonals(r: Random) -> pd.DataFrame:
    return table(r, at("convnet3", SHORT, BOTH), ("std", "mean", "mean_abs", "min", "max"))


def membership(r: Random) -> pd.DataFrame:
    groups = itertools.product(BOTH, ("dense", "IMP"), ("both", "IMP alone", "distilled alone"))
    keys = [{"model": "convnet3", "level": k, "network": network, "kept_by": by} for k, network, by in groups]
    return table(r, keys, ("mean_abs",))


def orders(r: Random) -> pd.DataFrame:
    return table(r, at("convnet3", (("imp", E), ("distilled", E)), BOTH), ("layered_ratio",))


def overlap(r: Random) -> pd.DataFrame:
    return table(r, masks(("imp", E), ("random-real", E)), ("layered_ratio", "layer_gap", "ks_pruned"))


def kinship(r: Random) -> pd.DataFrame:
    frame = table(r, masks(("magnitude", ""), ("snip", "")), ("shared",))
    return frame.assign(expected=200.0, jaccard=frame["shared"] / (2000 - frame["shared"]))


def doses(r: Random) -> pd.DataFrame:
    loops = itertools.product(("distilled", "random-real", "real-short"), (E, G), (100, 500, 1500))
    cases = [("imp", E, 11730), *loops]
    keys = [{"model": "convnet3", "method": m, "setting": s, "level": 9, "steps": n} for m, s, n in cases]
    frame = table(r, keys, ("barrier", "accuracy"), DOSED_INITS)
    return frame.assign(dose_steps="100,500,1500", dose_rates="0.03,0.01")


def protocols(r: Random) -> pd.DataFrame:
    keys = [key for m, p in itertools.product(NETWORKS, PROTOCOLS) for key in at(m, SHORT[:3], (9,), protocol=p)]
    return table(r, keys, ("error_rise", "accuracy"))


def starts(r: Random) -> pd.DataFrame:
    kinds = ("default", "kaiming", "xavier", "own")
    return table(r, [key for start in kinds for key in at("convnet3", SHORT, (9,), start=start)], ("barrier",))


def shifts(r: Random) -> pd.DataFrame:
    strengths = {"clean": 0, **dict.fromkeys(CORRUPTIONS, 3), "fgsm": 8, "pgd": 8}
    keys = [{**key, "shift": s, "strength": n} for key in at("convnet3", SHORT, BOTH) for s, n in strengths.items()]
    return table(r, keys, ("accuracy",))


def sets(r: Random) -> pd.DataFrame:
    keys = [{"model": "convnet3", "method": m, "ipc": n} for m in ("dm", "idc", "dc", "mtt") for n in (1, 10, 50)]
    return table(r, keys, ("accuracy", "average", "supremum"))


def stopping(r: Random) -> pd.DataFrame:
    keys = [{"model": "convnet3", "method": m, "ipc": 10, "share": s} for m in ("dm", "idc", "dc") for s in (0, 100)]
    return table(r, keys, ("accuracy",))


def masks(*others: tuple[str, str]) -> list[dict[str, Any]]:
    """Masks of distilled pruning with some others."""
    pairs = itertools.product((E, G), others, (4, 9))
    return [
        {"model": "convnet3", "method": "distilled", "setting": s, "other": other, "other_setting": o, "level": k}
        for s, (other, o), k in pairs
    ]


def sized(r: Random) -> pd.DataFrame:
    """Tickets on sets of every size, made for every network, on two datasets."""
    keys: list[dict[str, Any]] = []
    for dataset, model, level in itertools.product(("cifar10", "cifar100"), ("convnet3", "resnet18"), (4, 9, 11)):
        place = {"dataset": dataset, "model": model, "level": level}
        keys.append({**place, "method": "imp", "setting": E, "ipc": 0, "made_for": ""})
        makers = ("convnet3", "resnet18") if (dataset, model) == ("cifar10", "resnet18") else ("convnet3",)
        sizes = (1, 10, 50) if (dataset, model) == ("cifar10", "convnet3") else (1, 10)
        for made_for, ipc, setting in itertools.product(makers, sizes, (E, G)):
            keys.append({**place, "method": "distilled", "setting": setting, "ipc": ipc, "made_for": made_for})
    columns = ("error_rise", "barrier", "accuracy", "own_accuracy", "accuracy_ratio")
    frame = table(r, keys, columns).assign(made_by="dm")
    frame["barrier"] = frame["barrier"].mask(frame["method"] == "imp", 0.3)
    return frame.assign(compression=5000 / frame["ipc"].clip(lower=1))


def rewound(r: Random) -> pd.DataFrame:
    """Tickets of Fig. 7, up to 25 levels."""
    ways = [("imp", 0, 1), ("imp", 3, 1), ("distilled", 0, 1), ("combined", 0, 8)]
    keys: list[dict[str, Any]] = []
    for model in ("convnet3", "resnet10"):
        keys += at(model, (), (), rewind=0)
        for (method, rewind, start), last in zip(ways, [r.choice((3, 9, 14, 25)) for _ in ways], strict=True):
            for level in range(start, 26):
                key = {"model": model, "method": method, "setting": E, "level": level, "rewind": rewind}
                keys.append({**key, "lost": 0.2 * (level > last)})
    frame = table(r, keys, ()).fillna({"lost": 0.0})
    frame["accuracy"] = 0.9 - frame.pop("lost") - 1e-5 * frame["init"]
    cost = r.choice((1.0, 1000.0))
    return frame.assign(points=cost, points_decoded=cost, steps=cost, run_points=100.0, run_steps=100.0, last=25)


def first(r: Random) -> pd.DataFrame:
    """What the three frames of the first paper hold; a training takes as long in every round."""
    keys: list[dict[str, Any]] = []
    for dataset, model in itertools.product(("cifar10", "cifar100"), ("convnet3", "alexnet")):
        ways = [("imp", E, 0, 0), ("imp", E, 1, 0), ("random", "", 0, 0)]
        ways += [("distilled", "", 0, ipc) for ipc in (1, 10, 50)]
        for method, setting, rewind, ipc in ways:
            more = {"rewind": rewind, "ipc": ipc, "dataset": dataset, "takes": r.choice((1.0, 8.0, 30.0))}
            keys += at(model, [(method, setting)], BOTH, **more)[1:]
        keys += at(model, (), (), rewind=0, ipc=0, dataset=dataset, takes=1.0)
    frame = table(r, keys, ("accuracy", "error_rise", "barrier"))
    frame["last"] = 9
    frame["images"] = 1e6 / (1 + 9 * (frame["method"] == "distilled"))
    return frame.assign(seconds=frame.pop("takes") + 1e-4 * frame["init"])


BUILT: dict[str, Callable[[Random], pd.DataFrame]] = {
    "barriers": lines, "controls": lines, "fig2": accuracies, "basins": planes, "hessian": diagonals,
    "membership": membership, "orders": orders, "overlap": overlap, "kinship": kinship, "fig6": sized, "fig7": rewound,
    "dose": doses, "protocols": protocols, "starts": starts, "shifts": shifts, "sets": sets, "stopping": stopping,
    "first-accuracy": first, "first-stability": first, "first-sessions": first,
}  # fmt: skip


def set_where(frame: pd.DataFrame, column: str, value: float, **where: Any) -> pd.DataFrame:
    """Give a frame in which a column is another in the matching rows, as far as it has both."""
    if column not in frame or not set(where) <= set(frame):
        return frame
    rows = frame["init"] >= 0
    for name, wanted in where.items():
        rows &= frame[name] == wanted
    return frame.assign(**{column: frame[column].astype(float).mask(rows, value + 1e-5 * frame["init"])})
