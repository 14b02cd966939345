"""Parameters: what a user changes of what a notebook declares, and the scale that the result amounts to."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ... import disk, places, plugins
from ...data import catalog
from ...distillation.methods import DISTILLERS
from ...errors import InputError, quote, unknown
from .checks import between, convert
from .fields import FIELDS, Values, as_text, dataset_name, write_value
from .notebooks import read, source

LIVE, PRESETS = "live", ("reduced", "paper")
UNCOUNTED = ("device", "store")
_PUBLISHED = ("epochs", "inner_steps")  # 0 stands for the published number, where a page knows one
_MISREAD = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")


def _read_file(path: Path) -> dict[str, Any]:
    """Read a YAML file of parameters, as papermill's ``-f`` does.

    Raises:
        InputError: It is not there, or does not hold names and values.
    """
    import yaml

    place = places.locate(path)
    if disk.is_special(place):
        raise InputError(f"{quote(path)} is a pipe, a device or a socket: give a regular file of 'name: value' lines")
    try:
        text = place.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        if isinstance(content, dict):
            _refuse_misread(path, yaml.compose(text, yaml.SafeLoader))
            return {str(name): value for name, value in content.items()}
    except OSError as error:
        raise InputError(f"parameters cannot be read from {quote(path)}: {error.strerror or error}") from error
    except (
        yaml.YAMLError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{quote(path)} is not a YAML file of 'name: value' lines") from error
    if content is None:
        return {}
    raise InputError(f"{quote(path)} must hold 'name: value' lines")


def _refuse_misread(path: Path, lines: Any) -> None:
    """Raise :class:`InputError` for what YAML reads in silence as something else: a name twice, ``010``, ``1:30``.

    Args:
        path: The file.
        lines: Its mapping as YAML's own node.
    """
    seen: set[str] = set()
    for name, value in lines.value:
        if name.value in seen:
            raise InputError(f"{quote(path)} gives {quote(name.value)} twice: once is enough")
        seen.add(name.value)
        for item in getattr(value, "value", ()) if isinstance(value.value, list) else [value]:
            written = str(getattr(item, "value", ""))
            if getattr(item, "tag", "").endswith((":int", ":float")) and _MISREAD.fullmatch(written):
                raise InputError(
                    f"{quote(path)} gives {name.value} {written}, which YAML reads as a number to the base of "
                    f"{'60' if ':' in written else '8'}: write it in decimal digits"
                )


def preset(path: Path, scale: str) -> Path:
    """Give the file of a notebook's preset, which lies beside it."""
    return path.parent / "presets" / scale / f"{path.stem}.yaml"


def _list_presets(path: Path) -> list[str]:
    """List a notebook's presets: ``reduced`` and ``paper``, each before its variants such as ``reduced/resnet18``.

    A variant is the same scale for another network or dataset, at a size of its own.
    """
    folder = path.parent / "presets"
    found = [
        [scale, *sorted(f"{scale}/{file.parent.name}" for file in (folder / scale).glob(f"*/{path.stem}.yaml"))]
        for scale in PRESETS
    ]
    return [name for names in found for name in names if preset(path, name).is_file()]


def _apply(base: Mapping[str, Any], pairs: Iterable[tuple[str, Any]], notebook: str) -> dict[str, Any]:
    """Replace values by given ones, checked.

    Raises:
        InputError: A name is not declared, a value is of the wrong type or out of range, or two do not fit together.
    """
    values = dict(base)
    for name, given in pairs:
        if name not in values:
            raise unknown(f"parameter of {notebook}", name, values)
        field = FIELDS[name]
        if name in _PUBLISHED and notebook != "a-first-paper":
            between(1)(name, convert(name, field.type, given))
        values[name] = field.value(given)
    _fit(values)
    return values


