"""One result on disk: two files, checksums, and the check that they belong together.

``KEY[:2]/KEY.json`` holds the spec (what was computed), the metrics and the provenance, which seals the others and
itself with SHA-256; ``KEY[:2]/KEY.safetensors`` the arrays, left out where there are none. The first is written last:
where it lies, the result is there. A local store and the recorded results of ``results/`` are both folders of these.
Nothing in them is ever executed, and no name in them becomes a path.

Earlier versions kept the same parts, under the same seal, in four files of a folder ``KEY[:2]/KEY/``: that is why a
seal names files, and such folders are still read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import disk
from ...errors import InputError
from ..jobs import Result, key_of

if TYPE_CHECKING:
    import numpy as np

SPEC, METRICS, ARRAYS, PROVENANCE = "spec.json", "metrics.json", "arrays.safetensors", "provenance.json"
_SEALED = (SPEC, METRICS, ARRAYS)
HEAD, BODY = ".json", ".safetensors"
KEPT = "kept"  # in a recorded entry: checksums of its metrics and arrays, where not all of them were kept


class Damaged(InputError):
    """An entry contradicts its own checksums or its key."""


def _plain(item: Any) -> Any:
    """Make NumPy values plain ones, for JSON."""
    if hasattr(item, "tolist"):
        return item.tolist()
    raise TypeError(f"{type(item).__name__} is not JSON: metrics hold numbers, texts, lists and dicts")


def dump(value: Any) -> bytes:
    """Write JSON, always to the same bytes; NumPy numbers become plain ones."""
    return (json.dumps(value, indent=1, ensure_ascii=False, default=_plain) + "\n").encode()


def dump_lines(value: Mapping[str, Any]) -> bytes:
    """Write JSON with one line an item of the outermost level: two thirds of the bytes of :func:`dump`."""
    items = [
        f"{json.dumps(name)}:{json.dumps(item, ensure_ascii=False, default=_plain, separators=(',', ':'))}"
        for name, item in value.items()
    ]
    return ("{\n" + ",\n".join(items) + "\n}\n").encode()


def sha256(data: bytes) -> str:
    """Hash bytes."""
    return hashlib.sha256(data).hexdigest()


def _checksum(value: Any) -> str:
    """Hash a value as JSON; empty where it holds a text that cannot be written as UTF-8."""
    try:
        return sha256(dump(value))
    except ValueError:
        return ""


def seal(provenance: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    """Add sizes and checksums of the parts, and the checksum of the provenance itself."""
    sealed = {
        **provenance,
        "files": {name: {"bytes": len(content), "sha256": sha256(content)} for name, content in files.items()},
    }
    return {**sealed, "seal": sha256(dump(sealed))}


def _unseal(provenance: Any) -> dict[str, Any]:
    """Take the seal off a provenance record.

    Raises:
        Damaged: The seal is missing or broken.
    """
    record = provenance if isinstance(provenance, dict) else {}
    rest = {name: value for name, value in record.items() if name != "seal"}
    files = rest.get("files")
    whole = record.get("seal") == _checksum(rest)
    described = isinstance(files, dict) and {SPEC, METRICS} <= files.keys() and all(map(_is_described, files.values()))
    if not (whole and described):
        raise Damaged("provenance does not match its own checksum")
    return rest


def _is_described(file: Any) -> bool:
    return isinstance(file, dict) and isinstance(file.get("bytes"), int) and isinstance(file.get("sha256"), str)


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Write arrays in safetensors format."""
    import numpy as np
    from safetensors.numpy import save

    return save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def pack(key: str, spec: dict[str, Any], result: Result, provenance: dict[str, Any]) -> dict[str, bytes]:
    """Turn a result into the files of an entry, by the ends of their names, in the order in which they are written."""
    parts = {SPEC: dump(spec), METRICS: dump(result.metrics)}
    body = {BODY: pack_arrays(result.arrays)} if result.arrays else {}
    sealed = seal({"key": key, **provenance}, parts | ({ARRAYS: body[BODY]} if body else {}))
    return {**body, HEAD: dump_lines({"spec": spec, "metrics": result.metrics, "provenance": sealed})}


def read_json(content: bytes, name: str) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        Damaged: It is none.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{name} is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise Damaged(f"{name} is not a JSON object")
    return value


