"""Datasets on this machine: what is known, what can be read, and whether it is what its name says."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ...data import catalog
from ...errors import InputError
from ...exits import DONE, FAILED
from .computing import print_json


def _describe(name: str) -> dict[str, Any]:
    info = catalog.info(name)
    shape = f"{info.channels}x{info.size}x{info.size}"
    return {"name": name, "classes": len(info.classes), "shape": shape, "train": info.train, "test": info.test}


def _look_at(name: str, fetch: bool) -> dict[str, Any]:
    """Read a dataset and compare it with what is known of it.

    Args:
        name: A catalog name or a path.
        fetch: Let what goes wrong be an error; otherwise it is the ``state``.
    """
    from ... import data

    if not fetch and data.find(name) is None:
        return {**_describe(name), "state": "not here"}
    try:
        data.fetch(name)
        found = data.verify(name)
    except InputError as error:
        if fetch:
            raise
        return {**_describe(name), "state": f"differs: {error}"}
    state = "whole" if catalog.info(name).digest == found else "here"
    return {**_describe(name), "state": state, "digest": found}


def data(options: Namespace) -> int:
    """List, fetch or verify datasets.

    Raises:
        InputError: A name is unknown, nothing is named to fetch, or a dataset cannot be had.
    """
    action, names = options.action, options.names
    if action == "fetch" and not names:
        raise InputError(f"name the datasets to fetch: some of {', '.join(catalog.DATASETS)}")
    wanted = list(names or catalog.DATASETS)
    rows = [_describe(name) for name in wanted]
    if action != "list":
        rows = [_look_at(name, fetch=action == "fetch") for name in wanted]
    if options.json:
        print_json(options, {"datasets": rows})
    else:
        for row in rows:
            line = f"{row['name']:<14} {row['classes']:>4} classes  {row['shape']:<10}"
            print(f"{line} {row['train']:>6} + {row['test']:<6} {row.get('state', '')}".rstrip())
    wrong = ("differs", "not here") if names else ("differs",)  # those that nobody named need not be here
    return FAILED if any(str(row.get("state", "")).startswith(wrong) for row in rows) else DONE
