"""Results as earlier versions of the store kept them: a folder of four files under one seal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilled_pruning.study.engine.entry import ARRAYS, METRICS, PROVENANCE, SPEC, dump, pack_arrays, seal
from distilled_pruning.study.engine.store import Store
from distilled_pruning.study.jobs import Job, Result

NAMES = (SPEC, METRICS, ARRAYS, PROVENANCE)


def folder(store: Store, key: str) -> Path:
    """Where such an entry lies."""
    return store.root / key[:2] / key


def save(store: Store, job: Job, result: Result, provenance: dict[str, Any]) -> None:
    """Keep a result as it was kept."""
    spec = job.spec()
    files = {SPEC: dump(spec), METRICS: dump(result.metrics)}
    if result.arrays:
        files[ARRAYS] = pack_arrays(result.arrays)
    known = {"kind": job.kind, "version": spec["version"], "parents": [parent.key for parent in job.parents]}
    files[PROVENANCE] = dump(seal({"key": job.key, **known, **provenance}, files))
    folder(store, job.key).mkdir(parents=True)
    for name, content in files.items():
        (folder(store, job.key) / name).write_bytes(content)
