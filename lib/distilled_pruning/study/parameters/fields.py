"""What each parameter of a notebook is called, what it means, and which values it takes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import augmentations, catalog, disk, networks, places
from ...distillation.files import locate
from ...distillation.methods import DISTILLERS
from ...errors import InputError, quoted, shown, unknown
from ...recipe import PRECISIONS
from ..engine.machine import DEVICE
from ..sections.common import ways

Check = Callable[[str, Any], Any]
MOST_EPOCHS, MOST_STEPS, WIDEST = 10_000, 1_000_000, 1024  # more than any study has: a slip of the pen
LONGEST_NUMBER = 1000  # bits, which a float still holds

INITS = ("default", "kaiming", "xavier")
YES, NO = ("true", "yes", "1"), ("false", "no", "0")
KINDS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def keep(name: str, value: Any) -> Any:
    """Take any value."""
    return value


def between(low: float, high: float = math.inf, also: float | None = None, above: bool = False) -> Check:
    """Take a number from ``low`` (itself left out if ``above``) to ``high``, or the one named by ``also``."""

    def check(name: str, value: Any) -> Any:
        if value == also or ((low < value if above else low <= value) and value <= high):
            return value
        floor = f"above {low:.12g}" if above else f"at least {low:.12g}"
        ceiling = f" and at most {high:.12g}" if high < math.inf else ""
        exception = f", or {also:.12g}" if also is not None else ""
        raise InputError(f"{name} must be {floor}{ceiling}{exception}, not {value:.12g}")

    return check


def share(name: str, value: Any) -> Any:
    """Take a number between 0 and 1, both left out."""
    if 0 < value < 1:
        return value
    raise InputError(f"{name} must lie between 0 and 1, as .2 for a fifth, not {value:g}")


def words(name: str, value: str) -> list[str]:
    """Split a comma-separated list; empty, or an item twice, is an error."""
    found = [part.strip() for part in value.split(",") if part.strip()]
    if not found:
        raise InputError(f"{name} must name at least one, comma-separated, not {value!r}")
    for item in found:
        if found.count(item) > 1:
            raise InputError(f"{name} names {item!r} twice: once is enough")
    return found


def several(what: str, known: Callable[[], Iterable[str]]) -> Check:
    """Take a comma-separated list of names that are known when it is read, those of plugins among them."""

    def check(name: str, value: Any) -> Any:
        names = tuple(known())
        for item in words(name, value):
            if item not in names:
                raise unknown(what, item, names)
        return tuple(words(name, value))

    return check


def one(what: str, known: Iterable[str]) -> Check:
    """Take one known name."""
    names = tuple(known)

    def check(name: str, value: Any) -> Any:
        if value not in names:
            raise unknown(what, value, names)
        return value

    return check


def as_path(text: str) -> Path | None:
    """Give the absolute path a text names if it looks like one or exists, else ``None``."""
    path = Path(text)
    looks = "/" in text or text.startswith(("~", ".")) or path.suffix.lower() in (".npz", ".pt", ".npy")
    found = places.named(text)
    return disk.real(found) if looks or (text and disk.lexists(found)) else None


def datasets(name: str, value: Any) -> Any:
    """Take catalog names and existing paths, comma-separated; paths become absolute."""
    found = []
    for item in words(name, value):
        path = None if item in catalog.DATASETS else as_path(item)
        if path is not None and not disk.exists(path):
            raise catalog.not_found(item)
        if path is not None and "," in str(path):
            raise InputError(f"{name} {str(path)!r} holds a comma, which separates datasets: rename it")
        found.append(str(path or item))
        catalog.info(found[-1])
    return tuple(found)


def distiller(name: str, value: Any) -> Any:
    """Take a distillation method, or the path of a published set."""
    if value in DISTILLERS:
        return value
    path = as_path(value)
    if path is None:
        raise unknown("distiller", value, DISTILLERS)
    if disk.is_dir(path):
        locate(path)
        return str(path)
    if not disk.is_file(path) or path.suffix.lower() not in (".npz", ".pt"):
        state = "is not a file of images" if disk.exists(path) else "is not there"
        raise InputError(f"{name} {quoted(value)} {state}: give an existing .npz or .pt file, or a method's name")
    return str(path)


def distillers(name: str, value: Any) -> Any:
    """Take distillation methods and paths of published sets, comma-separated; paths become absolute."""
    return tuple(distiller(name, item) for item in words(name, value))


def plain_name(name: str, value: Any) -> Any:
    """Take the name of a file of images, without folders, or nothing."""
    if value and (Path(value).name != value or Path(value).suffix.lower() not in (".npz", ".pt")):
        raise InputError(f"{name} must be the name of a .npz or .pt file without its folder, not {value!r}")
    return value


def models(*also: str) -> Check:
    """Take a comma-separated list of networks: the papers', those of somebody's own functions, and more names."""

    def check(name: str, value: Any) -> Any:
        for item in words(name, value):
            if networks.is_own(item):
                networks.source(item)
            elif item not in (*also, *catalog.MODELS):
                raise unknown("model", item, (*also, *catalog.MODELS, *networks.NAMED, "package.module:function"))
        return tuple(words(name, value))

    return check


def maker(name: str, value: Any) -> Any:
    """Take a network's name, or nothing."""
    if "," in value:
        raise unknown("model", value, catalog.MODELS)
    return value and models()(name, value)[0]


