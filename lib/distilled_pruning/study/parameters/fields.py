"""What each parameter of a notebook is called, what it means, and which values it takes; and their values together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...data import catalog
from ...training.recipe import PRECISIONS
from ..jobs import ways
from .checks import (
    INITS,
    MOST_EPOCHS,
    MOST_STEPS,
    WIDEST,
    Check,
    as_path,
    augmentation,
    between,
    boxes,
    convert,
    counts,
    dataset,
    device,
    distiller,
    image_rate,
    items,
    keep,
    levels,
    loop_method,
    model,
    one,
    plain_name,
    rate,
    set_network,
    share,
)


@dataclass(frozen=True)
class Field:
    """A parameter.

    Attributes:
        name: As it is spelled in every notebook.
        type: ``int``, ``float``, ``bool`` or ``str``, as a notebook declares it.
        help: A few words.
        check: Gives the value that is worked with, a tuple for a list, or raises :class:`InputError`.
        ordered: Whether the order of a list matters.
        joint: What stands between the items of a list that is written as text.
    """

    name: str
    type: type
    help: str
    check: Check = keep
    ordered: bool = False
    joint: str = ","

    def value(self, given: Any) -> Any:
        """Convert and check a value: text, what YAML reads, lists included, or one that was checked before."""
        if isinstance(given, list) and self.type is str:
            given = self.joint.join(convert(self.name, str, item) for item in given)
        return self.check(self.name, convert(self.name, self.type, as_text(given)))


def as_text(value: Any) -> Any:
    """Give a value as it is stored and declared in notebooks: lists comma-separated, all else as it is."""
    if not isinstance(value, tuple):
        return value
    return ",".join(":".join(map(_item, item)) if isinstance(item, tuple) else _item(item) for item in value)


def _item(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def dataset_name(dataset: str) -> str:
    """Shorten a path to its last part."""
    path = None if dataset in catalog.DATASETS else as_path(dataset)
    return path.name if path is not None else dataset


def write_value(value: Any) -> str:
    """Write a value for a stamp: paths by their last part, empty text as quotes."""
    value = as_text(value)
    if isinstance(value, str):
        return ",".join(dataset_name(part) if "/" in part else part for part in value.split(",")) or "''"
    return f"{value:g}" if isinstance(value, float) else str(value)


def drop_off(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the parameters that are off."""
    return {name: value for name, value in values.items() if value not in (0, "")}


def write_values(values: Mapping[str, Any]) -> str:
    """Write parameters for the foot of a figure; what is off is left out."""
    return ", ".join(f"{name} {write_value(value)}" for name, value in drop_off(values).items())


def write_stamp(scale: str, values: Mapping[str, Any]) -> str:
    """Write scale and parameters for the foot of a figure."""
    return f"{scale} · {write_values(values)}"


