"""Colours on a terminal that shows them, for a person who wants them."""

from __future__ import annotations

import os
import sys
from typing import TextIO

GREEN, YELLOW, RED = 32, 33, 31


def is_coloured(stream: TextIO) -> bool:
    """Say whether a stream shows colours: a terminal that can, unless ``NO_COLOR`` (no-color.org) is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: int | None, stream: TextIO | None = None) -> str:
    """Colour a word where the stream, by default standard output, shows it."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and is_coloured(stream or sys.stdout) else text