def matched(name: str, value: Any) -> Any:
    """Take a way to find masks with an inner loop, or nothing."""
    return value and one("method", ways.names(ways.LOOPS))(name, value)


def boxes(name: str, value: Any) -> Any:
    """Take ``method:iterations:width`` or ``method:iterations:width:rate`` items, comma-separated, or nothing."""
    found = []
    for item in words(name, value) if value else ():
        method, *numbers = (part.strip() for part in item.split(":"))
        rate = numbers.pop() if len(numbers) == 3 else ""
        if method not in DISTILLERS:
            raise unknown("distiller", method, DISTILLERS)
        if len(numbers) != 2 or not all(re.fullmatch("0*[1-9][0-9]{0,8}", number) for number in numbers):
            raise InputError(f"{name} must give iterations and width of each method, as idc:10:16, not {quoted(item)}")
        iterations = between(1, MOST_STEPS)(f"the iterations of {item} in {name}", int(numbers[0]))
        box: tuple[Any, ...] = (
            method,
            iterations,
            between(1, WIDEST)(f"the width of {item} in {name}", int(numbers[1])),
        )
        if rate:
            said = f"the rate of {item} in {name}"
            box = (*box, IMAGE_RATE(said, convert(said, float, rate)))
        found.append(box)
    return tuple(found)


def rates(name: str, value: Any) -> Any:
    """Take a comma-separated list of learning rates."""
    found = []
    for item in words(name, value):
        rate = convert(name, float, item)
        found.append(float(f"{between(0, 10, above=True)(name, rate):.12g}"))
    return tuple(found)


def counts(high: int) -> Check:
    """Take a comma-separated list of whole numbers from 1 to ``high``."""
    return lambda name, value: tuple(between(1, high)(name, convert(name, int, item)) for item in words(name, value))


def epochs(name: str, value: Any) -> Any:
    """Take a comma-separated list of epochs, 0 included, in their order."""
    return tuple(sorted({between(0, MOST_EPOCHS)(name, convert(name, int, item)) for item in words(name, value)}))


def measured(name: str, value: Any) -> Any:
    """Take ``"all"`` or a comma-separated list of levels."""
    if value.strip() == "all":
        return "all"
    return tuple(sorted({between(0, 100)(name, convert(name, int, item)) for item in words(name, value)}))


def augmentation(name: str, value: Any) -> Any:
    """Take known operations joined by ``+``; whether they fit the images is asked when these are known."""
    operations = [part.strip() for part in value.split("+")] if value.strip() else []
    if not all(part and part.replace("-", "").isalnum() for part in operations):
        raise InputError(f"{name} must join operations by '+', as 'flip+shift4+cutmix', or be empty, not {value!r}")
    for operation in operations:
        if operation not in augmentations.NAMES and not augmentations.NUMBERED.fullmatch(operation):
            raise unknown("augmentation", operation, augmentations.NAMES)
    return "+".join(operations)


def device(name: str, value: Any) -> Any:
    """Take ``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    if DEVICE.fullmatch(value):
        return value
    raise InputError(f"{name} must be auto, cpu, cuda or cuda:N, not {quoted(value)}")


def convert(name: str, kind: type, value: Any) -> Any:
    """Turn a value, given as text or as YAML reads it, into the declared type.

    Raises:
        InputError: It cannot be, or would lose something.
    """
    error = InputError(f"{name} must be {KINDS[kind]}, not {shown(value)}")
    if kind is bool:
        lowered = str(value).strip().lower()
        if lowered not in YES + NO:
            raise error
        return lowered in YES
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise error
    if isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        raise error
    if kind is str:
        return value.strip() if isinstance(value, str) else f"{value:.12g}" if isinstance(value, float) else str(value)
    try:
        number = float(value)
    except ValueError:
        raise error from None
    if kind is float and not math.isfinite(number):
        raise InputError(f"{name} must be a finite number, not {shown(value)}")
    if not math.isfinite(number) or (kind is int and not number.is_integer()):
        raise error
    return kind(number)


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
        return self.check(self.name, convert(self.name, self.type, written(given)))


def written(value: Any) -> Any:
    """Give a value as it is stored and declared in notebooks: lists comma-separated, all else as it is."""
    if not isinstance(value, tuple):
        return value
    return ",".join(":".join(map(_item, item)) if isinstance(item, tuple) else _item(item) for item in value)


def _item(value: Any) -> str:
    """Write an item of a list."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def table(*fields: Field) -> dict[str, Field]:
    """Index fields by name."""
    return {field.name: field for field in fields}


IMAGE_RATE = between(0, 10**6)
SOME, STEPS, EPOCHS = between(10, 10**7, also=0), between(0, MOST_STEPS), between(0, MOST_EPOCHS)
BUDGETS = counts(255)