class Values(Mapping[str, Any]):
    """Values of parameters; read only, by item or by attribute."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"there is no parameter {name!r} here") from None


_SOME, _STEPS, _EPOCHS = between(10, 10**7, also=0), between(0, MOST_STEPS), between(0, MOST_EPOCHS)
_METHODS = items(one("method", ways.names))
_BUDGETS = counts(1, 255)

_ALL = (
    Field("dataset", str, "names or paths, comma-separated, one row each", items(dataset)),
    Field("image_size", int, "side in pixels; 0 for the dataset's own", between(8, 512, also=0)),
    Field("subset", int, "training images to use, stratified; 0 for all", _SOME),
    Field("whitened", bool, "ZCA-whiten the images, as published sets of trajectory matching are"),
    Field("model", str, "networks, comma-separated, one row each", items(model())),
    Field("width", int, "channels of the first layer; 0 for the papers'", between(1, WIDEST, also=0)),
    Field("methods", str, "ways to find masks, comma-separated", _METHODS),
    Field("main_methods", str, "those run on every initialisation, the rest on one", _METHODS),
    Field(
        "rated_methods",
        str,
        "those of them run at every inner rate on every initialisation, the rest at the first",
        _METHODS,
    ),
    Field(
        "like", str, "way whose layer counts are taken over by layer-matched masks; empty for distilled", loop_method
    ),
    Field("ipc", int, "stored images per class of a distilled set", between(1, 10**4)),
    Field(
        "ipcs",
        str,
        "stored images per class of the sets to compare, comma-separated",
        counts(1, 10**4),
        ordered=True,
    ),
    Field("distiller", str, "distillation method, or the path of a published set", distiller),
    Field("distillers", str, "distillation methods and paths of published sets, comma-separated", items(distiller)),
    Field("evaluations", int, "networks trained on each set, each from an initialisation of its own", between(1, 100)),
    Field(
        "distill_models",
        str,
        "networks the sets are made for, comma-separated; 'own' is the one that is pruned",
        items(model("own")),
    ),
    Field("published", str, "file of a published set, under distilled/ in the data folder", plain_name),
    Field("distill_model", str, "network the sets are made for; empty for the one that is pruned", set_network),
    Field(
        "distill_iterations",
        int,
        "outer iterations of the distillation; 0 for the published number",
        _STEPS,
    ),
    Field(
        "distill_learning_rate",
        float,
        "rate at which a distillation changes its images; 0 for the published one",
        image_rate,
    ),
    Field(
        "distill_batch_size",
        int,
        "real images a step of a distillation, of mtt's experts or of others per class; 0 for the published number",
        between(0, 2**16),
    ),
    Field("distill_width", int, "width of the networks it matches; 0 for that of the pruned one", between(0, WIDEST)),
    Field(
        "boxes",
        str,
        "methods with iterations, width and perhaps rate of their own, as idc:10:16 or mtt:50:16:20, comma-separated",
        boxes,
    ),
    Field("sets", int, "different distilled sets, shared in turn by the initialisations", between(1, 100)),
    Field("levels", int, "rounds of pruning", between(1, 40)),
    Field("measured_levels", str, "levels to retrain at; 'all', or a list to which the last is added", levels),
    Field("measured_only", bool, "measured levels are all that are retrained, also of the first initialisation"),
    Field("fraction", float, "share of the surviving weights a round removes", share),
    Field("distilled_levels", int, "rounds of distilled pruning before IMP takes over", between(1, 40)),
    Field("first_rounds", str, "ways of those first rounds, comma-separated", items(one("method", ways.continued))),
    Field("rewind", int, "epoch of the rewinding point; 0 for initialisation", _EPOCHS),
    Field("rewind_seeds", int, "initialisations on which trainings start from an early epoch", between(1, 100)),
    Field(
        "common_epochs",
        str,
        "epochs that two trainings share before they part, comma-separated",
        counts(0, MOST_EPOCHS, ascending=True),
    ),
    Field("seeds", int, "independent initialisations", between(1, 100)),
    Field("order_seeds", int, "initialisations on which inner loops run in a second data order", between(0, 100)),
    Field("dense_seeds", int, "initialisations of the dense network where they are more", between(0, 100)),
    Field("replicates", int, "retrainings of each ticket, in different data orders", between(2, 20)),
    Field("epochs", int, "epochs of a training on real data", _EPOCHS),
    Field("batch_size", int, "images a step", between(1, 2**16)),
    Field("learning_rate", float, "rate of trainings on real data, before its first drop", between(0, 10, above=True)),
    Field("inner_steps", int, "steps of a short inner loop", _STEPS),
    Field(
        "inner_epochs",
        int,
        "epochs of a short inner loop on a set; 0 for equal steps on every set",
        between(0, MOST_EPOCHS),
    ),
    Field("inner_learning_rate", str, "rates of the short inner loop, comma-separated, one setting each", items(rate)),
    Field(
        "dose_steps",
        str,
        "lengths of the inner loop to compare, in steps, comma-separated",
        counts(1, MOST_STEPS),
    ),
    Field("dose_rates", str, "rates of the inner loop to compare, comma-separated", items(rate)),
    Field("dose_seeds", int, "initialisations on which they are compared", between(1, 100)),
    Field("epsilons", str, "budgets of adversarial examples, in 255ths of a pixel's range, comma-separated", _BUDGETS),
    Field("severities", str, "severities of corruptions, 1 to 5, comma-separated", counts(1, 5)),
    Field("shift_images", int, "test images to shift, stratified; 0 for all", _SOME),
    Field("inits", str, "ways to draw initial weights, comma-separated", items(one("initialisation", lambda: INITS))),
    Field("init_methods", str, "tickets that start from each of them", _METHODS),
    Field("init_seeds", int, "initialisations of each kind", between(1, 100)),
    Field("protocol_seeds", int, "initialisations on which training itself is varied", between(1, 100)),
    Field("augmentation", str, "operations joined by '+'", augmentation, joint="+"),
    Field(
        "inner_augmentation",
        str,
        "operations on the images of a short inner loop, joined by '+'",
        augmentation,
        joint="+",
    ),
    Field("alphas", int, "points along a line", between(3, 1001)),
    Field("line_images", int, "training images behind each point of a line; 0 for all", _SOME),
    Field("resolution", int, "points along a side of a plane", between(3, 1000)),
    Field("plane_images", int, "training images behind each point of a plane; 0 for all", _SOME),
    Field("hessian_images", int, "training images in the batch of a Hessian", between(2, 10**7)),
    Field("precision", str, "fp32 or bf16", one("precision", lambda: PRECISIONS)),
    Field("compile", bool, "compile training with torch.compile"),
    Field("device", str, "auto, cpu, cuda or cuda:N", device),
    Field("store", str, "folder of results; empty for the usual one"),
)
FIELDS = {field.name: field for field in _ALL}