def _fit(values: Mapping[str, Any]) -> None:
    """Check what no single parameter can tell: enough images in every class, enough networks for a plane."""
    if "resolution" in values and values["replicates"] < 3:
        raise InputError(f"a plane goes through three retrainings: set replicates to 3, not {values['replicates']}")
    ipcs = values["ipcs"] if "ipcs" in values else (values["ipc"],) if "ipc" in values else ()
    made = values["distillers"] if "distillers" in values else (values["distiller"],) if "distiller" in values else ()
    if len(ipcs) > 1 and not set(made) <= {*DISTILLERS}:
        several = as_text(ipcs)
        raise InputError(f"a published set has one number of images per class: name one in ipcs, not {several}")
    for dataset in values.get("dataset", ()) if ipcs else ():
        info = catalog.info(dataset)
        smallest = min(info.per_class(values.get("subset", 0)))
        if max(ipcs) > smallest:
            raise InputError(
                f"ipc {max(ipcs)} is more than the {smallest} training images that the smallest class of "
                f"{dataset_name(dataset)} has: choose at most {smallest}"
            )


def choose_levels(chosen: tuple[int, ...] | str, levels: int) -> tuple[int, ...]:
    """List the levels at which tickets are retrained: those named within ``levels``, and ``levels`` itself."""
    named = range(levels + 1) if isinstance(chosen, str) else chosen
    return tuple(sorted({level for level in named if level <= levels} | {0, levels}))


class Parameters(Values):
    """Values of a notebook's parameters; read only, by item or by attribute.

    Attributes:
        notebook: Name of the notebook.
        path: Its file.
        bases: Preset to the checked values that make it up, ``live`` first.
    """

    def __init__(
        self, notebook: str, values: Mapping[str, Any], bases: Mapping[str, Mapping[str, Any]], path: Path
    ) -> None:
        """Keep checked values; :func:`resolve` makes them."""
        super().__init__(values)
        self.notebook = notebook
        self.path = path.absolute()
        self.bases = dict(bases)

    def __repr__(self) -> str:
        return f"Parameters({self.notebook!r}, {self.scale!r})"

    @property
    def stored(self) -> dict[str, Any]:
        """The values as they are stored and declared in notebooks: lists are text."""
        return {name: as_text(value) for name, value in self.items()}

    def same(self, name: str, other: Any) -> bool:
        """Say whether another value of a parameter would have the same effect."""
        mine = self[name]
        if mine == other:
            return True
        if name == "measured_levels" and "levels" in self:
            return choose_levels(mine, self.levels) == choose_levels(other, self.levels)
        if isinstance(mine, tuple) and not FIELDS[name].ordered:
            return set(mine) == set(other)
        if name == "image_size" and "dataset" in self:
            native = {catalog.info(dataset).size for dataset in self.dataset}
            return len(native) == 1 and {mine, other} == {0, *native}
        return False

    def differences(self, scale: str) -> dict[str, Any]:
        """Give the parameters that differ in effect from a preset's, where they run aside."""
        base = self.bases[scale]
        return {n: v for n, v in self.items() if n not in UNCOUNTED and not self.same(n, base[n])}

    @functools.cached_property
    def nearest(self) -> str:
        """The preset with the fewest differences, the smaller of equals."""
        return min(self.bases, key=lambda scale: len(self.differences(scale)))

    @functools.cached_property
    def scale(self) -> str:
        """The stamp: a scale's name if every effective parameter is a preset's, else ``"custom: live, ipc 2"``."""
        changed = self.differences(self.nearest)
        if not changed:
            return self.nearest.partition("/")[0]
        return f"custom: {', '.join([self.nearest, *(f'{n} {write_value(v)}' for n, v in changed.items())])}"

    @property
    def changes(self) -> list[str]:
        """The options that change the nearest preset's values to these, whether or not that has an effect."""
        base = self.bases[self.nearest]
        return [w for n, v in self.items() if n not in UNCOUNTED and v != base[n] for w in ("-p", n, str(as_text(v)))]

    @property
    def arguments(self) -> list[str]:
        """What to add to a command, typed in the book's folder, to get these parameters."""
        folder = [] if self.nearest == LIVE else ["-f", f"notebooks/presets/{self.nearest}/{self.notebook}.yaml"]
        return folder + self.changes

    @property
    def anywhere(self) -> list[str]:
        """What to add to a ``distilled-pruning`` command, given in any folder, to get these parameters."""
        return ([] if self.nearest == LIVE else ["-f", self.nearest]) + self.changes

    def command(self, action: str = "run") -> str:
        """Write the shell command that runs the notebook's jobs with these parameters."""
        return shlex.join(["distilled-pruning", action, self.notebook, *self.arguments])

    @property
    def papermill(self) -> str:
        """The shell command that executes the notebook with these parameters."""
        return shlex.join(["papermill", f"notebooks/{self.notebook}.ipynb", "out.ipynb", *self.arguments])


