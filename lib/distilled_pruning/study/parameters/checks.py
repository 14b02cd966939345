"""Which values a parameter takes: each check gives a value back as it is worked with, or says what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ... import disk, places
from ...augmentation import notation
from ...data import catalog
from ...distillation.files import locate
from ...distillation.methods import DISTILLERS
from ...errors import InputError, quote, show, unknown
from ...models import costs, networks
from ..engine.machine import DEVICE
from ..jobs import ways

Check = Callable[[str, Any], Any]
MOST_EPOCHS, MOST_STEPS, WIDEST = 10_000, 1_000_000, 1024  # more than any study has: a slip of the pen
_LONGEST_NUMBER = 1000  # bits, which a float still holds

INITS = ("default", "kaiming", "xavier")
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")
_KINDS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


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


def image_rate(name: str, value: Any) -> Any:
    """Take a rate at which a distillation changes its images."""
    return between(0, 10**6)(name, value)


def share(name: str, value: Any) -> Any:
    """Take a number between 0 and 1, both left out."""
    if 0 < value < 1:
        return value
    raise InputError(f"{name} must lie between 0 and 1, as .2 for a fifth, not {value:g}")


def _split(name: str, value: str) -> list[str]:
    """Split a comma-separated list; empty, or an item twice, is an error."""
    found = [part.strip() for part in value.split(",") if part.strip()]
    if not found:
        raise InputError(f"{name} must name at least one, comma-separated, not {value!r}")
    for item in found:
        if found.count(item) > 1:
            raise InputError(f"{name} names {item!r} twice: once is enough")
    return found


def items(check: Check, ascending: bool = False) -> Check:
    """Take a comma-separated list of what another check takes; ``ascending`` sorts it."""

    def check_all(name: str, value: Any) -> Any:
        found = [check(name, item) for item in _split(name, value)]
        return tuple(sorted(set(found)) if ascending else found)

    return check_all


def one(what: str, known: Callable[[], Iterable[str]]) -> Check:
    """Take a name that is known when it is read, those of plugins among them."""

    def check(name: str, value: Any) -> Any:
        names = tuple(known())
        if value not in names:
            raise unknown(what, value, names)
        return value

    return check


def as_path(text: str) -> Path | None:
    """Give the absolute path a text names if it looks like one or exists, else ``None``."""
    path = Path(text)
    looks = "/" in text or text.startswith(("~", ".")) or path.suffix.lower() in (".npz", ".pt", ".npy")
    found = places.locate(text)
    return disk.real(found) if looks or (text and disk.lexists(found)) else None


def dataset(name: str, value: Any) -> Any:
    """Take a catalog name or an existing path, which becomes absolute."""
    path = None if value in catalog.DATASETS else as_path(value)
    if path is not None and not disk.exists(path):
        raise catalog.not_found(value)
    if path is not None and "," in str(path):
        raise InputError(f"{name} {str(path)!r} holds a comma, which separates datasets: rename it")
    found = str(path or value)
    catalog.info(found)
    return found


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
        raise InputError(f"{name} {quote(value)} {state}: give an existing .npz or .pt file, or a method's name")
    return str(path)


def plain_name(name: str, value: Any) -> Any:
    """Take the name of a file of images, without folders, or nothing."""
    if value and (Path(value).name != value or Path(value).suffix.lower() not in (".npz", ".pt")):
        raise InputError(f"{name} must be the name of a .npz or .pt file without its folder, not {value!r}")
    return value


def model(*also: str) -> Check:
    """Take a network: one of the papers', that of somebody's own function, or one of more names."""

    def check(name: str, value: Any) -> Any:
        if networks.is_own(value):
            networks.source(value)
        elif value not in (*also, *costs.MODELS):
            raise unknown("model", value, (*also, *costs.MODELS, *networks.NAMED, "package.module:function"))
        return value

    return check


def set_network(name: str, value: Any) -> Any:
    """Take a network's name, or nothing."""
    if "," in value:
        raise unknown("model", value, costs.MODELS)
    return value and model()(name, value)


def loop_method(name: str, value: Any) -> Any:
    """Take a way to find masks with an inner loop, or nothing."""
    return value and one("method", lambda: ways.names(ways.LOOPS))(name, value)


def boxes(name: str, value: Any) -> Any:
    """Take ``method:iterations:width`` or ``method:iterations:width:rate`` items, comma-separated, or nothing."""
    return items(_box)(name, value) if value else ()


def _box(name: str, item: Any) -> Any:
    method, *numbers = (part.strip() for part in item.split(":"))
    rate = numbers.pop() if len(numbers) == 3 else ""
    if method not in DISTILLERS:
        raise unknown("distiller", method, DISTILLERS)
    if len(numbers) != 2 or not all(re.fullmatch("0*[1-9][0-9]{0,8}", number) for number in numbers):
        raise InputError(f"{name} must give iterations and width of each method, as idc:10:16, not {quote(item)}")
    iterations = between(1, MOST_STEPS)(f"the iterations of {item} in {name}", int(numbers[0]))
    width = between(1, WIDEST)(f"the width of {item} in {name}", int(numbers[1]))
    if not rate:
        return method, iterations, width
    what = f"the rate of {item} in {name}"
    return method, iterations, width, image_rate(what, convert(what, float, rate))


def rate(name: str, value: Any) -> Any:
    """Take a learning rate that is one of several."""
    return float(f"{between(0, 10, above=True)(name, convert(name, float, value)):.12g}")


def counts(low: int, high: int, ascending: bool = False) -> Check:
    """Take a comma-separated list of whole numbers."""
    return items(lambda name, value: between(low, high)(name, convert(name, int, value)), ascending)


def levels(name: str, value: Any) -> Any:
    """Take ``"all"`` or a comma-separated list of levels."""
    return "all" if value.strip() == "all" else counts(0, 100, ascending=True)(name, value)


def augmentation(name: str, value: Any) -> Any:
    """Take known operations joined by ``+``; whether they fit the images is asked when these are known."""
    operations = [part.strip() for part in value.split("+")] if value.strip() else []
    if not all(part and part.replace("-", "").isalnum() for part in operations):
        raise InputError(f"{name} must join operations by '+', as 'flip+shift4+cutmix', or be empty, not {value!r}")
    for operation in operations:
        if operation not in notation.NAMES and not notation.NUMBERED.fullmatch(operation):
            raise unknown("augmentation", operation, notation.NAMES)
    return "+".join(operations)


def device(name: str, value: Any) -> Any:
    """Take ``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    if DEVICE.fullmatch(value):
        return value
    raise InputError(f"{name} must be auto, cpu, cuda or cuda:N, not {quote(value)}")


def convert(name: str, kind: type, value: Any) -> Any:
    """Turn a value, given as text or as YAML reads it, into the declared type.

    Raises:
        InputError: It cannot be, or would lose something.
    """
    error = InputError(f"{name} must be {_KINDS[kind]}, not {show(value)}")
    if kind is bool:
        lowered = str(value).strip().lower()
        if lowered not in _YES + _NO:
            raise error
        return lowered in _YES
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise error
    if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER:
        raise error
    if kind is str:
        return value.strip() if isinstance(value, str) else f"{value:.12g}" if isinstance(value, float) else str(value)
    try:
        number = float(value)
    except ValueError:
        raise error from None
    if kind is float and not math.isfinite(number):
        raise InputError(f"{name} must be a finite number, not {show(value)}")
    if not math.isfinite(number) or (kind is int and not number.is_integer()):
        raise error
    return kind(number)