def unpack_arrays(content: bytes) -> dict[str, np.ndarray]:
    """Read arrays from bytes in safetensors format."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(content))
    except SafetensorError as error:
        raise Damaged(f"arrays cannot be read ({error})") from error


class Entry:
    """What says it is the result behind a key; every read is checked."""

    def __init__(self, folder: Path, key: str) -> None:
        self.key, self.old = key, folder / key
        self.head, self.body = (folder / f"{key}{end}" for end in (HEAD, BODY))

    @property
    def files(self) -> list[Path]:
        """What lies there, the file that says "done" first."""
        return [path for path in (self.head, self.body, self.old) if disk.lexists(path)]

    @property
    def read_files(self) -> list[Path]:
        """What of it a read looks at: an earlier form only where the present one is not there."""
        return [path for path in self.files if path != self.old or not disk.lexists(self.head)]

    def is_there(self) -> bool:
        """Whether anything lies in its place, whole or not; arrays alone are nothing yet."""
        return disk.lexists(self.head) or disk.lexists(self.old)

    def is_done(self) -> bool:
        """Whether the file that is written last lies there."""
        return disk.exists(self.head) or disk.exists(self.old / PROVENANCE)

    def _parts(self, *names: str) -> dict[str, Any]:
        """Read parts, unchecked."""
        if disk.lexists(self.head) or not disk.lexists(self.old):
            return read_json(_content(self.head), self.head.name)
        paths = {name: self.old / f"{name}.json" for name in names}
        return {name: read_json(_content(path), path.name) for name, path in paths.items()}

    def provenance(self) -> dict[str, Any]:
        """Read who made this result, where and when; its seal is checked, and taken off."""
        return self._unsealed(self._parts("provenance"))

    def _unsealed(self, found: Mapping[str, Any]) -> dict[str, Any]:
        provenance = _unseal(found.get("provenance"))
        if provenance.get("key") != self.key:
            raise Damaged(f"provenance is that of {provenance.get('key')}")
        return provenance

    def read(self) -> dict[str, Any]:
        """Read spec, metrics and provenance (with its seal), checked against each other.

        Raises:
            Damaged: They contradict each other, or there is no such entry.
        """
        found = self._parts("spec", "metrics", "provenance")
        sealed = self._unsealed(found)["files"]
        sums = {"spec": sealed[SPEC]["sha256"], "metrics": _kept(found).get("metrics", sealed[METRICS]["sha256"])}
        for part, wanted in sums.items():
            if not isinstance(found.get(part), dict) or _checksum(found[part]) != wanted:
                raise Damaged(f"{part} does not match its checksum")
        if key_of(found["spec"]) != self.key:
            raise Damaged("the spec belongs to another key")
        return found

    @property
    def _arrays(self) -> Path:
        return self.old / ARRAYS if not disk.lexists(self.head) and disk.lexists(self.old) else self.body

    def packed(self, found: Mapping[str, Any]) -> bytes | None:
        """Read the arrays as they are stored, checked; ``None`` where the result has none.

        Args:
            found: What :meth:`read` gave.

        Raises:
            Damaged: They were left out, or do not match their checksum.
        """
        files = found["provenance"]["files"]
        if ARRAYS not in files:
            return None
        content = _content(self._arrays) if disk.lexists(self._arrays) else b""
        if sha256(content) != _kept(found).get("sha256", files[ARRAYS]["sha256"]):
            raise Damaged(f"{self._arrays.name} was left out or does not match its checksum")
        return content

    def check(self) -> None:
        """Check all but the content of the arrays, of which only the size is compared."""
        files = self.read()["provenance"]["files"]
        if strange := [name for name in files if name not in _SEALED]:
            raise Damaged(f"provenance names {strange[0]}, which no entry has")
        if ARRAYS in files and not (
            disk.is_file(self._arrays) and self._arrays.stat().st_size == files[ARRAYS]["bytes"]
        ):
            raise Damaged(f"{self._arrays.name} is not of its size")

    def load(self) -> Result:
        """Read everything."""
        found = self.read()
        content = self.packed(found)
        return Result(found["metrics"], {} if content is None else unpack_arrays(content))


def _kept(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an entry says of its parts that were not kept whole."""
    kept = found.get(KEPT, {})
    return kept if isinstance(kept, dict) else {}


def keep_metrics(found: Mapping[str, Any], unrecorded: Collection[str]) -> dict[str, Any]:
    """Leave metrics out of an entry that was read, with the checksum of those that stay."""
    metrics = {name: value for name, value in found["metrics"].items() if name not in unrecorded}
    if len(metrics) == len(found["metrics"]):
        return dict(found)
    return {**found, "metrics": metrics, KEPT: {**_kept(found), "metrics": _checksum(metrics)}}


def _content(path: Path) -> bytes:
    """Read a file, through no link."""
    try:
        if path.is_symlink():
            raise Damaged(f"{path.name} is a link")
        if path.exists() and not path.is_file():
            raise Damaged(f"{path.name} is not a file")
        return path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path.name} cannot be read ({error.strerror or error})") from error
