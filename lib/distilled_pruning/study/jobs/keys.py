"""Keys: 32 hexadecimal digits that follow from a job's spec, so that an entry can prove what it is a result of."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from ...errors import InputError

_KEY_BYTES = 16
_KEY = re.compile(r"[0-9a-f]{32}")


def key_of(spec: dict[str, Any]) -> str:
    """Hash a job's spec: kind, version, fields that differ from their defaults, parents by key."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES).hexdigest()


def is_key(text: object) -> bool:
    """Whether a text has the form of a key."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


def checked(key: str) -> str:
    """Give a key back, so that no other text ever becomes part of a path.

    Raises:
        InputError: It is not 32 hexadecimal digits.
    """
    if not is_key(key):
        raise InputError(
            f"{key!r} is not a key: a key is 32 hexadecimal digits, as `distilled-pruning plan --json` lists"
        )
    return key