FIELDS: dict[str, Field] = table(
    Field("dataset", str, "names or paths, comma-separated, one row each", datasets),
    Field("image_size", int, "side in pixels; 0 for the dataset's own", between(8, 512, also=0)),
    Field("subset", int, "training images to use, stratified; 0 for all", SOME),
    Field("whitened", bool, "ZCA-whiten the images, as published sets of trajectory matching are"),
    Field("model", str, "networks, comma-separated, one row each", models()),
    Field("width", int, "channels of the first layer; 0 for the papers'", between(1, WIDEST, also=0)),
    Field("methods", str, "ways to find masks, comma-separated", several("method", ways.names)),
    Field("main_methods", str, "those run on every initialisation, the rest on one", several("method", ways.names)),
    Field(
        "rated_methods",
        str,
        "those of them run at every inner rate on every initialisation, the rest at the first",
        several("method", ways.names),
    ),
    Field("like", str, "way whose layer counts are taken over by layer-matched masks; empty for distilled", matched),
    Field("ipc", int, "stored images per class of a distilled set", between(1, 10**4)),
    Field("ipcs", str, "stored images per class of the sets to compare, comma-separated", counts(10**4), ordered=True),
    Field("distiller", str, "distillation method, or the path of a published set", distiller),
    Field("distillers", str, "distillation methods and paths of published sets, comma-separated", distillers),
    Field("evaluations", int, "networks trained on each set, each from an initialisation of its own", between(1, 100)),
    Field(
        "distill_models",
        str,
        "networks the sets are made for, comma-separated; 'own' is the one that is pruned",
        models("own"),
    ),
    Field("published", str, "file of a published set, under distilled/ in the data folder", plain_name),
    Field("distill_model", str, "network the sets are made for; empty for the one that is pruned", maker),
    Field(
        "distill_iterations",
        int,
        "outer iterations of the distillation; 0 for the published number",
        STEPS,
    ),
    Field(
        "distill_learning_rate",
        float,
        "rate at which a distillation changes its images; 0 for the published one",
        IMAGE_RATE,
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
    Field("measured_levels", str, "levels to retrain at; 'all', or a list to which the last is added", measured),
    Field("measured_only", bool, "measured levels are all that are retrained, also of the first initialisation"),
    Field("fraction", float, "share of the surviving weights a round removes", share),
    Field("distilled_levels", int, "rounds of distilled pruning before IMP takes over", between(1, 40)),
    Field("rewind", int, "epoch of the rewinding point; 0 for initialisation", EPOCHS),
    Field("rewind_seeds", int, "initialisations on which trainings start from an early epoch", between(1, 100)),
    Field("common_epochs", str, "epochs that two trainings share before they part, comma-separated", epochs),
    Field("seeds", int, "independent initialisations", between(1, 100)),
    Field("order_seeds", int, "initialisations on which inner loops run in a second data order", between(0, 100)),
    Field("dense_seeds", int, "initialisations of the dense network where they are more", between(0, 100)),
    Field("replicates", int, "retrainings of each ticket, in different data orders", between(2, 20)),
    Field("epochs", int, "epochs of a training on real data", EPOCHS),
    Field("batch_size", int, "images a step", between(1, 2**16)),
    Field("learning_rate", float, "rate of trainings on real data, before its first drop", between(0, 10, above=True)),
    Field("inner_steps", int, "steps of a short inner loop", STEPS),
    Field(
        "inner_epochs",
        int,
        "epochs of a short inner loop on a set; 0 for equal steps on every set",
        between(0, MOST_EPOCHS),
    ),
    Field("inner_learning_rate", str, "rates of the short inner loop, comma-separated, one setting each", rates),
    Field("dose_steps", str, "lengths of the inner loop to compare, in steps, comma-separated", counts(MOST_STEPS)),
    Field("dose_rates", str, "rates of the inner loop to compare, comma-separated", rates),
    Field("dose_seeds", int, "initialisations on which they are compared", between(1, 100)),
    Field("epsilons", str, "budgets of adversarial examples, in 255ths of a pixel's range, comma-separated", BUDGETS),
    Field("severities", str, "severities of corruptions, 1 to 5, comma-separated", counts(5)),
    Field("shift_images", int, "test images to shift, stratified; 0 for all", SOME),
    Field("inits", str, "ways to draw initial weights, comma-separated", several("initialisation", lambda: INITS)),
    Field("init_methods", str, "tickets that start from each of them", several("method", ways.names)),
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
    Field("line_images", int, "training images behind each point of a line; 0 for all", SOME),
    Field("resolution", int, "points along a side of a plane", between(3, 1000)),
    Field("plane_images", int, "training images behind each point of a plane; 0 for all", SOME),
    Field("hessian_images", int, "training images in the batch of a Hessian", between(2, 10**7)),
    Field("precision", str, "fp32 or bf16", one("precision", PRECISIONS)),
    Field("compile", bool, "compile training with torch.compile"),
    Field("device", str, "auto, cpu, cuda or cuda:N", device),
    Field("store", str, "folder of results; empty for the usual one"),
)