def scale_of(stamp: str) -> str | None:
    """Name the recorded scale that parameters began with, ``None`` for live."""
    base = stamp.removeprefix("custom: ").split(",")[0].partition("/")[0]
    return base if base in PRESETS else None


@functools.lru_cache(maxsize=64)
def _bases(path: Path, _stamp: tuple[object, ...]) -> dict[str, dict[str, Any]]:
    """Read the presets of a notebook; the second argument makes an edited file count as another."""
    live = {name: line.value for name, line in read(path).items()}
    _fit(live)
    found = {LIVE: live}
    for name in _list_presets(path):
        found[name] = _apply(live, _read_file(preset(path, name)).items(), path.stem)
    return found


def bases(notebook: str | Path) -> dict[str, dict[str, Any]]:
    """Give the values of every preset of a notebook: ``live`` from its cell, the others from their files."""
    path = source(notebook)
    stamps = ((name, preset(path, name).stat().st_mtime_ns) for name in _list_presets(path))
    return _bases(path, (path.stat().st_mtime_ns, *stamps))


def resolve(notebook: str | Path, pairs: Iterable[tuple[str, Any]] = (), file: str | Path | None = None) -> Parameters:
    """Give a notebook's parameters after a file's and the user's changes.

    Args:
        notebook: Name or path of the notebook.
        pairs: Names and values, values as text or of the declared type; the last of a name counts.
        file: YAML file applied before the pairs, or the name of a preset.

    Raises:
        InputError: Something is unknown, ill-typed, out of range or does not fit together.
    """
    plugins.load()
    name = source(notebook).stem
    known = bases(notebook)
    values: Mapping[str, Any] = known[LIVE]
    if str(file) in known:
        values = known[str(file)]
    elif file is not None:
        if str(file).partition("/")[0] in PRESETS and not disk.exists(places.locate(file)):
            raise unknown(f"preset of {name}", str(file), [scale for scale in known if scale != LIVE])
        values = _apply(values, _read_file(Path(file)).items(), name)
    return Parameters(name, _apply(values, pairs, name), known, source(notebook))


def resolve_all(
    names: Iterable[str | Path],
    pairs: Iterable[tuple[str, Any]] = (),
    file: str | Path | None = None,
    only: Collection[str | Path] | None = None,
) -> list[Parameters]:
    """Give the parameters of several notebooks; each takes the changes it declares.

    Args:
        names: The notebooks.
        pairs: Names and values, as for :func:`resolve`.
        file: A file of parameters, or the name of a preset.
        only: Those of them to give parameters of, in their order; all by default.

    Raises:
        InputError: As :func:`resolve`; a name that none of the notebooks declares is unknown.
    """
    plugins.load()
    wanted, given = list(dict.fromkeys(names)), list(pairs)
    asked = [name for name in wanted if only is None or name in only]
    if len(wanted) == 1:
        return [resolve(name, given, file) for name in asked]
    declared = {name: bases(name)[LIVE].keys() for name in wanted}
    known = sorted(set().union(*declared.values()))
    named = str(file) if any(str(file) in bases(name) for name in wanted) else None
    content = list(_read_file(Path(file)).items()) if file is not None and named is None else []
    both = (*content, *given)
    for name, _ in both:
        if name not in known:
            raise unknown("parameter", name, known)
    return [resolve(name, [pair for pair in both if pair[0] in declared[name]], named) for name in asked]
