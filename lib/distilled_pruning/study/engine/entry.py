"""One result on disk: files, checksums, and the check that they belong together.

An entry is a folder of plain data: ``spec.json`` (what was computed), ``metrics.json``, ``arrays.safetensors`` (left
out where there are none) and ``provenance.json``, which seals the others and itself with SHA-256. Nothing in it is
ever executed, and no name in it becomes a path.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..jobs import Result, key_of

if TYPE_CHECKING:
    import numpy as np

SPEC, METRICS, ARRAYS, PROVENANCE = "spec.json", "metrics.json", "arrays.safetensors", "provenance.json"
SEALED = (SPEC, METRICS, ARRAYS)


class Damaged(InputError):
    """An entry contradicts its own checksums or its key."""


def plain(item: Any) -> Any:
    """Make NumPy values plain ones, for JSON."""
    if hasattr(item, "tolist"):
        return item.tolist()
    raise TypeError(f"{type(item).__name__} is not JSON: metrics hold numbers, texts, lists and dicts")


def dump(value: Any) -> bytes:
    """Write JSON, always to the same bytes; NumPy numbers become plain ones."""
    return (json.dumps(value, indent=1, ensure_ascii=False, default=plain) + "\n").encode()


def lines(value: Mapping[str, Any]) -> bytes:
    """Write JSON with one line an item of the outermost level: two thirds of the bytes of :func:`dump`."""
    items = [
        f"{json.dumps(name)}:{json.dumps(item, ensure_ascii=False, default=plain, separators=(',', ':'))}"
        for name, item in value.items()
    ]
    return ("{\n" + ",\n".join(items) + "\n}\n").encode()


def sha256(data: bytes) -> str:
    """Hash bytes."""
    return hashlib.sha256(data).hexdigest()


def checksum(value: Any) -> str:
    """Hash a value as JSON; empty where it holds a text that cannot be written as UTF-8."""
    try:
        return sha256(dump(value))
    except ValueError:
        return ""


def seal(provenance: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    """Add sizes and checksums of the files, and the checksum of the provenance itself."""
    sealed = {
        **provenance,
        "files": {name: {"bytes": len(content), "sha256": sha256(content)} for name, content in files.items()},
    }
    return {**sealed, "seal": sha256(dump(sealed))}


def unsealed(provenance: dict[str, Any]) -> dict[str, Any]:
    """Take the seal off a provenance record.

    Raises:
        Damaged: The seal is missing or broken.
    """
    rest = {name: value for name, value in provenance.items() if name != "seal"}
    files = rest.get("files")
    whole = provenance.get("seal") == checksum(rest)
    described = isinstance(files, dict) and {SPEC, METRICS} <= files.keys() and all(map(is_described, files.values()))
    if not (whole and described):
        raise Damaged(f"{PROVENANCE} does not match its own checksum")
    return rest


def is_described(file: Any) -> bool:
    """Whether a provenance record says of a file how large it is, and its checksum."""
    return isinstance(file, dict) and isinstance(file.get("bytes"), int) and isinstance(file.get("sha256"), str)


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Write arrays in safetensors format."""
    import numpy as np
    from safetensors.numpy import save

    return save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def pack(key: str, spec: dict[str, Any], result: Result, provenance: dict[str, Any]) -> dict[str, bytes]:
    """Turn a result into the files of an entry."""
    files = {SPEC: dump(spec), METRICS: dump(result.metrics)}
    if result.arrays:
        files[ARRAYS] = pack_arrays(result.arrays)
    return {**files, PROVENANCE: dump(seal({"key": key, **provenance}, files))}


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a new folder and push them to the disk."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        with (folder / name).open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
    sync(folder)


def sync(folder: Path) -> None:
    """Push a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
        raise Damaged(f"{ARRAYS} cannot be read ({error})") from error


class Entry:
    """A folder that says it holds the result behind a key; every read is checked."""

    def __init__(self, folder: Path, key: str) -> None:
        """Name the folder; nothing is read yet."""
        self.folder, self.key = folder, key

    def content(self, name: str) -> bytes:
        """Read one file of the entry, through no link."""
        path = self.folder / name
        try:
            if path.is_symlink():
                raise Damaged(f"{name} is a link")
            if path.exists() and not path.is_file():
                raise Damaged(f"{name} is not a file")
            return path.read_bytes()
        except OSError as error:
            raise Damaged(f"{name} cannot be read ({error.strerror or error})") from error

    def provenance(self) -> dict[str, Any]:
        """Read who made this result, where and when; its seal is checked."""
        provenance = unsealed(read_json(self.content(PROVENANCE), PROVENANCE))
        if provenance.get("key") != self.key:
            raise Damaged(f"{PROVENANCE} is that of {provenance.get('key')}")
        return provenance

    def sealed(self, name: str, provenance: dict[str, Any]) -> bytes:
        """Read one file and compare it with its checksum."""
        content = self.content(name)
        if sha256(content) != provenance["files"][name]["sha256"]:
            raise Damaged(f"{name} does not match its checksum")
        return content

    def head(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Read provenance, spec and metrics; the key must follow from the spec."""
        provenance = self.provenance()
        spec, metrics = (read_json(self.sealed(name, provenance), name) for name in (SPEC, METRICS))
        if key_of(spec) != self.key:
            raise Damaged(f"{SPEC} belongs to another key")
        return provenance, spec, metrics

    def metrics(self) -> dict[str, Any]:
        """Read the metrics alone."""
        return read_json(self.sealed(METRICS, self.provenance()), METRICS)

    def check(self) -> None:
        """Check all but the content of the arrays, of which only the size is compared."""
        provenance, _, _ = self.head()
        for name, file in provenance["files"].items():
            if name not in SEALED:
                raise Damaged(f"{PROVENANCE} names {name}, which no entry has")
            path = self.folder / name
            if not path.is_file() or path.stat().st_size != file["bytes"]:
                raise Damaged(f"{name} is not of its size")

    def load(self) -> Result:
        """Read everything."""
        provenance, _, metrics = self.head()
        kept = ARRAYS in provenance["files"]
        return Result(metrics, unpack_arrays(self.sealed(ARRAYS, provenance)) if kept else {})
